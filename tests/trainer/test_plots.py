"""Figures are real files with ink in them, and say plainly what is missing."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
import tyro
from PIL import Image

from core_model.config import PRESETS
from core_model.errors import DataError
from core_model.model import create_model
from core_model.preprocessing import prepare
from core_model.recognizer import Recognizer, TokenReading
from core_model.tokenizer import Tokenizer
from core_model.torch_checkpoint import save
from trainer.plots import (
    AttentionOptions,
    Example,
    ExamplesOptions,
    LossOptions,
    Options,
    choose_examples,
    main,
    plot_attention,
    plot_curves,
    plot_examples,
    read_examples,
    read_metrics,
)

METRICS = """step,samples,lr,train_loss,val_loss,val_bleu,val_exact
50,2400,0.001,5.5,,,
100,4800,0.002,4.5,4.6,1.5,0
150,7200,0.001,,4.1,20,
200,9600,0.0005,nonsense,3.9,40,12.5
"""


def blocks(width: int = 120) -> np.ndarray:
    """A picture with three upright strokes."""
    picture = np.full((30, width), 255, np.uint8)
    for left in (10, 50, 90):
        picture[8:22, left : left + 3] = 0
    return picture


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))


def test_curves_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    out = tmp_path / "figures" / "curves.png"
    assert main(LossOptions((tmp_path,), out=out)) == 0
    picture = shown(out)
    assert picture.shape[0] > 300
    assert (picture.std(axis=2) > 20).any(), "no coloured curve"


def test_empty_cells_are_gaps(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    columns = read_metrics(tmp_path)
    np.testing.assert_array_equal(np.isnan(columns["train_loss"]), [False, False, True, True])
    figure = plot_curves({"run": columns})
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss", "free-running, validation (%)", "learning rate"]
    training, validation = figure.axes[0].get_lines()
    assert list(training.get_xdata()) == [2400, 4800]
    assert list(validation.get_ydata()) == [4.6, 4.1, 3.9]


def test_several_runs_share_panels(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(METRICS)
    figure = plot_curves({name: read_metrics(tmp_path / name) for name in ("one", "two")})
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        "one: training",
        "one: validation",
        "two: training",
        "two: validation",
    ]


@pytest.mark.parametrize("content", [None, "", "step,loss\n1,2\n", "step,samples\n"])
def test_no_curve_is_a_plain_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(DataError, match=r"metrics\.csv"):
        read_metrics(tmp_path)


def test_nothing_measured_yet_is_a_plain_error() -> None:
    with pytest.raises(DataError, match="nothing to draw"):
        plot_curves({"run": {"samples": np.array([1.0]), "train_loss": np.array([np.nan])}})


def test_unknown_format_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(METRICS)
    with pytest.raises(DataError, match="must end in one of"):
        main(LossOptions((tmp_path,), out=tmp_path / "curves.xyz"))


def test_attention_lies_over_its_stroke() -> None:
    picture = blocks()
    prepared = prepare(picture)
    rows, columns = -(-prepared.pixels.shape[0] // 8), -(-prepared.pixels.shape[1] // 8)
    attention = np.zeros((rows, columns), np.float16)
    attention[rows // 2, columns - 1] = 1
    tokens = [TokenReading(text, 0.5, (), attention, prepared) for text in ("\\frac", "$", "_")]
    figure = plot_attention(picture, tokens, "a $ b_{", limit=2)
    assert [axes.get_title().split()[0] for axes in figure.axes] == ["\\frac", "$"]
    figure.canvas.draw()
    heat = figure.axes[0].get_images()[1]
    left, right, _, _ = heat.get_extent()
    assert left <= 10
    assert right >= 93


def test_attention_of_a_picture(tmp_path: Path) -> None:
    torch.manual_seed(1)
    tokenizer = Tokenizer(["x", "y", "+"])
    save(tmp_path / "model", create_model(PRESETS["tiny"], len(tokenizer)).eval(), tokenizer)
    Image.fromarray(blocks()).save(tmp_path / "formula.png")
    out = tmp_path / "a.svg"
    options = AttentionOptions(tmp_path / "formula.png", checkpoint=tmp_path / "model", device="cpu", limit=3, out=out)
    reading = Recognizer.load(tmp_path / "model", "cpu").recognize(blocks())
    if reading.tokens:
        assert main(options) == 0
        assert out.read_text().startswith("<?xml")
    else:  # a model with fresh weights may end at once
        with pytest.raises(DataError, match="nothing was read"):
            main(options)


def examples() -> list[Example]:
    pairs = [("a", "a"), ("a b", "a b"), ("a b c", "a b d"), ("a b c d", "x"), ("a b", "a b b")]
    return [
        Example(str(i), tuple(truth.split()), tuple(read.split()), blocks()) for i, (truth, read) in enumerate(pairs)
    ]


def test_examples_are_right_and_wrong(tmp_path: Path) -> None:
    right, wrong = choose_examples(examples(), 2, seed=1)
    assert {example.key for example in right} == {"0", "1"}
    assert [example.key for example in wrong] == ["2", "3"], "the nearest and the farthest"
    figure = plot_examples(right, wrong)
    texts = [axes.get_xlabel() for axes in figure.axes]
    assert any("truth: a b c d" in text and "read:  x" in text and "edit 0 %" in text for text in texts)


def test_one_kind_may_be_missing() -> None:
    assert plot_examples(*choose_examples(examples()[:2], 3, seed=1))
    assert plot_examples(*choose_examples(examples()[2:], 3, seed=1))


def test_examples_from_a_file(tmp_path: Path) -> None:
    Image.fromarray(blocks()).save(tmp_path / "one.png")
    lines = [
        {"key": str(tmp_path / "one.png"), "truth": "x + y", "tokens": "x + y", "ended": "end"},
        {"file": "two.png", "truth": "x \\, y", "prediction": "x z"},
        {"key": "three", "tokens": "x"},
        {"key": "four", "error": "not a picture"},
    ]
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read_examples(ExamplesOptions(path))
    assert [(e.truth, e.prediction) for e in found] == [(("x", "+", "y"),) * 2, (("x", "y"), ("x", "z"))]
    assert main(ExamplesOptions(path, count=2, out=tmp_path / "examples.png")) == 0
    assert (shown(tmp_path / "examples.png") < 128).any()


@pytest.mark.parametrize("content", ["not json\n", '{"key": "a", "tokens": "x"}\n', ""])
def test_predictions_without_truth_are_a_plain_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text(content)
    with pytest.raises(DataError, match=r"predictions\.jsonl"):
        read_examples(ExamplesOptions(path))


def test_a_set_needs_its_data(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"about": {"set": "validation"}}\n{"key": "1", "tokens": "x"}\n')
    with pytest.raises(DataError, match="--data"):
        read_examples(ExamplesOptions(path))
    (tmp_path / "formulas").mkdir()
    (tmp_path / "formulas" / "im2latex_val.txt").write_text("x \\, y\n")
    found = read_examples(ExamplesOptions(path, data=tmp_path))
    assert found == [Example("1", ("x", "y"), ("x",), "x \\, y")]


def test_command_line() -> None:
    assert tyro.cli(Options, args=["loss", "run", "--out", "x.png"]) == LossOptions((Path("run"),), out=Path("x.png"))
    parsed = tyro.cli(Options, args=["examples", "predictions.jsonl", "--count", "3"])
    assert isinstance(parsed, ExamplesOptions)
    assert parsed.count == 3


def test_no_global_state() -> None:
    before = mpl.get_backend()
    plot_examples(*choose_examples(examples(), 2, seed=1))
    assert mpl.get_backend() == before
    from matplotlib import _pylab_helpers

    assert not _pylab_helpers.Gcf.get_all_fig_managers()
