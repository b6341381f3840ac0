"""Image metrics: does the predicted formula print what the true one prints?

Both sides are rendered alike (by the caller), then binarised at 128 and cropped to their ink. The edit score and the
lenient match are those of Deng et al. 2017 ("Image-to-Markup Generation with Coarse-to-Fine Attention"), as their
evaluation script computes them; the strict match is ours. Publish both: the lenient rule never counts *inserted*
columns, since an edit weighs by the columns of the truth that it covers, so ``x`` matches ``x + y`` in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

__all__ = ["ImageMetrics", "PairScore", "binarise", "compare", "image_metrics", "lenient_match", "strict_match"]

Picture = npt.NDArray[np.uint8]
Ink = npt.NDArray[np.bool_]

SAME_COLUMN = 5  # columns that differ in fewer pixels are one symbol
FORGIVEN = 5  # edits that cover fewer columns of the truth are ignored
SHIFT = 2  # pixels, strict match


@dataclass(frozen=True)
class PairScore:
    """One prediction against its truth. ``distance`` and ``width`` are in columns (pixels)."""

    distance: int
    width: int
    lenient: bool
    lenient_without_space: bool
    strict: bool
    rendered: bool


@dataclass(frozen=True)
class ImageMetrics:
    """Corpus figures in percent, except ``count`` (pairs whose truth renders, the base of every share)."""

    count: int
    edit: float
    lenient: float
    lenient_without_space: float
    strict: float
    renders: float

    def as_dict(self) -> dict[str, float]:
        """Field names to figures, as the JSON of an evaluation holds them."""
        return asdict(self)


def binarise(picture: Picture) -> Ink:
    """Grey ``[h, w]`` (dark ink on white) -> ink mask cropped to its ink, ``[0, 0]`` if there is none."""
    ink: Ink = picture <= 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if rows.size == 0:
        return np.zeros((0, 0), dtype=np.bool_)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass(frozen=True)
class _Pair:
    """Two pictures as columns: ``first`` and ``second`` number the distinct columns by first appearance, truth first.

    ``near[i]`` has bit j set where the distinct columns i and j differ in fewer than ``SAME_COLUMN`` pixels; ``blank``
    is the number of the column without ink, if there is one.
    """

    first: list[int]
    second: list[int]
    near: list[int]
    blank: int | None

    @classmethod
    def of(cls, truth: Ink, prediction: Ink) -> _Pair:
        """From two ink masks; the lower picture is padded with white at the bottom."""
        height = max(truth.shape[0], prediction.shape[0])
        padded = [np.pad(ink, ((0, height - ink.shape[0]), (0, 0))) for ink in (truth, prediction)]
        columns = np.concatenate(padded, axis=1).T  # [w1 + w2, h]
        known: dict[bytes, int] = {}
        numbers = [known.setdefault(row.tobytes(), len(known)) for row in np.packbits(columns, axis=1)]
        index = np.zeros(len(known), dtype=np.int64)
        index[numbers[::-1]] = np.arange(len(numbers))[::-1]  # the first appearance is written last
        distinct = columns[index].astype(np.float32)  # [n, h]
        ink = distinct.sum(axis=1)
        differ = (ink[:, None] + ink[None, :]) - 2.0 * (distinct @ distinct.T)  # Hamming distances [n, n]
        near = [int.from_bytes(row.tobytes(), "little") for row in np.packbits(differ < SAME_COLUMN, 1, "little")]
        blanks = np.flatnonzero(ink == 0)
        width = truth.shape[1]
        return cls(numbers[:width], numbers[width:], near, int(blanks[0]) if blanks.size else None)

    def symbols(self, *, whitespace: bool) -> tuple[list[int], list[int]]:
        """Both sequences with near-equal columns under one number, blank columns left out if asked for.

        As in the original, a new column joins the *first* earlier one that it is close to, so the numbering depends on
        the order: truth first, from left to right. Only columns that began a number are compared with.
        """
        dropped = None if whitespace else self.blank
        leaders = 0
        symbol = [0] * len(self.near)
        for i, near in enumerate(self.near):
            if i == dropped:
                continue
            close = near & leaders
            if close:
                symbol[i] = (close & -close).bit_length() - 1
            else:
                leaders |= 1 << i
                symbol[i] = i
        return [symbol[i] for i in self.first if i != dropped], [symbol[i] for i in self.second if i != dropped]


def compare(truth: Picture, prediction: Picture | None) -> PairScore:
    """Score one pair of grey pictures; ``None`` = the prediction does not render, which is wrong in every respect."""
    ink = binarise(truth)
    if prediction is None:
        return PairScore(ink.shape[1], ink.shape[1], False, False, False, rendered=False)
    other = binarise(prediction)
    width = max(ink.shape[1], other.shape[1])
    if np.array_equal(ink, other):
        return PairScore(0, width, True, True, True, rendered=True)
    pair = _Pair.of(ink, other)
    return PairScore(
        Levenshtein.distance(pair.first, pair.second),
        width,
        _lenient(pair, whitespace=True),
        _lenient(pair, whitespace=False),
        strict_match(ink, other),
        rendered=True,
    )


def lenient_match(truth: Ink, prediction: Ink, *, whitespace: bool = True) -> bool:
    """Deng et al.'s "exact image match": no edit covers five or more truth columns, near-equal columns being equal.

    ``whitespace=False`` drops blank columns first. Pictures of unequal height are padded at the bottom.
    """
    return _lenient(_Pair.of(truth, prediction), whitespace=whitespace)


def _lenient(pair: _Pair, *, whitespace: bool) -> bool:
    left, right = pair.symbols(whitespace=whitespace)
    if not left or not right:
        return len(left) == len(right)
    edits = Levenshtein.opcodes(left, right)
    return all(op.tag == "equal" or op.src_end - op.src_start < FORGIVEN for op in edits)


def strict_match(truth: Ink, prediction: Ink, shift: int = SHIFT) -> bool:
    """Equal pictures up to moving one of them as a whole by at most ``shift`` pixels; beyond the edges is white.

    Pictures cropped to their ink can only be equal unmoved.
    """
    if truth.sum() != prediction.sum():
        return False
    height = max(truth.shape[0], prediction.shape[0]) + 2 * shift
    width = max(truth.shape[1], prediction.shape[1]) + 2 * shift
    fixed = np.zeros((height, width), dtype=np.bool_)
    fixed[shift : shift + truth.shape[0], shift : shift + truth.shape[1]] = truth
    for down in range(2 * shift + 1):
        for right in range(2 * shift + 1):
            moved = np.zeros_like(fixed)
            moved[down : down + prediction.shape[0], right : right + prediction.shape[1]] = prediction
            if np.array_equal(fixed, moved):
                return True
    return False


def image_metrics(scores: Sequence[PairScore]) -> ImageMetrics:
    """Sum up pairs: edit is ``1 - sum(lev) / sum(max(width))`` over columns, the rest are shares of the pairs."""
    count = len(scores)
    if not count:
        return ImageMetrics(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    width = sum(score.width for score in scores)

    def share(hits: int) -> float:
        return 100.0 * hits / count

    return ImageMetrics(
        count=count,
        edit=100.0 * (1.0 - sum(score.distance for score in scores) / width) if width else 100.0,
        lenient=share(sum(score.lenient for score in scores)),
        lenient_without_space=share(sum(score.lenient_without_space for score in scores)),
        strict=share(sum(score.strict for score in scores)),
        renders=share(sum(score.rendered for score in scores)),
    )
