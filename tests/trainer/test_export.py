import json
from pathlib import Path

import pytest
import torch

from core_model import checkpoint
from core_model.errors import CheckpointError, DataError
from core_model.model import PRESETS, create_model
from core_model.tokenizer import Tokenizer
from trainer import export
from trainer.model_card import CardFacts, model_card

EVALUATION = {
    "format": 1,
    "checkpoint": {"name": "best", "digest": "0123456789abcdef", "extra": {}},
    "device": "cpu",
    "threads": 2,
    "torch": "2.13.0",
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
    checkpoint.save(
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
    model, tokenizer, config = checkpoint.load(out / "formulens")
    original, _, _ = checkpoint.load(run / "best")
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
