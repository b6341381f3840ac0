from __future__ import annotations

import pytest
import torch

from core_model.device import choose_device
from core_model.errors import FormulensError


def without_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    without_accelerators(monkeypatch)
    device, reason = choose_device("auto")
    assert device == torch.device("cpu")
    assert "cuda: " in reason
    assert "mps: " in reason


def test_the_cpu_can_be_asked_for() -> None:
    assert choose_device("cpu") == (torch.device("cpu"), "asked for")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_an_absent_device_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_accelerators(monkeypatch)
    with pytest.raises(FormulensError, match=rf"{name} cannot be used: .+\. Use --device cpu"):
        choose_device(name)


def test_a_device_that_is_there_but_fails_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old(*sizes: int, device: str) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nlong story")

    without_accelerators(monkeypatch)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", too_old)
    device, reason = choose_device("auto")
    assert device.type == "cpu"
    assert "no kernel image is available;" in reason


def test_unknown_names_are_refused() -> None:
    with pytest.raises(FormulensError, match=r"'tpu'.*auto, cpu, mps, cuda"):
        choose_device("tpu")


@pytest.mark.gpu
def test_auto_takes_the_gpu() -> None:
    assert choose_device("auto")[0].type == "cuda"
