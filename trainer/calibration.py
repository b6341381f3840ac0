"""Does the confidence of a token tell whether the token is right?

Correctness of a token is taken from the best alignment of the predicted with the true tokens: a predicted token that
the alignment leaves equal is right, a replaced or superfluous one is wrong. Missing tokens have no confidence and do
not take part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

__all__ = ["Calibration", "area_under_roc", "calibrate", "correct_tokens", "expected_calibration_error"]

BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True)
class Calibration:
    """``auroc`` and ``ece`` are in 0..1; AUROC is ``None`` where all tokens are right, or all wrong."""

    tokens: int
    accuracy: float
    mean_confidence: float
    auroc: float | None
    ece: float

    def as_dict(self) -> dict[str, float | None]:
        """Field names to figures, as the JSON of an evaluation holds them."""
        return asdict(self)


def correct_tokens(prediction: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """One flag for every predicted token: does it stand in the truth at its place of the alignment?"""
    right = [False] * len(prediction)
    for op in Levenshtein.opcodes(prediction, truth):
        if op.tag == "equal":
            right[op.src_start : op.src_end] = [True] * (op.src_end - op.src_start)
    return right


def area_under_roc(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float | None:
    """Chance that a right token is more confident than a wrong one, ties half (Mann-Whitney U by mid-ranks)."""
    scores = np.asarray(confidence, dtype=np.float64)
    flags = np.asarray(correct, dtype=np.bool_)
    right, wrong = int(flags.sum()), int((~flags).sum())
    if not right or not wrong:
        return None
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[inverse]
    return float((ranks[flags].sum() - right * (right + 1) / 2.0) / (right * wrong))


def expected_calibration_error(confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = BINS) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their counts (Guo et al. 2017)."""
    scores = np.asarray(confidence, dtype=np.float64)
    flags = np.asarray(correct, dtype=np.float64)
    if not scores.size:
        return 0.0
    place = np.clip((scores * bins).astype(np.int64), 0, bins - 1)
    gap = np.bincount(place, weights=flags - scores, minlength=bins)
    return float(np.abs(gap).sum() / scores.size)


def calibrate(items: Iterable[tuple[Sequence[str], Sequence[float], Sequence[str]]]) -> Calibration:
    """Figures over ``(predicted tokens, their confidences, true tokens)``.

    Raises ``ValueError`` if an item has not exactly one confidence for each predicted token.
    """
    scores: list[float] = []
    flags: list[bool] = []
    for prediction, confidence, truth in items:
        if len(confidence) != len(prediction):
            raise ValueError(f"{len(confidence)} confidences for {len(prediction)} tokens")
        scores.extend(confidence)
        flags.extend(correct_tokens(prediction, truth))
    count = len(scores)
    return Calibration(
        tokens=count,
        accuracy=sum(flags) / count if count else 0.0,
        mean_confidence=sum(scores) / count if count else 0.0,
        auroc=area_under_roc(scores, flags),
        ece=expected_calibration_error(scores, flags),
    )
