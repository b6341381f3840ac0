"""Drawn symbols for synthetic handwriting: by symbol and by the hand that drew them.

They come from Detexify, from CROHME's training expressions (cut out by the annotated groups), and, for letters and
signs that are in neither, from the shapes of `trainer.data.letter_shapes`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core_model.latex.symbols import SYNONYMS
from trainer.data.crohme import TRAINING_SETS, Expression, read_expressions, set_path
from trainer.data.detexify import drawings_path, read_drawings
from trainer.data.letter_shapes import SHAPES, shape_strokes
from trainer.data.symbols import detexify_part

Values = NDArray[np.float64]

RULE: Final = "rule"
"""Not a LaTeX symbol: the long lines of fractions."""
RADICAL: Final = "\\sqrt"

_CLOSEST = 1 / 40  # of the symbol's larger side: points nearer to each other add nothing to its look
_SHAPES_HAND = "shapes"
_ALPHABET = re.compile(r"\\(?:mathds|mathbbm|mathbb)\{(\w)\}$")
_LABELS = {"COMMA": ",", "\\sqrt{}": RADICAL, "\\lbrack": "[", "\\rbrack": "]"}
_FORM = re.compile(r"(.+?)(?:-equation\d+|_sub_\d+|-\d+)$")
_NUMBERED = re.compile(r"(\D+)(\d+)$")
_NAMED = re.compile(r"\d+_([A-Za-z]+\d*)$")
_NEIGHBOURS = 4  # expressions of MfrDB that follow each other and count as one hand
_MOST_DRAWINGS = 4000  # of one symbol; more would only take memory


@dataclass(frozen=True)
class Sample:
    """One drawing of a symbol. ``strokes``: arrays [n, 2], any unit, y downwards; ``hand``: who drew it, "" unknown."""

    symbol: str
    strokes: Sequence[NDArray[np.floating]]
    hand: str = ""


class SymbolBank:
    """Drawings of symbols in compact arrays: the larger side of each is 1, its top left corner the origin."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        points, stroke_lengths, strokes_of, symbols, hands = [], [], [], [], []
        for sample in _usual(samples):
            strokes = _normalised(sample.strokes)
            points += strokes
            stroke_lengths += [len(stroke) for stroke in strokes]
            strokes_of.append(len(strokes))
            symbols.append(sample.symbol)
            hands.append(sample.hand)
        self._points = np.concatenate(points) if points else np.zeros((0, 2), np.float32)
        self._lengths, self._strokes_of = np.array(stroke_lengths, np.int32), np.array(strokes_of, np.int32)
        self._ends = np.cumsum(self._lengths, dtype=np.int64)
        self._last_stroke = np.cumsum(self._strokes_of, dtype=np.int64)
        self._by_symbol: dict[str, list[int]] = {}
        self._by_hand: dict[str, dict[str, list[int]]] = {}
        for index, (symbol, hand) in enumerate(zip(symbols, hands, strict=True)):
            self._by_symbol.setdefault(symbol, []).append(index)
            if hand:
                self._by_hand.setdefault(hand, {}).setdefault(symbol, []).append(index)
        self.hands: tuple[str, ...] = tuple(self._by_hand)

    @classmethod
    def load(cls, data: Path, crohme: bool = True) -> SymbolBank:
        """Cut the bank from the data folder that holds ``detexify/`` and ``crohme/``: about twenty seconds.

        Without ``crohme`` no ink of CROHME is used; letters and digits are then those of `letter_shapes`. Raises
        DataError if a file is missing or broken.
        """
        samples = list(_detexify(drawings_path(data)))
        if crohme:
            for name in TRAINING_SETS:
                for expression in read_expressions(set_path(data, name)):
                    samples += _cut(expression)
        drawn = {sample.symbol for sample in samples}
        samples += [
            Sample(symbol, shape_strokes(shape), _SHAPES_HAND)
            for symbol, shapes in SHAPES.items()
            if symbol not in drawn
            for shape in shapes
        ]
        return cls(samples)

    def __len__(self) -> int:
        return len(self._strokes_of)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._by_symbol

    @property
    def symbols(self) -> frozenset[str]:
        return frozenset(self._by_symbol)

    def of_hand(self, hand: str, symbol: str) -> list[int]:
        """The drawings of a symbol by one hand; empty if it drew none."""
        return self._by_hand.get(hand, {}).get(symbol, [])

    def of_symbol(self, symbol: str) -> list[int]:
        """All drawings of a symbol; empty for an unknown one."""
        return self._by_symbol.get(symbol, [])

    def covered(self, hand: str, symbols: Iterable[str]) -> int:
        """How many of the symbols a hand has drawn."""
        drawn = self._by_hand.get(hand, {})
        return sum(symbol in drawn for symbol in symbols)

    def strokes(self, drawing: int) -> list[Values]:
        """The strokes of a drawing as new arrays [n, 2], y downwards: the larger side is 1, the top left 0, 0."""
        end = int(self._last_stroke[drawing])
        begin = end - int(self._strokes_of[drawing])
        first = int(self._ends[begin] - self._lengths[begin])
        points = self._points[first : int(self._ends[end - 1])].astype(np.float64)
        return np.split(points, self._ends[begin : end - 1] - first)


def hand_of(source: str, identifier: str) -> str:
    """Who probably wrote an expression of CROHME's training set, from the name of its file.

    HAMEX has a form for each writer, KAIST and MathBrush a session, expressmatch the name of the writer; in MfrDB
    neighbours in number share one.
    """
    if named := _NAMED.match(identifier):
        return f"{source}/{named[1]}"
    if form := _FORM.match(identifier):
        return f"{source}/{form[1]}"
    if numbered := _NUMBERED.match(identifier):
        return f"{source}/{numbered[1]}{int(numbered[2]) // _NEIGHBOURS}"
    return f"{source}/{identifier}"


def _detexify(path: Path) -> Iterator[Sample]:
    """The drawings that a classifier of symbols is trained on: not those it is tested on, for it may begin with the
    encoder of a model that saw synthetic ink.
    """
    for place, drawing in enumerate(read_drawings(path)):
        if detexify_part(place) != "train":
            continue
        symbol = _ALPHABET.sub(r"\\mathbb{\1}", drawing.symbol)
        if drawing.mode != "text":
            symbol = _LABELS.get(symbol, SYNONYMS.get(symbol, symbol))
            yield Sample(symbol, [stroke.points for stroke in drawing.ink.strokes])


def _cut(expression: Expression) -> Iterator[Sample]:
    """The symbols of an expression. Minus signs and the lines of fractions have one label there: length parts them."""
    hand = hand_of(expression.source, expression.ink.identifier)
    strokes = [stroke.points for stroke in expression.ink.strokes]
    symbols = [(label, indices) for label, indices in expression.symbols if indices]
    sizes = [_size([strokes[i] for i in indices]) for _, indices in symbols]
    heights = [
        size[1] / 1.3 for (label, _), size in zip(symbols, sizes, strict=True) if len(label) == 1 and label.isalnum()
    ]
    unit = float(np.median(heights)) if heights else 0.0
    for (label, indices), size in zip(symbols, sizes, strict=True):
        symbol = _LABELS.get(label, SYNONYMS.get(label, label))
        if symbol == "-":
            if not unit or 1.6 * unit < size[0] < 2.4 * unit:
                continue
            symbol = RULE if size[0] >= 2.4 * unit else "-"
        yield Sample(symbol, [strokes[i] for i in indices], hand)


def _usual(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Leave out drawings that differ much from the others of their symbol: in aspect, or in the number of strokes."""
    by_symbol: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_symbol[sample.symbol].append(sample)
    for group in by_symbol.values():
        group = group[:: -(-len(group) // _MOST_DRAWINGS)]
        if len(group) < 5:
            yield from group
            continue
        counts = np.array([min(len(sample.strokes), 9) for sample in group])
        sizes = np.array([_size(sample.strokes) for sample in group])
        largest = np.maximum(sizes.max(axis=1, keepdims=True), 1e-9)
        aspect = np.diff(np.log(np.maximum(sizes / largest, 0.08)), axis=1)[:, 0]
        away = np.abs(aspect - np.median(aspect))
        usual = away <= 3.0 * float(np.median(away)) + 0.15
        usual &= np.bincount(counts)[counts] >= 0.04 * len(group)
        yield from (sample for sample, keep in zip(group, usual, strict=True) if keep)


def _normalised(strokes: Sequence[NDArray[np.floating]]) -> list[NDArray[np.float32]]:
    points = strokes[0] if len(strokes) == 1 else np.concatenate(strokes)
    low = points.min(axis=0)
    points = (points - low) / max(float((points.max(axis=0) - low).max()), 1e-9)
    ends = np.cumsum([len(stroke) for stroke in strokes])
    steps = np.diff(points, axis=0, prepend=points[:1])
    passed = np.floor(np.cumsum(np.hypot(steps[:, 0], steps[:, 1])) / _CLOSEST)
    keep = np.diff(passed, prepend=-1.0) > 0
    keep[ends - 1] = True
    keep[ends[:-1]] = True
    kept = np.cumsum(keep)[ends - 1]
    return np.split(points[keep].astype(np.float32), kept[:-1])


def _size(strokes: Sequence[NDArray[np.floating]]) -> NDArray[np.floating]:
    """Width and height."""
    points = strokes[0] if len(strokes) == 1 else np.concatenate(strokes)
    size: NDArray[np.floating] = points.max(axis=0) - points.min(axis=0)
    return size
