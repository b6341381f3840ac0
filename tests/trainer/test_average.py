from pathlib import Path
from typing import Any

import pytest
import torch

from core_model import torch_checkpoint
from core_model.config import PRESETS
from core_model.model import create_model
from core_model.tokenizer import Tokenizer
from trainer.__main__ import main

LETTERS = ["a", "b", "{", "}"]


def write(folder: Path, seed: int, extra: dict[str, Any], letters: list[str] = LETTERS) -> Path:
    torch.manual_seed(seed)
    tokenizer = Tokenizer(letters)
    torch_checkpoint.save(folder, create_model(PRESETS["tiny"], len(tokenizer)), tokenizer, "", extra)
    return folder


def test_the_mean_has_its_share_of_each(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a", 1, {"samples": 90, "confidence_temperature": 0.5, "crohme": True, "validation": {"x": 1}}
    )
    second = write(tmp_path / "b", 2, {"samples": 100, "confidence_temperature": 1.0, "validation": {"x": 2}})
    command = ["average", "--checkpoints", str(first), str(second), "--shares", "3", "1", "--out", str(tmp_path / "m")]
    assert main(command) == 0
    a, b, mean = (torch_checkpoint.load(tmp_path / name)[0].state_dict() for name in "abm")
    for name in mean:
        torch.testing.assert_close(mean[name], 0.75 * a[name] + 0.25 * b[name], rtol=2e-3, atol=1e-4)
    extra = torch_checkpoint.load(tmp_path / "m")[2]["extra"]
    assert extra == {
        "samples": 100,
        "confidence_temperature": pytest.approx(0.625),
        "average_of": [{"share": 0.75, "samples": 90}, {"share": 0.25, "samples": 100}],
        "crohme": True,
    }


def test_what_does_not_fit_together_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = write(tmp_path / "a", 1, {}), write(tmp_path / "b", 2, {}, letters=["a", "c", "{", "}"])
    out = ["--out", str(tmp_path / "m")]
    assert main(["average", "--checkpoints", str(first), str(second), *out]) == 2
    assert "another vocabulary" in capsys.readouterr().err
    for more, said in (([str(second), "--shares", "1"], "positive numbers"), ([], "two or more")):
        with pytest.raises(SystemExit, match="2"):
            main(["average", "--checkpoints", str(first), *more, *out])
        assert said in capsys.readouterr().err
    assert not (tmp_path / "m").exists()
