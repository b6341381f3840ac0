"""Strokes -> grey picture: the one rasteriser, for canvas, training and evaluation.

Only the shape of the ink counts, not its units: the typical height of the writing is measured and brought to one
height in pixels, at which `core_model.preprocessing` finds strokes as wide, relative to the glyphs, as those of print.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_model.ink import Ink, Stroke

Grey = NDArray[np.uint8]
Values = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CORNER = math.radians(80)  # sharper turns are meant; the curve through the points does not round them
_SPACING = 2.0  # px between the points that the curve goes through: denser ones tell of the device, not of the hand
_STAMP = 0.5  # px between the discs that make a line; their outline leaves it by 0.02 px
_DOT = 1.8  # dots are wider than lines, as in print; preprocessing takes lone specks of a line's width for dust
_LONGEST = 60_000.0  # px of line: bounds the time for what is no formula
_STAMPS_AT_ONCE = 20_000
_LINE_HEIGHT = 10 / 11  # height of glyphs in lengths of a minus sign
_KERNEL = 0.7
_TALL = 2.2  # brackets around rows are at least so many glyphs high
_MOST_BRACKETS, _MOST_INSIDE = 24, 300  # bound the time for what is no formula


@dataclass(frozen=True)
class RasterOptions:
    """How ink becomes a picture. ``height``: px of a typical glyph. ``pen``: width of the pen in heights of a typical
    glyph. ``margin``: px of white around the ink. ``smoothing``: px over which the tremor of hand and device is
    smoothed. ``pressure``: whether pressure changes the width. ``largest_side``: px; larger ink is shrunk.
    """

    height: float = 32.0
    pen: float = 0.11
    margin: int = 8
    smoothing: float = 1.3
    pressure: bool = True
    largest_side: int = 2400

    def __post_init__(self) -> None:
        problems = []
        if not 4 <= self.height <= 400:
            problems.append(f"height must lie in 4..400, not {self.height}")
        if not 0.01 <= self.pen <= 1:
            problems.append(f"pen must lie in 0.01..1, not {self.pen}")
        if not 0 <= self.margin <= 1000:
            problems.append(f"margin must lie in 0..1000, not {self.margin}")
        if not 0 <= self.smoothing <= 20:
            problems.append(f"smoothing must lie in 0..20, not {self.smoothing}")
        if not 16 <= self.largest_side <= 10_000:
            problems.append(f"largest_side must lie in 16..10000, not {self.largest_side}")
        if problems:
            raise ValueError("; ".join(problems))


def rasterize(ink: Ink, options: RasterOptions | None = None) -> Grey:
    """Draw ink -> uint8 [h, w], anti-aliased, dark on white; without strokes, a small white picture.

    Deterministic; moving or scaling the ink changes nothing but the last bits of rounding.
    """
    options = options or RasterOptions()
    bounds = ink.bounds
    if bounds is None:
        side = 2 * options.margin + round(options.height)
        return np.full((side, side), 255, np.uint8)
    placing = _placing(ink, bounds, options)
    lines = [_line(stroke, placing, options.smoothing) for stroke in ink.strokes]
    radii = _radii(ink, lines, placing, options)
    widest = max(float(radius.max()) for radius in radii)
    border = options.margin + widest
    low = np.min([line[:, :2].min(axis=0) for line in lines], axis=0) - border
    high = np.max([line[:, :2].max(axis=0) for line in lines], axis=0) + border
    width, height = (math.ceil(side) for side in (high - low).tolist())
    return _stamped([line[:, :2] - low for line in lines], radii, width, height)


def writing_height(ink: Ink) -> float:
    """Typical height of the glyphs, in units of the ink; 0.0 where all ink is a single place.

    As `core_model.writing_size` measures it in pictures: a mean shift with a wide kernel over the logarithms of the
    strokes' heights, so that tall operators and small scripts count little. Lines (fractions, minus signs) and dots
    tell no height; where there is nothing else, the length of the lines does. Nor do the brackets of a matrix, which
    would outweigh the few letters of a small one.
    """
    if not ink.strokes:
        return 0.0
    low = np.array([stroke.points.min(axis=0) for stroke in ink.strokes])  # [n, 2] left, top
    high = np.array([stroke.points.max(axis=0) for stroke in ink.strokes])  # [n, 2] right, bottom
    largest = float((high - low).max())
    if largest == 0:
        return 0.0
    width, height = (high - low).T / largest
    extent = np.maximum(width, height)
    solid = extent > 0.15 * float(np.median(extent))  # dots are much smaller than the usual stroke
    solid |= extent >= float(np.median(extent[extent > 0])) / 2
    upright = solid & (height > 0.35 * width)
    if not upright.any():
        return float(np.median(width[solid])) * largest * _LINE_HEIGHT
    upright &= ~_around_rows((low - low.min(axis=0)) / largest, (high - low.min(axis=0)) / largest, upright)
    logs, weight = np.log(height[upright]), extent[upright] ** 0.7
    order = np.argsort(logs, kind="stable")
    share = np.cumsum(weight[order])
    centre = float(np.interp(0.5 * share[-1], share - 0.5 * weight[order], logs[order]))
    for _ in range(10):
        near = weight * np.exp(-0.5 * ((logs - centre) / _KERNEL) ** 2)
        centre = float((near * logs).sum() / near.sum())
    return math.exp(centre) * largest


def _around_rows(low: Values, high: Values, upright: Bools) -> Bools:
    """Which strokes [n] are tall brackets with rows of glyphs between them, and nothing else. ``low``, ``high`` [n, 2]:
    left and top, right and bottom of each. A long line between them makes it a fraction, whose brackets count.
    """
    found = np.zeros(len(low), np.bool_)
    (width, height), (x, y) = (high - low).T, (low + high).T / 2
    tall = np.flatnonzero(upright & (width < 0.4 * height) & (height > _TALL * np.quantile(height[upright], 0.25)))
    tall = tall[np.argsort(-height[tall], kind="stable")][:_MOST_BRACKETS]
    for left, right in ((a, b) for a in tall for b in tall if x[a] < x[b]):
        pair = [left, right]
        if high[pair, 1].min() - low[pair, 1].max() < 0.7 * height[pair].max():
            continue
        inside = (x > x[left]) & (x < x[right]) & (y > low[pair, 1].min()) & (y < high[pair, 1].max())
        inside[pair] = False
        glyphs, lines = inside & upright, inside & ~upright
        if not 1 < glyphs.sum() <= _MOST_INSIDE or height[pair].min() < _TALL * (typical := np.median(height[glyphs])):
            continue
        if not (width[lines] > 1.2 * typical).any() and _stacked(low[glyphs], high[glyphs]).mean() >= 0.6:
            found[pair] = True
    return found


def _stacked(low: Values, high: Values) -> Bools:
    """Which strokes [n] have another of about their size above or below them."""
    width, height = (high - low).T
    below = high[:, None, 1] < low[None, :, 1]
    shared = np.minimum(high[:, None, 0], high[None, :, 0]) - np.maximum(low[:, None, 0], low[None, :, 0])
    narrower = np.minimum(width[:, None], width[None, :])
    alike = np.maximum(height[:, None], height[None, :]) < _TALL * np.minimum(height[:, None], height[None, :])
    pairs = below & (shared > 0.5 * narrower) & alike
    return np.asarray((pairs | pairs.T).any(axis=1))


@dataclass(frozen=True)
class _Placing:
    """Ink units -> px: first moved by ``origin``, then divided by ``unit`` (which may be too small to be inverted)."""

    origin: Values
    unit: float
    pen: float
    """Width of the pen in px."""


def _placing(ink: Ink, bounds: tuple[float, float, float, float], options: RasterOptions) -> _Placing:
    left, top, right, bottom = bounds
    size = writing_height(ink)
    extent = max(right - left, bottom - top)
    if extent <= 0 or size <= 0:
        return _Placing(np.array((left, top)), 1.0, options.height * options.pen)
    unit = max(size / options.height, extent / options.largest_side)
    if unit == 0:  # smaller than the smallest number
        return _Placing(np.array((left, top)), math.inf, options.height * options.pen)
    length = sum(float(np.hypot(*(np.diff(stroke.points, axis=0) / unit).T).sum()) for stroke in ink.strokes)
    unit *= max(1.0, length / _LONGEST)
    return _Placing(np.array((left, top)), unit, max(1.0, size / unit * options.pen))


def _line(stroke: Stroke, placing: _Placing, smoothing: float) -> Values:
    """A smooth line through a stroke, about a point a pixel: [m, 3] x, y in px and pressure."""
    pressure = np.full(len(stroke.points), np.nan) if stroke.pressure is None else stroke.pressure
    points = np.column_stack(((stroke.points - placing.origin) / placing.unit, pressure))
    points = points[_sparse(points[:, :2])]
    if len(points) == 1:
        return points
    curve = _curve(points)
    return curve if smoothing == 0 or len(curve) < 3 else _smoothed(curve, smoothing)


def _sparse(points: Values) -> list[int]:
    """Indices of points at least `_SPACING` apart, with the first and the last one."""
    places = points.tolist()
    kept = [0]
    x0, y0 = places[0]
    for index, (x, y) in enumerate(places):
        if (x - x0) * (x - x0) + (y - y0) * (y - y0) >= _SPACING * _SPACING:
            kept.append(index)
            x0, y0 = x, y
    last = len(places) - 1
    if kept[-1] != last and places[last] != places[kept[-1]]:
        kept.append(last)
    return kept


def _curve(points: Values) -> Values:
    """Catmull-Rom curve by chord length through points [n, 3], straight towards corners, about a point a pixel."""
    steps = np.diff(points, axis=0)  # [n - 1, 3]
    chord = np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)[:, None]
    slope = steps / chord
    leaving, arriving = slope.copy(), slope.copy()  # tangents at the beginning and the end of each chord
    if len(points) > 2:
        before, after = chord[:-1], chord[1:]
        tangent = (slope[:-1] * after + slope[1:] * before) / (before + after)
        turn = (slope[:-1, :2] * slope[1:, :2]).sum(axis=1) < math.cos(_CORNER)
        leaving[1:] = np.where(turn[:, None], slope[1:], tangent)
        arriving[:-1] = np.where(turn[:, None], slope[:-1], tangent)
    count = np.ceil(chord[:, 0]).astype(np.int64)
    owner = np.repeat(np.arange(len(chord)), count)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    t = (within / count[owner])[:, None]
    square, cube = t * t, t * t * t
    curve = (
        (2 * cube - 3 * square + 1) * points[:-1][owner]
        + (cube - 2 * square + t) * (chord * leaving)[owner]
        + (3 * square - 2 * cube) * points[1:][owner]
        + (cube - square) * (chord * arriving)[owner]
    )
    return np.concatenate((curve, points[-1:]))


def _smoothed(curve: Values, sigma: float) -> Values:
    """Gaussian along the line [m, 3]; its ends stay where they are."""
    reach = min(math.ceil(3 * sigma), len(curve) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    head = 2 * curve[:1] - curve[reach:0:-1]
    tail = 2 * curve[-1:] - curve[-2 : -reach - 2 : -1]
    padded = np.concatenate((head, curve, tail))
    return np.column_stack([np.convolve(column, kernel, "valid") for column in padded.T])


def _radii(ink: Ink, lines: list[Values], placing: _Placing, options: RasterOptions) -> list[Values]:
    """Half the width of the line at each of its points, in px.

    Pressure counts relative to the usual one of the ink, since every device and hand has its own.
    """
    told = [stroke.pressure for stroke in ink.strokes if stroke.pressure is not None]
    usual = float(np.median(np.concatenate(told))) if told and options.pressure else 0.0
    radii = []
    for line in lines:
        radius = np.full(len(line), 0.5 * placing.pen)
        if usual > 0 and not np.isnan(line[0, 2]):
            radius *= np.clip(np.sqrt(np.maximum(line[:, 2], 0.0) / usual), 0.6, 1.5)
        if float(np.ptp(line[:, :2], axis=0).max()) < placing.pen:
            radius *= _DOT
        radii.append(radius)
    return radii


def _stamped(lines: list[Values], radii: list[Values], width: int, height: int) -> Grey:
    """Discs along the lines; where they overlap, the stronger coverage counts."""
    reach = math.ceil(max(float(radius.max()) for radius in radii) + 0.5)
    pad = reach + 1  # so that no disc has to be cut
    stride = width + 2 * pad
    cover = np.zeros((height + 2 * pad) * stride, np.float32)
    dy, dx = (grid.ravel() for grid in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    near = np.hypot(dx, dy) <= reach + 0.71
    dx, dy = dx[near], dy[near]
    discs = np.concatenate([_discs(line, radius) for line, radius in zip(lines, radii, strict=True)])
    for start in range(0, len(discs), _STAMPS_AT_ONCE):
        x, y, radius = discs[start : start + _STAMPS_AT_ONCE].T.astype(np.float32)[:, :, None]
        column, row = np.floor(x), np.floor(y)
        away = np.hypot(column + dx.astype(np.float32) + 0.5 - x, row + dy.astype(np.float32) + 0.5 - y)
        share = np.clip(radius + np.float32(0.5) - away, 0, 1)
        place = (row.astype(np.int64) + pad) * stride + column.astype(np.int64) + pad + (dy * stride + dx)
        touched = share > 0
        np.maximum.at(cover, place[touched], share[touched])
    picture = cover.reshape(-1, stride)[pad:-pad, pad:-pad]
    return (255 - np.rint(picture * 255)).astype(np.uint8)


def _discs(line: Values, radius: Values) -> Values:
    """Centres and radii [k, 3] no more than `_STAMP` px apart along a line."""
    if len(line) == 1:
        return np.column_stack((line, radius))
    step = np.hypot(*np.diff(line, axis=0).T)
    along = np.concatenate(((0.0,), np.cumsum(step)))
    at = np.linspace(0.0, along[-1], math.ceil(along[-1] / _STAMP) + 1)
    return np.column_stack([np.interp(at, along, values) for values in (line[:, 0], line[:, 1], radius)])
