"""Checkpoints of torch models: for training, and for reading on other devices than the processor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from core_model import checkpoint
from core_model.checkpoint import Arrays
from core_model.model import FormulaModel, create_model
from core_model.tokenizer import Tokenizer

__all__ = ["build", "fill", "fresh", "load", "save", "stored"]

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def save(
    folder: str | Path,
    model: FormulaModel,
    tokenizer: Tokenizer,
    card: str = "",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write the model's checkpoint; see `core_model.checkpoint.write_folder`. Raises CheckpointError."""
    checkpoint.write_folder(folder, stored(model), model.config.to_dict(), tokenizer.tokens, card, extra)


def load(folder: str | Path, device: str | torch.device = "cpu") -> tuple[FormulaModel, Tokenizer, dict[str, Any]]:
    """Read a checkpoint.

    Returns:
        The model in evaluation mode, float32, on `device`; the vocabulary; the content of config.json.

    Raises:
        CheckpointError: a file is missing, unreadable, damaged, or does not fit the others; the message names it.
    """
    read = checkpoint.read(folder)
    return build(read).to(device).eval(), read.tokenizer, read.config


def build(read: checkpoint.Checkpoint) -> FormulaModel:
    """The model of a checkpoint that was read. Raises CheckpointError."""
    model = fresh(lambda: create_model(read.model, len(read.tokenizer)), read.path)
    fill(model, read.tensors, read.path)
    return model


def fresh(make: Callable[[], ModuleT], path: Path) -> ModuleT:
    """A model as ``make`` gives it, for the weights at ``path``. Raises CheckpointError: it cannot be built."""
    try:
        with torch.random.fork_rng(devices=[]):  # building draws random weights: leave the caller's generator alone
            return make()
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:  # fractions, or sizes beyond the memory
        raise checkpoint.not_buildable(path, error) from error


def fill(model: nn.Module, tensors: Arrays, path: Path) -> None:
    """Copy the stored tensors into the model, after checking names, shapes and values. Raises CheckpointError."""
    wanted = _untied(model)
    checkpoint.check(tensors, {name: tuple(tensor.shape) for name, tensor in wanted.items()}, path)
    with torch.no_grad():
        for name, tensor in tensors.items():
            wanted[name].copy_(torch.from_numpy(tensor))


def stored(model: nn.Module) -> Arrays:
    """The model's state as arrays, each tied weight once."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in _untied(model).items()}


def _untied(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict without the second and later names of one and the same tensor."""
    kept: dict[str, torch.Tensor] = {}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    for name, tensor in model.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() == 0 or key not in seen:
            kept[name] = tensor
        seen.add(key)
    return kept
