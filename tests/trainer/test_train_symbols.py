"""Training, measuring and exporting the symbol classifier on a bank of shapes that a few steps can tell apart."""

from __future__ import annotations

import csv
import json
import lzma
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core_model import symbol_net, torch_checkpoint
from core_model.config import PRESETS, SYMBOL_PRESETS
from core_model.errors import DataError
from core_model.hypotheses import log_softmax
from core_model.model import create_model
from core_model.symbol_classifier import SymbolClassifier
from core_model.symbol_net import SymbolNet
from core_model.tokenizer import Tokenizer
from trainer import evaluate_symbols, export_symbols, train_symbols
from trainer.__main__ import main as command
from trainer.config import OptimizerOptions
from trainer.data.symbols import Sampler, crohme_symbols, crohme_test_symbols, detexify_symbols, varied
from trainer.evaluate_symbols import Priors, evaluate, ranks
from trainer.start_encoder import copy_encoder
from trainer.train_symbols import Options

Strokes = list[list[list[float]]]
TURN = np.linspace(0, 2 * np.pi, 24)
SHAPES: dict[str, list[np.ndarray[Any, Any]]] = {
    r"\bigcirc": [np.column_stack((np.sin(TURN), np.cos(TURN)))],
    "|": [np.array([(0.0, -1.0), (0.05, 1.0)])],
    r"\times": [np.array([(-1.0, -1.0), (1.0, 1.0)]), np.array([(1.0, -1.0), (-1.0, 1.0)])],
    "-": [np.array([(-1.0, 0.0), (1.0, 0.0)])],
}


def shape(label: str, rng: np.random.Generator) -> Strokes:
    size, place = rng.uniform(1, 50), rng.uniform(-100, 100, 2)
    return [(line * size + place + rng.normal(0, 0.02 * size, line.shape)).round(3).tolist() for line in SHAPES[label]]


def write(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    labels = [r"\bigcirc", "|", r"\times"]
    drawings = [
        {"symbol": labels[k % 3], "package": None, "mode": "math", "id": str(k), "strokes": shape(labels[k % 3], rng)}
        for k in range(300)
    ]
    write(folder / "detexify" / "strokes.jsonl.xz", drawings)
    for name, count in (("train_2014", 60), ("train_2019", 5), ("test_2014", 8), ("test_2016", 8)):
        expressions = []
        for k in range(count):
            parts = [(label, shape(label, rng)) for label in ("-", r"\times", "|")]
            strokes = [stroke for _, lines in parts for stroke in lines]
            symbols = [{"label": "-", "strokes": [0]}, {"label": r"\times", "strokes": [1, 2]}]
            symbols.append({"label": "|", "strokes": [3]})
            expressions.append({"id": f"{name}-{k}", "latex": "x", "strokes": strokes, "symbols": symbols})
        write(folder / "crohme" / f"{name}.jsonl.xz", expressions)
    return folder


def options(data: Path, out: Path, **changes: Any) -> Options:
    made = Options(
        data, out, preset="symbol-tiny", samples=640, batch=16, log_every=5, validate_every=320, device="cpu",
        optimizer=OptimizerOptions(schedule="cosine", warmup=5, peak=4e-3), threads=1, validation_symbols=50,
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run") / "symbols"
    assert train_symbols.main(options(data, run)) == 0
    return run


def test_parts_follow_from_the_place_and_do_not_mix(data: Path) -> None:
    parts = [one.part for one in detexify_symbols(data)]
    assert parts == [one.part for one in detexify_symbols(data)]
    counted = Counter(parts)
    assert 5 <= counted["test"] <= 30 and counted["validation"] >= 1 and counted["train"] > 240
    crohme = list(crohme_symbols(data))
    assert {one.ink.latex for one in crohme} == {"-", r"\times", "|"}
    assert len(crohme) == 3 * 65 and {one.part for one in crohme} == {"train", "validation"}
    assert all(len(one.ink.strokes) == (2 if one.ink.latex == r"\times" else 1) for one in crohme)
    # The symbols of one expression are on one side.
    assert all(len({one.part for one in crohme[start : start + 3]}) == 1 for start in range(0, len(crohme), 3))
    assert {one.part for one in crohme_test_symbols(data, "test_2014")} == {"test"}


def test_the_sampler_evens_out_as_told() -> None:
    labels = np.array([0] * 900 + [1] * 100 + [3], np.int64)
    rng = np.random.default_rng(1)
    for balance, expected in ((1.0, (0.9, 0.1)), (0.0, (1 / 3, 1 / 3)), (0.5, (30 / 41, 10 / 41))):
        sampler = Sampler(labels, 4, balance)
        drawn = labels[sampler.draw(4000, rng)]
        assert sampler.share[2] == 0 and not (drawn == 2).any()
        assert [np.mean(drawn == k) for k in (0, 1)] == pytest.approx(expected, abs=0.03)
    assert len(set(Sampler(labels, 4, 1.0).draw(2000, rng).tolist())) > 700


def test_variation_is_repeatable_and_keeps_the_symbol(data: Path) -> None:
    one = next(detexify_symbols(data)).ink
    first, again = (varied(one, np.random.default_rng(5)) for _ in range(2))
    assert first == again and first != varied(one, np.random.default_rng(6))
    assert first.latex == one.latex


def test_a_few_steps_tell_the_shapes_apart(data: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = trained / "evaluation-symbols.json"
    assert evaluate_symbols.main(evaluate_symbols.Options(data, trained / "best", out)) == 0
    figures = {(one["name"], one["among"]): one for one in json.loads(out.read_text())}
    assert figures["detexify", "all classes"]["top"]["1"] > 80
    for name in ("test_2014", "test_2016"):
        everything = figures[name, "all classes"]["top"]
        among = figures[name, "CROHME's classes"]
        assert among["count"] == 24 and among["classes"] == 3 and among["top"]["3"] == 100
        assert 80 < everything["1"] <= among["top"]["1"]
    assert "| test_2014 | CROHME's classes | 24 | 3 |" in capsys.readouterr().out


def test_figures_are_not_measured_for_a_place_that_cannot_hold_them(data: Path, trained: Path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        evaluate_symbols.main(evaluate_symbols.Options(data, trained / "best", trained))


def test_going_on_computes_what_an_uninterrupted_run_does(data: Path, trained: Path, tmp_path: Path) -> None:
    halved = options(data, tmp_path / "run", samples=640)
    folder = train_symbols.RunFolder(halved.out, train_symbols.COLUMNS)
    folder.create()
    samples = [*detexify_symbols(data), *crohme_symbols(data)]
    first = train_symbols.Training(halved, folder, samples)
    first._loader = lambda: iter([first.batches[step] for step in range(20)])  # type: ignore[method-assign]
    first.run()
    assert first.step == 20
    assert train_symbols.main(halved) == 0
    whole = torch.load(trained / "last" / "state.pt", weights_only=True)["model"]
    parts = torch.load(halved.out / "last" / "state.pt", weights_only=True)["model"]
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())

    def losses(run: Path) -> list[str]:
        with (run / "metrics.csv").open(newline="") as file:
            return [row["train_loss"] for row in csv.DictReader(file)]

    assert losses(halved.out) == losses(trained)
    with pytest.raises(DataError, match="another balance"):
        train_symbols.main(replace(halved, balance=0.1))


def test_crohme_can_be_left_out_and_the_card_says_so(data: Path, trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "free"
    assert train_symbols.main(options(data, run, samples=32, crohme=False)) == 0
    classifier = SymbolClassifier.load(run / "best")
    assert classifier.classes == (r"\bigcirc", r"\times", "|")
    assert [one.among for one in evaluate("test_2014", classifier, list(crohme_test_symbols(data, "test_2014")))] == [
        "all classes"
    ]
    for source, said in ((run, "--no-crohme"), (trained, "BY-NC-SA")):
        assert export_symbols.main(export_symbols.Options(source, out=tmp_path / "box")) == 0
        card = (tmp_path / "box" / "symbol-cnn" / "CARD.md").read_text()
        assert said in card and "ODbL" in card
    assert SymbolClassifier.load(tmp_path / "box" / "symbol-cnn").classes == ("-", *classifier.classes)


def test_an_encoder_that_saw_crohme_makes_the_symbols_crohmes(data: Path, trained: Path, tmp_path: Path) -> None:
    run, start = tmp_path / "free", tmp_path / "start"
    shutil.copytree(trained / "best", start)
    assert train_symbols.main(options(data, run, samples=32, crohme=False, start_from=start)) == 0
    shutil.rmtree(start)
    assert train_symbols.main(options(data, run, samples=64, crohme=False, start_from=start)) == 0
    assert export_symbols.main(export_symbols.Options(run, out=tmp_path / "box")) == 0
    card = (tmp_path / "box" / "symbol-cnn" / "CARD.md").read_text()
    assert "non-commercial use" in " ".join(card.split()) and "--no-crohme" not in card


def test_figures_count_as_they_should() -> None:
    scores = np.array([[3, 2, 1], [1, 2, 3], [1, 3, 2]], np.float32)
    assert ranks(scores, np.array([1, 2, -1])).tolist() == [1, 0, 3]
    classes = ("a", "b", "c")
    priors = Priors({"crohme_counts": {"a": 1, "b": 3}, "drawn": {"a": 0.5, "b": 0.3, "c": 0.2}}, classes)
    assert priors.known == [0, 1]
    plain = priors.among_crohme(scores, weighted=False)
    assert plain[1].tolist() == [1, 2, -np.inf]
    weighted = np.exp(log_softmax(priors.among_crohme(np.zeros((1, 3), np.float32), weighted=True)))[0]
    # Scores of 0 say "as often as drawn": put in CROHME's frequency, 1 to 3 over 5 to 3.
    assert weighted.tolist() == pytest.approx([1 / 6, 5 / 6, 0])


def test_an_encoder_is_taken_over_from_either_kind_of_checkpoint(trained: Path, tmp_path: Path) -> None:
    formula = create_model(PRESETS["tiny"], 10)
    tokenizer = Tokenizer(list("abcdefg"))
    torch_checkpoint.save(tmp_path / "formula", formula, tokenizer)
    network = SymbolNet(SYMBOL_PRESETS["symbol-tiny"], 3)
    copy_encoder(tmp_path / "formula", network.encoder)
    stored = torch_checkpoint.load(tmp_path / "formula")[0].encoder.state_dict()
    assert all(torch.equal(tensor, stored[name]) for name, tensor in network.encoder.state_dict().items())
    copy_encoder(trained / "best", formula.encoder)
    best = symbol_net.load(trained / "best")[0].encoder.state_dict()
    assert all(torch.equal(tensor, best[name]) for name, tensor in formula.encoder.state_dict().items())
    with pytest.raises(DataError, match="another shape"):
        copy_encoder(trained / "best", create_model(PRESETS["formulens"], 10).encoder)


def test_the_command_line(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--data", str(data), "--out", str(tmp_path / "run"), "--samples", "16", "--batch", "8", "--device", "cpu"]
    assert command(["train", "--preset=symbol-tiny", *flags]) == 0
    assert "4 classes" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command(["train", "--preset", "symbol-tiny", *flags, "--schedule", "plateau"])
    assert "plateau" in capsys.readouterr().err
    assert command(["evaluate-symbols", "--data", str(tmp_path), "--checkpoint", str(tmp_path / "run" / "best")]) == 2
    assert "--data" in capsys.readouterr().err
