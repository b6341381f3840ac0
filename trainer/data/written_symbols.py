"""Which symbols of the bank a formula is written with.

A pen shows neither weight nor slant: bold and sans-serif letters are refused, since their ink could not be told from
that of plain ones. Upright letters are plain; script, blackboard and Fraktur letters have drawings of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

from core_model.latex import symbols
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Table, Text
from trainer.data.symbol_places import FUNCTION_WORDS

FUNCTIONS = symbols.FUNCTION_NAMES | symbols.LIMIT_NAMES
"""Commands that are written as words."""
PLAIN_ALPHABETS = frozenset(["", "\\mathrm", "\\mathnormal"])
_ALPHABETS = frozenset(["\\mathbb", "\\mathcal", "\\mathscr", "\\mathfrak"])
_ALIASES = {
    "\\mid": "|",
    "\\lvert": "|",
    "\\rvert": "|",
    "\\arrowvert": "|",
    "\\bracevert": "|",
    "\\lVert": "\\|",
    "\\rVert": "\\|",
    "\\Arrowvert": "\\|",
    "\\colon": ":",
    "\\vcentcolon": ":",
    "\\ratio": ":",
    "\\dots": "\\ldots",
    "\\omicron": "o",
    "\\i": "\\imath",
    "\\j": "\\jmath",
    "\\lgroup": "(",
    "\\rgroup": ")",
    "\\smallint": "\\int",
    "\\eqsim": "\\simeq",
    **{"\\var" + name[1:]: name for name in symbols.GREEK_CAPITALS},
}


class CannotWriteError(Exception):
    """A formula holds what no hand of the bank can write; the text names it."""


def symbol_of(text: str, font: str = "") -> str:
    """The symbol of the bank that a sign is written with. Raises CannotWriteError for alphabets a pen does not show."""
    if text.startswith("\\text{"):
        text = text[len("\\text{") : -1]
    text = _ALIASES.get(text, text)
    if font in PLAIN_ALPHABETS or not (len(text) == 1 and text.isalnum()):
        return text
    if font not in _ALPHABETS:
        raise CannotWriteError(font)
    return f"{font}{{{text}}}"


def signs_of(nodes: Sequence[Node], font: str = "") -> set[str]:
    """The symbols a formula needs, roughly: enough to choose who writes it."""
    found: set[str] = set()
    for node in nodes:
        inner: list[list[Node]] = []
        own = font
        if isinstance(node, Atom):
            if node.text in FUNCTIONS and node.text not in FUNCTION_WORDS:
                found.update(node.text[1:])
            else:
                try:
                    found.add(symbol_of(node.text, node.font or font))
                except CannotWriteError:
                    continue
        elif isinstance(node, Group | Text):
            inner = [node.body]
        elif isinstance(node, Font):
            inner, own = [node.body], node.font
        elif isinstance(node, Command):
            inner = [*node.args, node.option or []]
        elif isinstance(node, Delimited):
            found.update((node.left, node.right))
            inner = node.bodies
        elif isinstance(node, Table):
            inner = [cell for row in node.rows for cell in row.cells]
        for part in (*inner, node.sub or [], node.sup or []):
            found |= signs_of(part, own)
    return found
