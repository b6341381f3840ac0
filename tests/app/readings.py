"""Readings made by hand for the tests of the widgets that show them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.reading import Origin, Reading
from core_model.preprocessing import MARGIN, Prepared
from core_model.recognizer import Alternative, Recognition, TokenAlternative, TokenReading

STRIDE = 8
SIDE = 40
"""Pixels of the picture that each printing token stands on."""


def make_reading(
    tokens: str = "x ^ { 2 } + y",
    latex: str = "x^2 + y",
    *,
    ground: int = 255,
    confidences: dict[int, float] | None = None,
    alternatives: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    attention: bool = True,
) -> Reading:
    """A reading whose tokens look at squares from left to right, one each: token i at [i * SIDE, (i + 1) * SIDE)."""
    names = tokens.split()
    height, width = SIDE, SIDE * max(1, len(names))
    picture = np.full((height, width), ground, np.uint8)
    picture[10:30, 10:-10:4] = 255 - ground
    prepared = Prepared(np.full((height + 2 * MARGIN, width + 2 * MARGIN), 255, np.uint8), 1.0, (0, 0, width, height))
    recognition = Recognition(
        latex,
        0.9,
        tuple(
            TokenReading(
                name,
                (confidences or {}).get(index, 0.99),
                (TokenAlternative("z", 0.2), TokenAlternative("<eos>", 0.1), TokenAlternative(r"\alpha", 0.004)),
                _looking_at(index, prepared) if attention else None,
                prepared,
                STRIDE,
            )
            for index, name in enumerate(names)
        ),
        tuple(Alternative(other, 0.8 - 0.1 * place) for place, other in enumerate(alternatives)),
        warnings,
        blank=not names,
    )
    return Reading(picture, recognition, Origin("snip"))


def _looking_at(index: int, prepared: Prepared) -> NDArray[np.float16]:
    """[rows, columns]: weight on the cells of a token's square, the most in their middle."""
    rows, columns = (-(-side // STRIDE) for side in prepared.pixels.shape)
    y, x = (np.mgrid[0:rows, 0:columns] + 0.5) * STRIDE - MARGIN
    inside = (x > index * SIDE) & (x < (index + 1) * SIDE)
    distance = np.abs(x - (index + 0.5) * SIDE) + np.abs(y - SIDE / 2)
    weights = np.where(inside, np.exp(-distance / 30), 0.0)
    return (weights / weights.sum()).astype(np.float16)
