"""The canvas: mouse, pen and fingers make strokes; eraser, grid, pan and zoom. It recognises nothing.

Ink has coordinates of its own, which are pixels of the canvas until it is panned or zoomed: the view moves over the
ink and never changes it. Loaded ink keeps the units of its device.
"""

from __future__ import annotations

import math
import time
from enum import Enum, auto

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QEventPoint,
    QFocusEvent,
    QHideEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ink_model import InkModel
from app.ink_shape import StrokeShape
from app.ink_view import InkView, meet
from app.theme import Colors, colors
from core_model.ink import Ink, Stroke

STROKE_ERASER, AREA_ERASER = 5.0, 12.0
"""Radii in pixels of the screen, whatever the zoom."""
THINNEST = 1.4
"""Lines are at least so many pixels wide on the screen."""
_WHEEL_STEP = 1.2  # zoom for one notch


class Tool(Enum):
    """What the pen does."""

    PEN = auto()
    STROKE_ERASER = auto()
    AREA_ERASER = auto()


class _Deed(Enum):
    """What the pointer that is down is doing."""

    NOTHING = auto()
    DRAWING = auto()
    ERASING = auto()
    PANNING = auto()


class InkCanvas(QWidget):
    """A sheet to write on, without a frame."""

    changed = Signal()
    """The user finished a stroke, erased, undid, redid or cleared."""
    updated = Signal()
    """The ink is another than before, whoever changed it; or it can be undone or redone where it could not."""
    stroke_started = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = InkModel()
        self._shapes: dict[int, tuple[Stroke, StrokeShape]] = {}
        self._tool = Tool.PEN
        self._pen_width = 2.5
        self._grid = True
        self._view = InkView()
        self._deed = _Deed.NOTHING
        self._growing: StrokeShape | None = None
        self._points: list[tuple[float, float, float | None, float]] = []  # x, y, pressure, seconds
        self._at = QPointF()  # where the pointer is
        self._inside = False
        self._space = False
        self._pen_down = False  # a hand that rests beside its pen is no finger
        self._fingers_busy = False
        self._clock = time.monotonic()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setTabletTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 120)
        self.setAccessibleName(self.tr("Canvas"))
        self.setAccessibleDescription(
            self.tr("Write a formula with mouse, pen or finger. Space and drag moves the view, Ctrl and wheel zoom it.")
        )
        self._show_cursor()

    def ink(self) -> Ink:
        """The finished strokes."""
        return self._model.ink

    def set_ink(self, ink: Ink) -> None:
        """Show another ink, of any units, at a legible size; can be undone. `changed` is not sent."""
        self._abandon()
        if self._model.load(ink):
            self._view.adopt(ink)
            self._renew()
        self.reset_view()

    def tool(self) -> Tool:
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        self._abandon()
        self._tool = tool
        self._show_cursor()
        self.update()

    def set_pen_width(self, width: float) -> None:
        """Width of the lines in pixels at zoom 1. It is how the canvas looks, no part of the ink."""
        self._pen_width = width
        self.update()

    def set_grid(self, on: bool) -> None:
        self._grid = on
        self.update()

    def can_undo(self) -> bool:
        return self._model.can_undo

    def can_redo(self) -> bool:
        return self._model.can_redo

    def undo(self) -> None:
        """Take the last step back; a stroke that is being drawn is given up first."""
        if self._deed is _Deed.DRAWING:
            self._abandon()
        elif self._model.undo():
            self._deed = _Deed.NOTHING
            self._look_at_other()
            self._renew(by_user=True)

    def redo(self) -> None:
        self._abandon()
        if self._model.redo():
            self._look_at_other()
            self._renew(by_user=True)

    def clear(self) -> None:
        """Remove all strokes; can be undone."""
        self._abandon()
        if self._model.clear():
            self._renew(by_user=True)

    def zoom(self) -> float:
        return self._view.zoom

    def zoom_by(self, factor: float, centre: QPointF | None = None) -> None:
        """Zoom the view; what is at ``centre`` (in pixels of the canvas, its middle if not given) stays there."""
        self._view.zoom_by(factor, QPointF(self.rect().center()) if centre is None else centre)
        self.update()

    def pan_by(self, pixels: QPointF) -> None:
        """Move the paper under the pen."""
        self._view.pan_by(pixels)
        self.update()

    def reset_view(self) -> None:
        """Back to zoom 1, or so far out that all ink is seen."""
        self._view.reset(self.size(), self._ink_box())
        self.update()

    def place_of(self, x: float, y: float) -> QPointF:
        """Where a place of the ink is, in pixels of the canvas."""
        return self._view.transform.map(QPointF(x, y))

    def sizeHint(self) -> QSize:
        return QSize(640, 260)

    # Painting --------------------------------------------------------------------------------------------------------

    def _line_width(self) -> float:
        """Of the pen, in units of the ink; wide enough to be seen from afar."""
        return max(self._pen_width * self._view.unit, THINNEST / self._view.scale)

    def _ink_box(self) -> QRectF | None:
        """What the ink covers with the width of its lines; None without ink."""
        bounds = self._model.ink.bounds
        if bounds is None:
            return None
        margin = self._line_width()
        left, top, right, bottom = bounds
        return QRectF(QPointF(left, top), QPointF(right, bottom)).adjusted(-margin, -margin, margin, margin)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = colors(self.palette())
        painter = QPainter(self)
        painter.fillRect(event.rect(), c.paper)
        if self._grid:
            self._view.draw_grid(painter, event.rect(), c.grid)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self._model.ink.strokes and self._growing is None:
            self._paint_hint(painter, c)
        painter.save()
        painter.setTransform(self._view.transform, True)
        width = self._line_width()
        shown = self._view.seen(QRectF(event.rect()).adjusted(-2, -2, 2, 2))
        shown = shown.adjusted(-width, -width, width, width)
        for stroke in self._model.ink.strokes:
            shape = self._shape(stroke)
            if meet(shape.bounds, shown):
                shape.draw(painter, c.ink, width)
        if self._growing is not None:
            self._growing.draw(painter, c.ink, width)
        painter.restore()
        radius = self._eraser_radius()
        if radius and (self._inside or self._deed is _Deed.ERASING):
            painter.setPen(QPen(c.line_strong, 1.5))
            painter.drawEllipse(self._at, radius, radius)

    def _paint_hint(self, painter: QPainter, c: Colors) -> None:
        text, middle = self.tr("Write a formula here"), Qt.AlignmentFlag.AlignCenter
        box = painter.boundingRect(self.rect(), middle, text)
        painter.fillRect(box.adjusted(-8, -4, 8, 4), c.paper)  # no line of the grid strikes it out
        painter.setPen(c.muted)
        painter.drawText(self.rect(), middle, text)

    def _shape(self, stroke: Stroke) -> StrokeShape:
        known = self._shapes.get(id(stroke))
        if known is None:
            known = self._shapes[id(stroke)] = (stroke, StrokeShape.of(stroke))
        return known[1]

    def _renew(self, *, by_user: bool = False) -> None:
        """The model has other strokes than before."""
        strokes = self._model.ink.strokes
        self._shapes = {id(one): self._shapes[id(one)] for one in strokes if id(one) in self._shapes}
        self.update()
        self.updated.emit()
        if by_user:
            self.changed.emit()

    def _look_at_other(self) -> None:
        """Undoing that a file was opened brings back ink in other units, which may be nowhere to be seen."""
        box = self._ink_box()
        if box is None:
            return
        largest = max(box.width(), box.height()) * self._view.scale
        screens = largest / max(self.width(), self.height(), 1)
        if not meet(box, self._view.seen(QRectF(self.rect()))) or not 0.005 < screens < 50:
            self._view.adopt(self._model.ink)
            self.reset_view()

    def _show_cursor(self) -> None:
        if self._deed is _Deed.PANNING:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            pen = self._tool is Tool.PEN
            self.setCursor(Qt.CursorShape.CrossCursor if pen else Qt.CursorShape.BlankCursor)

    # What every pointer does -----------------------------------------------------------------------------------------

    def _eraser_radius(self) -> float:
        """In pixels of the screen; 0 where the pen draws."""
        if self._tool is Tool.PEN and self._deed is not _Deed.ERASING:
            return 0.0
        return AREA_ERASER if self._tool is Tool.AREA_ERASER else STROKE_ERASER

    def _press(self, place: QPointF, pressure: float | None, *, erase: bool = False) -> None:
        self._abandon()
        self._move_pointer(place)
        if erase or self._tool is not Tool.PEN:
            self._deed = _Deed.ERASING
            self._model.begin()
            self._erase(place)
            return
        self._deed = _Deed.DRAWING
        self._growing = StrokeShape()
        self._points = []
        self.stroke_started.emit()
        if not self._model.ink.strokes:
            self.update()  # the hint goes
        self._extend(place, pressure)

    def _move(self, place: QPointF, pressure: float | None) -> None:
        before = self._at
        self._move_pointer(place)
        if self._deed is _Deed.DRAWING:
            self._extend(place, pressure)
        elif self._deed is _Deed.ERASING:
            self._erase(before)
        elif self._deed is _Deed.PANNING:
            self.pan_by(place - before)

    def _release(self) -> None:
        deed, self._deed = self._deed, _Deed.NOTHING
        if deed is _Deed.DRAWING:
            self._finish_stroke()
        elif deed is _Deed.ERASING:
            self.update()
            if self._model.end():
                self._renew(by_user=True)
        self._show_cursor()

    def _extend(self, place: QPointF, pressure: float | None) -> None:
        at = self._view.to_ink(place)
        if self._growing is None or (self._points and self._points[-1][:2] == (at.x(), at.y())):
            return
        self._points.append((at.x(), at.y(), pressure, time.monotonic() - self._clock))
        touched = self._growing.append(at.x(), at.y(), pressure)
        self.update(self._view.pixels(touched, self._line_width()))

    def _erase(self, start: QPointF) -> None:
        """Erase on the way from ``start`` to where the pointer is."""
        radius = self._eraser_radius() / self._view.scale
        erase = self._model.erase_area if self._tool is Tool.AREA_ERASER else self._model.erase_strokes
        first, last = self._view.to_ink(start), self._view.to_ink(self._at)
        if erase((first.x(), first.y()), (last.x(), last.y()), radius):
            self._renew()

    def _finish_stroke(self) -> None:
        self._growing = None
        x, y, pressures, seconds = zip(*self._points, strict=True)
        told = [1.0 if value is None else min(1.0, max(0.0, value)) for value in pressures]
        pressure = np.array(told) if any(value is not None for value in pressures) else None
        self._model.add(Stroke(np.column_stack((x, y)), pressure, np.array(seconds)))
        self._renew(by_user=True)

    def _abandon(self) -> None:
        """Give up the stroke that is being drawn; an eraser's sweep ends where it is."""
        if self._deed is _Deed.DRAWING:
            self._deed, self._growing = _Deed.NOTHING, None
            self.update()
        elif self._deed is not _Deed.NOTHING:
            self._release()

    def _move_pointer(self, place: QPointF) -> None:
        """The eraser's ring follows the pointer."""
        radius = math.ceil(self._eraser_radius())
        if radius:
            for centre in (self._at, place):
                around = QRectF(centre, centre).adjusted(-radius, -radius, radius, radius)
                self.update(around.toAlignedRect().adjusted(-2, -2, 2, 2))
        self._at = place

    # Mouse -----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = event.button()
        if button == Qt.MouseButton.MiddleButton or (button == Qt.MouseButton.LeftButton and self._space):
            self._abandon()
            self._at = event.position()
            self._deed = _Deed.PANNING
            self._show_cursor()
        elif button == Qt.MouseButton.LeftButton:
            self._press(event.position(), None)
        else:
            event.ignore()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)  # two dots in quick succession are two strokes

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._move(event.position(), None)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._move(event.position(), None)
            self._release()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl: zoom about the pointer; else move the view, as the two fingers on a touchpad do."""
        turn, fine = event.angleDelta(), event.pixelDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(_WHEEL_STEP ** (turn.y() / 120), event.position())
        else:
            self.pan_by(QPointF(fine) if not fine.isNull() else QPointF(turn) / 2)
        event.accept()

    # Pen, fingers, keys ----------------------------------------------------------------------------------------------

    def tabletEvent(self, event: QTabletEvent) -> None:
        """An accepted event is not sent again as one of the mouse."""
        kind = event.type()
        if kind == QEvent.Type.TabletPress:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._pen_down = True
            eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
            self._press(event.position(), event.pressure(), erase=eraser)
        elif kind == QEvent.Type.TabletMove:
            self._inside = True
            self._move(event.position(), event.pressure())
        elif kind == QEvent.Type.TabletRelease:
            self._pen_down = False  # the pressure of the last event is 0: the pen has left the paper
            self._release()
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QTouchEvent) and self._touch(event):
            event.accept()
            return True
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_by(1 + event.value(), event.position())
            return True
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Escape
            and self._deed is not _Deed.NOTHING
        ):
            event.accept()  # Esc ends the stroke, and nothing else meanwhile
            return True
        return super().event(event)

    def _touch(self, event: QTouchEvent) -> bool:
        """One finger draws; two move and zoom the paper. False: not for us."""
        if event.device().type() != QInputDevice.DeviceType.TouchScreen:
            return False  # touchpads send their fingers too; those move the pointer
        if event.type() == QEvent.Type.TouchCancel:
            self._abandon()
            self._fingers_busy = False
            return True
        points = event.points()
        down = [point for point in points if point.state() != QEventPoint.State.Released]
        if self._pen_down:
            return True
        if len(down) >= 2:
            if not self._fingers_busy:
                self._abandon()  # the first finger came a little before the second: it drew nothing
                self._fingers_busy = True
            self._pinch(down[0], down[1])
        elif self._fingers_busy:
            self._fingers_busy = bool(down)
        elif event.type() == QEvent.Type.TouchBegin:
            self.setFocus(Qt.FocusReason.MouseFocusReason)
            self._press(points[0].position(), None)
        elif down:
            self._move(down[0].position(), None)
        else:
            self._move(points[0].position(), None)
            self._release()
        return True

    def _pinch(self, one: QEventPoint, other: QEventPoint) -> None:
        if QEventPoint.State.Pressed in (one.state(), other.state()):
            return
        was, now = one.lastPosition() - other.lastPosition(), one.position() - other.position()
        centre = (one.position() + other.position()) / 2
        self.pan_by(centre - (one.lastPosition() + other.lastPosition()) / 2)
        before, after = math.hypot(was.x(), was.y()), math.hypot(now.x(), now.y())
        if min(before, after) > 8:  # the ratio of tiny distances is noise
            self.zoom_by(after / before, centre)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            self._space = True
            self._show_cursor()
        elif event.key() == Qt.Key.Key_Escape and self._deed is not _Deed.NOTHING:
            self._abandon()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self._show_cursor()
        else:
            super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._abandon()

    def hideEvent(self, event: QHideEvent) -> None:
        """What was drawn before the window went away is kept."""
        self._release()
        self._space = False
        super().hideEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        self._show_cursor()
        super().focusOutEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._inside = True
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._inside = False
        self._move_pointer(self._at)
        super().leaveEvent(event)
