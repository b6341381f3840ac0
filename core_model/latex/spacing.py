"""TeX's spaces between atoms, and which braces change them.

The table is that of The TeXbook, chapter 18: 0 none, 1 thin, 2 medium, 3 thick; negative where the space falls away in
scripts. The rules for binary operators are those of appendix G, rules 5 and 6.
"""

from typing import Final

from core_model.latex import symbols
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Group, Node, Sized, Space, Style

_ORD, _OP, _BIN, _REL, _OPEN, _CLOSE, _PUNCT, _INNER, _NONE = AtomClass

_DISPLAY: Final = (
    # Ord Op Bin Rel Open Close Punct Inner
    (0, 1, -2, -3, 0, 0, 0, -1),  # Ord
    (1, 1, 9, -3, 0, 0, 0, -1),  # Op
    (-2, -2, 9, 9, -2, 9, 9, -2),  # Bin
    (-3, -3, 9, 0, -3, 0, 0, -3),  # Rel
    (0, 0, 9, 0, 0, 0, 0, 0),  # Open
    (0, 1, -2, -3, 0, 0, 0, -1),  # Close
    (-1, -1, 9, -1, -1, -1, -1, -1),  # Punct
    (-1, 1, -2, -3, -1, 0, -1, -1),  # Inner
)
_SCRIPT: Final = tuple(tuple(max(value, 0) for value in row) for row in _DISPLAY)

# A Bin after one of these, or at the beginning, is an Ord; so is a Bin before one of _ENDS_BIN, or at the end.
_NO_BIN_AFTER: Final = frozenset([_OP, _BIN, _REL, _OPEN, _PUNCT, None])
_NO_BIN_BEFORE: Final = frozenset([_REL, _CLOSE, _PUNCT, None])


def class_of(node: Node) -> AtomClass:
    """The class with which a node stands among its neighbours."""
    if isinstance(node, Atom):
        return node.kind
    if isinstance(node, Space):
        return _ORD if node.text in symbols.SPACES_WITH_ATOM else _NONE
    if isinstance(node, Style):
        return _NONE
    if isinstance(node, Delimited):
        return _INNER
    if isinstance(node, Sized):
        return symbols.DELIMITER_SIZES[node.size]
    if isinstance(node, Command):
        return command_class(node)
    return _ORD


def command_class(node: Command) -> AtomClass:
    name = node.name
    if name in symbols.PHANTOMS:
        return _ORD
    if name in symbols.ONE_ARGUMENT:
        if name == "\\boldsymbol":
            return _inherited(node.args[0])
        return symbols.ONE_ARGUMENT[name][0]
    if name.startswith("\\operatorname"):
        return _OP
    if name == "\\stackrel" or name in symbols.LABELLED_ARROWS:
        return _REL
    if name in symbols.STACKS:
        return _inherited(node.args[1])
    return _ORD


def _inherited(body: list[Node]) -> AtomClass:
    """amsmath's ``\\binrel@``: a lone relation or operator hands its class on."""
    if len(body) == 1 and isinstance(body[0], Atom | Command):
        kind = class_of(body[0])
        return kind if kind in (_BIN, _REL) else _ORD
    return _ORD


# Stretches in a cell of a table, not in braces.
_FILLS = frozenset(["\\hfill", "\\hfil"])
_CONTROL_SPACE = Space("\\ ")


class Spacing:
    """The spaces of one list: ``left`` and ``right`` are the classes that stand outside its ends."""

    def __init__(self, style: int, left: AtomClass | None, right: AtomClass | None) -> None:
        self.table = _SCRIPT if style >= 4 else _DISPLAY
        self.left = left
        self.right = right

    def between(self, before: AtomClass | None, after: AtomClass | None) -> int:
        return 0 if before is None or after is None else self.table[before][after]

    @staticmethod
    def step(before: AtomClass | None, kind: AtomClass) -> AtomClass:
        """The class of an atom of this kind once what stands before it is known."""
        if kind is _BIN and before in _NO_BIN_AFTER:
            return _ORD
        return kind

    def same(
        self, before: AtomClass | None, shut: AtomClass | None, kinds: list[AtomClass], after: AtomClass | None
    ) -> bool:
        """Whether ``kinds`` laid open between its neighbours keeps every space that one atom ``shut`` had there.

        Args:
            before: class of the atom before, operators already resolved; None at the beginning.
            shut: class of the single atom that stands there now (Ord for a group).
            kinds: classes to stand there instead, as they are inside braces of their own.
            after: class of the next atom, unresolved; None at the end.
        """
        if shut is None:
            return False
        shut = self.step(before, shut)
        if not kinds:
            if before is _BIN and after in _NO_BIN_BEFORE:
                return False
            if after is _BIN and (before in _NO_BIN_AFTER):
                return False
            return self.between(before, shut) + self.between(shut, after) == self.between(before, after) or (
                (before is None or after is None) and self.between(before, shut) + self.between(shut, after) == 0
            )
        first, last = kinds[0], kinds[-1]
        if first is _BIN:
            # Inside the braces it was an Ord.
            if before not in _NO_BIN_AFTER and not (len(kinds) == 1 and after in _NO_BIN_BEFORE):
                return False
            first = _ORD
        if len(kinds) > 1 and last is _BIN:
            if after not in _NO_BIN_BEFORE:
                return False
            last = _ORD
        elif len(kinds) == 1:
            last = first
        if before is _BIN and (first in _NO_BIN_BEFORE) != (shut in _NO_BIN_BEFORE):
            return False
        if after is _BIN and (last in _NO_BIN_AFTER) != (shut in _NO_BIN_AFTER):
            return False
        return self.between(before, first) == self.between(before, shut) and self.between(last, after) == self.between(
            shut, after
        )


def following_classes(nodes: list[Node], right: AtomClass | None) -> list[AtomClass | None]:
    """For each node the class of the first atom after it, ``right`` at the end."""
    out: list[AtomClass | None] = []
    for node in reversed(nodes):
        out.append(right)
        kind = class_of(node)
        if kind is not _NONE:
            right = kind
    out.reverse()
    return out


def open_braces(nodes: list[Node], style: int, left: AtomClass | None, right: AtomClass | None) -> list[Node]:
    """Lay open every group that prints the same without its braces, and write Open and Close twins of signs plainly."""
    spacing = Spacing(style, left, right)
    out: list[Node] = []
    before = left
    # A style change within the list makes the spaces after it depend on it: then both tables must agree.
    both = [spacing]
    if any(isinstance(node, Style) for node in nodes):
        both = [Spacing(0, left, right), Spacing(4, left, right)]
    following = following_classes(nodes, right)
    for index, node in enumerate(nodes):
        kind = class_of(node)
        after = following[index]
        if kind is _NONE:
            # ~ is a control space and an empty atom.
            if node == _CONTROL_SPACE and all(s.same(before, _ORD, [], after) for s in both):
                node, before = Space("~"), _ORD
            out.append(node)
            continue
        if isinstance(node, Group) and not node.has_scripts():
            inner = [k for k in map(class_of, node.body) if k is not _NONE]
            if (
                all(s.same(before, _ORD, inner, after) for s in both)
                and not any(isinstance(child, Space) and child.text in _FILLS for child in node.body)
                and _style_may_leak(node, nodes, index, style, before)
                and not (_ends_in_cdots(node.body or out) and _draws_space(nodes, index + 1))
            ):
                out.extend(node.body)
                for k in inner:
                    before = Spacing.step(before, k)
                continue
        elif kind is _OPEN or kind is _CLOSE:
            plain = plain_twin(node)
            if plain is not None and all(s.same(before, kind, [_ORD], after) for s in both):
                node, kind = plain, _ORD
        elif (child := _only_delimited(node)) is not None and all(s.same(before, _ORD, [_INNER], after) for s in both):
            # { \left( .. \right) } ^ 2: the scripts sit alike, only the spaces beside may differ.
            child.sub, child.sup = node.sub, node.sup
            node, kind = child, _INNER
        before = Spacing.step(before, kind)
        out.append(node)
    return out


def _only_delimited(node: Node) -> Delimited | None:
    """The ``\\left ... \\right`` that is all there is in this group."""
    if isinstance(node, Group) and len(node.body) == 1:
        child = node.body[0]
        if isinstance(child, Delimited) and not child.has_scripts():
            return child
    return None


def is_bare_cdots(node: Node) -> bool:
    """Whether this is ``\\cdots`` without scripts."""
    return isinstance(node, Atom) and node.text == "\\cdots" and not node.has_scripts()


def draws_thin_space(node: Node) -> bool:
    """Whether amsmath's ``\\cdots`` puts a thin space before this node."""
    if isinstance(node, Sized):
        return node.size in symbols.THIN_BEFORE
    return isinstance(node, Atom) and (node.text in symbols.THIN_BEFORE or node.text in (",", ";", "."))


def _ends_in_cdots(nodes: list[Node]) -> bool:
    return bool(nodes) and is_bare_cdots(nodes[-1])


def _draws_space(nodes: list[Node], index: int) -> bool:
    return index < len(nodes) and draws_thin_space(nodes[index])


def _style_may_leak(group: Group, nodes: list[Node], index: int, style: int, before: AtomClass | None) -> bool:
    """Whether a change of style within the group would harm nothing outside it."""
    changes = [child.text for child in group.body if isinstance(child, Style)]
    if not changes:
        return True
    if index + 1 < len(nodes):
        return False
    # The space before the group's first atom would be set in the new style.
    return before is None or (style < 4 and all(symbols.STYLES[text] < 4 for text in changes))


def plain_twin(node: Node) -> Node | None:
    """The Ord that looks like this Open or Close sign, if there is one."""
    if isinstance(node, Atom) and node.text in symbols.PLAIN_TWINS:
        return Atom(symbols.PLAIN_TWINS[node.text], _ORD, sub=node.sub, sup=node.sup)
    if isinstance(node, Sized) and node.size[-1] in "lr":
        return Sized(node.size[:-1], node.delimiter, sub=node.sub, sup=node.sup)
    return None
