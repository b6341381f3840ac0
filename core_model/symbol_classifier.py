"""One drawn symbol -> the LaTeX commands it may be: a small CNN, as Detexify answers.

    classifier = SymbolClassifier.load()
    for guess in classifier.classify(ink):
        print(guess.latex, guess.probability)

Symbols that look alike are different commands, so several are likely at once. What is drawn is shown to the network
twice: as a small picture, and as the path of the pen, which tells an x from a \\times and a 5 from an s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from core_model.checkpoint import (
    CARD,
    CONFIG,
    REMEDY,
    VOCABULARY,
    WEIGHTS,
    fill,
    found_folder,
    read_config,
    read_file,
    read_weights,
    write_folder,
)
from core_model.device import choose_device
from core_model.encoders import BottleneckConfig, create_encoder
from core_model.errors import CheckpointError
from core_model.ink import Ink
from core_model.symbol_ink import PATH_EXTRA, pen_path, symbol_picture

__all__ = [
    "CARD",
    "NAME",
    "SYMBOL_PRESETS",
    "SymbolClassifier",
    "SymbolConfig",
    "SymbolGuess",
    "SymbolNet",
    "default_symbols",
    "to_input",
]

NAME = "symbol-cnn"
"""Of the preset, and of the checkpoint in the box."""


@dataclass(frozen=True)
class SymbolConfig:
    """Form of the network. The encoder is one of `core_model.encoders`, so its weights serve a formula model too."""

    preset: str = NAME
    encoder: BottleneckConfig = field(default_factory=BottleneckConfig)
    side: int = 48
    """Px of the small picture, in both directions; a multiple of 8."""
    points: int = 24
    """Points along the path of the pen."""
    path_width: int = 128
    """Features of the path."""
    dropout: float = 0.2

    def __post_init__(self) -> None:
        problems = []
        if self.side < 24 or self.side % 8:
            problems.append(f"side must be a multiple of 8 and at least 24, not {self.side}")
        if not 2 <= self.points <= 1000:
            problems.append(f"points must lie in 2..1000, not {self.points}")
        if self.path_width < 1:
            problems.append(f"path_width must be positive, not {self.path_width}")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout must lie in [0, 1), not {self.dropout}")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def path_numbers(self) -> int:
        """Length of what `pen_path` gives."""
        return 4 * self.points + PATH_EXTRA

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SymbolConfig:
        """Inverse of `to_dict`; raises ValueError or TypeError naming what does not fit."""
        values = dict(data)
        encoder = values.pop("encoder", None)
        if not isinstance(encoder, dict) or encoder.get("kind") != "bottleneck":
            raise ValueError(f"unknown encoder {encoder!r}")
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in encoder.items()
        }
        return cls(encoder=BottleneckConfig(**lists), **values)


SYMBOL_PRESETS: dict[str, SymbolConfig] = {
    NAME: SymbolConfig(),
    "symbol-tiny": SymbolConfig(  # for tests and toy runs
        "symbol-tiny",
        BottleneckConfig(stem=8, widths=(16, 32), blocks=(1, 1)),
        side=32,
        path_width=16,
        dropout=0.0,
    ),
}


class SymbolNet(nn.Module):
    """Picture and path of the pen -> scores of the classes.

    The feature map is pooled by a weight for each cell and channel (global depthwise convolution, Chen et al. 2018,
    "MobileFaceNets"): unlike a mean it keeps where in the symbol something lies.
    """

    def __init__(self, config: SymbolConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = create_encoder(config.encoder)
        cells = config.side // self.encoder.stride
        self.pool = nn.Parameter(torch.full((cells, cells, config.encoder.width), 1 / cells**2))
        self.norm = nn.LayerNorm(config.encoder.width)
        self.path = nn.Sequential(
            nn.Linear(config.path_numbers, config.path_width),
            nn.ReLU(),
            nn.Linear(config.path_width, config.path_width),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.encoder.width + config.path_width, classes)

    def forward(self, pictures: Tensor, paths: Tensor) -> Tensor:
        """Pictures [b, 1, side, side] (ink 1, ground 0), paths [b, path_numbers] -> scores [b, classes]."""
        features = self.encoder(pictures, None)  # [b, g, g, d]
        pooled = self.norm((features * self.pool).sum(dim=(1, 2)))
        return cast(Tensor, self.head(self.dropout(torch.cat((pooled, self.path(paths)), dim=1))))


@dataclass(frozen=True)
class SymbolGuess:
    """A command that the drawing may be."""

    latex: str
    probability: float
    """Among all classes, in 0..1."""


class SymbolClassifier:
    """Names single drawn symbols with one network on one device.

    Args:
        network: on its device, in evaluation mode.
        classes: LaTeX of each class, in the order of the scores.
        config: the content of the checkpoint's config.json.
    """

    def __init__(self, network: SymbolNet, classes: Sequence[str], config: Mapping[str, Any] | None = None) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.config = dict(config or {})
        self.device = next(network.parameters()).device

    @classmethod
    def load(cls, folder: str | Path | None = None, device: str = "auto") -> SymbolClassifier:
        """Read a checkpoint folder (None: the one in the box) and put it on a device (`auto`, `cpu`, `mps`, `cuda`).

        Raises:
            CheckpointError: a file is missing, damaged, or does not fit the others; the message names it.
            FormulensError: the device asked for is not there.
        """
        chosen, _ = choose_device(device)
        if folder is None and (folder := default_symbols()) is None:
            raise CheckpointError("this installation has no symbol classifier: name a folder of one.")
        folder = found_folder(Path(folder))
        config = read_config(folder / CONFIG)
        try:
            form = SymbolConfig.from_dict(config["model"])
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"{folder / CONFIG} describes no symbol classifier: {error}. {REMEDY}") from error
        classes = _read_classes(folder / VOCABULARY, config["vocab_size"])
        tensors = read_weights(folder / WEIGHTS)
        try:
            with torch.random.fork_rng(devices=[]):
                network = SymbolNet(form, len(classes))
        except (TypeError, ValueError, RuntimeError, MemoryError) as error:
            raise CheckpointError(f"{folder / CONFIG} is no network that can be built: {error}. {REMEDY}") from error
        fill(network, tensors, folder / WEIGHTS)
        return cls(network.to(chosen).eval(), classes, config)

    def save(self, folder: str | Path, card: str = "", extra: Mapping[str, Any] | None = None) -> None:
        """Write a checkpoint folder, the old one or the new, never a mixture. Raises CheckpointError."""
        text = "".join(f"{name}\n" for name in self.classes)
        write_folder(folder, self.network, self.network.config.to_dict(), text, len(self.classes), card, extra)

    def classify(self, ink: Ink, top: int = 5) -> tuple[SymbolGuess, ...]:
        """The ``top`` likeliest commands, the likeliest first; none for ink without strokes."""
        if not ink.strokes:
            return ()
        odds, order = F.softmax(self.scores([ink])[0], dim=0).topk(min(top, len(self.classes)))
        return tuple(SymbolGuess(self.classes[place], float(p)) for p, place in zip(odds, order.tolist(), strict=True))

    def scores(self, inks: Sequence[Ink]) -> Tensor:
        """Unnormalised logarithms of the probabilities [n, classes], on the CPU."""
        form = self.network.config
        pictures = np.stack([symbol_picture(ink, form.side) for ink in inks])
        paths = np.stack([pen_path(ink, form.points) for ink in inks])
        with torch.inference_mode():
            scores = self.network(to_input(pictures).to(self.device), torch.from_numpy(paths).to(self.device))
        return cast(Tensor, scores.float().cpu())


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """Grey pictures [b, side, side], dark on white -> float32 [b, 1, side, side], ink 1, ground 0."""
    return 1 - torch.from_numpy(pictures)[:, None].float() / 255


def default_symbols() -> Path | None:
    """The folder of the symbol classifier in the box; None where there is none."""
    try:
        folder = Path(str(resources.files("resources"))) / "checkpoints" / NAME
        return folder if folder.is_dir() else None
    except (ModuleNotFoundError, OSError):  # a folder that may not be entered is as good as none
        return None


def _read_classes(path: Path, size: int) -> tuple[str, ...]:
    try:
        classes = tuple(read_file(path).decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n"))
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is no UTF-8 text: {error}. {REMEDY}") from error
    if not all(classes) or len(set(classes)) != len(classes):
        raise CheckpointError(f"{path} has empty lines, or names a class twice. {REMEDY}")
    if len(classes) != size:
        raise CheckpointError(f"{path} has {len(classes)} classes, {CONFIG} beside it says {size}. {REMEDY}")
    return classes
