"""The two forms: what merges, what stays apart, and that a second pass changes nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_model.latex import canonical, is_balanced, is_spacing, skeleton, skeleton_of_canonical, tokenize

LEAVES = st.just("\\ ") | st.sampled_from(
    r"a x 2 . , ; + - = ( ) [ ] | * / ! : \alpha \Gamma \leq \in \times \sum \int \sin \max \cdots \ldots \dots \prime "
    r"\, \; \quad ~ \! \hspace{1cm} \displaystyle \textstyle \rm \bf \text{-} \not= "
    r"\rangle \langle \lvert \rvert \| \{ \} \dag \infty \not \colon \vdots {} \strut".split()
)
ONE = [
    r"\hat{%s}", r"\sqrt{%s}", r"\overline{%s}", r"\mathbf{%s}", r"\mathrm{%s}", r"\mathcal{%s}", r"{%s}", r"{{%s}}",
    r"\left(%s\right)", r"\left\{%s\right.", r"\underbrace{%s}", r"\mathop{%s}", r"\mathrel{%s}", r"\boldsymbol{%s}",
    r"\operatorname{%s}",
    r"\text{if $%s$, or}", r"\mbox{a-b $%s$}", r"\phantom{%s}", r"\substack{a \\ %s}", r"\vec{%s}",
    r"x_{%s}",
    r"x^{%s}", r"{%s}^2", r"\pmod{%s}", r"{\scriptstyle %s}", r"{\cal %s}", r"\big( %s \bigr)", r"\smash{%s}",
    r"\begin{cases} %s & x \\ b \end{cases}", r"\begin{array}{l|c} %s & * \\[2mm] \hline & d \end{array}",
]  # fmt: skip
TWO = [
    r"\frac{%s}{%s}", r"{%s \over %s}", r"\binom{%s}{%s}", r"{%s \atop %s}", r"\stackrel{%s}{%s}", r"%s %s", r"%s %s",
    r"\dfrac{%s}{%s}", r"\tfrac{%s}{%s}", r"\sqrt[%s]{%s}", r"\overset{%s}{%s}", r"x_{%s}^{%s}", r"\sum_{%s}^{%s}",
    r"\int\limits_{%s}^{%s}", r"\begin{pmatrix} %s & %s \\ * a & [b] \end{pmatrix}", r"\left. %s \middle| %s \right|",
    r"\begin{aligned} %s &= %s \\ [b] & c \\ \end{aligned}", r"\begin{array}{cc} a & \cdots & \\ [%s] & %s \end{array}",
]  # fmt: skip
FORMULAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda form, a: form.replace("%s", a), st.sampled_from(ONE), inner),
        st.builds(lambda form, a, b: form.replace("%s", a, 1).replace("%s", b, 1), st.sampled_from(TWO), inner, inner),
        st.lists(inner, max_size=5).map(" ".join),
    ),
    max_leaves=14,
)


def test_alike_merge(alike: tuple[str, str]) -> None:
    first, second = alike
    assert canonical(first) == canonical(second)
    assert skeleton(first) == skeleton(second)


def test_near_pairs_stay_apart(apart: tuple[str, str]) -> None:
    first, second = apart
    assert canonical(first) != canonical(second)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(FORMULAS)
def test_a_second_pass_changes_nothing(formula: str) -> None:
    tokens = canonical(formula)
    bones = skeleton(formula)
    assert canonical(" ".join(tokens)) == tokens
    assert skeleton(" ".join(bones)) == bones
    assert skeleton_of_canonical(tokens) == bones
    assert is_balanced(tokens) and is_balanced(bones)
    assert tokenize(" ".join(tokens)) == tokens
    assert not any(" " in token for token in tokens)
    assert not any(is_spacing(token) for token in bones)


@pytest.mark.parametrize(
    ("latex", "tokens"),
    [
        (r"x_i^2", "x _ { i } ^ { 2 }"),
        (r"^2", "{ } ^ { 2 }"),
        (r"\sqrt[3]{x}", r"\sqrt [ 3 ] { x }"),
        (r"\left( \frac{1}{2} \right)", r"\left( \frac { 1 } { 2 } \right)"),
        (
            r"\begin{array}{c|c} a & b \\ \hline c & d \end{array}",
            r"\begin{array} { c | c } a & b \\ \hline c & d \end{array}",
        ),
        (r"\mbox{ and }", r"~ \mathrm { a n d } ~"),
        (r"\text{for all $x>0$}", r"\mathrm { f o r ~ a l l } ~ x > 0"),
        (r"x_{\text{a b}}", r"x _ { \mathrm { a \text{~} b } }"),
        (r"x_{\mbox{eff}}", r"x _ { \textstyle \mathrm { e f f } }"),
        (r"\hspace { 1 c m } x", r"\hspace{1cm} x"),
        (r"\begin{aligned} a \\[2pt] [b] \end{aligned}", r"\begin{aligned} a \\[2pt] [ b ] \end{aligned}"),
        (r"\begin{array}{c} a \\ {}[b] \end{array}", r"\begin{array} { c } a \\ { } [ b ] \end{array}"),
        (r"\color{red} x \label{eq} \tag{1}", "x"),
        (r"$$x$$", "x"),
        (r"\mathbf{\hat x}", r"\mathbf { \hat { x } }"),
        (r"{\mathrm{ab}}_c \mathrm{d}_e", r"\mathrm { a b } _ { c } \mathrm { d } _ { e }"),
        (r"\sum \ \prod", r"\sum \ \prod"),
        (r"a_b^{}", "a _ { b } ^ { }"),
    ],
)
def test_style_of_the_tokens(latex: str, tokens: str) -> None:
    assert canonical(latex) == tokens.split(" ")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"a \quad b", "a b"),
        (r"a {=} b", "a = b"),
        (r"1{,}000", "1,000"),
        (r"\left( \phantom{x} y \right)", r"\left( y \right)"),
        (r"\begin{matrix} a & b \end{matrix}", r"\begin{array}{cc} a & b \end{array}"),
        (r"\begin{cases} a & b \\ c \end{cases}", r"\left\{ \begin{array}{ll} a & b \\ c \end{array} \right."),
        (r"\sin\lvert x\rvert", r"\sin|x|"),
        (r"\sum \bigl( x \bigr)", r"\sum \big( x \big)"),
        (r"\begin{array}{@{}l@{\;}r} a & b \\[2mm] c & d \end{array}", r"\begin{array}{lr} a & b \\ c & d \end{array}"),
        (r"\overset{a}{x}", r"\stackrel{a}{x}"),
        (r"\mathbin{a}", "a"),
        (r"\smash{x}", "x"),
    ],
)
def test_skeleton_drops_white_space(first: str, second: str) -> None:
    assert skeleton(first) == skeleton(second)
    assert canonical(first) != canonical(second)


def test_canonical_takes_tokens() -> None:
    assert canonical(["x", "^", "2"]) == canonical("x^2")


@pytest.mark.parametrize("environment", ["equation", "equation*"])
def test_equation_wrappers_go(environment: str) -> None:
    assert canonical(rf"\begin{{{environment}}} x = 1 \end{{{environment}}}") == ["x", "=", "1"]


def test_eqnarray_shows_display_style() -> None:
    tokens = canonical(r"\begin{eqnarray} a &=& \frac{1}{2} \\ b &=& 2 \nonumber \end{eqnarray}")
    assert tokens[:5] == [r"\begin{array}", "{", "r", "c", "l"]
    assert r"\dfrac" in tokens
