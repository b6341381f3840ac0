from __future__ import annotations

import ctypes

import pytest
import torch

from core_model import device
from core_model.device import choose_device, torch_may_help
from core_model.errors import FormulensError


def without_accelerators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that may have any accelerator."""
    monkeypatch.setattr(device, "_absent", lambda name: "")


def test_auto_falls_back_to_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch, drivers: None) -> None:
    without_accelerators(monkeypatch)
    name, reason = choose_device("auto")
    assert name == "cpu"
    assert "cuda: " in reason
    assert "mps: " in reason


def test_without_drivers_nobody_asks_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    monkeypatch.setattr(device.Path, "exists", lambda path: False)
    monkeypatch.setattr(device.sys, "platform", "linux")
    monkeypatch.setattr(device, "_fault", lambda name: pytest.fail("torch was asked"))
    assert not torch_may_help()
    name, reason = choose_device("auto")
    assert name == "cpu"
    assert "no NVIDIA GPU" in reason and "no Mac" in reason


@pytest.mark.parametrize(
    ("platform", "machine", "library"),
    [("linux", "x86_64", "libcuda.so.1"), ("win32", "AMD64", "nvcuda.dll"), ("darwin", "arm64", "none")],
)
def test_where_a_driver_is_torch_is_asked(
    monkeypatch: pytest.MonkeyPatch, platform: str, machine: str, library: str
) -> None:
    def there(name: str) -> None:
        if name != library:
            raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", there)
    monkeypatch.setattr(device.sys, "platform", platform)
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    assert torch_may_help()
    asked: list[str] = []
    monkeypatch.setattr(device, "_fault", lambda name: asked.append(name) or "")  # type: ignore[func-returns-value]
    expected = "mps" if platform == "darwin" else "cuda"
    assert choose_device("auto")[0] == expected
    assert asked == [expected]


def test_without_torch_the_cpu_still_reads(monkeypatch: pytest.MonkeyPatch, drivers: None) -> None:
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    assert not torch_may_help()
    name, reason = choose_device("auto")
    assert name == "cpu" and "PyTorch is not installed" in reason
    with pytest.raises(FormulensError, match=r"cuda cannot be used: PyTorch is not installed.+Use --device cpu"):
        choose_device("cuda")


def test_the_cpu_can_be_asked_for() -> None:
    assert choose_device("cpu") == ("cpu", "asked for")


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_an_absent_device_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_accelerators(monkeypatch)
    with pytest.raises(FormulensError, match=rf"{name} cannot be used: .+\. Use --device cpu"):
        choose_device(name)


def test_a_device_that_is_there_but_fails_is_not_taken(monkeypatch: pytest.MonkeyPatch, drivers: None) -> None:
    def too_old(*sizes: int, device: str) -> torch.Tensor:
        raise RuntimeError("no kernel image is available\nlong story")

    without_accelerators(monkeypatch)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", too_old)
    name, reason = choose_device("auto")
    assert name == "cpu"
    assert "no kernel image is available;" in reason


def test_unknown_names_are_refused() -> None:
    with pytest.raises(FormulensError, match=r"'tpu'.*auto, cpu, mps, cuda"):
        choose_device("tpu")


@pytest.mark.gpu
def test_auto_takes_the_gpu() -> None:
    assert choose_device("auto")[0] == "cuda"
