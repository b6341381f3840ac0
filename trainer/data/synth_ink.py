"""Synthetic handwriting: a formula's LaTeX -> ink as somebody might have written it.

After Deng, Kanervisto, Ling and Rush, "Image-to-Markup Generation with Coarse-to-Fine Attention" (ICML 2017), who
trained on handwritten characters laid out as formulas. Here the layout is a hand's own, and symbols are stroked.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core_model.errors import LatexError
from core_model.ink import Ink, Stroke
from core_model.latex import parse
from trainer.data.formula_layout import Layout
from trainer.data.hand import Habits, Hand
from trainer.data.ink_box import Box
from trainer.data.symbol_bank import SymbolBank
from trainer.data.written_symbols import CannotWriteError, signs_of

__all__ = ["CannotWriteError", "SymbolBank", "synthesize", "written"]

Values = NDArray[np.float64]

_UNIT = 20.0  # units of the ink for the height of a small x
_WOBBLE_LENGTH = 9.0  # heights of a small x in which the line sways once about


def synthesize(latex_skeleton: str, bank: SymbolBank, rng: np.random.Generator) -> Ink | None:
    """Ink of a formula given as its skeleton (LaTeX without white space), which becomes the truth of the ink.

    None if it holds a symbol without drawings or a structure that is not laid out. The same arguments, with ``rng`` in
    the same state, give the same ink.
    """
    try:
        return written(latex_skeleton, bank, rng)
    except CannotWriteError:
        return None


def written(latex: str, bank: SymbolBank, rng: np.random.Generator) -> Ink:
    """As `synthesize`; raises CannotWriteError, which names the reason."""
    try:
        nodes = parse(latex)
    except LatexError as error:
        raise CannotWriteError(f"LaTeX: {error}") from error
    hand = Hand(bank, rng, signs_of(nodes))
    box = Layout(hand).row(nodes, 1.0)
    if not box.strokes:
        raise CannotWriteError("no ink")
    return Ink(tuple(Stroke(points * _UNIT) for points in _on_paper(box, hand.habits)), latex)


def _on_paper(box: Box, habits: Habits) -> list[Values]:
    """The whole line slanted, tilted and swaying as the writer is used to."""
    strokes = []
    for points in box.strokes:
        x, y = points[:, 0], points[:, 1]
        sway = habits.wobble * np.sin(2 * math.pi * x / _WOBBLE_LENGTH + habits.wobble_phase)
        strokes.append(np.column_stack((x - habits.slant * y, y + habits.tilt * x + sway)))
    return strokes
