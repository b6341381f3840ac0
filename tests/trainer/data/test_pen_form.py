"""The pen form: one truth for the same ink, and nothing that a pen does not show."""

import pytest

from core_model.latex import skeleton
from trainer.data.pen_form import pen_form
from trainer.ink_truth import standard_tokens

FORMULAS = [
    (r"\mbox { n } + \mathbf{x}", "n + x"),
    (r"\boldsymbol{\alpha _ 1} ^ 2 + \pmb{x}", r"\alpha _ { 1 } ^ { 2 } + x"),
    (r"\left ( a \right ) ^ 2", "( a ) ^ { 2 }"),
    (r"\Bigg( \frac{a}{b} \Bigg) + (c)", r"\left( \frac { a } { b } \right) + ( c )"),
    (r"( \sum_{i} [x] )", r"\left( \sum _ { i } [ x ] \right)"),
    (r"\frac{\int\limits_0^1 x}{{\textstyle \sum_i}}", r"\frac { \int _ { 0 } ^ { 1 } x } { \sum _ { i } }"),
    (r"[ \sqrt[3]{x} + \frac 1 2 ]", r"\left[ \sqrt [ 3 ] { x } + \frac { 1 } { 2 } \right]"),
    (r"[ \frac 1 2 \sqrt[3]{x} ]", r"\left[ \frac { 1 } { 2 } \sqrt [ 3 ] { x } \right]"),
    (r"\sqrt[3]{[ \frac 1 2 ]}", r"\sqrt [ 3 ] { \left[ \frac { 1 } { 2 } \right] }"),
    (r"\left[ x, \frac12 \right)", r"[ x , \frac { 1 } { 2 } )"),
    (r"f = \begin{cases} 1 & x\\ 2 \end{cases} + 1",
     r"f = \left\{ \begin{array} { l l } 1 & x \\ 2 \end{array} \right. + 1"),
    (r"\begin{pmatrix} a & b \end{pmatrix}", r"\left( \begin{array} { c c } a & b \end{array} \right)"),
    (r"\begin{aligned} (a &+ \frac bc) \\ d\end{aligned}",
     r"\begin{aligned} ( a & + \frac { b } { c } ) \\ d \end{aligned}"),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "pen"), FORMULAS)
def test_what_a_pen_does_not_show_is_settled(latex: str, pen: str) -> None:
    assert " ".join(pen_form(latex)) == pen
    assert " ".join(pen_form(pen)) == pen


@pytest.mark.parametrize("latex", [latex for latex, _ in FORMULAS if "boldsymbol" not in latex])
def test_the_evaluation_sees_no_difference(latex: str) -> None:
    """A reading in pen form counts as right wherever the truth itself would."""
    assert standard_tokens(pen_form(latex)) == standard_tokens(skeleton(latex))


def test_nothing_else_is_lost() -> None:
    latex = r"\mathbb { R } ^ { n } \rightarrow \overline { x } \hat { y } \mathcal { L } | a |"
    assert " ".join(pen_form(latex)) == latex
