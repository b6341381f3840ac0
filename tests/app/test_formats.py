"""Each format says what was meant, or says that it cannot; readers of the formats agree."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest

from app.formats import FORMATS, FormatError, convert, format_of
from core_model.latex.symbols import CLASS_OF, FUNCTION_NAMES
from tests.checks.formats import LATEX, letters_of, read_latex, read_mathml, read_sympy, read_typst

ALIGNED = r"\begin{aligned} a &= b, \\ c &= [d] \end{aligned}"
VARIED = [
    r"\frac{a+b}{2}",
    r"f(x, y) = (a, b]",
    r"\sqrt[3]{x} + \hat{x} + \vec{AB} + \dddot{a} + \overline{ab}",
    r"\sum_{i=0}^n \int\limits_0^1 \lim_{x \to 0} x",
    r"f'' f'^2 f_1' x^{a}_{b} {ab}^2 {}^{14}C",
    r"\left( \frac{a}{b} \middle| c \right] \left. x \right|_0",
    r"\bigl( \Bigg/ \big| \Bigl\langle \frac{\langle a | b[}{|c|^2 |d|_0}",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
    r"|x| = \begin{cases} x, & x > 0 \\ -x & \text{if not} \end{cases}",
    r"x = \left\{ \begin{aligned} a &= b, \\ c &= d \end{aligned} \right.",
    r"\begin{array}{rcl} a & = & b \\ c & = & d \end{array}",
    r"\begin{array}{l|l} a & b \\ \hline c & d \end{array}",
    r"\xrightarrow[a]{b} \overset{a}{=} \underset{x}{b}",
    r"\underbrace{a+b}_{c} \overbrace{a}^{b}",
    r"\boxed{x} \cancel{y}",
    r"\operatorname{foo} x \operatorname*{argmax}_x a \bmod b \pmod{7} \sin x",
    r"\mathbf{A1} \mathcal{L} \mathbb{R} \mathfrak{g} \mathsf{x} \mathtt{y} \mathrm{d}x \boldsymbol{\alpha x}",
    r"\not= \not\in a \, b \quad c \text{so-called} a/b \{e\} \langle f \rangle ! \# \$ \% \& \_",
    r"\binom{n}{k} {a \atop b} \substack{a \\ b} \dfrac12 \tfrac12",
    ALIGNED,
]


def test_every_format_has_its_own_key_and_label() -> None:
    assert len({one.key for one in FORMATS}) == len({one.label for one in FORMATS}) == len(FORMATS) == 13
    assert format_of("mathml").kind == "mathml"
    with pytest.raises(KeyError):
        convert("word", "x")
    with pytest.raises(ValueError, match="picture"):
        convert("png", "x")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("raw", "a = b"),
        ("inline", "$a = b$"),
        ("display", "$$\na = b\n$$"),
        ("brackets", "\\[\na = b\n\\]"),
        ("equation", "\\begin{equation}\na = b\n\\end{equation}"),
        ("align", "\\begin{align}\na &= b\n\\end{align}"),
        ("markdown", "$a = b$"),
        ("typst", "$ a = b $"),
    ],
)
def test_one_line_in_each_text_format(key: str, expected: str) -> None:
    assert convert(key, " a = b\n") == expected


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (ALIGNED, "a &= b, \\\\ c &= [d]"),
        (r"\begin{gather*} a \\ b \end{gather*}", r"a \\ b"),
        (r"a &= b \\ c &= d", r"a &= b \\ c &= d"),
        (r"\begin{array}{r c l} a & = & b \\[2mm] & = & c \end{array}", "a & = b \\\\[2mm]\n& = c"),
        (r"\begin{eqnarray} a & = & b \\ c & = & d \end{eqnarray}", "a & = b \\\\\nc & = d"),
        (r"\left( x = y \right) = z", r"\left( x = y \right) &= z"),
        (r"x_{i=1} \leq y", r"x_{i=1} &\leq y"),
        (r"\begin{pmatrix} a & b \end{pmatrix}", r"\begin{pmatrix} a & b \end{pmatrix}"),
        (r"\begin{cases} a \\ b \end{cases}", r"\begin{cases} a \\ b \end{cases}"),
    ],
)
def test_align_takes_the_rows_that_are_there(latex: str, expected: str) -> None:
    assert convert("align", latex) == f"\\begin{{align}}\n{expected}\n\\end{{align}}"


def test_rows_stay_rows_in_every_latex_format() -> None:
    assert convert("inline", r"a \\ b") == r"$\begin{gathered} a \\ b \end{gathered}$"
    assert convert("equation", r"\begin{align*} a &= b \\ c &= d \end{align*}").count("aligned") == 2
    assert convert("markdown", r"\begin{pmatrix} a \\ b \end{pmatrix}").startswith("$$\n")


def test_wrappers_comments_and_empty_lines_do_not_break_the_copy() -> None:
    for text in ("$x + y$", "$$x + y$$", r"\[ x + y \]", r"\(x + y\)", r"\begin{equation} x + y \end{equation}"):
        assert convert("inline", text) == "$x + y$"
    assert convert("inline", "x % a comment\n\n+ y % another") == "$x + y$"
    assert convert("inline", r"50\% x") == r"$50\% x$"


@pytest.mark.parametrize("key", [one.key for one in FORMATS if one.kind in ("text", "mathml") and one.key != "raw"])
@pytest.mark.parametrize(
    "latex", ["{a", "a}", r"\left( a", "x^2^3", "a $ b", "$a$ and $b$", "", r"\begin{matrix} a", "a\\"]
)
def test_broken_latex_is_refused_not_copied(key: str, latex: str) -> None:
    with pytest.raises(FormatError):
        convert(key, latex)


def test_raw_copies_even_what_is_broken() -> None:
    assert convert("raw", " {a ") == "{a"


def test_unknown_commands_pass_as_latex_only() -> None:
    assert convert("inline", r"\mymacro{x} \text{für}") == r"$\mymacro{x} \text{für}$"
    for key in ("mathml", "typst", "sympy"):
        with pytest.raises(FormatError, match="mymacro"):
            convert(key, r"\mymacro{x}")


def test_a_tag_is_copied_where_it_can_stand_and_refused_elsewhere() -> None:
    assert "\\tag{1}" in convert("equation", r"x \tag{1}")
    assert "\\tag{1}" in convert("align", r"\begin{align} x &= y \tag{1} \\ z &= w \end{align}")
    for key in ("inline", "display", "markdown", "mathml", "typst", "sympy"):
        with pytest.raises(FormatError, match="tag"):
            convert(key, r"x \tag{1}")
    with pytest.raises(FormatError, match="tag"):
        convert("equation", r"\begin{align} x &= y \tag{1} \\ z &= w \end{align}")


def test_colour_is_not_lost_in_silence() -> None:
    for key in ("mathml", "typst", "sympy"):
        with pytest.raises(FormatError, match="color"):
            convert(key, r"\textcolor{red}{x}")


@pytest.mark.tex
def test_latex_compiles_every_latex_format() -> None:
    pieces = []
    for key in LATEX:
        for latex in [*VARIED, r"\begin{align*} a &= b \\ c &= d \end{align*}", r"a &= b \\ [c] &= d", r"x \\ y"]:
            text = convert(key, latex)
            if key == "raw":
                text = convert("brackets", text)
            pieces.append(text)
    assert [(piece, error) for piece, error in zip(pieces, read_latex(pieces), strict=True) if error] == []


@pytest.mark.tex
def test_the_latex_reader_sees_what_does_not_compile() -> None:
    assert read_latex(["$x$", r"$\nosuchcommand$", "$y$"]) == ["", "! Undefined control sequence.", ""]


# -- MathML ----------------------------------------------------------------------------------------------------------
def mathml(latex: str) -> str:
    """The inside of the row, without the namespace."""
    text = convert("mathml", latex)
    ElementTree.fromstring(text)
    return text.removeprefix('<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow>').removesuffix(
        "</mrow></math>"
    )


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"10.5^2", "<msup><mn>10.5</mn><mn>2</mn></msup>"),
        (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"f''", "<msup><mi>f</mi><mo>″</mo></msup>"),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\mathbf{x}", "<mi>𝐱</mi>"),
        (r"\mathrm{d}", '<mi mathvariant="normal">d</mi>'),
        (r"\text{a b}", "<mtext>a\u00a0b</mtext>"),
        (r"a < b \& c", "<mi>a</mi><mo>&lt;</mo><mi>b</mi><mi>&amp;</mi><mi>c</mi>"),
        (r"\not\in", "<mo>∉</mo>"),
        (r"\sum_i^n", "<munderover><mo>∑</mo><mi>i</mi><mi>n</mi></munderover>"),
        (r"\int_0^1", "<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>"),
        (r"\boldsymbol{\alpha x}", "<mrow><mi>𝜶</mi><mi>𝒙</mi></mrow>"),
    ],
)
def test_mathml_says_what_was_meant(latex: str, expected: str) -> None:
    assert mathml(latex) == expected


@pytest.mark.parametrize("latex", VARIED)
def test_mathml_is_read_back(latex: str) -> None:
    assert read_mathml(latex, convert("mathml", latex)) == ""


def test_mathml_of_every_sign_is_right_or_refused() -> None:
    written, refused = {}, set()
    for name in sorted(CLASS_OF.keys() - {"\\not"}):
        try:
            written[name] = "".join(ElementTree.fromstring(convert("mathml", name)).itertext())
        except FormatError:
            refused.add(name)
    assert all(text.strip() for text in written.values())
    assert [name for name, text in written.items() if "\\" in text] == ["\\backslash"]
    assert not refused & FUNCTION_NAMES and len(refused) < 90


@pytest.mark.parametrize(
    "latex", [r"\begin{array}{p{2cm}} a \end{array}", r"\smash{x}", r"\hfill x", r"\rule{1cm}{1pt}"]
)
def test_mathml_refuses_what_it_has_no_element_for(latex: str) -> None:
    with pytest.raises(FormatError, match="MathML cannot express"):
        convert("mathml", latex)


# -- Typst -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\frac{a,b}{c;d}", r"frac(a comma b, c \; d)"),
        (r"x_i^2 + y_{10}", "x_i^2 + y_10"),
        (r"a/b", r"a \/ b"),
        (r"[0, 1)", r"\[ 0, 1 \)"),
        (r"(a + b)^2", "(a + b)^2"),
        (r"\epsilon\varepsilon\phi\varphi", "epsilon.alt epsilon phi.alt phi"),
        (r"\mathrm{abc}", '"abc"'),
        (r"\left. x \right|_0", r"lr(x \|)_0"),
        (r"\langle a | b \rangle", r"\⟨ a\|b \⟩"),
        (r"\Bigl\langle", r"lr(\⟨, size: #1.8em)"),
        (r"{}^{14}C", 'attach("", t: 14) C'),
        (ALIGNED, "a & = b, \\\n  c & = [d]"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", 'mat(delim: "(", a, b; c, d)'),
        (r"[|x|] = x", r"[\|x\|] = x"),
        (r"\surd", r"\√"),
        (r"\text{say \"{}}", None),
    ],
)
def test_typst_says_what_was_meant(latex: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(FormatError):
            convert("typst", latex)
    else:
        assert convert("typst", latex) == f"$ {expected} $"


@pytest.mark.parametrize("latex", VARIED)
def test_typst_is_compiled_and_its_letters_read_back(latex: str, qapp: object) -> None:
    assert read_typst(latex, convert("typst", latex)) == ""


def test_typst_takes_every_sign_that_is_not_refused(qapp: object) -> None:
    import typst

    lines = []
    for name in sorted(CLASS_OF):
        try:
            lines.append(convert("typst", name))
        except FormatError:
            continue
    assert len(lines) > 450
    assert typst.compile("\n\n".join(lines).encode(), ignore_system_fonts=True)


@pytest.mark.parametrize("latex", [r"\begin{array}{lr} a & b \end{array}", r"\varoast", r"\not A", r"\smash{x}"])
def test_typst_refuses_what_it_has_no_word_for(latex: str) -> None:
    with pytest.raises(FormatError, match="Typst cannot express"):
        convert("typst", latex)


# -- SymPy -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\frac{-b + \sqrt{b^2 - 4ac}}{2a}", "(-b + sqrt(-4*a*c + b**2))/(2*a)"),
        (r"E = mc^2", "Eq(E_, c**2*m)"),
        (r"e^{-x} \pi", "pi*exp(-x)"),
        (r"\frac{1}{2}", "S(1)/2"),
        (r"\sin^2 x + \cos 2x", "sin(x)**2 + cos(2*x)"),
        (r"\int_0^1 x^2 \,\mathrm{d}x", "Integral(x**2, (x, 0, 1))"),
        (r"\sum_{k=1}^n k", "Sum(k, (k, 1, n))"),
        (r"\lim_{x \to 0^+} \frac{1}{x}", "Limit(1/x, x, 0, dir='+')"),
        (r"\frac{d}{dx} x^2", "Derivative(x**2, x)"),
        (r"\hat{x}_1 + x_{ij}", "x_ij + xhat_1"),
        (r"f(x, y) = x!", "Eq(f(x, y), factorial(x))"),
        (r"a = b = c", "Eq(a, b) & Eq(b, c)"),
        (r"\lambda \leq |x|.", "lamda <= Abs(x)"),
        (r"a/b + c", "a/b + c"),
        (r"\log_2 x", "log(x)/log(2)"),
    ],
)
def test_sympy_builds_what_was_meant(latex: str, expected: str) -> None:
    code = convert("sympy", latex)
    assert code.startswith("from sympy import *\n")
    assert code.rsplit("formula = ", 1)[1] == expected
    assert read_sympy(latex, code) == ""


@pytest.mark.parametrize(
    "latex",
    [
        r"a(b + c)",  # its reader takes a for a function
        r"a/b c",  # a/(b c)?
        r"a \pm b",  # its reader takes \pm for a symbol
        r"x \in y",
        r"f'(x)",
        r"\sin x y",
        r"\sin^{-1} x",
        r"e + e^x",
        r"e^{ix}",
        r"1,000",
        r"2\,3",
        r"\int dx \, x",
        r"\int f(x) g \, dy \, dx",
        r"\sum_{i=1}^n x_i",
        r"\sum_n x",
        r"d x",
        r"\begin{pmatrix} a \end{pmatrix}",
        r"a \\ b",
        r"\overline{z}",
        r"x = x",
        r"\frac{1}{0}",
        r"|a|b|c|",
        r"x!!",
        r"x^*",
        r"x^{\dagger}",
        r"\langle a \rangle",
        r"\frac{d^2 y}{dx^2}",
        r"a,b",
        r"x_{i+1}",
        "{" * 60 + "x" + "^2}" * 60,
    ],
)
def test_sympy_refuses_what_can_be_meant_otherwise(latex: str) -> None:
    with pytest.raises(FormatError):
        convert("sympy", latex)


def test_names_that_python_or_sympy_use_do_not_clash() -> None:
    namespace: dict[str, object] = {}
    exec(convert("sympy", r"\beta + S + N + I + \gamma + \lambda"), namespace)
    atoms = namespace["formula"].atoms()  # type: ignore[attr-defined]
    assert {str(atom) for atom in atoms} == {"beta", "S", "N", "I", "gamma", "lamda"}
    assert all(atom.is_Symbol for atom in atoms)


# -- the check's own readers, and the weight of importing ------------------------------------------------------------
def test_the_readers_see_a_lost_letter(qapp: object) -> None:
    assert "lacks 'b'" in read_mathml("a b", convert("mathml", "a"))
    assert "lacks 'b'" in read_typst("a b", convert("typst", "a"))
    assert "typst:" in read_typst("a", "$ unknownword $")
    assert read_sympy("a + q", convert("sympy", "a")) == "without ['q']"
    assert letters_of(r"\varepsilon \sin x_{12}") == ["ε", "s", "i", "n", "x", "1", "2"]


def test_formats_import_without_qt_torch_or_sympy() -> None:
    code = "import app.formats, sys; print([m for m in ('PySide6', 'torch', 'sympy', 'ziamath') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
