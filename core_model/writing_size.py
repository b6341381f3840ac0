"""How large is the writing in a picture? Stroke widths and glyph heights from connected components.

Works on ink strength (uint8 [h, w], 0 = ground, 255 = full ink). numpy only: components are found by joining
horizontal runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]

_THRESHOLD = 64  # ink strength above which a pixel belongs to a component
_GLYPH_HEIGHT = (
    13.0  # px, typical height of glyphs in 12 pt type at 130 dpi, measured over 300 formulas in three typefaces
)
_MINUS_WIDTH = 14.3  # px, length of a minus sign in 12 pt type at 130 dpi
_PAIRS = 2_000_000  # distances worked out at once: bounds the memory for pictures that are no formulas (hatchings)
_PALE = 0.6
_GLYPH_STROKES = 8.5  # typical height of a glyph in stroke widths


@dataclass(frozen=True)
class Writing:
    """What was measured: ``scale`` brings it to nominal size; ``box`` of the ink (left, top, right, bottom), in px;
    ``dust`` [h, w]: the pixels of dust, their soft edges included; None where there is none.
    """

    scale: float
    box: Box
    dust: NDArray[np.bool_] | None
    stroke: float


@dataclass(frozen=True)
class Components:
    """Connected components [n]: half-open bounds in px, ink ``mass`` in full pixels; of the runs [r] the bounds,
    ``run_mass`` and ``run_owner``.
    """

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    right: NDArray[np.int64]
    bottom: NDArray[np.int64]
    mass: NDArray[np.float64]
    peak: NDArray[np.int64]
    run_row: NDArray[np.int64]
    run_left: NDArray[np.int64]
    run_right: NDArray[np.int64]
    run_mass: NDArray[np.float64]
    run_owner: NDArray[np.int64]


def rough_stroke(ink: NDArray[np.uint8]) -> float:
    """Typical stroke width in px from a sample of rows and columns: ink mass of the runs, which blur does not
    change.
    """
    rows = ink[:: max(1, ink.shape[0] // 64)]
    columns = ink[:, :: max(1, ink.shape[1] // 256)].T
    found = [np.median(mass) for mass in (_runs(rows)[2], _runs(columns)[2]) if mass.size]
    return float(min(found)) if found else 1.0


def measure_writing(ink: NDArray[np.uint8], pixel: float = 1.0, *, uneven: bool = False) -> Writing | None:
    """Scale, extent and dust of the writing; None where all of it is dust. ``pixel``: size of a pixel of the
    source, in px of ``ink``. ``uneven``: the picture is a photograph, whose paper may have printed lines.
    """
    parts = components(ink)
    if not parts.mass.size:
        return None
    stroke = _stroke(parts)
    dust = _dust(parts, stroke, pixel)
    if dust.all():
        return None
    if uneven:
        dust |= _pale(parts, ~dust)
    keep = ~dust
    # The threshold cuts off the soft edge of a stroke: half a pixel of it belongs to the ink.
    box = (
        float(parts.left[keep].min()) - 0.5,
        float(parts.top[keep].min()) - 0.5,
        float(parts.right[keep].max()) + 0.5,
        float(parts.bottom[keep].max()) + 0.5,
    )
    scale = nominal_scale(parts, keep, stroke, pixel)
    return Writing(scale, box, _area(parts, dust, ink.shape) if dust.any() else None, stroke)


def _area(parts: Components, chosen: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels [h, w] of some components and those around them, which are none of another component."""
    runs = chosen[parts.run_owner]
    row, left, right = parts.run_row[runs], parts.run_left[runs], parts.run_right[runs]
    # Rows and columns beside the picture are there, too, and are cut off: a run marks itself and a pixel around it.
    edges = np.zeros((shape[0] + 2, shape[1] + 3), np.int32)
    for down in range(3):
        np.add.at(edges, (row + down, left), 1)
        np.add.at(edges, (row + down, right + 2), -1)
    return np.asarray(edges.cumsum(axis=1)[1:-1, 1 : shape[1] + 1] > 0)


def _true_stroke(stroke: float, pixel: float) -> float:
    """Stroke width without what rasterisers add: at low resolutions they draw every stroke at least a pixel wide."""
    return math.sqrt(max(stroke * stroke - 0.8 * pixel * pixel, 0.25 * stroke * stroke))


def _dust(parts: Components, stroke: float, pixel: float) -> NDArray[np.bool_]:
    """Which components are dust [n]: smaller than any dot of the writing, or dot-sized but far from all else, or
    faint.
    """
    unit = _true_stroke(stroke, pixel) ** 2
    dust = (parts.mass < 0.35 * unit) | (parts.peak < 100) & (parts.mass < 2.5 * unit)
    small = np.flatnonzero(~dust & (parts.mass < 1.3 * unit))
    others = np.flatnonzero(~dust)
    if not 0 < small.size <= 400 or small.size == others.size:
        return dust
    rows = max(1, _PAIRS // others.size)
    for some in (small[i : i + rows] for i in range(0, small.size, rows)):
        one = some[:, None]
        across = np.maximum(parts.left[others] - parts.right[one], parts.left[one] - parts.right[others])
        down = np.maximum(parts.top[others] - parts.bottom[one], parts.top[one] - parts.bottom[others])
        gap = np.maximum(across, down)  # [some, others]
        gap[one == others] = 1 << 30
        dust[some] = gap.min(axis=1) > 7 * stroke  # the dots of an ellipsis stand about five strokes apart
    return dust


def _pale(parts: Components, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which components [n] are nowhere near as strong as the rest: printed lines of the paper, edges of shadows. A pen
    that fades is stronger somewhere; screens and print have pale bars at low resolutions, but no uneven light.
    """
    order = np.argsort(parts.peak[keep], kind="stable")
    share = np.cumsum(parts.mass[keep][order])
    usual = parts.peak[keep][order][np.searchsorted(share, 0.5 * share[-1])]
    return parts.peak < _PALE * usual


def nominal_scale(parts: Components, keep: NDArray[np.bool_], stroke: float, pixel: float) -> float:
    """Factor that brings the writing to nominal size (x-height about 9 px, digits about 14 px, strokes about 1.4 px).

    The typical height of the glyphs, on a logarithmic scale, by mean shift with a wide kernel: tall operators and
    small scripts count little, and nothing jumps when two glyphs touch at a low resolution. The stroke width joins in
    as one more glyph, which decides about formulas of one or two symbols. Both are corrected for the pixel grid:
    edges are drawn up to full pixels.
    """
    width = (parts.right - parts.left)[keep].astype(np.float64)
    height = (parts.bottom - parts.top)[keep].astype(np.float64)
    mass = parts.mass[keep]
    thin = _true_stroke(stroke, pixel)
    bar = (width > 4 * height) & (mass > 0.5 * width * height)
    if bar.all():  # a minus or an equals sign: their thickness says little at low resolutions, their length much
        return _MINUS_WIDTH / float(np.median(width))
    height = np.maximum(height - 0.6 * pixel, 0.3 * height)
    glyph = ~bar & (np.maximum(height, width) >= 2.6 * thin)
    logs = np.log(np.append(height[glyph], _GLYPH_STROKES * thin))
    weight = mass[glyph] ** 0.7
    weight = np.append(weight / weight.mean(), 1.0) if weight.size else np.ones(1)
    order = np.argsort(logs, kind="stable")
    share = np.cumsum(weight[order])
    centre = float(np.interp(0.5 * share[-1], share - 0.5 * weight[order], logs[order]))
    for _ in range(10):
        near = weight * np.exp(-0.5 * ((logs - centre) / 0.7) ** 2)
        centre = float((near * logs).sum() / near.sum())
    return _GLYPH_HEIGHT / math.exp(centre)


def components(ink: NDArray[np.uint8]) -> Components:
    """8-connected components of the ink above the threshold."""
    starts, ends, mass, stride, peak = _runs(ink)
    count = starts.size
    rows = starts // stride
    first = np.searchsorted(ends, starts + stride, "left")
    reach = np.maximum(np.searchsorted(starts, ends + stride, "right") - first, 0)
    upper = np.repeat(np.arange(count), reach)
    lower = np.arange(upper.size) + np.repeat(first - np.cumsum(reach) + reach, reach)
    owner = _join(count, upper, lower)
    roots, owner = np.unique(owner, return_inverse=True)
    n = roots.size
    left, top = np.full(n, 1 << 40), np.full(n, 1 << 40)
    right, bottom, strongest = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    np.minimum.at(left, owner, starts - rows * stride)
    np.maximum.at(right, owner, ends - rows * stride)
    np.minimum.at(top, owner, rows)
    np.maximum.at(bottom, owner, rows + 1)
    np.maximum.at(strongest, owner, peak)
    return Components(
        left - 1,
        top,
        right - 1,
        bottom,
        np.bincount(owner, mass, minlength=n).astype(np.float64),
        strongest,
        rows,
        starts - rows * stride - 1,
        ends - rows * stride - 1,
        mass,
        owner,
    )


def _runs(
    ink: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int, NDArray[np.int64]]:
    """Horizontal runs above the threshold: flat starts, ends [r], mass in full pixels (soft edges included), stride
    of a row, peak [r].
    """
    height, width = ink.shape
    stride = width + 2  # an empty column on either side keeps runs and their soft edges apart
    padded = np.zeros((height, stride), np.uint8)
    padded[:, 1:-1] = ink
    flat = padded.ravel()
    inside = flat > _THRESHOLD
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    if not starts.size:
        return starts, ends, np.zeros(0), stride, starts
    total = np.cumsum(flat, dtype=np.int64)
    mass = (total[ends] - total[np.maximum(starts - 2, 0)]) / 255.0
    peak = np.maximum.reduceat(flat, edges)[0::2].astype(np.int64)
    return starts, ends, mass, stride, peak


def _join(count: int, upper: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    """Union-find over all edges at once: hook the larger root under the smaller, then shorten the paths, until
    nothing moves.
    """
    parent = np.arange(count)
    while upper.size:
        a, b = parent[upper], parent[lower]
        apart = a != b
        if not apart.any():
            break
        upper, lower, a, b = upper[apart], lower[apart], a[apart], b[apart]
        np.minimum.at(parent, np.maximum(a, b), np.minimum(a, b))
        while True:
            shorter = parent[parent]
            if (shorter == parent).all():
                break
            parent = shorter
    return parent


def _stroke(parts: Components) -> float:
    """Stroke width in px: the median run, without the runs along bars; the thickness of bars where there is nothing
    else.
    """
    width, height = parts.right - parts.left, parts.bottom - parts.top
    bar = (width > 4 * height) & (parts.mass > 0.5 * width * height)
    runs = parts.run_mass[~bar[parts.run_owner]]
    if runs.size:
        return max(0.3, float(np.median(runs)))
    return max(0.3, 2.0 * float(np.median(parts.mass / np.maximum(1, width))))
