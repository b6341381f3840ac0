"""Tokens -> LaTeX as a person would write it."""

from collections.abc import Iterable
from typing import Final

from core_model.latex import symbols
from core_model.latex.canonical import Canonical
from core_model.latex.parser import parse
from core_model.latex.printer import letter_run, written_font
from core_model.latex.skeletons import fitted_columns
from core_model.latex.spacing import Spacing, class_of, following_classes
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Sized, Space, Style, Table

_MATRIX_NAMES: Final = {
    (left, right): name for name, (plain, left, right) in symbols.MATRICES.items() if plain == "matrix" and left
}
# \begin{matrix} has no more columns than this (amsmath's MaxMatrixCols).
_MATRIX_COLUMNS: Final = 10
# No control word is longer; only so much of a line need be looked at to find one at its end.
_LONGEST_WORD: Final = 40
_CANONICAL = Canonical(skeleton=False)


def tidy(latex: str | Iterable[str]) -> str:
    """Write a formula, given as LaTeX or as tokens, the way people do.

    No superfluous braces or spaces, ``x_i^2``, ``\\begin{pmatrix}`` and ``cases`` where an array is one. The result
    compiles with amsmath and has the same skeleton.

    Raises:
        LatexError: the formula does not parse.
    """
    text = latex if isinstance(latex, str) else " ".join(latex)
    return _list(_CANONICAL.nodes(parse(text), 0), "", False)


class _Line:
    """Pieces of a list, joined with spaces where LaTeX or the eye needs them."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._end = ""
        self._scripted = False

    def add(self, piece: str, *, spaced: bool = False) -> None:
        """Append a piece; ``spaced`` puts a space before it."""
        if not piece:
            return
        if self._end and self._end[-1] != " ":
            word = piece[0].isalpha() and ends_in_word(self._end)
            crowded = self._scripted and (piece[0].isalnum() or piece[0] == "\\")
            if spaced or word or crowded:
                self._push(" ")
        self._push(piece)
        self._scripted = False

    def add_scripts(self, scripts: str) -> None:
        """Append scripts to what was added last."""
        self._push(scripts)
        self._scripted = bool(scripts) and scripts[-1] not in "}'"

    def _push(self, text: str) -> None:
        self._pieces.append(text)
        self._end = (self._end + text)[-_LONGEST_WORD:]

    @property
    def text(self) -> str:
        """All pieces so far."""
        return "".join(self._pieces)


def ends_in_word(text: str) -> bool:
    """Whether the text ends in a control word, which a following letter would lengthen."""
    stem = text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    if len(stem) == len(text) or not stem.endswith("\\"):
        return False
    return (len(stem) - len(stem.rstrip("\\"))) % 2 == 1


def _list(nodes: list[Node], ambient: str, tight: bool) -> str:
    """One list; ``tight``: no spaces around operators, as in scripts."""
    line = _Line()
    before: AtomClass | None = None
    spaced = False
    following = following_classes(nodes, None)
    index = 0
    while index < len(nodes):
        node = nodes[index]
        kind = Spacing.step(before, class_of(node)) if class_of(node) is not AtomClass.NONE else AtomClass.NONE
        after = following[index]
        if kind is AtomClass.BIN and after in (AtomClass.REL, AtomClass.CLOSE, AtomClass.PUNCT, None):
            kind = AtomClass.ORD
        piece, index = _piece(nodes, index, ambient)
        airy = (
            not tight and kind in (AtomClass.BIN, AtomClass.REL) and not (isinstance(node, Atom) and node.text == ":")
        )
        line.add(piece, spaced=spaced or (airy and before is not None) or (isinstance(node, Space) and len(piece) > 2))
        line.add_scripts(_scripts(nodes[index - 1], ambient))
        opens = after is AtomClass.OPEN or kind is AtomClass.NONE
        spaced = airy or (not tight and kind is AtomClass.PUNCT) or (kind is AtomClass.OP and not opens)
        spaced = spaced or (isinstance(node, Space | Style) and len(piece) > 2)
        if kind is not AtomClass.NONE:
            before = kind
    return line.text


def _piece(nodes: list[Node], index: int, ambient: str) -> tuple[str, int]:
    """The node at ``index`` (or the run of letters in one alphabet there) without scripts, and the next index."""
    node = nodes[index]
    font = written_font(node, ambient)
    if font:
        end = letter_run(nodes, index, font, ambient)
        return _letters(nodes[index:end], font), end
    return _node(node, ambient), index + 1


def _letters(run: list[Node], font: str) -> str:
    texts = [node.text for node in run if isinstance(node, Atom | Space)]
    wordy = [text for text in texts if text.startswith("\\text{") or text in ("~", "\\ ")]
    plain = all(text in wordy or text == "." or (len(text) == 1 and text.isalnum()) for text in texts)
    if wordy and plain and font == "\\mathrm":
        inner = [text[6:-1] if text.startswith("\\text{") else " " if text == "\\ " else text for text in texts]
        return "\\text{" + "".join(inner).replace("~", " ") + "}"
    line = _Line()
    for text in texts:
        line.add(text)
    return f"{font}{{{line.text}}}"


def _scripts(node: Node, ambient: str) -> str:
    text = node.limits
    if node.sub is not None:
        text += "_" + _script(node.sub, ambient)
    sup = node.sup
    if sup is not None:
        primes = 0
        while primes < len(sup) and isinstance(sup[primes], Atom) and _is_prime(sup[primes]):
            primes += 1
        text += "'" * primes
        if primes < len(sup) or not sup:
            text += "^" + _script(sup[primes:], ambient)
    return text


def _is_prime(node: Node) -> bool:
    return isinstance(node, Atom) and node.text == "\\prime" and not node.has_scripts()


def _script(nodes: list[Node], ambient: str) -> str:
    """A script: one plain sign stands without braces."""
    if len(nodes) == 1:
        node = nodes[0]
        if isinstance(node, Atom) and not node.has_scripts() and not node.limits and not written_font(node, ambient):
            simple = len(node.text) == 1 and (node.text.isalnum() or node.text in "*+-")
            if simple or (node.text[1:].isalpha() and node.kind in (AtomClass.ORD, AtomClass.BIN)):
                return node.text
    return f"{{{_list(nodes, ambient, True)}}}"


def _braced(nodes: list[Node], ambient: str, tight: bool = False) -> str:
    return f"{{{_list(nodes, ambient, tight)}}}"


def _node(node: Node, ambient: str) -> str:
    if isinstance(node, Atom | Space | Style):
        return node.text
    if isinstance(node, Group):
        return _group(node, ambient)
    if isinstance(node, Font):
        return node.font + _braced(node.body, node.font)
    if isinstance(node, Sized):
        return node.size + _after_word(node.size, node.delimiter)
    if isinstance(node, Command):
        return _command(node, ambient)
    if isinstance(node, Delimited):
        return _delimited(node, ambient)
    if isinstance(node, Table):
        return _table(node)
    raise TypeError(f"{type(node).__name__} is no node of a canonical tree")


def _group(node: Group, ambient: str) -> str:
    if node.has_scripts() and node.body:
        font = written_font(node.body[0], ambient)
        single = font and not any(child.has_scripts() for child in node.body)
        if single and letter_run(node.body, 0, font, ambient) == len(node.body):
            return _letters(node.body, font) if len(node.body) > 1 else _braced(node.body, ambient)
    return _braced(node.body, ambient)


def _after_word(word: str, piece: str) -> str:
    return " " + piece if ends_in_word(word) and piece[:1].isalpha() else piece


def _command(node: Command, ambient: str) -> str:
    name = node.name
    if name == "\\atop":
        return f"{{{_list(node.args[0], ambient, False)} \\atop {_list(node.args[1], ambient, False)}}}"
    if name == "\\stackrel" and not (len(node.args[1]) == 1 and class_of(node.args[1][0]) is AtomClass.REL):
        name = "\\overset"
    option = ""
    if node.option is not None:
        inner = _list(node.option, "", True)
        option = f"[{{{inner}}}]" if "]" in inner else f"[{inner}]"
    if name.startswith("\\operatorname"):
        ambient = "\\mathrm"
    elif name in symbols.ONE_ARGUMENT and symbols.ONE_ARGUMENT[name][1] in ("restart", "display"):
        ambient = ""
    return name + option + "".join(_braced(arg, ambient) for arg in node.args)


def _delimited(node: Delimited, ambient: str) -> str:
    body = node.bodies[0]
    if len(node.bodies) == 1 and len(body) == 1 and isinstance(body[0], Table) and not body[0].has_scripts():
        table = body[0]
        name = _MATRIX_NAMES.get((node.left, node.right))
        if name and _is_matrix(table):
            return _environment(name, table)
        if (node.left, node.right) == ("\\{", ".") and _is_cases(table):
            return _environment("cases", table)
    text = f"\\left{node.left} "
    for number, inner in enumerate(node.bodies):
        if number:
            text += f" \\middle{node.middles[number - 1]} "
        text += _list(inner, ambient, False)
    return f"{text} \\right{node.right}"


def _columns(table: Table) -> int:
    return max((len(row.cells) for row in table.rows), default=0)


def _is_plain(table: Table) -> bool:
    return not table.position and not any(row.rules for row in table.rows) and len(table.rows) > 0


def _is_matrix(table: Table) -> bool:
    if not _is_plain(table) or _columns(table) > _MATRIX_COLUMNS:
        return False
    return table.name == "matrix" or (table.name == "array" and set(_spec(table)) == {"c"})


def _is_cases(table: Table) -> bool:
    return _is_plain(table) and table.name == "array" and _spec(table) in (["l"], ["l", "l"])


def _spec(table: Table) -> list[str]:
    """The column letters, as many as the longest row has cells: TeX stops at a row with more, which a model may read.

    Columns of a width or an inset of their own (``p{2cm}``, ``@{}``) stay as they are.
    """
    plain = table.name == "array" and _columns(table) > 0 and set(table.spec) <= set("lcr|")
    return fitted_columns(table.spec, _columns(table)) if plain else table.spec


def _table(table: Table) -> str:
    if table.name == "substack":
        return "\\substack{" + _rows(table) + "}"
    if table.name == "array" and _is_matrix(table):
        return _environment("matrix", table)
    start = f"\\begin{{{table.name}}}"
    if table.position:
        start += f"[{table.position}]"
    if spec := _spec(table):
        start += "{" + "".join(spec) + "}"
    return f"{start} {_rows(table)} \\end{{{table.name}}}"


def _environment(name: str, table: Table) -> str:
    return f"\\begin{{{name}}} {_rows(table)} \\end{{{name}}}"


def _rows(table: Table) -> str:
    out: list[str] = []
    for number, row in enumerate(table.rows):
        cells = " & ".join(_list(cell, "", False) for cell in row.cells)
        # LaTeX's array takes a bracket after \\ for an option, even behind a space.
        if number and not row.rules and not table.rows[number - 1].gap and cells.startswith("["):
            cells = "{}" + cells
        out.append(" ".join([*row.rules, cells]))
        if number + 1 < len(table.rows):
            out.append(f"\\\\[{row.gap}]" if row.gap else "\\\\")
    return " ".join(part for part in out if part).strip()
