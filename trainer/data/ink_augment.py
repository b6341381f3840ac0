"""Variation of ink as strokes: other hands, devices and pens, drawn anew each time an ink comes up in training.

All lengths are in heights of a typical glyph (`core_model.strokes.writing_height`), so that the units of the device do
not matter. Nothing here changes what is written: pieces of strokes go, whole symbols never do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core_model.ink import Ink, Stroke
from core_model.strokes import RasterOptions, writing_height

Points = NDArray[np.float64]
Range = tuple[float, float]

_DOT = 0.25  # shorter strokes are dots, commas and minus signs of scripts: nothing is cut off them


@dataclass(frozen=True)
class InkAugmentOptions:
    """Chances and amplitudes of `augment_ink`; standard deviations are cut at two and a half of them.

    Raises ValueError naming every value that makes no sense.
    """

    strength: float = 1.0
    """Multiplies all chances and amplitudes below; 0 leaves ink and pen as they are."""
    stretch: float = 0.12
    """Standard deviation of the logarithm of width to height."""
    rotate_degrees: float = 2.5
    """Standard deviation of the slope of the whole line."""
    slant: float = 0.12
    """Standard deviation of the slant of upright strokes, as sideways shift per height."""
    elastic: float = 0.06
    """Standard deviation of the smooth field of displacements, as a share of the distance over which it changes."""
    elastic_reach: Range = (1.0, 4.0)
    """Distance over which the field changes, in heights."""
    stroke_shift: float = 0.03
    """Standard deviation of the shift of each stroke, in heights."""
    stroke_scale: float = 0.05
    """Standard deviation of the logarithm of each stroke's size."""
    stroke_rotate_degrees: float = 2.0
    """Standard deviation of the turn of each stroke."""
    cut_chance: float = 0.03
    """Of each stroke: a piece at its beginning or end is missing, or the pen skipped in the middle."""
    cut: float = 0.1
    """Largest missing piece, as a share of the stroke."""
    join_chance: float = 0.05
    """Of each pair of consecutive strokes that nearly touch: the pen was not lifted between them."""
    join_gap: float = 0.3
    """Largest gap that is joined, in heights."""
    sparse_chance: float = 0.3
    """The device was slow or the hand fast: few points."""
    sparse_step: Range = (0.06, 0.2)
    """Distance of points then, in heights."""
    pressure_chance: float = 0.2
    """The pen tells pressure, which swells and thins the line."""
    pen: Range = (0.07, 0.16)
    """Width of the pen, in heights."""
    smoothing: Range = (0.6, 2.2)
    """As in `RasterOptions`."""
    resolution: Range = (24.0, 40.0)
    """``height`` of `RasterOptions`, px."""

    def __post_init__(self) -> None:
        wrong = []
        for f in fields(self):
            value = getattr(self, f.name)
            if "chance" in f.name and not 0 <= value <= 1:
                wrong.append(f"{f.name} must lie in 0..1")
            elif isinstance(value, tuple) and not 0 < value[0] <= value[1]:
                wrong.append(f"{f.name} must run from low to high, above 0")
            elif not isinstance(value, tuple) and value < 0:
                wrong.append(f"{f.name} must not be negative")
        if not 0 <= self.cut < 0.5:
            wrong.append("cut must lie in 0..0.5")
        if self.strength > 4:
            wrong.append("strength must lie in 0..4")
        if wrong:
            raise ValueError("; ".join(wrong))


def augment_ink(ink: Ink, options: InkAugmentOptions, rng: np.random.Generator) -> tuple[Ink, RasterOptions]:
    """Ink as another hand might have written it, and the pen to draw it with; the result depends on the arguments only.

    Time is dropped, and pressure replaced. Ink that is a single place, and any ink at strength 0, comes back as it is.
    """
    strength = options.strength
    size = writing_height(ink)
    if strength == 0 or size == 0:
        return ink, RasterOptions()
    left, top, right, bottom = ink.bounds or (0.0, 0.0, 0.0, 0.0)
    centre = np.array((left + right, top + bottom)) / 2
    paths = [(stroke.points - centre) / size for stroke in ink.strokes]
    paths = _joined(paths, options, rng)
    paths = [piece for path in paths for piece in _cut(path, options, rng)]
    if rng.random() < options.sparse_chance * strength:
        step = float(rng.uniform(*options.sparse_step))
        paths = [_sparse(path, step) for path in paths]
    counts = [len(path) for path in paths]
    owner = np.repeat(np.arange(len(paths)), counts)
    points = _moved_strokes(np.concatenate(paths), owner, np.array(counts), options, rng)
    points = _elastic(points, options, rng)
    points = points @ _matrix(options, rng)
    pressure = _pressure(counts, rng) if rng.random() < options.pressure_chance * strength else None
    ends = np.cumsum(counts)[:-1]
    strokes = tuple(
        Stroke(path, None if pressure is None else pressure[index]) for index, path in enumerate(np.split(points, ends))
    )
    return Ink(strokes, ink.latex, ink.identifier), _pen(options, rng)


def _normal(rng: np.random.Generator, deviation: float, shape: int | tuple[int, ...] | None = None) -> Points:
    return np.asarray(np.clip(rng.standard_normal(shape), -2.5, 2.5) * deviation)


def _joined(paths: list[Points], options: InkAugmentOptions, rng: np.random.Generator) -> list[Points]:
    chances = rng.random(len(paths))
    out = [paths[0]]
    for path, chance in zip(paths[1:], chances[1:], strict=True):
        near = math.dist(out[-1][-1], path[0]) < options.join_gap
        if chance < options.join_chance * options.strength and near and min(_length(out[-1]), _length(path)) > _DOT:
            out[-1] = np.concatenate((out[-1], path))
        else:
            out.append(path)
    return out


def _length(path: Points) -> float:
    steps = np.diff(path, axis=0)
    return float(np.hypot(steps[:, 0], steps[:, 1]).sum())


def _cut(path: Points, options: InkAugmentOptions, rng: np.random.Generator) -> list[Points]:
    """The stroke, or what is left of it: its points within one or two spans of its length."""
    if rng.random() >= options.cut_chance * options.strength:
        return [path]
    steps = np.diff(path, axis=0)
    along = np.concatenate(((0.0,), np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))
    length, missing = float(along[-1]), float(rng.uniform(0, options.cut))
    if length < 2 * _DOT:
        return [path]
    kind = int(rng.integers(3))
    if kind == 0:
        spans = [(missing, 1.0)]
    elif kind == 1:
        spans = [(0.0, 1 - missing)]
    else:
        start = float(rng.uniform(0.2, 0.8 - missing))
        spans = [(0.0, start), (start + missing, 1.0)]
    return [_span(path, along, first * length, last * length) for first, last in spans]


def _span(path: Points, along: Points, first: float, last: float) -> Points:
    inner = along[(along > first) & (along < last)]
    at = np.concatenate(((first,), inner, (last,)))
    return np.column_stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)])


def _sparse(path: Points, step: float) -> Points:
    """Points about ``step`` apart along the stroke, with its first and its last one."""
    steps = np.diff(path, axis=0)
    along = np.concatenate(((0.0,), np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))))
    count = max(2, math.ceil(float(along[-1]) / step) + 1)
    if count >= len(path):
        return path
    at = np.linspace(0.0, float(along[-1]), count)
    return np.column_stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)])


def _moved_strokes(
    points: Points, owner: NDArray[np.int64], counts: NDArray[np.int64], options: InkAugmentOptions,
    rng: np.random.Generator,
) -> Points:  # fmt: skip
    """Each stroke shifted, turned and scaled about its own middle."""
    number = len(counts)
    middle = np.column_stack([np.bincount(owner, points[:, axis], number) for axis in (0, 1)]) / counts[:, None]
    shift = _normal(rng, options.stroke_shift * options.strength, (number, 2))
    angle = np.radians(_normal(rng, options.stroke_rotate_degrees * options.strength, number))
    scale = np.exp(_normal(rng, options.stroke_scale * options.strength, number))
    cosine, sine = (scale * np.cos(angle))[owner], (scale * np.sin(angle))[owner]
    own = points - middle[owner]
    turned = np.column_stack((cosine * own[:, 0] - sine * own[:, 1], sine * own[:, 0] + cosine * own[:, 1]))
    return turned + (middle + shift)[owner]


def _elastic(points: Points, options: InkAugmentOptions, rng: np.random.Generator) -> Points:
    """A smooth random field, by smooth interpolation of random displacements on a grid (after Simard et al. 2003)."""
    reach = float(rng.uniform(*options.elastic_reach))
    place = (points - points.min(axis=0)) / reach + rng.random(2)
    columns, rows = (math.ceil(side) + 2 for side in place.max(axis=0).tolist())
    field = _normal(rng, options.elastic * options.strength * reach, (rows, columns, 2))
    cell = place.astype(np.int64)
    within = place - cell
    weight = within * within * (3 - 2 * within)
    x, y = cell[:, 0], cell[:, 1]
    across, down = weight[:, :1], weight[:, 1:]
    upper = field[y, x] * (1 - across) + field[y, x + 1] * across
    lower = field[y + 1, x] * (1 - across) + field[y + 1, x + 1] * across
    moved: Points = points + upper * (1 - down) + lower * down
    return moved


def _matrix(options: InkAugmentOptions, rng: np.random.Generator) -> Points:
    """What points [n, 2] are multiplied by: stretch, then slant, then rotation."""
    stretch, angle, slant = _normal(rng, options.strength, 3).tolist()
    factor = math.exp(stretch * options.stretch / 2)
    turn = math.radians(angle * options.rotate_degrees)
    scale = np.array(((factor, 0.0), (0.0, 1 / factor)))
    shear = np.array(((1.0, 0.0), (-slant * options.slant, 1.0)))  # y points down: to the right is a usual slant
    rotation = np.array(((math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))))
    matrix: Points = scale @ shear @ rotation
    return matrix


def _pressure(counts: list[int], rng: np.random.Generator) -> list[Points]:
    """A smooth course of pressure for each stroke: its values at the beginning, in the middle and at the end."""
    knots = np.clip(0.5 + _normal(rng, 0.15, (len(counts), 3)) - (0.1, 0.0, 0.15), 0.05, 1.0)
    return [np.interp(np.linspace(0, 2, n), (0, 1, 2), knot) for n, knot in zip(counts, knots, strict=True)]


def _pen(options: InkAugmentOptions, rng: np.random.Generator) -> RasterOptions:
    """The pen: below strength 1 it stays nearer to the usual one."""
    usual, part = RasterOptions(), min(1.0, options.strength)

    def drawn(bounds: Range, middle: float) -> float:
        value = math.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1])))
        return math.exp(part * math.log(value) + (1 - part) * math.log(middle))

    return RasterOptions(
        height=drawn(options.resolution, usual.height),
        pen=drawn(options.pen, usual.pen),
        smoothing=drawn(options.smoothing, usual.smoothing),
    )
