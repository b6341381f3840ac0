"""`trainer average --checkpoints A B --shares 0.6 0.4 --out DIR`: checkpoints -> one with the mean of their weights.

For checkpoints that come from one beginning, say the ends of one run with different mixtures of data: the mean reads
as quickly as one of them and often better than each (Wortsman et al. 2022, Model soups). Choose by validation sets.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_model.errors import DataError
from core_model.torch_checkpoint import load, save
from trainer.trained_on import saw_crohme

__all__ = ["Options", "main"]


@dataclass(frozen=True)
class Options:
    """Average the weights of checkpoints."""

    checkpoints: tuple[Path, ...]
    """Two or more checkpoint folders, of one architecture and with one vocabulary."""
    out: Path
    """Folder of the new checkpoint."""
    shares: tuple[float, ...] = ()
    """The share of each in the mean; they are brought to a sum of 1. Default: equal shares."""

    def __post_init__(self) -> None:
        if len(self.checkpoints) < 2:
            raise ValueError("--checkpoints takes two or more")
        if self.shares and (len(self.shares) != len(self.checkpoints) or min(self.shares) <= 0):
            raise ValueError(f"--shares takes {len(self.checkpoints)} positive numbers, one for each checkpoint")


def main(options: Options) -> int:
    """Write the mean; prints where."""
    given = options.shares or (1.0,) * len(options.checkpoints)
    shares = [share / sum(given) for share in given]
    model, tokenizer, config = load(options.checkpoints[0], "cpu")
    mean = {name: tensor * shares[0] for name, tensor in model.state_dict().items()}
    told = [dict(config.get("extra", {}))]
    for folder, share in zip(options.checkpoints[1:], shares[1:], strict=True):
        other, vocabulary, other_config = load(folder, "cpu")
        if vocabulary.tokens != tokenizer.tokens or other_config["model"] != config["model"]:
            raise DataError(f"{folder} has another vocabulary or architecture than {options.checkpoints[0]}.")
        for name, tensor in other.state_dict().items():
            mean[name] += tensor * share
        told.append(dict(other_config.get("extra", {})))
    model.load_state_dict(mean)
    save(options.out, model, tokenizer, "Written by `trainer average`; see export.\n", _extra(told, shares))
    print(
        f"{options.out}: {' + '.join(f'{share:.3g} {p}' for share, p in zip(shares, options.checkpoints, strict=True))}"
    )
    return 0


def _extra(told: list[dict[str, Any]], shares: list[float]) -> dict[str, Any]:
    """What the mean tells of itself: what the one that was trained longest does, but for what only measuring tells."""
    longest = max(told, key=lambda extra: extra.get("samples", 0))
    extra = {name: value for name, value in longest.items() if name != "validation"}
    temperatures = [one.get("confidence_temperature", 1.0) for one in told]
    extra["confidence_temperature"] = sum(s * t for s, t in zip(shares, temperatures, strict=True))
    extra["average_of"] = [
        {"share": round(share, 4), "samples": one.get("samples", 0)} for share, one in zip(shares, told, strict=True)
    ]
    if any(saw_crohme(one) for one in told):
        extra["crohme"] = True
    return extra
