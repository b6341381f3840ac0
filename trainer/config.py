"""Settings of a training run: the flags of `trainer train`, and what `config.json` in the run folder holds."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import tyro

from core_model.config import PRESETS
from trainer.data.augment import AugmentOptions
from trainer.data.batching import BatchOptions
from trainer.data.ink_augment import InkAugmentOptions


@dataclass(frozen=True)
class OptimizerOptions:
    """AdamW and its learning rate."""

    peak: float = 1e-3
    """Highest learning rate."""
    warmup: int = 300
    """Steps of linear warm-up."""
    schedule: Literal["cosine", "linear-tail", "plateau", "constant"] = "linear-tail"
    """After warm-up: cosine to --final; constant and then, for the last --tail of all samples, linear to --final;
    halved when validation stops improving; constant."""
    tail: float = 0.3
    """Share of all samples in the falling part of linear-tail."""
    final: float = 0.02
    """Learning rate at the end, as a share of the peak."""
    patience: int = 3
    """Validations without improvement before plateau lowers the rate."""
    factor: float = 0.5
    """What plateau multiplies the rate by."""
    weight_decay: float = 0.02
    """On matrices; biases and norms are left alone."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    beta1: float = 0.9
    beta2: float = 0.98


@dataclass(frozen=True)
class Options:
    """Train a model on prepared pictures and ink; the same command with the same --out goes on where it stopped.

    Several processes: `torchrun --nproc-per-node 2 -m trainer train ...`.
    """

    data: tuple[Path, ...]
    """Folders written by `trainer prepare`, of pictures or of ink."""
    out: Path
    """Run folder: config.json, vocab.txt, metrics.csv, last/ (full state), best/ (checkpoint)."""
    validation: tuple[Path, ...] = ()
    """Prepared folders of held-out formulas; pictures and ink are measured apart (val_... and val_ink_...)."""
    shares: dict[str, float] = field(default_factory=dict)
    """Shares of sources, folders or kinds (print, ink) in what is trained on: `--shares print 0.5 crohme 0.2
    synthetic 0.3`; all of the data must have one. Without it every picture is as likely."""
    preset: Literal[tuple(PRESETS)] = "formulens"  # type: ignore[valid-type]
    """Architecture."""
    start_from: Path | None = None
    """A checkpoint whose weights to start from; its vocabulary grows by what is new in the data."""
    start_encoder: Path | None = None
    """A checkpoint, of a symbol classifier or a formula model, whose encoder alone to start from."""
    samples: int = 1_000_000
    """Samples to train on in all."""
    min_count: int = 20
    """A token enters the vocabulary if it occurs at least so often; formulas with rarer ones are left out."""
    max_tokens: int = 200
    """Longer formulas are left out."""
    max_pixels: int = 250_000
    """Larger pictures (as stored) are left out."""
    batches: tyro.conf.OmitArgPrefixes[BatchOptions] = field(default_factory=BatchOptions)
    optimizer: tyro.conf.OmitArgPrefixes[OptimizerOptions] = field(default_factory=OptimizerOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    ink_augment: InkAugmentOptions = field(default_factory=InkAugmentOptions)
    paper: float = 0.1
    """Share of the ink that is seen as on photographs and scans of paper."""
    label_smoothing: float = 0.1
    average: float = 0.0
    """Validate and keep a moving average of the weights with this memory per step (say 0.998), not the weights
    themselves: what a falling learning rate gains, at any moment of a run with a constant one. 0: no average."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 where the device multiplies it in hardware (CUDA; CPUs with AMX or AVX512-BF16), else fp32."""
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    threads: int = 0
    """Threads per process on the CPU; 0 leaves the choice to torch."""
    workers: int = 0
    """Processes that make batches beside training; 0 makes them in the training process. A GPU needs several."""
    seed: int = 1
    log_every: int = 50
    """Steps between rows of metrics.csv."""
    validate_every: int = 20_000
    """Samples between validations."""
    validation_pictures: int = 300
    """Pictures read at each validation (the first ones)."""
    validation_inks: int = 500
    """Inks read at each validation (the first ones)."""
    save_minutes: float = 10.0
    """Minutes between saves of the full state, which come with a row of metrics.csv (--log-every)."""
    best_by: Literal[
        "val_bleu", "val_edit", "val_exact", "val_loss", "val_ink_exact", "val_ink_edit", "val_ink_loss"
    ] = "val_edit"
    """What decides on the best checkpoint and on early stopping; val_ink_... needs a --validation folder of ink."""
    early_stopping: int = 0
    """Stop after so many validations without improvement; 0 never."""
    hours: float = 0.0
    """Stop (and save) after so many hours of this start, at a row of metrics.csv; 0 never."""

    def __post_init__(self) -> None:
        problems = []
        if self.samples < 1:
            problems.append("--samples must be positive")
        if self.start_from and self.start_encoder:
            problems.append("--start-from and --start-encoder exclude each other")
        if self.log_every < 1 or self.validate_every < 1:
            problems.append("--log-every and --validate-every must be positive")
        if self.workers < 0 or self.threads < 0:
            problems.append("--workers and --threads must not be negative")
        if not 0 <= self.label_smoothing < 1:
            problems.append("--label-smoothing lies in [0, 1)")
        if not 0 <= self.paper <= 1:
            problems.append("--paper lies in [0, 1]")
        if any(not share > 0 for share in self.shares.values()):
            problems.append("--shares must be positive: leave out of --data what is not to be trained on")
        if not 0 <= self.average < 1:
            problems.append("--average lies in [0, 1)")
        if self.optimizer.schedule == "plateau" and not self.validation:
            problems.append("--schedule plateau needs --validation")
        if self.early_stopping and not self.validation:
            problems.append("--early-stopping needs --validation")
        if problems:
            raise ValueError("; ".join(problems))


# A resumed run may differ in these: they do not change what is computed at a given sample, or only from now on.
FREE_ON_RESUME = frozenset(
    {"out", "data", "samples", "optimizer", "precision", "device", "threads", "workers", "log_every", "validation"}
    | {"validate_every", "validation_pictures", "save_minutes", "best_by", "early_stopping", "hours", "start_from"}
    | {"average", "shares", "validation_inks", "start_encoder"}
)


def to_json(options: Options) -> dict[str, Any]:
    """Plain data of the options, paths as text."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(options), default=str))
    return data


def conflicts(saved: dict[str, Any], options: Options) -> list[str]:
    """Settings that differ from a saved run's and must not."""
    now = to_json(options)
    return [name for name in now if name not in FREE_ON_RESUME and name in saved and _differ(saved[name], now[name])]


def _differ(saved: Any, now: Any) -> bool:
    """Whether settings differ; those that an older version did not save do not count."""
    if isinstance(saved, dict) and isinstance(now, dict):
        return any(_differ(saved[name], now[name]) for name in now if name in saved)
    return bool(saved != now)
