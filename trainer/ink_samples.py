"""trainer ink-samples --data DIR --out page.png

Draw a page of synthetic handwriting beside CROHME's training ink of about the same length, to be looked at: can you
tell which is which? The line at the bottom tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core_model.errors import DataError, FormulensError, LatexError
from core_model.ink import Ink
from core_model.strokes import RasterOptions, rasterize
from trainer.data.crohme import Expression, read_expressions, set_path
from trainer.data.pen_form import pen_form
from trainer.data.symbol_bank import SymbolBank
from trainer.data.synth_ink import synthesize

Grey = NDArray[np.uint8]

_COLUMN = 620  # px
_GAP = 14
_RASTER = RasterOptions(height=24.0, margin=4)
_TRIES = 400  # formulas tried for one that can be written


@dataclass(frozen=True)
class Options:
    """Draw a page of synthetic and real handwriting."""

    data: Path
    """Folder that holds crohme/ and detexify/."""
    out: Path
    """The page, a PNG file."""
    count: int = 12
    """Pairs on the page."""
    seed: int = 1
    """Which expressions are shown, and who writes the synthetic ones."""
    crohme: bool = True
    """Whether synthetic ink may use symbols cut from CROHME (--no-crohme: Detexify and our own shapes alone)."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 100:
            raise ValueError(f"count must lie in 1..100, not {self.count}")


def main(options: Options) -> int:
    expressions = list(read_expressions(set_path(options.data, "train_2014")))
    bank = SymbolBank.load(options.data, options.crohme)
    pairs = choose(expressions, bank, options.count, np.random.default_rng(options.seed))
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        page(pairs).save(options.out)
    except (OSError, ValueError) as error:
        raise FormulensError(f"The page cannot be written to {options.out} ({error}). Give a .png file.") from error
    print(f"{len(pairs)} pairs on {options.out}")
    return 0


@dataclass(frozen=True)
class Pair:
    """One line of the page; ``synthetic_first``: the synthetic ink stands on the left."""

    real: Ink
    synthetic: Ink
    synthetic_first: bool


def choose(expressions: list[Expression], bank: SymbolBank, count: int, rng: np.random.Generator) -> list[Pair]:
    """Real inks drawn at random, each with synthetic ink of another expression that is about as long.

    Raises DataError if too few expressions can be written.
    """
    by_length = sorted(expressions, key=lambda expression: len(expression.symbols))
    pairs: list[Pair] = []
    for _ in range(_TRIES):
        place = int(rng.integers(len(by_length)))
        other = min(max(place + int(rng.integers(-40, 41)), 0), len(by_length) - 1)
        try:
            truth = " ".join(pen_form(by_length[other].truth))
        except LatexError:
            continue
        ink = synthesize(truth, bank, rng)
        if ink is not None:
            pairs.append(Pair(by_length[place].ink, ink, bool(rng.random() < 0.5)))
        if len(pairs) == count:
            return pairs
    raise DataError(f"Only {len(pairs)} of {_TRIES} expressions could be written. Is the data folder complete?")


def page(pairs: list[Pair]) -> Image.Image:
    """The pairs below each other in two columns, numbered; the last line tells which are synthetic."""
    rows = []
    for pair in pairs:
        inks = (pair.synthetic, pair.real) if pair.synthetic_first else (pair.real, pair.synthetic)
        rows.append([_fitted(rasterize(ink, _RASTER)) for ink in inks])
    heights = [max(picture.shape[0] for picture in row) + _GAP for row in rows]
    out = Image.new("L", (2 * _COLUMN + 40, sum(heights) + 40), 255)
    draw = ImageDraw.Draw(out)
    y = 0
    for number, (row, height) in enumerate(zip(rows, heights, strict=True), start=1):
        draw.text((4, y + 4), str(number), fill=120)
        for column, picture in enumerate(row):
            out.paste(Image.fromarray(picture), (40 + column * _COLUMN, y))
        y += height
        draw.line([(0, y - _GAP // 2), (out.width, y - _GAP // 2)], fill=225)
    sides = [f"{number} {'left' if pair.synthetic_first else 'right'}" for number, pair in enumerate(pairs, start=1)]
    draw.text((4, y + 8), "Synthetic: " + ", ".join(sides), fill=120)
    return out


def _fitted(picture: Grey) -> Grey:
    """The picture, shrunk if it is wider than a column."""
    height, width = picture.shape
    if width <= _COLUMN - _GAP:
        return picture
    scale = (_COLUMN - _GAP) / width
    small = Image.fromarray(picture).resize((_COLUMN - _GAP, max(1, round(height * scale))), Image.Resampling.BOX)
    return np.asarray(small)
