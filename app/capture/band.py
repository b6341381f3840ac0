"""The geometry of choosing a region: window coordinates to device pixels, and the band as a value.

A pixel is named by its column and row; a band from one pixel to another contains both, so that the last column and row
of a screen can be reached although the pointer never passes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize

ROUNDING = 1e-3
"""Pixel 301 at ratio 1.5 arrives as 200.66667 units, which times 1.5 can be 300.9999."""


@dataclass(frozen=True)
class PixelGrid:
    """How a still lies in the window that shows it, per axis."""

    pixels: QSize
    """Size of the still in device pixels."""
    per_unit_x: float
    per_unit_y: float

    @staticmethod
    def of(pixels: QSize, window: QSize, device_ratio: float) -> PixelGrid:
        """Lay a still into a window of a size in Qt's units, on a screen with a device pixel ratio."""
        return PixelGrid(
            pixels,
            pixels_per_unit(pixels.width(), window.width(), device_ratio),
            pixels_per_unit(pixels.height(), window.height(), device_ratio),
        )

    def to_pixel(self, position: QPointF) -> QPoint:
        """The pixel under a position in the window, or the nearest one of the still."""
        column = math.floor(position.x() * self.per_unit_x + ROUNDING)
        row = math.floor(position.y() * self.per_unit_y + ROUNDING)
        return QPoint(clamp(column, self.pixels.width()), clamp(row, self.pixels.height()))

    def to_window(self, rect: QRect) -> QRectF:
        """Where a rectangle of pixels lies in the window."""
        return QRectF(
            rect.left() / self.per_unit_x,
            rect.top() / self.per_unit_y,
            rect.width() / self.per_unit_x,
            rect.height() / self.per_unit_y,
        )


def pixels_per_unit(pixels: int, units: int, device_ratio: float) -> float:
    """Device pixels of the still in one unit of the window, along one axis.

    That is the device pixel ratio where the still fills the window to within the rounding of the window's size (1366
    pixels at ratio 1.5 are a window of 911 units): then each pixel of the still falls on one of the screen. Elsewhere
    it is the two sizes' ratio, which is right for any window.
    """
    if units <= 0:
        return device_ratio
    if abs(pixels - units * device_ratio) < max(1.0, device_ratio):
        return device_ratio
    return pixels / units


def clamp(value: int, size: int) -> int:
    """The nearest of the indices 0 to size - 1."""
    return max(0, min(value, size - 1))


@dataclass(frozen=True)
class Band:
    """A rubber band between the pixel where it began and the one where it ends, within a still."""

    bounds: QSize
    anchor: QPoint
    tip: QPoint

    @staticmethod
    def around(bounds: QSize, middle: QPoint) -> Band:
        """The band to begin with when no pointer draws one: a line of text's shape around a pixel."""
        half_width, half_height = max(1, bounds.width() // 8), max(1, bounds.height() // 20)
        first = QPoint(clamp(middle.x() - half_width, bounds.width()), clamp(middle.y() - half_height, bounds.height()))
        last = QPoint(clamp(middle.x() + half_width, bounds.width()), clamp(middle.y() + half_height, bounds.height()))
        return Band(bounds, first, last)

    @property
    def rect(self) -> QRect:
        """The pixels in the band."""
        left, right = sorted((self.anchor.x(), self.tip.x()))
        top, bottom = sorted((self.anchor.y(), self.tip.y()))
        return QRect(left, top, right - left + 1, bottom - top + 1)

    def to(self, tip: QPoint) -> Band:
        """The band with another end."""
        return replace(self, tip=self._inside(tip))

    def moved(self, step: QPoint) -> Band:
        """The band moved by a number of pixels, stopping whole at the still's edges."""
        rect = self.rect
        dx = max(-rect.left(), min(step.x(), self.bounds.width() - 1 - rect.right()))
        dy = max(-rect.top(), min(step.y(), self.bounds.height() - 1 - rect.bottom()))
        return replace(self, anchor=self.anchor + QPoint(dx, dy), tip=self.tip + QPoint(dx, dy))

    def resized(self, step: QPoint) -> Band:
        """The band with its right and bottom edges moved; it keeps one pixel at least."""
        rect = self.rect
        last = self._inside(rect.bottomRight() + step)
        last = QPoint(max(rect.left(), last.x()), max(rect.top(), last.y()))
        return Band(self.bounds, rect.topLeft(), last)

    def _inside(self, point: QPoint) -> QPoint:
        return QPoint(clamp(point.x(), self.bounds.width()), clamp(point.y(), self.bounds.height()))
