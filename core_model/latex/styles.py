"""TeX's styles, numbered as in The TeXbook, appendix G: D 0, T 2, S 4, SS 6, and one more where cramped."""

from core_model.latex import symbols
from core_model.latex.tree import Atom, Command, Node, Space, Style

_LARGE = symbols.BIG_OPERATORS | symbols.INTEGRALS


def sub_style(style: int) -> int:
    return (4 if style < 4 else 6) + 1


def sup_style(style: int) -> int:
    return (4 if style < 4 else 6) + style % 2


def numerator_style(style: int) -> int:
    return style + 2 - 2 * (style // 6)


def denominator_style(style: int) -> int:
    return 2 * (style // 2) + 1 + 2 - 2 * (style // 6)


def default_limits(node: Node, style: int) -> str:
    """Where TeX puts the scripts of this operator by itself."""
    name = node.text if isinstance(node, Atom) else node.name if isinstance(node, Command) else ""
    if name in ("\\overbrace", "\\underbrace", "\\overbracket", "\\underbracket"):
        return "\\limits"
    if name in symbols.BIG_OPERATORS or name in symbols.LIMIT_NAMES or name in ("\\mathop", "\\operatorname*"):
        return "\\limits" if style < 2 else "\\nolimits"
    return "\\nolimits"


def styled_fraction(nodes: list[Node]) -> list[Node]:
    """``\\textstyle \\frac`` alone in its list is ``\\tfrac``."""
    if len(nodes) != 2:
        return nodes
    first, second = nodes
    prefix = {"\\displaystyle": "d", "\\textstyle": "t"}.get(first.text) if isinstance(first, Style) else None
    if prefix and isinstance(second, Command) and second.name in ("\\frac", "\\binom") and not second.has_scripts():
        second.name = "\\" + prefix + second.name[1:]
        return [second]
    return nodes


def effective_styles(nodes: list[Node], style: int) -> list[Node]:
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
    return isinstance(node, Atom) and not node.has_scripts() and node.text not in _LARGE
