"""The canonical pass: one tree for formulas that print alike.

The formula is taken to stand in display style. Styles are numbered as in The TeXbook, appendix G: D 0, T 2, S 4, SS 6,
and one more where cramped. ``skeleton`` also drops white space and every difference that is only white space.
"""

from core_model.errors import LatexError
from core_model.latex import symbols
from core_model.latex.skeletons import skeleton_list, skeleton_table
from core_model.latex.spacing import class_of, is_bare_cdots, open_braces
from core_model.latex.styles import (
    default_limits,
    denominator_style,
    effective_styles,
    numerator_style,
    styled_fraction,
    sub_style,
    sup_style,
)
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import (
    Atom,
    Command,
    Delimited,
    Font,
    Group,
    Node,
    Sized,
    Space,
    Style,
    Switch,
    Table,
    Text,
)

_CELL_STYLE = {"aligned": 0, "gathered": 0, "dcases": 0, "alignedat": 0, "darray": 0, "smallmatrix": 4, "substack": 4}
_CELL_STYLE["subarray"] = 4
_NEGATED = {"=": "\\neq"}


def is_letter(node: Node) -> bool:
    """Whether a math alphabet changes this node."""
    return isinstance(node, Atom) and (
        (len(node.text) == 1 and node.text.isalnum()) or node.text in symbols.GREEK_CAPITALS
    )


def carries_scripts(node: Node) -> bool:
    """Whether scripts sit on this Ord just as on the Ord in braces; white space with an atom is no base."""
    return not isinstance(node, Space) and not (isinstance(node, Command) and node.name in symbols.PHANTOMS)


class Canonical:
    """Rewrites a tree. One instance serves any number of formulas."""

    def __init__(self, skeleton: bool) -> None:
        self.skeleton = skeleton

    def nodes(
        self,
        items: list[Node],
        style: int,
        font: str = "",
        left: AtomClass | None = None,
        right: AtomClass | None = None,
    ) -> list[Node]:
        """Rewrite one list standing in ``style`` within the alphabet ``font``, between atoms ``left`` and ``right``."""
        out: list[Node] = []
        start = style
        grouped = False
        for index, node in enumerate(items):
            if isinstance(node, Atom):
                if node.text == "\\dots":
                    self.dots(node, items, index, out)
                self.atom(node, style, font, out)
                grouped = grouped or node.text in symbols.PLAIN_TWINS
            elif isinstance(node, Space):
                if not self.skeleton:
                    grouped = grouped or node.text == "\\ "
                    out.append(node)
            elif isinstance(node, Style):
                style = symbols.STYLES[node.text]
                out.append(node)
            elif isinstance(node, Switch):
                font = node.font
            else:
                self.scripts(node, style, font)
                new = self.node(node, style, font)
                if new is not None:
                    grouped = grouped or isinstance(new, Group | Sized)
                    out.append(new)
        if grouped:
            out = self.settled(out, start, left, right)
        elif any(isinstance(node, Style) for node in out):
            out = effective_styles(out, start)
        return styled_fraction(out)

    def settled(self, nodes: list[Node], style: int, left: AtomClass | None, right: AtomClass | None) -> list[Node]:
        """Lay groups open until there is no more to do: braces can be needed for a neighbour that goes after them."""
        for _ in range(_MOST_PASSES):
            before = nodes
            nodes = skeleton_list(nodes) if self.skeleton else open_braces(nodes, style, left, right)
            if any(isinstance(node, Style) for node in nodes):
                nodes = effective_styles(nodes, style)
            if len(nodes) == len(before) and all(new is old for new, old in zip(nodes, before, strict=True)):
                break
        return nodes

    def atom(self, node: Atom, style: int, font: str, out: list[Node]) -> None:
        if node.sub is not None or node.sup is not None:
            self.scripts(node, style, font)
        if font and not node.fixed and is_letter(node):
            node.font = "" if font == "\\mathnormal" and node.text.isalpha() else font
        if node.limits:
            self.limits(node, style)
        if out and node.text in _NEGATED and out[-1] == _NOT and not node.has_scripts():
            out[-1] = Atom(_NEGATED[node.text], AtomClass.REL)
        else:
            out.append(node)

    # -- scripts and limits ------------------------------------------------------------------------------------------
    def scripts(self, node: Node, style: int, font: str) -> None:
        if node.sub is not None:
            node.sub = self.nodes(node.sub, sub_style(style), font) or None
        if node.sup is not None:
            node.sup = self.nodes(node.sup, sup_style(style), font)
            # An empty superscript still lowers a subscript.
            if not node.sup and (node.sub is None or self.skeleton):
                node.sup = None

    def limits(self, node: Node, style: int) -> None:
        """Drop ``\\limits`` and ``\\nolimits`` where they say what TeX does anyway."""
        if not node.limits:
            return
        if class_of(node) is not AtomClass.OP:
            raise LatexError(f"{node.limits} without an operator")
        if not node.has_scripts() or node.limits == default_limits(node, style):
            node.limits = ""

    # -- single nodes ------------------------------------------------------------------------------------------------
    def node(self, node: Node, style: int, font: str) -> Node | None:
        if isinstance(node, Group):
            return self.group(node, self.nodes(node.body, style, font))
        if isinstance(node, Font):
            return self.group(node, self.nodes(node.body, style, node.font))
        if isinstance(node, Text):
            return self.text(node, style)
        if isinstance(node, Command):
            result = self.command(node, style, font)
            if isinstance(result, Command):
                self.limits(result, style)
            return result
        if isinstance(node, Delimited):
            node.bodies = [self.nodes(body, style, font, AtomClass.OPEN, AtomClass.CLOSE) for body in node.bodies]
            node.bodies[-1] = self.shut_dots(node.bodies[-1])
        elif isinstance(node, Table):
            return self.table(node)
        if node.limits:
            raise LatexError(f"{node.limits} without an operator")
        return node

    def group(self, old: Node, body: list[Node]) -> Node | None:
        """A group with its body already rewritten; its single child where the braces make no difference."""
        if old.limits:
            raise LatexError(f"{old.limits} without an operator")
        if len(body) == 1:
            child = body[0]
            if class_of(child) is AtomClass.ORD and carries_scripts(child) and not child.has_scripts():
                child.sub, child.sup = old.sub, old.sup
                return child
            if self.skeleton and class_of(child) not in (AtomClass.OP, AtomClass.NONE) and not child.has_scripts():
                child.sub, child.sup = old.sub, old.sup
                return child
        return Group(body, sub=old.sub, sup=old.sup)

    def text(self, node: Text, style: int) -> Node | None:
        body: list[Node] = node.body
        if not node.scales:
            body = [Style("\\textstyle"), *body] if style >= 4 else body
            return self.group(node, self.nodes(body, style, ""))
        # \text sets the style of the formulas in it by its own (amstext.sty).
        inner = "\\displaystyle" if style < 2 else "\\textstyle" if style < 4 else "\\scriptstyle"
        for child in body:
            if isinstance(child, Group) and child.body and isinstance(child.body[0], Style):
                child.body[0] = Style(inner)
        if style >= 4:
            body = [Space("\\text{~}") if child == _TEXT_SPACE else child for child in body]
        return self.group(node, self.nodes(body, style, ""))

    def dots(self, node: Atom, items: list[Node], index: int, out: list[Node]) -> None:
        """amsmath's ``\\dots`` looks at what follows."""
        node.text = "\\ldots"
        for follower in items[index + 1 :]:
            if isinstance(follower, Space | Style | Switch):
                return
            kind = class_of(follower)
            if (
                isinstance(follower, Atom) and kind in (AtomClass.BIN, AtomClass.REL) and follower.text not in _MACROS
            ) or (isinstance(follower, Atom) and follower.text in symbols.BIG_OPERATORS):
                node.text = "\\cdots"
            elif isinstance(follower, Atom) and follower.text in symbols.INTEGRALS:
                node.text = "\\cdots"
                if not self.skeleton:
                    out.append(Space("\\!"))
            return

    def command(self, node: Command, style: int, font: str) -> Node | None:
        name, args = node.name, node.args
        if name in symbols.ONE_ARGUMENT:
            return self.one_argument(node, style, font)
        if name in symbols.FRACTIONS or name == "\\atop":
            return self.fraction(node, style, font)
        if name in symbols.STACKS:
            base = self.nodes(args[1], style, font)
            note = self.nodes(args[0], 5 if name == "\\underset" else sup_style(style), font)
            node.args = [note, base]
            if name == "\\overset" and (self.skeleton or class_of(node) is AtomClass.REL):
                node.name = "\\stackrel"
            return node
        if name == "\\sqrt":
            node.args = [self.nodes(args[0], style | 1, font)]
            node.option = (self.nodes(node.option, 6) or None) if node.option is not None else None
            return node
        if name.startswith("\\operatorname"):
            return self.operator(node, style)
        if name in symbols.LABELLED_ARROWS:
            node.args = [self.nodes(args[0], 4)]
            node.option = (self.nodes(node.option, 4) or None) if node.option is not None else None
            return node
        node.args = [self.nodes(arg, 2) for arg in args]  # \multicolumn
        return node

    def one_argument(self, node: Command, style: int, font: str) -> Node | None:
        name = node.name
        _, rule = symbols.ONE_ARGUMENT[name]
        if self.skeleton:
            if name in symbols.PHANTOMS:
                return Group([], sub=node.sub, sup=node.sup)
            if name in symbols.CLASS_COMMANDS or name in _SKELETON_TRANSPARENT:
                return self.group(node, self.nodes(node.args[0], 0 if rule == "display" else style, font))
        inner = {"same": style, "cramped": style | 1, "display": 0, "restart": style & ~1}[rule]
        outer_font = "" if rule in ("restart", "display") else font
        arg = self.nodes(node.args[0], inner, outer_font)
        node.args = [arg]
        if name in symbols.VARIABLE_ACCENTS and font:
            wrapped = Font(font, [node], sub=node.sub, sup=node.sup)
            node.sub = node.sup = None
            return wrapped
        if name == "\\mathop":
            return self.mathop(node, style)
        if name == "\\mathord":
            return self.group(node, arg)
        return node

    def mathop(self, node: Command, style: int) -> Node:
        """``\\mathop { \\mathrm { word } }`` is ``\\operatorname* { word }``."""
        arg = node.args[0]
        roman = [
            child for child in arg if isinstance(child, Atom) and child.font == "\\mathrm" and not child.has_scripts()
        ]
        if len(arg) >= 2 and len(roman) == len(arg):
            for child in roman:
                child.font = ""
            node.name = "\\operatorname*"
            return self.named(node, style)
        if self.skeleton and not node.has_scripts():
            return Group(arg)
        return node

    def operator(self, node: Command, style: int) -> Node:
        node.args = [self.nodes(node.args[0], style, "\\mathrm")]
        return self.named(node, style)

    def named(self, node: Command, style: int) -> Node:
        """``\\operatorname { s i n }`` is ``\\sin``, where the scripts stay where they were."""
        self.limits(node, style)
        if not node.has_scripts():
            node.name = "\\operatorname"
        elif node.limits == "\\nolimits":
            node.limits, node.name = "", "\\operatorname"
        letters = [child.text for child in node.args[0] if isinstance(child, Atom) and not child.has_scripts()]
        name = "\\" + "".join(letters)
        if len(letters) == len(node.args[0]) and not node.limits:
            starred = node.name == "\\operatorname*"
            if (name in symbols.FUNCTION_NAMES and not starred) or (
                name in symbols.LIMIT_NAMES and (starred or not node.has_scripts()) and len(name) <= 4
            ):
                return Atom(name, AtomClass.OP, sub=node.sub, sup=node.sup)
        return node

    def fraction(self, node: Command, style: int, font: str) -> Node:
        name, args = node.name, node.args
        own = style
        if name.startswith("\\d"):
            own = 0
        elif name.startswith("\\t"):
            own = 2
        if own == style and name[1] in "dt":
            name = node.name = "\\" + name[2:]
        if name == "\\cfrac":
            node.args = [self.nodes(args[0], 0, font), self.nodes(args[1], 0, font)]
        else:
            node.args = [
                self.nodes(args[0], numerator_style(own), font),
                self.nodes(args[1], denominator_style(own), font),
            ]
        return node

    # -- tables ------------------------------------------------------------------------------------------------------
    def table(self, node: Table) -> Node:
        style = _CELL_STYLE.get(node.name, 2)
        paired = node.name in ("aligned", "alignedat")
        for row in node.rows:
            row.cells = [
                self.nodes(cell, style, "", AtomClass.ORD if paired and column % 2 else None)
                for column, cell in enumerate(row.cells)
            ]
            row.cells[:-1] = [self.shut_dots(cell) for cell in row.cells[:-1]]
        return skeleton_table(node) if self.skeleton else node

    def shut_dots(self, cell: list[Node]) -> list[Node]:
        """Braces around a list that ends in ``\\cdots``, lest amsmath add a thin space before what follows."""
        if cell and not self.skeleton and is_bare_cdots(cell[-1]):
            return [Group(cell)]
        return cell


_SKELETON_TRANSPARENT = frozenset(["\\smash", "\\mathrlap", "\\mathllap", "\\mathclap", "\\lefteqn", "\\mathord"])
# Relations that LaTeX defines as macros, which amsmath's \\dots does not see through.
_MACROS = frozenset(["\\neq", "\\notin", "\\cong"])
# Two or three do; the bound is for hostile input.
_MOST_PASSES = 20
_NOT = Atom("\\not", AtomClass.REL)
_TEXT_SPACE = Space("\\ ")
