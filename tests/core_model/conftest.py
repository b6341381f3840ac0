"""A vocabulary, a tiny real model and a scripted one, made in the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core_model.checkpoint import Checkpoint
from core_model.config import PRESETS
from core_model.model import FormulaModel, create_model
from core_model.numpy_model import Memory, NumpyModel, build
from core_model.recognizer import ReadingModel
from core_model.tokenizer import Tokenizer
from core_model.torch_checkpoint import stored
from core_model.torch_model import TorchModel

SYMBOLS = (
    *"{}[]_^&abcxyz0123+-=",
    *("\\frac", "\\sqrt", "\\left(", "\\right)", "\\begin{array}", "\\end{array}", "\\\\", "\\alpha"),
)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer(SYMBOLS)


@pytest.fixture
def tiny_model(tokenizer: Tokenizer) -> FormulaModel:
    """Random weights, large enough that readings differ by picture and by what went before."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = create_model(PRESETS["tiny"], len(tokenizer)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                weight.mul_(2.5)
            if name.endswith("outward.weight"):  # coverage starts at zero, where a mistake in it would not show
                weight.add_(0.1)
    return model


def numpy_twin(model: FormulaModel, tokenizer: Tokenizer) -> NumpyModel:
    """The model as it is read by NumPy from the very same weights, not rounded to half precision."""
    return build(Checkpoint(Path("model.safetensors"), model.config, tokenizer, stored(model), {}))


@pytest.fixture(params=["numpy", "torch"])
def tiny_reader(request: pytest.FixtureRequest, tiny_model: FormulaModel, tokenizer: Tokenizer) -> ReadingModel:
    """The tiny model on each of the two runtimes."""
    return numpy_twin(tiny_model, tokenizer) if request.param == "numpy" else TorchModel(tiny_model)


@pytest.fixture
def memory(tiny_reader: ReadingModel) -> Any:
    """Four pictures of different sizes, as one batch."""
    rng = np.random.default_rng(3)
    sizes = ((32, 96), (20, 70), (32, 40), (9, 9))
    return tiny_reader.join([tiny_reader.encode([rng.integers(0, 256, size, np.uint8)]) for size in sizes])


@dataclass
class ScriptState:
    scripts: NDArray[np.int64]  # [b]
    step: int
    cells: tuple[int, int]

    def select(self, index: NDArray[np.int64]) -> ScriptState:
        return replace(self, scripts=self.scripts[index])


class ScriptedModel:
    """Reads picture i as `scripts[i]` (the last for all others), for ever if it loops; logs batch sizes."""

    device = "cpu"
    runtime = "a script"
    stride = 8
    join = staticmethod(NumpyModel.join)

    def __init__(self, tokenizer: Tokenizer, scripts: Sequence[str], *, loop: bool = False) -> None:
        self.scripts = [tokenizer.encode(script.split()) for script in scripts]
        self.loop = loop
        self.size = len(tokenizer)
        self.certainty = 8.0
        self.batches: list[int] = []
        self.encoded: list[int] = []

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> Memory:
        grid = -(-pictures[0].shape[0] // self.stride), -(-pictures[0].shape[1] // self.stride)
        assert all((-(-p.shape[0] // 8), -(-p.shape[1] // 8)) == grid for p in pictures)
        numbers = sum(self.encoded) + np.arange(len(pictures), dtype=np.float32)
        self.encoded.append(len(pictures))
        cells = grid[0] * grid[1]
        features = np.repeat(numbers[:, None, None], cells, axis=1)
        return Memory(features, np.ones((len(pictures), cells), np.bool_), grid, self.stride)

    def start(self, memory: Memory) -> ScriptState:
        return ScriptState(memory.features[:, 0, 0].astype(int).clip(max=len(self.scripts) - 1), 0, memory.grid)

    def step(
        self, tokens: NDArray[np.int64], state: ScriptState
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], ScriptState]:
        self.batches.append(len(tokens))
        scores = np.zeros((len(tokens), self.size), np.float32)
        scores[:, Tokenizer.eos_id] = -self.certainty
        for row, script in enumerate(state.scripts.tolist()):
            ids = self.scripts[script]
            place = state.step % len(ids) if self.loop else state.step
            scores[row, ids[place] if place < len(ids) else Tokenizer.eos_id] = self.certainty
        attention = np.zeros((len(tokens), state.cells[0] * state.cells[1]), np.float32)
        attention[:, state.step % attention.shape[1]] = 1
        return scores, attention.reshape(-1, *state.cells), replace(state, step=state.step + 1)


@pytest.fixture
def scripted(tokenizer: Tokenizer) -> Callable[..., ScriptedModel]:
    """Makes a `ScriptedModel` of space-separated scripts."""

    def make(*scripts: str, loop: bool = False) -> ScriptedModel:
        return ScriptedModel(tokenizer, scripts, loop=loop)

    return make
