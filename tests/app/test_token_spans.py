"""Tokens find their place in tidy and in edited LaTeX."""

from __future__ import annotations

from importlib import resources

import pytest

from app.token_spans import spans
from core_model.latex import prints, skeleton, tidy


def words(latex: str, tokens: str) -> list[str | None]:
    """The text at each token's place."""
    return [None if span is None else latex[span[0] : span[1]] for span in spans(latex, tokens.split())]


def test_braces_that_tidying_drops_have_no_place() -> None:
    assert words("x^2 + y", "x ^ { 2 } + y") == ["x", "^", None, "2", None, "+", "y"]


def test_closing_brace_goes_with_its_opening_one() -> None:
    latex = r"\frac{x^2}{2}"
    found = spans(latex, r"\frac { x ^ { 2 } } { 2 }".split())
    assert found[2] == (6, 7) and found[5] == (8, 9)
    assert found[6] is None  # the braces of ^{2} are gone
    assert found[7] == (9, 10)


def test_prime_may_stand_before_the_exponent() -> None:
    assert words("x'^2 = y", r"x ^ { \prime 2 } = y") == ["x", None, None, "'", "2", None, "=", "y"]


def test_delimiters_share_the_place_of_the_environment_they_became() -> None:
    latex = r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} = c"
    found = words(latex, r"\left( \begin{array} { c c } a & b \\ c & d \end{array} \right) = c")
    assert found[:2] == [r"\begin{pmatrix}"] * 2
    assert found[6:13] == ["a", "&", "b", r"\\", "c", "&", "d"]
    assert found[13:] == [r"\end{pmatrix}", r"\end{pmatrix}", "=", "c"]


def test_equal_signs_keep_their_order_after_an_edit() -> None:
    tokens = "a = b = c".split()
    found = spans("a = q = c", tokens)
    assert found == ((0, 1), (2, 3), None, (6, 7), (8, 9))


def test_what_the_user_typed_belongs_to_no_token() -> None:
    latex = r"\alpha + \frac{1}{2} ü"
    assert words(latex, r"\frac { 1 } { 2 }") == [r"\frac", "{", "1", "}", "{", "2", "}"]
    assert words("", "x +") == [None, None]
    assert spans("x", []) == ()


FORMULAS = resources.files("resources").joinpath("samples/formulas.txt").read_text().splitlines()


@pytest.mark.parametrize("start", range(0, len(FORMULAS), 40))
def test_every_sign_of_the_sample_formulas_is_found(start: int) -> None:
    """All that prints is found, at its own text, in the order of the tokens."""
    for formula in FORMULAS[start : start + 40]:
        tokens = skeleton(formula)
        latex = tidy(tokens)
        found = spans(latex, tokens)
        last = 0
        in_columns = False
        for index, (token, span) in enumerate(zip(tokens, found, strict=True)):
            in_columns = (in_columns and token != "}") or token == r"\begin{array}"
            if in_columns or not prints(token) or token.startswith((r"\left", r"\right", r"\prime")):
                continue
            assert span is not None, (formula, index, token)
            assert latex[slice(*span)] == token and span[0] >= last, (formula, index, token)
            last = span[1]
