"""LaTeX for people."""

import pytest

from core_model.latex import skeleton, tidy


@pytest.mark.parametrize(
    ("latex", "pretty"),
    [
        ("{ { x } } _ { i } ^ { 2 }", "x_i^2"),
        ("x _ { i j } + y", "x_{ij} + y"),
        (r"x _ { \alpha } ^ { \prime }", r"x_\alpha'"),
        (r"\frac { a } { b } = c", r"\frac{a}{b} = c"),
        (r"\sin x + \alpha x", r"\sin x + \alpha x"),
        (r"\alpha \beta", r"\alpha\beta"),
        (r"e ^ { - x }", "e^{-x}"),
        (r"x = - 1 , y", "x = -1, y"),
        (r"f ( x _ { 1 } , x _ { 2 } )", "f(x_1, x_2)"),
        (r"a _ { 1 } b _ { 2 } 3", "a_1 b_2 3"),
        (r"\mathrm { d } x", r"\mathrm{d}x"),
        (r"~ \mathrm { f o r ~ a l l } ~ x", r"~\text{for all}~x"),
        (r"\mathrm { n o n \text{-} z e r o }", r"\text{non-zero}"),
        (r"\sqrt [ 3 ] { x }", r"\sqrt[3]{x}"),
        (
            r"\left( \begin{array} { c c } a & b \\ c & d \end{array} \right)",
            r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        ),
        (  # columns that do not fit the rows
            r"\left( \begin{array} { c } a & b \\ c & d \end{array} \right)",
            r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        ),
        (r"\begin{array} { l | l l l } a & b \end{array}", r"\begin{array}{l|l} a & b \end{array}"),
        (r"\begin{array} { l } a & b & c \end{array}", r"\begin{array}{lcc} a & b & c \end{array}"),
        (r"\left[ \begin{array} { c } a \\ b \end{array} \right]", r"\begin{bmatrix} a \\ b \end{bmatrix}"),
        (r"\left| \begin{array} { c } a \\ b \end{array} \right|", r"\begin{vmatrix} a \\ b \end{vmatrix}"),
        (r"\left\| \begin{array} { c } a \\ b \end{array} \right\|", r"\begin{Vmatrix} a \\ b \end{Vmatrix}"),
        (r"\left\{ \begin{array} { c } a \\ b \end{array} \right\}", r"\begin{Bmatrix} a \\ b \end{Bmatrix}"),
        (
            r"\left\{ \begin{array} { l l } 1 & x > 0 \\ 0 & x = 0 \end{array} \right.",
            r"\begin{cases} 1 & x > 0 \\ 0 & x = 0 \end{cases}",
        ),
        (
            r"\left( \begin{array} { l l } a & b \end{array} \right)",
            r"\left( \begin{array}{ll} a & b \end{array} \right)",
        ),
        (r"\begin{array} { c | c } a & b \end{array}", r"\begin{array}{c|c} a & b \end{array}"),
        (r"\stackrel { a } { = } \stackrel { a } { x }", r"\stackrel{a}{=} \overset{a}{x}"),
        (r"\operatorname { T r } A", r"\operatorname{Tr} A"),
        (r"\lim _ { x \rightarrow 0 } f", r"\lim_{x\rightarrow0} f"),
        (r"\big ( x \big )", r"\big(x\big)"),
        (r"{ } ^ { 2 } x", "{}^2 x"),
    ],
)
def test_tidy(latex: str, pretty: str) -> None:
    assert tidy(latex) == pretty
    assert tidy(latex.split()) == pretty
    assert skeleton(pretty) == skeleton(latex)


def test_tidy_keeps_the_skeleton(alike: tuple[str, str]) -> None:
    for latex in alike:
        pretty = tidy(latex)
        assert skeleton(pretty) == skeleton(latex)
        assert tidy(pretty) == pretty


def test_tidy_of_the_skeleton_keeps_it(apart: tuple[str, str]) -> None:
    for latex in apart:
        bones = skeleton(latex)
        assert skeleton(tidy(bones)) == bones
