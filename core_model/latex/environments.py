"""Tables and the other environments: ``\\begin{...} ... \\end{...}``."""

from typing import TYPE_CHECKING

from core_model.latex import symbols
from core_model.latex.lexer import row_gap
from core_model.latex.tree import Delimited, Group, Node, Row, Style, Table

if TYPE_CHECKING:
    from core_model.latex.parser import Parser


def adjacent(parser: "Parser", skipping: bool) -> bool:
    """Whether an option may begin here: LaTeX's array skips white space before it, amsmath does not."""
    return skipping or not parser.source.spaces[parser.index]


def rows(parser: "Parser", end: str, skipping: bool = False) -> list[Row]:
    """Rows of a table up to the token ``end``, which is left in place."""
    rows: list[Row] = []
    while True:
        row = Row([])
        rules(parser, row)
        rows.append(row)
        while True:
            row.cells.append(parser.items())
            if parser.tokens[parser.index] != "&":
                break
            parser.index += 1
        if parser.tokens[parser.index] == "\\\\":
            parser.index += 1
            if parser.tokens[parser.index] == "*" and adjacent(parser, skipping=False):
                parser.index += 1
            if adjacent(parser, skipping):
                row.gap = row_gap(parser.tokens, parser.index)
            if row.gap:
                parser.index = parser.tokens.index("]", parser.index) + 1
        elif parser.tokens[parser.index] == end:
            break
        elif parser.tokens[parser.index]:
            raise parser.stray()
        else:
            raise parser.error("\\begin without \\end" if end == "\\end" else "{ without }")
    # The last \\ ends the last row; it begins a new one only where a rule follows.
    if len(rows) > 1 and rows[-1].cells == [[]] and not rows[-1].rules:
        rows.pop()
    return rows


def rules(parser: "Parser", row: Row) -> None:
    while True:
        token = parser.tokens[parser.index]
        if token in ("\\hline", "\\toprule", "\\midrule", "\\bottomrule"):
            row.rules.append("\\hline")
            parser.index += 1
        elif token == "\\cline":
            parser.index += 1
            row.rules.append("\\cline{" + parser.raw_argument("after \\cline") + "}")
        elif token == "\\noalign":
            parser.index += 1
            if "\\hrule" in parser.raw_argument("after \\noalign"):
                row.rules.append("\\hline")
        else:
            return


def environment(parser: "Parser") -> list[Node]:
    start = parser.index - 1
    name = parser.raw_argument("after \\begin")
    wrap: tuple[str, str] | None = None
    if name in symbols.EQUATIONS:
        body = parser.items()
        result: Node = Group(body)
    elif name in ("array", "subarray", "darray"):
        position = parser.raw_option() or ""
        spec = columns(parser)
        result = Table(name, rows(parser, "\\end", skipping=True), spec, position if position in ("t", "b") else "")
        if name == "subarray" and spec == ["c"]:
            result.name, result.spec = "substack", []
    elif name in symbols.MATRICES or name.removesuffix("*") in symbols.MATRICES:
        if name.endswith("*"):
            parser.raw_option()
        plain, left, right = symbols.MATRICES[name.removesuffix("*")]
        wrap = (left, right) if left else None
        result = Table(plain, rows(parser, "\\end"))
    elif name in symbols.ROW_ENVIRONMENTS:
        optional = name in ("aligned", "gathered") and adjacent(parser, skipping=False)
        position = (parser.raw_option() or "") if optional else ""
        result = Table(
            symbols.ROW_ENVIRONMENTS[name], rows(parser, "\\end"), [], position if position in ("t", "b") else ""
        )
    elif name in ("alignedat", "alignat", "alignat*"):
        result = Table("alignedat", [], [parser.raw_argument(f"after {name}")])
        result.rows = rows(parser, "\\end")
    elif name in ("eqnarray", "eqnarray*"):
        result = Table("array", rows(parser, "\\end"), ["r", "c", "l"])
        for row in result.rows:
            row.cells = [[Style("\\displaystyle"), *cell] for cell in row.cells]
    else:
        raise parser.error(f"unknown environment {name}", start)
    if parser.tokens[parser.index] != "\\end":
        raise parser.stray() if parser.tokens[parser.index] else parser.error(f"\\begin{{{name}}} without \\end", start)
    parser.index += 1
    closing = parser.raw_argument("after \\end")
    if closing != name:
        raise parser.error(f"\\begin{{{name}}} ended by \\end{{{closing}}}")
    return [Delimited(wrap[0], wrap[1], [[result]])] if wrap else [result]


def columns(parser: "Parser") -> list[str]:
    """The column letters of an array as tokens; ``*{3}{c}`` written out, ``@{..}`` kept whole."""
    parser.expect("{", "before the columns of an array")
    parser.depth += 1
    parser.check_depth()
    out: list[str] = []
    while parser.tokens[parser.index] != "}":
        token = parser.tokens[parser.index]
        parser.index += 1
        if token in ("l", "c", "r", "|"):
            out.append(token)
        elif token in ("@", "!", ">", "<"):
            content = parser.raw_argument(f"after {token} in the columns of an array")
            out.append(f"{token}{{{content}}}")
        elif token in ("p", "m", "b"):
            out.append(f"{token}{{{parser.raw_argument('after a column letter')}}}")
        elif token == "*":
            count = parser.raw_argument("after * in the columns of an array")
            repeated = columns(parser)
            if not count.isdigit() or int(count) > 100:
                raise parser.error(f"bad repetition of array columns: {count}")
            out.extend(repeated * int(count))
        elif token == ":" or token in symbols.SPACES:
            pass
        else:
            raise parser.error(f"unknown array column {token or 'at the end of the formula'}", parser.index - 1)
        if len(out) > 400:
            raise parser.error("more than 400 columns in an array")
    parser.index += 1
    parser.depth -= 1
    return out
