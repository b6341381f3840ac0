from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core_model.errors import DataError
from core_model.tokenizer import Tokenizer


def test_special_tokens_come_first() -> None:
    tokenizer = Tokenizer(["x", "\\alpha"])
    assert tokenizer.tokens == ("<pad>", "<bos>", "<eos>", "x", "\\alpha")
    assert (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, len(tokenizer)) == (0, 1, 2, 5)


def test_decode_undoes_encode_and_stops_at_the_end() -> None:
    tokenizer = Tokenizer(list("xyz{}"))
    ids = tokenizer.encode(["{", "x", "y", "}"])
    assert tokenizer.decode(ids) == ["{", "x", "y", "}"]
    assert tokenizer.decode([1, *ids, 2, 3, 4]) == ["{", "x", "y", "}"]
    assert tokenizer.decode([0, 3, 0]) == ["x"]


def test_unknown_tokens_are_all_named() -> None:
    with pytest.raises(DataError, match=r"\\foo \\bar$"):
        Tokenizer(["x"]).encode(["x", "\\foo", "\\bar", "\\foo"])


def test_build_orders_by_count_then_name_and_drops_the_rare() -> None:
    counts = Counter({"b": 3, "a": 3, "{": 9, "rare": 1, "<eos>": 50})
    assert Tokenizer.build(counts, min_count=2).tokens[3:] == ("{", "a", "b")


def test_saving_and_loading_keeps_every_token(tmp_path: Path) -> None:
    tokenizer = Tokenizer(["x", "\\begin{array}", "#", "é", "\\\\"])
    tokenizer.save(tmp_path / "vocab.txt")
    assert Tokenizer.load(tmp_path / "vocab.txt") == tokenizer


def test_windows_line_ends_are_read() -> None:
    assert Tokenizer.from_text("<pad>\r\n<bos>\r\n<eos>\r\nx\r\n").tokens[3:] == ("x",)


@pytest.mark.parametrize("tokens", [["x", "x"], [""], ["<eos>"], ["a\nb"]])
def test_impossible_vocabularies_are_refused(tokens: list[str]) -> None:
    with pytest.raises(DataError):
        Tokenizer(tokens)


@pytest.mark.parametrize("content", [b"x\ny\n", b"", b"<pad>\n<bos>\n<eos>\nx\nx\n", b"\xff\xfe"])
def test_a_file_that_is_no_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"words\.txt"):
        Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"words\.txt"):
        Tokenizer.load(tmp_path / "words.txt")
