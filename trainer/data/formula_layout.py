"""Lays a formula out as a hand writes it: the parsed tree -> strokes.

Unlike print, the line is uneven, scripts and gaps vary from writer to writer, and what comes next is put beside the ink
that is there, not beside a box of metal. `trainer.data.layout_structures` has the structures; here are rows, scripts,
limits and words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from core_model.latex import symbols
from core_model.latex.symbols import AtomClass
from core_model.latex.tree import Atom, Command, Delimited, Font, Group, Node, Sized, Space, Style, Switch, Table, Text
from trainer.data import layout_structures as structures
from trainer.data import pen_strokes
from trainer.data.hand import Habits, Hand
from trainer.data.ink_box import Box, empty, joined
from trainer.data.symbol_places import FUNCTION_WORDS, gap
from trainer.data.written_symbols import FUNCTIONS, PLAIN_ALPHABETS, CannotWriteError, symbol_of

_SMALLEST = 0.3
_LEAST_SHRINKING = 0.78  # of scripts of scripts: they would not be legible else
_SIZES = {"big": 1.15, "Big": 1.5, "bigg": 1.9, "Bigg": 2.3}
_ROOM_BETWEEN_LETTERS = 0.5  # of the usual gap, within a word
_UNARY_AFTER = frozenset([AtomClass.BIN, AtomClass.REL, AtomClass.OPEN, AtomClass.PUNCT, AtomClass.OP, AtomClass.INNER])


class Layout:
    """Lays out one formula with one hand. Sizes are heights of a small x; the line's own is 1."""

    def __init__(self, hand: Hand) -> None:
        self.hand: Hand = hand
        self.rng: np.random.Generator = hand.rng
        self.habits: Habits = hand.habits
        self.depth: int = 0  # of fractions within fractions

    # -- symbols -----------------------------------------------------------------------------------------------------
    def glyph(self, symbol: str, size: float, grown: float = 1.0) -> Box:
        if not self.hand.knows(symbol):
            raise CannotWriteError(symbol)
        return Box(self.hand.placed(symbol, size, grown))

    def word(self, letters: Sequence[str], size: float) -> Box:
        """Letters close to each other."""
        boxes = [(self.glyph(letter, size), AtomClass.ORD) for letter in letters]
        return self.line(boxes, size, _ROOM_BETWEEN_LETTERS)

    def name(self, token: str, size: float) -> Box:
        """A function's name: as a whole where the writer has drawn it so, else letter by letter."""
        whole = token in FUNCTION_WORDS and self.hand.knows(token)
        if whole and (self.hand.habitual(token) or self.rng.random() < 0.8):
            return self.glyph(token, size)
        return self.word(token[1:], size)

    # -- rows --------------------------------------------------------------------------------------------------------
    def row(self, nodes: Sequence[Node], size: float, font: str = "") -> Box:
        """A list of nodes on one line, from x = 0."""
        size = max(size, _SMALLEST)
        items: list[tuple[Box, AtomClass]] = []
        negated = False
        for node in nodes:
            if isinstance(node, Space | Style):
                continue
            if isinstance(node, Switch):
                raise CannotWriteError("a switch of fonts")
            if isinstance(node, Atom) and node.text == "\\not":
                negated = True
                continue
            box, kind = self.item(node, size, font)
            if negated:
                box = structures.struck(self, box, size)
            negated = False
            items.append((box, kind))
        if negated:
            raise CannotWriteError("\\not at the end")
        return self.line(items, size) if items else empty(size)

    def line(self, items: Sequence[tuple[Box, AtomClass]], size: float, room: float = 1.0) -> Box:
        """Boxes side by side; each is put beside the ink of those before it."""
        habits = self.habits
        cursor, before = 0.0, None
        for box, kind in items:
            if kind is AtomClass.BIN and (before is None or before in _UNARY_AFTER):
                kind = AtomClass.ORD
            space = 0.0
            if before is not None:
                usual = gap(before, kind)
                if usual > 0.8:
                    usual *= habits.operator_room
                space = usual * room * habits.spacing * size * self.hand.jitter(habits.gap_jitter)
                space += self.rng.normal(0.0, 0.04) * size
            box.shift(cursor + space - box.left, 0.0)
            cursor, before = max(cursor, box.right), kind
        return joined(box for box, _ in items)

    def item(self, node: Node, size: float, font: str) -> tuple[Box, AtomClass]:
        """A node with its scripts, and how its neighbours treat it."""
        box, kind = self.nucleus(node, size, font)
        if not node.has_scripts():
            return box, kind
        if self._takes_limits(node):
            return self.limits(box, node, size, font), kind
        primes = [part for part in node.sup or () if isinstance(part, Atom) and part.text == "\\prime"]
        return self.scripts(box, node.sub, node.sup, size, font, len(primes) == len(node.sup or (0,))), kind

    def nucleus(self, node: Node, size: float, font: str) -> tuple[Box, AtomClass]:
        if isinstance(node, Atom):
            if node.text in FUNCTIONS:
                if node.text.startswith("\\var"):
                    raise CannotWriteError(node.text)
                return self.name(node.text, size), AtomClass.OP
            grown = self.habits.big_operators if node.kind is AtomClass.OP else 1.0
            symbol = symbol_of(node.text, node.font or font)
            if not self.hand.knows(symbol) and symbol in _MADE:
                return _MADE[symbol](self, size), node.kind
            return self.glyph(symbol, size, grown), node.kind
        if isinstance(node, Group):
            return self.row(node.body, size, font), AtomClass.ORD
        if isinstance(node, Font):
            if node.font == "\\mathrm" and len(node.body) > 1:
                return self.upright(node.body, size), AtomClass.ORD
            return self.row(node.body, size, node.font), AtomClass.ORD
        if isinstance(node, Text):
            return self.upright(node.body, size), AtomClass.ORD
        if isinstance(node, Sized):
            kind = symbols.DELIMITER_SIZES[node.size]
            return self.glyph(symbol_of(node.delimiter), size, _SIZES[node.size[1:].rstrip("lrm")]), kind
        if isinstance(node, Delimited):
            return structures.delimited(self, node, size, font), AtomClass.INNER
        if isinstance(node, Table):
            return structures.table(self, node, size), AtomClass.INNER
        if isinstance(node, Command):
            return structures.command(self, node, size, font)
        raise CannotWriteError(type(node).__name__)

    def upright(self, body: list[Node], size: float) -> Box:
        """Words: letters stand closer than in a formula; formulas among them are written as such."""
        items: list[tuple[Box, AtomClass]] = []
        word: list[str] = []

        def end() -> None:
            if word:
                items.append((self.word(word, size), AtomClass.OP))
                word.clear()

        for node in body:
            if isinstance(node, Atom) and not node.has_scripts():
                word.append(symbol_of(node.text, "" if node.font in PLAIN_ALPHABETS else node.font))
                continue
            end()
            if not isinstance(node, Space):
                items.append(self.item(node, size, ""))
        end()
        return self.line(items, size) if items else empty(size)

    # -- scripts -----------------------------------------------------------------------------------------------------
    def _takes_limits(self, node: Node) -> bool:
        if node.limits:
            return node.limits == "\\limits"
        if isinstance(node, Command):
            return node.name in structures.WITH_LIMITS
        if not isinstance(node, Atom):
            return False
        if node.text in symbols.LIMIT_NAMES:
            return self.rng.random() < 0.95
        if node.text in symbols.INTEGRALS:
            return self.rng.random() < 0.12
        return node.text in symbols.BIG_OPERATORS and not self.habits.limits_beside

    def scripts(
        self, base: Box, sub: list[Node] | None, sup: list[Node] | None, size: float, font: str, primes: bool = False
    ) -> Box:
        """Scripts beside a base: near its upper right and its lower right corner."""
        habits, boxes = self.habits, [base]
        upper = lower = None
        if sup:
            small = 0.85 * size if primes else self.script_size(size, habits.sup_size)
            upper = self.row(sup, small, font)
            rise = 0.75 * base.top - (habits.sup_rise + self.rng.normal(0.0, 0.1)) * size
            if primes:
                rise = 0.9 * base.top + 0.35 * small
            # However tall the script, it begins above the middle of the base.
            rise = min(rise, base.top + 0.45 * min(base.height, size) - upper.bottom)
            gap_before = habits.script_gap * (0.5 if primes else 1.0)
            boxes.append(upper.shift(base.right + self._script_gap(gap_before, size) - upper.left, rise))
        if sub:
            lower = self.row(sub, self.script_size(size, habits.sub_size), font)
            drop = 0.8 * base.bottom + (habits.sub_drop + self.rng.normal(0.0, 0.08)) * size
            drop = max(drop, base.bottom - 0.5 * min(base.height, size) - lower.top)
            if upper is not None:
                drop = max(drop, upper.bottom + 0.12 * size - lower.top)
            boxes.append(lower.shift(base.right + self._script_gap(habits.script_gap, size) - lower.left, drop))
        return joined(boxes)

    def script_size(self, size: float, share: float) -> float:
        """Size of a script at something of this size; ``share``: what the writer makes of a whole line's size."""
        return size * (share if size > 0.75 else max(share, _LEAST_SHRINKING)) * self.hand.jitter(0.1)

    def _script_gap(self, usual: float, size: float) -> float:
        return (usual * self.hand.jitter(0.4) + self.rng.normal(0.0, 0.05)) * size

    def limits(self, base: Box, node: Node, size: float, font: str) -> Box:
        """Scripts above and below."""
        share = min(0.5 * (self.habits.sup_size + self.habits.sub_size), 0.75)
        boxes = [base]
        for script, sign in ((node.sup, -1), (node.sub, 1)):
            if script:
                box = self.row(script, self.script_size(size, share), font)
                room = 0.28 * size * self.hand.jitter(0.4)
                x = base.centre - box.centre + self.rng.normal(0.0, 0.12) * size
                boxes.append(box.shift(x, base.top - room - box.bottom if sign < 0 else base.bottom + room - box.top))
        return joined(boxes)


def _double_bar(layout: Layout, size: float) -> Box:
    bars = [layout.glyph("|", size).shift(x * size, 0.0) for x in (0.0, layout.rng.uniform(0.3, 0.55))]
    return joined(bars)


def _dots(level: float) -> Callable[[Layout, float], Box]:
    def make(layout: Layout, size: float) -> Box:
        step = layout.rng.uniform(0.5, 1.0) * size
        levels = (layout.rng.normal(level, 0.05, 3) * size).tolist()
        return Box([pen_strokes.dot(layout.rng, i * step, y, size) for i, y in enumerate(levels)])

    return make


_MADE: dict[str, Callable[[Layout, float], Box]] = {
    "\\|": _double_bar,
    "\\ldots": _dots(-0.05),
    "\\cdots": _dots(-0.5),
    "\\cdot": lambda layout, size: Box([pen_strokes.dot(layout.rng, 0.0, -0.5 * size, size)]),
    "\\bmod": lambda layout, size: layout.word("mod", size),
}
