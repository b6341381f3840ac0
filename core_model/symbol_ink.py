"""Ink of single symbols: what the classifier is shown of it, and whether ink may be a single symbol."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core_model.errors import LatexError
from core_model.ink import Ink
from core_model.latex import skeleton, tidy
from core_model.strokes import RasterOptions, rasterize, writing_height

__all__ = ["command_of", "looks_like_one_symbol", "pen_path", "symbol_picture"]

PEN = 2.6
"""Width of the pen in px of the small picture."""
PATH_EXTRA = 6
"""Numbers of `pen_path` beside the path itself."""
MOST_STROKES = 4
"""Ink of more strokes is taken for a formula."""
# How near strokes of one symbol come to each other, in sizes of the whole: those of i, !, = lie above one another.
_ACROSS, _DOWN = 0.08, 0.75
_SMOOTHING = 0.7  # px; the small picture has no room for more


def symbol_picture(ink: Ink, side: int) -> NDArray[np.uint8]:
    """Draw a symbol as large as it fits, its aspect kept, in the middle of uint8 [side, side]."""
    room = side - PEN - 2  # the pen's width and a pixel of rounding on either side
    height = writing_height(ink)
    if height > 0 and ink.bounds is not None:
        left, top, right, bottom = ink.bounds
        extent = max(right - left, bottom - top)
        pen = PEN * extent / height / room if height > extent * 1e-6 else 1.0
        largest = max(16, round(room))
        options = RasterOptions(400, min(1.0, max(0.01, pen)), 0, _SMOOTHING, False, largest)
    else:
        options = RasterOptions(side / 3, 0.3, 0, 0.0, False)  # a dot, or nothing
    drawn = rasterize(ink, options)[:side, :side]
    picture = np.full((side, side), 255, np.uint8)
    y, x = ((side - length) // 2 for length in drawn.shape)
    picture[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    return picture


def pen_path(ink: Ink, count: int) -> NDArray[np.float32]:
    """What the picture does not tell: where the pen went, float32 [4 * count + 6].

    ``count`` places at equal distances along all strokes, x and y in -1..1 from the middle of the symbol, the
    directions there, then the logarithm of the aspect, the length of the path in sizes of the symbol, and whether it
    has 1, 2, 3 or more strokes.
    """
    strokes = [stroke.points for stroke in ink.strokes] or [np.zeros((1, 2))]
    everything = np.concatenate(strokes)
    low, high = everything.min(axis=0), everything.max(axis=0)
    size = high - low
    extent = float(size.max())
    scale = 2 / extent if extent > 1e-300 else 0.0
    places = [(points - (low + high) / 2) * scale for points in strokes]
    # The steps of the pen on the paper: none leads to the first point of a stroke.
    moves = np.concatenate([np.diff(line, axis=0, prepend=line[:1]) for line in places])
    along = np.cumsum(np.hypot(*moves.T))
    total = float(along[-1])
    at = (np.arange(count) + 0.5) / count * total
    x, y = (np.interp(at, along, column) for column in np.concatenate(places).T)
    there = moves[np.minimum(np.searchsorted(along, at), len(moves) - 1)]
    there = there / np.maximum(np.hypot(*there.T), 1e-9)[:, None]
    aspect = float(np.clip(np.log((size[0] + 1e-3 * extent) / (size[1] + 1e-3 * extent)), -3, 3)) if extent > 0 else 0.0
    strokes_are = [float(min(len(ink.strokes), 4) == number) for number in (1, 2, 3, 4)]
    extra = [aspect, min(total, 20.0) / 5, *strokes_are]
    return np.concatenate((x, y, *there.T, extra)).astype(np.float32)


def command_of(latex: str) -> str:
    """The one command of all that mean the same symbol: its skeleton, as one writes it.

    Commands that this program does not know stand for themselves; one that needs an argument has an empty one.
    """
    for written in (latex, latex + "{}"):
        try:
            return tidy(skeleton(written)) or latex
        except LatexError:
            continue
    return latex


def looks_like_one_symbol(ink: Ink) -> bool:
    """Whether ink may be a lone symbol: few strokes that touch, nearly touch or lie above one another."""
    if not 1 <= len(ink.strokes) <= MOST_STROKES:
        return False
    boxes = [np.concatenate((stroke.points.min(axis=0), stroke.points.max(axis=0))) for stroke in ink.strokes]
    low, high = np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]
    extent = float((high - low).max())
    joined, waiting = [boxes[0]], boxes[1:]
    while waiting:
        near = [box for box in waiting if any(_near(box, other, extent) for other in joined)]
        if not near:
            return False
        joined += near
        waiting = [box for box in waiting if not any(box is one for one in near)]
    return True


def _near(one: NDArray[np.float64], other: NDArray[np.float64], extent: float) -> bool:
    """Whether two boxes (left, top, right, bottom) belong together in ink of this extent."""
    apart = np.maximum(np.maximum(one[:2], other[:2]) - np.minimum(one[2:], other[2:]), 0)  # horizontally, vertically
    return bool(apart[0] <= _ACROSS * extent and apart[1] <= _DOWN * extent)
