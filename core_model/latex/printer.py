"""Tree -> tokens in the style of im2markup: everything braced, one sign a token."""

from core_model.latex import symbols
from core_model.latex.spacing import draws_thin_space, is_bare_cdots
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Sized, Space, Style, Table

_THIN = Space("\\,")


def print_tokens(nodes: list[Node]) -> list[str]:
    """The tokens of a canonical tree; joined by spaces they are LaTeX and parse to the same tree."""
    out: list[str] = []
    _list(nodes, out, "")
    return out


def written_font(node: Node, ambient: str) -> str:
    """The alphabet that must be written for this node, "" where it is as it stands."""
    if not isinstance(node, Atom) or not node.font:
        return ""
    if node.font == ambient:
        return ""
    if node.font == "\\mathrm" and not ambient and _plain_in_roman(node.text):
        return ""
    return node.font


def _plain_in_roman(text: str) -> bool:
    """Digits and capital Greek are roman anyway."""
    return text.isdigit() or text in symbols.GREEK_CAPITALS


def _joins(node: Node, font: str) -> bool:
    """Whether a node may stand within a run of letters of this alphabet without being changed by it."""
    if node.has_scripts():
        return False
    if isinstance(node, Space):
        return True
    if not isinstance(node, Atom):
        return False
    if node.text == "." or node.text.startswith("\\text{"):
        return True
    return font == "\\mathrm" and not (node.font and node.font != font) and _plain_in_roman(node.text)


def letter_run(nodes: list[Node], start: int, font: str, ambient: str) -> int:
    """End of the run of letters in one alphabet that begins at ``start``."""
    end = start + 1
    if nodes[start].has_scripts():
        return end
    scan = end
    while scan < len(nodes):
        node = nodes[scan]
        if written_font(node, ambient) == font and not node.has_scripts():
            end = scan + 1
        elif not _joins(node, font):
            break
        scan += 1
    return end


def _list(nodes: list[Node], out: list[str], ambient: str, follower: str = "") -> None:
    """Print a list; ``follower`` is what comes right after it, where it matters (``&`` and ``\\right``)."""
    index, count = 0, len(nodes)
    while index < count:
        node = nodes[index]
        index += 1
        if isinstance(node, Atom):
            font = written_font(node, ambient) if node.font else ""
            if font:
                end = letter_run(nodes, index - 1, font, ambient)
                out.append(font)
                out.append("{")
                for child in nodes[index - 1 : end]:
                    assert isinstance(child, Atom | Space)
                    out.append("\\" if child.text == "\\ " else child.text)
                out.append("}")
                index = end
                node = nodes[end - 1]
            else:
                out.append(node.text)
        elif isinstance(node, Space | Style):
            # A control space is the token \ and the white space after it.
            out.append("\\" if node.text == "\\ " else node.text)
            continue
        else:
            _node(node, out, ambient)
        if (
            is_bare_cdots(node)
            and index < count
            and nodes[index] == _THIN
            and (draws_thin_space(nodes[index + 1]) if index + 1 < count else follower)
        ):
            index += 1  # amsmath adds this thin space by itself
        if node.limits:
            out.append(node.limits)
        if node.sub is not None:
            out.append("_")
            _braced(node.sub, out, ambient)
        if node.sup is not None:
            out.append("^")
            _braced(node.sup, out, ambient)


def _braced(nodes: list[Node], out: list[str], ambient: str) -> None:
    out.append("{")
    _list(nodes, out, ambient)
    out.append("}")


def _node(node: Node, out: list[str], ambient: str) -> None:
    if isinstance(node, Group):
        font = written_font(node.body[0], ambient) if node.body and node.has_scripts() else ""
        if font and not node.body[0].has_scripts() and letter_run(node.body, 0, font, ambient) == len(node.body):
            _list(node.body, out, ambient)  # \mathrm { a b } ^ { 2 } carries its own braces
        else:
            _braced(node.body, out, ambient)
    elif isinstance(node, Font):
        if node.font == ambient:
            _braced(node.body, out, ambient)
        else:
            out.append(node.font)
            _braced(node.body, out, node.font)
    elif isinstance(node, Sized):
        out += (node.size, node.delimiter)
    elif isinstance(node, Command):
        _command(node, out, ambient)
    elif isinstance(node, Delimited):
        out.append("\\left" + node.left)
        for index, body in enumerate(node.bodies):
            if index:
                out.append("\\middle" + node.middles[index - 1])
            _list(body, out, ambient, "\\right" if index + 1 == len(node.bodies) else "")
        out.append("\\right" + node.right)
    elif isinstance(node, Table):
        _table(node, out)
    else:
        raise TypeError(f"{type(node).__name__} is no node of a canonical tree")


def _command(node: Command, out: list[str], ambient: str) -> None:
    if node.name == "\\atop":
        out.append("{")
        _list(node.args[0], out, ambient)
        out.append("\\atop")
        _list(node.args[1], out, ambient)
        out.append("}")
        return
    out.append(node.name)
    if node.option is not None:
        out.append("[")
        inner: list[str] = []
        _list(node.option, inner, "")
        out += ["{", *inner, "}"] if "]" in inner else inner
        out.append("]")
    if node.name.startswith("\\operatorname"):
        ambient = "\\mathrm"
    elif node.name in symbols.ONE_ARGUMENT and symbols.ONE_ARGUMENT[node.name][1] in ("restart", "display"):
        ambient = ""
    for arg in node.args:
        _braced(arg, out, ambient)


def _table(node: Table, out: list[str]) -> None:
    if node.name == "substack":
        out += ("\\substack", "{")
    else:
        out.append(f"\\begin{{{node.name}}}" + (f"[{node.position}]" if node.position else ""))
        if node.spec or node.name == "array":
            out += ("{", *node.spec, "}")
    # LaTeX's array looks beyond white space for the option of \\\\.
    skipping = node.name == "array"
    for number, row in enumerate(node.rows):
        if number:
            gap = node.rows[number - 1].gap
            out.append(f"\\\\[{gap}]" if gap else "\\\\")
        out += row.rules
        for column, cell in enumerate(row.cells):
            if column:
                out.append("&")
            begin = len(out)
            if not cell and number and number + 1 == len(node.rows) and len(row.cells) == 1 and not row.rules:
                out += ("{", "}")  # an empty last row counts only with something in it
            _list(cell, out, "", "&" if column + 1 < len(row.cells) else "")
            first = skipping and number and not (column or row.rules or node.rows[number - 1].gap)
            if first and begin < len(out) and out[begin] == "[":
                out[begin:begin] = ("{", "}")
    out.append("}" if node.name == "substack" else f"\\end{{{node.name}}}")
