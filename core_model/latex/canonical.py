"""The canonical pass: one tree for formulas that print alike.

The formula is taken to stand in display style. Styles are numbered as in The TeXbook, appendix G: D 0, T 2, S 4, SS 6,
and one more where cramped. ``skeleton`` also drops white space and every difference that is only white space.
"""

from core_model.errors import LatexError
from core_model.latex import symbols
from core_model.latex.spacing import class_of, is_bare_cdots, is_boxlike, open_braces, plain_twin
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


def sub_style(style: int) -> int:
    return (4 if style < 4 else 6) + 1


def sup_style(style: int) -> int:
    return (4 if style < 4 else 6) + style % 2


def numerator_style(style: int) -> int:
    return style + 2 - 2 * (style // 6)


def denominator_style(style: int) -> int:
    return 2 * (style // 2) + 1 + 2 - 2 * (style // 6)


def is_letter(node: Node) -> bool:
    """Whether a math alphabet changes this node."""
    return isinstance(node, Atom) and (
        (len(node.text) == 1 and node.text.isalnum()) or node.text in symbols.GREEK_CAPITALS
    )


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
                if node.sub is not None or node.sup is not None:
                    self.scripts(node, style, font)
                if font and not node.fixed and is_letter(node):
                    node.font = "" if font == "\\mathnormal" and node.text.isalpha() else font
                elif node.text == "\\dots":
                    self.dots(node, items, index, right, out)
                if node.limits or node.kind is AtomClass.OP:
                    self.limits(node, style)
                if out and out[-1] == _NOT and not node.has_scripts() and node.text in _NEGATED:
                    out[-1] = Atom(_NEGATED[node.text], AtomClass.REL)
                    continue
                grouped = grouped or node.text in symbols.PLAIN_TWINS
                out.append(node)
            elif isinstance(node, Space):
                if not self.skeleton:
                    grouped = grouped or node.text == "\\ "
                    out.append(node)
            elif isinstance(node, Style):
                if symbols.STYLES[node.text] != style:
                    style = symbols.STYLES[node.text]
                    if out and isinstance(out[-1], Style):
                        out.pop()
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
            out = self.flatten(out) if self.skeleton else open_braces(out, start, left, right)
        if style != start or any(isinstance(node, Style) for node in out):
            out = _effective_styles(out, start)
        if len(out) == 2 and isinstance(out[0], Style):
            return _styled_fraction(out, start)
        return out

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
        if not node.has_scripts():
            node.limits = ""
        elif node.limits == default_limits(node, style):
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
            if is_boxlike(child) and not child.has_scripts():
                if class_of(child) is AtomClass.ORD:
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

    def dots(self, node: Atom, items: list[Node], index: int, right: AtomClass | None, out: list[Node]) -> None:
        """amsmath's ``\\dots`` looks at what follows."""
        node.text = "\\ldots"
        for follower in items[index + 1 :]:
            if isinstance(follower, Space | Style | Switch):
                return
            kind = class_of(follower)
            if isinstance(follower, Atom) and kind in (AtomClass.BIN, AtomClass.REL) and follower.text not in _MACROS:
                node.text = "\\cdots"
            elif isinstance(follower, Atom) and follower.text in symbols.BIG_OPERATORS:
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
            if name == "\\overset" and (self.skeleton or command_inherits_relation(node)):
                node.name = "\\stackrel"
            return node
        if name == "\\sqrt":
            node.args = [self.nodes(args[0], style | 1, font)]
            node.option = self.nodes(node.option, 6) if node.option is not None else None
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
        kind, rule = symbols.ONE_ARGUMENT[name]
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
        if not node.has_scripts():
            node.limits = ""
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

    # -- skeleton ----------------------------------------------------------------------------------------------------
    def flatten(self, nodes: list[Node]) -> list[Node]:
        """Lay open every group without scripts of its own: what it changes is white space only."""
        out: list[Node] = []
        for index, node in enumerate(nodes):
            if isinstance(node, Group) and not node.has_scripts():
                scoped = any(isinstance(child, Style) for child in node.body)
                if not scoped or index + 1 == len(nodes):
                    out.extend(node.body)
                    continue
            twin = plain_twin(node)
            if twin is None and isinstance(node, Sized) and node.size[-1] == "m":
                twin = Sized(node.size[:-1], node.delimiter, sub=node.sub, sup=node.sup)
            out.append(twin if twin is not None else node)
        return out


def default_limits(node: Node, style: int) -> str:
    """Where TeX puts the scripts of this operator by itself."""
    name = node.text if isinstance(node, Atom) else node.name if isinstance(node, Command) else ""
    if name in ("\\overbrace", "\\underbrace", "\\overbracket", "\\underbracket"):
        return "\\limits"
    if name in symbols.BIG_OPERATORS or name in symbols.LIMIT_NAMES or name in ("\\mathop", "\\operatorname*"):
        return "\\limits" if style < 2 else "\\nolimits"
    return "\\nolimits"


def command_inherits_relation(node: Command) -> bool:
    return class_of(node) is AtomClass.REL


def _styled_fraction(nodes: list[Node], style: int) -> list[Node]:
    """``\\textstyle \\frac`` alone in its list is ``\\tfrac``."""
    first, second = nodes
    prefix = {"\\displaystyle": "d", "\\textstyle": "t"}.get(first.text) if isinstance(first, Style) else None
    if prefix and isinstance(second, Command) and second.name in ("\\frac", "\\binom") and not second.has_scripts():
        second.name = "\\" + prefix + second.name[1:]
        return [second]
    return nodes


def _effective_styles(nodes: list[Node], style: int) -> list[Node]:
    """Drop changes of style that no node shows: the last of a list, or from text to display before plain signs."""
    out: list[Node] = []
    shown = style
    pending: Node | None = None
    for node in nodes:
        if isinstance(node, Style):
            pending, style = node, symbols.STYLES[node.text]
            continue
        if pending is not None and not (style < 4 and shown < 4 and _looks_the_same(node)):
            if style != shown:
                out.append(pending)
            shown, pending = style, None
        out.append(node)
    return out


def _looks_the_same(node: Node) -> bool:
    """Whether a node looks the same in display and in text style."""
    if isinstance(node, Space):
        return True
    large = symbols.BIG_OPERATORS | symbols.INTEGRALS
    return isinstance(node, Atom) and not node.has_scripts() and node.text not in large


def skeleton_table(node: Table) -> Node:
    """Tables that differ by white space only, under one name."""
    columns = max((len(row.cells) for row in node.rows), default=1)
    node.position = ""
    for row in node.rows:
        row.gap = ""
    if node.name == "alignedat":
        node.name, node.spec = "aligned", []
    elif node.name == "matrix":
        node.name, node.spec = "array", ["c"] * columns
    elif node.name == "array":
        letters = ["l" if token[0] in "pmb" else token for token in node.spec if token in "lcr|" or token[0] in "pmb"]
        node.spec = _trimmed(letters, columns)
    elif node.name == "cases":
        node.name, node.spec = "array", ["l"] * columns
        outer = Delimited("\\{", ".", [[node]], sub=node.sub, sup=node.sup)
        node.sub = node.sup = None
        return outer
    return node


def _trimmed(spec: list[str], columns: int) -> list[str]:
    """Column letters for exactly as many columns as there are cells."""
    out: list[str] = []
    count = 0
    for token in spec:
        if token != "|":
            count += 1
            if count > columns:
                break
        out.append(token)
    missing = columns - sum(token != "|" for token in out)
    return out + ["c"] * missing


_SKELETON_TRANSPARENT = frozenset(["\\smash", "\\mathrlap", "\\mathllap", "\\mathclap", "\\lefteqn", "\\mathord"])
# Relations that LaTeX defines as macros, which amsmath's \\dots does not see through.
_MACROS = frozenset(["\\neq", "\\notin", "\\cong"])
_NOT = Atom("\\not", AtomClass.REL)
_TEXT_SPACE = Space("\\ ")


