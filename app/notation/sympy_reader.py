"""The part of a formula's LaTeX that SymPy reads rightly, under names that it cannot take for something else.

Every part must be one whose meaning is beyond doubt. Signs with marks and subscripts become plain symbols; how often
each symbol stands in the formula is kept, so that what comes back can be held against it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from app.notation import FormatError, cannot
from app.notation.reading import run_at
from app.words import translate
from core_model.latex.spacing import class_of
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Sized, Space, Style, Table

_FUNCTIONS: Final = frozenset(
    "\\" + name for name in "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp ln log".split()
)
_APPLIED: Final = frozenset([*"fghFGH", "\\phi", "\\varphi", "\\psi", "\\Phi", "\\Psi"])
"""Letters before a parenthesis that are functions; others may be factors."""
_SIGNS: Final = frozenset(("+", "-", "\\cdot", "\\times", "!", "/", "\\div"))
_RELATIONS: Final = {
    "=": "Eq", "<": "Lt", ">": "Gt", "\\leq": "Le", "\\geq": "Ge", "\\neq": "Ne", "\\leqslant": "Le",
    "\\geqslant": "Ge",
}  # fmt: skip
"""Relation -> its name in SymPy."""
_ENDERS: Final = _RELATIONS.keys() | {"+", "-", ",", ")", "]", "|"}
_ACCENTED: Final = frozenset(
    ["\\hat", "\\bar", "\\tilde", "\\vec", "\\dot", "\\ddot", "\\check", "\\breve", "\\acute", "\\grave", "\\mathring"]
)
_SUFFIX: Final = {"\\mathring": "ring"}
_GREEK: Final = frozenset(
    "\\" + name
    for name in """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho
    varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi
    Omega hbar
    ell""".split()
)


def without_stop(nodes: list[Node]) -> list[Node]:
    """The formula without the punctuation of the sentence in which it stood."""
    end = len(nodes)
    while end and (isinstance(nodes[end - 1], Space) or _text(nodes[end - 1]) in (".", ",", ";")):
        end -= 1
    if end < len(nodes) and any(node.has_scripts() for node in nodes[end:]):
        return nodes
    return nodes[:end]


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Atom) else ""


def doubtful(what: str) -> FormatError:
    told = translate(
        "Notation", "{part}: for SymPy this can be meant in two ways. Copy the formula as LaTeX or MathML instead."
    )
    return FormatError(told.format(part=what))


def refused(what: str) -> FormatError:
    return cannot("SymPy", what)


class Reader:
    """Writes the part of LaTeX that SymPy reads rightly; symbols with marks under names of our own."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        """What stands in the LaTeX for SymPy -> the symbol's name."""
        self.count: Counter[str] = Counter()
        """How often each symbol stands in the formula."""
        self.bound: set[str] = set()
        self.indices: set[str] = set()
        """Letters in subscripts."""
        self.integrals = 0
        self.differentials = 0
        self.powers_of_e = 0

    # -- lists -------------------------------------------------------------------------------------------------------
    def formula(self, nodes: list[Node]) -> tuple[list[str], list[str]]:
        """The sides of a formula as LaTeX for SymPy, and the relations between them."""
        sides: list[list[Node]] = [[]]
        relations: list[str] = []
        for node in nodes:
            if _text(node) in _RELATIONS and not node.has_scripts():
                relations.append(_RELATIONS[_text(node)])
                sides.append([])
            else:
                sides[-1].append(node)
        texts = [self.line(side) for side in sides]
        if self.integrals != self.differentials:
            raise doubtful(translate("Notation", "An integral without its own differential"))
        shared = self.bound & self.indices
        if shared:
            told = translate("Notation", "the index {name} of a sum or product as a subscript")
            raise refused(told.format(name=sorted(shared)[0]))
        if self.count["e"] and self.count["e"] != self.powers_of_e:
            raise doubtful(translate("Notation", "e, as a number and as a symbol"))
        if self.count["i"] and "i" not in self.bound:
            raise doubtful(translate("Notation", "i, as the imaginary unit or as a symbol"))
        return texts, relations

    def line(self, nodes: list[Node], call: bool = False) -> str:
        """A list; ``call``: commas part the arguments of a function."""
        nodes = self.spaceless(nodes)
        if not nodes:
            raise refused(translate("Notation", "an empty place"))
        if sum(_text(node) == "|" for node in nodes) not in (0, 2):
            raise doubtful(translate("Notation", "Bars that can be paired in several ways"))
        out: list[str] = []
        index = 0
        while index < len(nodes):
            piece, index = self.piece(nodes, index, call)
            out.append(piece)
        return " ".join(out)

    @staticmethod
    def spaceless(nodes: list[Node]) -> list[Node]:
        out: list[Node] = []
        for index, node in enumerate(nodes):
            if isinstance(node, Style):
                continue
            if not isinstance(node, Space):
                out.append(node)
            elif out and _text(out[-1]).isdigit() and index + 1 < len(nodes) and _text(nodes[index + 1]).isdigit():
                raise doubtful(translate("Notation", "Numbers side by side"))
        return out

    def piece(self, nodes: list[Node], index: int, call: bool) -> tuple[str, int]:
        """What stands at an index, as LaTeX for SymPy, and the index behind it."""
        node = nodes[index]
        differential = self.differential(nodes, index)
        if differential:
            return differential, index + 2
        if isinstance(node, Atom) and node.text in _FUNCTIONS:
            return self.function(nodes, index)
        if isinstance(node, Atom) and node.text in ("\\sum", "\\prod"):
            return self.sum(node), index + 1
        if _text(node) == "\\lim":
            return self.limit(node), index + 1
        if _text(node) == "\\int":
            self.integrals += 1
            return "\\int" + self.bounds(node), index + 1
        run = run_at(nodes, index)
        if run and run[0].font == "number":
            return run[0].text + self.power(run[0].last, run[0].text), run[1]
        if self.is_symbol(node):
            return self.symbol(nodes, index)
        if isinstance(node, Atom):
            return self.sign(nodes, index, call), index + 1
        return self.structure(nodes, index), index + 1

    # -- symbols -----------------------------------------------------------------------------------------------------
    @staticmethod
    def is_symbol(node: Node) -> bool:
        if isinstance(node, Atom):
            return (len(node.text) == 1 and node.text.isalpha()) or node.text in _GREEK
        return isinstance(node, Command) and node.name in _ACCENTED

    def symbol(self, nodes: list[Node], index: int) -> tuple[str, int]:
        node = nodes[index]
        following = nodes[index + 1] if index + 1 < len(nodes) else None
        plain = isinstance(node, Atom) and node.sub is None and not node.font
        name = self.name(node)
        if any(_text(child) == "\\prime" for child in node.sup or []):
            told = translate("Notation", "A prime at {name}, as a derivative or as a name")
            raise doubtful(told.format(name=name))
        opens = _text(following) == "(" or (isinstance(following, Delimited) and following.left == "(")
        if opens and node.sup is None:
            if _text(node) not in _APPLIED and not self.applies(nodes, index + 1):
                told = translate("Notation", "{name} before a parenthesis, as a function or as a factor")
                raise doubtful(told.format(name=name))
        elif opens and (_text(node) in _APPLIED or self.applies(nodes, index + 1)):
            raise doubtful(translate("Notation", "A power of {name} before a parenthesis").format(name=name))
        if plain and _text(node) == "d" and following is not None and self.is_symbol(following):
            raise doubtful(translate("Notation", "d before a letter, as a factor or as a differential"))
        standing = _text(node) if plain else self.standing(name)
        self.count[name] += 1
        if name == "e" and node.sup is not None:
            self.powers_of_e += 1
        return standing + self.power(node, name), index + 1

    def applies(self, nodes: list[Node], index: int) -> bool:
        """Whether the parentheses here hold arguments: as a factor nobody puts one symbol in parentheses."""
        node = nodes[index]
        if isinstance(node, Delimited):
            inner = node.bodies[0]
        else:
            end = self.factor_end(nodes, index)
            inner = nodes[index + 1 : end - 1]
        inner = self.spaceless(inner)
        number = run_at(inner, 0) if inner else None
        single = len(inner) == 1 and (self.is_symbol(inner[0]) or _text(inner[0]) == "\\infty")
        whole = number is not None and number[0].font == "number" and number[1] == len(inner)
        return single or whole or any(_text(child) == "," for child in inner)

    def standing(self, name: str) -> str:
        """The plain symbol under which a marked one goes to SymPy."""
        for known, existing in self.names.items():
            if existing == name:
                return known
        text = f"z_{{{900 + len(self.names)}}}"
        self.names[text] = name
        return text

    def name(self, node: Node) -> str:
        """A symbol's name as SymPy writes them: x, alpha, x_1, xhat, R_mathbf."""
        if isinstance(node, Command):
            inner = node.args[0]
            if len(inner) != 1 or not isinstance(inner[0], Atom) or not self.is_symbol(inner[0]):
                raise refused(translate("Notation", "{command} over more than a letter").format(command=node.name))
            name = self.name(inner[0]) + _SUFFIX.get(node.name, node.name[1:])
        else:
            assert isinstance(node, Atom)
            name = node.text.removeprefix("\\")
            if name == "lambda":
                name = "lamda"
            if node.font:
                name += {"\\mathbf": "bold", "\\mathrm": "upright"}.get(node.font, node.font[5:])
        if node.sub is not None:
            name += "_" + "".join(self.subscript(child) for child in self.spaceless(node.sub))
        return name

    def subscript(self, node: Node) -> str:
        if not isinstance(node, Atom) or node.has_scripts():
            raise refused(translate("Notation", "a subscript with more than letters and digits"))
        if node.text in _GREEK:
            return node.text[1:]
        if len(node.text) != 1 or not node.text.isalnum():
            raise refused(translate("Notation", "a subscript with {sign}").format(sign=node.text))
        if node.text.isalpha():
            self.indices.add(node.text)
        return node.text

    def power(self, node: Node, name: str) -> str:
        if node.sub is not None and not self.is_symbol(node) and _text(node) != "\\log":
            raise refused(translate("Notation", "a subscript of what is no symbol"))
        if node.sup is None:
            return ""
        if any(_text(child) == "\\prime" for child in node.sup):
            raise doubtful(translate("Notation", "A prime at {name}").format(name=name))
        if len(node.sup) == 1 and _text(node.sup[0]) in ("*", "+", "-", "T", "\\dagger", "\\top"):
            told = translate("Notation", "{sign} above {name}")
            raise doubtful(told.format(sign=_text(node.sup[0]), name=name))
        return f"^{{{self.line(node.sup)}}}"

    def sign(self, nodes: list[Node], index: int, call: bool) -> str:
        node = nodes[index]
        text = _text(node)
        if text in ("\\pi", "\\infty"):
            self.count[text[1:]] += text == "\\pi"
            return text + self.power(node, text[1:])
        if text in "()[]|" or (text == "," and (call or self.parts_arguments(nodes, index))):
            if node.sub is not None:
                raise refused(translate("Notation", "a subscript of what is no symbol"))
            return text + self.power(node, translate("Notation", "a bracket"))
        if text in _RELATIONS:
            raise refused(translate("Notation", "{sign} within a part of the formula").format(sign=text))
        if text not in _SIGNS or node.has_scripts():
            raise refused(translate("Notation", "the sign {sign}").format(sign=text))
        if text == "!" and index + 1 < len(nodes) and _text(nodes[index + 1]) == "!":
            raise doubtful(translate("Notation", "A double factorial"))
        if text in ("/", "\\div"):
            self.check_quotient(nodes, index)
        return text

    @staticmethod
    def parts_arguments(nodes: list[Node], index: int) -> bool:
        """Whether a comma stands in the parentheses of a function."""
        depth = 0
        for place in range(index - 1, 0, -1):
            text = _text(nodes[place])
            depth += (text in (")", "]")) - (text in ("(", "["))
            if depth < 0:
                return text == "(" and Reader.is_symbol(nodes[place - 1])
        return False

    def check_quotient(self, nodes: list[Node], index: int) -> None:
        """Behind a slash stands one factor and no more: `a/b c` can be meant in two ways."""
        end = self.factor_end(nodes, index + 1)
        if end < len(nodes) and _text(nodes[end]) not in _ENDERS:
            raise doubtful(translate("Notation", "A slash before several factors"))

    def factor_end(self, nodes: list[Node], index: int) -> int:
        """The index behind the factor at this one: a number, a symbol, or what stands in brackets."""
        if index >= len(nodes):
            raise refused(translate("Notation", "an empty place"))
        run = run_at(nodes, index)
        if run and run[0].font == "number":
            return run[1]
        if _text(nodes[index]) in ("(", "["):
            depth = 0
            for place in range(index, len(nodes)):
                depth += (_text(nodes[place]) in ("(", "[")) - (_text(nodes[place]) in (")", "]"))
                if not depth:
                    return place + 1
        if self.is_symbol(nodes[index]) and nodes[index].sup is None and index + 1 < len(nodes):
            following = nodes[index + 1]
            if _text(following) == "(" or isinstance(following, Delimited):
                return self.factor_end(nodes, index + 1)
        return index + 1

    # -- operators ---------------------------------------------------------------------------------------------------
    def function(self, nodes: list[Node], index: int) -> tuple[str, int]:
        """A named function; without parentheses its argument is one factor, with a number before it at most."""
        node = nodes[index]
        name = _text(node)
        if node.sub is not None and name != "\\log":
            raise refused(translate("Notation", "a subscript of {name}").format(name=name))
        place = index + 1
        bracketed = place < len(nodes) and (_text(nodes[place]) == "(" or isinstance(nodes[place], Delimited))
        if not bracketed:
            run = run_at(nodes, place) if place < len(nodes) else None
            if run and run[0].font == "number" and run[0].last.sup is None:
                place = run[1]
                more = place < len(nodes) and self.starts_factor(nodes[place])
                end = self.factor_end(nodes, place) if more else place
            else:
                end = self.factor_end(nodes, place)
            if end < len(nodes) and _text(nodes[end]) not in _ENDERS and _text(nodes[end]) not in _FUNCTIONS:
                raise doubtful(translate("Notation", "{name} before several factors").format(name=name))
        text = name
        if node.sub is not None:
            text += f"_{{{self.line(node.sub)}}}"
        if node.sup is not None and (name in ("\\exp", "\\ln", "\\log") or len(node.sup) != 1):
            inverse = [_text(child) for child in node.sup] == ["-", "1"]
            told = (
                translate("Notation", "{name} to the power of -1")
                if inverse
                else translate("Notation", "A power of {name}")
            )
            raise doubtful(told.format(name=name))
        return text + self.power(node, name), index + 1

    @staticmethod
    def starts_factor(node: Node) -> bool:
        return not isinstance(node, Atom) or class_of(node) in (AtomClass.ORD, AtomClass.OPEN)

    def sum(self, node: Node) -> str:
        sub = self.spaceless(node.sub or [])
        if node.sup is None or len(sub) < 3 or _text(sub[1]) != "=" or not self.is_index(sub[0]):
            raise refused(translate("Notation", "a sum or product without a first and a last index"))
        index = _text(sub[0])
        self.bound.add(index)
        self.count[index] += 1
        return f"{_text(node)}_{{{index} = {self.line(sub[2:])}}}^{{{self.line(node.sup)}}}"

    @staticmethod
    def is_index(node: Node) -> bool:
        return isinstance(node, Atom) and len(node.text) == 1 and node.text.isalpha() and not node.has_scripts()

    def limit(self, node: Node) -> str:
        sub = self.spaceless(node.sub or [])
        if node.sup is not None or len(sub) < 3 or _text(sub[1]) != "\\rightarrow" or not self.is_index(sub[0]):
            raise refused(translate("Notation", "a limit without {form}").format(form="x \\to a"))
        self.count[_text(sub[0])] += 1
        side = ""
        sup = sub[-1].sup
        if sup is not None and len(sup) == 1 and _text(sup[0]) in ("+", "-"):
            side = f"^{{{_text(sup[0])}}}"
            sub[-1].sup = None
        return f"\\lim_{{{_text(sub[0])} \\to {self.line(sub[2:])}{side}}}"

    def bounds(self, node: Node) -> str:
        if (node.sub is None) != (node.sup is None):
            raise refused(translate("Notation", "an integral with one bound"))
        return "" if node.sub is None else f"_{{{self.line(node.sub)}}}^{{{self.line(node.sup or [])}}}"

    def differential(self, nodes: list[Node], index: int) -> str:
        """`d x` that ends the term of an integral, or "" where there is none."""
        if not self.is_d(nodes[index]) or index + 1 >= len(nodes) or not self.integrals:
            return ""
        if self.differentials == self.integrals or not self.is_plain(nodes[index + 1]):
            return ""
        after = index + 2
        ends = after == len(nodes) or _text(nodes[after]) in _ENDERS or self.is_d(nodes[after])
        if not ends:
            raise doubtful(translate("Notation", "An integral whose differential is not at its end"))
        self.differentials += 1
        name = _text(nodes[index + 1])
        self.count[self.name(nodes[index + 1])] += 1
        return f"d{name}" if len(name) == 1 else f"d {name}"

    @staticmethod
    def is_d(node: Node) -> bool:
        return isinstance(node, Atom) and node.text == "d" and not node.has_scripts()

    def is_plain(self, node: Node) -> bool:
        return isinstance(node, Atom) and self.is_symbol(node) and not node.has_scripts() and not node.font

    # -- structure ---------------------------------------------------------------------------------------------------
    def structure(self, nodes: list[Node], index: int) -> str:
        node = nodes[index]
        if isinstance(node, Group | Font) and node.sub is None:
            if not node.body and not node.has_scripts():
                return ""
            return f"({self.line(node.body)})" + self.power(node, translate("Notation", "a group"))
        if isinstance(node, Delimited):
            return self.delimited(nodes, index)
        if isinstance(node, Sized):
            if node.delimiter in ("(", ")", "[", "]"):
                return node.delimiter + self.power(node, translate("Notation", "a bracket"))
            raise refused(f"{node.size}{node.delimiter}")
        if isinstance(node, Command):
            return self.command(nodes, index)
        table = translate("Notation", "a matrix or lines below each other")
        raise refused(table if isinstance(node, Table) else type(node).__name__)

    def delimited(self, nodes: list[Node], index: int) -> str:
        node = nodes[index]
        assert isinstance(node, Delimited)
        before = nodes[index - 1] if index else None
        call = before is not None and self.is_symbol(before) and before.sup is None and node.left == "("
        if len(node.bodies) > 1 or (node.left, node.right) not in (("(", ")"), ("[", "]"), ("|", "|"), ("\\{", "\\}")):
            told = translate("Notation", "{opening} with {closing}")
            raise refused(told.format(opening=f"\\left{node.left}", closing=f"\\right{node.right}"))
        inner = self.line(node.bodies[0], call=call)
        left, right = ("|", "|") if node.left == "|" else ("(", ")")
        return f"{left}{inner}{right}" + self.power(node, translate("Notation", "a bracket"))

    def command(self, nodes: list[Node], index: int) -> str:
        node = nodes[index]
        assert isinstance(node, Command)
        if node.name in ("\\frac", "\\dfrac", "\\tfrac", "\\cfrac"):
            derivative = self.derivative(nodes, index)
            text = derivative or self.fraction(nodes, index)
        elif node.name == "\\sqrt":
            option = "" if node.option is None else f"[{self.line(node.option)}]"
            text = f"\\sqrt{option}{{{self.line(node.args[0])}}}"
        elif node.name in ("\\binom", "\\dbinom", "\\tbinom"):
            text = f"\\binom{{{self.line(node.args[0])}}}{{{self.line(node.args[1])}}}"
        else:
            raise refused(node.name.split("{")[0])
        if node.has_scripts():
            return f"({text})" + self.power(node, translate("Notation", "a fraction"))
        return text

    def fraction(self, nodes: list[Node], index: int) -> str:
        node = nodes[index]
        assert isinstance(node, Command)
        before = self.differentials
        over = self.line(node.args[0])
        if self.differentials != before:
            after = nodes[index + 1] if index + 1 < len(nodes) else None
            if after is not None and _text(after) not in _ENDERS:
                raise doubtful(translate("Notation", "An integral whose differential is not at its end"))
        below = self.line(node.args[1])
        return f"\\frac{{{over}}}{{{below}}}"

    def derivative(self, nodes: list[Node], index: int) -> str:
        """`\\frac{d}{dx}` before one factor, `\\frac{dy}{dx}`; partial ones alike; "" where it is a plain fraction."""
        node = nodes[index]
        assert isinstance(node, Command)
        over, below = (self.spaceless(arg) for arg in node.args)
        mark = _text(over[0]) if over else ""
        if not (below and mark in ("d", "\\partial") and _text(below[0]) == mark):
            return ""
        fine = len(below) == 2 and self.is_plain(below[1]) and not over[0].has_scripts() and not below[0].has_scripts()
        if not fine or len(over) > 2 or (len(over) == 2 and not self.is_plain(over[1])):
            raise refused(translate("Notation", "a derivative of higher order or of more than a symbol"))
        if len(over) == 1:
            end = self.factor_end(nodes, index + 1)
            if end < len(nodes) and _text(nodes[end]) not in _ENDERS:
                raise doubtful(translate("Notation", "A derivative before several factors"))
        for letter in (over[1:], below[1:]):
            for one in letter:
                self.count[self.name(one)] += 1
        return f"\\frac{{{mark} {_text(over[1]) if len(over) == 2 else ''}}}{{{mark} {_text(below[1])}}}"
