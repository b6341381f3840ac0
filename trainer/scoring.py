"""Predictions against truths: one frozen ``Score`` for a set, or a group of it, read in one decode mode."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from tqdm import tqdm

from trainer.calibration import Calibration, calibrate
from trainer.data.shards import decode_png
from trainer.evaluation_sets import EvaluationSet, Item, printable
from trainer.image_metrics import ImageMetrics, PairScore, compare, image_metrics
from trainer.ink_truth import standard_tokens
from trainer.metrics import TextMetrics, text_metrics
from trainer.picture_cache import PictureCache
from trainer.reading import Reading

__all__ = ["Score", "groups_of", "predicted", "score_images", "score_set"]

_CHUNK = 50

Pair = tuple[bytes, bytes | None]


@dataclass(frozen=True)
class Score:
    """Figures of one set in one decode mode. ``text`` and ``image`` are by column: ``published`` and ``skeleton``, of
    ink ``skeleton`` and ``standard``.

    ``images`` say what the prediction is compared with: the render of the label as published, or of its skeleton.
    """

    group: str
    count: int
    text: dict[str, TextMetrics]
    image: dict[str, ImageMetrics]
    calibration: Calibration | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "group": self.group,
            "count": self.count,
            "text": {column: figures.as_dict() for column, figures in self.text.items()},
            "image": {column: figures.as_dict() for column, figures in self.image.items()},
            "calibration": None if self.calibration is None else self.calibration.as_dict(),
        }


def score_set(
    chosen: EvaluationSet, readings: Sequence[Reading], images: dict[str, list[PairScore | None]] | None = None
) -> list[Score]:
    """The figures of a whole set, then of each of its groups.

    ``images``: by column, a score for each item (``score_images``), ``None`` where the truth does not render.
    """
    items = chosen.items
    if len(readings) != len(items):
        raise ValueError(f"{len(readings)} readings for {len(items)} items of {chosen.name}")
    scores = []
    for group in groups_of(chosen):
        rows = [i for i, item in enumerate(items) if group in ("", item.group)]
        known = [i for i in rows if readings[i].confidences is not None]
        scores.append(
            Score(
                group=group,
                count=len(rows),
                text={
                    column: text_metrics(
                        [predicted(readings[i], column) for i in rows], [_truth(items[i], column) for i in rows]
                    )
                    for column in chosen.columns
                },
                image={
                    column: image_metrics([pair for i in rows if (pair := pairs[i]) is not None])
                    for column, pairs in (images or {}).items()
                },
                calibration=calibrate(
                    (readings[i].tokens, readings[i].confidences or (), items[i].truth) for i in known
                )
                if known
                else None,
            )
        )
    return scores


def score_images(
    chosen: EvaluationSet, readings: Sequence[Reading], cache: PictureCache, *, workers: int = 1
) -> dict[str, list[PairScore | None]]:
    """Render truths and predictions alike and compare them, by column; ``None`` where a truth does not render."""
    predictions = [" ".join(reading.tokens) for reading in readings]
    columns = {column: [_text(item, column) for item in chosen.items] for column in chosen.columns}
    wanted = [text for texts in columns.values() for text in texts] + predictions
    cache.render((text for text in wanted if text), workers=workers, title=f"rendering {chosen.name}")
    scores: dict[str, list[PairScore | None]] = {}
    for column, truths in columns.items():
        rows: list[int] = []
        pairs: list[Pair] = []
        for i, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
            png = cache.png(truth) if truth else None
            if png is not None:
                rows.append(i)
                pairs.append((png, cache.png(prediction) if prediction else None))
        scores[column] = [None] * len(truths)
        for i, score in zip(rows, compare_pairs(pairs, workers=workers, title=f"comparing ({column})"), strict=True):
            scores[column][i] = score
    return scores


def compare_pairs(pairs: Sequence[Pair], *, workers: int = 1, title: str = "comparing") -> list[PairScore]:
    """Score PNG pairs (truth, prediction), over processes if ``workers`` is above 1."""
    chunks = [pairs[i : i + _CHUNK] for i in range(0, len(pairs), _CHUNK)]
    scores: list[PairScore] = []
    with tqdm(total=len(pairs), desc=title, unit="pair", dynamic_ncols=True) as progress:
        if workers > 1 and len(chunks) > 1:
            # spawn: forking a process whose libraries run threads can dead-lock
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for part in pool.map(_compare_chunk, chunks):
                    scores += part
                    progress.update(len(part))
        else:
            for chunk in chunks:
                scores += _compare_chunk(chunk)
                progress.update(len(chunk))
    return scores


def groups_of(chosen: EvaluationSet) -> tuple[str, ...]:
    """The groups that are reported; the empty name stands for the whole set."""
    return ("", *chosen.groups) if chosen.whole else chosen.groups


def predicted(reading: Reading, column: str) -> Sequence[str]:
    """A reading's tokens as a column has them."""
    return standard_tokens(reading.tokens) if column == "standard" else reading.tokens


def _compare_chunk(pairs: Sequence[Pair]) -> list[PairScore]:
    return [
        compare(decode_png(truth), None if prediction is None else decode_png(prediction))
        for truth, prediction in pairs
    ]


def _truth(item: Item, column: str) -> list[str]:
    if column == "standard":
        return list(item.standard)
    return item.label.split() if column == "published" else list(item.truth)


def _text(item: Item, column: str) -> str:
    return printable(item.label) if column == "published" else " ".join(item.truth)
