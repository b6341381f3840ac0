"""Marks over and under handwritten signs: accents, lines, braces, notes; and arrows with labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from core_model.latex.tree import Command
from trainer.data import pen_strokes as pen
from trainer.data.ink_box import Box, joined
from trainer.data.symbol_places import AXIS
from trainer.data.written_symbols import CannotWriteError

if TYPE_CHECKING:
    from trainer.data.formula_layout import Layout

_OVER_ARROWS = {"right": ">", "left": "<", "leftright": "<>"}


def _lines(points: list[tuple[float, float]]) -> Callable[[Layout, float], Box]:
    def make(layout: Layout, size: float) -> Box:
        return Box([pen.path(layout.rng, [(x * size, y * size) for x, y in points], 0.04 * size)])

    return make


def _dots(count: int) -> Callable[[Layout, float], Box]:
    def make(layout: Layout, size: float) -> Box:
        step = layout.rng.uniform(0.28, 0.45) * size
        dots = [pen.dot(layout.rng, i * step, layout.rng.normal(0.0, 0.03) * size, 0.8 * size) for i in range(count)]
        return Box(dots)

    return make


ACCENTS: Final[dict[str, Callable[[Layout, float], Box]]] = {
    "\\hat": _lines([(0.0, 0.35), (0.35, 0.0), (0.7, 0.35)]),
    "\\check": _lines([(0.0, 0.0), (0.35, 0.35), (0.7, 0.0)]),
    "\\acute": _lines([(0.0, 0.3), (0.4, 0.0)]),
    "\\grave": _lines([(0.0, 0.0), (0.4, 0.3)]),
    "\\bar": _lines([(0.0, 0.0), (0.8, 0.0)]),
    "\\vec": lambda layout, size: Box(pen.arrow(layout.rng, layout.rng.uniform(0.8, 1.2) * size, 0.7 * size)),
    "\\tilde": lambda layout, size: Box([pen.wave(layout.rng, 0.85 * size, 0.3 * size)]),
    "\\breve": lambda layout, size: Box([pen.arc(layout.rng, 0.7 * size, 0.3 * size)]),
    "\\mathring": lambda layout, size: Box([pen.ring(layout.rng, 0.35 * size)]),
    "\\dot": _dots(1),
    "\\ddot": _dots(2),
    "\\dddot": _dots(3),
    "\\ddddot": _dots(4),
}


def _wide_mark(layout: Layout, name: str, width: float, size: float) -> Box | None:
    """A mark as wide as what it stands over or under; None for a command that is none."""
    rng = layout.rng
    kind = name.removeprefix("\\over").removeprefix("\\under")
    if kind in ("line", "bar"):
        tilt = rng.normal(0.0, 0.02) * width
        return Box([pen.line(rng, (0.0, tilt), (width, -tilt), 0.012)])
    if kind.endswith("arrow"):
        return Box(pen.arrow(rng, width, size, _OVER_ARROWS[kind.removesuffix("arrow")]))
    height = min(0.25 * width + 0.15 * size, 0.55 * size) * layout.hand.jitter(0.2)
    if kind == "brace":
        brace = pen.brace(rng, width, 1.3 * height)
        return Box([brace if name == "\\overbrace" else brace * (1.0, -1.0)])
    if kind == "bracket":
        foot = height if name == "\\overbracket" else -height
        return Box([pen.path(rng, [(0.0, foot), (0.0, 0.0), (width, 0.0), (width, foot)], 0.03 * size)])
    if name == "\\widehat":
        return Box([pen.path(rng, [(0.0, height), (0.5 * width, 0.0), (width, height)], 0.03 * size)])
    if name == "\\widecheck":
        return Box([pen.path(rng, [(0.0, 0.0), (0.5 * width, height), (width, 0.0)], 0.03 * size)])
    if name == "\\widetilde":
        return Box([pen.wave(rng, width, height)])
    if name in ("\\overparen", "\\wideparen"):
        return Box([pen.arc(rng, width, -height)])
    return None


def accent(layout: Layout, node: Command, size: float, font: str) -> Box:
    """A mark above the content, or under it: of its own size, or as wide as the content."""
    rng, name = layout.rng, node.name
    content = layout.row(node.args[0], size, font)
    if name in ACCENTS:
        mark = ACCENTS[name](layout, size * layout.hand.jitter(0.15))
    else:
        over = rng.normal(0.05, 0.12) * size
        wide = _wide_mark(layout, name, max(content.width + 2 * over, 0.6 * size), size)
        if wide is None:
            raise CannotWriteError(name)
        mark = wide
    room = 0.22 * size * layout.hand.jitter(0.4)
    below = name.startswith("\\under")
    y = content.bottom + room - mark.top if below else content.top - room - mark.bottom
    lean = rng.normal(0.06, 0.1) * size
    return joined((content, mark.shift(content.centre + lean - mark.centre, y)))


def stack(layout: Layout, node: Command, size: float, font: str) -> Box:
    """A small note above a sign, or under it."""
    base = layout.row(node.args[1], size, font)
    note = layout.row(node.args[0], layout.script_size(size, min(layout.habits.sup_size, 0.7)), font)
    room = 0.22 * size * layout.hand.jitter(0.3)
    y = base.bottom + room - note.top if node.name == "\\underset" else base.top - room - note.bottom
    return joined((base, note.shift(base.centre - note.centre + layout.rng.normal(0.0, 0.08) * size, y)))


def labelled_arrow(layout: Layout, node: Command, size: float) -> Box:
    """A long arrow with what is written over it, and under it."""
    small = layout.script_size(size, min(layout.habits.sup_size, 0.7))
    over = layout.row(node.args[0], small)
    under = layout.row(node.option, small) if node.option else None
    width = max(over.width, under.width if under else 0.0) + size * layout.rng.uniform(0.6, 1.4)
    if node.name not in ("\\xrightarrow", "\\xleftarrow", "\\xleftrightarrow"):
        raise CannotWriteError(node.name)
    heads = _OVER_ARROWS[node.name.removeprefix("\\x").removesuffix("arrow")]
    arrow = Box(pen.arrow(layout.rng, width, size, heads)).shift(0.0, AXIS * size)
    room = 0.25 * size
    parts = [arrow, over.shift(arrow.centre - over.centre, arrow.top - room - over.bottom)]
    if under is not None:
        parts.append(under.shift(arrow.centre - under.centre, arrow.bottom + room - under.top))
    return joined(parts)
