import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core_model import torch_checkpoint
from core_model.config import PRESETS
from core_model.errors import DataError
from core_model.model import create_model
from core_model.recognizer import Recognizer
from core_model.tokenizer import Tokenizer
from trainer import evaluate, predict
from trainer.evaluation_report import evaluation_tables
from trainer.evaluation_sets import load_set, printable, training_digests
from trainer.image_metrics import PairScore
from trainer.picture_cache import PictureCache, halve
from trainer.reading import Reading, load_readings, read_pictures, reading_options, resume_readings
from trainer.scoring import score_images, score_set

FORMULAS = ["x ^ { 2 } + 1", "\\frac { a } { b } \\, = c", "a _ { 1 }"]


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights that knows a few tokens."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(["a", "b", "c", "x", "1", "2", "+", "=", "{", "}", "^", "_", "\\frac"])
    model = create_model(PRESETS["tiny"], len(tokenizer))
    with torch.no_grad():
        model.decoder.output.bias[tokenizer.eos_id] += 0.6  # or random weights would read on to the length limit
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    torch_checkpoint.save(folder, model, tokenizer, "# tiny\n", {"samples": 7})
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in the published layout: three test formulas, a training list, four originals."""
    folder = tmp_path / "data"
    (folder / "formulas").mkdir(parents=True)
    (folder / "formulas/im2latex_test.txt").write_text("\n".join(FORMULAS) + "\n")
    (folder / "formulas/im2latex_train_partial.txt").write_text("x^2+1\n\\broken{\n")
    (folder / "im2latex_original").mkdir()
    labels = [
        {"image": "a.png", "latex": "x^{2} \\; +1 \\label{eq:1}", "has_percent": False},
        {"image": "b.png", "latex": "a % b", "has_percent": True},
        {"image": "c.png", "latex": "a_1", "has_percent": False},
    ]
    with tarfile.open(folder / "im2latex_original/train_validate.tar", "w") as tar:
        add(tar, "labels.jsonl", "".join(json.dumps(label) + "\n" for label in labels).encode())
        for label in labels:
            add(tar, label["image"], png(bars(80, 20)))
    return folder


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def bars(width: int, height: int) -> np.ndarray:
    """Something with ink of the size of writing."""
    grey = np.full((height + 20, width + 20), 255, dtype=np.uint8)
    grey[10 : 10 + height, 10 : 10 + width : 12] = 0
    grey[10 : 10 + height, 11 : 11 + width : 12] = 0
    grey[14:16, 10 : 10 + width] = 0
    return grey


def png(grey: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


class FakeCache:
    """Stands for `PictureCache`: a picture as wide as the text is long; texts with `broken` do not render."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def render(self, formulas, *, workers=1, title=""):
        self.asked.update(formulas)

    def png(self, formula: str) -> bytes | None:
        if formula not in self.asked:
            raise KeyError(formula)
        return None if "broken" in formula else png(bars(20 + 12 * len(formula), 24))


def reading(key: str, text: str, confidence: float = 0.5) -> Reading:
    tokens = tuple(text.split())
    return Reading(key, tokens, (confidence,) * len(tokens), confidence, "end")


def test_sets_have_published_labels_and_skeletons(data):
    chosen = load_set("test", data)
    assert [item.label for item in chosen.items] == FORMULAS
    assert chosen.items[1].truth == tuple("\\frac { a } { b } = c".split())
    assert all(item.parsed for item in chosen.items)
    assert load_set("test", data, limit=2).items == chosen.items[:2]
    with pytest.raises(DataError, match="im2latex_val"):
        load_set("validation", data)


def test_published_labels_are_made_printable():
    assert printable(r"a \hspace { 1 . 5 c m } b") == r"a \hspace {1.5cm} b"
    assert printable(r"a \vspace * { 2 m m }") == r"a \vspace * {2mm}"
    assert printable("a \\") == "a \\ "  # the control space at the end must not swallow what follows
    assert printable(FORMULAS[1]) == FORMULAS[1]


def test_originals_seen_and_unseen_by_skeleton(data, tmp_path):
    seen = training_digests(data, tmp_path / "cache")
    assert len(seen) == 1
    assert training_digests(data, tmp_path / "cache") == seen  # the kept file
    chosen = load_set("originals", data, seen=seen)
    assert [(item.key, item.group) for item in chosen.items] == [("a.png", "seen"), ("c.png", "unseen")]
    assert chosen.left_out == 1
    assert chosen.groups == ("seen", "unseen")


def test_halving_keeps_at_least_a_pixel():
    assert halve(np.full((9, 20), 255, dtype=np.uint8)).shape == (4, 10)
    assert halve(np.zeros((1, 1), dtype=np.uint8)).shape == (1, 1)


def test_scores_by_column_and_group(data):
    chosen = load_set("test", data)
    items = tuple(replace(item, group="odd" if i == 1 else "even") for i, item in enumerate(chosen.items))
    chosen = replace(chosen, items=items)
    readings = [reading("1", FORMULAS[0], 0.9), reading("2", "\\frac { a } { b } = c", 0.9), reading("3", "b", 0.2)]
    whole, even, odd = score_set(chosen, readings)
    assert (whole.group, whole.count) == ("", 3)
    assert whole.text["skeleton"].exact == pytest.approx(200 / 3)
    assert whole.text["published"].exact == pytest.approx(100 / 3)
    assert (even.group, even.count, odd.count) == ("even", 2, 1)
    assert odd.text["skeleton"].exact == 100.0
    assert odd.text["published"].exact == 0.0
    assert whole.calibration is not None
    assert whole.calibration.auroc == 1.0
    with pytest.raises(ValueError, match="2 readings for 3 items"):
        score_set(chosen, readings[:2])


def test_image_scores_by_column(data):
    chosen = load_set("test", data)
    readings = [reading("1", FORMULAS[0]), reading("2", "\\frac { a } { b } = c"), reading("3", "broken")]
    scores = score_images(chosen, readings, FakeCache())
    assert [s.strict for s in scores["skeleton"]] == [True, True, False]
    assert [s.strict for s in scores["published"]] == [True, False, False]
    assert not scores["skeleton"][2].rendered
    figures = score_set(chosen, readings, scores)[0].image["skeleton"]
    assert (figures.count, figures.renders) == (3, pytest.approx(200 / 3))


def test_a_truth_that_does_not_render_is_no_pair(data):
    chosen = load_set("test", data)
    items = (replace(chosen.items[0], label="broken"), *chosen.items[1:])
    readings = [reading(item.key, "a") for item in items]
    scores = score_images(replace(chosen, items=items), readings, FakeCache())
    assert scores["published"][0] is None
    assert isinstance(scores["skeleton"][0], PairScore)
    empty = [Reading(item.key, (), (), 0.0, "blank") for item in items]
    assert not any(s.rendered for s in score_images(chosen, empty, FakeCache())["skeleton"])


def test_a_file_of_readings_goes_on_after_a_kill(tmp_path):
    path = tmp_path / "readings.jsonl"
    about = {"decode": {"beam": 1}}
    assert resume_readings(path, about) == {}
    with path.open("a") as file:
        file.write(json.dumps(reading("1", "a b").as_dict()) + "\n")
        file.write('{"key": "2", "tok')
    assert resume_readings(path, about) == {"1": reading("1", "a b")}
    assert path.read_text().endswith("}\n")
    with pytest.raises(DataError, match="made otherwise"):
        resume_readings(path, {"decode": {"beam": 5}})
    assert load_readings(path) == (about, {"1": reading("1", "a b")})


def test_bad_files_of_readings_are_refused_by_line(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"key": 1, "tokens": ["a", "b"]}\n{"key": 2}\n')
    with pytest.raises(DataError, match="line 2"):
        load_readings(path)
    path.write_text('{"key": 1, "tokens": ["a", "b"]}\n{"key": 2, "tokens": ""}\n')
    _, readings = load_readings(path)
    assert readings["1"].tokens == ("a", "b")
    assert readings["2"].tokens == ()
    with pytest.raises(DataError, match="nowhere"):
        load_readings(tmp_path / "nowhere.jsonl")


def test_reading_in_windows_is_reading_one_by_one(checkpoint_folder):
    recognizer = Recognizer.load(checkpoint_folder, "cpu")
    pictures = [bars(40 + 30 * i, 20) for i in range(3)] + [np.full((30, 30), 255, dtype=np.uint8)]
    sources = [(str(i), lambda p=p: p) for i, p in enumerate(pictures)]
    together = list(read_pictures(recognizer, sources, reading_options(1), 2))
    alone = [r for s in sources for r in read_pictures(recognizer, [s], reading_options(1), 1)]
    assert [r.key for r in together] == [str(i) for i in range(4)]
    assert [r.tokens for r in together] == [r.tokens for r in alone]
    assert together[3].ended == "blank"
    assert all(len(r.confidences or ()) == len(r.tokens) for r in together)


def test_evaluating_saved_predictions_needs_no_model(data, tmp_path, capsys, monkeypatch):
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps({"key": "1", "tokens": FORMULAS[0]}) + "\n")
    options = evaluate.Options(
        data, sets=("test",), predictions=path, images=False, cache=tmp_path / "cache", out=tmp_path / "out"
    )
    assert evaluate.main(options) == 0
    written = json.loads((tmp_path / "out/evaluation.json").read_text())
    score = written["results"][0]["scores"][0]
    assert score["count"] == 3
    assert score["text"]["skeleton"]["exact"] == pytest.approx(100 / 3)
    assert score["calibration"] is None
    assert written["checkpoint"] is None
    assert "| test" in capsys.readouterr().out


def test_options_name_all_problems(tmp_path):
    with pytest.raises(ValueError, match=r"one set.*beam.*--batch"):
        evaluate.Options(tmp_path, predictions=tmp_path / "p", beam=(0,), batch=0)


def test_originals_from_reading_to_table(data, checkpoint_folder, tmp_path):
    options = evaluate.Options(
        data,
        checkpoint=checkpoint_folder,
        sets=("originals",),
        beam=(1, 2),
        images=False,
        device="cpu",
        workers=1,
        cache=tmp_path / "cache",
        out=tmp_path / "out",
    )
    first = evaluate.evaluate(options)
    assert [result["decode"]["beam"] for result in first["results"]] == [1, 2]
    for result in first["results"]:
        assert [(s["group"], s["count"]) for s in result["scores"]] == [("", 2), ("seen", 1), ("unseen", 1)]
        assert set(result["scores"][0]["text"]) == {"skeleton"}
    assert first["checkpoint"]["name"] == "tiny"
    kept = {path: path.read_text() for path in (tmp_path / "out").glob("*.jsonl")}
    assert len(kept) == 2
    again = evaluate.evaluate(options)
    assert again == first
    assert {path: path.read_text() for path in kept} == kept
    table = evaluation_tables(first)
    for needed in ("tiny", "greedy", "beam 2", "originals, seen", "train_validate.tar", "cpu", "1 pictures left out"):
        assert needed in table
    assert str(tmp_path) not in table


@pytest.mark.tex
@pytest.mark.slow
def test_rendered_formulas_from_labels_to_image_metrics(data, checkpoint_folder, tmp_path):
    options = evaluate.Options(
        data,
        checkpoint=checkpoint_folder,
        sets=("test",),
        beam=(1,),
        device="cpu",
        workers=1,
        cache=tmp_path / "cache",
        out=tmp_path / "out",
    )
    result = evaluate.evaluate(options)["results"][0]
    image = result["scores"][0]["image"]
    assert {column: figures["count"] for column, figures in image.items()} == {"published": 3, "skeleton": 3}
    assert result["without_picture"] == 0
    assert result["drawn_from_skeleton"] == 0
    perfect = [{"key": str(i), "tokens": label} for i, label in enumerate(FORMULAS, start=1)]
    path = tmp_path / "perfect.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in perfect))
    options = replace(options, checkpoint=None, predictions=path, out=tmp_path / "perfect")
    image = evaluate.evaluate(options)["results"][0]["scores"][0]["image"]
    assert image["published"]["strict"] == 100.0
    assert image["published"]["edit"] == 100.0
    assert image["skeleton"]["strict"] == pytest.approx(200 / 3)  # the thin space of the second moves its "= c"
    assert image["skeleton"]["lenient_without_space"] == 100.0


@pytest.mark.tex
def test_the_cache_renders_once_and_keeps_failures(tmp_path, monkeypatch):
    with PictureCache(tmp_path / "cache") as cache:
        cache.render(["x + y", "\\undefinedcommand", "x + y"])
        first = cache.png("x + y")
        assert first is not None
        assert cache.png("\\undefinedcommand") is None
        assert cache.failure("\\undefinedcommand")
        with pytest.raises(KeyError):
            cache.png("never tried")
    monkeypatch.setattr("trainer.picture_cache.LatexRenderer", None)
    with PictureCache(tmp_path / "cache") as cache:
        cache.render(["x + y", "\\undefinedcommand"])
        assert cache.png("x + y") == first
        (grey,) = cache.pictures(["x + y"])
        assert grey is not None
        assert 20 < grey.shape[0] < 60


def test_a_cache_that_cannot_be_opened_names_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--cache"):
        PictureCache(tmp_path / "file")


def test_predict_pictures_lists_and_shards(checkpoint_folder, tmp_path):
    from trainer.data.shards import ShardWriter

    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(bars(60, 20)).save(folder / "one.png")
    (folder / "two.png").write_bytes(b"this is no picture")
    (tmp_path / "list.txt").write_text("pictures/one.png\n\n")
    (tmp_path / "shards").mkdir()
    with ShardWriter(tmp_path / "shards/shard-00000.parquet") as writer:
        writer.add(bars(50, 20), "a = b", "made up", {})
    out = tmp_path / "out/predictions.jsonl"
    options = predict.Options(
        (folder, tmp_path / "list.txt", tmp_path / "shards"), checkpoint=checkpoint_folder, out=out, device="cpu"
    )
    assert predict.main(options) == 1  # one picture could not be read
    lines = {line["key"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert set(lines) == {str(folder / "one.png"), str(folder / "two.png"), "pictures/one.png", "shard-00000.parquet#0"}
    assert "two.png" in lines[str(folder / "two.png")]["error"]
    assert lines["shard-00000.parquet#0"]["truth"] == "a = b"
    one = lines[str(folder / "one.png")]
    assert one["tokens"] == lines["pictures/one.png"]["tokens"]
    assert len(one["confidences"]) == len(one["tokens"].split())


def test_predict_without_pictures_says_so(checkpoint_folder, tmp_path):
    with pytest.raises(DataError, match="no pictures"):
        predict.main(predict.Options((tmp_path,), checkpoint=checkpoint_folder, device="cpu"))
