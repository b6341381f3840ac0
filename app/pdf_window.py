"""The PDF window: pages, zoom, and a band drawn on a page that is read as a snip.

What is read is drawn anew at 300 dpi (at 200 where a region is very large), whatever the zoom.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import QAction, QGuiApplication, QImage, QKeyEvent, QKeySequence, QPainter, QPen, QPixmap, QShowEvent
from PySide6.QtPdf import QPdfDocument, QPdfDocumentRenderOptions
from PySide6.QtWidgets import (
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QListView,
    QScrollArea,
    QSpinBox,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from app.icons import icon
from app.pdf_page import PdfPage
from app.theme import colors, set_text_role

SNIP_DPI: Final = 300
LEAST_DPI: Final = 200
MOST_PIXELS: Final = 16_000_000
"""Regions that would have more at 300 dpi are drawn at fewer dots per inch."""
TOO_MANY_PIXELS: Final = 80_000_000
"""What no region may have, be it at less than 200 dpi: a wall-sized poster would fill the memory."""
THUMBNAIL: Final = 120
ZOOM_STEP: Final = 1.25
SMALLEST, LARGEST = 0.25, 6.0
MOST_PAGE_PIXELS: Final = 24_000_000
"""Of the picture of a page on the screen; beyond it is magnified."""
_POINTS: Final = 72.0
_SCREEN: Final = 96.0

_Index = QModelIndex | QPersistentModelIndex


def render_part(document: QPdfDocument, page: int, part: QRectF, dpi: float) -> QImage:
    """Draw a part of a page (0..1) on white at a resolution."""
    points = document.pagePointSize(page)
    full = QSize(max(1, round(points.width() * dpi / _POINTS)), max(1, round(points.height() * dpi / _POINTS)))
    clip = QRectF(
        part.x() * full.width(), part.y() * full.height(), part.width() * full.width(), part.height() * full.height()
    ).toAlignedRect() & QRect(0, 0, full.width(), full.height())
    options = QPdfDocumentRenderOptions()
    options.setScaledSize(full)
    options.setScaledClipRect(clip)
    drawn = document.render(page, clip.size(), options)
    # Pages have no ground of their own.
    image = QImage(clip.size(), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.drawImage(0, 0, drawn)
    painter.end()
    return image


class PageList(QAbstractListModel):
    """The pages with small pictures, which are drawn one by one when they come into sight."""

    def __init__(self, document: QPdfDocument, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._pictures: dict[int, QPixmap] = {}
        self._wanted: list[int] = []
        self._empty = _square()
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._draw_next)

    def reset(self) -> None:
        """Another document is loaded."""
        self.beginResetModel()
        self._pictures.clear()
        self._wanted.clear()
        self._timer.stop()
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else self._document.pageCount()

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        page = index.row()
        if role == Qt.ItemDataRole.DisplayRole:
            return str(page + 1)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("Page {}").format(page + 1)
        if role == Qt.ItemDataRole.SizeHintRole:  # before there is a picture to measure
            return QSize(THUMBNAIL + 16, THUMBNAIL + 32)
        if role == Qt.ItemDataRole.DecorationRole:
            if page not in self._pictures:
                if page in self._wanted:
                    self._wanted.remove(page)
                self._wanted.append(page)  # what came into sight last is drawn first
                self._timer.start()
            return self._pictures.get(page, self._empty)
        return None

    @Slot()
    def _draw_next(self) -> None:
        if not self._wanted:
            self._timer.stop()
            return
        page = self._wanted.pop()
        points = self._document.pagePointSize(page)
        longer = max(points.width(), points.height(), 1.0)
        # Twice the pixels: sharp on fine screens too.
        image = render_part(self._document, page, QRectF(0, 0, 1, 1), 2 * THUMBNAIL * _POINTS / longer)
        image.setDevicePixelRatio(2.0)
        picture = _square()
        painter = QPainter(picture)
        size = image.deviceIndependentSize()
        place = QRectF(QPointF((THUMBNAIL - size.width()) / 2, (THUMBNAIL - size.height()) / 2), size)
        painter.drawImage(place.topLeft(), image)
        painter.setPen(QPen(colors(QGuiApplication.palette()).line_strong, 1))
        painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()
        self._pictures[page] = picture
        self.dataChanged.emit(self.index(page), self.index(page))


def _square() -> QPixmap:
    """Room for a small picture of a page: all the same size, so that the list does not jump when one arrives."""
    picture = QPixmap(2 * THUMBNAIL, 2 * THUMBNAIL)
    picture.setDevicePixelRatio(2.0)
    picture.fill(Qt.GlobalColor.transparent)
    return picture


class PdfWindow(QWidget):
    """Shows a PDF; what the user draws a band around comes out as a picture."""

    snipped = Signal(QImage, str)
    """A picture of the region, and a name as "page 3 of paper.pdf"."""
    failed = Signal(str)
    """Why a file cannot be shown; a sentence."""
    loaded = Signal(int)
    """A document is shown; how many pages it has."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setMinimumSize(560, 400)
        self.resize(960, 900)
        self.setWindowTitle(self.tr("PDF"))
        self.document = QPdfDocument(self)
        self.page_number = 0
        self.zoom = 1.0
        self.fits_width = True
        self._path = Path()
        self._shown: tuple[object, ...] = ()
        self.password_dialog: QInputDialog | None = None
        self.page = PdfPage()
        self.pages = PageList(self.document, self)
        self.list = self._make_list()
        self.area = QScrollArea()
        self.area.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.area.setFrameShape(QScrollArea.Shape.NoFrame)
        self.area.setWidget(self.page)
        self.area.setAccessibleName(self.tr("Page"))
        self.number = QSpinBox()
        self.number.setAccessibleName(self.tr("Page number"))
        self.number.setToolTip(self.tr("Page number (Ctrl+G)"))
        self.number.setKeyboardTracking(False)
        self.number.setFixedWidth(80)
        self.count = QLabel()
        self.hint = QLabel(self.tr("Draw a box around a formula"))
        self.hint.setContentsMargins(8, 0, 8, 0)
        set_text_role(self.hint, "muted")
        self._make_tools()
        self._connect()

    def open(self, path: Path) -> None:
        """Load a file and show the window; an encrypted one asks for its password, a broken one is told of."""
        self._path = Path(path)
        self.password_dialog = None
        self.document.close()
        self.document.setPassword("")
        self._load()

    def go_to(self, page: int) -> None:
        """Show a page, counted from 0."""
        page = min(max(page, 0), self.document.pageCount() - 1)
        if page < 0 or page == self.page_number:
            return
        self.page_number = page
        self.page.set_band(QRectF())
        self._show_page()
        self.area.verticalScrollBar().setValue(0)

    def set_zoom(self, zoom: float) -> None:
        """Show the page at a size; 1 is its size on paper."""
        self.fits_width = False
        self.zoom = min(max(zoom, SMALLEST), LARGEST)
        self._show_page()

    def _turn(self, by: int) -> None:
        self.go_to(self.page_number + by)

    @Slot()
    def fit_width(self) -> None:
        """Let the page be as wide as the window, whatever width that is or will be."""
        self.fits_width = True
        self._show_page()

    def _make_list(self) -> QListView:
        view = QListView()
        view.setModel(self.pages)
        view.setAccessibleName(self.tr("Pages"))
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setFlow(QListView.Flow.TopToBottom)
        view.setWrapping(False)
        view.setMovement(QListView.Movement.Static)
        view.setUniformItemSizes(True)
        view.setIconSize(QSize(THUMBNAIL, THUMBNAIL))
        view.setGridSize(QSize(THUMBNAIL + 16, THUMBNAIL + 32))
        view.setFrameShape(QListView.Shape.NoFrame)
        view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFixedWidth(THUMBNAIL + 16 + view.verticalScrollBar().sizeHint().width() + 8)
        return view

    def _make_tools(self) -> None:
        bar = QToolBar()
        self.previous = self._action(
            "previous", self.tr("Previous page"), "PgUp", lambda: self.go_to(self.page_number - 1)
        )
        self.next = self._action("next", self.tr("Next page"), "PgDown", lambda: self.go_to(self.page_number + 1))
        zoom_out = self._action("zoom-out", self.tr("Smaller"), "Ctrl+-", lambda: self.set_zoom(self.zoom / ZOOM_STEP))
        zoom_in = self._action("zoom-in", self.tr("Larger"), "Ctrl++", lambda: self.set_zoom(self.zoom * ZOOM_STEP))
        zoom_in.setShortcuts([QKeySequence("Ctrl++"), QKeySequence("Ctrl+=")])
        fit = self._action("fit", self.tr("Fit the width"), "Ctrl+0", self.fit_width)
        find = QAction(self)
        find.setShortcut(QKeySequence("Ctrl+G"))
        find.triggered.connect(self._ask_number)
        leave = QAction(self)
        leave.setShortcut(QKeySequence(QKeySequence.StandardKey.Close))
        leave.triggered.connect(self.close)
        self.addActions([find, leave])
        bar.addActions([self.previous, self.next])
        bar.addWidget(self.number)
        bar.addWidget(self.count)
        bar.addSeparator()
        bar.addActions([zoom_out, zoom_in, fit])
        bar.addSeparator()
        bar.addWidget(self.hint)
        parts = QHBoxLayout()
        parts.setSpacing(0)
        parts.addWidget(self.list)
        parts.addWidget(self.area, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(bar)
        layout.addLayout(parts, 1)

    @Slot()
    def _ask_number(self) -> None:
        self.number.setFocus()
        self.number.selectAll()

    def _action(self, name: str, text: str, keys: str, done: object) -> QAction:
        action = QAction(icon(name), text, self)
        action.setShortcut(QKeySequence(keys))
        action.setToolTip(f"{text} ({QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)})")
        action.triggered.connect(done)
        return action

    def _connect(self) -> None:
        self.number.valueChanged.connect(lambda number: self.go_to(number - 1))
        self.list.selectionModel().currentChanged.connect(lambda index, _: self.go_to(index.row()))
        self.page.band_chosen.connect(self._snip)
        self.area.installEventFilter(self)

    def _load(self) -> None:
        error = self.document.load(str(self._path))
        fault = QPdfDocument.Error
        if error == fault.IncorrectPassword:
            self._ask_password()
        elif error != fault.None_ or self.document.pageCount() == 0:
            self._refuse(error)
        else:
            self._show_document()

    def _refuse(self, error: QPdfDocument.Error) -> None:
        fault, name = QPdfDocument.Error, self._path.name
        reasons = {
            fault.FileNotFound: self.tr("{} cannot be opened. Check that it is there and may be read."),
            fault.InvalidFileFormat: self.tr("{} is damaged or no PDF. Save or download it again."),
            fault.UnsupportedSecurityScheme: self.tr("{} is encrypted in a way that is not known here."),
            fault.None_: self.tr("{} has no pages."),
        }
        self.document.close()
        self.pages.reset()
        self.hide()
        self.failed.emit(reasons.get(error, self.tr("{} cannot be read as a PDF.")).format(name))

    def _ask_password(self) -> None:
        """Not modal to the program: the question belongs to this window."""
        again = self.password_dialog is not None
        dialog = QInputDialog(self if self.isVisible() else None)
        dialog.setWindowTitle(self.tr("Encrypted PDF"))
        text = self.tr("{} is encrypted. Its password:").format(self._path.name)
        dialog.setLabelText(self.tr("This was not the password.") + "\n" + text if again else text)
        dialog.setTextEchoMode(QLineEdit.EchoMode.Password)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._try_password)
        dialog.rejected.connect(self._forget_password)
        self.password_dialog = dialog
        dialog.open()

    @Slot(str)
    def _try_password(self, password: str) -> None:
        self.document.setPassword(password)
        self._load()

    @Slot()
    def _forget_password(self) -> None:
        self.password_dialog = None

    def _show_document(self) -> None:
        self.password_dialog = None
        self.page_number = 0
        self.fits_width = True
        self._shown = ()
        self.setWindowTitle(self._path.name)
        self.pages.reset()
        count = self.document.pageCount()
        self.number.setRange(1, count)
        self.number.setValue(1)
        self.count.setText(self.tr(" of {} ").format(count))
        self.list.setVisible(count > 1)
        self.page.set_band(QRectF())
        self.show()
        self.raise_()
        self.activateWindow()
        self._show_page()
        self.page.setFocus()
        self.loaded.emit(count)

    def _show_page(self) -> None:
        """Draw the page as it is to be seen now, unless it is there already."""
        count = self.document.pageCount()
        if count == 0:
            return
        points = self.document.pagePointSize(self.page_number)
        width, height = points.width() / _POINTS * _SCREEN, points.height() / _POINTS * _SCREEN
        if self.fits_width:
            # Room for the bar at the side whether it is there or not: else the page would flicker between two widths.
            room = self.area.width() - self.area.verticalScrollBar().sizeHint().width() - 16
            self.zoom = min(max(room / max(width, 1.0), SMALLEST), LARGEST)
        size = QSize(max(1, round(width * self.zoom)), max(1, round(height * self.zoom)))
        ratio = self.devicePixelRatioF()
        wanted = (self._path, self.page_number, size, ratio)
        if wanted != self._shown:
            self._shown = wanted
            pixels = size.width() * size.height() * ratio * ratio
            fine = ratio * min(1.0, (MOST_PAGE_PIXELS / pixels) ** 0.5)
            image = render_part(self.document, self.page_number, QRectF(0, 0, 1, 1), _SCREEN * self.zoom * fine)
            self.page.set_page(image, size)
        self.previous.setEnabled(self.page_number > 0)
        self.next.setEnabled(self.page_number < count - 1)
        self.number.setValue(self.page_number + 1)
        self.list.setCurrentIndex(self.pages.index(self.page_number))

    @Slot(QRectF)
    def _snip(self, band: QRectF) -> None:
        points = self.document.pagePointSize(self.page_number)
        inches = max(band.width() * points.width() * band.height() * points.height() / _POINTS**2, 1e-6)
        dpi = max(LEAST_DPI, min(SNIP_DPI, (MOST_PIXELS / inches) ** 0.5))
        dpi = min(dpi, (TOO_MANY_PIXELS / inches) ** 0.5)
        image = render_part(self.document, self.page_number, band, dpi)
        self.page.set_band(QRectF())
        self.snipped.emit(image, self.tr("page {} of {}").format(self.page_number + 1, self._path.name))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.area.verticalScrollBar()
        steps = {Qt.Key.Key_Down: bar.singleStep(), Qt.Key.Key_Up: -bar.singleStep()}
        if event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Home:
            self.go_to(0)
        elif event.key() == Qt.Key.Key_End:
            self.go_to(self.document.pageCount() - 1)
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.area and event.type() == QEvent.Type.Resize and self.fits_width:
            self._show_page()
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_page()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._show_page()
