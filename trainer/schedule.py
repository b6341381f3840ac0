"""Learning rate as a function of what has been seen; no hidden state but the plateau's."""

import math

from trainer.config import OptimizerOptions


class Schedule:
    """The learning rate of each step (`OptimizerOptions.schedule`)."""

    def __init__(self, options: OptimizerOptions, samples: int) -> None:
        self.options = options
        self.samples = samples
        self.scale = 1.0
        self.waited = 0

    def rate(self, step: int, seen: int) -> float:
        """Learning rate at ``step`` (from 0) after ``seen`` samples."""
        o = self.options
        warm = min(1.0, (step + 1) / o.warmup) if o.warmup else 1.0
        progress = min(1.0, seen / self.samples)
        match o.schedule:
            case "cosine":
                fall = o.final + (1 - o.final) * 0.5 * (1 + math.cos(math.pi * progress))
            case "linear-tail":
                into = max(0.0, progress - (1 - o.tail)) / o.tail if o.tail else 0.0
                fall = 1 - (1 - o.final) * into
            case _:
                fall = self.scale
        return o.peak * warm * fall

    def validated(self, improved: bool) -> None:
        """Tell the plateau whether the last validation was the best so far."""
        self.waited = 0 if improved else self.waited + 1
        if self.options.schedule == "plateau" and self.waited > self.options.patience:
            self.scale = max(self.scale * self.options.factor, self.options.final)
            self.waited = 0

    def state(self) -> dict[str, float]:
        """For the saved state."""
        return {"scale": self.scale, "waited": self.waited}

    def restore(self, state: dict[str, float]) -> None:
        """Inverse of `state`."""
        self.scale, self.waited = state["scale"], int(state["waited"])
