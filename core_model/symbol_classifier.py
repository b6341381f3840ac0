"""One drawn symbol -> the LaTeX commands it may be: a small CNN, as Detexify answers.

    classifier = SymbolClassifier.load()
    for guess in classifier.classify(ink):
        print(guess.latex, guess.probability)

Symbols that look alike are different commands, so several are likely at once. What is drawn is shown to the network
twice: as a small picture, and as the path of the pen, which tells an x from a \\times and a 5 from an s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core_model.checkpoint import (
    CONFIG,
    REMEDY,
    VOCABULARY,
    WEIGHTS,
    Arrays,
    check,
    found_folder,
    not_buildable,
    read_config,
    read_file,
    read_weights,
)
from core_model.config import SYMBOL_CNN, SymbolConfig
from core_model.errors import CheckpointError
from core_model.hypotheses import largest, log_softmax
from core_model.ink import Ink
from core_model.numpy_layers import Encoder, Linear, Shapes, encoder_shapes, linear_shapes, norm_shapes, normalise, relu
from core_model.symbol_ink import pen_path, symbol_picture

__all__ = [
    "NumpySymbolNet",
    "ScoringNetwork",
    "StoredSymbols",
    "SymbolClassifier",
    "SymbolGuess",
    "default_symbols",
    "read_symbols",
    "to_input",
]


class ScoringNetwork(Protocol):
    """The network of a classifier: `NumpySymbolNet`, or `core_model.symbol_net.SymbolNet` in torch."""

    @property
    def config(self) -> SymbolConfig:
        """Its form."""

    def scores(self, pictures: NDArray[np.uint8], paths: NDArray[np.float32]) -> NDArray[np.float32]:
        """Grey pictures [b, side, side], dark on white, and paths [b, path_numbers] -> scores [b, classes]."""


class NumpySymbolNet:
    """`core_model.symbol_net.SymbolNet` in NumPy.

    Args:
        weights: as `shapes` says, float32.
    """

    def __init__(self, config: SymbolConfig, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.config = config
        self.encoder = Encoder(config.encoder, weights)
        self.pool = weights["pool"]
        self.norm = weights["norm.weight"], weights["norm.bias"]
        self.path = Linear.read(weights, "path.0"), Linear.read(weights, "path.2")
        self.head = Linear.read(weights, "head")

    @staticmethod
    def shapes(config: SymbolConfig, classes: int) -> Shapes:
        """Names and shapes of all weights in a checkpoint."""
        width, cells = config.encoder.width, config.side // Encoder.stride
        found = encoder_shapes(config.encoder) | norm_shapes("norm", width)
        found |= linear_shapes("path.0", config.path_numbers, config.path_width)
        found |= linear_shapes("path.2", config.path_width, config.path_width)
        return found | linear_shapes("head", width + config.path_width, classes) | {"pool": (cells, cells, width)}

    def scores(self, pictures: NDArray[np.uint8], paths: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `ScoringNetwork`."""
        pooled = (
            normalise((self.encoder(to_input(pictures)) * self.pool).sum(axis=(1, 2))) * self.norm[0] + self.norm[1]
        )
        path = relu(self.path[1](relu(self.path[0](paths))))
        return self.head(np.concatenate((pooled, path), axis=1))


@dataclass(frozen=True)
class SymbolGuess:
    """A command that the drawing may be."""

    latex: str
    probability: float
    """Among all classes, in 0..1."""


@dataclass(frozen=True)
class StoredSymbols:
    """A classifier's checkpoint folder as read; the weights are not yet held against the form."""

    path: Path
    """Of the weights, for messages."""
    form: SymbolConfig
    classes: tuple[str, ...]
    tensors: Arrays
    config: dict[str, Any]
    """The content of config.json."""


class SymbolClassifier:
    """Names single drawn symbols.

    Args:
        classes: LaTeX of each class, in the order of the scores.
        config: the content of the checkpoint's config.json.
    """

    def __init__(
        self, network: ScoringNetwork, classes: Sequence[str], config: Mapping[str, Any] | None = None
    ) -> None:
        self.network = network
        self.classes = tuple(classes)
        self.config = dict(config or {})

    @classmethod
    def load(cls, folder: str | Path | None = None) -> SymbolClassifier:
        """Read a checkpoint folder (None: the one in the box). It computes by NumPy: a symbol takes milliseconds.

        Raises:
            CheckpointError: a file is missing, damaged, or does not fit the others; the message names it.
        """
        if folder is None and (folder := default_symbols()) is None:
            raise CheckpointError("this installation has no symbol classifier: name a folder of one.")
        read = read_symbols(folder)
        try:
            if sum(read.form.encoder.blocks) > len(read.tensors):
                raise ValueError("it has more layers than weights")
            wanted = NumpySymbolNet.shapes(read.form, len(read.classes))
        except (TypeError, ValueError) as error:
            raise not_buildable(read.path, error) from error
        check(read.tensors, wanted, read.path)
        network = NumpySymbolNet(read.form, {name: one.astype(np.float32) for name, one in read.tensors.items()})
        return cls(network, read.classes, read.config)

    def classify(self, ink: Ink, top: int = 5) -> tuple[SymbolGuess, ...]:
        """The ``top`` likeliest commands, the likeliest first; none for ink without strokes."""
        if not ink.strokes:
            return ()
        logs, places = largest(log_softmax(self.scores([ink])), top)
        return tuple(
            SymbolGuess(self.classes[place], p)
            for p, place in zip(np.exp(logs[0]).tolist(), places[0].tolist(), strict=True)
        )

    def scores(self, inks: Sequence[Ink]) -> NDArray[np.float32]:
        """Unnormalised logarithms of the probabilities [n, classes]."""
        form = self.network.config
        pictures = np.stack([symbol_picture(ink, form.side) for ink in inks])
        return self.network.scores(pictures, np.stack([pen_path(ink, form.points) for ink in inks]))


def to_input(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey pictures [b, side, side], dark on white -> float32 [b, 1, side, side], ink 1, ground 0."""
    return np.float32(1) - pictures[:, None].astype(np.float32) / np.float32(255)


def read_symbols(folder: str | Path) -> StoredSymbols:
    """Read a classifier's checkpoint folder.

    Raises:
        CheckpointError: a file is missing, damaged, or does not fit the others; the message names it.
    """
    folder = found_folder(Path(folder))
    config = read_config(folder / CONFIG)
    try:
        form = SymbolConfig.from_dict(config["model"])
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG} describes no symbol classifier: {error}. {REMEDY}") from error
    classes = _read_classes(folder / VOCABULARY, config["vocab_size"])
    return StoredSymbols(folder / WEIGHTS, form, classes, read_weights(folder / WEIGHTS), config)


def default_symbols() -> Path | None:
    """The folder of the symbol classifier in the box; None where there is none."""
    try:
        folder = Path(str(resources.files("resources"))) / "checkpoints" / SYMBOL_CNN
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
