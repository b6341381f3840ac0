"""Batches: within the limits, reproducible, resumable, following the curriculum."""

import itertools

import numpy as np
import pytest

from core_model.errors import DataError
from trainer.data.batching import BatchOptions, Mix, Position, Sizes, after, cut_batches, stream


@pytest.fixture
def sizes() -> Sizes:
    rng = np.random.default_rng(3)
    return Sizes(*(rng.integers(low, high, 500).astype(np.int32) for low, high in ((1, 60), (20, 90), (30, 500))))


def test_batches_hold_every_item_once_and_keep_the_limits(sizes: Sizes) -> None:
    options = BatchOptions(batch=16, batch_pixels=200_000)
    batches = cut_batches(np.arange(500), sizes, options)
    assert sorted(np.concatenate(batches)) == list(range(500))
    for items in batches:
        pixels = len(items) * sizes.heights[items].max() * sizes.widths[items].max()
        assert len(items) <= 16
        assert len(items) == 1 or pixels <= 200_000


def test_bucketing_pads_less_than_random_batches(sizes: Sizes) -> None:
    def padded(batches: list[np.ndarray]) -> int:
        return sum(len(b) * int(sizes.tokens[b].max()) for b in batches)

    bucketed = cut_batches(np.arange(500), sizes, BatchOptions(batch=16))
    random = np.array_split(np.random.default_rng(0).permutation(500), len(bucketed))
    assert padded(bucketed) < 0.7 * padded(random)


def test_the_stream_goes_on_exactly_from_any_position(sizes: Sizes) -> None:
    options = BatchOptions(batch=16, round_batches=4)
    whole = list(itertools.islice(stream(sizes, options, 7, Position()), 20))
    for cut in (1, 4, 11):
        position, items = whole[cut - 1]
        rest = list(itertools.islice(stream(sizes, options, 7, after(position, len(items))), 20 - cut))
        assert [p.step for p, _ in rest] == [p.step for p, _ in whole[cut:]]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(rest, whole[cut:], strict=True))
        assert [p.samples for p, _ in rest] == [p.samples for p, _ in whole[cut:]]


def test_another_seed_gives_other_batches(sizes: Sizes) -> None:
    first = next(stream(sizes, BatchOptions(), 1, Position()))[1]
    second = next(stream(sizes, BatchOptions(), 2, Position()))[1]
    assert not np.array_equal(first, second)


def test_curriculum_limits_the_length_until_its_samples_are_seen(sizes: Sizes) -> None:
    options = BatchOptions(batch=16, round_batches=2, curriculum=((10, 100), (30, 300)))
    for position, items in itertools.islice(stream(sizes, options, 1, Position()), 60):
        longest = sizes.tokens[items].max()
        if position.round_samples < 100:
            assert longest <= 10
        elif position.round_samples < 300:
            assert longest <= 30
    later = itertools.islice(stream(sizes, options, 1, Position()), 60)
    assert any(sizes.tokens[items].max() > 30 for _, items in later)


def test_a_curriculum_that_leaves_nothing_is_refused(sizes: Sizes) -> None:
    with pytest.raises(DataError, match="at most 0 tokens"):
        next(stream(sizes, BatchOptions(curriculum=((0, 10),)), 1, Position()))


def test_impossible_options_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"--batch.*--curriculum"):
        BatchOptions(batch=0, curriculum=((30, 10), (10, 20)))


def test_shares_decide_what_a_round_is_made_of(sizes: Sizes) -> None:
    groups = np.repeat([0, 1, 2], (400, 95, 5)).astype(np.int32)
    mix = Mix(groups, (0.2, 0.5, 0.3))
    options = BatchOptions(batch=16, round_batches=8)
    batches = list(itertools.islice(stream(sizes, options, 1, Position(), mix), 60))
    counts = np.bincount(groups[np.concatenate([items for _, items in batches])], minlength=3)
    assert counts / counts.sum() == pytest.approx([0.2, 0.5, 0.3], abs=0.05)
    first = np.concatenate([items for position, items in batches if position.round == 0])
    assert len(first) == 128
    repeated = np.bincount(first, minlength=500)
    assert repeated[:495].max() == 1 and set(repeated[495:]) == {7, 8}, "only a group too small comes again"


def test_a_mixed_stream_goes_on_exactly_from_any_position(sizes: Sizes) -> None:
    mix = Mix((np.arange(500) % 2).astype(np.int32), (0.9, 0.1))
    options = BatchOptions(batch=16, round_batches=4)
    whole = list(itertools.islice(stream(sizes, options, 7, Position(), mix), 12))
    position, items = whole[5]
    rest = itertools.islice(stream(sizes, options, 7, after(position, len(items)), mix), 6)
    assert all(p == q and np.array_equal(a, b) for (p, a), (q, b) in zip(rest, whole[6:], strict=True))


def test_a_group_that_the_curriculum_leaves_empty_gives_its_share_away(sizes: Sizes) -> None:
    mix = Mix((sizes.tokens > 10).astype(np.int32), (0.3, 0.7))
    options = BatchOptions(batch=16, round_batches=2, curriculum=((10, 50),))
    _, items = next(stream(sizes, options, 1, Position(), mix))
    assert sizes.tokens[items].max() <= 10 and len(items) == 16
