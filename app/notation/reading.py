"""What the printers share in reading the tree: runs of letters and numbers, lengths, parts of tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from app.notation.signs import sign
from core_model.latex.printer import letter_run, written_font
from core_model.latex.tree import Atom, Node, Space, Table

SPACES: Final = {
    "\\,": 3 / 18, "\\:": 4 / 18, "\\;": 5 / 18, "\\!": -3 / 18, "\\negmedspace": -4 / 18, "\\negthickspace": -5 / 18,
    "\\quad": 1.0, "\\qquad": 2.0, "\\enspace": 0.5, "\\ ": 1 / 3, "\\": 1 / 3, "~": 1 / 3, "\\text{~}": 1 / 3,
    "\\/": 0.0, "\\strut": 0.0, "\\mathstrut": 0.0,
}  # fmt: skip
"""White space in em."""
_UNITS: Final = {
    "em": 1.0, "ex": 0.43, "mu": 1 / 18, "pt": 0.1, "mm": 0.2845, "cm": 2.845, "in": 7.227, "pc": 1.2, "bp": 0.10038,
}  # fmt: skip
"""In em, at ten points."""
_LENGTH = re.compile(r"\\[hm]space\{([+-]?)(\d*\.?\d*)(?:true)?([a-z]{2})\}")


@dataclass(frozen=True)
class Run:
    """Letters of one alphabet, or the digits of one number, side by side; scripts belong to the last node."""

    text: str
    font: str
    """`\\mathrm`...; "text" with white space in it; "number"."""
    last: Node


def run_at(nodes: list[Node], index: int) -> tuple[Run, int] | None:
    """The run that begins at a node and the index behind it, or None where the node stands alone."""
    node = nodes[index]
    font = written_font(node, "")
    if font:
        end = letter_run(nodes, index, font, "")
        return _letters(nodes[index:end], font), end
    if _is_digit(node):
        end = index
        text = ""
        while end < len(nodes) and (_is_digit(nodes[end]) or _is_point(nodes, end)):
            child = nodes[end]
            assert isinstance(child, Atom)
            text += child.text
            end += 1
            if child.has_scripts():
                break
        return Run(text, "number", nodes[end - 1]), end
    if isinstance(node, Atom) and node.text.startswith("\\text{"):
        return Run(sign(node.text) or "", "text", node), index + 1
    return None


def _letters(run: list[Node], font: str) -> Run:
    pieces: list[str] = []
    wordy = False
    for node in run:
        assert isinstance(node, Atom | Space)
        if isinstance(node, Space):
            wordy = True
            pieces.append(" " if SPACES.get(node.text, 1) > 0.1 else "")
        else:
            wordy = wordy or node.text.startswith("\\text{")
            pieces.append(sign(node.text) or node.text)
    return Run("".join(pieces), "text" if wordy and font == "\\mathrm" else font, run[-1])


def _is_digit(node: Node) -> bool:
    return isinstance(node, Atom) and node.text.isdigit() and node.font in ("", "\\mathrm")


def _is_point(nodes: list[Node], index: int) -> bool:
    """Whether a full stop here is a decimal point: digits on both sides."""
    node = nodes[index]
    after = index + 1 < len(nodes) and _is_digit(nodes[index + 1])
    return isinstance(node, Atom) and node.text == "." and not node.has_scripts() and index > 0 and after


def width(space: Space) -> float | None:
    """A white space in em, None where its width depends on what is around it."""
    known = SPACES.get(space.text)
    if known is not None:
        return known
    length = _LENGTH.fullmatch(space.text)
    if not length or length[3] not in _UNITS or not length[2].strip("."):
        return None
    return float(length[1] + length[2]) * _UNITS[length[3]]


def primes(sup: list[Node]) -> int:
    """How many primes a superscript begins with."""
    count = 0
    for node in sup:
        if not (isinstance(node, Atom) and node.text == "\\prime" and not node.has_scripts()):
            break
        count += 1
    return count


@dataclass(frozen=True)
class Columns:
    """The columns of an array."""

    letters: str
    """l, c, r."""
    lines: tuple[int, ...]
    """Numbers of columns before which a line stands."""


def columns(table: Table) -> Columns | None:
    """What an array's column letters say; None where they hold more than l, c, r and lines."""
    letters, lines = "", []
    for token in table.spec:
        if token == "|":
            lines.append(len(letters))
        elif token in ("l", "c", "r"):
            letters += token
        elif token not in ("@{}", "!{}"):
            return None
    return Columns(letters, tuple(dict.fromkeys(lines)))
