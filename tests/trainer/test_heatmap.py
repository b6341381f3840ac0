"""Peaks against boxes: the arithmetic on made-up attention, the command on a tiny model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.config import PRESETS
from core_model.errors import DataError
from core_model.model import create_model
from core_model.preprocessing import prepare
from core_model.recognizer import Recognizer, TokenReading
from core_model.tokenizer import Tokenizer
from core_model.torch_checkpoint import save
from trainer import heatmap
from trainer.data.dvi import Box
from trainer.data.formula_grammar import example_formulas
from trainer.data.glyph_boxes import BoxedPicture
from trainer.heatmap import RULES, Hit, Options, choose_pictures, free_hits, hits, main, read_forced, shares


def strokes() -> BoxedPicture:
    """Three upright strokes, one for each printing token of ``a b c`` with a brace pair between."""
    picture = np.full((40, 200), 255, np.uint8)
    boxes = {}
    for index, left in ((0, 20), (1, 90), (4, 170)):
        picture[10:30, left : left + 4] = 0
        boxes[index] = Box(left, 10, left + 4, 30)
    return BoxedPicture(("a", "b", "{", "}", "c"), picture, boxes)


def looking_at(boxed: BoxedPicture, text: str, x: float, y: float) -> TokenReading:
    """A token whose attention lies in the cell at a point of the picture."""
    prepared = prepare(boxed.picture)
    rows, columns = (-(-side // 8) for side in prepared.pixels.shape)
    attention = np.zeros((rows, columns), np.float16)
    left, top, right, bottom = prepared.to_source_box(0, 0, columns * 8, rows * 8)
    attention[int((y - top) / (bottom - top) * rows), int((x - left) / (right - left) * columns)] = 1
    return TokenReading(text, 0.9, (), attention, prepared)


def test_peaks_are_measured_in_the_picture() -> None:
    boxed = strokes()
    reading = [looking_at(boxed, token, x, 20) for token, x in zip("ab{}c", (22, 92, 0, 0, 22), strict=True)]
    found = hits(boxed, reading, range(5))
    assert [hit.token for hit in found] == ["a", "b", "c"]
    assert [hit.within("grown, or half a cell") for hit in found] == [True, True, False]
    figures = shares([found])
    assert figures["tokens"] == 3
    assert figures["within"]["grown, or half a cell"] == pytest.approx(200 / 3)
    assert figures["most_misses"]["c"] == {"count": 1, "within": 0}


def test_rules_from_strict_to_lenient() -> None:
    def passed(x: float) -> list[str]:
        return [rule for rule in RULES if Hit("a", Box(0, 0, 8, 8), (x, 4.0), (10.0, 10.0)).within(rule)]

    assert set(passed(8)) == set(RULES)
    assert passed(9.5) == ["grown", "grown, or half a cell", "doubled"]
    assert passed(11) == ["grown, or half a cell", "doubled"]
    assert passed(12.5) == ["grown, or half a cell"]
    assert passed(13.5) == []


def test_free_readings_count_where_they_agree_with_the_truth() -> None:
    boxed = strokes()
    reading = [looking_at(boxed, token, x, 20) for token, x in (("b", 92), ("{", 0), ("x", 0), ("}", 0), ("c", 172))]
    found = free_hits(boxed, reading)
    assert [hit.token for hit in found] == ["b", "c"]
    assert all(hit.within("grown, or half a cell") for hit in found)


def test_nothing_read_has_no_share() -> None:
    assert shares([[], []]) == {"tokens": 0}


def tiny(folder: Path, tokens: list[str]) -> Path:
    torch.manual_seed(2)
    tokenizer = Tokenizer(tokens)
    save(folder, create_model(PRESETS["tiny"], len(tokenizer)).eval(), tokenizer)
    return folder


def test_the_truth_is_forced(tmp_path: Path) -> None:
    boxed = strokes()
    recognizer = Recognizer.load(tiny(tmp_path / "tiny", ["a", "b", "c", "{", "}"]), "cpu")
    reading = read_forced(recognizer, boxed)
    assert tuple(token.text for token in reading) == boxed.tokens
    for token in reading:
        assert token.attention is not None
        assert token.attention.astype(np.float32).sum() == pytest.approx(1, abs=0.02)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        heatmap, "choose_pictures", lambda options, vocabulary: ([strokes()] * 3, {"no glyph for x": 2})
    )
    checkpoint = tiny(tmp_path / "tiny", ["a", "b", "c", "{", "}"])
    assert main(Options(checkpoint, count=3, device="cpu", free=False, out=tmp_path / "out")) == 0
    result = json.loads((tmp_path / "out" / "heatmap.json").read_text())
    assert result["forced"]["tokens"] == 9
    assert result["free"] is None
    assert (tmp_path / "out" / "heatmap.png").stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "truth forced (9 tokens)" in printed
    assert "Left out and replaced: 2." in printed


@pytest.mark.tex
def test_pictures_come_with_boxes() -> None:
    vocabulary = {token for formula in example_formulas(400, seed=5) for token in formula}
    pictures, _ = choose_pictures(Options(count=4), vocabulary)
    assert len(pictures) == 4
    assert all(boxed.boxes for boxed in pictures)


def test_too_few_formulas_are_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "formulas").mkdir()
    (tmp_path / "formulas" / "im2latex_val.txt").write_text("x + y\n")
    with pytest.raises(DataError, match=r"only 0 of 1 .*outside the vocabulary"):
        choose_pictures(Options(data=tmp_path, count=1), {"z"})


def test_impossible_options_are_named_together() -> None:
    with pytest.raises(ValueError, match=r"--count.*--dpi"):
        Options(count=0, dpi=1)
