"""Draw the look of a batch of formulas at random: one renderer in one style is a trap for the model.

Sizes, stroke weights, rasterisers and fonts all vary, as pictures on people's screens do. Computer Modern and Latin
Modern come most often, because most formulas that people snip are set in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.data.render.latex import LatexStyle
from trainer.data.render.ziamath import ZiamathStyle, available_math_fonts

_FONT_WEIGHT = {"computer-modern": 8.0, "latin-modern": 4.0, "times": 2.0, "palatino": 1.5, "txfonts": 1.5}
_BOLD_MATH = ("computer-modern", "latin-modern", "txfonts", "pxfonts")


@dataclass(frozen=True)
class StyleChoices:
    """What may be drawn from. Empty sequences mean: whatever is installed."""

    fonts: Sequence[str] = ()
    points: Sequence[int] = (10, 11, 12)
    dpi: tuple[int, int] = (72, 300)
    rasterizers: Sequence[str] = ()
    oversample: int = 0
    """Fixed oversampling; 0 draws it."""
    plain: bool = False
    """No bold formulas and no change of stroke weight."""


def draw_latex_style(rng: np.random.Generator, choices: StyleChoices) -> LatexStyle:
    """Draw a style; ``choices.fonts`` and ``choices.rasterizers`` must not be empty here."""
    weights = np.array([_FONT_WEIGHT.get(font, 1.0) for font in choices.fonts])
    font = str(rng.choice(list(choices.fonts), p=weights / weights.sum()))
    rasterizer = str(rng.choice(list(choices.rasterizers)))
    dpi = log_uniform(rng, *choices.dpi)
    oversample = choices.oversample
    if not oversample:
        # Plain dvipng and pdftoppm smooth by themselves; Ghostscript's output is what people shrink.
        odds = {"dvipng": (0.85, 0.15, 0, 0), "pdftoppm": (0.6, 0.4, 0, 0), "ghostscript": (0.3, 0.4, 0.15, 0.15)}
        oversample = int(rng.choice([1, 2, 3, 4], p=odds[rasterizer]))
        while dpi * oversample > 600:
            oversample -= 1
    gamma = 1.0
    if not choices.plain and (rasterizer == "dvipng" or oversample > 1) and rng.random() < 0.6:
        gamma = round(float(np.exp(rng.uniform(np.log(0.7), np.log(1.5)))), 2)
    return LatexStyle(
        font=font,
        points=int(rng.choice(list(choices.points))),
        dpi=dpi,
        rasterizer=rasterizer,
        bold=not choices.plain and font in _BOLD_MATH and rng.random() < 0.03,
        oversample=oversample,
        filter=str(rng.choice(["box", "bicubic", "lanczos"])) if not choices.plain else "lanczos",
        gamma=gamma,
    )


def draw_ziamath_style(rng: np.random.Generator, choices: StyleChoices) -> ZiamathStyle:
    """Draw a style among the OpenType math fonts that are there; ``choices.fonts`` are of LaTeX."""
    stroke = 0.0
    if not choices.plain and rng.random() < 0.4:
        stroke = round(float(rng.uniform(0, 0.03)), 3)
    return ZiamathStyle(
        font=str(rng.choice(sorted(available_math_fonts()))),
        points=int(rng.choice(list(choices.points))),
        dpi=log_uniform(rng, *choices.dpi),
        stroke=stroke,
    )


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw a whole number within ``low..high``, each octave as likely as the other."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def describe(renderer: str, style: Any, **more: Any) -> dict[str, Any]:
    """Return the style as plain values for the ``style`` column of a shard."""
    return {"renderer": renderer, **{name: getattr(style, name) for name in type(style).__dataclass_fields__}, **more}
