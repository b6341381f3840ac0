"""A formula as presentation MathML, such as Word, browsers and LibreOffice take."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from app.notation import cannot, formula_tree
from app.notation.reading import Run, columns, primes, run_at, width
from app.notation.signs import in_alphabet, negated, sign
from app.words import translate
from core_model.latex import symbols
from core_model.latex.spacing import class_of
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
    Table,
)

NAMESPACE: Final = "http://www.w3.org/1998/Math/MathML"
_ACCENTS: Final = {
    "\\hat": "^", "\\widehat": "^", "\\check": "ˇ", "\\widecheck": "ˇ", "\\tilde": "~", "\\widetilde": "~",
    "\\acute": "´", "\\grave": "`", "\\dot": "˙", "\\ddot": "¨", "\\dddot": "⃛", "\\ddddot": "⃜", "\\breve": "˘",
    "\\bar": "¯", "\\mathring": "˚", "\\vec": "→", "\\overline": "¯", "\\overrightarrow": "→",
    "\\overleftarrow": "←", "\\overleftrightarrow": "↔", "\\overbrace": "⏞", "\\overbracket": "⎴",
    "\\overparen": "⏜", "\\wideparen": "⏜",
}  # fmt: skip
_BELOW: Final = {
    "\\underline": "_", "\\underbar": "_", "\\underrightarrow": "→", "\\underleftarrow": "←",
    "\\underleftrightarrow": "↔", "\\underbrace": "⏟", "\\underbracket": "⎵",
}  # fmt: skip
_WIDE: Final = frozenset(
    ["\\overline", "\\wideparen", "\\overparen", *(k for k in _ACCENTS if k[1:5] in ("over", "wide"))]
)
_ENCLOSED: Final = {
    "\\boxed": "box",
    "\\cancel": "updiagonalstrike",
    "\\bcancel": "downdiagonalstrike",
    "\\xcancel": "updiagonalstrike downdiagonalstrike",
}
_ARROWS: Final = {
    "\\xrightarrow": "→", "\\xleftarrow": "←", "\\xleftrightarrow": "↔", "\\xRightarrow": "⇒", "\\xLeftarrow": "⇐",
    "\\xLeftrightarrow": "⇔", "\\xmapsto": "↦",
}  # fmt: skip
_SIZES: Final = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_PRIMES: Final = {1: "′", 2: "″", 3: "‴", 4: "⁗"}
_SPELLED: Final = {"liminf": "lim inf", "limsup": "lim sup", "injlim": "inj lim", "projlim": "proj lim"}
_LINES: Final = frozenset(["\\varliminf", "\\varlimsup", "\\varinjlim", "\\varprojlim"])
_CLASSES: Final = {
    AtomClass.BIN: "infix",
    AtomClass.REL: "infix",
    AtomClass.OPEN: "prefix",
    AtomClass.CLOSE: "postfix",
}


def to_mathml(latex: str) -> str:
    """The formula as a `<math>` element in display style.

    Raises:
        FormatError: the LaTeX is broken, or MathML has no element for a part of it.
    """
    math = Element("math", {"xmlns": NAMESPACE, "display": "block"})
    row = SubElement(math, "mrow")
    row.extend(_Printer(bold=False).elements(formula_tree(latex, "MathML")))
    return tostring(math, encoding="unicode")


def _leaf(tag: str, text: str, **attributes: str) -> Element:
    element = Element(tag, attributes)
    element.text = text
    return element


def _gap(em: float) -> Element:
    return Element("mspace", {"width": f"{em:.3f}em"})


class _Printer:
    """Writes nodes as elements; `bold` is the inside of ``\\boldsymbol``."""

    def __init__(self, bold: bool) -> None:
        self.bold = bold

    def elements(self, nodes: list[Node]) -> list[Element]:
        out: list[Element] = []
        index = 0
        while index < len(nodes):
            node = nodes[index]
            if isinstance(node, Style):
                level = symbols.STYLES[node.text]
                rest = Element(
                    "mstyle", {"displaystyle": str(level == 0).lower(), "scriptlevel": str(max(level // 2 - 1, 0))}
                )
                rest.extend(self.elements(nodes[index + 1 :]))
                return [*out, rest]
            if isinstance(node, Space):
                out.extend(self.space(node))
                index += 1
                continue
            if isinstance(node, Atom) and node.text == "\\not" and not node.has_scripts():
                node = self.negation(nodes, index)
                out.append(self.with_scripts(_leaf("mo", negated(sign(node.text) or "")), node))
                index += 2
                continue
            found = run_at(nodes, index)
            if found:
                run, index = found
                out.append(self.with_scripts(self.run(run), run.last))
            else:
                index += 1
                out.append(self.with_scripts(self.element(node), node))
                if self.applies(node):
                    out.append(_leaf("mo", "\u2061"))
                    follower = nodes[index] if index < len(nodes) else None
                    if follower is not None and class_of(follower) in (AtomClass.ORD, AtomClass.OP):
                        out.append(_gap(3 / 18))
        return out

    def row(self, nodes: list[Node]) -> Element:
        """One element for a list of nodes."""
        children = self.elements(nodes)
        if len(children) == 1:
            return children[0]
        row = Element("mrow")
        row.extend(children)
        return row

    def negation(self, nodes: list[Node], index: int) -> Atom:
        after = nodes[index + 1] if index + 1 < len(nodes) else None
        if isinstance(after, Atom) and sign(after.text) and class_of(after) is AtomClass.REL:
            return after
        raise cannot("MathML", translate("Notation", "{command} before what is no relation").format(command="\\not"))

    def applies(self, node: Node) -> bool:
        """Whether a function's name stands here, which is applied to what follows."""
        if isinstance(node, Command):
            return node.name.startswith("\\operatorname")
        return isinstance(node, Atom) and (node.text in symbols.FUNCTION_NAMES or node.text in symbols.LIMIT_NAMES)

    def space(self, node: Space) -> list[Element]:
        em = width(node)
        if em is None:
            raise cannot("MathML", translate("Notation", "the white space {sign}").format(sign=node.text))
        return [_gap(em)] if em else []

    # -- leaves ------------------------------------------------------------------------------------------------------
    def run(self, run: Run) -> Element:
        if run.font == "number":
            return _leaf("mn", "".join(self.letter(digit, "") for digit in run.text))
        if run.font == "text":
            return _leaf("mtext", run.text.replace(" ", "\u00a0"))
        if run.font == "\\mathrm":
            text = "".join(self.letter(one, "\\mathrm") for one in run.text)
            return _leaf(
                "mn" if text.isdigit() else "mi", text, **({"mathvariant": "normal"} if len(text) == 1 else {})
            )
        if run.font == "\\mathit":
            return _leaf("mi", run.text, **({"mathvariant": "italic"} if len(run.text) > 1 else {}))
        row = Element("mrow")
        for one in run.text:
            if not one.strip():
                row.append(_gap(1 / 3))
            else:
                row.append(
                    _leaf("mn" if one.isdigit() else "mi" if one.isalpha() else "mo", self.letter(one, run.font))
                )
        return row[0] if len(row) == 1 else row

    def letter(self, letter: str, font: str) -> str:
        """A letter in its alphabet, as a character of its own where Unicode has one."""
        if font == "\\mathrm":
            font = "\\mathbf" if self.bold else ""
        elif self.bold and not font:
            font = "bold italic"
        if not font or not letter.isalnum():
            return letter
        found = in_alphabet(letter, font)
        if found is None:
            raise cannot("MathML", translate("Notation", "{letter} in {font}").format(letter=letter, font=font))
        return found

    def atom(self, node: Atom) -> Element:
        name = node.text
        if name.startswith("\\rule"):
            raise cannot("MathML", "\\rule")
        if name in symbols.FUNCTION_NAMES:
            return _leaf("mi", name[1:])
        if name == "\\bmod":
            return _leaf("mo", "mod", lspace="0.222em", rspace="0.222em")
        if name in _LINES:
            raise cannot("MathML", name)
        if name in symbols.LIMIT_NAMES:
            return _leaf("mo", _SPELLED.get(name[1:], name[1:]), movablelimits="true", rspace="0em")
        character = sign(name)
        if character is None:
            raise cannot("MathML", translate("Notation", "the sign {sign}").format(sign=name))
        kind = class_of(node)
        if kind is AtomClass.ORD:
            if character.isalpha():
                upright = name in symbols.GREEK_CAPITALS and not self.bold
                return _leaf("mi", self.greek(character, name), **({"mathvariant": "normal"} if upright else {}))
            return _leaf("mo" if character in "/|‖′‵∀∃∄¬√" else "mi", character, **self.still(character))
        return _leaf("mo", character, **self.still(character))

    def greek(self, character: str, name: str) -> str:
        if not self.bold or not in_alphabet(character, "bold italic"):
            return character
        return in_alphabet(character, "\\mathbf" if name in symbols.GREEK_CAPITALS else "bold italic") or character

    @staticmethod
    def still(character: str) -> dict[str, str]:
        """A delimiter without a size keeps its own."""
        return {"stretchy": "false"} if character in "()[]{}|‖⟨⟩⌊⌋⌈⌉⟮⟯⎰⎱⌜⌝⌞⌟⟦⟧/\\↑↓↕⇑⇓⇕" else {}

    # -- scripts -----------------------------------------------------------------------------------------------------
    def with_scripts(self, base: Element, node: Node) -> Element:
        if not node.has_scripts():
            return base
        if isinstance(node, Group) and not node.body:
            base = Element("mrow")
        stacked = self.stacked(node)
        if stacked and node.limits == "\\limits" and base.tag == "mo":
            base.set("movablelimits", "false")
        name = {
            (True, False): "munder" if stacked else "msub",
            (False, True): "mover" if stacked else "msup",
            (True, True): "munderover" if stacked else "msubsup",
        }[node.sub is not None, node.sup is not None]
        element = Element(name)
        element.append(base)
        if node.sub is not None:
            element.append(self.row(node.sub))
        if node.sup is not None:
            element.append(self.superscript(node.sup))
        return element

    def superscript(self, sup: list[Node]) -> Element:
        count = primes(sup)
        if not count:
            return self.row(sup)
        mark = _leaf("mo", _PRIMES.get(count, "′" * count))
        if count == len(sup):
            return mark
        row = Element("mrow")
        row.append(mark)
        row.extend(self.elements(sup[count:]))
        return row

    @staticmethod
    def stacked(node: Node) -> bool:
        """Whether scripts stand above and below."""
        if node.limits:
            return node.limits == "\\limits"
        if isinstance(node, Atom):
            return node.text in symbols.BIG_OPERATORS or node.text in symbols.LIMIT_NAMES
        if isinstance(node, Command):
            return node.name in ("\\operatorname*", "\\mathop") or node.name[1:] in (
                "overbrace", "underbrace", "overbracket", "underbracket"
            )  # fmt: skip
        return False

    # -- structure ---------------------------------------------------------------------------------------------------
    def element(self, node: Node) -> Element:
        if isinstance(node, Atom):
            return self.atom(node)
        if isinstance(node, Group | Font):
            return self.row(node.body)
        if isinstance(node, Sized):
            return self.sized(node)
        if isinstance(node, Command):
            return self.command(node)
        if isinstance(node, Delimited):
            return self.delimited(node)
        if isinstance(node, Table):
            return self.table(node)
        raise TypeError(f"{type(node).__name__} is no node of a canonical tree")

    def sized(self, node: Sized) -> Element:
        if node.delimiter == ".":
            return Element("mrow")
        size = _SIZES[node.size[1:].rstrip("lrm") if node.size[-1] in "lrm" else node.size[1:]]
        form = _CLASSES.get(symbols.DELIMITER_SIZES[node.size])
        extra = {"form": form} if form else {}
        return _leaf("mo", self.delimiter(node.delimiter), stretchy="true", minsize=size, maxsize=size, **extra)

    def delimiter(self, token: str) -> str:
        character = sign(token)
        if character is None:
            raise cannot("MathML", translate("Notation", "the delimiter {sign}").format(sign=token))
        return character

    def delimited(self, node: Delimited) -> Element:
        row = Element("mrow")
        if node.left != ".":
            row.append(_leaf("mo", self.delimiter(node.left), fence="true", form="prefix", stretchy="true"))
        for number, body in enumerate(node.bodies):
            if number and node.middles[number - 1] != ".":
                row.append(_leaf("mo", self.delimiter(node.middles[number - 1]), stretchy="true"))
            row.append(self.row(body))
        if node.right != ".":
            row.append(_leaf("mo", self.delimiter(node.right), fence="true", form="postfix", stretchy="true"))
        return row

    def command(self, node: Command) -> Element:
        name = node.name
        if name in symbols.FRACTIONS or name == "\\atop":
            return self.fraction(node)
        if name == "\\sqrt":
            if node.option is None:
                return self.holding("msqrt", node.args[0])
            root = Element("mroot")
            root.extend([self.row(node.args[0]), self.row(node.option)])
            return root
        if name.startswith("\\operatorname"):
            return self.operator(node)
        if name in symbols.STACKS:
            stack = Element("munder" if name == "\\underset" else "mover")
            stack.extend([self.row(node.args[1]), self.row(node.args[0])])
            return stack
        if name in _ARROWS:
            return self.arrow(node)
        if name in _ACCENTS or name in _BELOW:
            return self.marked(node)
        if name in ("\\boldsymbol", "\\pmb"):
            return _Printer(bold=True).row(node.args[0])
        if name in _ENCLOSED:
            return self.holding("menclose", node.args[0], notation=_ENCLOSED[name])
        if name == "\\phantom":
            return self.holding("mphantom", node.args[0])
        if name in ("\\pmod", "\\pod", "\\mod"):
            return self.modulus(node)
        if name in symbols.CLASS_COMMANDS or name in ("\\mathop", "\\mathord"):
            return self.row(node.args[0])
        raise cannot("MathML", name.split("{")[0])

    def holding(self, tag: str, nodes: list[Node], **attributes: str) -> Element:
        element = Element(tag, attributes)
        element.append(self.row(nodes))
        return element

    def fraction(self, node: Command) -> Element:
        fraction = Element("mfrac")
        fraction.extend([self.row(node.args[0]), self.row(node.args[1])])
        if node.name == "\\atop" or node.name.endswith("binom"):
            fraction.set("linethickness", "0")
        result = fraction
        if node.name.endswith("binom"):
            result = Element("mrow")
            result.append(_leaf("mo", "(", fence="true", form="prefix", stretchy="true"))
            result.append(fraction)
            result.append(_leaf("mo", ")", fence="true", form="postfix", stretchy="true"))
        if node.name[1] in "dt" or node.name == "\\cfrac":
            style = Element("mstyle", {"displaystyle": "false" if node.name[1] == "t" else "true", "scriptlevel": "0"})
            style.append(result)
            return style
        return result

    def operator(self, node: Command) -> Element:
        children = _Printer(self.bold).elements(node.args[0])
        if node.args[0] and all(isinstance(child, Atom | Space) for child in node.args[0]):
            text = ""
            for child in node.args[0]:
                assert isinstance(child, Atom | Space)
                text += "\u2009" if isinstance(child, Space) else sign(child.text) or ""
            starred = node.name.endswith("*")
            return (
                _leaf("mo", text, movablelimits="true", rspace="0em")
                if starred
                else _leaf("mi", text, **({"mathvariant": "normal"} if len(text) == 1 else {}))
            )
        row = Element("mrow")
        row.extend(children)
        return row

    def arrow(self, node: Command) -> Element:
        arrow = _leaf("mo", _ARROWS[node.name], stretchy="true")
        element = Element("munderover" if node.option else "mover")
        element.append(arrow)
        if node.option:
            element.append(self.padded(node.option))
        element.append(self.padded(node.args[0]))
        return element

    def padded(self, nodes: list[Node]) -> Element:
        """A label with room on both sides, so that the arrow reaches beyond it."""
        element = Element("mpadded", {"width": "+0.8em", "lspace": "0.4em"})
        element.append(self.row(nodes))
        return element

    def marked(self, node: Command) -> Element:
        name = node.name
        below = name in _BELOW
        wide = below or name in _WIDE
        element = Element("munder" if below else "mover", {"accentunder" if below else "accent": "true"})
        element.append(self.row(node.args[0]))
        element.append(_leaf("mo", _BELOW[name] if below else _ACCENTS[name], stretchy=str(wide).lower()))
        return element

    def modulus(self, node: Command) -> Element:
        row = Element("mrow")
        row.append(_gap(1.0))
        if node.name != "\\mod":
            row.append(_leaf("mo", "(", stretchy="false"))
        if node.name != "\\pod":
            row.append(_leaf("mi", "mod"))
            row.append(_gap(1 / 3))
        row.extend(self.elements(node.args[0]))
        if node.name != "\\mod":
            row.append(_leaf("mo", ")", stretchy="false"))
        return row

    # -- tables ------------------------------------------------------------------------------------------------------
    def table(self, node: Table) -> Element:
        table = Element("mtable")
        count = max((len(row.cells) for row in node.rows), default=0)
        if node.name in ("array", "darray", "subarray"):
            found = columns(node)
            if found is None:
                told = translate("Notation", "an array with the columns {columns}")
                raise cannot("MathML", told.format(columns="".join(node.spec)))
            letters = {"l": "left", "c": "center", "r": "right"}
            table.set("columnalign", " ".join(letters[letter] for letter in found.letters))
            self.column_lines(table, found.lines, count)
        elif node.name in ("aligned", "alignedat"):
            table.set("columnalign", " ".join(["right", "left"] * ((count + 1) // 2)))
            table.set("columnspacing", "0em 2em")
        elif node.name in ("cases", "dcases", "rcases"):
            table.set("columnalign", "left")
        if node.name in ("aligned", "alignedat", "gathered", "dcases", "darray"):
            table.set("displaystyle", "true")
        self.row_lines(table, node)
        for row in node.rows:
            line = SubElement(table, "mtr")
            for cell in row.cells:
                self.cell(line, cell)
        if node.name in ("cases", "dcases", "rcases"):
            return self.braced(table, node.name)
        if node.name == "smallmatrix":
            style = Element("mstyle", {"scriptlevel": "1"})
            style.append(table)
            return style
        return table

    def cell(self, line: Element, nodes: list[Node]) -> None:
        cell = SubElement(line, "mtd")
        first = nodes[0] if len(nodes) == 1 else None
        if isinstance(first, Command) and first.name.startswith("\\multicolumn"):
            _, count, letters = first.name.replace("}", "").split("{")
            cell.set("columnspan", count)
            cell.set("columnalign", {"l": "left", "r": "right"}.get(letters.strip("|"), "center"))
            nodes = first.args[0]
        cell.extend(self.elements(nodes))

    @staticmethod
    def column_lines(table: Element, lines: tuple[int, ...], count: int) -> None:
        inner = ["solid" if column in lines else "none" for column in range(1, count)]
        if "solid" in inner:
            table.set("columnlines", " ".join(inner))
        if 0 in lines and count in lines:
            table.set("frame", "solid")
        elif 0 in lines or count in lines:
            raise cannot("MathML", translate("Notation", "a line at one side of an array"))

    @staticmethod
    def row_lines(table: Element, node: Table) -> None:
        rows = list(node.rows)
        if any(rule != "\\hline" for row in rows for rule in row.rules):
            raise cannot("MathML", "\\cline")
        closed = len(rows) > 1 and rows[-1].cells == [[]] and bool(rows[-1].rules)
        if closed:
            rows.pop()
            node.rows = rows
        inner = ["solid" if row.rules else "none" for row in rows[1:]]
        if "solid" in inner:
            table.set("rowlines", " ".join(inner))
        top = bool(rows and rows[0].rules)
        framed = table.get("frame") == "solid"
        if (top or closed) != framed or top != closed:
            raise cannot("MathML", translate("Notation", "lines around an array that are no frame"))

    @staticmethod
    def braced(table: Element, name: str) -> Element:
        row = Element("mrow")
        row.append(table)
        brace = "}" if name == "rcases" else "{"
        form = "postfix" if name == "rcases" else "prefix"
        row.insert(1 if name == "rcases" else 0, _leaf("mo", brace, fence="true", form=form, stretchy="true"))
        return row
