"""Training on print and ink together: shares, validation apart, and runs that began with print alone."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from core_model import torch_checkpoint
from trainer.__main__ import main
from trainer.run_state import COLUMNS, RunFolder

FLAGS = (
    "--preset tiny --min-count 1 --batch 8 --round-batches 4 --log-every 1 --device cpu --precision fp32 --threads 1 "
    "--validation-pictures 4 --validation-inks 4 --validate-every 1000"
)
OLD_COLUMNS = COLUMNS[:-3]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, write_toy_shard: Any, write_ink_shard: Any) -> tuple[str, str]:
    """Words from print and words by hand."""
    folder = tmp_path_factory.mktemp("mixed")
    write_toy_shard(folder / "printed", 40, letters="abcdx")
    write_ink_shard(folder / "written", 40)
    return str(folder / "printed"), str(folder / "written")


def run(out: Path, data: tuple[str, ...], samples: int, *more: str) -> int:
    return main(["train", "--data", *data, "--out", str(out), "--samples", str(samples), *FLAGS.split(), *more])


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def losses(out: Path) -> dict[int, float]:
    return {int(row["step"]): float(row["train_loss"]) for row in rows(out) if row["train_loss"]}


def test_print_and_ink_are_validated_apart_and_ink_may_decide(folders: tuple[str, str], tmp_path: Path) -> None:
    shares = ("--shares", "print", "0.4", "crohme", "0.6")
    assert run(tmp_path, folders, 48, *shares, "--validation", *folders, "--best-by", "val_ink_edit") == 0
    last = rows(tmp_path)[-1]
    assert all(last[name] for name in COLUMNS if name.startswith("val_"))
    _, _, config = torch_checkpoint.load(tmp_path / "best", "cpu")
    assert set(config["extra"]["validation"]) == {name for name in COLUMNS if name.startswith("val_")}
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["shares"] == {"print": 0.4, "crohme": 0.6}
    assert json.loads(saved["data_summary"]) == {"pictures": 80, "sources": {"toy": 40, "crohme": 40}, "ink": 40}


def test_a_mixed_run_that_was_stopped_goes_on_exactly(folders: tuple[str, str], tmp_path: Path) -> None:
    shares = ("--shares", "print", "0.3", "ink", "0.7", "--log-every", "3")
    assert run(tmp_path / "whole", folders, 96, *shares) == 0
    assert run(tmp_path / "stopped", folders, 96, *shares, "--hours", "1e-9") == 0
    assert len(rows(tmp_path / "stopped")) == 1
    assert run(tmp_path / "stopped", folders, 96, *shares) == 0
    assert losses(tmp_path / "stopped") == pytest.approx(losses(tmp_path / "whole"), abs=1e-4)


def test_a_run_of_an_older_version_goes_on_and_may_gain_ink(folders: tuple[str, str], tmp_path: Path) -> None:
    """Neither its settings nor its metrics know of ink; on print alone it goes on as if nothing had changed."""
    whole, old = tmp_path / "whole", tmp_path / "old"
    assert run(whole, folders[:1], 80) == 0
    assert run(old, folders[:1], 80, "--validation", folders[0], "--hours", "1e-9") == 0
    saved = json.loads((old / "config.json").read_text())
    for name in ("shares", "ink_augment", "paper", "validation_inks", "start_encoder"):
        del saved[name]
    (old / "config.json").write_text(json.dumps(saved))
    kept = [{name: row[name] for name in OLD_COLUMNS} for row in rows(old)]
    with (old / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, OLD_COLUMNS)
        writer.writeheader()
        writer.writerows(kept)
    assert run(old, folders[:1], 80) == 0
    assert losses(old) == pytest.approx(losses(whole), abs=1e-4)
    assert [row["val_edit"] for row in rows(old) if row["val_edit"]] == [kept[-1]["val_edit"]]
    assert run(old, folders, 96, "--validation", *folders, "--shares", "print", "0.5", "written", "0.5") == 0
    assert rows(old)[-1]["val_ink_exact"]


def test_another_measure_of_the_best_begins_anew(folders: tuple[str, str], tmp_path: Path) -> None:
    """An edit similarity of print says nothing about the exact match of ink, which is far lower."""
    validation = ("--validation", *folders, "--validate-every", "16")
    assert run(tmp_path, folders, 16, *validation) == 0
    first = torch_checkpoint.load(tmp_path / "best", "cpu")[2]["extra"]["samples"]
    assert run(tmp_path, folders, 32, *validation, "--best-by", "val_ink_exact") == 0
    assert torch_checkpoint.load(tmp_path / "best", "cpu")[2]["extra"]["samples"] > first


def test_what_decides_must_be_measured(
    folders: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, folders, 8, "--validation", folders[0], "--best-by", "val_ink_exact") == 2
    assert "needs a --validation folder of ink" in capsys.readouterr().err
    assert run(tmp_path, folders, 8, "--validation", folders[1]) == 2
    assert "needs a --validation folder of pictures: add one, or choose val_ink_exact" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(tmp_path, folders, 8, "--shares", "print", "1", "ink", "0")
    assert "--shares must be positive" in capsys.readouterr().err


def test_metrics_of_an_older_version_gain_columns_without_a_state(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(",".join(OLD_COLUMNS) + "\r\n1,8,0.1,0.001,2.5,10,5,,,,,\r\n2,16,0.1")
    folder = RunFolder(tmp_path)
    folder.append({"step": 2, "samples": 16, "val_ink_exact": 50.0})
    found = rows(tmp_path)
    assert [row["step"] for row in found] == ["1", "2"]
    assert (found[0]["train_loss"], found[0]["val_ink_exact"], found[1]["val_ink_exact"]) == ("2.5", "", "50")
