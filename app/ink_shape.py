"""The smooth line that is drawn for a stroke, grown point by point while the pen is down."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen

from core_model.ink import Stroke

DOT = 1.8
"""A dot is drawn wider than a line, as in the picture that the model sees."""
_WIDTH_STEP = 0.08  # a change of pressure that makes less of a difference does not begin a new piece of line


class StrokeShape:
    """Quadratic curves through the middles between a stroke's points, as pieces of one width each.

    Coordinates are those of the ink; widths are shares of the pen's.
    """

    def __init__(self) -> None:
        self._pieces: list[tuple[float, QPainterPath]] = []
        self._end = QPointF()
        self._last = QPointF()
        self._width = 1.0
        self._count = 0
        self.bounds = QRectF()
        """Of the points, without the width of the pen."""

    @classmethod
    def of(cls, stroke: Stroke) -> StrokeShape:
        """The shape of a finished stroke."""
        shape = cls()
        pressures = [None] * len(stroke.points) if stroke.pressure is None else stroke.pressure.tolist()
        for (x, y), pressure in zip(stroke.points.tolist(), pressures, strict=True):
            shape.append(x, y, pressure)
        return shape

    def append(self, x: float, y: float, pressure: float | None = None) -> QRectF:
        """Lengthen the line to a point; returns what has to be painted anew, without the width of the pen."""
        point = QPointF(x, y)
        width = 1.0 if pressure is None else 0.5 + pressure
        self._count += 1
        if self._count == 1:
            self._end = self._last = point
            self._width = width
            self.bounds = QRectF(point, point)
            return self.bounds
        middle = (self._last + point) / 2
        if not self._pieces or abs(width - self._pieces[-1][0]) >= _WIDTH_STEP:
            path = QPainterPath(self._end)
            self._pieces.append((width, path))
        path = self._pieces[-1][1]
        if self._count == 2:
            path.lineTo(middle)
        else:
            path.quadTo(self._last, middle)
        touched = _around(self._end, self._last, point)
        self._end, self._last, self._width = middle, point, width
        self.bounds = _around(self.bounds.topLeft(), self.bounds.bottomRight(), point)
        return touched

    def draw(self, painter: QPainter, color: QColor, width: float) -> None:
        """Draw with a pen of a width in units of the ink."""
        pen = QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        if max(self.bounds.width(), self.bounds.height()) < width:
            pen.setWidthF(DOT * width * self._width)
            painter.setPen(pen)
            painter.drawPoint(self.bounds.center())
            return
        for share, path in self._pieces:
            pen.setWidthF(share * width)
            painter.strokePath(path, pen)
        pen.setWidthF(self._width * width)
        painter.setPen(pen)
        painter.drawLine(self._end, self._last)


def _around(*points: QPointF) -> QRectF:
    """The smallest rectangle that holds all points. `QRectF.united` takes flat ones for empty and leaves them out."""
    xs, ys = [point.x() for point in points], [point.y() for point in points]
    return QRectF(QPointF(min(xs), min(ys)), QPointF(max(xs), max(ys)))
