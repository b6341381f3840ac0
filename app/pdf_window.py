"""The PDF window: pages, zoom, and a band drawn on a page that is read as a snip.

What is read is drawn anew at 300 dpi (at 200 where a region is very large), whatever the zoom. A document is closed
when another one has taken its place, or with the window.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QCloseEvent, QImage, QKeyEvent, QKeySequence, QShowEvent
from PySide6.QtPdf import QPdfDocument
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
from app.pdf_drawing import POINTS, PdfDrawing, Rank
from app.pdf_page import PdfPage
from app.pdf_pages import THUMBNAIL, PageList
from app.theme import set_text_role

SNIP_DPI: Final = 300
LEAST_DPI: Final = 200
MOST_PIXELS: Final = 16_000_000
"""Regions that would have more at 300 dpi are drawn at fewer dots per inch."""
TOO_MANY_PIXELS: Final = 80_000_000
"""What no region may have, be it at less than 200 dpi: a wall-sized poster would fill the memory."""
ZOOM_STEP: Final = 1.25
SMALLEST, LARGEST = 0.25, 6.0
MOST_PAGE_PIXELS: Final = 24_000_000
"""Of the picture of a page on the screen; beyond it is magnified."""
_SCREEN: Final = 96.0


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
        self.drawing = PdfDrawing(self)
        self.document = QPdfDocument(self)
        """The one that is shown; closed while there is none."""
        self.page_number = 0
        self.zoom = 1.0
        self.fits_width = True
        self._path = Path()
        self._coming: tuple[Path, QPdfDocument] | None = None
        """What waits for its password, or for a drawing to end."""
        self._shown: tuple[object, ...] = ()
        self.password_dialog: QInputDialog | None = None
        self.page = PdfPage()
        self.pages = PageList(self.drawing, self)
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
        self.hint = QLabel(self._usual_hint())
        self.hint.setContentsMargins(8, 0, 8, 0)
        set_text_role(self.hint, "muted")
        self._make_tools()
        self._connect()

    def open(self, path: Path) -> None:
        """Load a file and show the window; an encrypted one asks for its password, a broken one is told of.

        What is shown stays until the new one can be.
        """
        if self.password_dialog is not None:
            self.password_dialog.reject()
        coming = Path(path), QPdfDocument(self)
        self._coming = coming
        self.drawing.when_idle(lambda: self._load(coming))

    def go_to(self, page: int) -> None:
        """Show a page, counted from 0."""
        page = min(max(page, 0), len(self.drawing.sizes) - 1)
        if page < 0 or page == self.page_number:
            return
        self.page_number = page
        self.page.set_band(QRectF())
        self.page.set_picture(QImage())
        self._show_page()
        self.area.verticalScrollBar().setValue(0)

    def set_zoom(self, zoom: float) -> None:
        """Show the page at a size; 1 is its size on paper."""
        self.fits_width = False
        self.zoom = min(max(zoom, SMALLEST), LARGEST)
        self._show_page()

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

    def _load(self, coming: tuple[Path, QPdfDocument]) -> None:
        if coming is not self._coming:  # another has been asked for meanwhile
            coming[1].deleteLater()
            return
        path, document = coming
        error = document.load(str(path))
        fault = QPdfDocument.Error
        if error == fault.IncorrectPassword:
            self._ask_password()
            return
        self._coming = None
        if error != fault.None_ or document.pageCount() == 0:
            document.deleteLater()
            self._refuse(error, path.name)
        else:
            self._show_document(path, document)

    def _refuse(self, error: QPdfDocument.Error, name: str) -> None:
        fault = QPdfDocument.Error
        reasons = {
            fault.FileNotFound: self.tr("{} cannot be opened. Check that it is there and may be read."),
            fault.InvalidFileFormat: self.tr("{} is damaged or no PDF. Save or download it again."),
            fault.UnsupportedSecurityScheme: self.tr("{} is encrypted in a way that is not known here."),
            fault.None_: self.tr("{} has no pages."),
        }
        self.password_dialog = None
        self.failed.emit(reasons.get(error, self.tr("{} cannot be read as a PDF.")).format(name))

    def _ask_password(self) -> None:
        """Not modal to the program: the question belongs to this window."""
        assert self._coming is not None
        again = self.password_dialog is not None
        dialog = QInputDialog(self if self.isVisible() else None)
        dialog.setWindowTitle(self.tr("Encrypted PDF"))
        text = self.tr("{} is encrypted. Its password:").format(self._coming[0].name)
        dialog.setLabelText(self.tr("This was not the password.") + "\n" + text if again else text)
        dialog.setTextEchoMode(QLineEdit.EchoMode.Password)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.textValueSelected.connect(self._try_password)
        dialog.rejected.connect(self._forget_password)
        self.password_dialog = dialog
        dialog.open()

    @Slot(str)
    def _try_password(self, password: str) -> None:
        coming = self._coming
        if coming is not None:
            coming[1].setPassword(password)
            self.drawing.when_idle(lambda: self._load(coming))

    @Slot()
    def _forget_password(self) -> None:
        self.password_dialog = None
        if self._coming is not None:
            self._coming[1].deleteLater()
            self._coming = None

    def _show_document(self, path: Path, document: QPdfDocument) -> None:
        self.password_dialog = None
        before, self.document, self._path = self.document, document, path
        self.drawing.take(document)
        self.hint.setText(self._usual_hint())
        before.deleteLater()
        self.page_number = 0
        self.fits_width = True
        self._shown = ()
        self.setWindowTitle(self._path.name)
        self.pages.reset()
        count = len(self.drawing.sizes)
        self.number.setRange(1, count)
        self.number.setValue(1)
        self.count.setText(self.tr(" of {} ").format(count))
        self.list.setVisible(count > 1)
        self.page.set_band(QRectF())
        self.page.set_picture(QImage())
        self.show()
        self.raise_()
        self.activateWindow()
        self._show_page()
        self.page.setFocus()
        self.loaded.emit(count)

    def _show_page(self) -> None:
        """Draw the page as it is to be seen now, unless it is there already."""
        count = len(self.drawing.sizes)
        if count == 0:
            return
        points = self.drawing.sizes[self.page_number]
        width, height = points.width() / POINTS * _SCREEN, points.height() / POINTS * _SCREEN
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
            # Until it is drawn, what was there before stands in the new size.
            self.page.set_size(size)
            dpi = _SCREEN * self.zoom * fine
            self.drawing.draw(Rank.PAGE, self.page_number, QRectF(0, 0, 1, 1), dpi, self.page.set_picture)
        self.previous.setEnabled(self.page_number > 0)
        self.next.setEnabled(self.page_number < count - 1)
        self.number.setValue(self.page_number + 1)
        self.list.setCurrentIndex(self.pages.index(self.page_number))

    @Slot(QRectF)
    def _snip(self, band: QRectF) -> None:
        points = self.drawing.sizes[self.page_number]
        inches = max(band.width() * points.width() * band.height() * points.height() / POINTS**2, 1e-6)
        dpi = max(LEAST_DPI, min(SNIP_DPI, (MOST_PIXELS / inches) ** 0.5))
        dpi = min(dpi, (TOO_MANY_PIXELS / inches) ** 0.5)
        name = self.tr("page {} of {}").format(self.page_number + 1, self._path.name)

        def done(image: QImage) -> None:
            self.hint.setText(self._usual_hint())
            self.page.set_band(QRectF())
            self.snipped.emit(image, name)

        self.hint.setText(self.tr("Drawing this part of the page…"))
        self.drawing.draw(Rank.SNIP, self.page_number, band, dpi, done)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.area.verticalScrollBar()
        steps = {Qt.Key.Key_Down: bar.singleStep(), Qt.Key.Key_Up: -bar.singleStep()}
        if event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Home:
            self.go_to(0)
        elif event.key() == Qt.Key.Key_End:
            self.go_to(len(self.drawing.sizes) - 1)
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        # An open file cannot be replaced on Windows, and nobody sees it any more.
        if self.password_dialog is not None:
            self.password_dialog.reject()
        self._coming = None
        self.drawing.let_go()
        self.pages.reset()
        self.drawing.when_idle(self.document.close)
        super().closeEvent(event)

    def _usual_hint(self) -> str:
        return self.tr("Draw a box around a formula")

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
