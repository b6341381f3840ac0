"""Single handwritten symbols for `symbol-cnn`: cut from CROHME's expressions, and Detexify's drawings.

Which part an ink belongs to follows from its place in its file alone: a tenth of CROHME's training expressions is
validation; of Detexify's drawings a twentieth is the test and a fortieth validation.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core_model.ink import Ink, Stroke
from core_model.symbol_ink import command_of
from trainer.data.crohme import TRAINING_SETS, read_expressions, set_path
from trainer.data.detexify import drawings_path, read_drawings
from trainer.data.ink_augment import InkAugmentOptions, augment_ink

__all__ = [
    "Part",
    "Sampler",
    "SymbolSample",
    "crohme_symbols",
    "crohme_test_symbols",
    "detexify_part",
    "detexify_symbols",
    "varied",
]

Part = Literal["train", "validation", "test"]
Values = NDArray[np.float64]

_CLOSEST = 1 / 70  # of the extent: points nearer to each other tell nothing at the size of the picture
_HANDS = InkAugmentOptions(rotate_degrees=5.0, pressure_chance=0.0)
_BACKWARDS = 0.1  # of the strokes
_REORDERED = 0.15  # of the symbols with several


@dataclass(frozen=True)
class SymbolSample:
    """A drawn symbol. ``ink.latex`` is its class, as `core_model.symbol_ink.command_of` names it."""

    ink: Ink
    source: Literal["crohme", "detexify"]
    part: Part


def crohme_symbols(data: Path) -> Iterator[SymbolSample]:
    """The symbols of CROHME's training expressions, for training and validation. Raises DataError."""
    for name in TRAINING_SETS:
        for place, expression in enumerate(read_expressions(set_path(data, name))):
            part: Part = "validation" if _share(f"crohme/{name}/{place}") < 0.1 else "train"
            for label, strokes in expression.symbols:
                if strokes:
                    yield _sample([expression.ink.strokes[index] for index in strokes], label, "crohme", part)


def crohme_test_symbols(data: Path, name: str) -> Iterator[SymbolSample]:
    """The symbols of a CROHME test set, as segmented there. Raises DataError."""
    for expression in read_expressions(set_path(data, name)):
        for label, strokes in expression.symbols:
            if strokes:
                yield _sample([expression.ink.strokes[index] for index in strokes], label, "crohme", "test")


def detexify_symbols(data: Path) -> Iterator[SymbolSample]:
    """Detexify's drawings, all parts. Raises DataError."""
    for place, drawing in enumerate(read_drawings(drawings_path(data))):
        # Dashes are named \-- and \--- there: the backslash is no part of the command.
        symbol = drawing.symbol.removeprefix("\\") if drawing.symbol.startswith("\\--") else drawing.symbol
        yield _sample(drawing.ink.strokes, symbol, "detexify", detexify_part(place))


def detexify_part(place: int) -> Part:
    """What the drawing at a place in Detexify's file serves for."""
    share = _share(f"detexify/{place}")
    return "test" if share < 0.05 else "validation" if share < 0.075 else "train"


def _share(key: str) -> float:
    """A number in 0..1 that is the same for a key everywhere and always."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) / 2**64


_names: dict[str, str] = {}


def _sample(strokes: Iterable[Stroke], label: str, source: Literal["crohme", "detexify"], part: Part) -> SymbolSample:
    if label not in _names:
        _names[label] = command_of(label)
    return SymbolSample(Ink(_thinned([stroke.points for stroke in strokes]), _names[label]), source, part)


def _thinned(lines: list[Values]) -> tuple[Stroke, ...]:
    """Strokes without pressure and without points that lie closer together than the picture shows."""
    everything = np.concatenate(lines)
    least = float(np.ptp(everything, axis=0).max()) * _CLOSEST
    strokes = []
    for points in lines:
        along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))))
        if least > 0 and along[-1] > 0:
            steps = np.floor(along / least)
            kept = np.concatenate(([True], steps[1:] > steps[:-1]))
            kept[-1] = True
            points = points[kept]
        strokes.append(Stroke(points))
    return tuple(strokes)


class Sampler:
    """Draws training samples, a class with n drawings n ** (balance - 1) times as often per drawing.

    ``balance`` 1 leaves the classes as frequent as they are, 0 makes all equally frequent.
    """

    def __init__(self, labels: NDArray[np.int64], classes: int, balance: float) -> None:
        counts = np.bincount(labels, minlength=classes)
        weights = np.where(counts > 0, np.maximum(counts, 1.0) ** balance, 0.0)
        self.share = weights / weights.sum()
        """How often each class is drawn."""
        self._order = np.argsort(labels, kind="stable")
        self._ends = np.cumsum(counts)
        self._counts = counts

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Indices of ``count`` samples, with replacement."""
        chosen = rng.choice(len(self.share), count, p=self.share)
        within = np.floor(rng.random(count) * self._counts[chosen]).astype(np.int64)
        places: NDArray[np.int64] = self._order[self._ends[chosen] - self._counts[chosen] + within]
        return places


def varied(ink: Ink, rng: np.random.Generator) -> Ink:
    """The same symbol as another hand might draw it, at times in another order or direction of its strokes.

    A pure function of its arguments.
    """
    strokes = list(augment_ink(ink, _HANDS, rng)[0].strokes)
    backwards = rng.random(len(strokes)) < _BACKWARDS
    strokes = [Stroke(one.points[::-1]) if back else one for one, back in zip(strokes, backwards, strict=True)]
    if len(strokes) > 1 and rng.random() < _REORDERED:
        strokes = [strokes[place] for place in rng.permutation(len(strokes))]
    return Ink(tuple(strokes), ink.latex)
