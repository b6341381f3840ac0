"""CROHME's ink in `trainer evaluate`: sets, standard tokens, the place of mistakes, photographs. The ink is made up."""

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core_model import torch_checkpoint
from core_model.config import PRESETS
from core_model.errors import DataError
from core_model.ink import read_json, write_inkml
from core_model.latex import skeleton
from core_model.model import create_model
from core_model.recognizer import Recognizer
from core_model.strokes import rasterize
from core_model.tokenizer import Tokenizer
from trainer import evaluate, plots, predict
from trainer.data.ink_shards import write_inks
from trainer.data.shards import shard_path
from trainer.evaluate_ink import break_down, load_ink_set
from trainer.evaluation_report import evaluation_tables
from trainer.evaluation_sets import EvaluationSet, load_set
from trainer.ink_truth import standard_tokens, structures_of
from trainer.model_card import CardFacts, model_card
from trainer.reading import Reading
from trainer.scoring import score_set

TRUTHS = {
    "one": "x ^ { 2 } + 1",
    "two": "\\sum \\limits _ { i = 1 } ^ { n } ( \\frac { a } { b } )",
    "three": "\\sqrt { x }",
    "four": "a",
}


def line(name: str, latex: str, **more: Any) -> str:
    dice = np.random.default_rng(len(name) + 7 * len(latex))
    strokes = [np.cumsum(dice.normal(1, 4, (12, 2)), axis=0).round(2).tolist() for _ in range(3)]
    return json.dumps({"id": name, "latex": latex, "strokes": strokes, "symbols": []} | more) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in the published layout."""
    folder = tmp_path / "data" / "crohme"
    folder.mkdir(parents=True)
    validation = [line(name, f"${latex}$", in_train=None) for name, latex in TRUTHS.items()]
    validation.insert(1, line("seen", "$x$", in_train="train_2014"))
    test = [line(name, "$broken {$", gt_tokens=latex) for name, latex in TRUTHS.items()]
    for name, lines in (("test_2012", validation), ("test_2014", test)):
        (folder / f"{name}.jsonl.xz").write_bytes(lzma.compress("".join(lines).encode()))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights."""
    tokenizer = Tokenizer([*"abnix12+={}^_()", "\\frac", "\\sum", "\\sqrt"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model(PRESETS["tiny"], len(tokenizer))
    with torch.no_grad():
        model.decoder.output.bias[tokenizer.eos_id] += 0.6
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    torch_checkpoint.save(folder, model, tokenizer, "# tiny\n", {"samples": 7})
    return folder


def read_as(chosen: EvaluationSet, texts: dict[str, str]) -> list[Reading]:
    return [
        Reading(item.key, tokens := tuple(texts[item.key].split()), (0.5,) * len(tokens), 0.5, "end")
        for item in chosen.items
    ]


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        (r"\left( \frac{a}{b} \right)^2", "( \\frac { a } { b } ) ^ { 2 }"),
        (r"\left\{ x \right.", "\\{ x"),
        (r"\mathrm{M}_3 \text{-} \mathrm{Pa}", "M _ { 3 } - P a"),
        (r"{v_1}^2 + {60}^o", "v _ { 1 } ^ { 2 } + 6 0 ^ { o }"),
        (r"{a^1}^2", "{ a ^ { 1 } } ^ { 2 }"),
        (r"\sum_{k=1}^n k \int y", "\\sum \\limits _ { k = 1 } ^ { n } k \\int y"),
        (r"\int_a^b x + \log_2 x", "\\int \\limits _ { a } ^ { b } x + \\log _ { 2 } x"),
        (r"\frac{\lim\nolimits_{n \to 0}}{2}", "\\frac { \\lim \\limits _ { n \\rightarrow 0 } } { 2 }"),
        (r"\operatorname{gh}_1 \big( \tfrac12", "g h _ { 1 } ( \\frac { 1 } { 2 }"),
        (r"\boldsymbol{x} + \pmb{\alpha}_1 \bm{v}^2", "x + \\alpha _ { 1 } v ^ { 2 }"),
        (r"\left\| x \right\| \mathcal{L} \, \sqrt[3]{\mathbf{x}}", "| | x | | \\mathcal { L } \\sqrt [ 3 ] { x }"),
        (r"\begin{matrix} \mathrm{a} & b \end{matrix}^2", "\\begin{array} { c c } a & b \\end{array} ^ { 2 }"),
        ("} broken {", "} broken {"),
    ],
)
def test_readings_are_rewritten_in_standard_tokens(written: str, standard: str) -> None:
    tokens = skeleton(written) if "broken" not in written else written.split()
    assert " ".join(standard_tokens(tokens)) == standard
    assert standard_tokens(standard.split()) == tuple(standard.split())


@pytest.mark.parametrize(
    ("latex", "kinds"),
    [
        ("x + 1", {"script depth 0"}),
        (r"\frac{1}{x^2}", {"fraction", "script depth 1"}),
        (r"\sqrt[n]{e^{x^2}}", {"root", "script depth 2+"}),
        (r"\sum_{i=1}^{n} i", {"limits", "script depth 0"}),
        (r"\lim_{x^2 \to 0} x", {"limits", "script depth 1"}),
        (r"\begin{matrix} a \\ b_1 \end{matrix}", {"several rows", "script depth 1"}),
        ("} broken", set()),
    ],
)
def test_structures_of_an_expression(latex: str, kinds: set[str]) -> None:
    assert structures_of(latex.split(" ")) == kinds


def test_the_validation_set_leaves_out_what_training_has(data: Path) -> None:
    chosen = load_set("crohme-2012", data)
    assert [item.key for item in chosen.items] == list(TRUTHS)
    assert (chosen.left_out, chosen.left_out_because) == (1, "the same ink is in a training set")
    assert chosen.label_file == "crohme/test_2012.jsonl.xz, annotation"
    two = chosen.items[1]
    assert " ".join(two.truth) == "\\sum _ { i = 1 } ^ { n } ( \\frac { a } { b } )"
    assert " ".join(two.standard) == TRUTHS["two"]
    assert load_set("crohme-2012", data, limit=2).items == chosen.items[:2]


def test_the_standard_truth_goes_before_the_annotation(data: Path) -> None:
    chosen = load_set("crohme-2014", data)
    assert [" ".join(item.standard) for item in chosen.items] == list(TRUTHS.values())
    assert all(item.parsed for item in chosen.items)
    assert (chosen.left_out, chosen.label_file) == (0, "crohme/test_2014.jsonl.xz, gt_tokens")
    with pytest.raises(DataError, match="test_2016"):
        load_set("crohme-2016", data)
    with pytest.raises(DataError, match="crohme-1999"):
        load_ink_set("crohme-1999", data)


def test_rates_lengths_structures_and_confusions(data: Path) -> None:
    chosen = load_set("crohme-2014", data)
    read = {
        "one": "x ^ { 3 } + 1",
        "two": "\\sum _ { i = 1 } ^ { n } \\left( \\frac { a } { b } \\right)",
        "three": "\\sqrt { x } +",
        "four": "",
    }
    readings = read_as(chosen, read)
    (score,) = score_set(chosen, readings)
    standard, ours = score.text["standard"], score.text["skeleton"]
    assert (standard.exact, standard.errors_1, standard.errors_2) == (25, 100, 100)
    assert (ours.exact, ours.errors_1, ours.errors_2) == (0, 75, 100)
    (found,) = break_down(chosen, readings)
    assert [(share.name, share.count, share.exact) for share in found.lengths] == [
        ("1 to 5", 2, 0),
        ("6 to 10", 1, 0),
        ("21 to 30", 1, 100),
    ]
    by_name = {share.name: (share.count, share.exact, share.errors_1) for share in found.structures}
    assert by_name == {
        "fraction": (1, 100, 100),
        "root": (1, 0, 100),
        "script depth 0": (3, pytest.approx(100 / 3), 100),
        "script depth 1": (1, 0, 100),
        "limits": (1, 100, 100),
    }
    assert found.confusions == (("", "+", 1), ("2", "3", 1), ("a", "", 1))


def test_photographs_are_the_same_every_time_and_other_than_the_drawing(data: Path) -> None:
    chosen = load_set("crohme-photos", data, photos=2)
    assert [item.group for item in chosen.items] == ["clean", "clean", "photo", "photo"]
    again = load_set("crohme-photos", data, photos=2)
    for clean, photo, repeated in zip(chosen.items[:2], chosen.items[2:], again.items[2:], strict=True):
        assert clean.draw is not None and photo.draw is not None and repeated.draw is not None
        assert photo.key == repeated.key == clean.key.replace("clean", "photo")
        assert photo.truth == clean.truth
        taken = photo.draw()
        assert np.array_equal(taken, repeated.draw())
        assert taken.shape != clean.draw().shape
        assert np.median(taken) < 254 and np.unique(taken).size > 50
    scores = score_set(chosen, [Reading(item.key, item.truth, None, 1.0, "end") for item in chosen.items])
    assert [(score.group, score.count, score.text["standard"].exact) for score in scores] == [
        ("clean", 2, 100),
        ("photo", 2, 100),
    ]
    assert len(load_set("crohme-photos", data).items) == 2 * len(TRUTHS)


def test_from_ink_to_tables_page_and_card(
    data: Path, checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = evaluate.Options(
        data,
        checkpoint=checkpoint_folder,
        sets=("crohme-2012", "crohme-photos"),
        beam=(1, 2),
        photos=1,
        device="cpu",
        workers=1,
        cache=tmp_path / "cache",
        out=out,
    )
    assert evaluate.main(options) == 0
    printed = capsys.readouterr().out
    written = json.loads((out / "evaluation.json").read_text())
    assert [(result["set"], result["decode"]["beam"]) for result in written["results"]] == [
        ("crohme-2012", 1),
        ("crohme-2012", 2),
        ("crohme-photos", 1),
        ("crohme-photos", 2),
    ]
    for result in written["results"]:
        assert [part["group"] for part in result["ink"]] == [score["group"] for score in result["scores"]]
        assert result["without_picture"] == 0
    left_out = "1 pictures left out (the same ink is in a training set)"
    names = ("| crohme-2012 ", "crohme-photos, clean", "crohme-photos, photo")
    for needed in (*names, "annotation", "1 to 5", "beam 2", "script depth 0", left_out, "--photos 1"):
        assert needed in printed
    assert "BLEU published" not in printed  # nothing printed was evaluated
    assert evaluation_tables(written).rstrip() in model_card(CardFacts("m", evaluations=[written]))
    assert str(tmp_path) not in evaluation_tables(written)
    pages = sorted(path.name for path in out.glob("wrong-*.png"))
    assert "wrong-crohme-2012-greedy.png" in pages and "wrong-crohme-photos-beam2.png" in pages
    predictions = out / "predictions-crohme-2012-greedy.jsonl"
    keys = [json.loads(text)["key"] for text in predictions.read_text().splitlines()[1:]]
    assert keys == list(TRUTHS)
    examples = plots.read_examples(plots.ExamplesOptions(predictions, data=data))
    first = load_set("crohme-2012", data).items[0]
    assert first.draw is not None
    (picture,) = plots.pictures_of(examples[:1])
    assert picture is not None and np.array_equal(picture, first.draw())
    plots.save_figure(plots.plot_examples(*plots.choose_examples(examples, 2, 1)), tmp_path / "examples.png")


def test_a_perfect_reader_has_no_page(data: Path, tmp_path: Path) -> None:
    chosen = load_set("crohme-2014", data)
    path = tmp_path / "perfect.jsonl"
    path.write_text("".join(json.dumps({"key": i.key, "tokens": " ".join(i.truth)}) + "\n" for i in chosen.items))
    options = evaluate.Options(
        data, sets=("crohme-2014",), predictions=path, cache=tmp_path / "cache", out=tmp_path / "out"
    )
    (result,) = evaluate.evaluate(options)["results"]
    assert result["scores"][0]["text"]["standard"]["exact"] == 100
    assert result["ink"][0]["confusions"] == ()
    assert list((tmp_path / "out").glob("*.png")) == []


def test_what_is_evaluated_is_what_the_program_reads(data: Path) -> None:
    """One way from ink to picture: the rasteriser as it is by default."""
    from trainer.data.crohme import read_expressions, set_path

    expressions = list(read_expressions(set_path(data, "test_2014")))
    for item, expression in zip(load_set("crohme-2014", data).items, expressions, strict=True):
        assert item.draw is not None and np.array_equal(item.draw(), rasterize(expression.ink))


def test_predict_reads_ink_files_folders_and_shards(data: Path, checkpoint_folder: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "drawn", tmp_path / "out.jsonl"
    folder.mkdir()
    inks = [read_json(json.loads(line(name, latex))) for name, latex in TRUTHS.items()]
    for ink in inks[:2]:
        write_inkml(folder / f"{ink.identifier}.inkml", ink)
    (folder / "bad.inkml").write_text("<ink><trace>1</trace></ink>", encoding="utf-8")
    many = tmp_path / "many.jsonl"
    many.write_text("".join(line(name, latex) for name, latex in TRUTHS.items()), encoding="utf-8")
    shards = tmp_path / "shards"
    shards.mkdir()
    write_inks(shard_path(shards, 0), [(ink, "crohme", (20, 30)) for ink in inks])
    options = predict.Options((folder, many, shards), checkpoint=checkpoint_folder, out=out, device="cpu")
    assert predict.main(options) == 1  # for the bad one
    found = {record["key"]: record for record in map(json.loads, out.read_text().splitlines())}
    assert "bad.inkml" in found.pop(str(folder / "bad.inkml"))["error"]
    assert set(found) == (
        {str(folder / f"{name}.inkml") for name in list(TRUTHS)[:2]}
        | {f"{many}#{name}" for name in TRUTHS}
        | {f"crohme#{name}" for name in TRUTHS}
    )
    recognizer = Recognizer.load(checkpoint_folder, "cpu")
    for ink in inks:
        alone = recognizer.recognize(ink).latex
        assert alone == found[f"{many}#{ink.identifier}"]["latex"]
        assert found[f"crohme#{ink.identifier}"]["truth"] == ink.latex
    assert found[str(folder / "one.inkml")]["latex"] == recognizer.recognize(inks[0]).latex
