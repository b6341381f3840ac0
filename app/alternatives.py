"""Other readings of the whole picture, each with its picture and how sure the model is; the first row is the reading
itself, so that one can always go back to it. Next to it come the commands that a lone drawn symbol may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QByteArray,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QImage, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.latex_editor import percent
from app.theme import colors, monospace

if TYPE_CHECKING:
    from app.preview import Rendered
    from core_model.recognizer import Alternative, Recognition

ROW_LEAST, ROW_MOST = 44, 72
SIDE = 12
"""Px of space left and right in a row."""
SCORE_WIDTH = 56
THE_READING = -1
"""The index of the reading itself among its alternatives."""


class AlternativesList(QListWidget):
    """Click, or Enter on a row, chooses a reading."""

    chosen = Signal(int)
    """The index in `Recognition.alternatives`; `THE_READING` for the reading itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._latex: tuple[str, ...] = ()
        self._scores: tuple[float, ...] = ()
        self._pictures: dict[int, Rendered] = {}
        self._current: str | None = None
        self._symbols = 0
        self._pending = False
        self._delegate = _RowDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(self.tr("Other readings"))
        self.clicked.connect(self._on_clicked)

    def set_recognition(
        self, recognition: Recognition | None, alternatives: Sequence[Alternative] = (), symbols: int = 0
    ) -> None:
        """Show a reading and its alternatives; pictures come by `set_picture`.

        The first ``symbols`` alternatives are what the drawing may be as a lone symbol.
        """
        rows: list[Recognition | Alternative] = []
        if recognition is not None and recognition.latex:
            rows = [recognition, *alternatives]
        self._latex = tuple(row.latex for row in rows)
        self._scores = tuple(row.confidence for row in rows)
        self._symbols = symbols
        self._pictures = {}
        self.clear()
        for row, (latex, score) in enumerate(zip(self._latex, self._scores, strict=True)):
            text = self.tr("{latex}, {percent} % sure")
            if self.is_symbol(row):
                text = self.tr("{latex}, as a lone symbol, {percent} % sure")
            item = QListWidgetItem(text.format(latex=latex, percent=percent(score)))
            item.setToolTip(self.tr("{} looks like this drawing").format(latex) if self.is_symbol(row) else latex)
            self.addItem(item)
        self.viewport().update()

    def set_pending(self, pending: bool) -> None:
        """Whether other readings are still being looked for."""
        self._pending = pending
        self.viewport().update()

    def set_current(self, latex: str) -> None:
        """Mark the row whose LaTeX is the one in use, if there is one."""
        self._current = latex
        self.viewport().update()

    def set_picture(self, index: int, rendered: Rendered) -> None:
        """The picture of an alternative, or of `THE_READING`."""
        row = index + 1
        if 0 <= row < self.count():
            self._pictures[row] = rendered
            self._delegate.forget()
            self.scheduleDelayedItemsLayout()
            self.viewport().update()

    def minimumSizeHint(self) -> QSize:
        """Room for a score and a formula that can be told from others."""
        return QSize(2 * SIDE + SCORE_WIDTH + 96, ROW_MOST)

    # what the rows are drawn from

    def latex(self, row: int) -> str:
        return self._latex[row]

    def score(self, row: int) -> float:
        return self._scores[row]

    def is_symbol(self, row: int) -> bool:
        """Whether this row is what a lone symbol may be."""
        return 1 <= row <= self._symbols

    def picture(self, row: int) -> Rendered | None:
        return self._pictures.get(row)

    def is_current(self, row: int) -> bool:
        return self._latex[row] == self._current

    # events

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row() - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self.chosen.emit(self.currentRow() - 1)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.count() > 1 or not (self._pending or self.count()):
            return
        text = self.tr("Looking for other readings…") if self._pending else self.tr("No other reading.")
        top = self.visualItemRect(self.item(0)).bottom() + 1 if self.count() else 0
        painter = QPainter(self.viewport())
        painter.setPen(colors(self.palette()).muted)
        where = QRect(SIDE, top + 8, self.viewport().width() - 2 * SIDE, 24)
        painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)


class _RowDelegate(QStyledItemDelegate):
    """Draws a row: a bar for the one in use, the picture or else the LaTeX, the score."""

    def __init__(self, rows: AlternativesList) -> None:
        super().__init__(rows)
        self._rows = rows
        self._drawn: dict[tuple[int, int, int, str], QImage] = {}

    def forget(self) -> None:
        """Draw the pictures anew next time."""
        self._drawn.clear()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        rendered = self._rows.picture(index.row())
        width = self._rows.viewport().width()
        height = 0 if rendered is None else self._fitted(rendered, width).height() + 20
        return QSize(width, min(ROW_MOST, max(ROW_LEAST, round(height))))

    @staticmethod
    def _fitted(rendered: Rendered, width: int) -> QRectF:
        room = max(1, width - 2 * SIDE - SCORE_WIDTH)
        scale = min(1.0, room / max(1.0, rendered.width), (ROW_MOST - 20) / max(1.0, rendered.height))
        return QRectF(0, 0, rendered.width * scale, rendered.height * scale)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        row, rect = index.row(), option.rect
        state = option.state
        c = colors(self._rows.palette())
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        focused = bool(state & QStyle.StateFlag.State_HasFocus)
        current = self._rows.is_current(row)
        ground = c.accent_soft if current else c.hover if focused or state & QStyle.StateFlag.State_MouseOver else None
        if ground is not None:
            painter.setBrush(ground)
            painter.drawRoundedRect(QRectF(rect).adjusted(0, 1, 0, -1), 6, 6)
        if focused:
            painter.setPen(c.accent)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 1.5, -0.5, -1.5), 6, 6)
        inner = rect.adjusted(SIDE, 0, -SIDE, 0)
        painter.setPen(c.muted)
        align = Qt.AlignmentFlag.AlignVCenter
        score = self._rows.tr("{percent} %").format(percent=percent(self._rows.score(row)))
        if self._rows.is_symbol(row):
            score += "\n" + self._rows.tr("symbol")
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | align, score)
        rendered = self._rows.picture(row)
        if rendered is None:
            painter.setFont(monospace())
            painter.setPen(c.ink)
            text = painter.fontMetrics().elidedText(
                self._rows.latex(row), Qt.TextElideMode.ElideMiddle, inner.width() - SCORE_WIDTH
            )
            painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | align, text)
        else:
            where = self._fitted(rendered, rect.width())
            where.moveTopLeft(QRectF(inner).topLeft() + QPoint(0, round((rect.height() - where.height()) / 2)))
            painter.drawImage(where, self._tinted(row, rendered, where, c.ink.name()))
        painter.restore()

    def _tinted(self, row: int, rendered: Rendered, where: QRectF, ink: str) -> QImage:
        """The picture in the ink of the theme, whatever colour it came in."""
        ratio = self._rows.devicePixelRatioF()
        size = QSize(max(1, round(where.width() * ratio)), max(1, round(where.height() * ratio)))
        place = (row, size.width(), size.height(), ink)
        if place not in self._drawn:
            image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            QSvgRenderer(QByteArray(rendered.svg)).render(painter, QRectF(QPoint(0, 0), size))
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
            painter.fillRect(image.rect(), ink)
            painter.end()
            self._drawn[place] = image
        return self._drawn[place]
