from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import core_model
from core_model import recognizer, torch_checkpoint
from core_model.errors import CheckpointError, PictureError
from core_model.ink import Ink, Stroke
from core_model.model import FormulaModel
from core_model.recognizer import ReadingModel, Recognition, RecognizeOptions, Recognizer
from core_model.strokes import rasterize
from core_model.tokenizer import Tokenizer
from tests import program

MakeScripted = Callable[..., Any]


def ink(width: int = 120, height: int = 60, bars: int = 6) -> NDArray[np.uint8]:
    """A white picture with upright bars of ink in its middle."""
    picture = np.full((height, width), 255, np.uint8)
    for i in range(bars):
        picture[height // 3 : 2 * height // 3, 20 + 12 * i : 23 + 12 * i] = 0
    return picture


def same_reading(first: Recognition, second: Recognition) -> bool:
    return (first.latex, [t.text for t in first.tokens], first.warnings) == (
        second.latex,
        [t.text for t in second.tokens],
        second.warnings,
    )


def test_a_picture_is_read(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    recognition = Recognizer(scripted("x _ { 1 } + \\frac { a } { b }"), tokenizer).recognize(ink())
    assert recognition.latex.replace(" ", "") in ("x_1+\\frac{a}{b}", "x_{1}+\\frac{a}{b}")
    assert [token.text for token in recognition.tokens][:5] == ["x", "_", "{", "1", "}"]
    assert all(0.9 < token.confidence <= 1 for token in recognition.tokens)
    assert 0.9 < recognition.confidence <= 1
    assert recognition.warnings == ()
    assert not recognition.blank
    times = recognition.milliseconds
    assert times.preprocess > 0
    assert times.encode > 0
    assert times.decode > 0
    with pytest.raises(FrozenInstanceError):
        recognition.latex = "y"  # type: ignore[misc]


def test_each_token_names_others(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    options = RecognizeOptions(token_alternatives=2)
    token = Recognizer(scripted("x"), tokenizer).recognize(ink(), options).tokens[0]
    assert len(token.alternatives) == 2
    assert "x" not in [other.text for other in token.alternatives]
    assert all(0 < other.confidence < token.confidence for other in token.alternatives)


def test_every_kind_of_input_gives_the_same_reading(
    tiny_reader: ReadingModel, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "bild-ä.png"
    Image.fromarray(ink()).save(path)
    reader = Recognizer(tiny_reader, tokenizer)
    expected = reader.recognize(ink())
    assert expected.tokens
    for picture in (path, str(path), io.BytesIO(path.read_bytes()), Image.open(path), Image.fromarray(ink())):
        assert same_reading(reader.recognize(picture), expected)


def test_ink_is_read_as_the_picture_that_the_rasteriser_draws(tiny_reader: ReadingModel, tokenizer: Tokenizer) -> None:
    drawn = Ink((Stroke(np.array([[0, 0], [30, 40], [5, 38]])), Stroke(np.array([[50, 0], [52, 41]]))))
    reader = Recognizer(tiny_reader, tokenizer)
    expected = reader.recognize(rasterize(drawn))
    assert expected.tokens
    assert same_reading(reader.recognize(drawn), expected)
    first, empty, second = reader.recognize_many([drawn, Ink(), ink()])
    assert same_reading(first, expected)
    assert empty.blank
    assert (empty.latex, empty.tokens) == ("", ())
    assert same_reading(second, reader.recognize(ink()))


def test_a_picture_reads_the_same_among_others(tiny_reader: ReadingModel, tokenizer: Tokenizer) -> None:
    """Pictures share batches of encoder and decoder: neither neighbours nor padding may show in a reading."""
    pictures = [ink(300, 60, 20), ink(), ink(120, 200, 6), ink(), ink(90, 40, 2)]
    reader = Recognizer(tiny_reader, tokenizer)
    together = reader.recognize_many(pictures)
    assert same_reading(together[1], together[3])
    for picture, expected in zip(pictures, together, strict=True):
        assert same_reading(reader.recognize(picture), expected)


def test_equal_sizes_share_a_batch_and_the_order_is_kept(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    model = scripted("a", "b", "c")  # numbered in the order of encoding
    found = Recognizer(model, tokenizer).recognize_many([ink(300, 60, 20), ink(), ink()])
    assert model.encoded == [2, 1]
    assert [one.latex for one in found] == ["c", "a", "b"]


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_read_beside_each_other_read_the_same(
    tiny_reader: ReadingModel, tokenizer: Tokenizer, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer, "DECODE_CELLS", 300)
    pictures = [ink(120 + 40 * (i % 4), 40 + 20 * (i % 3), 4 + i) for i in range(9)]
    reader = Recognizer(tiny_reader, tokenizer, threads=threads)
    for picture, reading in zip(pictures, reader.recognize_many(pictures), strict=True):
        assert same_reading(reading, reader.recognize(picture))


def test_no_pictures_give_no_readings(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    assert Recognizer(scripted("x"), tokenizer).recognize_many([]) == []


def test_large_batches_are_cut(scripted: MakeScripted, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer, "DECODE_CELLS", 1)
    monkeypatch.setattr(recognizer, "ENCODE_PIXELS", 1)
    model = scripted("x y")
    found = Recognizer(model, tokenizer).recognize_many([ink()] * 3, RecognizeOptions(beam=2))
    assert [one.latex.replace(" ", "") for one in found] == ["xy"] * 3
    assert model.encoded == [1, 1, 1]


def test_a_blank_picture_is_an_ordinary_empty_result(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    model = scripted("x")
    white = np.full((50, 80), 255, np.uint8)
    blank, read = Recognizer(model, tokenizer).recognize_many([white, ink()])
    assert blank.blank
    assert (blank.latex, blank.tokens, blank.alternatives) == ("", (), ())
    assert blank.warnings[0].startswith("blank: ")
    assert read.latex == "x"
    assert model.encoded == [1]


def test_a_picture_that_cannot_be_read_is_an_error(
    scripted: MakeScripted, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(PictureError, match=r"nothing\.png"):
        Recognizer(scripted("x"), tokenizer).recognize(tmp_path / "nothing.png")


def test_what_does_not_parse_is_given_as_read(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    found = Recognizer(scripted("x _ _"), tokenizer).recognize(ink(), RecognizeOptions(grammar=False))
    assert found.latex == "x _ _"
    assert found.warnings[0].startswith("syntax: ")


def test_a_loop_is_cut_and_its_groups_are_closed(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    found = Recognizer(scripted("\\sqrt { " + "x + y - " * 40), tokenizer).recognize(ink(200, 60, 12))
    assert found.warnings[0].startswith("repetition: ")
    assert found.latex.replace(" ", "") == "\\sqrt{x+y-}"


def test_a_reading_that_is_too_long_or_stopped_says_so(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    reader = Recognizer(scripted("x + y - z"), tokenizer)
    assert reader.recognize(ink(), RecognizeOptions(max_tokens=2)).warnings[0].startswith("length: ")
    stopped = reader.recognize(ink(), should_stop=lambda: True)
    assert stopped.warnings[0].startswith("stopped: ")
    assert stopped.latex == ""


def test_alternatives_differ_from_the_reading_and_from_each_other(
    tiny_reader: ReadingModel, tokenizer: Tokenizer
) -> None:
    picture = ink(300, 80, 20)  # on smaller ones all readings of this model come down to one
    found = Recognizer(tiny_reader, tokenizer).recognize(picture, RecognizeOptions(beam=8, length_penalty=0.0))
    texts = [found.latex, *(other.latex for other in found.alternatives)]
    assert 1 < len(set(texts)) == len(texts) <= 8
    fewer = Recognizer(tiny_reader, tokenizer).recognize(
        picture, RecognizeOptions(beam=8, alternatives=1, length_penalty=0.0)
    )
    assert fewer.alternatives == found.alternatives[:1]


def test_a_prefix_is_kept(tiny_reader: ReadingModel, tokenizer: Tokenizer) -> None:
    found = Recognizer(tiny_reader, tokenizer).recognize(ink(), RecognizeOptions(prefix=("\\alpha", "=")))
    assert [token.text for token in found.tokens[:2]] == ["\\alpha", "="]


def test_confidence_is_calibrated_by_the_checkpoint(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    plain = Recognizer(scripted("x"), tokenizer).recognize(ink())
    modest = Recognizer(scripted("x"), tokenizer, {"extra": {"confidence_temperature": 4.0}}).recognize(ink())
    assert modest.latex == plain.latex
    assert modest.confidence < plain.confidence


def test_attention_is_placed_in_the_source_picture(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    """The scripted model looks at cell 0, 1, 2, ... of its grid; the ink of this picture lies far from its corner."""
    picture = np.full((400, 600), 255, np.uint8)
    for i in range(6):
        picture[300:360, 400 + 24 * i : 406 + 24 * i] = 0
    tokens = Recognizer(scripted("x y z"), tokenizer).recognize(picture).tokens
    assert tokens[0].attention is not None
    grid = tokens[0].attention.shape
    extent = tokens[0].extent()
    assert extent is not None
    left, top, right, bottom = extent
    assert left < 400 < 526 < right
    assert top < 300 < 360 < bottom
    boxes = [token.box() for token in tokens]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0][:2] == pytest.approx((left, top))
    assert boxes[0][2] - boxes[0][0] == pytest.approx((right - left) / grid[1])
    assert boxes[1][0] == pytest.approx(boxes[0][2])


def test_a_peak_lies_on_the_ink_nearest_to_what_was_attended_to(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    """The bars begin at 300: the centre of the uppermost cells lies above them, or between two."""
    picture = np.full((400, 600), 255, np.uint8)
    for i in range(6):
        picture[300:360, 400 + 24 * i : 406 + 24 * i] = 0
    tokens = Recognizer(scripted("x y z"), tokenizer).recognize(picture).tokens
    for token in tokens:
        box, peak = token.box(), token.peak()
        assert box is not None and peak is not None
        x, y = peak
        assert picture[round(y), round(x)] == 0
        assert abs(x - (box[0] + box[2]) / 2) < 12 and 300 <= y < (box[1] + box[3]) / 2 + 12
    white = replace(tokens[1].prepared, pixels=np.full_like(tokens[1].prepared.pixels, 255))  # type: ignore[union-attr]
    box = tokens[1].box()
    assert box is not None
    assert replace(tokens[1], prepared=white).peak() == pytest.approx(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))


def test_a_box_holds_the_connected_region_of_the_peak(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    token = Recognizer(scripted("x"), tokenizer).recognize(ink(300, 60, 20)).tokens[0]
    assert token.attention is not None
    weights = np.zeros_like(token.attention)
    weights[0, 2:4] = (0.4, 0.3)
    weights[0, 8] = 0.3
    object.__setattr__(token, "attention", weights)
    box, extent = token.box(), token.extent()
    assert box is not None
    assert extent is not None
    cell = (extent[2] - extent[0]) / weights.shape[1]
    assert (box[0], box[2]) == pytest.approx((extent[0] + 2 * cell, extent[0] + 4 * cell))


def test_without_attention_there_are_no_boxes(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    token = Recognizer(scripted("x"), tokenizer).recognize(ink(), RecognizeOptions(attention=False)).tokens[0]
    assert (token.attention, token.peak(), token.box(), token.extent()) == (None, None, None, None)


def test_loading_a_folder(tiny_model: FormulaModel, tokenizer: Tokenizer, tmp_path: Path) -> None:
    torch_checkpoint.save(tmp_path / "model", tiny_model, tokenizer)
    reader = Recognizer.load(tmp_path / "model", device="cpu")
    assert reader.device == "cpu"
    assert reader.device_reason == "asked for"
    assert reader.recognize(ink()).tokens


def test_a_model_that_numpy_does_not_know_needs_torch(
    tiny_model: FormulaModel, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch_checkpoint.save(tmp_path / "model", tiny_model, tokenizer)
    by_numpy = Recognizer.load(tmp_path / "model", "cpu").recognize(ink())
    monkeypatch.setattr(recognizer, "can_read", lambda config: False)
    reader = Recognizer.load(tmp_path / "model", "cpu")
    assert reader.model.runtime.startswith("PyTorch")
    assert same_reading(reader.recognize(ink()), by_numpy)
    monkeypatch.setattr(recognizer, "find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"model is read by PyTorch, which is not installed\. Install"):
        Recognizer.load(tmp_path / "model", "cpu")


def test_a_missing_checkpoint_in_the_box_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer.resources, "files", lambda package: tmp_path)
    with pytest.raises(CheckpointError, match=r"formulens is not there\. Get it .*--checkpoint"):
        Recognizer.load(device="cpu")


def test_the_package_exports_the_facade() -> None:
    assert core_model.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="nonsense"):
        _ = core_model.nonsense


def test_reading_on_the_processor_needs_no_torch() -> None:
    """Neither what is imported nor what is read may ask for it, as if it were not installed."""
    sample = program.SAMPLES / "01-plain-100dpi.png"
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from core_model import Recognizer\nfrom core_model.symbol_classifier import SymbolClassifier\n"
        f"SymbolClassifier.load(); print(Recognizer.load(device='cpu').recognize({str(sample)!r}).latex)"
    )
    root = Path(core_model.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == Recognizer.load(device="cpu").recognize(sample).latex != ""
