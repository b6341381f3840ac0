"""A formula as Typst's math: `$ x^2 $`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from app.notation import cannot, formula_tree
from app.notation.reading import Run, columns, primes, run_at, width
from app.notation.signs import negated, sign
from app.words import translate
from core_model.latex import symbols
from core_model.latex.spacing import class_of
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Row, Sized, Space, Style, Table

_SPACES: Final = {3: "thin", 4: "med", 5: "thick", 18: "quad", 36: "wide"}
"""White space that has a name, in eighteenths of an em."""
_FONTS: Final = {
    "\\mathbf": "bold(upright({}))", "\\mathsf": "sans(upright({}))", "\\mathtt": "mono({})", "\\mathcal": "cal({})",
    "\\mathscr": "scr({})", "\\mathbb": "bb({})", "\\mathfrak": "frak({})", "\\mathit": "italic({})",
    "\\mathnormal": "italic({})", "\\mathrm": "upright({})",
}  # fmt: skip
_ACCENTS: Final = {
    "\\hat": "hat", "\\widehat": "hat", "\\check": "caron", "\\widecheck": "caron", "\\tilde": "tilde",
    "\\widetilde": "tilde", "\\acute": "acute", "\\grave": "grave", "\\dot": "dot", "\\ddot": "dot.double",
    "\\dddot": "dot.triple", "\\ddddot": "dot.quad", "\\breve": "breve", "\\bar": "macron", "\\mathring": "circle",
    "\\vec": "arrow", "\\overline": "overline", "\\underline": "underline", "\\underbar": "underline",
    "\\overrightarrow": "arrow", "\\overleftarrow": "arrow.l", "\\overleftrightarrow": "arrow.l.r",
    "\\overparen": "overparen", "\\wideparen": "overparen", "\\pmb": "bold", "\\boldsymbol": "bold",
    "\\cancel": "cancel",
}  # fmt: skip
_BRACES: Final = frozenset(["\\overbrace", "\\underbrace", "\\overbracket", "\\underbracket"])
_ARROWS: Final = {
    "\\xrightarrow": "→", "\\xleftarrow": "←", "\\xleftrightarrow": "↔", "\\xRightarrow": "⇒", "\\xLeftarrow": "⇐",
    "\\xLeftrightarrow": "⇔", "\\xmapsto": "↦",
}  # fmt: skip
_CROSSINGS: Final = {"\\bcancel": "inverted", "\\xcancel": "cross"}
_SIZES: Final = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_TEMPLATES: Final = {
    "\\boxed": "#box(stroke: 0.5pt, inset: 3pt, $display({})$)",
    "\\phantom": "#hide($display({})$)",
    "\\pmod": "quad (mod thin {})",
    "\\pod": "quad ({})",
    "\\mod": "quad mod thin {}",
    "\\mathrel": 'class("relation", {})',
    "\\mathbin": 'class("binary", {})',
    "\\mathopen": 'class("opening", {})',
    "\\mathclose": 'class("closing", {})',
    "\\mathpunct": 'class("punctuation", {})',
    "\\mathop": 'class("large", {})',
    "\\mathord": "{}",
    "\\mathinner": "{}",
}
_FUNCTIONS: Final = frozenset(
    """arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh det gcd inf
    lim liminf limsup max min Pr sup""".split()
)
_LIMIT_WORDS: Final = {"\\injlim": "inj lim", "\\projlim": "proj lim"}
_PAIRS: Final = {"(": ")", "[": "]", "\\{": "\\}"}
_ESCAPED: Final = frozenset("√⟨⟩⌊⌋⌈⌉⟮⟯⎰⎱⌜⌝⌞⌟⟦⟧⦇⦈()[]{}/_^&#$\"\\'`*~;:,|@%!?.=<>-+")
_NAMES: Final = {
    "−": "-", "∗": "*", "∞": "infinity", "∂": "partial", "∇": "nabla", "∑": "sum", "∏": "product", "∫": "integral",
    "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "×": "times", "⋅": "dot", "…": "dots", "⋯": "dots.c", "±": "plus.minus",
}  # fmt: skip
_OPENERS: Final = (" (", " [", " {")
_BARS: Final = ("\\|", "‖")
_FIRST: Final = ("(", "[", "{")
_CLOSERS: Final = (")", "]", "}")
_SIMPLE: Final = re.compile(r"[A-Za-z]|\d+|[a-z]+")
_PLAIN: Final = frozenset("=<>!?.+@%")
"""Characters that stand for themselves where white space is around them."""


def to_typst(latex: str) -> str:
    """The formula as a block of Typst, dollars included.

    Raises:
        FormatError: the LaTeX is broken, or Typst has no word for a part of it.
    """
    nodes = formula_tree(latex, "Typst")
    if len(nodes) == 1 and isinstance(nodes[0], Table) and nodes[0].name in ("aligned", "alignedat", "gathered"):
        body = " \\\n  ".join(_row(row, False) for row in nodes[0].rows)
        return f"$ {body} $"
    return f"$ {_list(nodes, False)} $"


def _list(nodes: list[Node], call: bool) -> str:
    """A list of nodes; ``call``: among the arguments of a function, where a comma would part them."""
    out: list[str] = []
    partners = _partners(nodes)
    index = 0
    while index < len(nodes):
        node = nodes[index]
        if isinstance(node, Style):
            level = symbols.STYLES[node.text]
            name = {0: "display", 2: "inline", 4: "script", 6: "sscript"}[level]
            rest = _list(nodes[index + 1 :], True)
            return " ".join([*out, f"{name}({rest})" if rest else ""]).strip()
        if isinstance(node, Space):
            out.append(_space(node))
            index += 1
            continue
        if isinstance(node, Atom) and node.text == "\\not" and not node.has_scripts():
            node = _negation(nodes, index)
            out.append(_scripted(negated(sign(node.text) or ""), node))
            index += 2
            continue
        found = run_at(nodes, index)
        if found:
            run, index = found
            out.append(_scripted(_run(run), run.last))
            continue
        if isinstance(node, Atom) and index in partners:
            piece = sign(node.text) or ""
        else:
            piece = _node(node, call)
        out.append(_scripted(piece, node))
        index += 1
    return _joined(out)


def _joined(pieces: list[str]) -> str:
    """Pieces with white space between them, apart from where the eye needs none."""
    out = ""
    bar = False
    for piece in pieces:
        tight = out.endswith(_OPENERS) or out in _FIRST or piece == "," or piece[:1] in _CLOSERS
        # White space around a bar is kept, as if the bar were a relation.
        tight = tight or piece.startswith(_BARS) or bar
        bar = piece in _BARS
        out += piece if tight or not out or not piece else f" {piece}"
    return out


def _argument(nodes: list[Node]) -> str:
    """One argument of a function; an empty one is an empty text."""
    return _list(nodes, True) or '""'


def _partners(nodes: list[Node]) -> set[int]:
    """Places of delimiters that close in the same list, so that Typst pairs them as they are meant."""
    found: set[int] = set()
    waiting: list[int] = []
    for index, node in enumerate(nodes):
        if not isinstance(node, Atom):
            continue
        if node.text in _PAIRS and not node.has_scripts():
            waiting.append(index)
        elif node.text in _PAIRS.values():
            if waiting and _PAIRS[_text(nodes[waiting[-1]])] == node.text:
                found |= {waiting.pop(), index}
            else:
                return set()
    return set() if waiting else found


def _text(node: Node) -> str:
    return node.text if isinstance(node, Atom) else ""


# -- leaves ----------------------------------------------------------------------------------------------------------
def _space(node: Space) -> str:
    em = width(node)
    if em is None:
        raise cannot("Typst", translate("Notation", "the white space {sign}").format(sign=node.text))
    if not em:
        return ""
    name = _SPACES.get(round(em * 18)) if abs(em * 18 - round(em * 18)) < 1e-6 else None
    return name or ("space" if node.text in ("\\ ", "~", "\\") else f"#h({em:.3f}em)")


def _run(run: Run) -> str:
    if run.font == "number":
        return run.text
    if run.font == "text" or (run.font == "\\mathrm" and len(run.text) > 1):
        return _quoted(run.text)
    if run.font not in _FONTS:
        raise cannot("Typst", run.font)
    words = re.findall(r"\d+(?:\.\d+)?|.", run.text)
    inner = " ".join("space" if not word.strip() else word if word.isalnum() else _character(word) for word in words)
    return _FONTS[run.font].format(inner)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _character(character: str) -> str:
    """One character that stands for itself."""
    if character in _NAMES:
        return _NAMES[character]
    return "\\" + character if character in _ESCAPED and character not in _PLAIN else character


def _atom(node: Atom, call: bool) -> str:
    name = node.text
    if name == "\\bmod":
        return "mod"
    if name[1:] in _FUNCTIONS:
        return name[1:]
    if name in _LIMIT_WORDS:
        return f'op("{_LIMIT_WORDS[name]}", limits: #true)'
    if name == ",":
        return "comma" if call else ","
    if name == "\\hbar":
        return "ℏ"
    character = sign(name)
    if character is None or name.startswith("\\rule"):
        told = translate("Notation", "the sign {sign}").format(sign=name)
        raise cannot("Typst", told if character is None else "\\rule")
    if len(name) > 1 and unicodedata.name(character, "").startswith("GREEK") and name[1:] in _GREEK:
        return _GREEK[name[1:]]
    if name.startswith("\\var") and name[4:] and unicodedata.name(character, "").startswith("MATHEMATICAL"):
        return character
    if character == "|" and class_of(node) is AtomClass.REL:
        return "∣"
    return _character(character)


_GREEK: Final = {
    **{
        name: name
        for name in """alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon chi psi
        omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega""".split()
    },
    "epsilon": "epsilon.alt", "varepsilon": "epsilon", "vartheta": "theta.alt", "varkappa": "kappa.alt",
    "varpi": "pi.alt", "varrho": "rho.alt", "varsigma": "sigma.alt", "phi": "phi.alt", "varphi": "phi",
}  # fmt: skip


def _negation(nodes: list[Node], index: int) -> Atom:
    after = nodes[index + 1] if index + 1 < len(nodes) else None
    if isinstance(after, Atom) and len(negated(sign(after.text) or "  ")) == 1:
        return after
    raise cannot("Typst", translate("Notation", "{command} before this sign").format(command="\\not"))


# -- scripts ---------------------------------------------------------------------------------------------------------
def _scripted(base: str, node: Node) -> str:
    if not node.has_scripts():
        return base
    if isinstance(node, Command) and node.name in _BRACES:
        return _braced(node, base)
    count = primes(node.sup or [])
    above = _list((node.sup or [])[count:], True)
    below = "" if node.sub is None else _argument(node.sub)
    if node.limits:
        base = f"{node.limits[1:].replace('nolimits', 'scripts')}({base})"
    elif not base or isinstance(node, Group) or (isinstance(node, Command) and not _is_call(base)):
        parts = [base or '""', *([f"b: {below}"] if below else [])]
        parts += [f"t: {('prime ' * count + above).strip()}"] if count or above else []
        return f"attach({', '.join(parts)})"
    marks = "" if above else "'" * count
    piece = base + marks + (f"_{_grouped(below)}" if below else "")
    return piece + (f"^{_grouped('prime ' * count + above)}" if above else "")


def _grouped(script: str) -> str:
    return script if _SIMPLE.fullmatch(script) else f"({script})"


def _is_call(text: str) -> bool:
    """Whether a piece is one function call, to which scripts attach as a whole."""
    match = re.match(r"#?[a-z][a-z.]*\(", text)
    if not match:
        return False
    depth = 0
    for index, character in enumerate(text):
        escaped = index > 0 and text[index - 1] == "\\"
        depth += (character == "(" and not escaped) - (character == ")" and not escaped)
        if character == ")" and not depth:
            return index == len(text) - 1
    return False


def _braced(node: Command, base: str) -> str:
    """A brace with its note; scripts on the other side stay scripts."""
    above = node.name.startswith("\\over")
    note = node.sup if above else node.sub
    other = node.sub if above else node.sup
    piece = base[:-1] + f", {_argument(note)})" if note is not None else base
    if other is not None:
        piece = f"limits({piece}){'_' if above else '^'}({_argument(other)})"
    return piece


# -- structure -------------------------------------------------------------------------------------------------------
def _node(node: Node, call: bool) -> str:
    if isinstance(node, Atom):
        return _atom(node, call)
    if isinstance(node, Group | Font):
        return _list(node.body, node.has_scripts() or call)
    if isinstance(node, Sized):
        return _sized(node)
    if isinstance(node, Command):
        return _command(node)
    if isinstance(node, Delimited):
        return _delimited(node)
    if isinstance(node, Table):
        return _table(node, "#none")
    raise TypeError(f"{type(node).__name__} is no node of a canonical tree")


def _sized(node: Sized) -> str:
    if node.delimiter == ".":
        return ""
    size = _SIZES[node.size[1:].rstrip("lrm") if node.size[-1] in "lrm" else node.size[1:]]
    return f"lr({_delimiter(node.delimiter)}, size: #{size})"


def _delimiter(token: str) -> str:
    character = sign(token)
    if character is None:
        raise cannot("Typst", translate("Notation", "the delimiter {sign}").format(sign=token))
    return _character(character)


def _delimited(node: Delimited) -> str:
    body = node.bodies[0]
    if len(node.bodies) == 1 and len(body) == 1 and isinstance(body[0], Table) and not body[0].has_scripts():
        table = body[0]
        opening = {"(": '"("', "[": '"["', "\\{": '"{"', "|": '"|"', "\\|": '"‖"'}.get(node.left)
        if opening and (_PAIRS.get(node.left, node.left) == node.right) and _is_matrix(table):
            return _table(table, opening)
    left = _delimiter(node.left) if node.left != "." else ""
    right = _delimiter(node.right) if node.right != "." else ""
    parts = [left]
    for number, inner in enumerate(node.bodies):
        if number and node.middles[number - 1] != ".":
            parts.append(f"mid({_delimiter(node.middles[number - 1])})")
        parts.append(_list(inner, True))
    parts.append(right)
    return f"lr({' '.join(part for part in parts if part) or chr(34) * 2})"


def _is_matrix(table: Table) -> bool:
    return table.name in ("matrix", "array") and not any(row.rules for row in table.rows)


def _command(node: Command) -> str:
    name, args = node.name, [_argument(arg) for arg in node.args]
    if name in symbols.FRACTIONS:
        word = "binom" if name.endswith("binom") else "frac"
        piece = f"{word}({args[0]}, {args[1]})"
        style = {"d": "display", "t": "inline", "c": "display"}.get(name[1])
        return f"{style}({piece})" if style else piece
    if name == "\\atop":
        return f"mat(delim: #none, {args[0]}; {args[1]})"
    if name == "\\sqrt":
        return f"sqrt({args[0]})" if node.option is None else f"root({_argument(node.option)}, {args[0]})"
    if name.startswith("\\operatorname"):
        return _operator(node)
    if name in symbols.STACKS:
        mark = "_" if name == "\\underset" else "^"
        return f"limits({args[1]}){mark}({args[0]})"
    if name in _ARROWS:
        below = f"_({_argument(node.option)})" if node.option else ""
        return f"limits(stretch({_ARROWS[name]})){below}^({args[0]})"
    if name in _ACCENTS:
        return f"{_ACCENTS[name]}({args[0]})"
    if name in _BRACES:
        return f"{name[1:]}({args[0]})"
    if name in _CROSSINGS:
        return f"cancel({args[0]}, {_CROSSINGS[name]}: #true)"
    if name in _TEMPLATES:
        return _TEMPLATES[name].format(args[0])
    raise cannot("Typst", name.split("{")[0])


def _operator(node: Command) -> str:
    text = ""
    for child in node.args[0]:
        if isinstance(child, Space):
            text += " " if (width(child) or 0) > 0.1 else ""
        elif isinstance(child, Atom) and not child.has_scripts() and sign(child.text):
            text += sign(child.text) or ""
        else:
            told = translate("Notation", "{command} with more than a name")
            raise cannot("Typst", told.format(command="\\operatorname"))
    limits = ", limits: #true" if node.name.endswith("*") else ""
    return f"op({_quoted(text)}{limits})"


# -- tables ----------------------------------------------------------------------------------------------------------
def _row(row: Row, call: bool) -> str:
    if row.rules:
        raise cannot("Typst", translate("Notation", "lines between rows"))
    out = ""
    for number, cell in enumerate(row.cells):
        out += (" & " if number else "") + _list(cell, call)
    return out.strip() or '""'


def _table(node: Table, delim: str) -> str:
    if node.name in ("cases", "dcases", "rcases"):
        rows = [_row(row, True) for row in node.rows]
        rows = [f"display({row})" if node.name == "dcases" and "&" not in row else row for row in rows]
        reverse = "reverse: #true, " if node.name == "rcases" else ""
        return f"cases({reverse}{', '.join(rows)})"
    if node.name in ("aligned", "alignedat", "gathered", "substack"):
        rows = [_row(row, True) for row in node.rows]
        if node.name in ("aligned", "gathered"):
            rows = [row if "&" in row else f"display({row})" for row in rows]
        return f"mat(delim: {delim}, {'; '.join(rows)})"
    options = [f"delim: {delim}"]
    rows_left = list(node.rows)
    if node.name in ("array", "darray", "subarray"):
        found = columns(node)
        if found is None or (len(set(found.letters)) > 1 and not _aligns(found.letters)):
            raise cannot("Typst", _columns(node))
        if len(set(found.letters)) > 1:
            if found.lines or delim != "#none":
                raise cannot("Typst", _columns(node))
            return f"mat(delim: #none, {'; '.join(_aligned_row(row) for row in node.rows)})"
        if found.letters[:1] in ("l", "r"):
            options.append(f"align: #{'left' if found.letters[0] == 'l' else 'right'}")
        options += _augment(found.lines, rows_left)
    elif any(row.rules for row in node.rows):
        raise cannot("Typst", translate("Notation", "lines between rows"))
    rows = [", ".join(_list(cell, True) for cell in row.cells) for row in rows_left]
    width_ = max(len(row.cells) for row in rows_left)
    rows = [row if row.strip(", ") else ", ".join(['""'] * width_) for row in rows]
    return f"mat({', '.join(options)}, {'; '.join(rows)})"


def _aligns(letters: str) -> bool:
    return letters in ("rcl", "rl")


def _aligned_row(row: Row) -> str:
    """A row of right side, sign, left side as one cell that is aligned at the sign."""
    if row.rules or len(row.cells) > 3:
        raise cannot("Typst", translate("Notation", "lines between rows"))
    cells = [_list(cell, True) for cell in row.cells]
    return f"{cells[0]} & {' '.join(cell for cell in cells[1:] if cell)}".strip()


def _augment(lines: tuple[int, ...], rows: list[Row]) -> list[str]:
    """Lines within the matrix as an option of mat."""
    count = max(len(row.cells) for row in rows)
    horizontal = [number for number, row in enumerate(rows) if row.rules]
    if 0 in lines or count in lines or 0 in horizontal or any(r != "\\hline" for row in rows for r in row.rules):
        raise cannot("Typst", translate("Notation", "lines around an array"))
    if horizontal and rows[-1].cells == [[]]:
        raise cannot("Typst", translate("Notation", "lines around an array"))
    parts = []
    if lines:
        parts.append(f"vline: ({', '.join(map(str, lines))},)")
    if horizontal:
        parts.append(f"hline: ({', '.join(map(str, horizontal))},)")
    return [f"augment: #({', '.join(parts)})"] if parts else []


def _columns(node: Table) -> str:
    return translate("Notation", "an array with the columns {columns}").format(columns="".join(node.spec))
