"""Shards: what goes in comes out, damage and full disks are told plainly."""

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core_model.errors import DataError
from trainer.data.shards import SCHEMA, ShardWriter, decode_png, encode_png, read_table, shard_path


def picture(seed: int, shape: tuple[int, int] = (20, 33)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_png_keeps_every_pixel() -> None:
    pixels = picture(1)
    assert np.array_equal(decode_png(encode_png(pixels)), pixels)


def test_a_shard_comes_back_as_written(tmp_path: Path) -> None:
    for index in range(2):
        with ShardWriter(shard_path(tmp_path, index)) as writer:
            for row in range(3):
                writer.add(picture(index * 3 + row), f"x _ {{ {row} }}", "list", {"font": "cm", "dpi": 100 + row})
            assert len(writer) == 3
    table = read_table(tmp_path)
    assert table.schema.names == SCHEMA.names
    assert table.num_rows == 6
    assert np.array_equal(decode_png(table.column("image")[4].as_py()), picture(4))
    assert table.column("latex")[2].as_py() == "x _ { 2 }"
    assert json.loads(table.column("style")[1].as_py()) == {"dpi": 101, "font": "cm"}
    assert (table.column("height")[0].as_py(), table.column("width")[0].as_py()) == (20, 33)
    assert read_table(tmp_path, ["latex"]).schema.names == ["latex"]


def test_an_exception_leaves_no_shard(tmp_path: Path) -> None:
    writer = ShardWriter(shard_path(tmp_path, 0))
    writer.add(picture(1), "x", "list", {})
    writer.__exit__(RuntimeError, RuntimeError(), None)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_plainly_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(table: Any, path: Path, **options: Any) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    writer = ShardWriter(shard_path(tmp_path, 0))
    writer.add(picture(1), "x", "list", {})
    with pytest.raises(DataError, match="disk is full"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_shards_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="trainer prepare"):
        read_table(tmp_path)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    path = shard_path(tmp_path, 0)
    with ShardWriter(path) as writer:
        writer.add(picture(1), "x", "list", {})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"shard-00000\.parquet is damaged"):
        read_table(tmp_path)
