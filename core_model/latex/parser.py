"""Tokens -> tree: recursive descent over TeX's math mode, with the nesting bounded."""

import re

from core_model.errors import LatexError
from core_model.latex import symbols
from core_model.latex.commands import READERS
from core_model.latex.lexer import Source, lex
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Group, Node, Space, Style, Switch

# TeX itself stops at 255 groups; Python's own stack must never be what ends a hostile formula.
MAX_DEPTH = 80

_WORD_AT_END = re.compile(r"\\[a-zA-Z]+$")
_STOPS = frozenset(["", "}", "&", "\\\\", "\\right", "\\middle", "\\end", "$", "\\)", "\\]"])
_WRAPPERS = (("$", "$", "$", "$"), ("$", "$"), ("\\[", "\\]"), ("\\(", "\\)"))
_LOOKING_AHEAD = frozenset(["\\cdots", "\\dots"])
_LIMITS = frozenset(["\\limits", "\\nolimits", "\\displaylimits"])
_UNBREAKABLE = (Space, Style, Switch)


class Parser:
    """Reads one formula. ``index`` is the next token."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = source.tokens
        self.index = 0
        self.depth = 0

    # -- errors and small readers ------------------------------------------------------------------------------------
    def error(self, message: str, index: int | None = None) -> LatexError:
        return LatexError(message, self.source.position(self.index if index is None else index))

    def check_depth(self) -> None:
        if self.depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH} levels")

    def expect(self, token: str, where: str) -> None:
        if self.tokens[self.index] != token:
            found = self.tokens[self.index] or "the end of the formula"
            raise self.error(f"expected {token} {where}, found {found}")
        self.index += 1

    def raw_argument(self, where: str) -> str:
        """The tokens of a braced argument run together, such as a length or a name."""
        self.expect("{", where)
        start, level = self.index, 1
        while level:
            token = self.tokens[self.index]
            if not token:
                raise self.error(f"missing }} after {where}")
            level += (token == "{") - (token == "}")
            self.index += 1
        return _run_together(self.tokens[start : self.index - 1])

    def raw_option(self) -> str | None:
        """A bracketed option run together, or None where there is none."""
        if self.tokens[self.index] != "[":
            return None
        try:
            end = self.tokens.index("]", self.index)
        except ValueError:
            raise self.error("missing ] after an option") from None
        text = "".join(self.tokens[self.index + 1 : end])
        self.index = end + 1
        return text

    def delimiter(self, after: str) -> str:
        token = self.tokens[self.index]
        braced = token == "{" and self.tokens[self.index + 2] == "}" if self.index + 2 < len(self.tokens) else False
        if braced:
            token = self.tokens[self.index + 1]
        token = symbols.DELIMITER_SYNONYMS.get(token, token)
        if token not in symbols.DELIMITERS:
            raise self.error(f"{after} needs a delimiter, found {token or 'the end of the formula'}")
        self.index += 3 if braced else 1
        return token

    # -- lists -------------------------------------------------------------------------------------------------------
    def items(self, bracketed: bool = False) -> list[Node]:
        """Nodes up to a token that ends a list; that token is left for the caller to judge."""
        self.depth += 1
        self.check_depth()
        out: list[Node] = []
        infix = ""
        numerator: list[Node] = []
        tokens, class_of = self.tokens, symbols.CLASS_OF
        while True:
            token = tokens[self.index]
            kind = class_of.get(token)
            if kind is not None:
                if bracketed and token == "]":
                    break
                self.index += 1
                out.append(Atom(token, kind))
                if token in _LOOKING_AHEAD:
                    self.dots(out)
            elif token == "{":
                out.append(Group(self.group()))
            elif token == "^" or token == "_":
                self.script(out, token)
            elif token == "'":
                self.primes(out)
            elif token in _STOPS:
                break
            elif token in symbols.INFIX:
                if infix:
                    raise self.error(f"{infix} and {token} in one group")
                infix, numerator, out = token, out, []
                self.index += 1
                switches = [node for node in numerator if isinstance(node, Switch)]
                if switches:
                    out.append(Switch(switches[-1].font))
            else:
                self.special(token, out)
        self.depth -= 1
        if not infix:
            return out
        name, left, right = symbols.INFIX[infix]
        fraction = Command(name, [numerator, out])
        return [Delimited(left, right, [[fraction]])] if left else [fraction]

    def dots(self, out: list[Node]) -> None:
        """Write out the thin space that amsmath's dots put before a closing sign."""
        token = out[-1].text if isinstance(out[-1], Atom) else ""
        closing = self.tokens[self.index]
        closing = symbols.SYNONYMS.get(closing, closing)
        if closing in symbols.THIN_BEFORE or (token == "\\cdots" and closing in (",", ";", ".", "&")):
            out.append(Space("\\,"))

    def group(self) -> list[Node]:
        """A braced list, braces consumed."""
        start = self.index
        self.index += 1
        body = self.items()
        if self.tokens[self.index] != "}":
            raise self.stray() if self.tokens[self.index] else self.error("{ without }", start)
        self.index += 1
        return body

    def stray(self) -> LatexError:
        token = self.tokens[self.index]
        reasons = {
            "": "the formula ends too early",
            "}": "} without {",
            "&": "& outside an environment",
            "\\\\": "line break outside an environment",
            "\\right": "\\right without \\left",
            "\\middle": "\\middle without \\left",
            "\\end": "\\end without \\begin",
        }
        return self.error(reasons.get(token, f"unexpected {token}"))

    def argument(self, command: str) -> list[Node]:
        """A braced list, or one token with the arguments it takes itself."""
        token = self.tokens[self.index]
        if token == "{":
            return self.group()
        kind = symbols.CLASS_OF.get(token)
        if kind is not None:
            self.index += 1
            return [Atom(token, kind)]
        if token in _STOPS or token in ("^", "_", "'"):
            raise self.error(f"{command} needs an argument")
        self.depth += 1
        self.check_depth()
        out: list[Node] = []
        self.special(token, out)
        self.depth -= 1
        if not out:
            return self.argument(command)
        return out

    def option(self) -> list[Node] | None:
        if self.tokens[self.index] != "[":
            return None
        self.index += 1
        body = self.items(bracketed=True)
        self.expect("]", "after an option")
        return body

    # -- scripts -----------------------------------------------------------------------------------------------------
    @staticmethod
    def base(out: list[Node]) -> Node:
        if not out or isinstance(out[-1], _UNBREAKABLE):
            out.append(Group([]))
        return out[-1]

    def script(self, out: list[Node], token: str) -> None:
        base = self.base(out)
        self.index += 1
        if token == "^":
            if base.sup is not None:
                raise self.error("double superscript", self.index - 1)
            base.sup = self.argument("^")
        else:
            if base.sub is not None:
                raise self.error("double subscript", self.index - 1)
            base.sub = self.argument("_")

    def primes(self, out: list[Node]) -> None:
        base = self.base(out)
        if base.sup is not None:
            raise self.error("double superscript")
        base.sup = []
        while self.tokens[self.index] == "'":
            base.sup.append(Atom("\\prime", AtomClass.ORD))
            self.index += 1
        if self.tokens[self.index] == "^":
            self.index += 1
            base.sup += self.argument("^")

    # -- commands ----------------------------------------------------------------------------------------------------
    def special(self, token: str, out: list[Node]) -> None:
        """Read one token that is neither a plain sign nor structure, with its arguments."""
        if token.startswith("\\") and token[1:].isspace():
            token = "\\ "
        known = symbols.SYNONYMS.get(token)
        if known is not None:
            # Put back under its usual name, so that every rule below sees one spelling.
            self.tokens[self.index] = token = known
            if known in symbols.CLASS_OF:
                self.index += 1
                out.append(Atom(known, symbols.CLASS_OF[known]))
                if known == "\\cdots":
                    self.dots(out)
                return
            if known in ("^", "_"):
                self.script(out, known)
                return
            if known in _STOPS:
                return
        reader = READERS.get(token)
        if reader is None:
            if token in _LIMITS:
                self.limits(token, out)
                return
            raise self.error(f"unknown command {token}")
        self.index += 1
        out.extend(reader(self, token))

    def limits(self, token: str, out: list[Node]) -> None:
        if not out or isinstance(out[-1], _UNBREAKABLE):
            raise self.error(f"{token} without an operator")
        self.index += 1
        out[-1].limits = "" if token == "\\displaylimits" else token


def _run_together(tokens: list[str]) -> str:
    """Tokens without white space; ``{}`` ends a control word that a letter follows."""
    out = ""
    for token in tokens:
        if token.isalpha() and out[-1:].isalpha() and _WORD_AT_END.search(out):
            out += "{}"
        out += token
    return out


def parse(latex: str) -> list[Node]:
    """Parse a formula (math mode, with or without ``$``, ``\\[`` around it) into its tree.

    Raises:
        LatexError: broken LaTeX, an unknown command (named), or nesting deeper than ``MAX_DEPTH``.
    """
    source = lex(latex)
    for wrapper in _WRAPPERS:
        half = len(wrapper) // 2
        tokens = tuple(source.tokens[:-1])
        if len(tokens) >= 2 * half and tokens[:half] == wrapper[:half] and tokens[-half:] == wrapper[half:]:
            # Keep the white space of what is cut, so that positions stay right.
            source.tokens[:half] = [" " * len(token) for token in tokens[:half]]
            source.tokens[-half - 1 : -1] = []
            source.spaces[-half - 1 : -1] = []
            parser = Parser(source)
            parser.index = half
            break
    else:
        parser = Parser(source)
    nodes = parser.items()
    if parser.tokens[parser.index]:
        raise parser.stray()
    return nodes
