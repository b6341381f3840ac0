"""Training: learns, resumes exactly after a kill, gives on two processes what it gives on one, reports a full disk."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from core_model import torch_checkpoint
from core_model.errors import DataError
from core_model.tokenizer import Tokenizer
from trainer import train
from trainer.__main__ import main
from trainer.config import OptimizerOptions, Options, conflicts, to_json
from trainer.data.augment import AugmentOptions
from trainer.data.batching import BatchOptions
from trainer.data.dataset import count_tokens, read_examples, within_vocabulary
from trainer.run_state import COLUMNS, RunFolder
from trainer.schedule import Schedule

FLAGS = "--preset tiny --min-count 1 --batch 16 --round-batches 4 --log-every 1 --device cpu --precision fp32"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, write_toy_shard: Any) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    write_toy_shard(folder, 200)
    return folder


def command(toy: Path, out: Path, samples: int, *more: str) -> list[str]:
    return [
        "train",
        "--data",
        str(toy),
        "--out",
        str(out),
        "--samples",
        str(samples),
        *FLAGS.split(),
        "--threads",
        "1",
        *more,
    ]


def losses(run: Path) -> dict[int, float]:
    with (run / "metrics.csv").open(newline="") as file:
        return {int(row["step"]): float(row["train_loss"]) for row in csv.DictReader(file) if row["train_loss"]}


def test_loss_falls_and_the_best_checkpoint_is_kept(toy: Path, tmp_path: Path) -> None:
    options = Options(
        data=(toy,),
        out=tmp_path / "run",
        validation=(toy,),
        preset="tiny",
        samples=2000,
        min_count=1,
        batches=BatchOptions(batch=16, round_batches=4),
        optimizer=OptimizerOptions(peak=3e-3, warmup=20),
        augment=AugmentOptions.none(),
        device="cpu",
        log_every=10,
        validate_every=1000,
        validation_pictures=20,
    )
    assert train.main(options) == 0
    curve = list(losses(tmp_path / "run").values())
    assert curve[-1] < 0.8 * curve[0]
    _, tokenizer, config = torch_checkpoint.load(tmp_path / "run" / "best", "cpu")
    assert set(tokenizer.tokens[3:]) == set("abcdef")
    assert config["extra"]["samples"] >= 1000
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        assert [row["val_edit"] for row in csv.DictReader(file) if row["val_edit"]]


def test_a_killed_run_gives_the_curve_of_an_uninterrupted_one(toy: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(command(toy, whole, 640)) == 0
    arguments = command(toy, killed, 640, "--save-minutes", "0.00001")
    process = subprocess.Popen([sys.executable, "-m", "trainer", *arguments])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(_rows(killed)) < 10:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    assert max(losses(killed)) < max(losses(whole)), "killed too late to show anything"
    assert main(arguments) == 0
    assert losses(killed) == pytest.approx(losses(whole), abs=1e-4)


def test_a_run_that_was_stopped_goes_on_at_a_row_of_metrics(toy: Path, tmp_path: Path) -> None:
    """Rows are means of several steps: none may be made of the steps after the stop alone."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main([*command(toy, whole, 320), "--log-every", "5"]) == 0
    assert main([*command(toy, stopped, 320), "--log-every", "5", "--hours", "1e-9"]) == 0
    assert list(losses(stopped)) == [5]
    assert main([*command(toy, stopped, 320), "--log-every", "5"]) == 0
    assert losses(stopped) == pytest.approx(losses(whole), abs=1e-4)


def test_settings_that_an_older_version_did_not_save_are_no_conflict(tmp_path: Path) -> None:
    options = Options(data=(tmp_path,), out=tmp_path)
    saved = to_json(options)
    del saved["augment"]["scale"], saved["seed"]
    assert conflicts(saved, options) == []
    saved["augment"]["stretch"] = 0.5
    assert conflicts(saved, options) == ["augment"]


def _rows(run: Path) -> list[str]:
    path = run / "metrics.csv"
    return path.read_text().splitlines() if path.exists() else []


def test_two_processes_give_the_losses_of_one(toy: Path, tmp_path: Path) -> None:
    """With a validation on the way, for which the second process waits."""
    assert main(command(toy, tmp_path / "one", 320)) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "trainer"]
    validation = ["--validation", str(toy), "--validation-pictures", "2", "--validate-every", "160"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, *command(toy, tmp_path / "two", 320, *validation)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-4)


def test_a_run_with_other_settings_is_not_continued(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(toy, tmp_path / "run", 32)) == 0
    assert main(command(toy, tmp_path / "run", 32, "--seed", "5")) == 2
    assert "another seed" in capsys.readouterr().err


def test_training_starts_from_the_weights_of_a_checkpoint(toy: Path, tmp_path: Path) -> None:
    first = command(toy, tmp_path / "first", 320, "--validation", str(toy), "--validation-pictures", "4")
    assert main([*first, "--peak", "3e-3", "--warmup", "0"]) == 0
    best = str(tmp_path / "first" / "best")
    assert main(command(toy, tmp_path / "second", 16, "--start-from", best)) == 0
    assert losses(tmp_path / "second")[1] < losses(tmp_path / "first")[1] - 0.2


def test_checkpoints_tell_what_they_and_those_before_them_have_seen(toy: Path, tmp_path: Path) -> None:
    def extra(run: str) -> dict[str, Any]:
        return dict(torch_checkpoint.load(tmp_path / run / "best")[2]["extra"])

    ink, prints = tmp_path / "ink", tmp_path / "print"
    for folder, report in (
        (ink, {"prepared": {"crohme": 200}, "renderers": {"ink": 200}}),
        (prints, {"prepared": {"k12": 200}, "renderers": {"latex": 200}}),
    ):
        shutil.copytree(toy, folder)
        (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    held_out = ("--validation", str(toy), "--validation-pictures", "2", "--validate-every", "16")
    assert main(command(ink, tmp_path / "first", 16, *held_out)) == 0
    assert extra("first")["crohme"] and extra("first")["trained_on"] == ["ink"]
    begun = command(prints, tmp_path / "second", 16, *held_out, "--start-from", str(tmp_path / "first" / "best"))
    assert main(begun) == 0
    assert extra("second")["crohme"] and extra("second")["trained_on"] == ["print"]
    shutil.rmtree(tmp_path / "first")
    begun[begun.index("--samples") + 1] = "32"
    assert main([*begun, "--best-by", "val_loss"]) == 0
    assert extra("second")["samples"] == 32 and extra("second")["crohme"]
    assert main(command(prints, tmp_path / "third", 16, *held_out)) == 0
    assert extra("third")["crohme"] is False


def test_a_damaged_report_is_named(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(toy, tmp_path / "data")
    (tmp_path / "data" / "report.json").write_text("{")
    assert main(command(tmp_path / "data", tmp_path / "run", 16)) == 2
    assert "report.json is not JSON" in capsys.readouterr().err


def test_a_vocabulary_grows_and_known_tokens_keep_their_weights(
    toy: Path, tmp_path: Path, write_toy_shard: Any
) -> None:
    few = tmp_path / "few"
    write_toy_shard(few, 40, letters="abc")
    assert main([*command(few, tmp_path / "first", 32), "--validation", str(few), "--validation-pictures", "2"]) == 0
    options = Options(
        data=(toy,), out=tmp_path / "second", preset="tiny", min_count=1, start_from=tmp_path / "first" / "best"
    )
    folder = RunFolder(options.out)
    examples = read_examples([toy], 100, 100_000)
    grown = train.vocabulary(options, folder, lambda: count_tokens(examples))
    old_model, old, _ = torch_checkpoint.load(tmp_path / "first" / "best", torch.device("cpu"))
    assert grown.tokens[: len(old)] == old.tokens
    assert set(grown.tokens) == {*old.tokens, *"def"}
    model = train.Training(options, Accelerator(cpu=True), folder, grown).plain
    torch.testing.assert_close(model.decoder.embedding.weight[: len(old)], old_model.decoder.embedding.weight)


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_full_disk_is_reported_plainly_and_the_last_state_is_kept(toy: Path, tmp_path: Path) -> None:
    assert main(command(toy, tmp_path / "run", 160)) == 0
    state = tmp_path / "run" / "last" / "state.pt"
    before = state.read_bytes()
    # A limit on file sizes makes writes fail midway, as a full disk does.
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); "
        "from trainer.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, *command(toy, tmp_path / "run", 320)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert state.read_bytes() == before
    assert not list(state.parent.glob("*.new"))


def test_a_damaged_state_is_named(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(toy, tmp_path / "run", 32)) == 0
    (tmp_path / "run" / "last" / "state.pt").write_bytes(b"PK cut off")
    assert main(command(toy, tmp_path / "run", 64)) == 2
    assert "state.pt is damaged" in capsys.readouterr().err


def test_rows_after_the_saved_state_and_half_rows_are_forgotten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3):
        folder.append({"step": step, "samples": step, "hours": 0.1, "train_loss": 1.5})
    with folder.metrics.open("a") as file:
        file.write("4,4,0.")
    folder.forget_after(2)
    with folder.metrics.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert list(rows[0]) == list(COLUMNS)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("cosine", {0: 0.01, 99: 0.9755, 500: 0.51, 1000: 0.02}),
        ("linear-tail", {0: 0.01, 99: 1.0, 500: 1.0, 850: 0.51, 1000: 0.02}),
        ("constant", {0: 0.01, 99: 1.0, 1000: 1.0}),
    ],
)
def test_learning_rate(schedule: str, rates: dict[int, float]) -> None:
    options = OptimizerOptions(peak=1.0, warmup=100, schedule=schedule, tail=0.3, final=0.02)  # type: ignore[arg-type]
    for step, rate in rates.items():
        assert Schedule(options, 1000).rate(step, step) == pytest.approx(rate, rel=1e-2)


def test_plateau_halves_after_patience() -> None:
    schedule = Schedule(OptimizerOptions(peak=1.0, warmup=0, schedule="plateau", patience=2), 1000)
    for improved in (True, False, False):
        schedule.validated(improved)
    assert schedule.rate(5, 5) == 1.0
    schedule.validated(False)
    assert schedule.rate(5, 5) == 0.5


def test_formulas_outside_the_vocabulary_are_left_out_or_refused(toy: Path) -> None:
    examples = read_examples([toy], 100, 100_000)
    some = within_vocabulary(examples, Tokenizer(["a", "b", "c"]))
    assert 0 < len(some) < len(examples)
    assert all(set(tokens) <= {"a", "b", "c"} for tokens in some.tokens)
    with pytest.raises(DataError, match="vocabulary"):
        within_vocabulary(examples, Tokenizer(["z"]))
