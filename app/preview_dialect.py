r"""Canonical LaTeX -> the LaTeX that ziamath (through latex2mathml) draws as TeX would.

ziamath knows most commands under their usual names. What it leaves out without a word (``\mathbin``, bold digits, the
second letter of ``\mathsf{AB}``, lines of tables), takes for text (``\big\langle``, ``\\[2mm]``) or spaces badly (a
minus sign behind an opening parenthesis) is rewritten here, token by token.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from core_model.latex import is_spacing
from core_model.latex.symbols import CLASS_COMMANDS, CLASS_OF, DELIMITER_SIZES, AtomClass


class Unsupported(Exception):  # noqa: N818 - an answer, not a failure
    """A command that cannot be expressed; ``command`` is its name with the backslash."""

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self.command = command


@dataclass
class Lines:
    """The lines of one table."""

    columns: list[int] = field(default_factory=list)
    """Vertical ones: before which column, 0 the first; the count of columns stands for the right edge. May repeat."""
    rows: list[tuple[int, int, int]] = field(default_factory=list)
    """Horizontal ones: above which row, from which column, up to which (not included; -1 is the right edge)."""


@dataclass(frozen=True)
class Dialect:
    """A formula as ziamath takes it."""

    source: str
    tables: tuple[Lines, ...]
    """The lines of each table, in the order in which the tables begin. ziamath draws none by itself."""


def to_dialect(tokens: Sequence[str]) -> Dialect:
    """Write canonical tokens so that ziamath draws them rightly.

    Raises:
        Unsupported: it cannot.
    """
    return _Writer(tokens).write()


_DROPPED: Final = CLASS_COMMANDS | frozenset(["\\mathop", "\\mathord", "\\mathnormal", "\\lefteqn", "\\limits"])
_UNSUPPORTED: Final = frozenset(["\\multicolumn"])
_UNARY: Final = frozenset(["+", "-", "\\pm", "\\mp"])
_BEFORE_OPERAND: Final = frozenset([AtomClass.BIN, AtomClass.REL, AtomClass.OPEN, AtomClass.PUNCT, AtomClass.OP])
_BARS: Final = frozenset(["|", "\\|"])
_BELOW: Final = frozenset(["\\inf", "\\sup", "\\max", "\\min", "\\lim"])
_DELIMITERS: Final = {
    "\\langle": "⟨", "\\rangle": "⟩", "\\lfloor": "⌊", "\\rfloor": "⌋", "\\lceil": "⌈", "\\rceil": "⌉",
    "\\{": "{", "\\}": "}", "\\|": "‖", "\\uparrow": "↑", "\\downarrow": "↓", "\\updownarrow": "↕", "\\Uparrow": "⇑",
    "\\Downarrow": "⇓", "\\Updownarrow": "⇕", "\\llbracket": "⟦", "\\rrbracket": "⟧", "\\lgroup": "⟮", "\\rgroup": "⟯",
    "\\lmoustache": "⎰", "\\rmoustache": "⎱", "\\ulcorner": "⌜", "\\urcorner": "⌝", "\\llcorner": "⌞",
    "\\lrcorner": "⌟",
}  # fmt: skip
_RENAMED: Final = {
    "\\": "\\ ", "\\wideparen": "\\overparen", "!": "{!}",
    "\\text{-}": "\\text{‐}", "\\text{--}": "\\text{–}", "\\text{---}": "\\text{—}", "\\text{``}": "\\text{“}",
    "\\text{''}": "\\text{”}", "\\text{'}": "\\text{’}", "\\text{`}": "\\text{‘}", "\\text{<}": "{\\lt}",
    "\\text{>}": "{\\gt}", "\\text{|}": "{|}",
    "\\AA": "Å", "\\aa": "\\text{å}", "\\AE": "\\text{Æ}", "\\ae": "\\text{æ}", "\\OE": "\\text{Œ}",
    "\\oe": "\\text{œ}", "\\O": "\\text{Ø}", "\\o": "\\text{ø}", "\\L": "\\text{Ł}", "\\l": "\\text{ł}",
    "\\ss": "\\text{ß}", "\\i": "\\text{ı}", "\\j": "\\text{ȷ}", "\\P": "\\text{¶}", "\\copyright": "\\text{©}",
    "\\vcentcolon": ":", "\\ratio": ":", "\\dblcolon": "∷", "\\shortparallel": "∥", "\\vartimes": "\\times",
    "\\shortrightarrow": "→", "\\shortleftarrow": "←", "\\shortuparrow": "↑", "\\shortdownarrow": "↓",
}  # fmt: skip
"""Spelling of ziamath for single tokens; Unicode characters are drawn as they are."""
_DIGITS: Final = {"\\mathbf": 0x1D7CE, "\\boldsymbol": 0x1D7CE, "\\mathbb": 0x1D7D8, "\\mathsf": 0x1D7E2,
                  "\\mathtt": 0x1D7F6}  # fmt: skip
"""Where Unicode has the digits of an alphabet; latex2mathml sets those upright and light."""
_SPELLED: Final = frozenset(_DIGITS) | {"\\mathit", "\\mathcal", "\\mathscr", "\\mathfrak"}
"""Alphabets of which latex2mathml applies some to the first letter only."""
_TABLES: Final = {
    # name: (how it begins, how it ends, what begins each cell, what ends it)
    "gathered": ("\\begin{matrix}", "\\end{matrix}", "{\\displaystyle ", "}"),
    "alignedat": ("\\begin{aligned}", "\\end{aligned}", "", ""),
    "dcases": ("\\left\\{\\begin{array}{ll}", "\\end{array}\\right.", "{\\displaystyle ", "}"),
    "rcases": ("\\left.\\begin{array}{ll}", "\\end{array}\\right\\}", "", ""),
}


@dataclass
class _Open:
    """A table that is being written."""

    end: str
    cell: tuple[str, str]
    lines: Lines
    row: int = 0


class _Writer:
    """Writes once; ``fresh`` says that an operand has yet to come, so that a minus there is a sign."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tokens
        self.index = 0
        self.out: list[str] = []
        self.fresh = True
        self.open: list[_Open] = []
        self.tables: list[Lines] = []
        self.behind: dict[int, str] = {}
        """What is to be written behind the token with an index."""

    def write(self) -> Dialect:
        while self.index < len(self.tokens):
            start = self.index
            self.index += 1
            self._token(self.tokens[start])
            for index in range(start, self.index):
                if index in self.behind:
                    self._put(self.behind[index])
        return Dialect("".join(self.out), tuple(self.tables))

    def _put(self, piece: str) -> None:
        r"""Append a piece, apart where the two would be read as one.

        Otherwise without spaces: ziamath draws ``\mathbb { E }`` as a plain E, ``\mathbb{E}`` rightly.
        """
        last = self.out[-1] if self.out else ""
        if (piece[:1].isalpha() and re.search(r"\\[A-Za-z]+$", last)) or (piece[:1] == "|" and last[-1:] == "|"):
            self.out.append(" ")
        if piece:
            self.out.append(piece)

    def _peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def _group(self, start: int) -> int:
        """The index of the brace that closes the one at ``start``."""
        depth = 0
        for index in range(start, len(self.tokens)):
            depth += (self.tokens[index] == "{") - (self.tokens[index] == "}")
            if depth == 0:
                return index
        raise ValueError("canonical tokens have an open brace")

    # -- tokens -----------------------------------------------------------------------------------
    def _token(self, token: str) -> None:
        name = token.partition("{")[0] if token.startswith(("\\begin", "\\end", "\\cline", "\\multicolumn")) else token
        if name in _UNSUPPORTED:
            raise Unsupported(name)
        if name == "\\begin":
            self._begin(token)
        elif name == "\\end":
            self._put(self.open[-1].cell[1] + self.open.pop().end)
            self.fresh = False
        elif name == "\\cline":
            first, _, last = token[len("\\cline{") : -1].partition("-")
            if not (first.isdigit() and last.isdigit()):
                raise Unsupported("\\cline")
            self._rule(int(first) - 1, int(last))
        elif name == "\\hline":
            self._rule(0, -1)
        elif token.startswith("\\\\"):
            self._row()
        elif token == "&":
            before, after = self.open[-1].cell if self.open else ("", "")
            self._put(f"{after}&{before}")
            self.fresh = True
        elif token in DELIMITER_SIZES:
            self._sized(token)
        elif token in _SPELLED and self._peek() == "{":
            self._alphabet(token)
        elif token in ("\\binom", "\\dbinom", "\\tbinom"):
            # tex2mml rewrites \binom by a pattern that does not count braces.
            middle = self._group(self.index)
            self.behind[middle] = "\\choose" + self.behind.get(middle, "")
            end = self._group(middle + 1)
            self.behind[end] = "}" + self.behind.get(end, "")
            self._put("{")
            self.fresh = True
        elif token == "\\operatorname" and not "".join(self.tokens[self.index + 1 : self._group(self.index)]).isalpha():
            self._put("\\mathrm")
        elif token == "\\substack":
            self.tables.append(Lines())
            self._put(token)
        elif token not in _DROPPED:
            self._sign(token)

    def _sign(self, token: str) -> None:
        written = _RENAMED.get(token, token)
        if token in _UNARY and self.fresh:
            written = "{" + token + "}"
        elif token in _BELOW and self._peek() in ("_", "^"):
            written = token + "\\limits"
        self._put(written)
        kind = CLASS_OF.get(token)
        if token in _BARS or is_spacing(token):
            return  # a bar opens where an operand is due, and closes behind one
        if kind is not None:
            self.fresh = kind in _BEFORE_OPERAND
        else:
            self.fresh = token != "}" and not token.startswith("\\right")

    def _sized(self, size: str) -> None:
        delimiter = self._peek()
        self.index += 1
        self._put(size + _DELIMITERS.get(delimiter, "\\backslash" if delimiter == "\\backslash" else delimiter))
        if delimiter not in _BARS:
            self.fresh = CLASS_OF.get(delimiter) is AtomClass.OPEN

    def _alphabet(self, font: str) -> None:
        """``\\mathbf{A1}`` sign by sign; what holds more than letters and digits stays as it is."""
        end = self._group(self.index)
        inner = self.tokens[self.index + 1 : end]
        if not inner or not all(len(sign) == 1 and sign.isalnum() for sign in inner):
            self._put(font)
            return
        code = _DIGITS.get(font)
        signs = [
            chr(code + int(sign)) if code is not None and sign.isdigit() else f"{font}{{{sign}}}" for sign in inner
        ]
        self._put("{" + "".join(signs) + "}" if len(signs) > 1 else signs[0])
        self.index = end + 1
        self.fresh = False

    # -- tables -----------------------------------------------------------------------------------
    def _begin(self, token: str) -> None:
        name = token[len("\\begin{") : token.index("}")]
        lines = Lines()
        self.tables.append(lines)
        begin, end, before, after = _TABLES.get(name, (f"\\begin{{{name}}}", f"\\end{{{name}}}", "", ""))
        self._put(begin)
        if name in ("array", "alignedat", "subarray", "darray"):
            last = self._group(self.index)
            columns = self.tokens[self.index + 1 : last]
            self.index = last + 1
            if name != "alignedat":
                self._put("{" + self._columns(columns, lines) + "}")
        self._put(before)
        self.open.append(_Open(end, (before, after), lines))
        self.fresh = True

    @staticmethod
    def _columns(columns: Sequence[str], lines: Lines) -> str:
        letters = ""
        for column in columns:
            if column == "|":
                lines.columns.append(len(letters))
            elif column[0] in "lcr":
                letters += column
            elif column[0] in "pmb":
                letters += "l"
            elif column[0] == "@" and len(column) > 3:
                raise Unsupported("@")
        return letters

    def _row(self) -> None:
        if not self.open:  # within \substack
            self._put("\\\\")
            return
        table = self.open[-1]
        table.row += 1
        self._put(f"{table.cell[1]}\\\\{table.cell[0]}")
        self.fresh = True

    def _rule(self, first: int, last: int) -> None:
        if self.open:
            self.open[-1].lines.rows.append((self.open[-1].row, first, last))
