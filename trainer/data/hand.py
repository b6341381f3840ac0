"""One writer for one formula: habits that stay the same through it, and which drawings stand for which symbols."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.symbol_bank import RULE, SymbolBank
from trainer.data.symbol_places import place_of

Values = NDArray[np.float64]

_CANDIDATES = 5  # hands of which the one with most of the symbols writes the formula
_FAVOURITES = 3  # drawings of a symbol that a formula uses


@dataclass(frozen=True)
class Habits:
    """What does not change within a formula. Lengths are in heights of a small x, jitters standard deviations.

    The ranges are those of CROHME's training ink: scripts of half the size whose baselines stand 1.2 above and 0.3
    below, gaps that vary from writer to writer by a third, fractions as large as the line they stand on.
    """

    spacing: float
    gap_jitter: float
    operator_room: float
    level_jitter: float
    size_jitter: float
    loose: float
    aspect: float
    slant: float
    tilt: float
    wobble: float
    wobble_phase: float
    sup_size: float
    sub_size: float
    sup_rise: float
    sub_drop: float
    script_gap: float
    fraction_size: float
    bar_gap: float
    overhang: float
    root_room: float
    fence_room: float
    limits_beside: bool
    row_gap: float
    column_gap: float
    big_operators: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Habits:
        """Habits of somebody."""

        def near(usual: float, spread: float) -> float:
            return usual * math.exp(spread * max(-2.0, min(2.0, rng.standard_normal())))

        return cls(
            spacing=near(0.95, 0.38),
            gap_jitter=rng.uniform(0.2, 0.45),
            operator_room=near(1.0, 0.25),
            level_jitter=rng.uniform(0.03, 0.13),
            size_jitter=rng.uniform(0.04, 0.12),
            loose=rng.uniform(0.5, 1.4),
            aspect=near(1.0, 0.1),
            slant=rng.normal(0.0, 0.07),
            tilt=rng.normal(0.0, 0.025),
            wobble=abs(rng.normal(0.0, 0.12)),
            wobble_phase=rng.uniform(0.0, 6.3),
            sup_size=max(0.42, min(near(0.57, 0.2), 0.9)),
            sub_size=max(0.4, min(near(0.52, 0.2), 0.85)),
            sup_rise=rng.normal(0.3, 0.18),
            sub_drop=max(rng.normal(0.27, 0.15), 0.0),
            script_gap=near(0.2, 0.4),
            fraction_size=min(near(0.97, 0.1), 1.1),
            bar_gap=near(0.48, 0.3),
            overhang=near(0.42, 0.6),
            root_room=near(0.5, 0.35),
            fence_room=near(0.2, 0.5),
            limits_beside=rng.random() < 0.07,
            row_gap=near(0.75, 0.35),
            column_gap=near(1.4, 0.3),
            big_operators=near(1.0, 0.2),
        )


class Hand:
    """Draws symbols of a bank as one writer would. ``symbols``: those the formula needs."""

    def __init__(self, bank: SymbolBank, rng: np.random.Generator, symbols: Collection[str]) -> None:
        self.bank, self.rng, self.habits = bank, rng, Habits.drawn(rng)
        self._favourites: dict[str, list[int]] = {}
        needed = sorted(symbols)
        first = self._somebody(needed)
        rest = [symbol for symbol in needed if not bank.of_hand(first, symbol)]
        second = self._somebody(rest) if rest else first
        self._hands = (first, second)

    def _somebody(self, symbols: list[str]) -> str:
        hands = self.bank.hands
        if not hands:
            return ""
        some = [hands[i] for i in self.rng.integers(len(hands), size=_CANDIDATES)]
        return max(some, key=lambda hand: self.bank.covered(hand, symbols))

    def knows(self, symbol: str) -> bool:
        return symbol in self.bank

    def habitual(self, symbol: str) -> bool:
        """Whether this writer, not only somebody, has drawn the symbol."""
        return bool(self.bank.of_hand(self._hands[0], symbol))

    def drawing(self, symbol: str) -> list[Values]:
        """A drawing of the symbol (its larger side about 1, from 0, 0) with small variations.

        Within a formula a symbol is mostly the same drawing, so that repeated letters look alike.
        """
        favourites = self._favourites.get(symbol)
        if favourites is None:
            favourites = self._favourites[symbol] = self._choose(symbol)
        number = 0 if self.rng.random() < 0.6 else int(self.rng.integers(len(favourites)))
        return self._varied(self.bank.strokes(favourites[number]))

    def _choose(self, symbol: str) -> list[int]:
        for hand in self._hands:
            own = self.bank.of_hand(hand, symbol)
            if own:
                return [own[i] for i in self.rng.integers(len(own), size=min(_FAVOURITES, len(own)))]
        everybody = self.bank.of_symbol(symbol)
        return [everybody[int(self.rng.integers(len(everybody)))]]

    def _varied(self, strokes: list[Values]) -> list[Values]:
        """A little turned, slanted, stretched and warped, every time a little differently."""
        a, b, c, d, wide, warp_x, warp_y, phase = self.rng.standard_normal(8) * self.habits.loose
        aspect = self.habits.aspect * math.exp(0.05 * wide)
        turn = np.array(((1 + 0.02 * a, 0.03 * b), (0.04 * c, 1 + 0.02 * d)))
        turn[:, 0] *= aspect
        varied = []
        for stroke in strokes:
            points = stroke @ turn
            points[:, 0] += 0.018 * warp_x * np.sin(4.0 * stroke[:, 1] + phase)
            points[:, 1] += 0.018 * warp_y * np.sin(4.0 * stroke[:, 0] + phase)
            varied.append(points)
        return varied

    def placed(self, symbol: str, size: float, grown: float = 1.0) -> list[Values]:
        """The strokes of a symbol at its place beside the baseline, for a small x of height ``size``.

        ``grown``: how much larger than usual, about its middle.
        """
        strokes = self.drawing(symbol)
        place = place_of(symbol)
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        wide, tall = (high - low).tolist()
        size_jitter, level_jitter = self.rng.standard_normal(2) * (self.habits.size_jitter, self.habits.level_jitter)
        factor = size * grown * math.exp(size_jitter)
        if place.width:
            scale = place.width * factor / max(wide, 1e-6)
        else:
            reach = place.bottom - place.top
            scale = reach * factor / max(tall, (0.3 if reach > 0.3 else 1.0) * wide, 1e-6)
        scale = min(scale, 6.0 * factor)  # a mere dot has no size of its own
        middle = 0.5 * (place.top + place.bottom) * size + level_jitter * size
        origin = 0.5 * (low + high)
        return [(stroke - origin) * scale + (0.0, middle) for stroke in strokes]

    def rule(self, width: float) -> Values | None:
        """A drawn fraction line of this width from (0, 0), if the bank has one."""
        if RULE not in self.bank:
            return None
        stroke = self.drawing(RULE)[0]
        low, high = stroke.min(axis=0), stroke.max(axis=0)
        # The hand's deviations grow more slowly than the line.
        scale = width / max(float(high[0] - low[0]), 1e-6)
        return (stroke - (low[0], 0.5 * (low[1] + high[1]))) * (scale, min(scale, 1.0 + 0.15 * scale))

    def jitter(self, spread: float) -> float:
        """A factor near 1; ``spread``: standard deviation of its logarithm."""
        return math.exp(spread * self.rng.standard_normal())
