"""CROHME's ink as sets for ``trainer evaluate``, and what its figures alone do not tell: where the mistakes are.

``crohme-2012`` is the validation set, without the items whose ink is in training; ``crohme-2014`` and ``crohme-2016``
are the tests, and nothing may be chosen on them. ``crohme-photos`` holds some inks of the validation set twice: as they
are drawn for the model, and as a photograph of them on paper might look.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from core_model.errors import DataError
from core_model.ink import Ink
from core_model.strokes import rasterize
from trainer.data.crohme import VALIDATION_SET, Expression, read_expressions, set_path
from trainer.data.paper import PaperOptions, on_paper
from trainer.evaluation_sets import EvaluationSet, Item, skeleton_of
from trainer.ink_truth import STRUCTURES, standard_tokens, structures_of
from trainer.metrics import expression_rate
from trainer.reading import Reading
from trainer.scoring import groups_of, predicted

__all__ = ["INK_SETS", "Breakdown", "Share", "break_down", "load_ink_set"]

PHOTOS = "crohme-photos"
INK_SETS = {
    "crohme-2012": VALIDATION_SET,
    "crohme-2014": "test_2014",
    "crohme-2016": "test_2016",
    PHOTOS: VALIDATION_SET,
}
"""Name of a set -> the file of its ink."""
LENGTHS = (5, 10, 20, 30, 40, 60)
"""Upper ends of the bins of length, in standard tokens of the truth."""
CONFUSIONS = 25
"""How many of the most frequent confusions are kept."""
PAPER = PaperOptions(kind="photo", lines="ruled", shadow=(0.15, 0.45))
"""The paper of ``crohme-photos``: with shadow, rule lines and perspective every time."""

_CHOICE = 2026  # seed of the inks that are photographed

Tokens = Sequence[str]


@dataclass(frozen=True)
class Share:
    """ExpRate of some of the expressions, in percent: read without, with at most 1, and with at most 2 token errors."""

    name: str
    count: int
    exact: float
    errors_1: float
    errors_2: float


@dataclass(frozen=True)
class Breakdown:
    """The readings of one set or group by length and structure of the truth, and the most frequent confusions.

    ``confusions``: token of the truth, token read, how often; an empty token stands for one too many or missing.
    """

    group: str
    lengths: tuple[Share, ...]
    structures: tuple[Share, ...]
    confusions: tuple[tuple[str, str, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def load_ink_set(name: str, data: Path, *, limit: int | None = None, photos: int = 50) -> EvaluationSet:
    """Read one of `INK_SETS` below the data folder.

    The truth is the standard one (``gt_tokens``) where the file has it, else the annotation. Raises DataError if the
    file is missing or damaged, or the name is unknown.
    """
    if name not in INK_SETS:
        raise DataError(f"unknown set of ink {name!r}: choose from {', '.join(INK_SETS)}")
    path = set_path(data, INK_SETS[name])
    expressions = list(read_expressions(path))
    kept = [expression for expression in expressions if expression.in_train is None]
    truth = "gt_tokens" if any(expression.gt_tokens for expression in kept) else "annotation"
    if name == PHOTOS:
        kept = random.Random(_CHOICE).sample(kept, min(photos, len(kept)))
    kept = kept[:limit]
    items = [_item(expression) for expression in kept]
    drawing = "ink drawn by `strokes.rasterize`"
    if name == PHOTOS:
        drawing += "; the same on made-up photographs of paper"
        items = [
            *(_varied(item, "clean", item.draw) for item in items),
            *(_varied(item, "photo", partial(_photo, one.ink)) for item, one in zip(items, kept, strict=True)),
        ]
    return EvaluationSet(
        name,
        f"crohme/{path.name}, {truth}",
        tuple(items),
        drawing,
        len(expressions) - sum(expression.in_train is None for expression in expressions),
        "the same ink is in a training set",
        ("skeleton", "standard"),
        whole=name != PHOTOS,
    )


def break_down(chosen: EvaluationSet, readings: Sequence[Reading]) -> list[Breakdown]:
    """By group, where the mistakes of the readings are; everything in standard tokens."""
    found = []
    for group in groups_of(chosen):
        rows = [row for row, item in enumerate(chosen.items) if group in ("", item.group)]
        truths = [chosen.items[row].standard for row in rows]
        predictions = [predicted(readings[row], "standard") for row in rows]
        bins = [_bin(len(truth)) for truth in truths]
        kinds = [structures_of(truth) for truth in truths]
        found.append(
            Breakdown(
                group,
                _shares(predictions, truths, [{name} for name in bins], [_bin(end) for end in (*LENGTHS, 10**9)]),
                _shares(predictions, truths, kinds, STRUCTURES),
                confusions(predictions, truths),
            )
        )
    return found


def confusions(predictions: Sequence[Tokens], truths: Sequence[Tokens]) -> tuple[tuple[str, str, int], ...]:
    """The most frequent differences of the best alignments: (token of the truth, token read, how often)."""
    counts: Counter[tuple[str, str]] = Counter()
    for prediction, truth in zip(predictions, truths, strict=True):
        for edit in Levenshtein.editops(truth, prediction):
            counts[
                truth[edit.src_pos] if edit.tag != "insert" else "",
                prediction[edit.dest_pos] if edit.tag != "delete" else "",
            ] += 1
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((*pair, count) for pair, count in ranked[:CONFUSIONS])


def _item(expression: Expression) -> Item:
    label = expression.truth
    skeleton = skeleton_of(label)
    truth = tuple(label.split()) if skeleton is None else skeleton
    standard = tuple(expression.gt_tokens.split()) or standard_tokens(truth)
    draw = partial(rasterize, expression.ink)
    return Item(expression.ink.identifier, label, truth, skeleton is not None, draw=draw, standard=standard)


def _varied(item: Item, group: str, draw: Any) -> Item:
    return Item(f"{item.key} {group}", item.label, item.truth, item.parsed, None, group, draw, item.standard)


def _photo(ink: Ink) -> NDArray[np.uint8]:
    """Always the same photograph of an ink."""
    return on_paper(rasterize(ink), np.random.default_rng(zlib.crc32(ink.identifier.encode())), PAPER)


def _bin(length: int) -> str:
    low = 1
    for high in LENGTHS:
        if length <= high:
            return f"{low} to {high}"
        low = high + 1
    return f"{low} and more"


def _shares(
    predictions: Sequence[Tokens], truths: Sequence[Tokens], kinds: Sequence[Any], names: Sequence[str]
) -> tuple[Share, ...]:
    """ExpRate of the pairs of each kind, without kinds that do not occur."""
    shares = []
    for name in names:
        rows = [row for row, kind in enumerate(kinds) if name in kind]
        if rows:
            read, true = [predictions[row] for row in rows], [truths[row] for row in rows]
            rates = (expression_rate(read, true, errors) for errors in (0, 1, 2))
            shares.append(Share(name, len(rows), *rates))
    return tuple(shares)
