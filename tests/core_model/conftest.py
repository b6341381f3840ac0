"""A vocabulary, a tiny real model and a scripted one, made in the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from core_model.model import PRESETS, FormulaModel, Memory, create_model
from core_model.tokenizer import Tokenizer

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


@pytest.fixture
def memory(tiny_model: FormulaModel) -> Memory:
    """Four pictures of different sizes, encoded in one batch."""
    images = torch.rand(4, 1, 32, 96, generator=torch.Generator().manual_seed(1))
    sizes = torch.tensor([[32, 96], [20, 70], [32, 40], [9, 9]])
    with torch.inference_mode():
        return tiny_model.encode(images, sizes)


@dataclass
class ScriptState:
    scripts: Tensor  # [b]
    step: int
    cells: tuple[int, int]

    def select(self, index: Tensor) -> ScriptState:
        return replace(self, scripts=self.scripts[index])


class ScriptedModel(nn.Module):
    """Reads picture i as `scripts[i]` (the last for all others), for ever if it loops; logs batch sizes."""

    stride = 8

    def __init__(self, tokenizer: Tokenizer, scripts: Sequence[str], *, loop: bool = False) -> None:
        super().__init__()
        self.scripts = [tokenizer.encode(script.split()) for script in scripts]
        self.loop = loop
        self.size = len(tokenizer)
        self.certainty = nn.Parameter(torch.tensor(8.0))
        self.batches: list[int] = []
        self.encoded: list[int] = []

    def encode(self, images: Tensor, sizes: Tensor) -> Memory:
        grid = images.shape[2] // self.stride, images.shape[3] // self.stride
        first = sum(self.encoded)
        self.encoded.append(len(images))
        features = torch.arange(first, first + len(images)).float()[:, None, None].expand(-1, grid[0] * grid[1], 1)
        cells = (sizes + 7) // 8
        rows = torch.arange(grid[0])[:, None] < cells[:, :1, None]
        columns = torch.arange(grid[1])[None, :] < cells[:, 1:, None]
        return Memory(features, (rows & columns).flatten(1), grid, self.stride)

    def start(self, memory: Memory) -> ScriptState:
        return ScriptState(memory.features[:, 0, 0].long().clamp(max=len(self.scripts) - 1), 0, memory.grid)

    def step(self, tokens: Tensor, state: ScriptState) -> tuple[Tensor, Tensor, ScriptState]:
        self.batches.append(len(tokens))
        scores = torch.zeros(len(tokens), self.size)
        scores[:, Tokenizer.eos_id] = -self.certainty
        for row, script in enumerate(state.scripts.tolist()):
            ids = self.scripts[script]
            place = state.step % len(ids) if self.loop else state.step
            scores[row, ids[place] if place < len(ids) else Tokenizer.eos_id] = self.certainty
        attention = torch.zeros(len(tokens), state.cells[0] * state.cells[1])
        attention[:, state.step % attention.shape[1]] = 1
        return scores, attention.unflatten(1, state.cells), replace(state, step=state.step + 1)


@pytest.fixture
def scripted(tokenizer: Tokenizer) -> Callable[..., ScriptedModel]:
    """Makes a `ScriptedModel` of space-separated scripts."""

    def make(*scripts: str, loop: bool = False) -> ScriptedModel:
        return ScriptedModel(tokenizer, scripts, loop=loop).eval()

    return make
