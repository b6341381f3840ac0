"""Differences of white space that only the canonical form keeps."""

from core_model.latex.spacing import plain_twin
from core_model.latex.styles import styled_fraction
from core_model.latex.tree import Delimited, Group, Node, Sized, Style, Table


def is_scoped(node: Node) -> bool:
    """Whether this is a group that holds a change of style, without scripts of its own."""
    return isinstance(node, Group) and not node.has_scripts() and any(isinstance(child, Style) for child in node.body)


def skeleton_list(nodes: list[Node]) -> list[Node]:
    """Lay open every group without scripts of its own: what it changes is white space only."""
    out: list[Node] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Group) and not node.has_scripts():
            if not is_scoped(node) or index + 1 == len(nodes):
                out.extend(node.body)
                continue
            first = next(place for place, child in enumerate(node.body) if isinstance(child, Style))
            out.extend(node.body[:first])
            rest = styled_fraction(node.body[first:])
            if len(rest) == 1:
                out.extend(rest)
                continue
            if first:
                node = Group(rest)
        twin = plain_twin(node)
        if twin is None and isinstance(node, Sized) and node.size[-1] == "m":
            twin = Sized(node.size[:-1], node.delimiter, sub=node.sub, sup=node.sup)
        out.append(twin if twin is not None else node)
    return out


def skeleton_table(node: Table) -> Node:
    """Tables that differ by white space only, under one name."""
    columns = max((len(row.cells) for row in node.rows), default=1)
    node.position = ""
    while len(node.rows) > 1 and node.rows[-1].cells == [[]] and not node.rows[-1].rules:
        node.rows.pop()
    for row in node.rows:
        row.gap = ""
    if node.name == "alignedat":
        node.name, node.spec = "aligned", []
    elif node.name == "matrix":
        node.name, node.spec = "array", ["c"] * columns
    elif node.name == "array":
        letters = ["l" if token[0] in "pmb" else token for token in node.spec if token in "lcr|" or token[0] in "pmb"]
        node.spec = fitted_columns(letters, columns)
    elif node.name == "cases":
        node.name, node.spec = "array", ["l"] * columns
        outer = Delimited("\\{", ".", [[node]], sub=node.sub, sup=node.sup)
        node.sub = node.sup = None
        return outer
    return node


def fitted_columns(spec: list[str], columns: int) -> list[str]:
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
