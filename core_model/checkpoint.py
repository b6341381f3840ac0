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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as tensor_bytes

from core_model.config import ModelConfig
from core_model.errors import CheckpointError, FormulensError
from core_model.tokenizer import Tokenizer

Arrays = dict[str, NDArray[Any]]

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
VOCABULARY = "vocab.txt"
CARD = "CARD.md"
FILES = (WEIGHTS, CONFIG, VOCABULARY, CARD)
REMEDY = "Get the folder again (git checkout, or a fresh copy of the program), or name another with --checkpoint."


def write_folder(
    folder: str | Path,
    tensors: Mapping[str, NDArray[Any]],
    model_config: Mapping[str, Any],
    vocabulary: Sequence[str],
    card: str = "",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint so that a reader sees the old folder or the new one, never a mixture.

    Everything is written to a folder beside and then renamed; if that fails (a full disk), the old one stays.

    Args:
        folder: where; an existing checkpoint there is replaced.
        tensors: the weights by name.
        vocabulary: the lines of vocab.txt.
        card: the text of CARD.md.
        extra: anything more for config.json (JSON values), for instance samples seen.

    Raises:
        CheckpointError: the weights are not finite, the folder holds other things than a checkpoint, or writing failed.
    """
    folder = Path(folder).absolute()
    config = {
        "format": FORMAT,
        "model": dict(model_config),
        "vocab_size": len(vocabulary),
        "extra": dict(extra or {}),
    }
    contents = {
        WEIGHTS: tensor_bytes({name: _stored(name, tensor) for name, tensor in tensors.items()}),
        CONFIG: (json.dumps(config, indent=2) + "\n").encode(),
        VOCABULARY: "".join(f"{line}\n" for line in vocabulary).encode(),
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


def _stored(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    """As it is stored: matrices in float16, vectors in float32."""
    if tensor.dtype.kind == "f":
        with np.errstate(over="ignore"):  # infinite then, which is told
            tensor = tensor.astype(np.float16 if tensor.ndim > 1 else np.float32)
        if not np.isfinite(tensor).all():
            raise CheckpointError(f"the weight {name} is not finite in float16: this training run has diverged.")
    return np.ascontiguousarray(tensor)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder as read; the weights are not yet held against the configuration (`check`)."""

    path: Path
    """Of the weights, for messages."""
    model: ModelConfig
    tokenizer: Tokenizer
    tensors: Arrays
    config: dict[str, Any]
    """The content of config.json."""


def read(folder: str | Path) -> Checkpoint:
    """Read a checkpoint of a formula model.

    Raises:
        CheckpointError: a file is missing, unreadable, damaged, or does not fit the others; the message names it.
    """
    folder = found_folder(Path(folder))
    config, model = _read_config(folder / CONFIG)
    tokenizer = _read_vocabulary(folder / VOCABULARY, config["vocab_size"])
    return Checkpoint(folder / WEIGHTS, model, tokenizer, read_weights(folder / WEIGHTS), config)


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


def read_weights(path: Path) -> Arrays:
    """The stored tensors. Raises CheckpointError."""
    content = read_file(path)
    if content[:7] == b"version":
        raise CheckpointError(f"{path} is a Git LFS pointer, not the weights: run `git lfs pull`.")
    try:
        return read_tensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged or cut short ({error}). {REMEDY}") from error


def check(tensors: Arrays, wanted: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """See that the stored tensors are those of a model with the weights ``wanted`` (shapes by name), and finite.

    Raises:
        CheckpointError: naming the first that is missing, unknown, of another shape or not finite.
    """
    problems = [f"{name} is missing" for name in wanted if name not in tensors]
    problems += [f"{name} is unknown" for name in sorted(tensors) if name not in wanted]
    problems += [
        f"{name} is {list(tensor.shape)}, not {list(wanted[name])}"
        for name, tensor in sorted(tensors.items())  # they come in any order
        if name in wanted and tensor.shape != tuple(wanted[name])
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(f"{path} does not fit {CONFIG} beside it: {'; '.join(problems[:3])}{more}. {REMEDY}")
    broken = [name for name, tensor in tensors.items() if tensor.dtype.kind == "f" and not np.isfinite(tensor).all()]
    if broken:
        raise CheckpointError(f"{path} holds values that are not numbers, first in {broken[0]}. {REMEDY}")


def not_buildable(path: Path, error: Exception) -> CheckpointError:
    """What is told where no model can be built for the weights at ``path``: fractions, or sizes beyond the memory."""
    reason = str(error).splitlines()[0] if str(error) else "too large"
    return CheckpointError(f"{path.with_name(CONFIG)} is no model that can be built: {reason}. {REMEDY}")
