"""Formula lists, IM2LATEX-100K as published and Hugging Face parquet are read; what is wrong with them is named."""

import gzip
import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core_model.errors import DataError
from trainer.data.shards import decode_png, encode_png
from trainer.data.sources.base import load_picture, picture_file
from trainer.data.sources.formula_lists import available_lists, read_lines, read_list
from trainer.data.sources.im2latex import read_published, read_tar
from trainer.data.sources.parquet import read_parquet

FORMULAS = ["a+b", r"\frac{1}{2}", "x^2", r"\alpha"]


def png(value: int) -> bytes:
    return encode_png(np.full((4, 6), value, dtype=np.uint8))


@pytest.mark.parametrize("ending", [".txt", ".txt.xz", ".txt.gz"])
def test_lists_are_read_plain_and_compressed(tmp_path: Path, ending: str) -> None:
    (tmp_path / "formulas").mkdir()
    raw = ("\n".join(["a+b", "", "  x^2 ", "c\x0cd"]) + "\n").encode()
    path = tmp_path / "formulas" / f"mine{ending}"
    path.write_bytes({".txt": raw, ".txt.xz": lzma.compress(raw), ".txt.gz": gzip.compress(raw)}[ending])
    examples = read_list(tmp_path, "mine")
    assert [example.latex for example in examples] == ["a+b", "x^2", "c\x0cd"]
    assert {example.source for example in examples} == {"mine"}
    assert available_lists(tmp_path) == ["mine"]


def test_a_missing_list_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "formulas").mkdir()
    (tmp_path / "formulas" / "k12.txt").write_text("x\n")
    with pytest.raises(DataError, match="There are: k12"):
        read_list(tmp_path, "arxiv_inline")
    with pytest.raises(DataError, match="does not exist"):
        read_list(tmp_path / "nowhere", "k12")


def test_a_truncated_list_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt.xz"
    path.write_bytes(lzma.compress(b"x\n" * 1000)[:-20])
    with pytest.raises(DataError, match=r"cut\.txt\.xz cannot be read"):
        read_lines(path)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    (tmp_path / "formula_images").mkdir()
    # The published list is Latin-1, and a formula may hold a carriage return, which ends no line.
    (tmp_path / "im2latex_formulas.lst").write_bytes(b"a+b\n\\mbox{\xe9}\nx^2\n")
    (tmp_path / "im2latex_train.lst").write_text("2 aaa basic\n0 bbb basic\n")
    (tmp_path / "im2latex_validate.lst").write_text("1 ccc basic\n")
    for name, value in (("aaa", 10), ("bbb", 20)):
        (tmp_path / "formula_images" / f"{name}.png").write_bytes(png(value))
    return tmp_path


def test_im2latex_as_published(published: Path) -> None:
    train = read_published(published)
    assert [example.latex for example in train] == ["x^2", "a+b"]
    loaded = load_picture(train[0].picture)
    assert isinstance(loaded, Path)
    assert decode_png(loaded.read_bytes())[0, 0] == 10
    assert [example.latex for example in read_published(published, "validate")] == ["\\mbox{\xe9}"]
    with pytest.raises(DataError, match="split list for 'test'"):
        read_published(published, "test")


def test_im2latex_as_im2markup_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "images_processed").mkdir()
    (tmp_path / "formulas.norm.lst").write_text("a + b\nx ^ { 2 }\n")
    (tmp_path / "train_filter.lst").write_text("p1.png 1\n")
    (example,) = read_published(tmp_path)
    assert example.latex == "x ^ { 2 }"
    assert example.picture.endswith(str(Path("images_processed") / "p1.png"))


@pytest.mark.parametrize("line", ["99 aaa basic", "aaa", "one two"])
def test_a_bad_split_line_is_named(published: Path, line: str) -> None:
    (published / "im2latex_train.lst").write_text(f"0 bbb basic\n{line}\n")
    with pytest.raises(DataError, match=r"im2latex_train\.lst, line 2"):
        read_published(published)


def test_a_tar_of_pictures(tmp_path: Path) -> None:
    labels = [
        {"image": "train/a.png", "split": "train", "latex": "a+b", "has_percent": False},
        {"image": "train/b.png", "split": "train", "latex": "a %b", "has_percent": True},
        {"image": "validate/c.png", "split": "validate", "latex": "c", "has_percent": False},
    ]
    path = tmp_path / "pictures.tar"
    with tarfile.open(path, "w") as archive:
        files = {"labels.jsonl": "\n".join(map(json.dumps, labels)).encode(), "train/a.png": png(7)}
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    (example,) = read_tar(path, "train")
    assert (example.latex, example.source) == ("a+b", "im2latex_original_train")
    assert decode_png(picture_file(example.picture).read())[0, 0] == 7
    assert [e.latex for e in read_tar(path)] == ["a+b", "c"]
    path.write_bytes(b"no tar")
    with pytest.raises(DataError, match="Cannot read"):
        read_tar(path)


@pytest.mark.parametrize("as_struct", [True, False])
def test_hugging_face_parquet(tmp_path: Path, as_struct: bool) -> None:
    images: list[Any] = [png(10 * k) for k in range(4)]
    if as_struct:
        images = [{"bytes": image, "path": None} for image in images]
    pq.write_table(pa.table({"image": images, "text": FORMULAS}), tmp_path / "train-00000.parquet", row_group_size=3)
    examples = read_parquet(tmp_path)
    assert [example.latex for example in examples] == FORMULAS
    # Row 3 lies in the second row group.
    assert [decode_png(picture_file(e.picture).read())[0, 0] for e in examples] == [0, 10, 20, 30]


def test_parquet_faults_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"image": [b""], "words": ["x"]}), path)
    with pytest.raises(DataError, match=r"no text column .* it has image, words.*--text-column"):
        read_parquet(path)
    with pytest.raises(DataError, match="no column 'latex'"):
        read_parquet(path, "latex")
    with pytest.raises(DataError, match="no picture bytes"):
        load_picture(read_parquet(path, "words")[0].picture)
    path.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="Cannot read"):
        read_parquet(path)
    with pytest.raises(DataError, match="No parquet file"):
        read_parquet(tmp_path / "none.parquet")
