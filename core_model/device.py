"""Which device to compute on, and why."""

from __future__ import annotations

import torch

from core_model.errors import FormulensError

DEVICES = ("auto", "cpu", "mps", "cuda")


def choose_device(name: str = "auto") -> tuple[torch.device, str]:
    """The device to compute on and the reason in words.

    Args:
        name: `cpu`, `mps` or `cuda` as asked for, or `auto`: cuda, else mps, else cpu.

    Raises:
        FormulensError: the device asked for cannot be used here, or there is no such name.
    """
    if name not in DEVICES:
        raise FormulensError(f"there is no device {name!r}: choose one of {', '.join(DEVICES)}.")
    if name == "cpu":
        return torch.device("cpu"), "asked for"
    if name != "auto":
        fault = _fault(name)
        if fault:
            raise FormulensError(f"the device {name} cannot be used: {fault}. Use --device cpu, or auto.")
        return torch.device(name), "asked for"
    faults = []
    for candidate in ("cuda", "mps"):
        fault = _fault(candidate)
        if not fault:
            return torch.device(candidate), f"{candidate} is there and works"
        faults.append(f"{candidate}: {fault}")
    return torch.device("cpu"), "; ".join(faults)


def _fault(name: str) -> str:
    """Why the accelerator `name` cannot be used; empty when it works."""
    if name == "cuda":
        if not torch.backends.cuda.is_built():
            return "this PyTorch is built without CUDA"
        if not torch.cuda.is_available():
            return "no NVIDIA GPU with a working driver is found"
    else:
        if not torch.backends.mps.is_built():
            return "this PyTorch is built without MPS"
        if not torch.backends.mps.is_available():
            return "no Apple GPU, or a macOS too old for it"
    try:
        # A driver can be there and the card still be too old for this PyTorch: only computing shows it.
        torch.ones(1, device=name).add_(1).cpu()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    return ""
