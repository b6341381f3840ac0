"""The self-check, on formulas drawn by the preview's own renderer; `tests.checks.selfcheck` measures other fonts."""

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.component_match import Drawing, match
from app.preview import rasterize, render
from app.reading import Grey
from app.selfcheck import compare, ink_strength

pytestmark = pytest.mark.usefixtures("qapp")

FORMULAS = [
    r"x^2+\frac{a+b}{\sqrt{c}}=1",
    r"\sum_{i=0}^{n} a_i x^{i}",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    r"\begin{aligned} f(x) &= x+1 \\ g(y) &= 2y-3 \end{aligned}",
]


def drawn(latex: str, size: float = 40.0) -> Grey:
    rendered = render(latex, size=size)
    return rasterize(rendered.svg, max(1, round(rendered.width)))


def dark(grey: Grey) -> Grey:
    return (25 + (255 - grey.astype(int)) * 200 // 255).astype(np.uint8)


@pytest.mark.parametrize("latex", FORMULAS)
def test_a_right_reading_agrees_at_another_size_and_on_a_dark_ground(qtbot: QtBot, latex: str) -> None:
    snip = dark(np.pad(drawn(latex, 27.0), 9, constant_values=255))
    found = compare(snip, drawn(latex))
    assert found.agrees and not found.reasons and not found.missing
    assert found.extent_ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("latex", "reading"),
    [
        (r"x^2+\frac{a+b}{\sqrt{c}}=1", r"x^2+\frac{a+b}{\sqrt{c}}="),
        (r"x^2+\frac{a+b}{\sqrt{c}}=1", r"x^2+\frac{a b}{\sqrt{c}}=1"),
        (r"\sum_{i=0}^{n} a_i x^{i}", r"\sum_{i=0}^{n} a x^{i}"),
        (r"f(x)=\sqrt{y+z}", r"f(x)=\sqrt{y+}"),
    ],
)
def test_a_symbol_too_few_or_too_many_is_noticed(latex: str, reading: str) -> None:
    fewer = compare(drawn(latex, 30.0), drawn(reading))
    assert not fewer.agrees and fewer.missing and "lack" in fewer.reasons[0]
    assert fewer.symbols_seen > fewer.symbols_drawn
    more = compare(drawn(reading, 30.0), drawn(latex))
    assert not more.agrees and more.surplus


def test_the_missing_symbol_is_found_where_it_stands() -> None:
    snip = np.pad(drawn("a+b", 60.0), ((5, 5), (100, 5)), constant_values=255)
    found = compare(snip, drawn("a+"))
    columns = np.flatnonzero((snip < 128).any(axis=0))
    (left, top, right, bottom) = found.missing[0]
    assert len(found.missing) == 1
    assert right == pytest.approx(columns[-1], abs=3) and left > (columns[0] + columns[-1]) / 2
    assert 0 <= top < bottom <= snip.shape[0]


def test_lines_with_other_spaces_between_their_parts_agree() -> None:
    wide = r"g=\begin{cases} -mx & \quad\quad m\ \ \text{odd} \\ (m+4)x & \quad m \text{ even} \end{cases}"
    narrow = r"g=\begin{cases} -mx & m\text{odd} \\ (m+4)x & m\text{even} \end{cases}"
    assert compare(drawn(wide, 33.0), drawn(narrow)).agrees
    assert not compare(drawn(wide, 33.0), drawn(narrow.replace("+4", "4"))).agrees


def test_blank_pictures() -> None:
    blank = np.full((30, 60), 255, np.uint8)
    assert not ink_strength(blank).any()
    assert compare(blank, blank).agrees
    found = compare(blank, drawn("x+y"))
    assert not found.agrees and found.symbols_seen == 0 and found.extent_ratio == 1.0
    assert not compare(drawn("x+y"), blank).agrees


def test_a_picture_that_is_no_formula_is_compared_by_number_only() -> None:
    noise = np.full((400, 400), 255, np.uint8)
    noise[4::12, 4::12] = 0
    noise = np.kron(noise, np.ones((3, 3), np.uint8))
    found = compare(noise, drawn("x"))
    assert not found.agrees and found.symbols_seen > 500 and not found.missing


def test_one_piece_may_stand_for_two_that_touch_but_a_comma_does_not_vanish() -> None:
    two = Drawing([(0.0, 0.0, 1.0, 1.0), (1.3, 0.0, 2.0, 1.0), (3.0, 0.0, 4.0, 1.0)])
    touching = Drawing([(0.0, 0.0, 2.0, 1.0), (3.0, 0.0, 4.0, 1.0)])
    assert not match(two, touching).missing
    comma = Drawing([(0.0, 0.0, 1.0, 1.0), (1.1, 0.8, 1.3, 1.3), (3.0, 0.0, 4.0, 1.0)])
    alone = Drawing([(0.0, 0.0, 1.0, 1.0), (3.0, 0.0, 4.0, 1.0)])
    assert match(comma, alone).missing == (1,)
