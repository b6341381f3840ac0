"""How much of CROHME's training set has a formula that its tests have, too, which a model may know by heart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from core_model.errors import LatexError
from trainer.data.crohme import TEST_SETS, TRAINING_SETS, read_expressions, set_path
from trainer.data.pen_form import pen_form

__all__ = ["Overlap", "count_overlap"]


@dataclass(frozen=True)
class Overlap:
    """``training``: expressions to train on. ``tests``: of each test its name, how many training expressions have a
    formula of it, how many of its own expressions have a formula of training, and how many it has.
    """

    training: int
    tests: tuple[tuple[str, int, int, int], ...]


def count_overlap(data: Path) -> Overlap:
    """Compare formulas by their skeleton as a pen shows it, as synthetic ink is kept apart from the tests.

    Truths that do not parse equal none. Raises DataError.
    """
    training = [formula for name in TRAINING_SETS for formula in _formulas(data, name)]
    counts = Counter(formula for formula in training if formula)
    tests = []
    for name in TEST_SETS:
        formulas = _formulas(data, name)
        shared = {formula for formula in formulas if formula in counts}
        tests.append((name, sum(counts[one] for one in shared), sum(one in shared for one in formulas), len(formulas)))
    return Overlap(len(training), tuple(tests))


def _formulas(data: Path, name: str) -> list[tuple[str, ...]]:
    """The formula of each expression; empty for one that cannot be read."""
    return [_pen_form(expression.truth) for expression in read_expressions(set_path(data, name))]


def _pen_form(latex: str) -> tuple[str, ...]:
    try:
        return tuple(pen_form(latex))
    except LatexError:
        return ()
