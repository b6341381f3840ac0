"""A moving average of the weights: smoother than the weights of any one step.

Polyak & Juditsky 1992, as an exponential average. While the learning rate is high the weights wander around a valley;
their average lies nearer to its floor, where a falling rate would take them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps the average of a model's parameters; buffers are taken as they are."""

    def __init__(self, model: nn.Module, memory: float) -> None:
        self.parameters = dict(model.named_parameters())
        self.memory = memory
        self.updates = 0
        self.mean = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        # Early on the average reaches back over a tenth of what it has seen, so the first weights are soon forgotten.
        memory = min(self.memory, (1 + self.updates) / (10 + self.updates))
        current = [self.parameters[name].detach() for name in self.mean]
        torch._foreach_lerp_(list(self.mean.values()), current, 1 - memory)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model has the averaged weights."""
        with torch.no_grad():
            kept = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
            self._assign(self.mean)
        try:
            yield
        finally:
            self._assign(kept)

    def state(self) -> dict[str, Tensor | int]:
        """For the saved state."""
        return {"updates": self.updates, **{f"mean.{name}": tensor for name, tensor in self.mean.items()}}

    def restore(self, state: dict[str, Tensor | int]) -> None:
        """Inverse of `state`."""
        self.updates = int(state["updates"])
        for name, tensor in self.mean.items():
            tensor.copy_(torch.as_tensor(state[f"mean.{name}"]))

    @torch.no_grad()
    def _assign(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])
