"""What CROHME calls the truth: its standard tokens, and which structures an expression has.

The standard truth of the test sets 2014 and 2016 is written in a small language of its own: plain brackets and letters
whatever the size and the alphabet, no braces around a base, and ``\\limits`` after every ``\\sum``, ``\\int`` and
``\\lim`` with scripts. The skeleton tells more, which a picture of print shows and a pen does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core_model.errors import LatexError
from core_model.latex import parse
from core_model.latex.printer import print_tokens
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Sized, Space, Style, Table, Text

__all__ = ["STRUCTURES", "standard_tokens", "structures_of"]

STRUCTURES = ("fraction", "root", "script depth 0", "script depth 1", "script depth 2+", "limits", "several rows")
"""Kinds of expressions; one belongs to exactly one script depth and to any of the others."""

_WITH_LIMITS = frozenset({"\\sum", "\\int", "\\lim"})
_OPERATORS = _WITH_LIMITS | {"\\prod", "\\iint", "\\oint", "\\bigcup", "\\bigcap", "\\max", "\\min", "\\sup"}
_PLAIN_FONTS = frozenset({"\\mathrm", "\\mathit", "\\mathbf", "\\mathsf", "\\mathtt", "\\mathnormal"})
_BOLD = frozenset({"\\boldsymbol", "\\pmb"})  # commands with an argument to the parser, no fonts
_SIGNS = {"\\mid": "|", "\\colon": ":", "\\lt": "<", "\\gt": ">", "\\lbrack": "[", "\\rbrack": "]"}
_DOUBLE_BARS = frozenset({"\\|", "\\parallel"})
_FRACTIONS = frozenset({"\\frac", "\\dfrac", "\\tfrac", "\\cfrac"})


def standard_tokens(tokens: Sequence[str]) -> tuple[str, ...]:
    """A reading in CROHME's standard tokens; one that is no well-formed LaTeX stays as it is.

    Nothing of the truth is looked at: ``\\left( x \\right)`` is written ``( x )``, ``\\mathrm { M } _ { 3 }`` is
    ``M _ { 3 }``, ``{ v _ { 1 } } ^ { 2 }`` is ``v _ { 1 } ^ { 2 }``, and ``\\limits`` goes where the standard has it.
    """
    try:
        return tuple(print_tokens(_plain(parse(" ".join(tokens)))))
    except LatexError:
        return tuple(tokens)


def structures_of(tokens: Sequence[str]) -> frozenset[str]:
    """Which of `STRUCTURES` an expression has; none if it is no well-formed LaTeX. Limits are no scripts."""
    try:
        nodes = _plain(parse(" ".join(tokens)))
    except LatexError:
        return frozenset()
    found = {kind for node, _ in _walk(nodes) if (kind := _kind(node))}
    depth = max((depth for _, depth in _walk(nodes)), default=0)
    found.add(f"script depth {depth}" if depth < 2 else "script depth 2+")
    return frozenset(found)


def _kind(node: Node) -> str:
    if isinstance(node, Table):
        return "several rows"
    if isinstance(node, Command):
        return {"\\frac": "fraction", "\\sqrt": "root"}.get(node.name, "")
    return "limits" if _is_operator(node) and node.has_scripts() else ""


def _is_operator(node: Node) -> bool:
    return isinstance(node, Atom) and node.text in _OPERATORS


def _walk(nodes: list[Node], depth: int = 0) -> Iterator[tuple[Node, int]]:
    """All nodes with how deep in scripts they stand."""
    for node in nodes:
        yield node, depth
        for inner in _bodies(node):
            yield from _walk(inner, depth)
        for script in (node.sub, node.sup):
            if script is not None:
                yield from _walk(script, depth + (not _is_operator(node)))


def _bodies(node: Node) -> list[list[Node]]:
    if isinstance(node, Group | Font | Text):
        return [node.body]
    if isinstance(node, Command):
        return node.args if node.option is None else [node.option, *node.args]
    if isinstance(node, Delimited):
        return node.bodies
    if isinstance(node, Table):
        return [cell for row in node.rows for cell in row.cells]
    return []


def _plain(nodes: list[Node]) -> list[Node]:
    """The same list as the standard would have it."""
    out: list[Node] = []
    for node in nodes:
        sub, sup = (None if script is None else _plain(script) for script in (node.sub, node.sup))
        laid = _laid_open(node)
        if laid and not ((sub and laid[-1].sub) or (sup and laid[-1].sup)):
            laid[-1].sub, laid[-1].sup = sub or laid[-1].sub, sup or laid[-1].sup
        elif sub or sup:
            laid = [Group(laid, sub=sub, sup=sup)]
        for one in laid:
            limits = isinstance(one, Atom) and one.text in _WITH_LIMITS and one.has_scripts()
            one.limits = "\\limits" if limits else ""
        out += laid
    return out


def _laid_open(node: Node) -> list[Node]:
    """What a node is without its scripts: itself, or what it holds."""
    if isinstance(node, Space | Style):
        return []
    if isinstance(node, Atom):
        return _signs(node.text, node.kind)
    if isinstance(node, Sized):
        return _signs("" if node.delimiter == "." else node.delimiter)
    if isinstance(node, Group | Text) or (isinstance(node, Font) and node.font in _PLAIN_FONTS):
        return _plain(node.body)
    if isinstance(node, Font):
        return [Font(node.font, _plain(node.body))]
    if isinstance(node, Delimited):
        out = _signs("" if node.left == "." else node.left)
        for index, body in enumerate(node.bodies):
            out += _signs(node.middles[index - 1]) if index else []
            out += _plain(body)
        return out + _signs("" if node.right == "." else node.right)
    if isinstance(node, Command):
        if node.name.startswith("\\operatorname") or node.name in _BOLD:
            return _plain(node.args[0])
        name = "\\frac" if node.name in _FRACTIONS else node.name
        option = None if node.option is None else _plain(node.option)
        return [Command(name, [_plain(arg) for arg in node.args], option)]
    if isinstance(node, Table):
        for row in node.rows:
            row.cells = [_plain(cell) for cell in row.cells]
        node.sub = node.sup = None
    return [node]


def _signs(text: str, kind: AtomClass = AtomClass.ORD) -> list[Node]:
    """The signs of a token; none of an empty one, which stands for a missing delimiter."""
    if text in _DOUBLE_BARS:
        return [Atom("|", kind), Atom("|", kind)]
    if text.startswith("\\text{"):
        text = text[len("\\text{") : -1]
    return [Atom(_SIGNS.get(text, text), kind)] if text else []
