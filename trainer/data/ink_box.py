"""Strokes with their extent: what the layout of a formula moves about.

Units are heights of a small x at full size; y grows downwards, and the baseline of a box is its y = 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Box:
    """Strokes, each [n, 2], and the rectangle they fill.

    A box without strokes has an extent of its own: scripts can hang on nothing.
    """

    __slots__ = ("bottom", "left", "right", "strokes", "top")

    def __init__(self, strokes: list[Values], extent: tuple[float, float, float, float] | None = None) -> None:
        self.strokes = strokes
        if extent is None:
            points = strokes[0] if len(strokes) == 1 else np.concatenate(strokes)
            left, top = points.min(axis=0).tolist()
            right, bottom = points.max(axis=0).tolist()
            extent = (left, top, right, bottom)
        self.left, self.top, self.right, self.bottom = extent

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return 0.5 * (self.top + self.bottom)

    @property
    def centre(self) -> float:
        """Half way between left and right."""
        return 0.5 * (self.left + self.right)

    def shift(self, right: float, down: float) -> Box:
        """Move the box in place; returns it."""
        step = np.array((right, down))
        for stroke in self.strokes:
            stroke += step
        self.left += right
        self.right += right
        self.top += down
        self.bottom += down
        return self


def empty(size: float) -> Box:
    """No ink, but as tall as a small x."""
    return Box([], (0.0, -size, 0.0, 0.0))


def joined(boxes: Iterable[Box]) -> Box:
    """One box of several, where they stand. Boxes without ink count only where there is nothing else."""
    boxes = list(boxes)
    inked = [box for box in boxes if box.strokes] or boxes
    return Box(
        [stroke for box in inked for stroke in box.strokes],
        (
            min(box.left for box in inked),
            min(box.top for box in inked),
            max(box.right for box in inked),
            max(box.bottom for box in inked),
        ),
    )
