"""The formats in which a formula is copied as text: what they are, and the LaTeX ones; pure, without Qt.

    convert("align", r"a = b") -> "\\begin{align}..."

MathML, Typst and SymPy are written in `app.notation`. What a format cannot express raises `FormatError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from app.notation import FormatError
from app.words import translate
from core_model.latex import LatexError, canonical
from core_model.latex.symbols import CLASS_OF, SYNONYMS, AtomClass

Kind = Literal["text", "mathml", "svg", "png", "figure"]

__all__ = ["FORMATS", "Format", "FormatError", "Kind", "convert", "format_of"]


@dataclass(frozen=True)
class Format:
    """One way to copy a formula. `kind` says what arrives: text, or a picture."""

    key: str
    kind: Kind

    @property
    def label(self) -> str:
        """Its name, for the user."""
        return _labels()[self.key]


FORMATS: Final[tuple[Format, ...]] = (
    Format("raw", "text"),
    Format("inline", "text"),
    Format("display", "text"),
    Format("brackets", "text"),
    Format("equation", "text"),
    Format("align", "text"),
    Format("markdown", "text"),
    Format("mathml", "mathml"),
    Format("typst", "text"),
    Format("sympy", "text"),
    Format("svg", "svg"),
    Format("png", "png"),
    Format("figure", "figure"),
)


def _labels() -> dict[str, str]:
    return {
        "raw": translate("Formats", "LaTeX"),
        "inline": translate("Formats", "LaTeX in $ … $"),
        "display": translate("Formats", "LaTeX in $$ … $$"),
        "brackets": translate("Formats", "LaTeX in \\[ … \\]"),
        "equation": translate("Formats", "LaTeX equation"),
        "align": translate("Formats", "LaTeX align"),
        "markdown": translate("Formats", "Markdown"),
        "mathml": translate("Formats", "MathML (Word)"),
        "typst": translate("Formats", "Typst"),
        "sympy": translate("Formats", "SymPy"),
        "svg": translate("Formats", "Picture, SVG"),
        "png": translate("Formats", "Picture, PNG"),
        "figure": translate("Formats", "Attention figure"),
    }


_PIECE = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_COMMENT = re.compile(r"(\\.)|%[^\n]*(?:\n|$)", re.DOTALL)
_BEGIN = re.compile(r"\\begin\s*\{([^}]*)\}(?:\s*\[[tbc]\])?")
_TRANSPARENT = frozenset(["equation", "equation*", "displaymath", "math"])
_PAIRS = {"\\left": "\\right", "\\begin": "\\end", "{": "}", "\\(": "\\)", "\\[": "\\]"}
_CLOSERS = frozenset(_PAIRS.values())
_ALIGNED = {
    "align": "aligned", "align*": "aligned", "flalign": "aligned", "flalign*": "aligned", "gather": "gathered",
    "gather*": "gathered", "multline": "gathered", "multline*": "gathered", "split": "aligned",
    "aligned": "aligned", "gathered": "gathered", "multlined": "gathered",
}  # fmt: skip
"""Environments of rows -> the one that stands within a formula."""
_PASSED_OVER = ("unknown ", "LaTeX with the character", "\\genfrac of this kind")
"""What the core does not know, but LaTeX may: macros of one's own, letters beyond ASCII."""


def format_of(key: str) -> Format:
    """The format with this key; raises `KeyError`."""
    return _BY_KEY[key]


_BY_KEY: Final = {one.key: one for one in FORMATS}


def convert(key: str, latex: str) -> str:
    """A formula as the text of a format (those of kind text and mathml).

    Raises:
        FormatError: the format cannot express the formula, or the formula is broken; says why and what to do.
        KeyError: no such format.
        ValueError: the format is a picture.
    """
    one = _BY_KEY[key]
    if one.kind not in ("text", "mathml"):
        raise ValueError(f"{key} is a picture, not a text")
    if not latex.strip():
        raise FormatError(translate("Formats", "There is no formula to copy."))
    if key == "raw":
        return latex.strip()
    body = _body(latex)
    if key == "mathml":
        from app.notation.mathml import to_mathml

        return to_mathml(body.text)
    if key == "typst":
        from app.notation.typst import to_typst

        return to_typst(body.text)
    if key == "sympy":
        from app.notation.sympy_code import to_sympy

        return to_sympy(body.text)
    return _latex(key, body, one.label)


# -- LaTeX -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Body:
    """A formula without what stood around it."""

    text: str
    """May stand in any math mode."""
    rows: str
    """Rows for an align; empty where the formula is one line."""
    environment: str = "aligned"
    """What holds the rows within a formula."""
    tagged: bool = False


def _latex(key: str, body: _Body, label: str) -> str:
    if key == "markdown":
        if "$" in body.text.replace("\\$", ""):
            told = translate(
                "Formats", "Markdown cannot express a formula within text within a formula. Copy it as LaTeX."
            )
            raise FormatError(told)
        if body.tagged:
            told = translate(
                "Formats", "Markdown cannot express {command} everywhere. Remove it, or copy the formula as equation."
            )
            raise FormatError(told.format(command="\\tag"))
        block = bool(body.rows) or "\\begin" in body.text
        return f"$$\n{body.text}\n$$" if block else f"${_one_line(body.text)}$"
    if body.tagged and (key in ("inline", "display") or (body.rows and key != "align")):
        told = translate("Formats", "{label} cannot express {command} here. Remove it, or copy the formula as align.")
        raise FormatError(told.format(label=label, command="\\tag"))
    if key == "inline":
        return f"${_one_line(body.text)}$"
    if key == "display":
        return f"$$\n{body.text}\n$$"
    if key == "brackets":
        return f"\\[\n{body.text}\n\\]"
    if key == "equation":
        return f"\\begin{{equation}}\n{body.text}\n\\end{{equation}}"
    rows = body.rows or _with_mark(body.text)
    return f"\\begin{{align}}\n{rows}\n\\end{{align}}"


def _one_line(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text)


def _body(latex: str) -> _Body:
    """Take off what stands around a formula, and make sure that the rest can stand in another place.

    Raises:
        FormatError: the LaTeX is broken.
    """
    text = _COMMENT.sub(lambda match: match[1] or "\n", latex)
    text = re.sub(r"\s*\n\s*", "\n", text).strip()  # an empty line ends a formula
    text = _inside_environment(_without_dollars(text))
    if not text:
        raise FormatError(translate("Formats", "There is no formula to copy."))
    tagged = "\\tag" in text
    begin = _BEGIN.match(text)
    name = begin[1] if begin and _closes_at_end(text) else ""
    if begin and name in _ALIGNED:
        inner = text[begin.end() : text.rindex("\\end")].strip()
        environment = _ALIGNED[name]
        kept = text if name in ("aligned", "gathered", "multlined") else _wrapped(environment, inner)
        return _checked(_Body(kept, inner, environment, tagged))
    if begin and name.startswith("eqnarray"):
        inner = text[begin.end() : text.rindex("\\end")].strip()
        array = _wrapped("array", inner, "{rcl}")
        return _checked(_Body(array, _merged(inner), "array", tagged))
    if begin and name in ("alignat", "alignat*"):
        inner = text[begin.end() : text.rindex("\\end")].strip()
        count, _, rest = inner.partition("}")
        return _checked(_Body(_wrapped("alignedat", rest.strip(), count + "}"), rest.strip(), "alignedat", tagged))
    if begin and name == "array":
        return _checked(_Body(text, _rows_of_array(text[begin.end() : text.rindex("\\end")]), "array", tagged))
    breaks = [piece for _, piece, depth in _pieces(text) if depth == 0 and piece in ("\\\\", "&", "\\cr")]
    if breaks:
        environment = "aligned" if "&" in breaks else "gathered"
        return _checked(_Body(_wrapped(environment, text), text, environment, tagged))
    return _checked(_Body(text, "", "aligned", tagged))


def _wrapped(name: str, inner: str, argument: str = "") -> str:
    return f"\\begin{{{name}}}{argument}\n{inner}\n\\end{{{name}}}"


def _checked(body: _Body) -> _Body:
    try:
        canonical(body.text)
    except LatexError as error:
        if not str(error).startswith(_PASSED_OVER):
            raise _broken(str(error)) from error
        # Beyond what the core understands, so that only the brackets can be checked.
        list(_pieces(body.text))
    return body


def _broken(reason: str) -> FormatError:
    told = translate("Formats", "This LaTeX is broken: {reason}. Mend it, or copy it as it is (LaTeX).")
    return FormatError(told.format(reason=reason))


def _without_dollars(text: str) -> str:
    for opening, closing in (("$$", "$$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)")):
        if len(text) > len(opening + closing) and text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)].strip()
            if any(piece in (closing, closing[0]) and not depth for _, piece, depth in _pieces(inner)):
                told = translate(
                    "Formats", "There is more than one formula. Keep one, or copy the text as it is (LaTeX)."
                )
                raise FormatError(told)
            return inner
    return text


def _inside_environment(text: str) -> str:
    begin = _BEGIN.match(text)
    if begin and begin[1] in _TRANSPARENT and _closes_at_end(text):
        return text[begin.end() : text.rindex("\\end")].strip()
    return text


def _closes_at_end(text: str) -> bool:
    """Whether the environment that opens a text is closed by its very end."""
    if not re.search(r"\\end\s*\{[^}]*\}$", text):
        return False
    last = text.rindex("\\end")
    return all(depth > 0 or start == 0 or start >= last for start, _, depth in _pieces(text))


def _pieces(text: str) -> list[tuple[int, str, int]]:
    """Position, token and depth (in braces, delimiters and environments) of each token.

    Raises:
        FormatError: brackets do not close, or not in order.
    """
    out: list[tuple[int, str, int]] = []
    awaited: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece in _CLOSERS and (not awaited or awaited.pop() != piece):
            raise _broken(translate("Formats", "{piece} closes nothing").format(piece=piece))
        out.append((match.start(), piece, len(awaited)))
        if piece in _PAIRS:
            awaited.append(_PAIRS[piece])
    if awaited:
        raise _broken(translate("Formats", "{piece} is missing").format(piece=awaited[-1]))
    if out and out[-1][1] == "\\":
        raise _broken(translate("Formats", "it ends in a lone backslash"))
    return out


def _cells(rows: str) -> list[tuple[list[str], str]]:
    """Cells of each row, and what ends the row (a line break with its option)."""
    out: list[tuple[list[str], str]] = []
    cells, start, pieces = [], 0, _pieces(rows)
    for position, piece, depth in pieces:
        if depth or position < start or piece not in ("&", "\\\\", "\\cr"):
            continue
        cells.append(rows[start:position].strip())
        start = position + len(piece)
        if piece != "&":
            option = re.match(r"\*?(?:\[[^\]]*\])?", rows[start:])
            ending = "\\\\" + (option[0] if option else "")
            start += len(option[0]) if option else 0
            out.append((cells, ending))
            cells = []
    cells.append(rows[start:].strip())
    if cells != [""]:
        out.append((cells, ""))
    return out


def _merged(rows: str) -> str:
    """Rows of three columns (left side, sign, right side) as rows of an align; empty where they are none."""
    lines = []
    for cells, ending in _cells(rows):
        if len(cells) > 3:
            return ""
        left, *rest = cells
        lines.append(f"{left} & {' '.join(part for part in rest if part)} {ending}".strip())
    return "\n".join(lines)


def _rows_of_array(inner: str) -> str:
    columns = re.match(r"\s*\{([lcr\s]*)\}", inner)
    if not columns or "\\hline" in inner or "\\multicolumn" in inner or "\\cline" in inner:
        return ""
    spec = re.sub(r"\s", "", columns[1])
    rows = inner[columns.end() :].strip()
    if spec == "rcl":
        return _merged(rows)
    return rows if spec == "rl" else ""


def _with_mark(text: str) -> str:
    """One line with its alignment mark before the first relation."""
    for position, piece, depth in _pieces(text):
        usual = SYNONYMS.get(piece, piece)
        if not depth and position and CLASS_OF.get(usual) is AtomClass.REL and usual not in ("\\not", ":", "\\mid"):
            before = text[:position].rstrip()
            return text if before.endswith(("_", "^", "\\not")) else f"{before} &{text[position:]}"
    return text
