"""Photographs and scans of handwriting: a clean picture of ink is put on paper, lit, tilted and taken.

Works on grey pictures alone (uint8 [h, w], dark on white), takes its chances from the generator it is given and from
nothing else. ``trainer train`` does this to a share of the ink, and the photo-like evaluation set is made by it.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True)
class PaperOptions:
    """How a picture is put on paper. Raises ValueError naming every value that makes no sense."""

    kind: Literal["photo", "scan", "any"] = "any"
    """A scan is lit evenly and lies flat."""
    glyph: float = 32.0
    """Height of a typical glyph in the given picture, px; widths of lines, blur and margins follow it."""
    lines: Literal["none", "ruled", "squared", "any"] = "any"
    """Printed lines of the paper; any: none, ruled or squared by chance."""
    line_distance: Range = (1.2, 3.0)
    """Between printed lines, in glyphs."""
    line_strength: Range = (0.06, 0.25)
    """Darkness of printed lines, as a share of the paper's brightness."""
    ink: Range = (10.0, 90.0)
    """Grey of the pen on white paper; pencils are lighter than ballpoints."""
    fading: Range = (0.0, 0.35)
    """How much weaker the ink is in places."""
    texture: Range = (0.5, 4.0)
    """Standard deviation of the paper's grain, in grey levels."""
    shadow: Range = (0.0, 0.45)
    """How much darker the darkest corner is, and the shadow of hand or telephone; photographs only."""
    perspective: float = 0.05
    """Largest shift of a corner, as a share of the shorter side; photographs only."""
    rotate_degrees: float = 2.0
    blur: Range = (0.0, 0.05)
    """Radius in glyphs."""
    noise: Range = (0.5, 5.0)
    """Standard deviation of the sensor's noise, in grey levels."""
    jpeg_quality: tuple[int, int] = (45, 92)

    def __post_init__(self) -> None:
        wrong = []
        for name in ("line_distance", "line_strength", "ink", "fading", "texture", "shadow", "blur", "noise"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                wrong.append(f"{name} must run from low to high, not below 0")
        shares = ("line_strength", "fading", "shadow")
        wrong += [f"{name} must stay below 1" for name in shares if getattr(self, name)[1] >= 1]
        if self.glyph < 4 or self.line_distance[0] < 0.3:
            wrong.append("glyph must be at least 4 and line_distance at least 0.3")
        if not 0 <= self.perspective <= 0.2:
            wrong.append("perspective must lie in 0..0.2")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            wrong.append("jpeg_quality must run within 1..100")
        if wrong:
            raise ValueError("; ".join(wrong))


def on_paper(grey: Grey, rng: np.random.Generator, options: PaperOptions | None = None) -> Grey:
    """A picture of ink (uint8 [h, w], dark on white) as a photograph or scan of it (uint8 [H, W], somewhat larger)."""
    options = options or PaperOptions()
    photo = options.kind == "photo" or (options.kind == "any" and rng.random() < 0.7)
    glyph = options.glyph
    border = [int(glyph * rng.uniform(0.6, 2.5)) for _ in range(4)]  # left, top, right, bottom
    ink = np.pad(grey, ((border[1], border[3]), (border[0], border[2])), constant_values=255)
    page = _paper(ink.shape, rng, options)
    cover = (1 - ink.astype(np.float32) / 255) * _strength(ink.shape, rng, options)
    page = page + cover * (np.float32(rng.uniform(*options.ink)) - page)
    if photo:
        page *= _light(page.shape, rng, options)
    image = Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))
    image = _tilted(image, rng, options, photo, min(border))
    radius = glyph * float(rng.uniform(*options.blur))
    if radius > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(radius))
    page = np.asarray(image, np.float32)
    page = page + rng.standard_normal(page.shape, np.float32) * np.float32(rng.uniform(*options.noise))
    taken = Image.fromarray(np.clip(np.rint(page), 0, 255).astype(np.uint8))
    stream = io.BytesIO()
    taken.save(stream, "JPEG", quality=int(rng.integers(options.jpeg_quality[0], options.jpeg_quality[1] + 1)))
    with Image.open(stream) as image:
        return np.array(image)


def _paper(shape: tuple[int, ...], rng: np.random.Generator, options: PaperOptions) -> Field:
    """White or yellowish paper with grain, a few stains of light, and perhaps printed lines."""
    page = np.full(shape, rng.uniform(205, 253), np.float32)
    grain = float(rng.uniform(*options.texture))
    page += _smooth_noise(shape, max(1.5, 0.06 * options.glyph), rng) * np.float32(grain)
    page += _smooth_noise(shape, 3 * options.glyph, rng) * np.float32(rng.uniform(0, 4))
    lines = options.lines if options.lines != "any" else ("none", "ruled", "squared")[int(rng.integers(3))]
    if lines != "none":
        distance = options.glyph * float(rng.uniform(*options.line_distance))
        width = max(1.0, options.glyph * float(rng.uniform(0.02, 0.06)))
        strength = np.float32(rng.uniform(*options.line_strength))
        for axis in (0, 1) if lines == "squared" else (0,):
            side = shape[axis]
            away = np.abs((np.arange(side) + rng.uniform(0, distance)) % distance - distance / 2)
            cover = np.clip(0.5 + width / 2 - away, 0, 1).astype(np.float32) * strength
            page *= 1 - (cover[:, None] if axis == 0 else cover[None, :])
    return page


def _strength(shape: tuple[int, ...], rng: np.random.Generator, options: PaperOptions) -> Field:
    """How much of the ink came onto the paper, 0..1 [h, w]: fading over the page, and grain where a pencil drew."""
    fading = float(rng.uniform(*options.fading))
    slow = 0.5 + 0.5 * np.clip(_smooth_noise(shape, 1.5 * options.glyph, rng), -1, 1)
    strength = 1 - np.float32(fading) * slow
    if rng.random() < 0.3:
        strength *= 1 - np.clip(_smooth_noise(shape, 1.2, rng), 0, 1) * np.float32(rng.uniform(0.1, 0.45))
    return strength


def _light(shape: tuple[int, ...], rng: np.random.Generator, options: PaperOptions) -> Field:
    """Brightness [h, w], at most 1: a fall of light over the page, and sometimes the soft edge of a shadow."""
    height, width = shape
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    angle = rng.uniform(0, 2 * math.pi)
    slope = x * np.float32(math.cos(angle)) + y * np.float32(math.sin(angle))  # -1.4..1.4
    depth = np.float32(rng.uniform(*options.shadow))
    light = 1 - depth * (slope + np.float32(1.4)) / np.float32(2.8)
    if rng.random() < 0.4:
        angle = rng.uniform(0, 2 * math.pi)
        edge = (x * width * math.cos(angle) + y * height * math.sin(angle)) / 2 - rng.uniform(-0.4, 0.4) * width
        soft = options.glyph * float(rng.uniform(0.5, 3.0))
        shade = np.float32(0.6 * rng.uniform(*options.shadow))
        light = light * (1 - shade / (1 + np.exp(np.clip(-edge / soft, -30, 30))))
    return light.astype(np.float32)


def _tilted(
    image: Image.Image, rng: np.random.Generator, options: PaperOptions, photo: bool, border: int
) -> Image.Image:
    """Rotated and, in a photograph, seen from the side; no corner moves further than the ink is from the border."""
    width, height = image.size
    steepest = math.degrees(math.asin(min(1.0, border / max(width, height))))
    degrees = min(options.rotate_degrees, steepest)
    angle = math.radians(float(rng.uniform(-degrees, degrees)))
    largest = min(options.perspective * min(width, height), border / 2) if photo else 0.0
    corners = []
    for x, y in ((0, 0), (0, height), (width, height), (width, 0)):
        dx, dy = x - width / 2, y - height / 2
        across = dx * math.cos(angle) - dy * math.sin(angle) + float(rng.uniform(-largest, largest))
        down = dx * math.sin(angle) + dy * math.cos(angle) + float(rng.uniform(-largest, largest))
        corners.append((border + width / 2 + across, border + height / 2 + down))
    # Corners that fall outside show more of the page, which is mirrored there: it is paper without ink.
    page = Image.fromarray(np.pad(np.asarray(image), border, mode="reflect"))
    numbers = _perspective(corners, width, height)
    return page.transform((width, height), Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)


def _perspective(source: list[tuple[float, float]], width: int, height: int) -> list[float]:
    """The eight numbers by which PIL maps the corners of a picture of this size to ``source``."""
    rows, values = [], []
    for (x, y), (u, v) in zip(((0, 0), (0, height), (width, height), (width, 0)), source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows, np.float64), np.array(values))]


def _smooth_noise(shape: tuple[int, ...], reach: float, rng: np.random.Generator) -> Field:
    """Noise of about unit deviation that changes over ``reach`` px, float32 [h, w]."""
    small = tuple(max(2, math.ceil(side / reach) + 1) for side in shape)
    noise = rng.standard_normal(small, np.float32)
    size = shape[1], shape[0]
    return np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC), np.float32)
