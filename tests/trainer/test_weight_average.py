"""The average of the weights: right by hand, in place only for a while, kept over a restart, what validation sees."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core_model import torch_checkpoint
from trainer.__main__ import main
from trainer.weight_average import WeightAverage


def test_the_average_forgets_as_fast_as_told() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    average = WeightAverage(model, memory=0.5)
    for value in (2.0, 3.0, 5.0):
        nn.init.constant_(model.weight, value)
        average.update()
    # memories 2/11, 3/12 and 4/13: a tenth of what was seen, below the half that was asked for
    expected = 1.0
    for memory, value in ((2 / 11, 2.0), (3 / 12, 3.0), (4 / 13, 5.0)):
        expected = memory * expected + (1 - memory) * value
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 5.0


def test_weights_come_back_after_a_failure() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, memory=0.9)
    nn.init.constant_(model.weight, 7.0)
    with pytest.raises(RuntimeError), average.in_place():
        raise RuntimeError
    assert model.weight.item() == 7.0


def test_a_restart_keeps_the_average_and_the_best_checkpoint_is_made_of_it(
    tmp_path: Path, write_toy_shard: Any
) -> None:
    toy = tmp_path / "toy"
    toy.mkdir()
    write_toy_shard(toy, 60)

    def train(out: str, samples: int) -> None:
        flags = (
            f"--data {toy} --validation {toy} --validation-pictures 2 --out {tmp_path / out} --samples {samples} "
            "--preset tiny --min-count 1 --batch 16 --round-batches 4 --log-every 1 --device cpu --threads 1 "
            "--precision fp32 --average 0.9 --best-by val_loss --validate-every 10000 --schedule constant --seed 2"
        )
        assert main(["train", *flags.split()]) == 0

    train("whole", 320)
    train("halves", 160)
    train("halves", 320)
    whole, halves = (torch.load(tmp_path / run / "last" / "state.pt", weights_only=True) for run in ("whole", "halves"))
    assert whole["average"]["updates"] == halves["average"]["updates"] > 10
    for name, tensor in whole["average"].items():
        if name != "updates":
            torch.testing.assert_close(tensor, halves["average"][name], atol=1e-5, rtol=0)
    best, _, config = torch_checkpoint.load(tmp_path / "whole" / "best", torch.device("cpu"))
    assert config["extra"]["samples"] >= 320
    for name, parameter in best.named_parameters():
        torch.testing.assert_close(parameter.data, whole["average"][f"mean.{name}"], atol=2e-3, rtol=0)
        assert not torch.equal(whole["model"][name], whole["average"][f"mean.{name}"]), name
