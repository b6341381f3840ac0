"""Augmentation varies pictures within bounds, from its generator alone, and keeps them legible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core_model.preprocessing import MARGIN, prepare
from trainer.data.augment import AugmentOptions, augment, degrade
from trainer.data.shards import HEADROOM

Grey = NDArray[np.uint8]


def raw(text: str = "a+b=42x", size: int = 28) -> Grey:
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (math.ceil(right - left) + 8, math.ceil(bottom - top) + 8), 255)
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, fill=0, font=font)
    return np.array(image)


def ink(pixels: Grey) -> Grey:
    rows, columns = np.nonzero(pixels < 160)
    return pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def alike(first: Grey, second: Grey) -> float:
    a = 255.0 - ink(first)
    b = 255.0 - np.asarray(Image.fromarray(ink(second)).resize(a.shape[::-1]), np.float64)
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def test_none_divides_the_headroom_out_and_nothing_else() -> None:
    stored, plain = prepare(raw(), headroom=HEADROOM).pixels, prepare(raw()).pixels
    found = augment(stored, np.random.default_rng(0), AugmentOptions.none())
    assert np.abs(np.subtract(found.shape, plain.shape)).max() <= 1
    height, width = np.minimum(found.shape, plain.shape)
    a, b = 255.0 - found[:height, :width], 255.0 - plain[:height, :width]
    assert (a * b).sum() > 0.97 * math.sqrt((a * a).sum() * (b * b).sum())
    assert (found[:MARGIN] == 255).all() and (found[:, -MARGIN:] == 255).all()
    assert (augment(stored, np.random.default_rng(9), AugmentOptions.none()) == found).all()
    assert (augment(plain, np.random.default_rng(0), AugmentOptions.none(headroom=1.0)) == plain).all()


def test_same_seed_same_picture_and_the_original_stays() -> None:
    stored = prepare(raw(), headroom=HEADROOM).pixels
    kept = stored.copy()
    first = [augment(stored, np.random.default_rng(s), AugmentOptions()) for s in range(30)]
    second = [augment(stored, np.random.default_rng(s), AugmentOptions()) for s in range(30)]
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (stored == kept).all()
    assert len({a.tobytes() for a in first}) > 25


def test_pictures_vary_within_bounds_and_stay_alike() -> None:
    stored, plain = prepare(raw(), headroom=HEADROOM).pixels, prepare(raw()).pixels
    rng = np.random.default_rng(2)
    for _ in range(300):
        found = augment(stored, rng, AugmentOptions())
        assert found.dtype == np.uint8 and found.ndim == 2
        assert found.shape[1] <= 1.3 * plain.shape[1] + 16 and found.shape[0] <= 1.3 * plain.shape[0] + 22
        assert alike(found, plain) > 0.55
        assert np.median(found) > 200


@pytest.mark.parametrize(
    "chance",
    [
        "rotate_chance",
        "thickness_chance",
        "blur_chance",
        "contrast_chance",
        "noise_chance",
        "jpeg_chance",
        "invert_chance",
    ],
)
def test_each_step_does_something(chance: str) -> None:
    stored = prepare(raw(), headroom=HEADROOM).pixels
    quiet = AugmentOptions.none()
    changed = AugmentOptions(**{**quiet.__dict__, chance: 1.0})
    plain = augment(stored, np.random.default_rng(4), quiet)
    found = augment(stored, np.random.default_rng(4), changed)
    assert found.shape != plain.shape or (found != plain).any()


def test_thickness_goes_both_ways() -> None:
    stored = prepare(raw(), headroom=HEADROOM).pixels
    quiet = AugmentOptions.none().__dict__
    darkness = []
    for change in (-0.4, 0.0, 0.7):
        options = AugmentOptions(**{**quiet, "thickness_chance": 1.0, "thickness": (change, change)})
        darkness.append(int((255 - augment(stored, np.random.default_rng(0), options).astype(int)).sum()))
    assert darkness[0] < darkness[1] < darkness[2]


@pytest.mark.parametrize("shape", [(1, 1), (9, 9), (8, 300), (300, 9), (2, 50)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    options = AugmentOptions(
        rotate_chance=1, thickness_chance=1, blur_chance=1, contrast_chance=1, noise_chance=1, jpeg_chance=1
    )
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert augment(np.full(shape, 255, np.uint8), rng, options).min() > 0


def test_impossible_options_name_all_their_faults() -> None:
    with pytest.raises(ValueError, match="must") as caught:
        AugmentOptions(blur_chance=2, scale=(1.2, 0.8), headroom=0, stretch=0.7, gamma=(0, 1))
    for name in ("blur_chance", "scale", "headroom", "stretch", "gamma"):
        assert name in str(caught.value)


def test_degraded_pictures_can_still_be_prepared() -> None:
    plain = prepare(raw(size=40))
    rng = np.random.default_rng(6)
    found = [degrade(raw(size=40), rng) for _ in range(120)]
    assert all(f.dtype == np.uint8 and f.ndim == 2 for f in found)
    prepared = [prepare(f) for f in found]
    assert not any(p.blank for p in prepared)
    likeness = np.array([alike(p.pixels, plain.pixels) for p in prepared])
    assert np.median(likeness) > 0.93 and np.quantile(likeness, 0.05) > 0.8 and likeness.min() > 0.6
    assert 20 < sum(np.median(f) < 128 for f in found) < 60  # dark ones among them
    assert min(int(np.ptp(f)) for f in found) < 110


def test_degrade_is_repeatable() -> None:
    for seed in range(10):
        first, second = (degrade(raw(), np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == second.shape and (first == second).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3)])
def test_degrade_takes_tiny_pictures(shape: tuple[int, int]) -> None:
    for seed in range(20):
        assert degrade(np.zeros(shape, np.uint8), np.random.default_rng(seed)).size
