import random

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from trainer.metrics import (
    character_error_rate,
    corpus_bleu,
    edit_similarity,
    expression_rate,
    text_metrics,
    token_accuracy,
)

TOKENS = st.lists(st.sampled_from(["a", "b", "\\frac", "{", "}", "^"]), max_size=12)


def test_all_right_is_100_everywhere_and_no_character_is_wrong():
    truths = [["\\frac", "{", "a", "}", "{", "b", "}"], ["x", "=", "1", "+", "y"]]
    figures = text_metrics(truths, truths).as_dict()
    assert figures.pop("count") == 2
    assert figures.pop("cer") == 0.0
    assert figures == pytest.approx(dict.fromkeys(figures, 100.0))


def test_bleu_by_hand():
    # 5 predicted tokens, 4 right: precisions 4/5, 3/4, 2/3, 1/2; equal lengths, so no brevity penalty
    expected = 100.0 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert corpus_bleu(["a b c d x".split()], ["a b c d e".split()]) == pytest.approx(expected)


def test_bleu_is_that_of_sacrebleu_without_tokeniser_and_smoothing():
    rng = random.Random(3)
    truths = [rng.choices(["a", "b", "c", "\\alpha", "."], k=rng.randint(4, 20)) for _ in range(40)]
    predictions = [[t if rng.random() < 0.8 else "b" for t in truth][: rng.randint(1, 20)] for truth in truths]
    metric = sacrebleu.BLEU(tokenize="none", smooth_method="none", force=True)
    expected = metric.corpus_score([" ".join(p) for p in predictions], [[" ".join(t) for t in truths]]).score
    assert 5.0 < expected < 95.0
    assert corpus_bleu(predictions, truths) == pytest.approx(expected, abs=1e-9)


def test_no_smoothing_a_corpus_without_four_grams_scores_nothing():
    assert corpus_bleu([["a", "b"]], [["a", "b"]]) == 0.0


def test_a_missing_prediction_is_an_empty_line():
    truths = [["a"] * 6, ["b"] * 6]
    figures = text_metrics([["a"] * 6, []], truths)
    assert figures.edit == pytest.approx(50.0)
    assert figures.exact == pytest.approx(50.0)
    assert figures.token_accuracy == pytest.approx(50.0)
    assert figures.cer == pytest.approx(50.0)
    # precisions are perfect and the brevity penalty exp(1 - 12/6) is all that is left
    assert figures.bleu == pytest.approx(100.0 * 2.718281828459045**-1.0)
    assert text_metrics([[], []], truths).bleu == 0.0


def test_a_shorter_list_of_predictions_is_refused():
    with pytest.raises(ValueError, match="1 predictions for 2 truths"):
        text_metrics([["a"]], [["a"], ["b"]])


def test_edit_weighs_by_the_longer_side_over_the_corpus():
    assert edit_similarity([["a", "b"], ["x"]], [["a"], ["x", "y", "z"]]) == pytest.approx(100.0 * (1 - 3 / 5))


def test_expression_rate_counts_token_errors():
    truths = ["a b c d".split()] * 4
    predictions = ["a b c d".split(), "a b c x".split(), "a c d e".split(), "x y z d".split()]
    assert [expression_rate(predictions, truths, errors) for errors in range(4)] == [25.0, 50.0, 75.0, 100.0]


def test_character_error_rate_ignores_blanks_and_may_pass_100():
    assert character_error_rate([["\\alpha", "b"]], [["\\alphab"]]) == 0.0
    assert character_error_rate([["a", "b", "c", "d"]], [["x"]]) == pytest.approx(400.0)


def test_token_accuracy_survives_a_shift():
    assert token_accuracy([["+", "a", "b", "c"]], [["a", "b", "c"]]) == 100.0
    assert token_accuracy([["b", "c"]], [["a", "b", "c", "d"]]) == 50.0


def test_the_control_space_is_one_token():
    truth = ["a", "\\ ", "b", "c", " ", "d"]
    assert corpus_bleu([truth], [truth]) == pytest.approx(100.0)
    assert corpus_bleu([truth[:4] + truth[5:]], [truth]) < 100.0


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=6))
def test_figures_stay_in_range_and_order(pairs):
    figures = text_metrics([p for p, _ in pairs], [t for _, t in pairs])
    assert 0.0 <= figures.exact <= figures.errors_1 <= figures.errors_2 <= 100.0
    assert 0.0 <= figures.bleu <= 100.0 + 1e-9
    assert 0.0 <= figures.edit <= 100.0
    assert 0.0 <= figures.token_accuracy <= 100.0
