"""The folder window: a table of files with their readings, progress, cancel and export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QPainter, QPixmap, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app import file_dialogs, table_export
from app.batch import THUMBNAIL, Batch, Item, Keep, Status, rows, sort_key, status_text
from app.icons import icon
from app.images import from_grey
from app.reading import Grey
from app.theme import colors, monospace
from core_model.errors import FormulensError

if TYPE_CHECKING:
    from app.inference import Inference

PICTURE, NAME, LATEX, CONFIDENCE, STATUS = range(5)
SORT_ROLE = Qt.ItemDataRole.UserRole

_Index = QModelIndex | QPersistentModelIndex


class BatchModel(QAbstractTableModel):
    """The items of a batch as rows."""

    def __init__(self, batch: Batch, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._batch = batch
        self._thumbnails: dict[int, QPixmap] = {}
        self._known = 0
        batch.started.connect(self._on_started)
        batch.item_changed.connect(self._on_changed)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        return 0 if parent.isValid() else self._known

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 5

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and section == CONFIDENCE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        names = (self.tr("Picture"), self.tr("File"), self.tr("LaTeX"), self.tr("Confidence"), self.tr("State"))
        return names[section]

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        item, column = self._batch.items[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(item, column)
        if role == SORT_ROLE:
            if column == CONFIDENCE:
                return item.confidence if item.status is Status.DONE else -1.0
            return index.row() if column == PICTURE else sort_key(self._text(item, column))
        if role == Qt.ItemDataRole.DecorationRole and column == PICTURE:
            return self._thumbnail(index.row(), item)
        if role == Qt.ItemDataRole.FontRole and column == LATEX:
            return monospace()
        if role == Qt.ItemDataRole.ForegroundRole and column == STATUS:
            c = colors(QApplication.palette())
            return c.error if item.status is Status.FAILED else c.warning if item.warnings else c.muted
        if role == Qt.ItemDataRole.TextAlignmentRole and column == CONFIDENCE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(item.path) if column in (PICTURE, NAME) else self._text(item, column)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == PICTURE:
            return self.tr("Picture of {}").format(item.path.name)
        return None

    @staticmethod
    def _text(item: Item, column: int) -> str:
        if column == NAME:
            return item.path.name
        if column == LATEX:
            return item.latex
        if column == CONFIDENCE:
            return f"{100 * item.confidence:.0f} %" if item.status is Status.DONE else ""
        # The file's name stands beside it, and the path would fill the column.
        return status_text(item).removeprefix(f"{item.path} ") if column == STATUS else ""

    def _thumbnail(self, row: int, item: Item) -> QPixmap | None:
        if item.thumbnail is None:
            return None
        if row not in self._thumbnails:
            # Twice the size in pixels, so that it is sharp on fine screens too.
            picture = QPixmap.fromImage(from_grey(item.thumbnail))
            picture.setDevicePixelRatio(2.0)
            self._thumbnails[row] = picture
        return self._thumbnails[row]

    @Slot()
    def _on_started(self) -> None:
        self.beginResetModel()
        self._thumbnails.clear()
        self._known = len(self._batch.items)
        self.endResetModel()

    @Slot(int)
    def _on_changed(self, row: int) -> None:
        if row < self._known:
            self.dataChanged.emit(self.index(row, 0), self.index(row, STATUS))


class ThumbnailDelegate(QStyledItemDelegate):
    """Paints a small picture in the middle of its cell; Qt's own would set it at the edge, for text to follow."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        picture = index.data(Qt.ItemDataRole.DecorationRole)
        plain = QStyleOptionViewItem(option)
        QApplication.style().drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, plain, painter, plain.widget)
        if not isinstance(picture, QPixmap):
            return
        room = QRectF(option.rect).adjusted(8, 4, -8, -4)
        size = picture.deviceIndependentSize().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if size.width() > picture.deviceIndependentSize().width():
            size = picture.deviceIndependentSize()
        # Not by the painter: it takes every other line on coarse screens, and fraction bars vanish.
        ratio = painter.device().devicePixelRatio()
        aspect, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        shown = picture.scaled((size * ratio).toSize(), aspect, smooth)
        shown.setDevicePixelRatio(ratio)
        corner = room.center() - QPointF(size.width(), size.height()) / 2
        painter.drawPixmap(corner.toPoint(), shown)


class BatchWindow(QWidget):
    """Reads files in one go and shows what became of each."""

    opened = Signal(object, str)
    """A picture [height, width] to look at in the main window, and its name."""
    entry_opened = Signal(int, int)
    """The same of a reading that was kept: under which number, and its row for `open_picture` if it is not there."""

    def __init__(self, inference: Inference, parent: QWidget | None = None, *, keep: Keep | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.batch = Batch(inference, self, keep=keep)
        self.setWindowTitle(self.tr("Read a folder"))
        self.setAcceptDrops(True)
        self.setMinimumSize(640, 360)
        self.resize(960, 600)
        self._model = BatchModel(self.batch, self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_ROLE)
        self._sorted.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        # Rows do not move about under the pointer while readings come in.
        self._sorted.setDynamicSortFilter(False)
        self.table = self._make_table()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cancel_button = self._button(self.tr("&Cancel"), "stop", self.tr("Stop reading (Esc)"))
        self.clear_button = self._button(
            self.tr("C&lear"), "clear", self.tr("Empty this list; the history keeps what it has")
        )
        self.export_button = self._button(
            self.tr("&Export…"), "export", self.tr("Write the readings as CSV, JSON, Markdown or LaTeX (Ctrl+S)")
        )
        self._lay_out()
        self._connect()
        self._show_state()

    def start(self, paths: list[Path]) -> None:
        """Read these files and folders, after those that are in the list."""
        self.batch.add(paths)
        self.table.setFocus()

    def export(self, path: Path) -> None:
        """Write the readings in the order of the table; the name's ending tells the format.

        Raises:
            FormulensError: the ending is none of the known ones, or the file cannot be written.
        """
        kind = table_export.format_of(path)
        if kind is None:
            raise FormulensError(self.tr("The file's name must end in .csv, .json, .md or .tex."))
        order = [self._source_row(self._sorted.index(row, 0)) for row in range(self._sorted.rowCount())]
        table_export.write(path, rows([self.batch.items[row] for row in order]), kind)

    def stop(self) -> None:
        """Break off and wait for the file that is being opened; before the program ends."""
        self.batch.stop()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self._sorted)
        table.setAccessibleName(self.tr("Files and their readings"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setItemDelegateForColumn(PICTURE, ThumbnailDelegate(table))
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setIconSize(QSize(*THUMBNAIL))
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(THUMBNAIL[1] + 8)
        table.setSortingEnabled(True)
        table.sortByColumn(PICTURE, Qt.SortOrder.AscendingOrder)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in ((PICTURE, THUMBNAIL[0] + 16), (NAME, 160), (CONFIDENCE, 96), (STATUS, 200)):
            table.setColumnWidth(column, width)
        header.setSectionResizeMode(LATEX, QHeaderView.ResizeMode.Stretch)
        return table

    def _button(self, text: str, name: str, tip: str) -> QPushButton:
        button = QPushButton(icon(name), text)
        button.setToolTip(tip)
        return button

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.note, 1)
        line.addWidget(self.cancel_button)
        line.addWidget(self.clear_button)
        line.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.bar)
        layout.addLayout(line)
        self.setTabOrder(self.table, self.cancel_button)
        self.setTabOrder(self.cancel_button, self.clear_button)
        self.setTabOrder(self.clear_button, self.export_button)

    def _connect(self) -> None:
        self.batch.started.connect(self._show_state)
        self.batch.started.connect(self._choose_first)
        self.batch.progressed.connect(self._on_progress)
        self.batch.finished.connect(self._show_state)
        self.cancel_button.clicked.connect(self.batch.cancel)
        self.clear_button.clicked.connect(self.batch.clear)
        self.export_button.clicked.connect(self._ask_export)
        # Enter counts as well as a double click: which of the two is `activated` differs between platforms.
        self.table.doubleClicked.connect(self._open)
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            QShortcut(key, self.table, self._open_current, context=Qt.ShortcutContext.WidgetShortcut)
        QShortcut(QKeySequence.StandardKey.Copy, self.table, self._copy, context=Qt.ShortcutContext.WidgetShortcut)
        QShortcut(QKeySequence.StandardKey.Save, self, self._ask_export)
        QShortcut(QKeySequence.StandardKey.Close, self, self.close)
        QShortcut(Qt.Key.Key_Escape, self, self._escape)

    def _source_row(self, index: QModelIndex) -> int:
        return self._sorted.mapToSource(index).row()

    @Slot()
    def _choose_first(self) -> None:
        """So that the keys have a row to start from, and it can be seen."""
        if not self.table.selectionModel().hasSelection():
            self.table.selectRow(0)

    @Slot(int, int)
    def _on_progress(self, ended: int, total: int) -> None:
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(ended)
        self._show_state()

    @Slot()
    def _show_state(self) -> None:
        items, running = self.batch.items, self.batch.running
        failed = sum(item.status is Status.FAILED for item in items)
        done = sum(item.status is Status.DONE for item in items)
        if not items:
            text = self.tr("There are no pictures here. Drop pictures or a folder onto this window.")
        elif running:
            text = self.tr("{} of {} files").format(self.batch.ended, len(items))
        else:
            text = self.tr("{} of {} files read").format(done, len(items))
        if failed:
            text += self.tr(", {} could not be read").format(failed)
        self.note.setText(text)
        self.bar.setVisible(running)
        self.cancel_button.setEnabled(running)
        self.clear_button.setEnabled(bool(items) and not running)
        self.export_button.setEnabled(done + failed > 0)

    @Slot(QModelIndex)
    def _open(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        row = self._source_row(index)
        entry = self.batch.items[row].entry
        if entry is None:
            self.open_picture(row)
        else:
            self.entry_opened.emit(entry, row)

    def open_picture(self, row: int) -> None:
        """Open the file of a row once more and hand it on."""
        name = self.batch.items[row].path.name

        def done(grey: Grey) -> None:
            self.opened.emit(grey, name)

        self.batch.open_again(row, done, self._tell)

    @Slot()
    def _open_current(self) -> None:
        self._open(self.table.currentIndex())

    @Slot()
    def _copy(self) -> None:
        """The LaTeX of the chosen rows, one a line, in the order of the table."""
        chosen = sorted(self.table.selectionModel().selectedRows(), key=lambda index: index.row())
        texts = [self.batch.items[self._source_row(index)].latex for index in chosen]
        if any(texts):
            QApplication.clipboard().setText("\n".join(text for text in texts if text))

    @Slot()
    def _escape(self) -> None:
        if self.batch.running:
            self.batch.cancel()
        else:
            self.close()

    @Slot()
    def _ask_export(self) -> None:
        if not self.export_button.isEnabled():
            return
        path = file_dialogs.ask_save(self, self.tr("Export readings"), "formulas.csv", table_export.KINDS)
        if path is None:
            return
        try:
            self.export(path)
        except FormulensError as error:
            self._tell(str(error))
        else:
            self._tell(self.tr("The readings are in {}.").format(path.name))

    def _tell(self, text: str) -> None:
        self.note.setText(text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.batch.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    def closeEvent(self, event: QCloseEvent) -> None:
        # Nobody would see what goes on.
        self.batch.cancel()
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.table.viewport().update()
