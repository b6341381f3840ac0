"""Examples and batches: selections keep their pictures, shares add up, worker processes change nothing."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

from core_model.errors import DataError
from core_model.preprocessing import prepare
from core_model.strokes import rasterize
from core_model.tokenizer import Tokenizer
from trainer.data.augment import AugmentOptions
from trainer.data.batching import BatchOptions, Position, Sizes
from trainer.data.dataset import Batch, BatchKeys, BatchMaker, Examples, count_tokens, mix_of, read_examples
from trainer.data.drawn_ink import INK_HEADROOM, InkDrawing, clean_picture, unpack_ink, varied_picture
from trainer.data.ink_augment import InkAugmentOptions
from trainer.data.ink_shards import read_inks
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
    sizes, ink = Sizes(ones, ones, ones), np.zeros(40, np.bool_)
    many = Examples(images, np.arange(40), [["a"]] * 40, sizes, nothing, nothing, nothing, ink)
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


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, write_toy_shard: Any, write_ink_shard: Any) -> Examples:
    """20 printed words, 15 inks of CROHME's and 5 synthetic ones, in three folders."""
    folder = tmp_path_factory.mktemp("mixed")
    write_toy_shard(folder / "printed", 20)
    write_ink_shard(folder / "written", 15)
    write_ink_shard(folder / "made", 5, 9, "synthetic")
    return read_examples([folder / name for name in ("printed", "written", "made")], 100, 100_000)


def test_print_and_ink_are_read_together(mixed: Examples, tmp_path: Path, write_ink_shard: Any) -> None:
    assert mixed.ink.tolist() == [False] * 20 + [True] * 20
    assert mixed.folders == ["printed"] * 20 + ["written"] * 15 + ["made"] * 5
    write_ink_shard(tmp_path, 15)
    inks = [ink for ink, _ in read_inks(tmp_path)]
    assert [" ".join(tokens) for tokens in mixed.tokens[20:35]] == [ink.latex for ink in inks]
    chosen = mixed.select([3, 30, 22])
    assert chosen.ink.tolist() == [False, True, True]
    for item, origin in ((1, 10), (2, 2)):
        assert np.array_equal(chosen.picture(item), prepare(rasterize(inks[origin]), headroom=INK_HEADROOM).pixels)


def test_ink_is_another_hands_in_every_round_and_the_same_again(mixed: Examples) -> None:
    made = maker(mixed)
    first, again, later = (made.picture(25, turn) for turn in (0, 0, 1))
    assert np.array_equal(first, again)
    assert first.shape != later.shape or not np.array_equal(first, later)


def test_a_run_may_gain_ink_without_a_change_to_its_print(mixed: Examples) -> None:
    printed = mixed.select(range(20))
    one, other = maker(printed), maker(mixed)
    assert all(np.array_equal(one.picture(item, 3), other.picture(item, 3)) for item in range(20))


def test_ink_without_variation_is_drawn_as_for_recognition(mixed: Examples) -> None:
    still = InkDrawing(InkAugmentOptions(strength=0))
    stored = mixed.images[25].as_py()
    assert np.array_equal(varied_picture(stored, still, np.random.default_rng(1)), clean_picture(stored))


def test_a_share_of_the_ink_is_seen_on_paper(mixed: Examples) -> None:
    """Paper leaves the writing at its size, or the ink is drawn without it."""
    stored = mixed.images[25].as_py()
    width = clean_picture(stored).shape[1]
    changed = 0
    for seed in range(12):
        paper = InkDrawing(InkAugmentOptions(strength=0), paper=0.5)
        picture = varied_picture(stored, paper, np.random.default_rng(seed))
        changed += not np.array_equal(picture, clean_picture(stored))
        assert 0.5 * width < picture.shape[1] < 2.6 * width
    assert 2 <= changed <= 10
    assert len(unpack_ink(stored).strokes) > 0


def test_worker_processes_draw_the_same_ink(mixed: Examples) -> None:
    made = maker(mixed)
    mix = mix_of(mixed, {"ink": 0.5, "print": 0.5})
    order = BatchKeys(mixed.sizes, OPTIONS, 1, Position(), mix)
    here = [made[key] for key in itertools.islice(order, 3)]
    loader = DataLoader(made, sampler=order, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert all(itertools.starmap(same, zip(here, itertools.islice(loader, 3), strict=True)))


def test_shares_are_named_by_source_folder_or_kind(mixed: Examples) -> None:
    mix = mix_of(mixed, {"print": 1.0, "crohme": 2.0, "ink": 1.0})
    assert mix is not None
    assert mix.shares == (0.25, 0.5, 0.25)
    assert mix.groups.tolist() == [0] * 20 + [1] * 15 + [2] * 5
    folders = mix_of(mixed, {"printed": 1.0, "written": 1.0, "made": 1.0})
    assert folders is not None and folders.groups.tolist() == mix.groups.tolist()
    assert mix_of(mixed, {}) is None
    with pytest.raises(DataError, match=r"names latin.*there is crohme, ink, made, print, printed, synthetic, toy"):
        mix_of(mixed, {"print": 0.5, "latin": 0.5, "ink": 0.1})
    with pytest.raises(DataError, match="says nothing of synthetic"):
        mix_of(mixed, {"print": 0.5, "crohme": 0.5})
