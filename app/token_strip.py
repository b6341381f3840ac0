"""The tokens of a reading in a row, as the model read them: the doubtful ones tinted, the active one framed.

A row that is too long for its width scrolls with the wheel and follows the active token.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.latex_editor import DEFAULT_THRESHOLD, TokenMark, doubt_color, percent
from app.theme import Colors, colors, monospace

HEIGHT = 32
CHIP = 26.0
"""Height of a chip in px."""
PADDING, GAP = 7.0, 3.0
FADE = 24.0
"""Width in px over which the row fades where it goes on."""
STRUCTURE = frozenset(["{", "}", "_", "^", "&", "[", "]"])
"""Tokens that hold a formula together but are hardly seen in it; they stand back."""


class TokenStrip(QWidget):
    """One row of chips; which one is active is decided outside, by `set_active`."""

    token_hovered = Signal(int)
    """-1 for none"""
    token_clicked = Signal(int)
    token_stepped = Signal(int)
    """By the arrow keys, Home or End."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: tuple[TokenMark, ...] = ()
        self._chips: list[QRectF] = []
        self._active: int | None = None
        self._hinted: frozenset[int] = frozenset()
        self._hovered = -1
        self._threshold = DEFAULT_THRESHOLD
        self._offset = 0.0
        self.setFont(monospace())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Tokens"))

    def set_tokens(self, tokens: Sequence[TokenMark]) -> None:
        """Show the tokens of another reading, from the start."""
        self._tokens = tuple(tokens)
        self._active, self._hovered, self._hinted = None, -1, frozenset()
        self._offset = 0.0
        self._lay_out()

    def set_active(self, index: int | None) -> None:
        """Frame one token and bring it into view."""
        if index is not None and not 0 <= index < len(self._tokens):
            index = None
        self._active = index
        if index is not None:
            chip = self._chips[index]
            if chip.left() - FADE < self._offset:
                self._scroll_to(chip.left() - 3 * FADE)
            elif chip.right() + FADE > self._offset + self.width():
                self._scroll_to(chip.right() + 3 * FADE - self.width())
            token = self._tokens[index]
            text = self.tr("{token}, {percent} % sure").format(token=token.text, percent=percent(token.confidence))
            self.setAccessibleDescription(text)
        self.update()

    def set_hinted(self, indices: Sequence[int]) -> None:
        """Mark tokens quietly: those of a region pointed at."""
        self._hinted = frozenset(indices)
        self.update()

    def set_threshold(self, threshold: float) -> None:
        """Tint tokens less sure than this, 0..1."""
        self._threshold = threshold
        self.update()

    def chip(self, index: int) -> QRectF:
        """Where a token stands in the widget, scrolled as it is."""
        return self._chips[index].translated(-self._offset, 0)

    def token_at(self, point: QPointF) -> int:
        """The token at a place of the widget, -1 for none."""
        place = point + QPointF(self._offset, 0)
        for index, chip in enumerate(self._chips):
            if chip.adjusted(-GAP / 2, -4, GAP / 2, 4).contains(place):
                return index
        return -1

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, HEIGHT)

    # inside

    def _lay_out(self) -> None:
        metrics = QFontMetricsF(self.font())
        self._chips = []
        x = 1.0
        for token in self._tokens:
            around = 2.0 if token.text in STRUCTURE else PADDING
            width = max(12.0, metrics.horizontalAdvance(token.text) + 2 * around)
            self._chips.append(QRectF(x, (HEIGHT - CHIP) / 2, width, CHIP))
            x += width + GAP
        self._scroll_to(self._offset)
        self.update()

    def _scroll_to(self, offset: float) -> None:
        end = self._chips[-1].right() + 1 if self._chips else 0.0
        self._offset = max(0.0, min(offset, end - self.width()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        for index, token in enumerate(self._tokens):
            chip = self.chip(index)
            if chip.right() > 0 and chip.left() < self.width():
                self._paint_chip(painter, index, token, chip, c)
        self._paint_fades(painter, c.window)

    def _paint_chip(self, painter: QPainter, index: int, token: TokenMark, chip: QRectF, c: Colors) -> None:
        active, doubt = index == self._active, doubt_color(token.confidence, self._threshold, c, c.raised)
        structure = token.text in STRUCTURE
        ground: QColor | None = None if structure else c.raised
        if doubt is not None:
            ground = doubt
        if index in self._hinted or index == self._hovered:
            ground = c.accent_soft
        if active:
            ground = c.selection
        if ground is not None:
            painter.setPen(QPen(c.accent, 1.5) if active and self.hasFocus() else Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.drawRoundedRect(chip, 6, 6)
        painter.setPen(c.muted if structure and not active else c.ink)
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, token.text)

    def _paint_fades(self, painter: QPainter, ground: QColor) -> None:
        clear = QColor(ground)
        clear.setAlpha(0)
        end = self._chips[-1].right() if self._chips else 0.0
        painter.setPen(Qt.PenStyle.NoPen)
        for goes_on, edge, inner in (
            (self._offset > 1, 0.0, FADE),
            (end - self._offset > self.width() + 1, float(self.width()), self.width() - FADE),
        ):
            if goes_on:
                fade = QLinearGradient(edge, 0, inner, 0)
                fade.setColorAt(0, ground)
                fade.setColorAt(1, clear)
                painter.setBrush(fade)
                painter.drawRect(QRectF(min(edge, inner), 0, FADE, HEIGHT))

    # events

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._scroll_to(self._offset)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._lay_out()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.token_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()
            self.token_hovered.emit(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.token_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.token_clicked.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta()
        before = self._offset
        self._scroll_to(self._offset - (delta.x() or delta.y()) / 2)
        if self._offset == before:
            event.ignore()
        else:
            self._hover(self.token_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, last = event.key(), len(self._tokens) - 1
        to = {
            Qt.Key.Key_Right: 0 if self._active is None else min(last, self._active + 1),
            Qt.Key.Key_Left: last if self._active is None else max(0, self._active - 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }.get(Qt.Key(key))
        if to is not None and self._tokens:
            self.token_stepped.emit(to)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._active is not None:
            self.token_clicked.emit(self._active)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos()), self)
            return True
        return super().event(event)

    def tip_at(self, point: QPoint) -> str:
        """What there is to say about a place."""
        index = self.token_at(QPointF(point))
        if index < 0:
            return self.tr("← → step through the tokens, Enter corrects one") if self._tokens else ""
        token = self._tokens[index]
        return self.tr("{token} · {percent} % sure · click to correct").format(
            token=token.text, percent=percent(token.confidence)
        )
