import numpy as np
import pytest

from trainer.image_metrics import binarise, compare, image_metrics, lenient_match, strict_match


def picture(width: int = 60, height: int = 20, seed: int = 0) -> np.ndarray:
    """Random ink with ink in every border row and column; columns differ in about half their pixels."""
    grey = np.where(np.random.default_rng(seed).random((height, width)) < 0.5, 0, 255).astype(np.uint8)
    grey[[0, -1], :] = 0
    return grey


def framed(grey: np.ndarray, left: int, top: int) -> np.ndarray:
    return np.pad(grey, ((top, 9), (left, 7)), constant_values=255)


def test_binarise_takes_128_for_ink_and_crops():
    grey = np.full((9, 11), 255, dtype=np.uint8)
    grey[3, 4], grey[5, 8], grey[1, 1] = 128, 0, 129
    ink = binarise(grey)
    assert ink.shape == (3, 5)
    assert ink[0, 0] and ink[2, 4] and ink.sum() == 2


def test_the_same_ink_elsewhere_on_the_page_is_the_same():
    grey = picture()
    score = compare(framed(grey, 3, 2), framed(grey, 8, 5))
    assert (score.distance, score.width) == (0, 60)
    assert score.lenient and score.lenient_without_space and score.strict and score.rendered


def test_a_prediction_that_does_not_render_is_wrong_in_every_column():
    score = compare(picture(60), None)
    assert (score.distance, score.width) == (60, 60)
    assert not (score.lenient or score.lenient_without_space or score.strict or score.rendered)


def test_edit_counts_columns():
    grey = picture(60)
    other = grey.copy()
    other[5:15, 10:17] = 255 - other[5:15, 10:17]
    assert compare(grey, other).distance == 7
    assert compare(grey, grey[:, 4:]).distance == 4


@pytest.mark.parametrize(("changed", "match"), [(4, True), (5, False)])
def test_lenient_forgives_fewer_than_five_truth_columns(changed, match):
    grey = picture()
    other = grey.copy()
    other[3:17, 20 : 20 + changed] = 255 - other[3:17, 20 : 20 + changed]
    assert lenient_match(grey <= 128, other <= 128) is match
    assert not compare(grey, other).strict


@pytest.mark.parametrize(("pixels", "match"), [(4, True), (5, False)])
def test_columns_that_differ_in_fewer_than_five_pixels_are_one_symbol(pixels, match):
    grey = picture(30)
    other = grey.copy()
    other[3 : 3 + pixels, :] = 255 - other[3 : 3 + pixels, :]
    assert compare(grey, other).lenient is match
    assert compare(grey, other).distance == 30  # the edit score knows equal columns only


def test_whitespace_counts_with_and_not_without():
    grey = picture()
    truth = np.insert(grey, [30] * 8, 255, axis=1)
    score = compare(truth, grey)
    assert not score.lenient
    assert score.lenient_without_space
    assert not score.strict


def test_inserted_columns_are_never_counted_by_the_lenient_rule_of_the_original():
    grey = picture(60)
    score = compare(grey[:, :40], grey)
    assert score.lenient and not score.strict
    assert not compare(grey, grey[:, :40]).lenient


def test_unequal_heights_are_padded_below():
    grey = picture(40, 20)
    taller = np.pad(grey, ((0, 3), (0, 0)), constant_values=255)
    taller[-1, 0:4] = 0
    assert compare(grey, taller).lenient
    raised = np.pad(grey, ((8, 0), (0, 0)), constant_values=255)
    raised[0, 5] = 0
    assert not compare(grey, raised).lenient


@pytest.mark.parametrize(
    ("down", "right", "match"), [(0, 0, True), (2, 2, True), (0, 2, True), (3, 0, False), (0, 3, False)]
)
def test_strict_match_allows_a_shift_of_two_pixels(down, right, match):
    ink = np.zeros((20, 30), dtype=np.bool_)
    ink[4:9, 5:20] = picture(15, 5) <= 128
    assert strict_match(ink, np.roll(ink, (down, right), axis=(0, 1))) is match
    assert strict_match(np.roll(ink, (down, right), axis=(0, 1)), ink) is match


def test_strict_match_sees_one_pixel():
    ink = picture() <= 128
    other = ink.copy()
    other[10, 10] ^= True
    assert not strict_match(ink, other)


def test_blank_pictures():
    blank = np.full((10, 10), 255, dtype=np.uint8)
    assert compare(blank, blank).strict
    score = compare(picture(12), blank)
    assert score.distance == 12
    assert not score.lenient and not score.lenient_without_space


def test_corpus_figures_by_hand():
    grey = picture(60)
    figures = image_metrics([compare(grey, grey), compare(grey, None), compare(grey, grey[:, :30])])
    assert figures.count == 3
    assert figures.edit == pytest.approx(100.0 * (1 - (0 + 60 + 30) / 180))
    assert figures.lenient == pytest.approx(100 / 3)
    assert figures.strict == pytest.approx(100 / 3)
    assert figures.renders == pytest.approx(200 / 3)
    assert image_metrics([]).count == 0


def reference_symbols(columns: list[np.ndarray]) -> list[int]:
    """The rule of the original script, plainly."""
    known: dict[bytes, int] = {}
    leaders: list[np.ndarray] = []
    for column in columns:
        if column.tobytes() in known:
            continue
        for number, leader in enumerate(leaders):
            if np.abs(column.astype(int) - leader.astype(int)).sum() < 5:
                known[column.tobytes()] = number
                break
        else:
            known[column.tobytes()] = len(leaders)
            leaders.append(column)
    return [known[column.tobytes()] for column in columns]


@pytest.mark.parametrize("seed", range(5))
def test_near_equal_columns_are_numbered_as_the_original_does(seed):
    from trainer.image_metrics import _Pair

    rng = np.random.default_rng(seed)
    first, second = rng.random((40, 12)) < 0.3, rng.random((35, 12)) < 0.3
    left, right = _Pair.of(first.T, second.T).symbols(whitespace=True)
    expected = reference_symbols([*first, *second])
    pairs = set(zip(left + right, expected, strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert len(pairs) < 75  # some columns did merge
