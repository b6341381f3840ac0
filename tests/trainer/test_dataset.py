"""Examples and batches: selections keep their pictures, shares add up, worker processes change nothing."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

from core_model.tokenizer import Tokenizer
from trainer.data.augment import AugmentOptions
from trainer.data.batching import BatchOptions, Position, Sizes
from trainer.data.dataset import Batch, BatchKeys, BatchMaker, Examples, count_tokens, read_examples
from trainer.data.shards import ShardWriter, shard_path

OPTIONS = BatchOptions(batch=8, round_batches=2)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, write_toy_shard: Any) -> Examples:
    folder = tmp_path_factory.mktemp("toy")
    write_toy_shard(folder, 60)
    return read_examples([folder], 100, 100_000)


def maker(examples: Examples, rank: int = 0, processes: int = 1) -> BatchMaker:
    tokenizer = Tokenizer.build(count_tokens(examples), 1)
    return BatchMaker(examples, tokenizer, AugmentOptions(), 1, rank, processes)


def keys(examples: Examples) -> BatchKeys:
    return BatchKeys(examples.sizes, OPTIONS, 1, Position())


def same(left: Batch, right: Batch) -> bool:
    tensors = ("images", "sizes", "inputs", "targets")
    return left.position == right.position and all(torch.equal(getattr(left, n), getattr(right, n)) for n in tensors)


def test_a_selection_keeps_pictures_and_formulas_together(examples: Examples) -> None:
    chosen = examples.select([7, 2, 40]).select([2, 0])
    for item, origin in enumerate((40, 7)):
        assert np.array_equal(chosen.picture(item), examples.picture(origin))
        assert chosen.tokens[item] == examples.tokens[origin]
    made = maker(chosen)
    tokenizer = Tokenizer.build(count_tokens(chosen), 1)
    assert [tokenizer.decode(made.formula(item).tolist()) for item in (0, 1)] == chosen.tokens


def test_more_pictures_than_arrow_can_join_are_selected() -> None:
    part = pa.array([b"x" * 2**26])
    images = pa.chunked_array([part] * 40)  # 2.5 GB in all, but one buffer
    ones = np.ones(40, np.int32)
    nothing = [""] * 40
    many = Examples(images, np.arange(40), [["a"]] * 40, Sizes(ones, ones, ones), nothing, nothing)
    assert many.select([39, 3]).rows.tolist() == [39, 3]


def test_a_formula_that_no_longer_parses_is_left_out(tmp_path: Path) -> None:
    with ShardWriter(shard_path(tmp_path, 0)) as writer:
        for latex in ("a", r"\nosuchcommand { a }", "b"):
            writer.add(np.full((9, 9), 255, np.uint8), latex, "made up", {})
    assert read_examples([tmp_path], 100, 100_000).tokens == [["a"], ["b"]]


def test_the_shares_of_two_processes_are_the_batch(examples: Examples) -> None:
    key = next(iter(keys(examples)))
    whole, *shares = (maker(examples, *place)[key] for place in ((0, 1), (0, 2), (1, 2)))
    assert {share.target_count for share in shares} == {whole.target_count}
    assert sum(int((share.targets != Tokenizer.pad_id).sum()) for share in shares) == whole.target_count
    assert sum(len(share.images) for share in shares) == whole.samples == len(whole.images)


def test_worker_processes_make_the_same_batches(examples: Examples) -> None:
    made = maker(examples)
    here = [made[key] for key in itertools.islice(keys(examples), 5)]
    # spawn, as on macOS and Windows: everything must survive pickling
    loader = DataLoader(made, sampler=keys(examples), batch_size=None, num_workers=1, multiprocessing_context="spawn")
    there = list(itertools.islice(loader, 5))
    assert all(itertools.starmap(same, zip(here, there, strict=True)))
