"""The list of the history: a model that fetches only the rows in sight, and the painting of a row."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QDate,
    QDateTime,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QIcon, QImage, QMouseEvent, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.history import Entry, History
from app.icons import icon
from app.latex_editor import percent
from app.theme import colors, monospace
from core_model.errors import FormulensError

ENTRY_ROLE = Qt.ItemDataRole.UserRole
FAVOURITE_ROLE = Qt.ItemDataRole.UserRole + 1
BLOCK = 50
"""Rows fetched at once, around the one that is asked for."""
KEPT_ROWS = 2000
KEPT_PICTURES = 300

_Index = QModelIndex | QPersistentModelIndex


class HistoryModel(QAbstractListModel):
    """What a search finds. All ids are held, rows and thumbnails are read when they come into sight."""

    failed = Signal(str)

    def __init__(self, history: History, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._text = ""
        self._favourites = False
        self._ids: list[int] = []
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._pictures: OrderedDict[int, QPixmap] = OrderedDict()
        self._ids = self._found()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - as Qt declares it
        """The number of readings found."""
        return 0 if parent.isValid() else len(self._ids)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """An `Entry` for ENTRY_ROLE; text for people for the roles of Qt."""
        if not index.isValid() or index.row() >= len(self._ids):
            return None
        if role == Qt.ItemDataRole.DecorationRole:
            return self._picture(self._ids[index.row()])
        entry = self._entry(index.row())
        if entry is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == ENTRY_ROLE:
            return entry
        if role == FAVOURITE_ROLE:
            return entry.favourite
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{_shortened(entry.text)}\n{self.caption(entry)}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            star = self.tr("favourite, ") if entry.favourite else ""
            return f"{star}{entry.text}, {self.caption(entry)}"
        return None

    def setData(self, index: _Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Set or take away the star, by FAVOURITE_ROLE."""
        if role != FAVOURITE_ROLE or not index.isValid():
            return False
        number = self._ids[index.row()]
        try:
            self._history.favourite(number, bool(value))
        except FormulensError as error:
            self.failed.emit(str(error))
            return False
        self._entries.pop(number, None)
        self.dataChanged.emit(index, index)
        return True

    def caption(self, entry: Entry) -> str:
        """The line below the LaTeX: when, how sure, whence."""
        sure = self.tr("edited") if entry.edited is not None else self.tr("{} %").format(percent(entry.confidence))
        return " · ".join(filter(None, (when(entry.created), sure, entry.name)))

    def set_filter(self, text: str, favourites: bool) -> None:
        """Show what matches only."""
        if (text, favourites) != (self._text, self._favourites):
            self._text, self._favourites = text, favourites
            self._reset(self._found())

    def refresh(self) -> None:
        """Show the history as it is now; rows that stay keep their place and selection."""
        ids = self._found()
        self._entries.clear()
        self._pictures.clear()
        added = len(ids) - len(self._ids)
        if added >= 0 and ids[added:] == self._ids:
            if added:
                self.beginInsertRows(QModelIndex(), 0, added - 1)
                self._ids = ids
                self.endInsertRows()
            if ids:
                self.dataChanged.emit(self.index(0), self.index(len(ids) - 1))
            return
        kept = set(ids)
        if len(self._ids) - len(kept) <= BLOCK and [i for i in self._ids if i in kept] == ids:
            for row in reversed([row for row, number in enumerate(self._ids) if number not in kept]):
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._ids[row]
                self.endRemoveRows()
            return
        self._reset(ids)

    def ids(self) -> list[int]:
        """All readings found, in the order of the list."""
        return list(self._ids)

    def id_of(self, index: _Index) -> int:
        """The id of the reading in a row."""
        return self._ids[index.row()]

    def index_of(self, number: int) -> QModelIndex:
        """The row of a reading; an invalid index if it is not in the list."""
        return self.index(self._ids.index(number)) if number in self._ids else QModelIndex()

    def _reset(self, ids: list[int]) -> None:
        self.beginResetModel()
        self._ids = ids
        self._entries.clear()
        self.endResetModel()

    def _found(self) -> list[int]:
        try:
            return self._history.ids(self._text, favourites=self._favourites)
        except FormulensError as error:
            self.failed.emit(str(error))
            return list(self._ids)

    def _entry(self, row: int) -> Entry | None:
        number = self._ids[row]
        if number not in self._entries:
            start = row - row % BLOCK
            try:
                self._entries.update((e.id, e) for e in self._history.many(self._ids[start : start + BLOCK]))
            except FormulensError as error:
                self.failed.emit(str(error))
            while len(self._entries) > KEPT_ROWS:
                self._entries.popitem(last=False)
        return self._entries.get(number)

    def _picture(self, number: int) -> QPixmap:
        if number not in self._pictures:
            try:
                thumbnail = self._history.thumbnail(number)
            except FormulensError as error:
                self.failed.emit(str(error))
                thumbnail = b""
            self._pictures[number] = QPixmap.fromImage(QImage.fromData(thumbnail))
            if len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        return self._pictures[number]


class HistoryDelegate(QStyledItemDelegate):
    """Paints a row: thumbnail, LaTeX, a line about it, and the star, which a click sets."""

    PAD = 8
    STAR = 20
    PICTURE_HEIGHT = 48

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """All rows are of one height, which follows the font."""
        lines = option.fontMetrics.height() * 2 + 4
        return QSize(200, max(self.PICTURE_HEIGHT, lines) + 2 * self.PAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one row."""
        entry = index.data(ENTRY_ROLE)
        if entry is None:
            return
        roles = colors(option.palette)
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        inner = option.rect.adjusted(4, 1, -4, -1)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or hovered:
            ground = QPainterPath()
            ground.addRoundedRect(inner, 6, 6)
            painter.fillPath(ground, roles.selection if selected else roles.hover)
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            painter.setPen(roles.accent)
            painter.drawRoundedRect(inner.adjusted(0, 0, -1, -1), 6, 6)
        self._paint_picture(
            painter, self._picture_rect(option.rect), index.data(Qt.ItemDataRole.DecorationRole), option
        )
        self._paint_text(painter, option, index, entry)
        if entry.favourite or hovered or selected:
            star = icon("star-filled" if entry.favourite else "star", role="star" if entry.favourite else "muted")
            star.paint(painter, star_rect(option.rect), mode=QIcon.Mode.Normal)
        painter.restore()

    def editorEvent(
        self, event: QEvent, model: QAbstractItemModel, option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """A click on the star sets it or takes it away."""
        kinds = (QEvent.Type.MouseButtonRelease, QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
        if event.type() not in kinds or not isinstance(event, QMouseEvent):
            return super().editorEvent(event, model, option, index)
        on_star = star_rect(option.rect).adjusted(-4, -4, 4, 4).contains(event.position().toPoint())
        if on_star and event.button() == Qt.MouseButton.LeftButton:
            if event.type() == QEvent.Type.MouseButtonRelease:
                model.setData(index, not index.data(FAVOURITE_ROLE), FAVOURITE_ROLE)
            return True
        return super().editorEvent(event, model, option, index)

    def _picture_rect(self, row: QRect) -> QRect:
        width = min(96, row.width() * 2 // 5)
        top = row.top() + (row.height() - self.PICTURE_HEIGHT) // 2
        return QRect(row.left() + self.PAD + 4, top, width, self.PICTURE_HEIGHT)

    def _paint_picture(self, painter: QPainter, tile: QRect, picture: QPixmap, option: QStyleOptionViewItem) -> None:
        """The picture as it was taken on a tile of its own ground, the same in a light and a dark window."""
        roles = colors(option.palette)
        path = QPainterPath()
        path.addRoundedRect(tile, 4, 4)
        if picture.isNull():
            painter.fillPath(path, roles.hover)
            return
        corner = picture.copy(0, 0, 1, 1).toImage().pixelColor(0, 0)
        painter.fillPath(path, corner)
        room = tile.size() - QSize(8, 8)
        size = picture.size().scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
        size = size.boundedTo(picture.size())  # a small snip is not blown up
        place = QStyle.alignedRect(Qt.LayoutDirection.LeftToRight, Qt.AlignmentFlag.AlignCenter, size, tile)
        painter.drawPixmap(place, picture)
        painter.setPen(roles.line)
        painter.drawPath(path)

    def _paint_text(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index, entry: Entry) -> None:
        roles = colors(option.palette)
        left = self._picture_rect(option.rect).right() + 1 + self.PAD
        width = star_rect(option.rect).left() - self.PAD - left
        height = option.fontMetrics.height()
        top = option.rect.top() + (option.rect.height() - 2 * height - 4) // 2
        elided = Qt.TextElideMode.ElideRight
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(monospace())
        painter.setPen(roles.ink)
        text = painter.fontMetrics().elidedText(" ".join(_shortened(entry.text).split()), elided, width)
        painter.drawText(QRect(left, top, width, height), align, text)
        painter.setFont(option.font)
        painter.setPen(roles.ink if option.state & QStyle.StateFlag.State_Selected else roles.muted)
        model = index.model()
        caption = model.caption(entry) if isinstance(model, HistoryModel) else ""
        text = painter.fontMetrics().elidedText(caption, elided, width)
        painter.drawText(QRect(left, top + height + 4, width, height), align, text)


def star_rect(row: QRect) -> QRect:
    """Where the star stands in a row."""
    side = HistoryDelegate.STAR
    return QRect(row.right() - HistoryDelegate.PAD - 4 - side, row.center().y() - side // 2, side, side)


def when(created: float) -> str:
    """The time of today, day and month of this year, else the date."""
    moment = QDateTime.fromMSecsSinceEpoch(int(created * 1000))
    locale = QLocale()
    time = locale.toString(moment.time(), QLocale.FormatType.ShortFormat)
    today = QDate.currentDate()
    if moment.date() == today:
        return time
    if moment.date().year() == today.year():
        return f"{locale.toString(moment.date(), 'd MMM')} {time}"
    return locale.toString(moment.date(), QLocale.FormatType.ShortFormat)


def _shortened(text: str) -> str:
    """Long formulas make no long tooltips, nor a long measuring of what is cut off anyway."""
    return text if len(text) <= 400 else text[:400] + "…"
