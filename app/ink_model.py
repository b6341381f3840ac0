"""The drawing behind the canvas: strokes with undo and redo, erasing by stroke and by area. No Qt.

Every state of the drawing is an immutable `Ink`, and the undo list holds states: they share their strokes, so a long
drawing costs little. What `begin` and `end` enclose (the sweep of an eraser) is undone at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core_model.ink import Ink, Stroke

Point = tuple[float, float]
Values = NDArray[np.float64]

UNDO_STEPS = 500
_FINE = 0.125  # an eraser's cut is placed to this part of its radius
_CRUMB = 0.2  # what an eraser leaves of a stroke goes too if it is shorter than this part of the radius


class InkModel:
    """The strokes drawn so far, and how to take each step back."""

    def __init__(self) -> None:
        self._ink = Ink()
        self._undo: list[Ink] = []
        self._redo: list[Ink] = []
        self._begun: Ink | None = None

    @property
    def ink(self) -> Ink:
        """The drawing. LaTeX and identifier of a loaded ink stay with it until it is changed."""
        return self._ink

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def add(self, stroke: Stroke) -> None:
        self._set((*self._ink.strokes, stroke))

    def clear(self) -> bool:
        """Remove all strokes; tells whether there were any."""
        return self._set(())

    def load(self, ink: Ink) -> bool:
        """Put another ink in the place of this one, which undo brings back; tells whether anything changed."""
        return ink != self._ink and self._put(ink)

    def undo(self) -> bool:
        return self._step(self._undo, self._redo)

    def redo(self) -> bool:
        return self._step(self._redo, self._undo)

    def begin(self) -> None:
        """What is done from here to `end` is one step to undo."""
        if self._begun is None:
            self._begun = self._ink

    def end(self) -> bool:
        """Close the step; tells whether it changed anything."""
        begun, self._begun = self._begun, None
        if begun is None or begun is self._ink:
            return False
        self._remember(begun)
        return True

    def erase_strokes(self, start: Point, stop: Point, radius: float) -> bool:
        """Remove the strokes that an eraser touches on its way from one place to another; tells whether any were."""
        kept = tuple(one for one in self._ink.strokes if not _touches(one, start, stop, radius))
        return len(kept) < len(self._ink.strokes) and self._set(kept)

    def erase_area(self, start: Point, stop: Point, radius: float) -> bool:
        """Remove what lies under an eraser on its way, splitting strokes; tells whether anything did."""
        kept: list[Stroke] = []
        changed = False
        for one in self._ink.strokes:
            if _touches(one, start, stop, radius):
                kept += _split(one, start, stop, radius)
                changed = True
            else:
                kept.append(one)
        return changed and self._set(tuple(kept))

    def _set(self, strokes: tuple[Stroke, ...]) -> bool:
        return strokes != self._ink.strokes and self._put(Ink(strokes))

    def _put(self, ink: Ink) -> bool:
        if self._begun is None:
            self._remember(self._ink)
        self._ink = ink
        return True

    def _remember(self, state: Ink) -> None:
        self._undo.append(state)
        del self._undo[:-UNDO_STEPS]
        self._redo.clear()

    def _step(self, source: list[Ink], target: list[Ink]) -> bool:
        self.end()  # a sweep that is still going on is complete as it stands
        if not source:
            return False
        target.append(self._ink)
        self._ink = source.pop()
        return True


def _touches(stroke: Stroke, start: Point, stop: Point, radius: float) -> bool:
    """Whether any part of the stroke lies within ``radius`` of the way."""
    points = stroke.points
    low, high = np.minimum(start, stop) - radius, np.maximum(start, stop) + radius
    if (points.max(axis=0) < low).any() or (points.min(axis=0) > high).any():
        return False
    if len(points) == 1:
        return bool(_distance(points, start, stop)[0] <= radius)
    # Two segments are nearest at an end of one of them, unless they cross.
    if _distance(points, start, stop).min() <= radius or _crosses(points, start, stop):
        return True
    return any(_distance(np.array((start, stop)), a, b).min() <= radius for a, b in _near(points, low, high))


def _near(points: Values, low: Values, high: Values) -> list[tuple[Point, Point]]:
    """The segments of a stroke whose boxes meet another box."""
    first, second = points[:-1], points[1:]
    meets = (np.maximum(first, second) >= low).all(axis=1) & (np.minimum(first, second) <= high).all(axis=1)
    return [((a[0], a[1]), (b[0], b[1])) for a, b in zip(first[meets].tolist(), second[meets].tolist(), strict=True)]


def _distance(points: Values, start: Point, stop: Point) -> Values:
    """Distance [n] of points [n, 2] from a segment."""
    base = np.array(start)
    along = np.array(stop) - base
    length = float(along @ along)
    share = np.clip((points - base) @ along / length, 0, 1) if length > 0 else np.zeros(len(points))
    return np.hypot(*(points - base - share[:, None] * along).T)


def _crosses(points: Values, start: Point, stop: Point) -> bool:
    """Whether any segment of the stroke crosses the way."""
    base = np.array(start)
    along = np.array(stop) - base
    side = _cross(along, points - base)
    steps = np.diff(points, axis=0)
    ends = _cross(steps, base - points[:-1]), _cross(steps, np.array(stop) - points[:-1])
    return bool(((side[:-1] * side[1:] < 0) & (ends[0] * ends[1] < 0)).any())


def _cross(one: Values, other: Values) -> Values:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def _split(stroke: Stroke, start: Point, stop: Point, radius: float) -> list[Stroke]:
    """What is left of a stroke beside the way. The points outside stay; each cut adds one at its edge."""
    at = _dense(stroke.points, start, stop, radius)
    columns = [np.interp(at, np.arange(len(stroke.points)), column) for column in stroke.points.T]
    outside = _distance(np.column_stack(columns), start, stop) > radius
    edges = np.flatnonzero(np.diff(np.concatenate(([False], outside, [False])).astype(np.int8)))
    left = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        run = at[first:end]
        # Of the points put in only those at the cuts are kept.
        own = (run == np.rint(run)) | (run == run[0]) | (run == run[-1])
        piece = _piece(stroke, run[own])
        whole = len(run) == len(at)
        if whole or sum(np.hypot(*np.diff(piece.points, axis=0).T)) > _CRUMB * radius:
            left.append(piece)
    return left


def _dense(points: Values, start: Point, stop: Point, radius: float) -> Values:
    """Places along the stroke, in indices of its points: those points, and between them many near the eraser."""
    low, high = np.minimum(start, stop) - radius, np.maximum(start, stop) + radius
    places: list[Sequence[float] | Values] = []
    for index, (a, b) in enumerate(pairwise(points)):
        count = 1
        if (np.maximum(a, b) >= low).all() and (np.minimum(a, b) <= high).all():
            # A stroke may have a few points only, far apart; the bound is for one that has them ten miles apart.
            count = max(1, min(2000, int(np.hypot(*(b - a)) / (_FINE * radius)) + 1))
        places.append(index + np.arange(count) / count)
    places.append([float(len(points) - 1)])
    return np.concatenate(places)


def _piece(stroke: Stroke, at: Values) -> Stroke:
    index = np.arange(len(stroke.points))

    def values(column: Values | None) -> Values | None:
        return None if column is None else np.interp(at, index, column)

    points = np.column_stack([np.interp(at, index, column) for column in stroke.points.T])
    return Stroke(points, values(stroke.pressure), values(stroke.time))
