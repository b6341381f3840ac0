"""A checkpoint folder: weights, configuration, vocabulary and card, checked against each other on loading.

    model.safetensors   weights: matrices as float16, vectors (biases, norms, running statistics) as float32
    config.json         {"format": 1, "model": ModelConfig, "vocab_size": n, "extra": {...}}
    vocab.txt           one token a line, in the order of the ids
    CARD.md             what it was trained on, its results and limits

No pickle anywhere: reading a checkpoint cannot run code. The form follows nanochat's and Hugging Face's folders.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import nn

from core_model.errors import CheckpointError, FormulensError
from core_model.model import FormulaModel, ModelConfig, create_model
from core_model.tokenizer import Tokenizer

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
VOCABULARY = "vocab.txt"
CARD = "CARD.md"
FILES = (WEIGHTS, CONFIG, VOCABULARY, CARD)
REMEDY = "Get the folder again (git checkout, or a fresh copy of the program), or name another with --checkpoint."


def save(
    folder: str | Path,
    model: FormulaModel,
    tokenizer: Tokenizer,
    card: str = "",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint so that a reader sees the old folder or the new one, never a mixture.

    Everything is written to a folder beside and then renamed; if that fails (a full disk), the old one stays.

    Args:
        folder: where; an existing checkpoint there is replaced.
        card: the text of CARD.md.
        extra: anything more for config.json (JSON values), for instance samples seen.

    Raises:
        CheckpointError: the weights are not finite, the folder holds other things than a checkpoint, or writing failed.
    """
    write_folder(folder, model, model.config.to_dict(), tokenizer.to_text(), len(tokenizer), card, extra)


def write_folder(
    folder: str | Path,
    model: nn.Module,
    model_config: Mapping[str, Any],
    vocabulary: str,
    vocabulary_size: int,
    card: str,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a folder of this form for any kind of model; see `save`."""
    folder = Path(folder).absolute()
    config = {
        "format": FORMAT,
        "model": dict(model_config),
        "vocab_size": vocabulary_size,
        "extra": dict(extra or {}),
    }
    contents = {
        WEIGHTS: tensor_bytes(_stored_tensors(model)),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        VOCABULARY: vocabulary.encode(),
        CARD: card.encode(),
    }
    if folder.exists() and (not folder.is_dir() or {entry.name for entry in folder.iterdir()} - set(FILES)):
        raise CheckpointError(f"{folder} is there and is no checkpoint: choose another folder, or move it away.")
    fresh, backup = folder.with_name(f".{folder.name}.new-{os.getpid()}"), _backup(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if backup.exists() and not folder.exists():
            backup.rename(folder)  # an earlier save was killed between its two renames
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for name, content in contents.items():
            with (fresh / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _swap(fresh, folder, backup)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        kept = " The older checkpoint there is untouched." if folder.exists() else ""
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}.{kept}") from error


def _backup(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _swap(fresh: Path, folder: Path, backup: Path) -> None:
    """Put `fresh` in the place of `folder`; on failure `folder` is as before."""
    if not folder.exists():
        fresh.rename(folder)
        return
    shutil.rmtree(backup, ignore_errors=True)
    folder.rename(backup)
    try:
        fresh.rename(folder)
    except OSError:
        backup.rename(folder)
        raise
    shutil.rmtree(backup, ignore_errors=True)


def _stored_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The state as stored: each tied weight once, matrices in float16."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in _untied(model).items():
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.to(torch.float16 if tensor.ndim > 1 else torch.float32)
            if not torch.isfinite(tensor).all():
                raise CheckpointError(f"the weight {name} is not finite in float16: this training run has diverged.")
        tensors[name] = tensor.contiguous().clone()
    return tensors


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


def load(folder: str | Path, device: str | torch.device = "cpu") -> tuple[FormulaModel, Tokenizer, dict[str, Any]]:
    """Read a checkpoint.

    Returns:
        The model in evaluation mode, float32, on `device`; the vocabulary; the content of config.json.

    Raises:
        CheckpointError: a file is missing, unreadable, damaged, or does not fit the others; the message names it.
    """
    folder = found_folder(Path(folder))
    config, model_config = _read_config(folder / CONFIG)
    tokenizer = _read_vocabulary(folder / VOCABULARY, config["vocab_size"])
    tensors = read_weights(folder / WEIGHTS)
    try:
        with torch.random.fork_rng(devices=[]):  # building draws random weights: leave the caller's generator alone
            model = create_model(model_config, len(tokenizer))
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:  # fractions, or sizes beyond the memory
        reason = str(error).splitlines()[0] if str(error) else "too large"
        raise CheckpointError(f"{folder / CONFIG} is no model that can be built: {reason}. {REMEDY}") from error
    fill(model, tensors, folder / WEIGHTS)
    return model.to(device).eval(), tokenizer, config


def found_folder(folder: Path) -> Path:
    """The folder, or what a save that was killed between its two renames has left of it; its files are there."""
    try:
        if not folder.exists() and _backup(folder.absolute()).exists():
            folder = _backup(folder.absolute())
        if not folder.is_dir():
            problem = "is not a folder" if folder.exists() else "is not there"
            raise CheckpointError(f"the checkpoint {folder} {problem}. {REMEDY}")
        missing = [name for name in (WEIGHTS, CONFIG, VOCABULARY) if not (folder / name).is_file()]
    except OSError as error:
        raise CheckpointError(f"cannot read the checkpoint {folder}: {error.strerror or error}. {REMEDY}") from error
    if missing:
        raise CheckpointError(f"the checkpoint {folder} has no {' and no '.join(missing)}. {REMEDY}")
    return folder


def read_file(path: Path) -> bytes:
    """The content of one of the files. Raises CheckpointError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}. {REMEDY}") from error


def read_config(path: Path) -> dict[str, Any]:
    """The content of config.json, with a "model" that is a mapping and a "vocab_size". Raises CheckpointError."""
    try:
        config = json.loads(read_file(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}. {REMEDY}") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        raise CheckpointError(f'{path} has no "model" entry: it is not a configuration of Formulens. {REMEDY}')
    if config.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {config.get('format')!r}, this program reads {FORMAT}. "
            "Use the version of Formulens that wrote it, or export the checkpoint again."
        )
    if not isinstance(config.get("vocab_size"), int):
        raise CheckpointError(f'{path} has no "vocab_size". {REMEDY}')
    return config


def _read_config(path: Path) -> tuple[dict[str, Any], ModelConfig]:
    config = read_config(path)
    extra = config.get("extra", {})
    temperature = extra.get("confidence_temperature", 1.0) if isinstance(extra, dict) else None
    if not isinstance(temperature, int | float) or not 0 < temperature < math.inf:
        raise CheckpointError(
            f'{path} has an "extra" entry that is none, or its confidence_temperature is not positive. {REMEDY}'
        )
    try:
        return config, ModelConfig.from_dict(config["model"])
    except (FormulensError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path} does not describe a model of this program: {error}. {REMEDY}") from error


def _read_vocabulary(path: Path, size: int) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_text(read_file(path).decode("utf-8"))
    except CheckpointError:
        raise
    except (FormulensError, ValueError) as error:
        raise CheckpointError(f"{path} is not a vocabulary: {error}. {REMEDY}") from error
    if len(tokenizer) != size:
        raise CheckpointError(f"{path} has {len(tokenizer)} tokens, {CONFIG} beside it says {size}. {REMEDY}")
    return tokenizer


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The stored tensors. Raises CheckpointError."""
    content = read_file(path)
    if content[:7] == b"version":
        raise CheckpointError(f"{path} is a Git LFS pointer, not the weights: run `git lfs pull`.")
    try:
        return read_tensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({error}). {REMEDY}") from error


def fill(model: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy the stored tensors into the model, after checking names, shapes and values."""
    wanted = _untied(model)
    problems = [f"{name} is missing" for name in wanted if name not in tensors]
    problems += [f"{name} is unknown" for name in sorted(tensors) if name not in wanted]
    problems += [
        f"{name} is {list(tensor.shape)}, not {list(wanted[name].shape)}"
        for name, tensor in sorted(tensors.items())  # they come in any order
        if name in wanted and tensor.shape != wanted[name].shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(f"{path} does not fit {CONFIG} beside it: {'; '.join(problems[:3])}{more}. {REMEDY}")
    broken = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(f"{path} holds values that are not numbers, first in {broken[0]}. {REMEDY}")
    with torch.no_grad():
        for name, tensor in tensors.items():
            wanted[name].copy_(tensor)
