"""The rasteriser: the picture depends on the shape of the ink alone, and preprocessing finds writing like print's."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from core_model.ink import Ink, Stroke
from core_model.preprocessing import prepare
from core_model.strokes import RasterOptions, rasterize, writing_height

Values = NDArray[np.float64]


def arc(x: float, y: float, radius: float, count: int = 40) -> Values:
    turn = np.linspace(0, 2 * np.pi, count)
    return np.column_stack((x + radius * np.cos(turn), y + radius * np.sin(turn)))


def formula() -> Ink:
    """x + 0 over a bar over a dotted 1, in glyphs of 40 units."""
    drawn = [
        np.array([[0, 0], [30, 40]]),
        np.array([[30, 0], [0, 40]]),
        np.array([[50, 20], [80, 20]]),
        np.array([[65, 5], [65, 35]]),
        arc(120, 20, 20),
        np.array([[-5, 60], [60, 61], [150, 60]]),
        np.array([[70, 80], [71, 120]]),
        np.array([[85, 119], [85.2, 119.1]]),
    ]
    return Ink(tuple(Stroke(points) for points in drawn))


def moved(ink: Ink, scale: float, x: float = 0, y: float = 0) -> Ink:
    return Ink(tuple(Stroke(stroke.points * scale + (x, y)) for stroke in ink.strokes))


def dark_rows(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (picture < 128).any(axis=1)


def test_the_picture_is_dark_ink_with_soft_edges_on_a_white_margin() -> None:
    picture = rasterize(formula())
    assert picture.dtype == np.uint8 and picture.min() == 0
    assert (picture[:7] == 255).all() and (picture[-7:] == 255).all()
    assert (picture[:, :7] == 255).all() and (picture[:, -7:] == 255).all()
    assert ((picture > 20) & (picture < 235)).sum() > 200


@pytest.mark.parametrize("scale", [1e-9, 0.004, 1.0, 500.0, 1e8])
def test_units_and_place_do_not_matter(scale: float) -> None:
    there = rasterize(moved(formula(), scale, 3.3 * scale, -700 * scale))
    here = rasterize(formula())
    assert there.shape == here.shape
    assert np.abs(there.astype(int) - here).max() <= 1


def test_the_same_ink_gives_the_same_picture() -> None:
    assert (rasterize(formula()) == rasterize(formula())).all()


def test_glyphs_get_the_height_asked_for() -> None:
    assert writing_height(formula()) == pytest.approx(40, rel=0.1)
    for height in (16.0, 32.0, 64.0):
        picture = rasterize(Ink(formula().strokes[:2]), RasterOptions(height=height))
        assert dark_rows(picture).sum() == pytest.approx(height * 1.11, abs=2.5)


def bracket(x: float, height: float, bulge: float) -> Values:
    along = np.linspace(-1, 1, 30)
    return np.column_stack((x + bulge * (1 - along**2), -20 + height * (along + 1) / 2))


@pytest.mark.parametrize("gap", [50.0, 65.0, 80.0])
def test_brackets_around_a_small_matrix_are_not_taken_for_its_letters(gap: float) -> None:
    letters = [arc(x, y, 20) for y in (20.0, 20 + gap) for x in (40.0, 120.0)]
    brackets = [bracket(0, gap + 80, -12), bracket(160, gap + 80, 12)]
    matrix = Ink(tuple(Stroke(points) for points in (brackets[0], *letters, brackets[1])))
    assert writing_height(matrix) == pytest.approx(40, rel=0.05)
    prepared = prepare(rasterize(matrix))
    assert 40 * prepared.scale * 32 / writing_height(matrix) == pytest.approx(
        10.7, abs=0.8
    )  # px of a letter, as in print


def test_brackets_around_one_row_and_around_a_fraction_count_as_before() -> None:
    """Only a matrix is an exception: these pictures are what models were trained on."""
    brackets = (Stroke(bracket(0, 100, -12)), Stroke(bracket(160, 100, 12)))
    row = Ink((*brackets, Stroke(arc(50, 20, 20)), Stroke(arc(110, 20, 20))))
    over, under, line = arc(80, 0, 15), arc(80, 60, 15), np.array([[40.0, 30], [120, 31]])
    fraction = Ink((*brackets, Stroke(over), Stroke(line), Stroke(under)))
    assert writing_height(row) > 55 and writing_height(fraction) > 45


def test_dense_and_sparse_points_give_the_same_line() -> None:
    sparse = rasterize(Ink((Stroke(arc(0, 0, 20, 14)),)))
    dense = rasterize(Ink((Stroke(arc(0, 0, 20, 2000)),)))
    assert sparse.shape == pytest.approx(dense.shape, abs=1)
    side = min(*sparse.shape, *dense.shape)
    assert np.abs(sparse[:side, :side].astype(int) - dense[:side, :side]).mean() < 8


def test_curves_are_round_and_corners_are_sharp() -> None:
    options = RasterOptions(height=100, pen=0.04)
    circle = rasterize(Ink((Stroke(arc(0, 0, 1, 13)),)), options)
    rows, columns = np.nonzero(circle < 128)
    away = np.hypot(rows - circle.shape[0] / 2 + 0.5, columns - circle.shape[1] / 2 + 0.5)
    assert np.ptp(away) < 6.5  # the pen is 4 px wide; a polygon's sides would come 1.5 px nearer
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], float)
    picture = rasterize(Ink((Stroke(square),)), options)
    ink = picture < 128
    top, left = np.nonzero(ink.any(axis=1))[0][0], np.nonzero(ink.any(axis=0))[0][0]
    assert ink[top + 2, left + 4 : -left - 5].all()  # the side is straight up to the corner


def test_tremor_of_a_coarse_device_is_smoothed() -> None:
    x = np.arange(0, 60.0)
    slope = Stroke(np.column_stack((x, np.round(x / 4))))
    upright = Stroke(np.array([[30.0, 0], [30, 40]]))
    picture = rasterize(Ink((slope, upright)), RasterOptions(height=40))
    columns = [np.nonzero(column < 128)[0][-1] for column in picture.T[12:30]]
    assert np.abs(np.diff(columns, 2)).max() <= 1


def test_pressure_widens_the_line() -> None:
    points = np.column_stack((np.zeros(50), np.linspace(0, 40, 50)))
    picture = rasterize(Ink((Stroke(points, np.linspace(0.1, 1, 50)),)))
    inked = (255 - picture.astype(float)).sum(axis=1) / 255
    assert inked[-14:-12].mean() > 1.5 * inked[12:14].mean()
    even = rasterize(Ink((Stroke(points, np.linspace(0.1, 1, 50)),)), RasterOptions(pressure=False))
    assert (even == rasterize(Ink((Stroke(points),)))).all()
    faint = rasterize(Ink((Stroke(points, np.full(50, 0.02)),)))  # a light hand, all the same
    assert (faint == even).all()


@pytest.mark.parametrize(
    "points",
    [
        [[5, 5]],
        [[5, 5], [5, 5]],
        [[0, 0], [5e-324, 0]],
        [[0, 0], [1e-300, 1e-300]],
        [[-1e12, -1e12], [1e12, 1e12]],
        [[0, 0], [0, 1e12]],
        [[0, 0], [3, 0]],
    ],
)
def test_odd_ink_gives_a_small_picture_with_ink_in_it(points: list[list[float]]) -> None:
    picture = rasterize(Ink((Stroke(np.array(points)),)))
    assert max(picture.shape) < 100 and picture.min() < 100
    assert not prepare(picture).blank


def test_no_ink_is_a_blank_picture() -> None:
    assert (rasterize(Ink()) == 255).all()
    assert prepare(rasterize(Ink())).blank


def test_dots_beside_writing_are_not_taken_for_dust() -> None:
    dots = [Stroke(np.array([[x, 38.0]])) for x in (60.0, 110.0, 160.0)]
    with_dots = rasterize(Ink((*formula().strokes[:2], *dots)))
    assert prepare(with_dots).pixels.shape[1] > 2 * prepare(rasterize(Ink(formula().strokes[:2]))).pixels.shape[1]


def test_a_stray_stroke_far_away_does_not_blow_up_the_picture() -> None:
    stray = Stroke(np.array([[1e9, 1e9], [1e9 + 5, 1e9]]))
    picture = rasterize(Ink((*formula().strokes, stray)))
    assert max(picture.shape) <= 2400 + 2 * 8 + 8


def test_a_scribble_of_many_points_is_bounded() -> None:
    points = np.random.default_rng(0).uniform(0, 1000, (20_000, 2))
    picture = rasterize(Ink((Stroke(points),)))
    assert picture.size < 2400**2 and picture.min() < 10


def test_a_thicket_of_tall_strokes_is_measured_in_no_time() -> None:
    dice = np.random.default_rng(1)
    tall = [np.array([[x, 0.0], [x + 1, 100]]) for x in dice.uniform(0, 3000, 300)]
    small = [arc(*place, 5, 6) for place in dice.uniform(0, 100, (3000, 2)) * (30, 1)]
    began = time.process_time()
    assert writing_height(Ink(tuple(Stroke(points) for points in (*tall, *small)))) > 0
    assert time.process_time() - began < 5


def test_strokes_are_as_wide_as_those_of_print() -> None:
    prepared = prepare(rasterize(formula()))
    assert 39 <= prepared.pixels.shape[0] - 8 <= 55  # three glyphs of 13 px with gaps, as print in nominal size
    height, width = prepared.pixels.shape
    bar = prepared.pixels[height * 4 // 10 : height * 6 // 10, width * 9 // 10].astype(float)
    assert 0.8 <= (255 - bar).sum() / 255 <= 2.1  # print: 0.8 px of a rule to 1.4 px of a stem


def test_impossible_options_are_all_named() -> None:
    with pytest.raises(ValueError, match=r"height.*pen.*smoothing"):
        RasterOptions(height=0, pen=0, smoothing=-1)
