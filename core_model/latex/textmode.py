"""The inside of ``\\text{...}``: there white space prints, and ``$...$`` leads back to formulas."""

from typing import TYPE_CHECKING

from core_model.latex import symbols
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Group, Node, Space, Style

if TYPE_CHECKING:
    from core_model.latex.parser import Parser

_MATH_ENDS = {"$": "$", "\\(": "\\)"}
_TEXT_SPACES = frozenset(
    ["~", "\\ ", "\\space", "\\,", "\\;", "\\:", "\\!", "\\quad", "\\qquad", "\\enspace", "\\hfill", "\\/"]
)
_SWITCHES = {
    **symbols.FONT_SWITCHES,
    "\\bfseries": "\\mathbf",
    "\\itshape": "\\mathit",
    "\\em": "\\mathit",
    "\\sl": "\\mathit",
    "\\rmfamily": "\\mathrm",
    "\\sffamily": "\\mathsf",
    "\\ttfamily": "\\mathtt",
    "\\normalfont": "\\mathrm",
    "\\upshape": "\\mathrm",
}


def parse_text(parser: "Parser", command: str, font: str) -> list[Node]:
    """The argument of a text command whose letters are set in ``font``."""
    if parser.tokens[parser.index] != "{":
        token = parser.tokens[parser.index]
        if len(token) == 1 and token.isalnum():
            parser.index += 1
            return [Atom(token, AtomClass.ORD, font, True)]
        raise parser.error(f"{command} needs an argument in braces")
    parser.depth += 1
    parser.check_depth()
    out: list[Node] = []
    start = parser.index
    parser.index += 1
    after_word = False
    while True:
        token = parser.tokens[parser.index]
        if parser.source.spaces[parser.index] and not after_word and not (out and out[-1] == Space("\\ ")):
            out.append(Space("\\ "))
        if token == "}":
            break
        if not token:
            raise parser.error("{ without }", start)
        after_word = token[0] == "\\" and token[1:].isalpha()
        if token == "{":
            out.extend(parse_text(parser, command, font))
        elif token in _SWITCHES:
            parser.index += 1
            font = _SWITCHES[token]
        elif token in symbols.TEXT_COMMANDS:
            parser.index += 1
            inner = symbols.TEXT_COMMANDS[token][0]
            out.extend(parse_text(parser, token, font if token in ("\\text", "\\mbox", "\\hbox") else inner))
            after_word = False
        elif token in _MATH_ENDS:
            out.append(_formula(parser, token))
        else:
            parser.index += 1
            _character(parser, token, font, out)
    parser.index += 1
    parser.depth -= 1
    return out


def _formula(parser: "Parser", opening: str) -> Node:
    parser.index += 1
    body = parser.items()
    parser.expect(_MATH_ENDS[opening], f"to end the formula begun with {opening}")
    return Group([Style("\\textstyle"), *body])


def _character(parser: "Parser", token: str, font: str, out: list[Node]) -> None:
    """Append what one token of text prints; it is already consumed."""
    token = symbols.SYNONYMS.get(token, token) if token != "\\prime" else token
    if token.isalnum() and len(token) == 1:
        out.append(Atom(token, AtomClass.ORD, font, True))
        return
    for longer in symbols.TEXT_CHARACTERS:
        if token == longer[0] and "".join(parser.tokens[parser.index - 1 : parser.index - 1 + len(longer)]) == longer:
            if any(parser.source.spaces[parser.index : parser.index - 1 + len(longer)]):
                continue
            parser.index += len(longer) - 1
            out.append(Atom(f"\\text{{{longer}}}", AtomClass.ORD))
            return
    if token in _TEXT_SPACES:
        out.append(Space("\\ " if token in ("~", "\\space") else token))
    elif token in symbols.WITHOUT_TRACE:
        return
    elif token in ("\\label", "\\color", "\\vspace"):
        parser.raw_argument(f"after {token}")
    elif token == "\\hspace":
        if parser.tokens[parser.index] == "*":
            parser.index += 1
        out.append(Space("\\hspace{" + parser.raw_argument("after \\hspace") + "}"))
    elif token == "\\ensuremath":
        out.append(Group([Style("\\textstyle"), *parser.argument(token)]))
    elif token in ("\\ldots", "\\dots", "\\textellipsis"):
        out.append(Group([Atom("\\ldots", AtomClass.INNER)]))
    elif len(token) == 1 or (len(token) == 2 and token in symbols.CLASS_OF) or token in ("\\dagger", "\\ddagger"):
        kind = symbols.CLASS_OF.get(token)
        if kind is None:
            raise parser.error(f"{token} inside text", parser.index - 1)
        atom = Atom(token, kind)
        # In text nothing keeps its distance, so signs that do so in formulas are shut into braces.
        quiet = kind in (AtomClass.ORD, AtomClass.OPEN, AtomClass.CLOSE)
        out.append(atom if quiet else Group([atom]))
    else:
        raise parser.error(f"{token} inside text is not supported", parser.index - 1)
