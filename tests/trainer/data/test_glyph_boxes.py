"""Every printing token's box lies about its own ink."""

import numpy as np
import pytest

from core_model.latex import skeleton
from trainer.data.formula_grammar import example_formulas
from trainer.data.glyph_boxes import BoxedPicture, boxed_pictures, mark, printing_places, unmarkable

HARD = [
    r"\sum _ { i = 0 } ^ { n } \frac { a } { b } - \sqrt [ 3 ] { x } + \underline { y }",
    r"\left( \begin{array} { c c } a & b \\ c & d \end{array} \right) ^ { 2 } \hat { x }",
    r"\Bigl( x \Bigr) \binom { n } { k } \sin z \int _ { 0 } ^ { 1 }",
]


def drawn(formulas: list[str]) -> list[BoxedPicture]:
    found = boxed_pictures([skeleton(formula) for formula in formulas])
    assert not [reason for reason in found if isinstance(reason, str)]
    return [boxed for boxed in found if isinstance(boxed, BoxedPicture)]


def test_marks_stand_before_tokens_and_at_the_end_of_groups() -> None:
    marked = mark(r"\frac { a } { b } _ { 2 }".split())
    assert marked == (
        r"\special{t:0} \frac { \special{t:2} a \special{t:0} } { \special{t:5} b \special{t:0} }"
        r" _ { \special{t:9} 2 \special{t:0} }"
    )


def test_columns_of_an_array_and_the_option_of_a_root_do_not_print() -> None:
    tokens = r"\begin{array} { c } \sqrt [ 3 ] { x } ] \end{array}".split()
    assert [tokens[place] for place in printing_places(tokens)] == [r"\sqrt", "3", "x", "]"]


def test_a_size_reads_its_delimiter_itself() -> None:
    assert mark([r"\big", "(", "x"]) == r"\special{t:1} \big ( \special{t:2} x"


def test_rules_between_columns_cannot_be_marked() -> None:
    assert unmarkable(r"\begin{array} { c | c } a & b \end{array}".split())
    assert unmarkable([r"\hline"])
    assert not unmarkable(r"| \begin{array} { c c } a & | b | \end{array} |".split())


def test_the_grammar_makes_skeletons() -> None:
    formulas = example_formulas(60, seed=3)
    assert formulas == example_formulas(60, seed=3)
    assert len(set(formulas)) == 60
    for tokens in formulas:
        assert tuple(skeleton(" ".join(tokens))) == tokens


@pytest.mark.tex
def test_boxes_hold_ink_and_all_ink() -> None:
    for boxed in drawn(HARD):
        ink = boxed.picture < 128
        covered = np.zeros_like(ink)
        for index, box in boxed.boxes.items():
            top, left = max(0, int(box.top) - 1), max(0, int(box.left) - 1)
            area = np.s_[top : int(box.bottom) + 2, left : int(box.right) + 2]
            assert ink[area].any(), boxed.tokens[index]
            covered[area] = True
        missed = (ink & ~covered).sum() / ink.sum()
        # The brackets of \binom belong to no token.
        assert missed < (0.35 if r"\binom" in boxed.tokens else 0.01), boxed.tokens


@pytest.mark.tex
def test_boxes_stand_as_the_formula_says() -> None:
    first, second, _ = drawn(HARD)
    at = {token: first.boxes[index] for index, token in enumerate(first.tokens) if index in first.boxes}
    assert at["n"].bottom <= at[r"\sum"].top <= at[r"\sum"].bottom <= at["i"].top
    assert at["a"].bottom <= at[r"\frac"].top <= at[r"\frac"].bottom <= at["b"].top
    assert at[r"\frac"].bottom - at[r"\frac"].top < 4
    assert at[r"\sqrt"].left <= at["3"].left < at["x"].left
    assert at[r"\sqrt"].right >= at["x"].right
    boxes = {token: second.boxes[index] for index, token in enumerate(second.tokens) if index in second.boxes}
    assert boxes[r"\left("].right <= boxes["a"].left < boxes["b"].left < boxes[r"\right)"].left <= boxes["2"].left
    assert boxes["a"].bottom < boxes["c"].top


@pytest.mark.tex
def test_a_bad_formula_loses_only_itself() -> None:
    found = boxed_pictures([["x"], [r"\nosuchcommand", "y"], [r"\frac", "{", "1", "}"], ["z"], [r"\hline"]], margin=3)
    assert [isinstance(boxed, BoxedPicture) for boxed in found] == [True, False, False, True, False]
    last = found[3]
    assert isinstance(last, BoxedPicture)
    assert list(last.boxes) == [0]
    assert (last.picture[:3] == 255).all()
    assert (last.picture[3] < 250).any()
