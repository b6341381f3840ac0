"""Broken and hostile input: a LatexError that says what and where, and no other exception."""

import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.errors import LatexError
from core_model.latex import canonical, is_balanced, is_spacing, prints, skeleton, tidy, tokenize

PIECES = st.sampled_from(
    r"{ } { } ^ _ ' & \\ [ ] $ % a 1 \left( \right) \left \right \middle| \begin{array}{c} \end{array} \begin{cases} "
    r"\end{cases} \begin \end \frac \sqrt \over \choose \text{ \mbox \hat \mathrm \rm \big \limits \not \hspace{ \kern "
    r"\substack{ \operatorname * \hline \multicolumn \unknown \( \) \[ \] \, \dots \cdots \ # \color \label ~".split(
        " "
    )
)


@pytest.mark.parametrize(
    ("latex", "message"),
    [
        (r"\foo x", r"unknown command \\foo"),
        (r"\begin{tikzpicture} \end{tikzpicture}", "unknown environment tikzpicture"),
        ("{x", "{ without }"),
        ("x}", "} without {"),
        (r"\left( x", r"\\left without \\right"),
        (r"x \right)", r"\\right without \\left"),
        (r"\left x \right)", r"\\left needs a delimiter"),
        (r"\begin{array}{c} a", r"without \\end"),
        (r"\begin{matrix} a \end{cases}", r"ended by \\end{cases}"),
        (r"\end{matrix}", r"\\end without \\begin"),
        ("a & b", "& outside"),
        (r"a \\ b", "line break outside"),
        ("x^2^3", "double superscript"),
        ("x_2_3", "double subscript"),
        ("x^2'", "double superscript"),
        ("x^", r"\^ needs an argument"),
        (r"\frac{a}", r"\\frac needs an argument"),
        (r"\frac{a", "{ without }"),
        (r"a \over b \over c", "in one group"),
        (r"x\limits_1", "without an operator"),
        (r"\limits", "without an operator"),
        (r"\begin{array}{x} a \end{array}", "unknown array column"),
        (r"\hspace{", "missing }"),
        (r"\kern x", "needs a length"),
        ("é", "no ASCII"),
        (r"\text{a \alpha}", "inside text"),
        (r"\sqrt[3{x}", "expected ]"),
    ],
)
def test_broken_latex_is_named(latex: str, message: str) -> None:
    for form in (canonical, skeleton, tidy):
        with pytest.raises(LatexError, match=message):
            form(latex)


def test_position_points_at_the_fault() -> None:
    latex = r"a + b \foo c"
    with pytest.raises(LatexError) as caught:
        canonical(latex)
    assert caught.value.position == latex.index(r"\foo")
    assert "character 6" in str(caught.value)


@pytest.mark.parametrize(
    "piece",
    [
        "{", r"\left(", r"\frac", r"\frac{", r"\sqrt", r"\sqrt{", r"\sqrt[", r"\hat", "x^{", "_", "^", r"\text{",
        r"\text{$", r"\mathbf{", r"\begin{array}{c}", r"\begin{matrix}", r"\substack{", r"\begin{array}{*{9}{",
        r"{a\over", r"\operatorname", r"\mbox{$\mbox{", r"\begin{equation}", r"\phantom", r"\left(\begin{array}{c}{",
    ],
)  # fmt: skip
def test_deep_nesting_is_refused(piece: str) -> None:
    with pytest.raises(LatexError):
        canonical(piece * 10_000)


def test_closed_deep_nesting_is_refused_too() -> None:
    with pytest.raises(LatexError, match="nested deeper"):
        canonical("{" * 10_000 + "}" * 10_000)


def test_nesting_as_deep_as_allowed_is_fine() -> None:
    latex = "x"
    for _ in range(75):
        latex = rf"\frac{{{latex}}}{{2}}"
    tokens = canonical(latex)
    assert canonical(" ".join(tokens)) == tokens
    assert skeleton(tidy(tokens)) == skeleton(tokens)


@pytest.mark.parametrize(
    "piece",
    ["a", "{}", r"\ ", "{} {=}", "'", r"\iff", "{a}", r"\mathrm{a}.", r"\cdots)", r"\displaystyle a", "x_1^2", r"\,"],
)
def test_long_flat_input_takes_linear_work(piece: str) -> None:
    # Counted, not timed: the machine may be busy. Quadratic work would be 100 times as much instead of 10.
    assert calls(piece * 5_000) < 15 * calls(piece * 500)


def calls(latex: str) -> int:
    """How many functions are called to make a formula canonical and tidy."""
    count = 0

    def on_event(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        canonical(latex)
        tidy(latex)
    finally:
        sys.setprofile(before)
    return count


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(PIECES, max_size=25))
def test_scrambled_input_gives_tokens_or_a_latex_error(pieces: list[str]) -> None:
    latex = " ".join(pieces)
    try:
        tokens = canonical(latex)
    except LatexError:
        return
    assert canonical(" ".join(tokens)) == tokens
    assert is_balanced(tokens)
    assert skeleton(tidy(latex)) == skeleton(latex)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_gives_tokens_or_a_latex_error(text: str) -> None:
    try:
        canonical(text)
    except LatexError:
        return


def test_tokenize_joins_what_is_one_token() -> None:
    latex = (
        r"\left( x \right. \begin{array}{cc} a \\[2mm] b\ c \end{array} \hspace{1cm} \operatorname*{x} \text{-} % end"
    )
    assert tokenize(latex) == [
        r"\left(", "x", r"\right.", r"\begin{array}", "{", "c", "c", "}", "a", r"\\[2mm]", "b", "\\", "c",
        r"\end{array}", r"\hspace{1cm}", r"\operatorname*", "{", "x", "}", r"\text{-}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "token", [r"\alpha", "x", "+", r"\frac", r"\sqrt", r"\left(", "(", r"\sum", r"\hline", r"\text{-}"]
)
def test_tokens_that_print(token: str) -> None:
    assert prints(token) and not is_spacing(token)


@pytest.mark.parametrize(
    "token",
    ["{", "}", "_", "^", "&", "\\\\", r"\\[2mm]", r"\begin{array}", r"\mathrm", r"\left.", r"\displaystyle", r"\big"],
)
def test_tokens_that_only_build(token: str) -> None:
    assert not prints(token) and not is_spacing(token)


@pytest.mark.parametrize("token", ["~", "\\", r"\,", r"\quad", r"\hspace{1cm}", r"\mspace{3mu}", r"\text{~}"])
def test_white_space(token: str) -> None:
    assert is_spacing(token) and not prints(token)


@pytest.mark.parametrize(
    ("tokens", "balanced"),
    [
        ("{ }", True),
        ("{ { }", False),
        ("} {", False),
        (r"\left( x \right.", True),
        (r"\left( { x \right) }", False),
        (r"\leftarrow \rightarrow", True),
        (r"\begin{array} { c } \end{array}", True),
        (r"\begin{array} \end{cases}", False),
        (r"\begin{aligned}[b] \end{aligned}", True),
        (r"\left\langle x \right\rangle", True),
    ],
)
def test_balance(tokens: str, balanced: bool) -> None:
    assert is_balanced(tokens.split()) is balanced
