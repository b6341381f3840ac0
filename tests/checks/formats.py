"""`python -m tests.checks.formats --data DIR --limit 500`: every copy format over validation formulas, read back.

Each formula is written in each format and given to a reader of that format: LaTeX to `latex`, MathML to an XML parser
and ziamath, Typst to its compiler (the letters are read back from its PDF), SymPy's code to Python, pictures to Qt.
What a format refuses, the app says; what it neither refuses nor gets right is a silent failure, and those are listed.
"""

from __future__ import annotations

import argparse
import lzma
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QGuiApplication
from PySide6.QtPdf import QPdfDocument

from app.clipboard import picture
from app.formats import FORMATS, FormatError, convert
from core_model.errors import FormulensError
from core_model.latex import LatexError, canonical, tidy
from core_model.latex.symbols import FUNCTION_NAMES, LIMIT_NAMES

LATEX = ("raw", "inline", "display", "brackets", "equation", "align", "markdown")
BATCH = 100
PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath,amssymb,mathtools,mathrsfs,bm,cancel}
\IfFileExists{stmaryrd.sty}{\usepackage{stmaryrd}}{}
\begin{document}
"""


@dataclass
class Tally:
    """What became of the formulas in one format."""

    read_back: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    silent: list[tuple[str, str]] = field(default_factory=list)
    """Formula and what went wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns 1 where a format failed silently."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.formats", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder with formulas/im2latex_val.txt.xz")
    parser.add_argument("--limit", type=int, default=500, help="formulas to take")
    parser.add_argument("--seed", type=int, default=0, help="of the choice among all")
    parser.add_argument("--list", default="im2latex_val", help="the list in DIR/formulas")
    parser.add_argument("--formats", nargs="*", help="keys of the formats (default: all)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    formulas = sample(options.data / "formulas" / f"{options.list}.txt.xz", options.limit, options.seed)
    print(f"{len(formulas)} formulas of {options.list}\n")
    print(f"{'format':<10} {'read back':>10} {'refused':>8} {'silent':>7} {'seconds':>8}")
    failures = []
    for one in FORMATS:
        if one.kind == "figure" or (options.formats and one.key not in options.formats):
            continue  # the attention figure is drawn from a reading, not from LaTeX
        began = time.perf_counter()
        tally = check(one.key, formulas)
        spent = time.perf_counter() - began
        print(
            f"{one.key:<10} {tally.read_back:>10} {tally.refused:>8} {len(tally.silent):>7} {spent:>8.1f}", flush=True
        )
        failures += [(one.key, *failure) for failure in tally.silent]
        for reason, count in tally.reasons.most_common(5):
            print(f"{'':<10} {count:>4} x {reason[:100]}")
    for key, formula, problem in failures:
        print(f"\n{key} failed silently: {problem}\n  {formula}")
    del application
    return 1 if failures else 0


def sample(path: Path, limit: int, seed: int) -> list[str]:
    """Formulas as the app shows them; those that the core does not understand are left out."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    random.Random(seed).shuffle(lines)
    out: list[str] = []
    for line in lines:
        if len(out) == limit:
            break
        try:
            text = tidy(line)
        except LatexError:
            continue
        if text:
            out.append(text)
    return out


def check(key: str, formulas: Sequence[str]) -> Tally:
    """Write the formulas in a format and read them back."""
    tally = Tally()
    written: list[tuple[str, str | bytes]] = []
    for formula in formulas:
        try:
            written.append((formula, _drawn(formula) if key in ("svg", "png") else convert(key, formula)))
        except FormulensError as error:
            tally.refused += 1
            reason = str(error) if isinstance(error, FormatError) else "the preview: " + str(error)
            tally.reasons[re.sub(r" \(at character \d+\)", "", reason)] += 1
    readers: dict[str, Callable[[str, str], str]] = {"mathml": read_mathml, "typst": read_typst, "sympy": read_sympy}
    if key in LATEX:
        problems = read_latex([_in_document(key, str(text)) for _, text in written])
    elif key in readers:
        problems = [readers[key](formula, str(text)) for formula, text in written]
    else:
        problems = [read_picture(text) for _, text in written if isinstance(text, bytes)]
    for (formula, text), problem in zip(written, problems, strict=True):
        if problem:
            tally.silent.append((formula, f"{problem}\n  {text if isinstance(text, str) else 'a picture'}"))
        else:
            tally.read_back += 1
    return tally


def _drawn(formula: str) -> bytes:
    from app.preview import render

    return render(formula).svg


# -- readers: each says what is wrong, or "" -------------------------------------------------------------------------
def _in_document(key: str, text: str) -> str:
    return f"\\[\n{text}\n\\]" if key == "raw" else text


def read_latex(pieces: Sequence[str]) -> list[str]:
    """The first error that `latex` has with each piece, "" where it has none."""
    out: list[str] = []
    for start in range(0, len(pieces), BATCH):
        out += _compiled(pieces[start : start + BATCH])
    return out


def _compiled(pieces: Sequence[str]) -> list[str]:
    body = "".join(f"\\typeout{{formula:{number}}}\n{piece}\n\n" for number, piece in enumerate(pieces))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "formulas.tex"
        source.write_text(f"{PREAMBLE}{body}\\typeout{{formula:end}}\n\\end{{document}}\n", encoding="utf-8")
        command = ["latex", "-interaction=nonstopmode", "-no-shell-escape", source.name]
        output = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=300
        ).stdout
    problems = ["latex never came to it"] * len(pieces)
    for number, report in re.findall(r"^formula:(\d+)$(.*?)(?=^formula:)", output, re.MULTILINE | re.DOTALL):
        error = re.search(r"^! .*", report, re.MULTILINE)
        problems[int(number)] = error[0] if error else ""
    return problems


def read_mathml(formula: str, text: str) -> str:
    """Parse MathML, compare its letters with the formula's, and draw it."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        return f"no XML: {error}"
    if root.tag != "{http://www.w3.org/1998/Math/MathML}math":
        return f"the root is {root.tag}"
    different = _different(formula, "".join(root.itertext()))
    return different or _drawn_by_ziamath(text)


def _drawn_by_ziamath(mathml: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ziamath warns of its own imports
        import ziamath

        # Whatever its layout runs into is what this check looks for.
        try:
            drawing = ziamath.Math(mathml).svg()
        except Exception as error:  # noqa: BLE001
            return f"ziamath: {type(error).__name__}: {error}"
    return "" if "<path" in drawing or "<use" in drawing else "ziamath draws nothing"


def read_typst(formula: str, text: str) -> str:
    """Compile Typst to PDF, and compare the letters there with the formula's."""
    import typst

    page = '#set page(width: 200cm, height: auto, margin: 5mm)\n#set text(font: "Libertinus Serif")\n'
    try:
        pdf = typst.compile((page + text).encode(), ignore_system_fonts=True)
    except typst.TypstError as error:
        return f"typst: {error}"
    return _different(formula, pdf_text(pdf), drawn=True)


def pdf_text(pdf: bytes) -> str:
    """All text of a PDF."""
    buffer = QBuffer()
    buffer.setData(QByteArray(pdf))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    document = QPdfDocument()
    document.load(buffer)
    text = "".join(document.getAllText(page).text() for page in range(document.pageCount()))
    document.close()
    return text


def read_sympy(formula: str, text: str) -> str:
    """Run the code, and compare the letters of its names with the formula's."""
    import sympy

    namespace: dict[str, object] = {}
    try:
        exec(text, namespace)
    except Exception as error:  # noqa: BLE001 - the code is ours, and must run
        return f"{type(error).__name__}: {error}"
    result = namespace.get("formula")
    if not isinstance(result, sympy.Basic):
        return f"builds {type(result).__name__}"
    again = sympy.sympify(text.rsplit("formula = ", 1)[1], locals=namespace)
    if sympy.srepr(again) != sympy.srepr(result):
        return "is not the same when read again"
    if "\\int" not in formula and "d" not in formula:
        return _different_value(formula, result)
    return ""


def _different_value(formula: str, result: object) -> str:
    """Whether letters of the formula are missing among the names, or there are others."""
    import sympy

    assert isinstance(result, sympy.Basic)
    names = "".join(sorted(str(one) for one in result.atoms(sympy.Symbol, sympy.core.function.AppliedUndef)))
    lacking = {
        letter for letter in letters_of(formula) if letter.isascii() and letter.isalpha() and letter not in names
    }
    # Named functions, e, and what cancels or is evaluated leave no name behind.
    known = set("sincoetaxplgharkmb")
    return f"without {sorted(lacking)}" if lacking - known else ""


def read_picture(svg: bytes) -> str:
    """Draw an SVG by Qt and look for ink."""
    image = picture(svg, 2.0).convertToFormat(picture(svg, 2.0).Format.Format_Grayscale8)
    lowest = min(bytes(image.constBits()))
    return "" if lowest < 128 else "a blank picture"


# -- letters ---------------------------------------------------------------------------------------------------------
def _different(formula: str, text: str, drawn: bool = False) -> str:
    wanted = Counter(letters_of(formula))
    found = Counter(_plain(text, drawn))
    if drawn:  # PDF readers take dotless letters for those with a dot
        tokens = canonical(formula)
        found -= Counter(i=tokens.count("\\imath"), j=tokens.count("\\jmath"))
    if wanted == found:
        return ""
    return f"lacks {''.join((wanted - found).elements())!r}, has too much {''.join((found - wanted).elements())!r}"


def _plain(text: str, drawn: bool) -> Iterator[str]:
    for character in unicodedata.normalize("NFKD", text):
        # PDF readers take some Greek capitals for their look-alikes.
        character = {"∆": "Δ"}.get(character, character) if drawn else character
        if character.isalnum() and (character.isascii() or "GREEK" in unicodedata.name(character, "")):
            yield character


def letters_of(formula: str) -> list[str]:
    """Letters and digits that a formula prints, by its canonical tokens; Greek ones as their basic letter."""
    out: list[str] = []
    tokens = canonical(formula)
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if token.startswith(("\\begin{array}", "\\begin{subarray}", "\\begin{darray}")):
            index = tokens.index("}", index) + 1
        elif len(token) == 1:
            out += [token] if token.isascii() and token.isalnum() else []
        elif token in FUNCTION_NAMES or token in LIMIT_NAMES:
            out += token[1:]
        elif token == "\\bmod" or token in ("\\pmod", "\\mod"):
            out += "mod"
        else:
            out += _greek(token[1:])
    return out


def _greek(name: str) -> list[str]:
    if name == "hbar":
        return []
    known = {"ell": "l", "imath": "ı", "Re": "R", "Im": "I", "omicron": "ο", "i": "ı"}.get(name)
    if known:
        return [known] if known.isascii() or known == "ο" else []
    plain = name.removeprefix("var") if name != "varnothing" else ""
    case = "CAPITAL" if plain[:1].isupper() else "SMALL"
    if name == "varsigma":
        return ["ς"]
    spelled = {"LAMBDA": "LAMDA"}.get(plain.upper(), plain.upper())
    try:
        return [unicodedata.normalize("NFKC", unicodedata.lookup(f"GREEK {case} LETTER {spelled}"))]
    except KeyError:
        return []


if __name__ == "__main__":
    raise SystemExit(main())
