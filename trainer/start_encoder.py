"""An encoder that begins with the weights of another checkpoint's: a formula model's, or a symbol classifier's."""

from pathlib import Path

import torch
from torch import nn

from core_model import checkpoint
from core_model.errors import DataError

_PREFIX = "encoder."


def copy_encoder(folder: Path, encoder: nn.Module) -> None:
    """Copy the encoder's weights of any checkpoint folder into ``encoder``.

    Raises:
        CheckpointError: the folder is missing or damaged.
        DataError: its encoder has another shape.
    """
    folder = checkpoint.found_folder(folder)
    stored = checkpoint.read_weights(folder / checkpoint.WEIGHTS)
    weights = {name.removeprefix(_PREFIX): tensor for name, tensor in stored.items() if name.startswith(_PREFIX)}
    wanted = encoder.state_dict()
    if {name: one.shape for name, one in weights.items()} != {name: tuple(one.shape) for name, one in wanted.items()}:
        raise DataError(f"the encoder of {folder} has another shape than that of this preset: name another checkpoint.")
    with torch.no_grad():
        for name, tensor in weights.items():
            wanted[name].copy_(torch.from_numpy(tensor))
