"""The structures of handwritten formulas: fractions, roots, stretched brackets, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from core_model.latex import symbols
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Command, Delimited, Table
from trainer.data import layout_marks as marks
from trainer.data import pen_strokes as pen
from trainer.data.ink_box import Box, empty, joined
from trainer.data.symbol_bank import RADICAL
from trainer.data.symbol_places import AXIS, place_of
from trainer.data.written_symbols import CannotWriteError, symbol_of

if TYPE_CHECKING:
    from trainer.data.formula_layout import Layout

WITH_LIMITS: Final = frozenset(
    ["\\operatorname*", "\\overbrace", "\\underbrace", "\\overbracket", "\\underbracket", "\\mathop"]
)
_TRANSPARENT = frozenset(
    [*symbols.CLASS_COMMANDS, "\\mathop", "\\mathord", "\\smash", "\\mathrlap", "\\mathllap", "\\mathclap", "\\lefteqn"]
)
_ALIGNMENT = {"aligned": "rl", "alignedat": "rl", "cases": "ll", "dcases": "ll", "rcases": "ll", "gathered": "c"}
_CHANCE_OF_MADE_ROOT = 0.25


def command(layout: Layout, node: Command, size: float, font: str) -> tuple[Box, AtomClass]:
    """A command with arguments, and how its neighbours treat it."""
    name, args = node.name, node.args
    if name in symbols.FRACTIONS or name == "\\atop":
        return fraction(layout, node, size, font), AtomClass.INNER
    if name == "\\sqrt":
        return root(layout, node, size, font), AtomClass.ORD
    if name.startswith("\\operatorname"):
        return layout.upright(args[0], size), AtomClass.OP
    if name in symbols.STACKS:
        return marks.stack(layout, node, size, font), AtomClass.REL
    if name in symbols.LABELLED_ARROWS:
        return marks.labelled_arrow(layout, node, size), AtomClass.REL
    if name in ("\\pmod", "\\pod", "\\mod"):
        return remainder(layout, node, size, font), AtomClass.INNER
    if name in _TRANSPARENT:
        return layout.row(args[0], size, font), symbols.ONE_ARGUMENT.get(name, (AtomClass.ORD, ""))[0]
    if name == "\\boxed":
        return boxed(layout, node, size, font), AtomClass.INNER
    if name in ("\\cancel", "\\bcancel", "\\xcancel"):
        return cancelled(layout, node, size, font), AtomClass.ORD
    if name.startswith(("\\over", "\\under", "\\wide")) or name in marks.ACCENTS:
        return marks.accent(layout, node, size, font), AtomClass.ORD
    raise CannotWriteError(name)


# -- fractions and roots ---------------------------------------------------------------------------------------------
def fraction(layout: Layout, node: Command, size: float, font: str) -> Box:
    """Numerator, line, denominator; the smaller, the deeper it is nested. ``\\binom`` and ``\\atop`` have no line."""
    habits, hand, rng = layout.habits, layout.hand, layout.rng
    barless = node.name == "\\atop" or node.name.endswith("binom")
    inner = size * habits.fraction_size * hand.jitter(0.06)
    if layout.depth >= 1:
        inner *= 0.85
    layout.depth += 1
    upper, lower = layout.row(node.args[0], inner, font), layout.row(node.args[1], inner, font)
    layout.depth -= 1
    content = max(upper.width, lower.width)
    over = habits.overhang * hand.jitter(0.5) * size
    width = max(content + 2 * over, 0.9 * size)
    axis = (AXIS + rng.normal(0.0, 0.12)) * size
    for box, sign in ((upper, -1), (lower, 1)):
        lean = rng.normal(-0.03 if sign < 0 else 0.0, 0.06) * width
        slack = max(0.0, 0.5 * (width - box.width))
        x = 0.5 * width + max(-slack, min(slack, lean)) - box.centre
        room = max(habits.bar_gap * hand.jitter(0.35), 0.15) * size * (0.6 if barless else 1.0)
        box.shift(x, axis - room - box.bottom if sign < 0 else axis + 1.15 * room - box.top)
    if node.name == "\\atop":
        return joined((upper, lower))
    if barless:
        return fenced(layout, joined((upper, lower)), "(", ")", size)
    drawn = hand.rule(width) if rng.random() < 0.8 else None
    rise = rng.normal(0.0, 0.02) * width
    if drawn is None:
        drawn = pen.line(rng, (0.0, rise), (width, -rise), 0.012)
    bar = Box([drawn])
    return joined((upper, bar.shift(0.0, axis - bar.middle), lower))


def root(layout: Layout, node: Command, size: float, font: str) -> Box:
    """A root sign around its content, the index on its hook."""
    habits, rng = layout.habits, layout.rng
    content = layout.row(node.args[0], size, font)
    top = min(content.top, -1.0 * size) - habits.root_room * layout.hand.jitter(0.3) * size
    right = content.right + rng.normal(0.3, 0.25) * size
    bottom = content.bottom + rng.normal(0.05, 0.15) * size
    inner = (content.left - rng.uniform(0.05, 0.35) * size, top, max(right, content.right - 0.1 * size), bottom)
    drawn = None
    if layout.hand.knows(RADICAL) and rng.random() > _CHANCE_OF_MADE_ROOT:
        drawn = pen.around(rng, layout.hand.drawing(RADICAL), inner, size)
    sign = Box(drawn or pen.radical(rng, inner, size))
    if not node.option:
        return joined((sign, content))
    index = layout.row(node.option, size * min(habits.sup_size, 0.6), font)
    hook = max(inner[0] - sign.left, 0.3 * size)
    x = sign.left + 0.45 * hook - index.right + rng.uniform(0.0, 0.3) * size
    points = np.concatenate(sign.strokes)
    hook_top = float(points[points[:, 0] < index.right + x, 1].min(initial=sign.middle))
    y = hook_top - rng.uniform(0.0, 0.25) * size - index.bottom
    return joined((index.shift(x, y), sign, content))


def remainder(layout: Layout, node: Command, size: float, font: str) -> Box:
    """``\\pmod``: the modulus in brackets."""
    inner = [(layout.row(node.args[0], size, font), AtomClass.ORD)]
    if node.name != "\\pod":
        inner.insert(0, (layout.word("mod", size), AtomClass.OP))
    if node.name == "\\mod":
        return layout.line(inner, size)
    fences = [(layout.glyph(sign, size), kind) for sign, kind in (("(", AtomClass.OPEN), (")", AtomClass.CLOSE))]
    return layout.line([fences[0], *inner, fences[1]], size)


def boxed(layout: Layout, node: Command, size: float, font: str) -> Box:
    """A frame in one stroke."""
    content = layout.row(node.args[0], size, font)
    room = size * layout.rng.uniform(0.3, 0.7)
    left, top, right, bottom = content.left - room, content.top - room, content.right + room, content.bottom + room
    corners = [(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]
    return joined((content, Box([pen.path(layout.rng, corners, 0.06 * size)])))


def cancelled(layout: Layout, node: Command, size: float, font: str) -> Box:
    """Content that is struck out."""
    content = layout.row(node.args[0], size, font)
    strokes = []
    if node.name != "\\bcancel":
        strokes.append(pen.line(layout.rng, (content.left, content.bottom), (content.right, content.top)))
    if node.name != "\\cancel":
        strokes.append(pen.line(layout.rng, (content.left, content.top), (content.right, content.bottom)))
    return joined((content, Box(strokes)))


def struck(layout: Layout, box: Box, size: float) -> Box:
    """``\\not``: a slash through a sign."""
    reach = 0.5 * max(box.height, 0.9 * size) + 0.2 * size
    lean = layout.rng.uniform(0.15, 0.5) * size
    start, end = (box.centre + lean, box.middle - reach), (box.centre - lean, box.middle + reach)
    return joined((box, Box([pen.line(layout.rng, start, end)])))


# -- brackets --------------------------------------------------------------------------------------------------------
def delimited(layout: Layout, node: Delimited, size: float, font: str) -> Box:
    """``\\left( ... \\right)``: brackets as tall as what they hold."""
    bodies = [layout.row(body, size, font) for body in node.bodies]
    tallest = joined(bodies)
    items = [(bodies[0], AtomClass.ORD)]
    for middle, body in zip(node.middles, bodies[1:], strict=True):
        items += [(fence(layout, middle, tallest, size), AtomClass.REL), (body, AtomClass.ORD)]
    return fenced(layout, layout.line(items, size), node.left, node.right, size)


def fenced(layout: Layout, content: Box, left: str, right: str, size: float) -> Box:
    """Content between two brackets; ``.`` is none."""
    parts = [content]
    for sign, at_left in ((left, True), (right, False)):
        if sign != ".":
            box = fence(layout, sign, content, size)
            room = layout.habits.fence_room * layout.hand.jitter(0.5) * size
            x = content.left - room - box.right if at_left else content.right + room - box.left
            box.shift(x, 0.0)
            parts.insert(0, box) if at_left else parts.append(box)
    return joined(parts)


def fence(layout: Layout, sign: str, content: Box, size: float) -> Box:
    """A bracket drawn to the height of the content: stretched, and wider the taller it is."""
    if sign == "\\|":
        bars = [fence(layout, "|", content, size) for _ in range(2)]
        return joined((bars[0], bars[1].shift(bars[0].right + 0.3 * size - bars[1].left, 0.0)))
    symbol = symbol_of(sign)
    box = layout.glyph(symbol, size)
    place = place_of(symbol)
    reach = content.height + layout.rng.normal(0.25, 0.2) * size
    wanted = max(reach, 0.75 * (place.bottom - place.top) * size)
    tall = wanted / max(box.height, 1e-6)
    wide = max(1.0, tall) ** 0.5 if tall > 1 else tall
    middle = content.middle + layout.rng.normal(0.0, 0.06) * content.height
    strokes = [(stroke - (box.centre, box.middle)) * (wide, tall) + (0.0, middle) for stroke in box.strokes]
    return Box(strokes)


# -- tables ----------------------------------------------------------------------------------------------------------
def table(layout: Layout, node: Table, size: float) -> Box:
    """Rows of cells: matrices, cases, aligned lines, arrays with rules."""
    if any(rule != "\\hline" for row in node.rows for rule in row.rules):
        raise CannotWriteError("\\cline")
    habits, rng = layout.habits, layout.rng
    small = node.name in ("substack", "subarray", "smallmatrix")
    size *= 0.85 if node.name == "smallmatrix" else 1.0
    cells = [[layout.row(cell, size) for cell in row.cells] for row in node.rows]
    count = max(len(row) for row in cells)
    widths = [max((row[i].width for row in cells if i < len(row)), default=0.0) for i in range(count)]
    letters = [letter for letter in node.spec if letter in ("l", "c", "r")]
    pattern = letters or list(_ALIGNMENT.get(node.name, "c"))
    aligned = node.name in ("aligned", "alignedat")
    lefts, x = [], 0.0
    for column, width in enumerate(widths):
        if column:
            between = habits.spacing * (0.5 if aligned and column % 2 else habits.column_gap)
            x += between * size * rng.uniform(0.85, 1.15)
        lefts.append(x)
        x += width
    placed: list[Box] = []
    rules: list[float] = []
    cursor = 0.0
    for number, row in enumerate(cells):
        inked = [box for box in row if box.strokes] or [empty(size)]
        room = 0.0 if not number else habits.row_gap * (0.5 if small else 1.0) * size * layout.hand.jitter(0.2)
        rules += [cursor + 0.5 * room + 0.12 * size * i for i in range(len(node.rows[number].rules))]
        baseline = cursor + room - min(box.top for box in inked)
        cursor = baseline + max(box.bottom for box in inked)
        for column, box in enumerate(row):
            slack = widths[column] - box.width
            share = {"l": 0.0, "c": 0.5, "r": 1.0}[pattern[column % len(pattern)]]
            lean = rng.normal(0.0, 0.12) * size
            box.shift(lefts[column] + share * slack + lean - box.left, baseline + rng.normal(0.0, 0.06) * size)
            placed.append(box)
    whole = joined(placed)
    lines = [pen.line(rng, (whole.left, y), (whole.right, y), 0.01) for y in rules]
    lines += [pen.line(rng, (x, whole.top), (x, whole.bottom), 0.01) for x in _upright_rules(node, lefts, widths)]
    if lines:
        whole = joined((whole, Box(lines)))
    return whole.shift(-whole.left, AXIS * size - whole.middle)


def _upright_rules(node: Table, lefts: list[float], widths: list[float]) -> list[float]:
    """Where the ``|`` of an array's columns stand."""
    places, column = [], 0
    for letter in node.spec:
        if letter == "|":
            before = lefts[column - 1] + widths[column - 1] if 0 < column <= len(lefts) else lefts[0] - 0.8
            after = lefts[column] if column < len(lefts) else before + 0.8
            places.append(0.5 * (before + after))
        elif letter in ("l", "c", "r"):
            column += 1
    return places
