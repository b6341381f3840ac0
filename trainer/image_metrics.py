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


def compare(truth: Picture, prediction: Picture | None) -> PairScore:
    """Score one pair of grey pictures; ``None`` = the prediction does not render, which is wrong in every respect."""
    ink = binarise(truth)
    if prediction is None:
        return PairScore(ink.shape[1], ink.shape[1], False, False, False, rendered=False)
    other = binarise(prediction)
    width = max(ink.shape[1], other.shape[1])
    if np.array_equal(ink, other):
        return PairScore(0, width, True, True, True, rendered=True)
    first, second = _columns(ink, other)
    distance = _exact_distance(first, second)
    return PairScore(
        distance,
        width,
        lenient_match(ink, other),
        lenient_match(ink, other, whitespace=False),
        strict_match(ink, other),
        rendered=True,
    )


def lenient_match(truth: Ink, prediction: Ink, *, whitespace: bool = True) -> bool:
    """Deng et al.'s "exact image match": no edit covers five or more truth columns, near-equal columns being equal.

    ``whitespace=False`` drops blank columns first. Pictures of unequal height are padded at the bottom.
    """
    first, second = _columns(truth, prediction)
    if not whitespace:
        first, second = first[first.any(axis=1)], second[second.any(axis=1)]
    if not len(first) or not len(second):
        return len(first) == len(second)
    left, right = _symbols(first, second)
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


def _columns(first: Ink, second: Ink) -> tuple[Ink, Ink]:
    """Both masks as rows of columns ``[w, h]``, the lower picture padded with white at the bottom."""
    height = max(first.shape[0], second.shape[0])
    padded = [np.pad(ink, ((0, height - ink.shape[0]), (0, 0))).T for ink in (first, second)]
    return padded[0], padded[1]


def _exact_distance(first: Ink, second: Ink) -> int:
    """Levenshtein distance of two column sequences where only equal columns are equal."""
    packed = [np.packbits(columns, axis=1) for columns in (first, second)]
    return Levenshtein.distance(*([row.tobytes() for row in rows] for rows in packed))


def _symbols(first: Ink, second: Ink) -> tuple[list[int], list[int]]:
    """Number the columns so that near-equal ones share a number.

    As in the original, a new column joins the *first* earlier one that it is close to, so the numbering depends on
    the order: truth first, from left to right. Only columns that began a number are compared with.
    """
    both = np.concatenate([first, second])
    _, index, inverse = np.unique(np.packbits(both, axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(index)  # distinct columns by first appearance
    distinct = both[index[order]].astype(np.float32)  # [n, h]
    ink = distinct.sum(axis=1)
    differ = ink[:, None] + ink[None, :] - 2.0 * (distinct @ distinct.T)  # Hamming distances [n, n]
    near = differ < SAME_COLUMN
    leader = np.zeros(len(distinct), dtype=np.bool_)
    number = np.empty(len(distinct), dtype=np.int64)
    for i in range(len(distinct)):
        known = np.flatnonzero(near[i, :i] & leader[:i])
        if known.size:
            number[i] = number[known[0]]
        else:
            leader[i] = True
            number[i] = i
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    codes = number[rank[inverse.reshape(-1)]].tolist()
    return codes[: len(first)], codes[len(first) :]
