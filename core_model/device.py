"""Which device to compute on, and why.

torch is asked only where an accelerator may be: importing it takes seconds, and reading on the processor needs none.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from core_model.errors import FormulensError

DEVICES = ("auto", "cpu", "mps", "cuda")


def choose_device(name: str = "auto") -> tuple[str, str]:
    """The device to compute on (`cpu`, `mps` or `cuda`) and the reason in words.

    Args:
        name: `cpu`, `mps` or `cuda` as asked for, or `auto`: cuda, else mps, else cpu.

    Raises:
        FormulensError: the device asked for cannot be used here, or there is no such name.
    """
    if name not in DEVICES:
        raise FormulensError(f"there is no device {name!r}: choose one of {', '.join(DEVICES)}.")
    if name == "cpu":
        return name, "asked for"
    if name != "auto":
        fault = _fault(name)
        if fault:
            raise FormulensError(f"the device {name} cannot be used: {fault}. Use --device cpu, or auto.")
        return name, "asked for"
    faults = []
    for candidate in ("cuda", "mps"):
        fault = _absent(candidate) or _fault(candidate)
        if not fault:
            return candidate, f"{candidate} is there and works"
        faults.append(f"{candidate}: {fault}")
    return "cpu", "; ".join(faults)


def torch_may_help() -> bool:
    """Whether `auto` will ask torch: it is installed, and an accelerator may be there."""
    return find_spec("torch") is not None and not all(_absent(name) for name in ("cuda", "mps"))


def _absent(name: str) -> str:
    """Why there can be no accelerator `name` here, as far as that is seen without torch; empty when there may be."""
    if name == "mps":
        return "" if sys.platform == "darwin" and platform.machine() == "arm64" else "this is no Mac with an Apple GPU"
    if Path("/dev/kfd").exists():  # AMD's driver: ROCm calls its GPUs cuda too
        return ""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "no NVIDIA GPU with a working driver is found"
    return ""


def _fault(name: str) -> str:
    """Why the accelerator `name` cannot be used; empty when it works."""
    if find_spec("torch") is None:
        return "PyTorch is not installed, which the program needs for it"
    import torch

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
