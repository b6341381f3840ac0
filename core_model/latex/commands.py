"""What follows each command: its arguments, read into a node."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from core_model.latex import symbols
from core_model.latex.environments import environment, rows
from core_model.latex.symbols import AtomClass
from core_model.latex.textmode import parse_text
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

if TYPE_CHECKING:
    from core_model.latex.parser import Parser

_UNIT = re.compile(r"(?:true)?(?:pt|mm|cm|in|em|ex|pc|bp|dd|cc|sp|mu)$")


def _sqrt(parser: "Parser", token: str) -> list[Node]:
    option = parser.option()
    return [Command(token, [parser.argument(token)], option or None)]


def _operatorname(parser: "Parser", token: str) -> list[Node]:
    if parser.tokens[parser.index] == "*":
        parser.index += 1
        token = "\\operatorname*"
    elif token == "\\operatornamewithlimits":
        token = "\\operatorname*"
    return [Command(token, [parser.argument(token)])]


def _labelled_arrow(parser: "Parser", token: str) -> list[Node]:
    option = parser.option()
    return [Command(token, [parser.argument(token)], option or None)]


def _left(parser: "Parser", token: str) -> list[Node]:
    start = parser.index - 1
    node = Delimited(parser.delimiter(token), ".", [parser.items()])
    while parser.tokens[parser.index] == "\\middle":
        parser.index += 1
        node.middles.append(parser.delimiter("\\middle"))
        node.bodies.append(parser.items())
    if parser.tokens[parser.index] != "\\right":
        raise parser.stray() if parser.tokens[parser.index] else parser.error("\\left without \\right", start)
    parser.index += 1
    node.right = parser.delimiter("\\right")
    return [node]


def _begin(parser: "Parser", token: str) -> list[Node]:
    return environment(parser)


def _substack(parser: "Parser", token: str) -> list[Node]:
    parser.expect("{", f"after {token}")
    node = Table("substack", rows(parser, "}"))
    parser.index += 1
    return [node]


def _plain_matrix(parser: "Parser", token: str) -> list[Node]:
    """Plain TeX's ``\\matrix{a & b \\cr c & d}``."""
    parser.expect("{", f"after {token}")
    body = rows(parser, "}")
    parser.index += 1
    if token == "\\cases":
        return [Table("cases", body)]
    name, left, right = symbols.MATRICES[token[1:]]
    table = Table(name, body)
    return [Delimited(left, right, [[table]])] if left else [table]


def _length(parser: "Parser", command: str) -> str:
    """A dimension written without braces: sign, digits, unit."""
    text = ""
    while not _UNIT.search(text):
        token = parser.tokens[parser.index]
        if not (token.isalnum() or token in "+-.,") or len(token) != 1 or len(text) > 20:
            raise parser.error(f"{command} needs a length")
        text += token
        parser.index += 1
    return text


def _space(parser: "Parser", token: str) -> list[Node]:
    if token in ("\\hspace", "\\mspace"):
        if parser.tokens[parser.index] == "*":
            parser.index += 1
        return [Space(f"{token}{{{parser.raw_argument(f'after {token}')}}}")]
    name = "\\mspace" if token in ("\\mkern", "\\mskip") else "\\hspace"
    return [Space(f"{name}{{{_length(parser, token)}}}")]


def _rule(parser: "Parser", token: str) -> list[Node]:
    parser.raw_option()
    width = parser.raw_argument(f"after {token}")
    height = parser.raw_argument(f"after {token}")
    return [Atom(f"\\rule{{{width}}}{{{height}}}", AtomClass.ORD)]


def _buildrel(parser: "Parser", token: str) -> list[Node]:
    start = parser.index - 1
    above: list[Node] = []
    while parser.tokens[parser.index] != "\\over":
        if not parser.tokens[parser.index]:
            raise parser.error("\\buildrel without \\over", start)
        above += parser.argument(token)
    parser.index += 1
    return [Command("\\stackrel", [above, parser.argument(token)])]


def _genfrac(parser: "Parser", token: str) -> list[Node]:
    start = parser.index - 1
    left, right, thickness, style = (parser.raw_argument(f"after {token}") for _ in range(4))
    args = [parser.argument(token), parser.argument(token)]
    flat = thickness.startswith("0")
    prefix = {"": "", "0": "d", "1": "t"}.get(style)
    if prefix is not None and not left + right + thickness:
        return [Command(f"\\{prefix}frac", args)]
    if prefix is not None and flat and (left, right) == ("(", ")"):
        return [Command(f"\\{prefix}binom", args)]
    if prefix == "" and flat and not left + right:
        return [Command("\\atop", args)]
    raise parser.error("\\genfrac of this kind is not supported", start)


def _textcolor(parser: "Parser", token: str) -> list[Node]:
    parser.raw_option()
    parser.raw_argument(f"after {token}")
    return [Group(parser.argument(token))]


def _group(parser: "Parser", token: str) -> list[Node]:
    return [Group(parser.argument(token))]


def _multicolumn(parser: "Parser", token: str) -> list[Node]:
    count = parser.raw_argument(f"after {token}")
    columns = parser.raw_argument(f"after {token}")
    return [Command(f"{token}{{{count}}}{{{columns}}}", [parser.argument(token)])]


def _fbox(parser: "Parser", token: str) -> list[Node]:
    return [Command("\\boxed", [parse_text(parser, token, "\\mathrm")])]


def _lap(parser: "Parser", token: str) -> list[Node]:
    """``\\rlap``: text beside which the formula goes on as if nothing stood there."""
    text: Node = Text(parse_text(parser, token, "\\mathrm"), scales=False)
    return [Command("\\math" + token[1:], [[text]])]


def _white_space(parser: "Parser", token: str) -> list[Node]:
    return [Space(token)]


def _one_argument(parser: "Parser", token: str) -> list[Node]:
    return [Command(token, [parser.argument(token)])]


def _two_arguments(parser: "Parser", token: str) -> list[Node]:
    return [Command(token, [parser.argument(token), parser.argument(token)])]


def _font(parser: "Parser", token: str) -> list[Node]:
    return [Font(symbols.FONT_SYNONYMS.get(token, token), parser.argument(token))]


def _switch(parser: "Parser", token: str) -> list[Node]:
    return [Switch(symbols.FONT_SWITCHES[token])]


def _style(parser: "Parser", token: str) -> list[Node]:
    return [Style(token)]


def _sized(parser: "Parser", token: str) -> list[Node]:
    return [Sized(token, parser.delimiter(token))]


def _text(parser: "Parser", token: str) -> list[Node]:
    font, scales = symbols.TEXT_COMMANDS[token]
    return [Text(parse_text(parser, token, font), scales)]


def _nothing(parser: "Parser", token: str) -> list[Node]:
    return []


def _argument_without_trace(parser: "Parser", token: str) -> list[Node]:
    if parser.tokens[parser.index] == "*":
        parser.index += 1
    parser.raw_option()
    parser.raw_argument(f"after {token}")
    return []


def _expansion(parser: "Parser", token: str) -> list[Node]:
    """A macro of LaTeX, as what it stands for."""
    out: list[Node] = [
        Space(part) if part in symbols.SPACES else Atom(part, symbols.CLASS_OF[part])
        for part in symbols.EXPANSIONS[token]
    ]
    return [Group(out)] if token in symbols.BRACED_EXPANSIONS else out


Reader = Callable[["Parser", str], list[Node]]

# What reads a command once the command itself is consumed.
READERS: Final[dict[str, Reader]] = {
    **dict.fromkeys(symbols.SPACES, _white_space),
    **dict.fromkeys(symbols.ONE_ARGUMENT, _one_argument),
    **dict.fromkeys(symbols.FRACTIONS | symbols.STACKS, _two_arguments),
    **dict.fromkeys(symbols.FONTS | symbols.FONT_SYNONYMS.keys(), _font),
    **dict.fromkeys(symbols.FONT_SWITCHES, _switch),
    **dict.fromkeys(symbols.STYLES, _style),
    **dict.fromkeys(symbols.DELIMITER_SIZES, _sized),
    **dict.fromkeys(symbols.TEXT_COMMANDS, _text),
    **dict.fromkeys(symbols.WITHOUT_TRACE, _nothing),
    **dict.fromkeys(symbols.ARGUMENT_WITHOUT_TRACE, _argument_without_trace),
    **dict.fromkeys(symbols.EXPANSIONS, _expansion),
    "\\sqrt": _sqrt,
    "\\operatorname": _operatorname,
    "\\operatornamewithlimits": _operatorname,
    "\\left": _left,
    "\\begin": _begin,
    "\\substack": _substack,
    "\\hspace": _space,
    "\\mspace": _space,
    "\\kern": _space,
    "\\hskip": _space,
    "\\mkern": _space,
    "\\mskip": _space,
    "\\rule": _rule,
    "\\buildrel": _buildrel,
    "\\genfrac": _genfrac,
    "\\textcolor": _textcolor,
    "\\ensuremath": _group,
    "\\multicolumn": _multicolumn,
    "\\fbox": _fbox,
    "\\rlap": _lap,
    "\\llap": _lap,
    **dict.fromkeys(("\\matrix", "\\pmatrix", "\\cases"), _plain_matrix),
    **dict.fromkeys(symbols.LABELLED_ARROWS, _labelled_arrow),
}
