"""Reading with a torch model: on CUDA and MPS, and for kinds of models that NumPy does not know."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from core_model.decoders import TransformerState
from core_model.decoding import Index
from core_model.hypotheses import Array
from core_model.model import FormulaModel, Memory
from core_model.preprocessing import Grey, to_batch

__all__ = ["TorchModel", "TorchState"]


class TorchState:
    """A decoder's state, whose rows are named by arrays."""

    def __init__(self, state: TransformerState, device: torch.device) -> None:
        self.state = state
        self._device = device

    def select(self, index: Index) -> TorchState:
        """See `core_model.decoding.StepState`."""
        return TorchState(self.state.select(self._tensor(index)), self._device)

    def reorder(self, index: Index) -> TorchState:
        """As `select`, where every row stays with its picture."""
        return TorchState(self.state.reorder(self._tensor(index)), self._device)

    def _tensor(self, index: Index) -> torch.Tensor:
        return torch.from_numpy(index).to(self._device)


class TorchModel:
    """A `FormulaModel` as decoding and `core_model.recognizer.Recognizer` want it: arrays in, arrays out.

    Args:
        model: on its device, in evaluation mode.
    """

    def __init__(self, model: FormulaModel) -> None:
        self.model = model
        self._device = next(model.parameters()).device
        self.device = self._device.type
        self.runtime = f"PyTorch {torch.__version__}"
        if self.device == "cuda":
            self.runtime += f" on {torch.cuda.get_device_name(self._device)}"
        self.stride = model.stride

    @torch.inference_mode()
    def encode(self, pictures: Sequence[Grey]) -> Memory:
        """Prepared pictures, dark on white -> the memory of the decoder. Waits until it is there."""
        images, sizes = to_batch(pictures)
        memory = self.model.encode(torch.from_numpy(images).to(self._device), torch.from_numpy(sizes))
        # Accelerators work ahead of Python: without a wait the decoder would be charged for the encoder's time.
        if self.device == "cuda":
            torch.cuda.synchronize(self._device)
        elif self.device == "mps":
            torch.mps.synchronize()
        return memory

    @torch.inference_mode()
    def join(self, memories: Sequence[Memory]) -> Memory:
        """Several memories -> one of all their pictures, padded to a common grid."""
        if len(memories) == 1:
            return memories[0]
        rows, columns = (max(memory.grid[axis] for memory in memories) for axis in (0, 1))
        features, masks = [], []
        for memory in memories:
            pad = (0, columns - memory.grid[1], 0, rows - memory.grid[0])  # of the last axis, then of the one before
            mask = memory.mask.unflatten(1, memory.grid)
            features.append(F.pad(memory.features.unflatten(1, memory.grid), (0, 0, *pad)).flatten(1, 2))
            masks.append(F.pad(mask, pad).flatten(1))
        return Memory(torch.cat(features), torch.cat(masks), (rows, columns), memories[0].stride)

    @torch.inference_mode()
    def start(self, memory: Memory) -> TorchState:
        """The state before the first token."""
        return TorchState(self.model.start(memory), self._device)

    @torch.inference_mode()
    def step(self, tokens: Index, state: TorchState) -> tuple[Array, Array, TorchState]:
        """One more token [b]: scores of the next [b, v], attention [b, rows, columns], and the state after it."""
        scores, attention, after = self.model.step(torch.from_numpy(tokens).to(self._device), state.state)
        return scores.float().cpu().numpy(), attention.float().cpu().numpy(), TorchState(after, self._device)
