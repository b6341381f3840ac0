"""Strokes made rather than drawn: lines, arrows, accents, braces and root signs as a hand makes them.

All lengths are in heights of a small x; y grows downwards. Nothing is quite straight: lines bow, tilt and tremble.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Point = tuple[float, float]

_STEP = 0.22  # between the points of a made line
_TREMOR = 0.012


def line(rng: np.random.Generator, start: Point, end: Point, bow: float = 0.02) -> Values:
    """A line drawn in one go; ``bow``: usual height of its arch as a share of its length."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    count = min(max(int(length / _STEP), 3), 60)
    t = np.linspace(0.0, 1.0, count)
    across = rng.normal(0.0, bow) * length * np.sin(math.pi * t)
    across += rng.normal(0.0, 0.4 * bow) * length * np.sin(2 * math.pi * t + rng.uniform(0, 6))
    across += rng.normal(0.0, _TREMOR, count)
    direction = np.array((end[0] - start[0], end[1] - start[1])) / max(length, 1e-9)
    return np.outer(t, direction * length) + start + np.outer(across, (-direction[1], direction[0]))


def path(rng: np.random.Generator, points: list[Point], loose: float) -> Values:
    """Lines from point to point without lifting the pen; ``loose``: how far, usually, the points are missed."""
    placed = [(x + rng.normal(0.0, loose), y + rng.normal(0.0, loose)) for x, y in points]
    return np.concatenate([line(rng, a, b, 0.03) for a, b in pairwise(placed)])


def arc(rng: np.random.Generator, width: float, height: float, loose: float = 0.05) -> Values:
    """A bow from (0, 0) to (width, 0) whose middle is ``height`` lower."""
    t = np.linspace(0.0, 1.0, max(8, min(40, int(width / _STEP))))
    lean = rng.normal(0.0, 0.12)
    y = height * np.sin(math.pi * np.clip(t + lean * t * (1 - t), 0, 1)) + rng.normal(0.0, loose) * height * t
    return np.column_stack((t * width, y))


def dot(rng: np.random.Generator, x: float, y: float, size: float) -> Values:
    """A dot: mostly a touch of the pen, at times a tiny tick."""
    if rng.random() < 0.5:
        return np.array([(x, y)])
    return np.array([(x, y), (x + rng.normal(0.0, 0.06) * size, y + abs(rng.normal(0.05, 0.06)) * size)])


def ring(rng: np.random.Generator, size: float) -> Values:
    """A small circle around (0, 0) that does not quite close."""
    turn = rng.uniform(-2.5, -1.0)
    angle = np.linspace(turn, turn - 2 * math.pi * rng.uniform(0.92, 1.08), 14)
    return 0.5 * size * np.column_stack((np.cos(angle) * rng.uniform(0.85, 1.15), np.sin(angle)))


def wave(rng: np.random.Generator, width: float, height: float) -> Values:
    """A tilde from (0, 0) to about (width, 0)."""
    t = np.linspace(0.0, 1.0, max(10, min(40, int(width / _STEP))))
    y = -0.5 * height * np.sin(2 * math.pi * (t + rng.normal(0.0, 0.03))) * (1 + rng.normal(0.0, 0.2) * (t - 0.5))
    return np.column_stack((t * width, y - rng.normal(0.0, 0.2) * height * t))


def arrow(rng: np.random.Generator, width: float, size: float, heads: str = ">") -> list[Values]:
    """An arrow from (0, 0) to (width, 0); ``heads`` holds ``<`` and ``>`` for its ends."""
    tilt = rng.normal(0.0, 0.03) * width
    strokes = [line(rng, (0.0, 0.0), (width, tilt))]
    reach, spread = size * rng.uniform(0.22, 0.4), size * rng.uniform(0.16, 0.3)
    for sign, tip in ((1.0, (width, tilt)), (-1.0, (0.0, 0.0))):
        if ("<", ">")[sign > 0] in heads:
            back = tip[0] - sign * reach
            upper, lower = (back, tip[1] - spread), (back + rng.normal(0, 0.05) * size, tip[1] + spread)
            strokes.append(path(rng, [upper, tip, lower], 0.03 * size))
    return strokes


def brace(rng: np.random.Generator, width: float, height: float) -> Values:
    """A lying brace from (0, 0) to (width, 0) whose tip points up, to y = -height."""
    tip = width * (0.5 + rng.normal(0.0, 0.04))
    half, end = 0.5 * height, 0.3 * min(width, 2.5 * height)
    knots = np.array(
        [
            (0.0, 0.3 * half),
            (0.4 * end, -0.7 * half),
            (end, -half),
            (tip - end, -half),
            (tip - 0.3 * end, -1.2 * half),
            (tip, -2 * half),
            (tip + 0.3 * end, -1.2 * half),
            (tip + end, -half),
            (width - end, -half),
            (width - 0.4 * end, -0.7 * half),
            (width, 0.3 * half),
        ]
    )
    knots += rng.normal(0.0, 0.05, knots.shape) * height
    along = np.linspace(0.0, len(knots) - 1.0, 45)
    return np.column_stack([np.interp(along, np.arange(len(knots)), values) for values in knots.T])


def radical(rng: np.random.Generator, inner: tuple[float, float, float, float], size: float) -> list[Values]:
    """A root sign around the rectangle ``inner`` (left, top, right, bottom), usually in one stroke."""
    left, top, right, bottom = inner
    height = bottom - top
    foot = left - size * rng.uniform(0.15, 0.4) - 0.06 * height
    tick = size * rng.uniform(0.25, 0.6)
    rise = size * rng.uniform(0.3, 0.7) + 0.12 * height
    start = (foot - tick - 0.2 * size * rng.uniform(0.3, 1.2), bottom - rise + 0.12 * size)
    corner = (left - size * rng.uniform(-0.05, 0.2), top)
    tilt = rng.normal(0.0, 0.025) * (right - left)
    hook = path(rng, [start, (foot - tick, bottom - rise), (foot, bottom), corner], 0.04 * size)
    roof = line(rng, (float(hook[-1, 0]), float(hook[-1, 1])), (right, top + tilt), 0.015)
    if rng.random() < 0.3:
        roof = np.concatenate((roof, [roof[-1] + (0.02 * size, size * rng.uniform(0.1, 0.35))]))
    return [np.concatenate((hook, roof))] if rng.random() < 0.85 else [hook, roof]


def around(
    rng: np.random.Generator, drawn: list[Values], inner: tuple[float, float, float, float], size: float
) -> list[Values] | None:
    """A drawn root sign stretched around ``inner``: its roof to any length, its hook only as far as it grows taller.

    None if the drawing has no roof or no hook that could be told apart.
    """
    left, top, right, bottom = inner
    points = np.concatenate(drawn)
    low, high = points.min(axis=0), points.max(axis=0)
    foot, end = points[points[:, 1].argmax()], points[points[:, 0].argmax()]
    # The corner between hook and roof lies farthest above the line from the foot to the end of the roof.
    away = (points[:, 0] - foot[0]) * (end[1] - foot[1]) - (points[:, 1] - foot[1]) * (end[0] - foot[0])
    corner = points[np.where(points[:, 0] >= foot[0], away, -np.inf).argmax()]
    height, hook, roof = float(high[1] - corner[1]), float(corner[0] - low[0]), float(high[0] - corner[0])
    if height < 0.6 * (high[1] - low[1]) or hook < 0.03 or roof < 0.1:
        return None
    tall = (bottom - top) / height
    width = min(hook * tall, (0.5 + 0.3 * rng.random()) * (bottom - top))
    strokes = []
    for stroke in drawn:
        x, y = stroke[:, 0] - corner[0], stroke[:, 1] - corner[1]
        x = left + np.where(x < 0, x * width / hook, x * (right - left) / roof)
        # However the roof sagged over what stood there, it stays clear of what stands here.
        low_roof = 0.3 * size * np.tanh(y * tall / (0.3 * size))
        roofing = (stroke[:, 0] > corner[0]) & (y < 0.45 * height)
        strokes.append(np.column_stack((x, top + np.where(roofing, low_roof, y * tall))))
    return strokes
