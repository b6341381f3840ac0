"""Which pictures come into which batch: length-bucketed, reproducible, and the same for any number of processes.

Training draws rounds: some thousand pictures at random, sorted by size and length, cut into batches, and the batches
shuffled. A round depends on the seed and its number alone, so a run resumes at any batch by its `Position`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core_model.errors import DataError


@dataclass(frozen=True)
class BatchOptions:
    """How batches are cut."""

    batch: int = 48
    """Most pictures in a batch (over all processes)."""
    batch_pixels: int = 1_200_000
    """Most pixels in a batch, padding included (over all processes)."""
    round_batches: int = 64
    """Batches drawn and sorted at a time: more sort better, fewer mix better."""
    curriculum: tuple[tuple[int, int], ...] = ()
    """Pairs TOKENS SAMPLES: only formulas of at most so many tokens until so many samples are seen; ascending."""

    def __post_init__(self) -> None:
        problems = []
        if self.batch < 1 or self.batch_pixels < 1 or self.round_batches < 1:
            problems.append("--batch, --batch-pixels and --round-batches must be positive")
        if list(self.curriculum) != sorted(self.curriculum):
            problems.append("--curriculum must ascend in tokens and in samples")
        if problems:
            raise ValueError("; ".join(problems))

    def limit(self, samples: int) -> int | None:
        """Longest formula allowed after ``samples`` seen; None without limit."""
        return next((tokens for tokens, until in self.curriculum if samples < until), None)


@dataclass(frozen=True)
class Position:
    """Where in the stream of batches a run stands: everything needed to go on exactly."""

    round: int = 0
    batch: int = 0
    """Index within the round."""
    step: int = 0
    samples: int = 0
    round_samples: int = 0
    """Samples seen when the round began: these decide the round's curriculum."""

    def as_dict(self) -> dict[str, int]:
        """Plain data, for the state of a run."""
        return asdict(self)


@dataclass(frozen=True)
class Sizes:
    """Of every item: number of tokens, height and width of the picture; int arrays [n]."""

    tokens: NDArray[np.int32]
    heights: NDArray[np.int32]
    widths: NDArray[np.int32]


@dataclass(frozen=True)
class Mix:
    """Which share of a round each group of items has. ``groups`` int array [n]: of every item, an index of ``shares``,
    which add up to 1.
    """

    groups: NDArray[np.int32]
    shares: tuple[float, ...]

    def draw(self, eligible: NDArray[np.int64], wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """About ``wanted`` of the eligible items by their shares; those of a group too small come more than once.

        Where a group has no eligible item, the others share its part.
        """
        members = [eligible[self.groups[eligible] == group] for group in range(len(self.shares))]
        total = sum(share for share, items in zip(self.shares, members, strict=True) if len(items))
        drawn = []
        for share, items in zip(self.shares, members, strict=True):
            count = max(1, round(share / total * wanted)) if len(items) else 0
            turns = -(-count // max(1, len(items)))
            drawn.append(np.concatenate([rng.permutation(items) for _ in range(turns)] or [items[:0]])[:count])
        return np.concatenate(drawn)


def cut_batches(items: NDArray[np.int64], sizes: Sizes, options: BatchOptions) -> list[NDArray[np.int64]]:
    """Items sorted by length and size and cut into batches within the limits."""
    order = np.lexsort((sizes.heights[items] // 16, sizes.widths[items] // 32, sizes.tokens[items] // 8))
    batches: list[NDArray[np.int64]] = []
    start, height, width = 0, 0, 0
    ordered = items[order]
    for i, item in enumerate(ordered):
        height, width = max(height, int(sizes.heights[item])), max(width, int(sizes.widths[item]))
        count = i - start + 1
        if count > 1 and (count > options.batch or count * height * width > options.batch_pixels):
            batches.append(ordered[start:i])
            start, height, width = i, int(sizes.heights[item]), int(sizes.widths[item])
    if start < len(ordered):
        batches.append(ordered[start:])
    return batches


def round_batches(
    sizes: Sizes, options: BatchOptions, seed: int, position: Position, mix: Mix | None = None
) -> list[NDArray[np.int64]]:
    """The batches of the round that ``position`` lies in; without a ``mix`` all items are as likely.

    Raises ``DataError`` if the curriculum leaves no formula.
    """
    limit = options.limit(position.round_samples)
    eligible = np.arange(len(sizes.tokens)) if limit is None else np.flatnonzero(sizes.tokens <= limit)
    if not len(eligible):
        raise DataError(f"no training formula has at most {limit} tokens: change --curriculum or the data")
    rng = np.random.default_rng((seed, position.round))
    wanted = options.batch * options.round_batches
    items = rng.permutation(eligible)[:wanted] if mix is None else mix.draw(eligible, wanted, rng)
    batches = cut_batches(items, sizes, options)
    return [batches[i] for i in rng.permutation(len(batches))]


def stream(
    sizes: Sizes, options: BatchOptions, seed: int, position: Position, mix: Mix | None = None
) -> Iterator[tuple[Position, NDArray[np.int64]]]:
    """Endless batches from ``position`` on, each with the position it was drawn at."""
    while True:
        batches = round_batches(sizes, options, seed, position, mix)
        for index in range(position.batch, len(batches)):
            here = replace(position, batch=index)
            yield here, batches[index]
            position = replace(here, step=here.step + 1, samples=here.samples + len(batches[index]))
        position = replace(position, round=position.round + 1, batch=0, round_samples=position.samples)


def after(position: Position, count: int) -> Position:
    """The position after a batch of ``count`` items drawn at ``position``."""
    return replace(position, batch=position.batch + 1, step=position.step + 1, samples=position.samples + count)
