"""Photographs of handwriting: the ink stays whole and legible, all else varies."""

from typing import Any

import numpy as np
import pytest

from core_model.preprocessing import prepare
from core_model.strokes import rasterize
from trainer.data.paper import PaperOptions, on_paper

CALM: dict[str, Any] = {
    "texture": (0.0, 0.0), "shadow": (0.0, 0.0), "fading": (0.0, 0.0), "perspective": 0.0, "rotate_degrees": 0.0,
    "blur": (0.0, 0.0), "noise": (0.0, 0.0), "jpeg_quality": (95, 95),
}  # fmt: skip


@pytest.fixture
def grey(write_ink: Any) -> np.ndarray:
    return rasterize(write_ink("ax+bd=x"))


def taken(grey: np.ndarray, seed: int = 0, **options: Any) -> np.ndarray:
    return on_paper(grey, np.random.default_rng(seed), PaperOptions(**options))


def test_the_same_seed_gives_the_same_photograph(grey: np.ndarray) -> None:
    assert np.array_equal(taken(grey, 1), taken(grey, 1))
    assert taken(grey, 1).shape != taken(grey, 2).shape or not np.array_equal(taken(grey, 1), taken(grey, 2))


def test_no_ink_is_cut_off_even_from_a_long_line(write_ink: Any) -> None:
    """The border of the picture shows paper only, however it is tilted."""
    long = rasterize(write_ink("abcd" * 6))
    for seed in range(12):
        picture = taken(
            long, seed, **CALM | {"lines": "none", "rotate_degrees": 8.0, "perspective": 0.2, "kind": "photo"}
        )
        edge = np.concatenate((picture[0], picture[-1], picture[:, 0], picture[:, -1])).astype(int)
        assert edge.min() > edge.max() - 40
        assert prepare(picture).pixels.shape[1] > 0.8 * prepare(long).pixels.shape[1]


def test_writing_is_found_on_plain_paper_at_its_size(grey: np.ndarray) -> None:
    clean = prepare(grey).pixels
    for seed in range(12):
        seen = prepare(taken(grey, seed, lines="none"))
        assert not seen.blank
        assert seen.pixels.shape[1] == pytest.approx(clean.shape[1], rel=0.15)


def test_printed_lines_are_printed(grey: np.ndarray) -> None:
    blank = np.full_like(grey, 255)
    rows = {}
    for lines in ("none", "ruled", "squared"):
        page = taken(blank, 3, **CALM | {"lines": lines, "line_strength": (0.2, 0.2), "kind": "scan"}).astype(float)
        rows[lines] = [np.ptp(page.mean(axis=axis)) > 15 for axis in (1, 0)]
    assert rows == {"none": [False, False], "ruled": [True, False], "squared": [True, True]}


def test_scans_are_lit_evenly_and_photographs_are_not(grey: np.ndarray) -> None:
    blank = np.full((200, 300), 255, np.uint8)
    options = CALM | {"lines": "none", "shadow": (0.4, 0.4)}
    falls = {
        kind: np.mean([np.ptp(taken(blank, seed, **options | {"kind": kind}).astype(int)) for seed in range(6)])
        for kind in ("scan", "photo")
    }
    assert falls["scan"] < 25 < 60 < falls["photo"]


def test_senseless_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"ink must.*shadow must.*glyph.*perspective.*jpeg"):
        PaperOptions(ink=(90, 10), shadow=(0, 1), glyph=1, perspective=0.5, jpeg_quality=(0, 200))
