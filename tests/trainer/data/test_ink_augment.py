"""Variation of ink: another hand, the same formula."""

from typing import Any

import numpy as np
import pytest

from core_model.ink import Ink, Stroke
from core_model.strokes import RasterOptions, rasterize, writing_height
from trainer.data.ink_augment import InkAugmentOptions, augment_ink

STILL: dict[str, Any] = {
    "stretch": 0.0, "rotate_degrees": 0.0, "slant": 0.0, "elastic": 0.0, "stroke_shift": 0.0, "stroke_scale": 0.0,
    "stroke_rotate_degrees": 0.0, "cut_chance": 0.0, "join_chance": 0.0, "sparse_chance": 0.0, "pressure_chance": 0.0,
}  # fmt: skip
"""No variation but of the pen; a test puts back the one that it is about."""


@pytest.fixture
def ink(write_ink: Any) -> Ink:
    return write_ink("ax+b=xd", 5, 3.0)  # type: ignore[no-any-return]


def varied(ink: Ink, seed: int = 0, **options: Any) -> Ink:
    return augment_ink(ink, InkAugmentOptions(**options), np.random.default_rng(seed))[0]


def paths(ink: Ink) -> list[np.ndarray]:
    """Strokes as they are: varied ink comes in heights already."""
    return [stroke.points for stroke in ink.strokes]


def unit(ink: Ink) -> list[np.ndarray]:
    """Strokes in heights, about their common middle."""
    left, top, right, bottom = ink.bounds or (0.0, 0.0, 0.0, 0.0)
    centre = np.array((left + right, top + bottom)) / 2
    return [(stroke.points - centre) / writing_height(ink) for stroke in ink.strokes]


def test_the_same_seed_gives_the_same_ink_and_another_seed_another(ink: Ink) -> None:
    options = InkAugmentOptions()
    one, again, other = (augment_ink(ink, options, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again
    assert one[0] != other[0] and one[1] != other[1]
    assert (one[0].latex, one[0].identifier) == (ink.latex, ink.identifier)


def test_strength_0_changes_nothing(ink: Ink) -> None:
    assert augment_ink(ink, InkAugmentOptions(strength=0), np.random.default_rng(1)) == (ink, RasterOptions())


def test_a_single_place_comes_back(ink: Ink) -> None:
    dot = Ink((Stroke(np.zeros((3, 2))),))
    assert augment_ink(dot, InkAugmentOptions(), np.random.default_rng(1))[0] == dot


def test_units_and_place_do_not_matter(ink: Ink) -> None:
    moved = Ink(tuple(Stroke(stroke.points * 0.01 + 7000) for stroke in ink.strokes))
    for seed in range(5):
        one, other = (paths(varied(each, seed)) for each in (ink, moved))
        assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(one, other, strict=True))


def test_symbols_stay_near_their_places(ink: Ink) -> None:
    """No stroke leaves its neighbourhood or vanishes; pieces of strokes at most do."""
    options = InkAugmentOptions(cut_chance=1.0, join_chance=0.0, elastic=0.04)
    before = unit(ink)
    for seed in range(30):
        after = np.concatenate(paths(augment_ink(ink, options, np.random.default_rng(seed))[0]))
        for path in before:
            assert np.hypot(*(after - path.mean(axis=0)).T).min() < 0.9
        assert np.ptp(after[:, 0]) == pytest.approx(np.ptp(np.concatenate(before)[:, 0]), rel=0.45)


def test_rotation_and_slant_are_what_they_say(ink: Ink) -> None:
    upright = Ink((Stroke(np.array([[0.0, 0.0], [0, 10]])), Stroke(np.array([[0.0, 10.0], [30, 10]]))))
    leaning = [paths(varied(upright, seed, **STILL | {"slant": 0.3})) for seed in range(40)]
    slants = [(path[0, 0] - path[-1, 0]) / (path[-1, 1] - path[0, 1]) for path, _ in leaning]
    assert 0.15 < np.std(slants) < 0.45
    assert all(line[0, 1] == pytest.approx(line[-1, 1]) for _, line in leaning)
    turned = [paths(varied(upright, seed, **STILL | {"rotate_degrees": 4.0})) for seed in range(40)]
    slopes = [np.degrees(np.arctan2(*(line[-1] - line[0])[::-1])) for _, line in turned]
    assert 2 < np.std(slopes) < 6


def test_elastic_bends_smoothly(ink: Ink) -> None:
    for seed in range(10):
        before, after = unit(ink), paths(varied(ink, seed, **STILL | {"elastic": 0.1}))
        moves = [b - a for a, b in zip(before, after, strict=True)]
        assert max(np.abs(move).max() for move in moves) < 2
        steps = np.concatenate([np.abs(np.diff(move, axis=0)).max(axis=1) for move in moves])
        lengths = np.concatenate([np.hypot(*np.diff(path, axis=0).T) for path in before])
        assert (steps < 0.8 * lengths + 1e-9).all()


def test_pieces_are_missing_and_points_get_fewer(ink: Ink) -> None:
    def length(strokes: list[np.ndarray]) -> float:
        return sum(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in strokes)

    cut = [varied(ink, seed, **STILL | {"cut_chance": 1.0, "cut": 0.2}) for seed in range(20)]
    whole = length(unit(ink))
    assert all(0.75 * whole < length(paths(each)) < whole for each in cut)
    assert {len(each.strokes) > len(ink.strokes) for each in cut} == {True}
    sparse = varied(ink, **STILL | {"sparse_chance": 1.0, "sparse_step": (0.2, 0.2)})
    assert sum(len(s.points) for s in sparse.strokes) < 0.7 * sum(len(s.points) for s in ink.strokes)
    assert len(sparse.strokes) == len(ink.strokes)
    assert all(np.allclose(a[[0, -1]], b[[0, -1]]) for a, b in zip(unit(ink), paths(sparse), strict=True))


def test_only_strokes_that_nearly_touch_are_joined() -> None:
    near = [[[0.0, 0.0], [0, 10]], [[1.0, 10.0], [6, 0]], [[40.0, 0.0], [40, 10]]]
    ink = Ink(tuple(Stroke(np.array(path)) for path in near))
    joined = varied(ink, **STILL | {"join_chance": 1.0})
    assert [len(stroke.points) for stroke in joined.strokes] == [4, 2]


def test_pens_differ_and_pressure_swells_the_line(ink: Ink) -> None:
    options = InkAugmentOptions(pressure_chance=1.0)
    pens = [augment_ink(ink, options, np.random.default_rng(seed))[1] for seed in range(40)]
    assert min(pen.pen for pen in pens) < 0.085 < 0.13 < max(pen.pen for pen in pens)
    assert len({pen.smoothing for pen in pens}) == 40
    pressed = varied(ink, **STILL | {"pressure_chance": 1.0})
    assert all(stroke.pressure is not None for stroke in pressed.strokes)
    plain = Ink(tuple(Stroke(stroke.points) for stroke in pressed.strokes))
    assert not np.array_equal(rasterize(pressed), rasterize(plain))


def test_half_the_strength_is_half_the_change(ink: Ink) -> None:
    changes = []
    for strength in (0.5, 1.0):
        options = STILL | {"stroke_shift": 0.1, "strength": strength}
        moved = [paths(varied(ink, seed, **options)) for seed in range(20)]
        changes.append(np.mean([np.abs(b - a).mean() for each in moved for a, b in zip(unit(ink), each, strict=True)]))
    assert changes[0] == pytest.approx(changes[1] / 2, rel=0.15)


def test_senseless_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"strength.*slant.*cut_chance.*pen.*cut must"):
        InkAugmentOptions(strength=-1, slant=-0.1, cut_chance=2, pen=(0.2, 0.1), cut=0.7)
