"""How the canvas looks at its ink: which part, how large. It moves over the ink and never changes it."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QPainter, QPen, QTransform

from core_model.ink import Ink
from core_model.strokes import writing_height

ZOOM_LEAST, ZOOM_MOST = 0.1, 8.0
GRID = 24
"""Distance of the grid's lines in pixels at zoom 1."""
WRITING = 48.0
"""Height in pixels that the glyphs of a loaded ink are shown in, if there is room."""
_USUAL = (12.0, 200.0)  # writing of such a height was drawn on a screen, and is shown as large as it was drawn
_BORDER = 16


class InkView:
    """``zoom``; ``unit``: what a pixel means in the ink at zoom 1; ``origin``: the place in the ink of the canvas's
    corner.
    """

    def __init__(self) -> None:
        self.zoom = 1.0
        self.unit = 1.0
        self.origin = QPointF()

    @property
    def scale(self) -> float:
        """Pixels for a unit of the ink."""
        return self.zoom / self.unit

    @property
    def transform(self) -> QTransform:
        """Ink -> pixels."""
        return QTransform.fromScale(self.scale, self.scale).translate(-self.origin.x(), -self.origin.y())

    def to_ink(self, place: QPointF) -> QPointF:
        """Pixels -> ink."""
        return self.origin + place / self.scale

    def seen(self, pixels: QRectF) -> QRectF:
        """The part of the ink in a rectangle of pixels."""
        return QRectF(self.to_ink(pixels.topLeft()), self.to_ink(pixels.bottomRight()))

    def pixels(self, box: QRectF, margin: float) -> QRect:
        """The pixels that a box of ink touches, with a margin around it in units of the ink."""
        wide = self.transform.mapRect(box.adjusted(-margin, -margin, margin, margin))
        return wide.toAlignedRect().adjusted(-2, -2, 2, 2)

    def zoom_by(self, factor: float, centre: QPointF) -> None:
        """Zoom; what is at ``centre`` (pixels) stays there."""
        fixed = self.to_ink(centre)
        self.zoom = min(ZOOM_MOST, max(ZOOM_LEAST, self.zoom * factor))
        self.origin = fixed - centre / self.scale

    def pan_by(self, pixels: QPointF) -> None:
        """Move the paper under the view."""
        self.origin -= pixels / self.scale

    def adopt(self, ink: Ink) -> None:
        """Take on the units of another ink: a device's may span a fifth of a unit, or twenty thousand."""
        height = writing_height(ink)
        usual = height <= 0 or _USUAL[0] <= height <= _USUAL[1]
        self.unit = 1.0 if usual else max(height / WRITING, 1e-9)

    def reset(self, size: QSize, box: QRectF | None) -> None:
        """Back to zoom 1, or so far out that a box of ink is seen whole in a canvas of a size."""
        self.zoom = 1.0
        self.origin = QPointF()
        if box is None:
            return
        room = [max(40, side - 2 * _BORDER) for side in (size.width(), size.height())]
        fitting = min(self.unit * room[0] / box.width(), self.unit * room[1] / box.height())
        self.zoom = max(ZOOM_LEAST, min(1.0, fitting))
        if self.zoom < 1.0 or not self.seen(QRectF(QPointF(), QPointF(size.width(), size.height()))).contains(box):
            self.origin = box.center() - QPointF(size.width(), size.height()) / (2 * self.scale)

    def draw_grid(self, painter: QPainter, area: QRect, color: QColor) -> None:
        """Draw the lines of the grid that cross an area of the canvas, fewer of them seen from afar."""
        step = GRID * self.unit
        while step * self.scale < GRID / 2:
            step *= 2
        painter.setPen(QPen(color, 0))  # a pixel of the screen, at any scale factor
        seen = self.seen(QRectF(area))
        for index in range(math.floor(seen.left() / step), math.ceil(seen.right() / step) + 1):
            x = round((index * step - self.origin.x()) * self.scale)
            painter.drawLine(x, area.top(), x, area.bottom())
        for index in range(math.floor(seen.top() / step), math.ceil(seen.bottom() / step) + 1):
            y = round((index * step - self.origin.y()) * self.scale)
            painter.drawLine(area.left(), y, area.right(), y)


def meet(one: QRectF, other: QRectF) -> bool:
    """Whether rectangles meet; `QRectF.intersects` denies it of flat ones, which a minus sign has."""
    across = one.left() <= other.right() and other.left() <= one.right()
    return across and one.top() <= other.bottom() and other.top() <= one.bottom()
