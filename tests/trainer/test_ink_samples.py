"""The page of synthetic beside real handwriting."""

from pathlib import Path

import numpy as np
import pytest

from core_model.errors import DataError
from core_model.ink import Ink
from tests.trainer.data.pen import small_bank
from trainer.data.crohme import Expression
from trainer.data.symbol_bank import SymbolBank
from trainer.data.synth_ink import written
from trainer.ink_samples import Options, choose, page

BANK = small_bank()


def _expressions(count: int) -> list[Expression]:
    """Real ink stands in: also written by the bank."""
    inks = [written("x + " * n + "y", BANK, np.random.default_rng(n)) for n in range(1, count + 1)]
    return [
        Expression(Ink(ink.strokes, ink.latex), tuple(("x", (i,)) for i in range(len(ink.strokes)))) for ink in inks
    ]


def test_page_shows_pairs_of_ink() -> None:
    pairs = choose(_expressions(9), BANK, 3, np.random.default_rng(1))
    assert len(pairs) == 3
    assert all(pair.synthetic.strokes and pair.real.strokes for pair in pairs)
    pixels = np.asarray(page(pairs))
    left, right = pixels[:, 40:650], pixels[:, 660:]
    assert (left < 64).any()
    assert (right < 64).any()


def test_nothing_that_can_be_written_is_an_error() -> None:
    with pytest.raises(DataError, match="could be written"):
        choose(_expressions(2), SymbolBank([]), 1, np.random.default_rng(1))


def test_impossible_count_is_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        Options(Path("data"), Path("out.png"), count=0)
