"""Formulas written by hand: what must stand where, whoever writes."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core_model.ink import Ink
from core_model.latex import skeleton
from core_model.strokes import rasterize
from tests.trainer.data.pen import small_bank
from trainer.data.symbol_bank import Sample, SymbolBank
from trainer.data.synth_ink import CannotWriteError, synthesize, written

BANK = small_bank()
SEEDS = range(12)

CONSTRUCTS = (
    "x",
    "a^{2}",
    "a_{n+1}",
    "a_{n}^{2}",
    "a_{n_{k}}^{x^{2}}",
    "f'",
    "f''_{n}",
    "{}^{2}x",
    r"\sum_{n=1}^{\infty}n",
    r"\int_{0}^{1}xdx",
    r"\int\limits_{0}^{1}xdx",
    r"\prod_{k}k",
    r"\frac{a+b}{c}",
    r"\frac{\frac{a}{b}}{1+\frac{c}{d}}",
    r"\dfrac{a}{b}",
    r"\sqrt{x}",
    r"\sqrt[3]{\frac{x}{y}}",
    r"\hat{x}\bar{y}\vec{v}\dot{q}\ddot{q}\tilde{z}\check{a}\breve{u}\acute{e}\grave{e}\mathring{A}",
    r"\overline{ab}\underline{cd}\widehat{ABC}\widetilde{xyz}",
    r"\overbrace{a+b}^{n}+\underbrace{c+d}_{m}",
    r"\overrightarrow{AB}\overleftarrow{CD}",
    r"\left(\frac{a}{b}\right)\left[x\right]\left\{y\right\}\left|z\right|\left\|w\right\|",
    r"\left.x\right|_{0}",
    r"\left(a\middle|b\right)",
    r"\left(\begin{matrix}a&b\\c&d\end{matrix}\right)",
    r"\begin{pmatrix}1\\2\\3\end{pmatrix}",
    r"\begin{cases}1&x>0\\0&x<0\end{cases}",
    r"\begin{aligned}a&=b\\c&=d+e\end{aligned}",
    r"\begin{array}{l|cr}a&b&c\\\hline d&e&f\end{array}",
    r"\sum_{\substack{a<b\\c<d}}x",
    r"\sin x+\ln y+\arctan z",
    r"\lim_{x\rightarrow 0}f(x)",
    r"\max_{k}a_{k}",
    r"\operatorname{rank}A",
    r"\mathrm{if}x",
    r"x\text{ and }y",
    r"a\not<b\not\in c",
    r"a,\ldots,b+\cdots+c\cdot d",
    r"\mathbb{R}^{n}",
    r"\binom{n}{k}",
    r"\stackrel{a}{=}\underset{x}{y}",
    r"a\xrightarrow{f}b",
    r"a\bmod b",
    r"a\pmod{n}",
    r"\boxed{x}",
    r"\cancel{x}",
    r"\big(x\Big)",
    "(1,2.5;3!]:K?",
)


def _box(ink: Ink, strokes: slice) -> NDArray[np.float64]:
    """Left, top, right, bottom of some strokes."""
    points = np.concatenate([stroke.points for stroke in ink.strokes[strokes]])
    return np.concatenate((points.min(axis=0), points.max(axis=0)))


def _ink(latex: str, seed: int, bank: SymbolBank = BANK) -> Ink:
    ink = synthesize(latex, bank, np.random.default_rng(seed))
    assert ink is not None
    return ink


@pytest.mark.parametrize("latex", CONSTRUCTS)
def test_every_construct_is_written(latex: str) -> None:
    text = " ".join(skeleton(latex))
    for seed in (1, 2, 3):
        ink = written(text, BANK, np.random.default_rng(seed))
        assert ink.latex == text
        assert all(np.isfinite(stroke.points).all() for stroke in ink.strokes)
        picture = rasterize(ink)
        assert picture.min() < 64
        assert max(picture.shape) < 2500


@pytest.mark.parametrize("seed", SEEDS)
def test_superscript_lies_above_right_of_its_base(seed: int) -> None:
    ink = _ink("x ^ { 2 }", seed)
    base, script = _box(ink, slice(0, 2)), _box(ink, slice(2, None))
    assert script[0] > base[0]
    assert script[2] > base[2]
    assert script[1] < base[1]
    assert script[3] < base[3] - 0.4 * (base[3] - base[1])
    assert script[3] - script[1] < 1.6 * (base[3] - base[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_subscript_lies_below_right_of_its_base(seed: int) -> None:
    ink = _ink("x _ { 2 }", seed)
    base, script = _box(ink, slice(0, 2)), _box(ink, slice(2, None))
    assert script[2] > base[2]
    assert script[3] > base[3] - 0.15 * (base[3] - base[1])
    assert script[1] > base[1] + 0.3 * (base[3] - base[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_fraction_line_spans_both_parts_and_lies_between_them(seed: int) -> None:
    ink = _ink(r"\frac { a c e } { n }", seed)
    above, line, below = _box(ink, slice(0, 3)), _box(ink, slice(3, 4)), _box(ink, slice(4, None))
    width = line[2] - line[0]
    for part in (above, below):
        assert line[0] < part[0] + 0.1 * width
        assert line[2] > part[2] - 0.1 * width
    # A tilted line may come close to the letters, but crosses none in its middle.
    assert 0.5 * (above[1] + above[3]) < line[1]
    assert 0.5 * (below[1] + below[3]) > line[3]
    assert above[3] < below[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_root_covers_its_content(seed: int) -> None:
    ink = _ink(r"\sqrt { a }", seed)
    sign, content = _box(ink, slice(0, -1)), _box(ink, slice(-1, None))
    assert sign[0] < content[0]
    assert sign[1] < content[1]
    assert sign[2] > 0.5 * (content[0] + content[2])


@pytest.mark.parametrize("seed", SEEDS)
def test_brackets_grow_with_what_they_hold(seed: int) -> None:
    """The first stroke is the bracket."""
    small, tall = (_ink(rf"\left( {inner} \right)", seed) for inner in ("a", r"\frac { \frac { a } { b } } { c }"))
    sizes = [np.diff(_box(ink, slice(0, 1))[[1, 3]])[0] for ink in (small, tall)]
    assert sizes[1] > 1.5 * sizes[0]
    inner = _box(tall, slice(1, -1))
    assert sizes[1] > 0.75 * (inner[3] - inner[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_of_a_matrix_lie_below_each_other(seed: int) -> None:
    ink = _ink(r"\begin{matrix} a & c \\ e & n \end{matrix}", seed)
    a, c, e, n = (_box(ink, slice(i, i + 1)) for i in range(4))
    assert a[2] < c[0]
    assert e[2] < n[0]
    assert max(a[3], c[3]) < min(e[1], n[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_keep_their_distance_however_many_there_are(seed: int) -> None:
    ink = _ink(r"\begin{matrix} " + r" \\ ".join("aaaaaa") + r" \end{matrix}", seed)
    tops = [float(stroke.points[:, 1].min()) for stroke in ink.strokes]
    steps = np.diff(tops)
    assert steps.min() > 0.5 * np.median(steps)
    assert steps.max() < 1.7 * np.median(steps)


def test_limits_stand_above_and_below() -> None:
    placed = [_ink(r"\sum _ { n } ^ { c }", seed) for seed in range(120)]
    boxes = [[_box(ink, slice(i, i + 1)) for i in range(3)] for ink in placed]
    under = [upper[3] < sign[1] and lower[1] > sign[3] for sign, upper, lower in boxes]
    assert 100 <= sum(under) < 120  # some write them beside


def test_same_seed_gives_the_same_ink_and_another_does_not() -> None:
    latex = r"\frac { a ^ { 2 } } { \sqrt { x } } = \sum _ { n } n"
    assert _ink(latex, 5) == _ink(latex, 5)
    assert _ink(latex, 5) != _ink(latex, 6)


def test_repeated_letters_look_alike_but_are_not_copies() -> None:
    ink = _ink("a a", 1)
    first, second = (stroke.points - stroke.points.min(axis=0) for stroke in ink.strokes)
    assert first.shape == second.shape
    assert 0 < np.abs(first - second).max() < 0.5 * first.max()


def test_a_formula_is_written_by_one_hand_where_possible() -> None:
    """Two hands, told apart by the number of strokes of their letters."""
    line = np.array([(0.0, 0.0), (1.0, 1.0)])
    samples = [Sample(letter, [line] * count, f"hand {count}") for letter in "abc" for count in (1, 2)]
    counts = {len(synthesize("a b c", SymbolBank(samples), np.random.default_rng(seed)).strokes) for seed in SEEDS}  # type: ignore[union-attr]
    assert counts == {3, 6}


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        (r"a \aleph", r"\aleph"),
        (r"\mathbf { a }", r"\mathbf"),
        (r"\mathbb { Q }", r"\mathbb{Q}"),
        (r"\rule{1cm}{1cm}", r"\rule{1cm}{1cm}"),
        (r"\frac { a", "LaTeX"),
        ("", "no ink"),
    ],
)
def test_what_cannot_be_written_is_refused(latex: str, reason: str) -> None:
    assert synthesize(latex, BANK, np.random.default_rng(1)) is None
    with pytest.raises(CannotWriteError) as caught:
        written(latex, BANK, np.random.default_rng(1))
    assert str(caught.value).startswith(reason)


def test_a_drawn_root_without_a_roof_is_not_stretched() -> None:
    """A mere tick stands for the root sign in this bank: the sign is made instead, and covers its content."""
    tick = np.array([(0.0, 0.0), (0.5, 1.0), (1.0, -3.0)])
    bank = SymbolBank([Sample("a", [np.array([(0.0, 0.0), (0.4, 1.0), (1.0, 0.0)])]), Sample("\\sqrt", [tick])])
    for seed in SEEDS:
        ink = _ink(r"\sqrt { a }", seed, bank)
        sign, content = _box(ink, slice(0, -1)), _box(ink, slice(-1, None))
        assert sign[2] > 0.5 * (content[0] + content[2])
        assert sign[3] - sign[1] < 4 * (content[3] - content[1])
