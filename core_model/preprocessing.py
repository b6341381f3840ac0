"""The one path from a grey picture to what the model sees: snips, canvas, training and evaluation all go through it.

``prepare`` finds ground and ink, drops noise, crops to the ink and brings the writing to one nominal size.
``to_batch`` packs prepared pictures into a padded array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_model.writing_size import measure_writing, rough_stroke

Grey = NDArray[np.uint8]

MARGIN = 4
"""White pixels on each side of the ink in a prepared picture."""
MAX_WIDTH, MAX_HEIGHT = 2080, 832
"""Largest ink at headroom 1, in pixels; larger formulas are shrunk to fit."""
BATCH_MULTIPLE = 8
"""Height and width of a batch are multiples of this: the stride of the encoder."""

_MAX_PIXELS = 4_000_000  # larger sources are averaged down first, to bound memory and time
_MAX_ENLARGEMENT = 8.0  # prepared px per source px
_STROKE_PX = 2.2  # stroke width at which the writing is measured: enough for edges finer than a pixel, and still cheap
_BLANK_CONTRAST = 14  # grey levels; fainter marks than this are taken for paper
_BLANK_SIDE = 32
_DARK_GROUND_SHARE = 0.58  # a dark majority must be clear before it counts as the ground: most pictures are light


@dataclass(frozen=True)
class Prepared:
    """A picture in the form that the model reads.

    ``pixels``: uint8 [H, W], ink dark on white 255, ``MARGIN`` px of white around the ink. ``scale``: prepared px per
    source px. ``box``: left, top, right, bottom of the ink in source pixels (the margin lies outside it). ``blank``:
    no ink was found.
    """

    pixels: Grey
    scale: float
    box: tuple[float, float, float, float]
    blank: bool = False

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """Point of the prepared picture (px, from the outer corner of the first pixel) -> point of the source
        picture (px).
        """
        height, width = self.pixels.shape
        left, top, right, bottom = self.box
        return (
            left + (x - MARGIN) * (right - left) / max(1, width - 2 * MARGIN),
            top + (y - MARGIN) * (bottom - top) / max(1, height - 2 * MARGIN),
        )

    def to_source_box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        """Rectangle of the prepared picture -> rectangle of the source picture (px); an attention cell, for
        instance.
        """
        return (*self.to_source(left, top), *self.to_source(right, bottom))


def prepare(grey: Grey, *, headroom: float = 1.0) -> Prepared:
    """Bring a grey picture to dark ink on white, cropped to the ink, in the nominal size of writing times ``headroom``.

    ``grey``: uint8 [h, w], any polarity, any resolution. The nominal size is that of 12 pt type at 130 dpi: x-height
    about 9 px. Deterministic. Raises ValueError for arrays of another shape or type (a bug of the caller), never for
    their content.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or 0 in grey.shape:
        raise ValueError(f"expected a non-empty uint8 array [h, w], got {grey.dtype} {grey.shape}")
    if not 0.1 <= headroom <= 10:
        raise ValueError(f"headroom must lie in 0.1..10, got {headroom}")
    source_height, source_width = grey.shape
    reduced = max(1, math.ceil(math.sqrt(grey.size / _MAX_PIXELS)))
    if reduced > 1:
        grey = _reduce(grey, reduced)
    ink, uneven = _found_ink(grey)
    if ink is None:
        return _blank(source_width, source_height)
    stroke = rough_stroke(ink)
    factor = max(1, int(stroke / _STROKE_PX))
    if factor >= 2:  # high resolutions are averaged down before anything expensive happens
        ink = _reduce(ink, factor)
        reduced *= factor
        stroke /= factor
    zoom = min(4.0, max(1.0, _STROKE_PX / max(stroke, 0.1)))
    if ink.size * zoom * zoom > _MAX_PIXELS:
        zoom = 1.0
    writing = measure_writing(_resize(ink, zoom) if zoom > 1.01 else ink, pixel=zoom / factor, uneven=uneven)
    if writing is None:
        return _blank(source_width, source_height)
    zoom_x, zoom_y = (round(side * zoom) / side if zoom > 1.01 else 1.0 for side in ink.shape[::-1])
    if writing.dust is not None:
        ink[_shrunk(writing.dust, ink.shape)] = 0
    left, top, right, bottom = writing.box
    box = (
        max(0.0, left / zoom_x),
        max(0.0, top / zoom_y),
        min(float(ink.shape[1]), right / zoom_x),
        min(float(ink.shape[0]), bottom / zoom_y),
    )
    width, height = box[2] - box[0], box[3] - box[1]
    scale = min(_MAX_ENLARGEMENT * reduced, zoom * writing.scale) * headroom
    scale = min(scale, MAX_WIDTH * headroom / width, MAX_HEIGHT * headroom / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    resized = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))
    pixels = np.full((size[1] + 2 * MARGIN, size[0] + 2 * MARGIN), 255, np.uint8)
    pixels[MARGIN:-MARGIN, MARGIN:-MARGIN] = _finish(resized)
    left, top, right, bottom = (value * reduced for value in box)
    return Prepared(pixels, scale / reduced, (left, top, min(right, source_width), min(bottom, source_height)))


def to_batch(pictures: Sequence[Grey]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pack prepared pictures (uint8 [h, w]) -> images float32 [b, 1, H, W] (ink 1.0, ground and padding 0.0), sizes
    int64 [b, 2] (h, w).

    H and W are the largest sides, rounded up to a multiple of 8. Raises ValueError for an empty list.
    """
    if not pictures:
        raise ValueError("a batch needs at least one picture")
    height = -(-max(p.shape[0] for p in pictures) // BATCH_MULTIPLE) * BATCH_MULTIPLE
    width = -(-max(p.shape[1] for p in pictures) // BATCH_MULTIPLE) * BATCH_MULTIPLE
    packed = np.full((len(pictures), 1, height, width), 255, np.uint8)
    for row, picture in zip(packed, pictures, strict=True):
        row[0, : picture.shape[0], : picture.shape[1]] = picture
    images = packed.astype(np.float32)
    images *= np.float32(-1 / 255)
    images += np.float32(1)
    np.maximum(images, np.float32(0), out=images)
    return images, np.array([p.shape for p in pictures], np.int64)


def ink_of(grey: Grey) -> Grey | None:
    """Strength of the ink, uint8 [h, w]: 0 = ground, 255 = full ink; None where nothing stands out of the ground."""
    return _found_ink(grey)[0]


def _found_ink(grey: Grey) -> tuple[Grey | None, bool]:
    """What `ink_of` gives, and whether the light was uneven, as on photographs."""
    step = max(1, math.isqrt(grey.size // 250_000)) if grey.size > 500_000 else 1
    sample = grey[::step, ::step] if step > 1 else grey
    counts = np.bincount(sample.ravel(), minlength=256)
    ground, share = _mode(counts)
    if share < 0.45:  # no single ground value: uneven light or heavy noise
        surface = _surface(sample, step, grey.shape)
        if surface is not None:
            flat = np.clip(128.0 + 0.5 * (grey - surface), 0, 255).astype(np.uint8)
            sample = flat[::step, ::step] if step > 1 else flat
            counts = np.bincount(sample.ravel(), minlength=256)
            ground, share = _mode(counts)
            return _stretch(flat, sample, counts, ground, contrast=_BLANK_CONTRAST // 2), True
    return _stretch(grey, sample, counts, ground, contrast=_BLANK_CONTRAST), False


def _stretch(grey: Grey, sample: Grey, counts: NDArray[np.int64], ground: int, *, contrast: int) -> Grey | None:
    levels = np.arange(256)
    ground = _polarity(sample, counts, ground)
    away = (levels - ground).astype(np.float64)
    energy = counts * away * away
    light_ink = energy[levels > ground].sum() > energy[levels < ground].sum()
    if not light_ink:
        away = -away
    # Noise of the ground: what 70 % of the pixels nearer to ground than to ink keep within. Soft edges of ink are
    # fewer than that.
    near = np.flatnonzero(np.abs(away) <= 0.4 * float(away.max()))
    near = near[np.argsort(np.abs(away[near]), kind="stable")]
    total = np.cumsum(counts[near])
    spread = float(np.abs(away[near[np.searchsorted(total, 0.7 * total[-1])]])) if near.size else 0.0
    inky = (away > max(contrast, 4.0 * spread)) & (counts > 0)
    if not inky.any():  # a dot in a large picture may fall between the samples
        if sample.size != grey.size and int(grey.max()) - int(grey.min()) > contrast:
            return _stretch(grey, grey, np.bincount(grey.ravel(), minlength=256), ground, contrast=contrast)
        return None
    order = np.argsort(away[inky])
    tail = np.cumsum(counts[inky][order])
    full = float(away[inky][order][np.searchsorted(tail, 0.85 * tail[-1])])
    full = max(full, 0.8 * float(away[inky].max())) if tail[-1] < 40 else full
    floor = min(0.25 * full, max(0.04 * full, 1.6 * spread))
    table = np.clip((away - floor) * (255.0 / (full - floor)), 0, 255).round().astype(np.uint8)
    return table[grey]


def _mode(counts: NDArray[np.int64]) -> tuple[int, float]:
    """Most frequent grey value of a histogram smoothed over 9 levels, and the share of pixels within 6 levels of it."""
    smooth = np.convolve(counts, (1, 2, 3, 4, 5, 4, 3, 2, 1), "same")
    value = int(smooth.argmax())
    return value, float(counts[max(0, value - 6) : value + 7].sum() / max(1, counts.sum()))


def _polarity(sample: Grey, counts: NDArray[np.int64], ground: int) -> int:
    """The ground value, once more for tight crops of heavy writing, where ink may be as frequent as paper."""
    levels = np.arange(256)
    used = levels[counts > 0]
    middle = (int(used[0]) + int(used[-1])) / 2
    dark = float(counts[levels < middle].sum() / counts.sum())
    if ground >= middle or dark > 0.85:
        return ground
    edge = np.concatenate((sample[0], sample[-1], sample[:, 0], sample[:, -1]))
    edge_dark = float((edge < middle).mean())
    corners_light = bool((sample[:: max(1, sample.shape[0] - 1), :: max(1, sample.shape[1] - 1)] >= middle).all())
    if edge_dark > 0.9 and dark > 0.5:
        return ground
    if dark < _DARK_GROUND_SHARE or (corners_light and edge_dark < 0.7):
        light = counts * (levels >= middle)
        return _mode(light)[0]
    return ground


def _surface(sample: Grey, step: int, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Ground brightness as a quadratic surface, float32 [h, w], by trimmed least squares; None where it is no
    better than a constant.
    """
    thin = max(1, math.isqrt(sample.size // 5000))
    values = sample[::thin, ::thin].astype(np.float64)
    y, x = np.mgrid[0 : values.shape[0], 0 : values.shape[1]].astype(np.float64)
    y, x = y.ravel() * thin * step / shape[0] - 0.5, x.ravel() * thin * step / shape[1] - 0.5
    flat = values.ravel()
    if flat.size < 50:
        return None
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1)
    weight = np.abs(flat - np.median(flat)) <= np.quantile(np.abs(flat - np.median(flat)), 0.7)
    constant = float(np.abs(flat[weight] - np.median(flat)).mean())
    solution = np.zeros(6)
    for _ in range(6):
        gram = terms[weight].T @ terms[weight] + 1e-3 * np.eye(6)
        solution = np.linalg.solve(gram, terms[weight].T @ flat[weight])
        away = np.abs(flat - terms @ solution)
        weight = away <= np.quantile(away, 0.6)
    if float(away[weight].mean()) > 0.8 * constant:
        return None
    rows = (np.arange(shape[0], dtype=np.float32) / shape[0] - 0.5)[:, None]
    columns = (np.arange(shape[1], dtype=np.float32) / shape[1] - 0.5)[None, :]
    c = solution.astype(np.float32)
    return (c[0] + c[2] * rows + c[5] * rows * rows) + (c[1] + c[4] * rows) * columns + c[3] * columns * columns


def _finish(ink: Grey) -> Grey:
    """Resized ink -> grey picture: what resampling took from the peaks is given back, and faint pixels far from ink
    are dropped.
    """
    strong = ink[ink > 80]
    peak = float(np.quantile(strong, 0.9)) if strong.size else 255.0
    gain = min(1.5, 255.0 / max(peak, 1.0))
    near = ink > 40
    near[1:] |= near[:-1].copy()
    near[:-1] |= near[1:].copy()
    near[:, 1:] |= near[:, :-1].copy()
    near[:, :-1] |= near[:, 1:].copy()
    table = (255 - np.clip(np.arange(256) * gain - 6, 0, 255)).round().astype(np.uint8)
    return np.where(near, table[ink], np.uint8(255))


def _blank(width: int, height: int) -> Prepared:
    pixels = np.full((_BLANK_SIDE, _BLANK_SIDE), 255, np.uint8)
    return Prepared(pixels, 1.0, (0.0, 0.0, float(width), float(height)), blank=True)


def _shrunk(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of an enlarged picture -> that of the picture of this shape: the pixels in which one of its begins."""
    for axis in (0, 1):
        if mask.shape[axis] != shape[axis]:
            begins = np.arange(shape[axis]) * mask.shape[axis] // shape[axis]
            mask = np.logical_or.reduceat(mask, begins, axis=axis)
    return mask


def _reduce(picture: Grey, factor: int) -> Grey:
    return np.array(Image.fromarray(picture).reduce(factor))


def _resize(picture: Grey, zoom: float) -> Grey:
    height, width = picture.shape
    size = max(1, round(width * zoom)), max(1, round(height * zoom))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
