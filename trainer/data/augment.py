"""Variation for training pictures, in two places.

``degrade`` spoils raw pictures as screens, scanners and chats do; it runs once, in ``trainer prepare``, before
preprocessing. ``augment`` varies prepared pictures anew each time they are drawn; it is cheap, since it runs beside
the training. Both take their chances from the generator they are given, and from nothing else.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from core_model.preprocessing import MARGIN
from core_model.writing_size import rough_stroke
from trainer.data.shards import HEADROOM

Grey = NDArray[np.uint8]
Range = tuple[float, float]

_Filter = Image.Resampling
_FILTERS = (_Filter.BICUBIC, _Filter.BICUBIC, _Filter.HAMMING, _Filter.LANCZOS)


@dataclass(frozen=True)
class AugmentOptions:
    """Chances and ranges of ``augment``. Raises ValueError naming every value that makes no sense."""

    headroom: float = HEADROOM
    """Size of the given pictures, relative to nominal, which is divided out."""
    scale: Range = (0.8, 1.2)
    """Size of the writing, relative to nominal."""
    stretch: float = 0.06
    """Largest relative difference between the horizontal and the vertical scale."""
    vary_filter: bool = True
    """Resample by a filter drawn from three; else always bicubic."""
    pad: tuple[int, int] = (0, 8)
    """White pixels on each side, each drawn by itself; (4, 4) keeps the margin of preprocessing."""
    rotate_chance: float = 0.1
    rotate_degrees: float = 1.5
    thickness_chance: float = 0.4
    thickness: Range = (-0.4, 0.7)
    """Change of the stroke width in px of the stored picture; below 0 is thinner."""
    blur_chance: float = 0.2
    blur_radius: Range = (0.3, 1.0)
    contrast_chance: float = 0.4
    gamma: Range = (0.65, 1.5)
    ink_level: Range = (0.0, 60.0)
    """Grey value of full ink."""
    noise_chance: float = 0.12
    noise_sigma: Range = (4.0, 20.0)
    """In grey levels, on ink and its edges; preprocessing leaves no noise elsewhere."""
    jpeg_chance: float = 0.05
    jpeg_quality: Range = (35.0, 90.0)
    invert_chance: float = 0.0
    """Preprocessing undoes inversion, so the model need not see it."""

    def __post_init__(self) -> None:
        wrong = [
            f"{f.name} must lie in 0..1"
            for f in fields(self)
            if "chance" in f.name and not 0 <= getattr(self, f.name) <= 1
        ]
        ranges = ("scale", "pad", "thickness", "blur_radius", "gamma", "ink_level", "noise_sigma", "jpeg_quality")
        wrong += [
            f"{name} must run from low to high" for name in ranges if getattr(self, name)[0] > getattr(self, name)[1]
        ]
        wrong += [f"{name} must be above 0" for name in ("scale", "gamma") if getattr(self, name)[0] <= 0]
        wrong += [
            f"{name} must not be negative"
            for name in ("pad", "blur_radius", "noise_sigma")
            if getattr(self, name)[0] < 0
        ]
        if self.headroom <= 0:
            wrong.append("headroom must be above 0")
        if not 0 <= self.stretch < 0.5:
            wrong.append("stretch must lie in 0..0.5")
        if wrong:
            raise ValueError("; ".join(wrong))

    @classmethod
    def none(cls, headroom: float = HEADROOM) -> AugmentOptions:
        """No variation: only the headroom is divided out and the margin of preprocessing restored (validation)."""
        quiet: dict[str, Any] = {f.name: 0.0 for f in fields(cls) if "chance" in f.name}
        return cls(headroom=headroom, scale=(1.0, 1.0), stretch=0.0, vary_filter=False, pad=(MARGIN, MARGIN), **quiet)


def augment(pixels: Grey, rng: np.random.Generator, options: AugmentOptions) -> Grey:
    """Prepared picture (uint8 [h, w], dark on white, ``MARGIN`` px of white around) -> a varied one at headroom 1
    (uint8 [H, W]).
    """
    # One call for all the chances: a call to the generator costs more than a draw.
    chance = rng.random(16).tolist()
    margin = min(MARGIN, (min(pixels.shape) - 1) // 2)
    ink = pixels[margin : pixels.shape[0] - margin, margin : pixels.shape[1] - margin]
    if chance[0] < options.thickness_chance:
        ink = _thicken(pixels, _within(options.thickness, chance[1]))[margin:-margin, margin:-margin] if margin else ink
    image = Image.fromarray(ink)
    if chance[2] < options.rotate_chance:
        angle = (2 * chance[3] - 1) * options.rotate_degrees
        image = image.rotate(angle, _Filter.BICUBIC, expand=True, fillcolor=255)
    low, high = (math.log(value) for value in options.scale)
    scale = math.exp(low + (high - low) * chance[4]) / options.headroom
    stretch = 1 + (2 * chance[5] - 1) * options.stretch
    size = max(1, round(image.width * scale * stretch)), max(1, round(image.height * scale / stretch))
    if size != image.size:
        kind = _FILTERS[int(chance[6] * len(_FILTERS))] if options.vary_filter else _Filter.BICUBIC
        image = image.resize(size, kind)
    first, last = options.pad
    left, top, right, bottom = (first + int(chance[i] * (last - first + 1)) for i in (7, 8, 9, 10))
    canvas = Image.new("L", (left + image.width + right, top + image.height + bottom), 255)
    canvas.paste(image, (left, top))
    chance = rng.random(10).tolist()
    if chance[0] < options.blur_chance:
        canvas = canvas.filter(ImageFilter.GaussianBlur(_within(options.blur_radius, chance[1])))
    result = np.array(canvas)
    if chance[2] < options.contrast_chance:
        result = _levels(_within(options.ink_level, chance[3]), _gamma(options.gamma, chance[4]))[result]
    if chance[5] < options.noise_chance:
        result = _noise_on_ink(result, _within(options.noise_sigma, chance[6]), rng)
    if chance[7] < options.jpeg_chance:
        result = _jpeg(result, round(_within(options.jpeg_quality, chance[8])))
    if chance[9] < options.invert_chance:
        result = 255 - result
    return result


def degrade(grey: Grey, rng: np.random.Generator) -> Grey:
    """Spoil a raw render (uint8 [h, w], dark on white, any resolution) as the ways of pictures do; the result stays
    legible.

    By chance: resampling by several filters, blur, margins of 0 to 60 px, dark mode, tinted or low-contrast ground,
    uneven light, noise, JPEG.
    """
    stroke = max(0.8, rough_stroke(255 - grey))
    if rng.random() < 0.35:
        grey = _resampled(grey, stroke, rng)
        stroke = max(0.8, rough_stroke(255 - grey))
    if rng.random() < 0.25:
        radius = rng.uniform(0.25, 0.6) * min(1.6, max(1.0, 0.6 * stroke))
        grey = np.array(Image.fromarray(np.pad(grey, 2, constant_values=255)).filter(ImageFilter.GaussianBlur(radius)))
    grey = _with_margins(grey, rng)
    ground, ink = _ground_and_ink(rng)
    contrast = abs(ground - ink)
    if (ground, ink) != (255.0, 0.0):
        grey = np.rint(np.linspace(ink, ground, 256)).astype(np.uint8)[grey]
    if rng.random() < 0.12:
        grey = _uneven_light(grey, 0.35 * contrast, rng)
    if rng.random() < 0.2:
        noise = rng.standard_normal(grey.shape, np.float32) * np.float32(rng.uniform(0.004, 0.045) * contrast)
        grey = np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        low = 30 if contrast > 100 else 65  # JPEG's steps must stay finer than the contrast
        grey = _jpeg(grey, int(rng.integers(low, 91)))
    return grey


def _within(bounds: Range, chance: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * chance


def _gamma(bounds: Range, chance: float) -> float:
    return math.exp(_within((math.log(bounds[0]), math.log(bounds[1])), chance))


def _levels(ink: float, gamma: float) -> Grey:
    """Lookup table [256]: full ink becomes ``ink``; a gamma above 1 darkens the soft edges, which reads as bolder."""
    return np.rint(ink + (255 - ink) * (np.arange(256) / 255.0) ** gamma).astype(np.uint8)


def _thicken(pixels: Grey, change: float) -> Grey:
    """Strokes wider (or, below 0, thinner) by ``change`` px: a blend with the picture eroded or dilated by one
    pixel, half in each direction.
    """
    spread = np.minimum if change > 0 else np.maximum
    wide = pixels.copy()
    wide[:, 1:] = spread(pixels[:, 1:], pixels[:, :-1])
    both = wide.copy()
    both[1:] = spread(wide[1:], wide[:-1])
    part = round(256 * min(1.0, abs(change)))
    mixed = pixels.astype(np.uint16) * np.uint16(256 - part) + both.astype(np.uint16) * np.uint16(part)
    # 255 * 256 fits into 16 bits.
    return (mixed >> np.uint16(8)).astype(np.uint8) if part < 256 else both


def _noise_on_ink(pixels: Grey, sigma: float, rng: np.random.Generator) -> Grey:
    place = np.flatnonzero(pixels < 250)
    result = pixels.copy()
    flat = result.ravel()
    flat[place] = np.clip(flat[place] + rng.standard_normal(place.size, np.float32) * np.float32(sigma), 0, 255).astype(
        np.uint8
    )
    return result


def _jpeg(pixels: Grey, quality: int) -> Grey:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        return np.array(image)


def _resampled(grey: Grey, stroke: float, rng: np.random.Generator) -> Grey:
    """Larger or smaller, but never so small that strokes vanish; sometimes there and back again."""
    grey = np.pad(grey, 3, constant_values=255)  # so that soft edges have somewhere to go
    height, width = grey.shape
    smallest = min(1.0, max(0.35, 1.25 / stroke))
    factor = math.exp(rng.uniform(math.log(smallest), math.log(2.0)))
    shrinking = (_Filter.BOX, _Filter.BILINEAR, _Filter.HAMMING, _Filter.BICUBIC, _Filter.LANCZOS)
    kinds = shrinking if factor < 1.0 else (*shrinking, _Filter.NEAREST)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    image = Image.fromarray(grey)
    image = image.resize(size, kinds[int(rng.integers(len(kinds)))])
    if rng.random() < 0.25:
        image = image.resize((width, height), shrinking[int(rng.integers(len(shrinking)))])
    return np.array(image)


def _with_margins(grey: Grey, rng: np.random.Generator) -> Grey:
    """White around the picture: none, a little, or much; even or different on each side."""
    widest = int(rng.choice((0, 3, 12, 30, 60), p=(0.1, 0.2, 0.3, 0.25, 0.15)))
    if rng.random() < 0.5:
        return np.pad(grey, widest, constant_values=255)
    top, bottom, left, right = rng.integers(0, widest + 1, 4).tolist()
    return np.pad(grey, ((top, bottom), (left, right)), constant_values=255)


def _ground_and_ink(rng: np.random.Generator) -> tuple[float, float]:
    """Grey values of paper and ink: black on white, tinted, dark mode, or of low contrast."""
    kind = rng.random()
    if kind < 0.4:
        return 255.0, 0.0
    if kind < 0.62:
        return float(rng.uniform(185, 255)), float(rng.uniform(0, 90))
    if kind < 0.85:
        return float(rng.uniform(0, 70)), float(rng.uniform(170, 255))
    ground = float(rng.uniform(0, 255))
    contrast = float(rng.uniform(40, 90))
    return ground, ground - contrast if ground > 128 else ground + contrast


def _uneven_light(grey: Grey, strength: float, rng: np.random.Generator) -> Grey:
    """A slope of brightness across the picture, at most ``strength`` grey levels from one corner to another, away
    from white or black.
    """
    height, width = grey.shape
    across, down = rng.uniform(-0.5, 0.5, 2) * strength
    slope = np.linspace(-across, across, width)[None, :] + np.linspace(-down, down, height)[:, None]
    slope -= slope.max() if np.median(grey) > 128 else slope.min()
    return np.clip(np.rint(grey + slope), 0, 255).astype(np.uint8)
