"""The drawing without its canvas: undo, redo, and erasers that cut where they pass and nowhere else."""

import numpy as np
import pytest

from app.ink_model import UNDO_STEPS, InkModel
from core_model.ink import Ink, Stroke


def line(*points: tuple[float, float]) -> Stroke:
    return Stroke(np.array(points, float))


def drawn(*strokes: Stroke) -> InkModel:
    model = InkModel()
    for stroke in strokes:
        model.add(stroke)
    return model


LEVEL = line((0, 0), (100, 0))
UPRIGHT = line((50, -50), (50, 50))
DOT = line((200, 0))


def test_undo_and_redo_walk_through_all_states() -> None:
    model = drawn(LEVEL, UPRIGHT)
    model.clear()
    seen = [model.ink.strokes]
    while model.undo():
        seen.append(model.ink.strokes)
    assert seen == [(), (LEVEL, UPRIGHT), (LEVEL,), ()]
    assert not model.can_undo
    while model.redo():
        seen.pop()
        assert model.ink.strokes == seen[-1]
    assert len(seen) == 1 and not model.can_redo


def test_a_new_stroke_ends_redo() -> None:
    model = drawn(LEVEL)
    model.undo()
    model.add(UPRIGHT)
    assert not model.can_redo and not model.redo()
    assert model.ink.strokes == (UPRIGHT,)


def test_nothing_done_is_nothing_to_undo() -> None:
    model = InkModel()
    assert not model.clear() and not model.load(Ink()) and not model.erase_strokes((0, 0), (9, 9), 5)
    assert not model.can_undo
    model.begin()
    assert not model.end()
    assert not model.can_undo


def test_old_steps_are_forgotten() -> None:
    model = InkModel()
    for index in range(UNDO_STEPS + 20):
        model.add(line((index, 0)))
    steps = 0
    while model.undo():
        steps += 1
    assert steps == UNDO_STEPS and len(model.ink.strokes) == 20


def test_loaded_ink_keeps_its_latex_until_it_is_changed() -> None:
    model = InkModel()
    given = Ink((LEVEL,), "-", "a name")
    assert model.load(given) and model.ink == given
    model.add(DOT)
    assert model.ink == Ink((LEVEL, DOT))
    model.undo()
    assert model.ink == given
    model.undo()
    assert model.ink == Ink()


@pytest.mark.parametrize(
    ("start", "stop", "left"),
    [
        ((50, 20), (50, 20), (LEVEL, DOT)),
        ((20, 4), (20, 4), (UPRIGHT, DOT)),
        ((20, -30), (20, 30), (UPRIGHT, DOT)),  # a sweep so fast that no point of it is near a point of the stroke
        ((20, 30), (80, 30), (LEVEL, DOT)),
        ((200, 3), (200, 3), (LEVEL, UPRIGHT)),
        ((10, 30), (40, 30), (LEVEL, UPRIGHT, DOT)),
        ((0, 60), (300, 60), (LEVEL, UPRIGHT, DOT)),
    ],
)
def test_the_stroke_eraser_takes_what_it_touches(
    start: tuple[float, float], stop: tuple[float, float], left: tuple[Stroke, ...]
) -> None:
    model = drawn(LEVEL, UPRIGHT, DOT)
    assert model.erase_strokes(start, stop, 5) is (len(left) < 3)
    assert model.ink.strokes == left


def test_the_area_eraser_cuts_a_stroke_in_two() -> None:
    model = drawn(LEVEL, UPRIGHT)
    assert model.erase_area((20, 0), (20, 0), 5)
    first, second, other = model.ink.strokes
    assert other is UPRIGHT
    assert first.points[0].tolist() == [0, 0] and second.points[-1].tolist() == [100, 0]
    assert first.points[-1].tolist() == pytest.approx([15, 0], abs=0.7)
    assert second.points[0].tolist() == pytest.approx([25, 0], abs=0.7)
    assert len(first.points) == len(second.points) == 2
    model.undo()
    assert model.ink.strokes == (LEVEL, UPRIGHT)


def test_the_area_eraser_keeps_points_pressure_and_time_of_what_is_left() -> None:
    x = np.arange(0, 101, 10.0)
    model = drawn(Stroke(np.column_stack((x, 0 * x)), x / 100, x / 10))
    model.erase_area((50, -30), (50, 30), 12)
    first, second = model.ink.strokes
    assert first.points[:4, 0].tolist() == [0, 10, 20, 30] and second.points[-4:, 0].tolist() == [70, 80, 90, 100]
    for piece in (first, second):
        assert piece.pressure is not None and np.allclose(piece.pressure, piece.points[:, 0] / 100)
        assert piece.time is not None and np.allclose(piece.time, piece.points[:, 0] / 10)


def test_the_area_eraser_takes_ends_dots_and_crumbs() -> None:
    model = drawn(LEVEL, DOT)
    model.erase_area((100, 0), (200, 0), 5)
    (rest,) = model.ink.strokes
    assert rest.points[-1, 0] == pytest.approx(95, abs=0.7)
    model = drawn(line((0, 0), (10.5, 0)))
    model.erase_area((5, 0), (5, 0), 5)
    assert model.ink.strokes == ()  # half a unit on the right is a crumb
    assert not model.erase_area((5, 0), (5, 0), 5)


def test_a_sweep_is_undone_at_once() -> None:
    model = drawn(LEVEL, UPRIGHT, DOT)
    model.begin()
    for x in range(0, 210, 10):
        model.erase_area((x - 10, 0), (x, 0), 6)
    assert model.end()
    assert {tuple(np.sign(stroke.points[:, 1])) for stroke in model.ink.strokes} == {(-1, -1), (1, 1)}
    model.undo()
    assert model.ink.strokes == (LEVEL, UPRIGHT, DOT)
    model.redo()
    assert len(model.ink.strokes) == 2
