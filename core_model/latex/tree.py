"""The tree that the parser builds and the canonical form is printed from.

A formula is a list of nodes. Nodes are mutable on purpose: the canonical pass rewrites the tree it was given in place.
"""

from dataclasses import dataclass, field

from core_model.latex.symbols import AtomClass


@dataclass(slots=True, kw_only=True)
class Node:
    """Anything that stands in a list; ``sub`` and ``sup`` are its scripts, ``limits`` a written ``\\limits``."""

    sub: "list[Node] | None" = None
    sup: "list[Node] | None" = None
    limits: str = ""

    def has_scripts(self) -> bool:
        return self.sub is not None or self.sup is not None


@dataclass(slots=True)
class Atom(Node):
    """One sign. ``font`` is a math alphabet such as ``\\mathbf``; a ``fixed`` one no outer alphabet changes."""

    text: str
    kind: AtomClass
    font: str = ""
    fixed: bool = False


@dataclass(slots=True)
class Sized(Node):
    """A delimiter of a chosen size, ``\\big (``."""

    size: str
    delimiter: str


@dataclass(slots=True)
class Space(Node):
    """White space of one token."""

    text: str


@dataclass(slots=True)
class Style(Node):
    """``\\displaystyle`` and its like: holds to the end of the list."""

    text: str


@dataclass(slots=True)
class Switch(Node):
    """``\\rm`` and its like: holds to the end of the list; only before the canonical pass."""

    font: str


@dataclass(slots=True)
class Group(Node):
    """Nodes in braces."""

    body: list[Node]


@dataclass(slots=True)
class Font(Node):
    """``\\mathbf { ... }``."""

    font: str
    body: list[Node]


@dataclass(slots=True)
class Text(Node):
    """``\\text{...}``; the parts are already atoms, spaces and formulas (as ``Group``)."""

    body: list[Node]
    scales: bool


@dataclass(slots=True)
class Command(Node):
    """A command with arguments. ``option`` is the bracketed one of ``\\sqrt`` and its like."""

    name: str
    args: list[list[Node]]
    option: list[Node] | None = None


@dataclass(slots=True)
class Delimited(Node):
    """``\\left( ... \\middle| ... \\right)``; one more body than there are ``middles``."""

    left: str
    right: str
    bodies: list[list[Node]]
    middles: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """A row of a table: the rules above it, its cells, and the extra space after it (``[2mm]``)."""

    cells: list[list[Node]]
    rules: list[str] = field(default_factory=list)
    gap: str = ""


@dataclass(slots=True)
class Table(Node):
    """An environment of rows; ``spec`` holds the column letters of an array as tokens."""

    name: str
    rows: list[Row]
    spec: list[str] = field(default_factory=list)
    position: str = ""
