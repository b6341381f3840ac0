import json
import lzma
from pathlib import Path
from typing import Any

import pytest
import torch

from core_model import checkpoint, torch_checkpoint
from core_model.config import PRESETS
from core_model.errors import CheckpointError, DataError
from core_model.model import create_model
from core_model.tokenizer import Tokenizer
from trainer import export
from trainer.model_card import CardFacts, model_card

EVALUATION = {
    "format": 1,
    "checkpoint": {"name": "best", "digest": "0123456789abcdef", "extra": {}},
    "device": "cpu",
    "threads": 2,
    "runtime": "NumPy 2.4.6",
    "command": "trainer evaluate --data DIR --checkpoint DIR --sets test --beam 1",
    "results": [
        {
            "set": "test",
            "label_file": "im2latex_test.txt.xz",
            "pictures": "own renders",
            "left_out": 0,
            "unparsed_labels": 2,
            "without_picture": 0,
            "decode": {"beam": 1},
            "scores": [
                {
                    "group": "",
                    "count": 9444,
                    "text": {"skeleton": {"bleu": 91.25, "edit": 93.0, "exact": 60.0, "token_accuracy": 95.0}},
                    "image": {},
                    "calibration": {"auroc": 0.912, "ece": 0.0213},
                }
            ],
        }
    ],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    torch.manual_seed(0)
    tokenizer = Tokenizer(["a", "b", "{", "}"])
    torch_checkpoint.save(
        folder / "best",
        create_model(PRESETS["tiny"], len(tokenizer)),
        tokenizer,
        "old card",
        {"step": 12, "hours": 1.25, "validation": {"val_bleu": 88.125}},
    )
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    report = {"prepared": {"k12": 1200, "arxiv_inline": 34000}, "renderers": {"latex": 35000, "ziamath": 200}}
    (prepared / "report.json").write_text(json.dumps(report))
    config = {"data": str(prepared), "batch": 64, "schedule": {"warmup": 300}, "device": "cpu"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.csv").write_text("step,samples,hours,loss,val_bleu\n10,640,0.1,3.0,\n20,812345,1.25,0.5,88.1\n")
    (folder / "evaluation.json").write_text(json.dumps(EVALUATION))
    return folder


def test_export_writes_a_checkpoint_with_its_card(run, tmp_path, capsys):
    out = tmp_path / "box"
    assert export.main(export.Options(run=run, name="formulens", out=out)) == 0
    model, tokenizer, config = torch_checkpoint.load(out / "formulens")
    original, _, _ = torch_checkpoint.load(run / "best")
    assert tokenizer.tokens[3:] == ("a", "b", "{", "}")
    assert config["extra"]["step"] == 12
    for name, tensor in original.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    assert {path.name for path in (out / "formulens").iterdir()} == set(checkpoint.FILES)
    assert "MB" in capsys.readouterr().out


def test_the_card_says_what_it_must(run, tmp_path):
    (tmp_path / "robustness.md").write_text("### Robustness\n\nA table.\n")
    export.main(export.Options(run=run, out=tmp_path / "box", results=(tmp_path / "robustness.md",)))
    card = (tmp_path / "box/formulens/CARD.md").read_text()
    for needed in (
        "k12",
        "1,200",
        "34,000",
        "each paper's own",
        "ziamath (200)",
        "Samples seen: 812,345",
        "1.25 hours",
        "Device: cpu",
        "val_bleu 88.12",
        "schedule.warmup 300",
        "91.2",
        "0.912",
        "trainer evaluate --data DIR",
        "9444",
        "### Robustness",
        "## Limits",
    ):
        assert needed in card
    assert str(tmp_path) not in card


def test_a_run_without_evaluation_says_so():
    card = model_card(CardFacts(name="bare", parameters=5_000_000, vocabulary=10))
    assert "Not evaluated yet" in card
    assert "5.0 million parameters" in card


def ink_report(prepared: dict[str, int], crohme: bool = True) -> dict[str, Any]:
    options = {"lists": ["k12"], "sources": {"crohme": crohme}}
    return {"prepared": prepared, "renderers": {"ink": sum(prepared.values())}, "options": options}


def exported(run: Path, tmp_path: Path, *reports: dict[str, Any], **options: Any) -> tuple[str, dict[str, Any]]:
    """The card, its line breaks taken out, and what the checkpoint tells of itself."""
    folders = [tmp_path / "prepared"]
    for number, report in enumerate(reports):
        folders.append(tmp_path / f"ink {number}")
        folders[-1].mkdir()
        (folders[-1] / "report.json").write_text(json.dumps(report))
    export.main(export.Options(run=run, out=tmp_path / "box", prepared=tuple(folders), **options))
    folder = tmp_path / "box" / "formulens"
    extra = json.loads((folder / "config.json").read_text())["extra"]
    return " ".join((folder / "CARD.md").read_text().split()), extra


def test_a_model_of_print_says_that_it_knows_no_handwriting(run, tmp_path):
    card, extra = exported(run, tmp_path)
    assert "Handwriting was not trained" in card and "pictures of printed formulas as LaTeX" in card
    assert "code: MIT" in card and "CROHME" not in card
    assert (extra["trained_on"], extra["crohme"]) == (["print"], False)


def test_a_model_that_saw_crohme_says_what_its_licence_means_and_what_the_tests_share(run, tmp_path):
    crohme = tmp_path / "data" / "crohme"
    crohme.mkdir(parents=True)
    truths = {
        "train_2014": ["x^2", "x ^ {2}", r"\left( a \right)", "b", "y ^"],
        "train_2019": ["(a)"],
        "test_2014": ["x^{2}", "(a)", "c", "y ^"],
        "test_2016": ["b", "d"],
    }
    for name, formulas in truths.items():
        lines = [
            json.dumps({"id": "1", "latex": f"${f}$", "strokes": [[[0, 0], [1, 1]]], "symbols": []}) for f in formulas
        ]
        (crohme / f"{name}.jsonl.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    reports = ink_report({"crohme": 6}), ink_report({"k12": 70})
    card, extra = exported(run, tmp_path, *reports, data=tmp_path / "data")
    for needed in (
        "written by hand",
        "non-commercial purposes only",
        "CC BY-NC-SA 3.0",
        "code is MIT",
        "--no-crohme",
        "| k12 | school mathematics (jacklee018/image-to-latex) | 1,200 |",
        "| 6 | CC BY-NC-SA 3.0, research use |",
        "cut from CROHME's training ink | 70 |",
        "written synthetically, formulas whose skeleton is that of a truth of CROHME's tests 2014 and 2016",
        "Of its 6 expressions, by skeleton, 4 have a formula of test 2014, which is that of 2 of its 4 expressions; "
        "1 have a formula of test 2016, which is that of 1 of its 2 expressions.",
    ):
        assert needed in card
    assert "Handwriting was not trained" not in card and "Weights and program code: MIT" not in card
    assert (extra["trained_on"], extra["crohme"]) == (["print", "ink"], True)


def test_a_card_without_the_data_folder_says_that_nothing_was_counted(run, tmp_path):
    assert "was not counted" in exported(run, tmp_path, ink_report({"crohme": 6}))[0]


def test_ink_without_crohme_leaves_the_weights_to_the_programs_licence(run, tmp_path):
    card, extra = exported(run, tmp_path, ink_report({"k12": 70, "my notes": 3}, crohme=False))
    assert "code: MIT" in card and "NC-SA" not in card
    assert "InkML of a folder | 3 | not recorded" in card
    assert (extra["trained_on"], extra["crohme"]) == (["print", "ink"], False)


def test_a_folder_of_inkml_counts_as_crohmes_unless_it_was_said_not_to_be(run, tmp_path):
    card, extra = exported(run, tmp_path, ink_report({"TrainINKML_2013": 30}))
    assert "non-commercial purposes only" in card and extra["crohme"]
    assert "| TrainINKML_2013 | InkML of a folder | 30 | not recorded |" in card


def test_without_reports_of_its_data_nothing_is_exported(run, tmp_path):
    """For the licence of the weights depends on them."""
    (tmp_path / "prepared").rename(tmp_path / "moved")
    with pytest.raises(DataError, match="--prepared"):
        export.main(export.Options(run=run, out=tmp_path / "box"))
    assert not (tmp_path / "box").exists()
    assert export.main(export.Options(run=run, out=tmp_path / "box", prepared=(tmp_path / "moved",))) == 0


def test_what_a_best_checkpoint_tells_of_itself_is_not_lost(run, tmp_path):
    """It knows of a beginning that is gone since."""
    content = json.loads((run / "best" / "config.json").read_text())
    content["extra"]["crohme"] = True
    (run / "best" / "config.json").write_text(json.dumps(content))
    card, extra = exported(run, tmp_path)
    assert "non-commercial purposes only" in card and extra["crohme"]


def test_weights_that_began_with_crohmes_are_crohmes(run, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    (before / "config.json").write_text(json.dumps({"extra": {"crohme": True}}))
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"start_from": str(before)}))
    card, extra = exported(run, tmp_path)
    assert "non-commercial purposes only" in card and extra["crohme"]


def test_samples_before_and_after_a_new_beginning_are_added_up(run, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    (before / "config.json").write_text(json.dumps({"extra": {"samples": 482_636, "hours": 5.4}}))
    for path, change in ((run / "config.json", {"start_from": str(before)}), (run / "best" / "config.json", {})):
        content = json.loads(path.read_text()) | change
        if "extra" in content:
            content["extra"] |= {"samples": 254_000}
        path.write_text(json.dumps(content))
    export.main(export.Options(run=run, out=tmp_path / "box"))
    card = (tmp_path / "box/formulens/CARD.md").read_text()
    assert "Samples seen: 736,636, 482,636 of them by the checkpoint that this run began with" in card
    assert "Time: 6.65 hours, 5.40 of them those of that checkpoint" in card
    extra = torch_checkpoint.load(tmp_path / "box/formulens")[2]["extra"]
    assert (extra["samples"], round(extra["hours"], 2)) == (736_636, 6.65)


def test_missing_and_damaged_files_are_named(run, tmp_path):
    with pytest.raises(CheckpointError, match="best"):
        export.main(export.Options(run=tmp_path / "nothing", out=tmp_path / "box"))
    with pytest.raises(DataError, match=r"report"):
        export.main(export.Options(run=run, out=tmp_path / "box", prepared=(tmp_path / "gone",)))
    (run / "evaluation.json").write_text("{")
    with pytest.raises(DataError, match=r"evaluation\.json"):
        export.main(export.Options(run=run, out=tmp_path / "box"))
    assert not (tmp_path / "box").exists()


def test_a_checkpoint_too_large_for_the_box_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LIMIT_MEGABYTES", 0.001)
    with pytest.raises(DataError, match="room for"):
        export.main(export.Options(run=run, out=tmp_path / "box"))
