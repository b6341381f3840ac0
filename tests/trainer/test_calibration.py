import itertools
import random

import numpy as np
import pytest

from trainer.calibration import area_under_roc, calibrate, correct_tokens, expected_calibration_error


def test_correctness_comes_from_the_alignment():
    assert correct_tokens("+ a b c".split(), "a b c".split()) == [False, True, True, True]
    assert correct_tokens("a x c".split(), "a b c".split()) == [True, False, True]
    assert correct_tokens("a c".split(), "a b c".split()) == [True, True]
    assert correct_tokens([], ["a"]) == []
    assert correct_tokens(["a"], []) == [False]


@pytest.mark.parametrize("seed", range(5))
def test_auroc_against_brute_force(seed):
    rng = random.Random(seed)
    scores = [round(rng.random(), 1) for _ in range(60)]  # rounded: many ties
    flags = [rng.random() < score for score in scores]
    right = [s for s, f in zip(scores, flags, strict=True) if f]
    wrong = [s for s, f in zip(scores, flags, strict=True) if not f]
    wins = sum((a > b) + 0.5 * (a == b) for a, b in itertools.product(right, wrong))
    assert area_under_roc(scores, flags) == pytest.approx(wins / (len(right) * len(wrong)))


def test_auroc_needs_both_kinds():
    assert area_under_roc([0.5, 0.6], [True, True]) is None
    assert area_under_roc([0.9, 0.1], [True, False]) == 1.0
    assert area_under_roc([0.1, 0.9], [True, False]) == 0.0


def test_calibration_error_by_hand():
    # bins 0.5..1: confidences .9 .9 with one right (gap .8/2 = .4); bin 0...5: .2 right (gap .8)
    assert expected_calibration_error([0.9, 0.9, 0.2], [True, False, True], bins=2) == pytest.approx(1.6 / 3)
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0.0
    assert expected_calibration_error([], []) == 0.0


def test_a_calibrated_guesser_has_a_small_error():
    rng = np.random.default_rng(0)
    scores = rng.random(20_000)
    assert expected_calibration_error(scores, rng.random(20_000) < scores) < 0.02


def test_calibrate_sums_up_and_checks_lengths():
    result = calibrate([(["a", "b"], [0.9, 0.3], ["a", "c"]), (["x"], [0.8], ["x"])])
    assert result.tokens == 3
    assert result.accuracy == pytest.approx(2 / 3)
    assert result.mean_confidence == pytest.approx(2.0 / 3)
    assert result.auroc == 1.0
    assert calibrate([]).tokens == 0
    with pytest.raises(ValueError, match="1 confidences for 2 tokens"):
        calibrate([(["a", "b"], [0.9], ["a"])])
