"""One page of a PDF on the screen, and the band that is drawn on it.

The band lives in parts of the page (0..1), so that zooming does not move it.
"""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QWidget

from app.theme import colors

CLICK = 4
"""A band of fewer px on the screen was a click."""
NUDGE = 2
"""px on the screen by which an arrow key moves a band."""
KEYBOARD_BAND = QRectF(0.3, 0.46, 0.4, 0.08)


class PdfPage(QWidget):
    """Shows the picture of a page in a size; the mouse or the keyboard draws a band on it."""

    band_chosen = Signal(QRectF)
    """The band in parts of the page."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(self.tr("Page"))
        self.setAccessibleDescription(
            self.tr("Space begins a box, arrows move it, Shift and arrows change its size, Enter reads it, Esc ends it")
        )
        self._picture = QPixmap()
        self._start: QPointF | None = None
        self.band = QRectF()

    def set_size(self, size: QSize) -> None:
        """Be a page of this size in logical px; the picture that is there is stretched."""
        self.setFixedSize(size)

    def set_picture(self, image: QImage) -> None:
        """Show the picture of the page, of whatever number of pixels; an empty one leaves the paper white."""
        self._picture = QPixmap.fromImage(image)
        self.update()

    def set_band(self, band: QRectF) -> None:
        """Draw a band, in parts of the page; an empty one is none."""
        if band != self.band:
            self.band = band
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colors(self.palette())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._picture.isNull():
            painter.fillRect(self.rect(), Qt.GlobalColor.white)
        else:
            painter.drawPixmap(self.rect(), self._picture)
        painter.setPen(QPen(c.line, 1))
        painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        if self.band.isEmpty():
            return
        band = self._on_screen(self.band)
        tint = QColor(c.accent)
        tint.setAlphaF(0.12)
        painter.fillRect(band, tint)
        painter.setPen(QPen(c.accent, 2))
        painter.drawRect(band)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._start = event.position()
            self.set_band(QRectF())
        elif event.button() == Qt.MouseButton.RightButton:
            self._start = None
            self.set_band(QRectF())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is not None:
            self.set_band(self._in_page(QRectF(self._start, event.position()).normalized()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._start is None:
            return
        drawn = QRectF(self._start, event.position()).normalized()
        self._start = None
        if drawn.width() < CLICK or drawn.height() < CLICK:
            self.set_band(QRectF())
        else:
            self.set_band(self._in_page(drawn))
            self.band_chosen.emit(self.band)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        steps = {
            Qt.Key.Key_Left: QPointF(-NUDGE, 0),
            Qt.Key.Key_Right: QPointF(NUDGE, 0),
            Qt.Key.Key_Up: QPointF(0, -NUDGE),
            Qt.Key.Key_Down: QPointF(0, NUDGE),
        }
        if key == Qt.Key.Key_Space and self.band.isEmpty():
            self.set_band(QRectF(KEYBOARD_BAND))
        elif self.band.isEmpty():
            super().keyPressEvent(event)
        elif key == Qt.Key.Key_Escape:
            self.set_band(QRectF())
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.band_chosen.emit(self.band)
        elif key in steps:
            self._nudge(steps[Qt.Key(key)], grow=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._start = None
        super().focusOutEvent(event)

    def _nudge(self, step: QPointF, *, grow: bool) -> None:
        band = self._on_screen(self.band)
        if grow:
            band.setBottomRight(band.bottomRight() + step)
            band.setWidth(max(band.width(), CLICK))
            band.setHeight(max(band.height(), CLICK))
        else:
            band.translate(
                min(max(step.x(), -band.left()), self.width() - band.right()),
                min(max(step.y(), -band.top()), self.height() - band.bottom()),
            )
        self.set_band(self._in_page(band))

    def _in_page(self, rect: QRectF) -> QRectF:
        inside = rect.intersected(QRectF(self.rect()))
        width, height = max(self.width(), 1), max(self.height(), 1)
        return QRectF(inside.x() / width, inside.y() / height, inside.width() / width, inside.height() / height)

    def _on_screen(self, band: QRectF) -> QRectF:
        width, height = self.width(), self.height()
        return QRectF(band.x() * width, band.y() * height, band.width() * width, band.height() * height)
