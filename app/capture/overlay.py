"""One window over one screen: its still picture, dimmed, and the band with which the user chooses a region."""

from __future__ import annotations

import sys

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QCursor,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QWidget

from app.capture.band import Band, PixelGrid
from app.capture.models import Shot
from app.theme import colors

SMALLEST = 3
"""Bands of fewer pixels along both sides are a click, not a choice."""
STRIDE = 10
"""Pixels per arrow key with Ctrl."""
LENS_PIXELS = 15
LENS_ENLARGED = 8
LENS_GAP = 20
KEYBOARD_RETRY_MS = 50
STEPS = {
    Qt.Key.Key_Left: QPoint(-1, 0),
    Qt.Key.Key_Right: QPoint(1, 0),
    Qt.Key.Key_Up: QPoint(0, -1),
    Qt.Key.Key_Down: QPoint(0, 1),
}


class Overlay(QWidget):
    """Shows a shot and asks for a band: by mouse, by keys, or by both at once.

    A drag ends the choice when the button is released, unless Shift is held: then the band stays for the keys. Arrows
    move it by a device pixel (with Ctrl by ten), with Shift they move its right and bottom edges; Enter takes it.
    """

    accepted = Signal(QRect)
    """The chosen pixels of the still."""
    rejected = Signal()
    band_started = Signal()
    next_screen_requested = Signal()

    def __init__(self, shot: Shot, parent: QWidget | None = None) -> None:
        super().__init__(parent, window_flags())
        self.shot = shot
        self._still = QPixmap.fromImage(shot.image)
        self._dimmed = dim(self._still, colors(self.palette()).scrim)
        self._grid = PixelGrid.of(shot.image.size(), shot.geometry.size(), 1.0)
        self._band: Band | None = None
        self._dragging = False
        self._nudged = QPoint()  # what the arrows added to the pointer's place during a drag
        self._pointed: QPoint | None = None
        self._keyboard_timer = QTimer(self)
        self._keyboard_timer.setInterval(KEYBOARD_RETRY_MS)
        self._keyboard_timer.timeout.connect(self._hold_keyboard)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        # The main window is hidden meanwhile: without this, closing the overlay would end the app.
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setWindowTitle(self.tr("Choose a region"))
        self.setAccessibleName(self.tr("Choose a region of the screen"))
        self._hint = self.tr("Drag around a formula, or press an arrow key  ·  Enter takes the band  ·  Esc cancels")
        self.setAccessibleDescription(self._hint)

    @property
    def band(self) -> QRect | None:
        """The band in pixels of the still."""
        return None if self._band is None else self._band.rect

    def show_on_screen(self) -> None:
        """Cover the screen that the shot is of."""
        screen = next((s for s in QGuiApplication.screens() if s.geometry() == self.shot.geometry), None)
        if screen is not None:
            # Before the geometry: between screens of different scale Qt converts it by the screen the window is on.
            self.setScreen(screen)
        self.setGeometry(self.shot.geometry)
        self.show()
        self._lay_grid()

    def take_keyboard(self) -> None:
        """Receive the keys from now on."""
        self.activateWindow()
        self.setFocus(Qt.FocusReason.ActiveWindowFocusReason)
        if QGuiApplication.platformName() == "xcb":
            # Windows that the window manager does not manage get no focus from it. The grab fails as long as the
            # window is not yet drawn, or another grab lasts: that of a global hotkey does until the key is released.
            self._keyboard_timer.start()
            self._hold_keyboard()

    def clear_band(self) -> None:
        """Take the band away, and leave the keys to another overlay."""
        self._keyboard_timer.stop()
        self._dragging = False
        if self._band is not None:
            before = self._extent()
            self._band = None
            self.update(before)

    def dismiss(self) -> None:
        """Leave the screen for good."""
        self._keyboard_timer.stop()
        window = self.windowHandle()
        if window is not None and QGuiApplication.platformName() == "xcb":
            window.setKeyboardGrabEnabled(False)
        self.hide()
        self.deleteLater()

    @Slot()
    def _hold_keyboard(self) -> None:
        window = self.windowHandle()
        if window is not None and window.isExposed() and window.setKeyboardGrabEnabled(True):
            self._keyboard_timer.stop()

    def _lay_grid(self) -> None:
        self._grid = PixelGrid.of(self.shot.image.size(), self.size(), self.devicePixelRatioF())
        self.update()

    # Events

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where a window manager gives another size than asked for, the picture follows."""
        super().resizeEvent(event)
        self._lay_grid()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a band."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pixel = self._grid.to_pixel(event.position())
        self._dragging, self._nudged = True, QPoint()
        self._change(Band(self.shot.image.size(), pixel, pixel), pixel)
        self.band_started.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the band, or move the lens."""
        pixel = self._grid.to_pixel(event.position())
        band = self._band.to(pixel + self._nudged) if self._dragging and self._band is not None else self._band
        self._change(band, pixel)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Take the band, or cancel.

        Cancelled at the release and not at the press, which would leave the release to the window underneath.
        """
        if event.button() == Qt.MouseButton.RightButton:
            self.rejected.emit()
        elif event.button() == Qt.MouseButton.LeftButton and self._dragging and self._band is not None:
            self._dragging = False
            pixel = self._grid.to_pixel(event.position())
            self._change(self._band.to(pixel + self._nudged), pixel)
            rect = self._band.rect
            if rect.width() < SMALLEST and rect.height() < SMALLEST:
                self.clear_band()
            elif not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.accepted.emit(rect)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, resize, take or cancel the band; begin one where there is none."""
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.rejected.emit()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self._band is not None:
                self._dragging = False
                self.accepted.emit(self._band.rect)
        elif key in STEPS:
            self._step(STEPS[key], event.modifiers())
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab, which Qt takes for itself, goes on to the next screen."""
        self.next_screen_requested.emit()
        return True

    def _step(self, step: QPoint, modifiers: Qt.KeyboardModifier) -> None:
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            step = step * STRIDE
        if self._band is None:
            local = QPointF(self.mapFromGlobal(QCursor.pos()))
            inside = QRectF(self.rect()).contains(local)
            middle = self._grid.to_pixel(local if inside else QRectF(self.rect()).center())
            band = Band.around(self.shot.image.size(), middle)
            self._change(band, band.tip)
            self.band_started.emit()
        elif modifiers & Qt.KeyboardModifier.ShiftModifier:
            band = self._band.resized(step)
            self._change(band, band.tip)
        else:
            band = self._band.moved(step)
            self._nudged += band.anchor - self._band.anchor
            self._change(band, band.tip)

    # Painting

    def _change(self, band: Band | None, pointed: QPoint) -> None:
        before = self._extent()
        self._band, self._pointed = band, pointed
        self.update(before.united(self._extent()))

    def _extent(self) -> QRect:
        """All that depends on the band and the pointer."""
        extent = QRectF(self._hint_rect())
        if self._band is not None:
            extent = extent.united(self._grid.to_window(self._band.rect).adjusted(-3, -3, 3, 3))
        if self._pointed is not None:
            extent = extent.united(self._lens_rect().adjusted(-3, -3, 3, 3))
        return extent.toAlignedRect()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the dimmed still, the band in full light, and the lens."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), colors(self.palette()).window)  # where a window is larger than its still
        everything = QRect(QPoint(), self.shot.image.size())
        painter.drawPixmap(self._grid.to_window(everything), self._dimmed, QRectF(everything))
        if self._band is not None:
            rect = self._band.rect
            where = self._grid.to_window(rect)
            painter.drawPixmap(where, self._still, QRectF(rect))
            self._draw_outline(painter, where)
        else:
            self._draw_plate(painter, QRectF(self._hint_rect()), self._hint)
        if self._pointed is not None:
            self._draw_lens(painter, self._pointed)
        painter.end()

    def _draw_outline(self, painter: QPainter, where: QRectF) -> None:
        """Two lines, one light and one dark, so that one of them shows on any picture; both outside the band."""
        table = colors(self.palette())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(table.accent, 1))
        painter.drawRect(where.adjusted(-0.5, -0.5, 0.5, 0.5))
        painter.setPen(QPen(table.paper, 1))
        painter.drawRect(where.adjusted(-1.5, -1.5, 1.5, 1.5))

    def _draw_lens(self, painter: QPainter, pixel: QPoint) -> None:
        table = colors(self.palette())
        lens = self._lens_rect()
        side = LENS_PIXELS * LENS_ENLARGED
        glass = QRectF(lens.topLeft(), QSize(side, side))
        half = LENS_PIXELS // 2
        source = QRect(pixel.x() - half, pixel.y() - half, LENS_PIXELS, LENS_PIXELS)
        # copy() fills with transparency what lies beyond the screen's edge.
        painter.fillRect(glass, table.window)
        painter.drawPixmap(glass, self._still.copy(source), QRectF(0, 0, LENS_PIXELS, LENS_PIXELS))
        middle = glass.topLeft() + QPointF(half, half) * LENS_ENLARGED
        cross = QColor(table.accent)
        cross.setAlphaF(0.25)
        painter.fillRect(QRectF(glass.left(), middle.y(), side, LENS_ENLARGED), cross)
        painter.fillRect(QRectF(middle.x(), glass.top(), LENS_ENLARGED, side), cross)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(table.accent, 1))
        painter.drawRect(QRectF(middle, QSize(LENS_ENLARGED, LENS_ENLARGED)))
        plate = QRectF(glass.left(), glass.bottom(), side, lens.height() - side)
        self._draw_plate(painter, plate, self.read_out())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for color, out in ((table.paper, 1), (table.ink, 0)):  # one of them shows on any picture
            painter.setPen(QPen(color, 1))
            painter.drawRect(lens.adjusted(-out, -out, out, out))

    def read_out(self) -> str:
        """The band's size in device pixels; before there is one, the pixel under the pointer."""
        if self._band is not None:
            return self.tr("{} × {} px").format(self._band.rect.width(), self._band.rect.height())
        pointed = self._pointed or QPoint()
        return f"{pointed.x()}, {pointed.y()}"

    def _draw_plate(self, painter: QPainter, where: QRectF, text: str) -> None:
        table = colors(self.palette())
        painter.setPen(QPen(table.line_strong, 1))
        painter.setBrush(table.raised)
        painter.drawRect(where)
        painter.setPen(table.ink)
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, text)

    def _hint_rect(self) -> QRect:
        metrics = self.fontMetrics()
        size = QSize(metrics.horizontalAdvance(self._hint) + 32, metrics.height() + 16)
        return QRect(QPoint((self.width() - size.width()) // 2, 24), size)

    def _lens_rect(self) -> QRectF:
        """Beside the pointer, on the side where there is room."""
        pointed = self._grid.to_window(QRect(self._pointed or QPoint(), QSize(1, 1))).center()
        side = LENS_PIXELS * LENS_ENLARGED
        height = side + self.fontMetrics().height() + 8
        left, top = pointed.x() + LENS_GAP, pointed.y() + LENS_GAP
        if left + side > self.width():
            left = pointed.x() - LENS_GAP - side
        if top + height > self.height():
            top = pointed.y() - LENS_GAP - height
        return QRectF(left, top, side, height)


def window_flags() -> Qt.WindowType:
    """A bare window over everything else."""
    flags = Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint
    flags |= Qt.WindowType.NoDropShadowWindowHint
    if sys.platform == "win32":
        flags |= Qt.WindowType.Tool  # not in the taskbar
    elif sys.platform != "darwin":
        # Tiling window managers tile even full-screen windows, and others put all of them on one monitor.
        flags |= Qt.WindowType.X11BypassWindowManagerHint
    return flags


def dim(still: QPixmap, shade: QColor) -> QPixmap:
    """The still under a shade; made once, since it is drawn at each move of the pointer."""
    dimmed = QPixmap(still)
    painter = QPainter(dimmed)
    painter.fillRect(dimmed.rect(), shade)
    painter.end()
    return dimmed
