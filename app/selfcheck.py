"""Does the preview of a reading show what the snip shows? Structure only: how many symbols, and their layout.

Both pictures are cut into connected components, which are aligned (`app.component_match`). What stays alone are symbols
that one picture has and the other lacks. Which symbol it is, the check cannot tell: to it, a `b` read as `d` is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.component_match import Alignment, Box, Drawing, TooComplexError, match
from app.words import translate
from core_model.preprocessing import ink_of

Grey = NDArray[np.uint8]

THRESHOLD: Final = 0.8
"""Weight of unmatched symbols from which on two pictures disagree: a letter does, a single comma does not."""
EXTENT: Final = 1.9
"""Proportions may differ by this factor: spaces, which a reading leaves out, and fonts make formulas wider."""
MOST_COMPONENTS: Final = 500
"""A picture with more is no formula; only numbers are compared then."""
_STROKE_PX: Final = 3.5
# Ink strength that counts: hairlines of small type break at a high one, letters run together at a low one.
_SNIP_LEVELS: Final = (40, 64)
_PREVIEW_LEVEL: Final = 100


@dataclass(frozen=True)
class Agreement:
    """What the comparison of a snip with the preview of its reading found."""

    agrees: bool
    symbols_seen: int
    """Connected pieces of ink in the snip."""
    symbols_drawn: int
    """Connected pieces of ink in the preview."""
    extent_ratio: float
    """Width by height of the snip's ink over that of the preview's: 1 for equal proportions."""
    reasons: tuple[str, ...] = ()
    """Why they disagree, as sentences for the user."""
    missing: tuple[Box, ...] = ()
    """Left, top, right, bottom, in px of the snip, of what the preview lacks."""
    surplus: tuple[Box, ...] = ()
    """The same in px of the preview, of what the snip lacks."""


def compare(snip: Grey, preview: Grey) -> Agreement:
    """Compare a snip with the preview of its reading, both uint8 [h, w] of any size, either polarity.

    The preview should be drawn with a font of some 40 px. Takes about 0.1 s.
    """
    drawn = _components(preview, _PREVIEW_LEVEL)
    best: tuple[float, _Parts, Alignment | None] | None = None
    for level in _SNIP_LEVELS:
        seen = _components(snip, level)
        weight, alignment = _difference(seen, drawn)
        if best is None or weight < best[0]:
            best = (weight, seen, alignment)
        if weight < THRESHOLD:
            break
    assert best is not None
    weight, seen, alignment = best
    ratio = seen.aspect / drawn.aspect if seen.boxes and drawn.boxes else 1.0
    reasons = _reasons(weight, seen, drawn, alignment, ratio)
    missing = tuple(seen.in_source(i) for i in alignment.missing) if alignment is not None else ()
    surplus = tuple(drawn.in_source(i) for i in alignment.surplus) if alignment is not None else ()
    return Agreement(
        not reasons,
        len(seen.boxes),
        len(drawn.boxes),
        ratio,
        reasons,
        missing if reasons else (),
        surplus if reasons else (),
    )


def ink_strength(grey: Grey) -> Grey:
    """How strong the ink is at each pixel, 0 = ground, 255 = full ink; all 0 for a blank picture."""
    ink = ink_of(grey)
    return np.zeros_like(grey) if ink is None else ink


@dataclass(frozen=True)
class _Parts:
    """The components of one picture: boxes in px of the scaled picture, sorted from left to right."""

    boxes: tuple[Box, ...]
    zoom: float

    @property
    def aspect(self) -> float:
        right, bottom = max(b[2] for b in self.boxes), max(b[3] for b in self.boxes)
        left, top = min(b[0] for b in self.boxes), min(b[1] for b in self.boxes)
        return (right - left) / (bottom - top)

    def in_source(self, index: int) -> Box:
        left, top, right, bottom = self.boxes[index]
        return left / self.zoom, top / self.zoom, right / self.zoom, bottom / self.zoom

    def log_lengths(self) -> NDArray[np.float64]:
        """Logarithms of the longer sides, ascending."""
        return np.sort(np.log([max(b[2] - b[0], b[3] - b[1]) for b in self.boxes]))

    def scaled(self, factor: float) -> Drawing:
        return Drawing([(b[0] * factor, b[1] * factor, b[2] * factor, b[3] * factor) for b in self.boxes])


def _components(grey: Grey, level: int) -> _Parts:
    """Connected components of ink above a level, at a size at which a stroke is some px wide; dust left out."""
    from PIL import Image

    from core_model.writing_size import components, rough_stroke

    ink = ink_strength(grey)
    if not ink.any():
        return _Parts((), 1.0)
    zoom = min(4.0, max(0.05, _STROKE_PX / max(rough_stroke(ink), 0.1)))
    if 0.7 <= zoom <= 1.4:
        zoom = 1.0
    else:
        size = (max(1, round(ink.shape[1] * zoom)), max(1, round(ink.shape[0] * zoom)))
        ink = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
    # `components` has a threshold of its own, of 64.
    parts = components(np.where(ink > level, np.maximum(ink, 65), 0).astype(np.uint8))
    keep = parts.mass > 0.3 * _STROKE_PX**2
    boxes = np.stack((parts.left, parts.top, parts.right, parts.bottom), axis=1)[keep]
    return _Parts(tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in sorted(boxes.tolist())), zoom)


def _difference(seen: _Parts, drawn: _Parts) -> tuple[float, Alignment | None]:
    """Weight of the symbols that only one of the two has, and which; None where they could not be aligned."""
    counts = float(abs(len(seen.boxes) - len(drawn.boxes)))
    if not seen.boxes or not drawn.boxes:
        return counts, None
    if max(len(seen.boxes), len(drawn.boxes)) > MOST_COMPONENTS:
        return _rough(seen, drawn), None
    # One unit for both: the typical length of the preview's symbols, and the snip's scaled so that the two
    # distributions of lengths lie over one another.
    first, second = seen.log_lengths(), drawn.log_lengths()
    shares = np.linspace(0.3, 0.95, 20)
    ratio = float(np.median(np.quantile(first, shares) - np.quantile(second, shares)))
    unit = float(np.median(np.exp(second)))
    a, b = seen.scaled(1 / unit / math.exp(ratio)), drawn.scaled(1 / unit)
    try:
        found = match(a, b)
    except TooComplexError:
        return _rough(seen, drawn), None
    return a.weight(found.missing) + b.weight(found.surplus), found


def _rough(seen: _Parts, drawn: _Parts) -> float:
    """Without an alignment only a clear difference in number counts."""
    more, less = max(len(seen.boxes), len(drawn.boxes)), min(len(seen.boxes), len(drawn.boxes))
    return float(more - less) if more > 1.3 * less else 0.0


def _reasons(weight: float, seen: _Parts, drawn: _Parts, alignment: Alignment | None, ratio: float) -> tuple[str, ...]:
    reasons = []
    if weight >= THRESHOLD:
        missing = len(alignment.missing) if alignment is not None else max(0, len(seen.boxes) - len(drawn.boxes))
        surplus = len(alignment.surplus) if alignment is not None else max(0, len(drawn.boxes) - len(seen.boxes))
        if missing:
            reasons.append(
                translate("SelfCheck", "The preview seems to lack symbols of the snip: about {}.").format(missing)
            )
        if surplus:
            reasons.append(
                translate("SelfCheck", "The preview seems to have symbols that the snip lacks: about {}.").format(
                    surplus
                )
            )
    if not 1 / EXTENT <= ratio <= EXTENT and len(seen.boxes) > 1:
        reasons.append(translate("SelfCheck", "Snip and preview differ in their proportions."))
    return tuple(reasons)
