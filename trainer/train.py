"""`trainer train`: teacher forcing on prepared shards; resumable at any step, on one process or several.

Read `main`, then `Training.run`. Everything random is a function of the seed and of where the run stands, so a run that
was killed and started again computes what an uninterrupted one does.
"""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from tqdm import tqdm

from core_model.checkpoint import VOCABULARY
from core_model.config import PRESETS
from core_model.device import choose_device
from core_model.errors import DataError
from core_model.model import FormulaModel, create_model
from core_model.tokenizer import SPECIALS, Tokenizer
from core_model.torch_checkpoint import load, save
from trainer.config import Options, conflicts, to_json
from trainer.data.batching import Position, after
from trainer.data.dataset import (
    Batch,
    BatchKeys,
    BatchMaker,
    count_tokens,
    describe,
    mix_of,
    read_examples,
    within_vocabulary,
)
from trainer.data.drawn_ink import InkDrawing
from trainer.read_files import read_json
from trainer.run_state import RunFolder
from trainer.schedule import Schedule
from trainer.start_encoder import copy_encoder
from trainer.trained_on import facts_of, trained_on
from trainer.validation import Validation
from trainer.weight_average import WeightAverage

__all__ = ["Options", "main"]


def main(options: Options) -> int:
    """Train until the samples are seen, the hours are over or validation stops improving."""
    accelerator = _accelerator(options)
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = RunFolder(options.out)
    folder.create()
    saved = folder.read_config()
    if saved is not None and (different := conflicts(saved, options)):
        raise DataError(
            f"{options.out} holds a run with another {', '.join(different)}: give the same, or another --out."
        )
    examples = read_examples(options.data, options.max_tokens, options.max_pixels)
    tokenizer = vocabulary(options, folder, partial(count_tokens, examples))
    examples = within_vocabulary(examples, tokenizer)
    mix = mix_of(examples, options.shares)
    summary = describe(examples)
    accelerator.print(f"{summary}; vocabulary {len(tokenizer)}; {accelerator.device}")
    if saved is not None and saved.get("data_summary", summary) != summary:
        accelerator.print("the data differ from those this run began with: from here on the batches are others")
    training = Training(options, accelerator, folder, tokenizer)
    if accelerator.is_main_process:
        folder.write_config(to_json(options) | {"data_summary": summary})
        if not folder.vocabulary.exists():
            tokenizer.save(folder.vocabulary)
    accelerator.wait_for_everyone()
    maker = BatchMaker(
        examples,
        tokenizer,
        options.augment,
        options.seed,
        accelerator.process_index,
        accelerator.num_processes,
        InkDrawing(options.ink_augment, options.paper),
    )
    keys = BatchKeys(examples.sizes, options.batches, options.seed, training.position, mix)
    del examples  # the workers shall not inherit millions of small objects
    loader = torch.utils.data.DataLoader(
        maker,
        sampler=keys,
        batch_size=None,
        num_workers=options.workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    training.run(iter(loader))
    return 0


def _accelerator(options: Options) -> Accelerator:
    name, _ = choose_device(options.device)
    device = torch.device(name)
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device) else "fp32"
    if precision == "fp16" and device.type == "cpu":
        raise DataError("--precision fp16 needs a GPU: use bf16 or fp32 on the CPU")
    return Accelerator(cpu=device.type == "cpu", mixed_precision="no" if precision == "fp32" else precision)


def _provenance(options: Options, before: dict[str, Any] | None) -> dict[str, Any]:
    """What the weights have seen, for the checkpoint to tell: it may outlive its data, and others begin with it.

    ``before``: what it was at the last save of a run that goes on, maybe with other data.
    """
    reports = [read_json(path) for folder in options.data if (path := folder / "report.json").is_file()]
    begun = [facts_of(one) for one in (options.start_from, options.start_encoder) if one is not None]
    return trained_on(reports, begun if before is None else [before]).as_extra()


def _multiplies_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; emulated on a CPU, it is a hundred times slower than fp32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def vocabulary(options: Options, folder: RunFolder, count: Callable[[], Mapping[str, int]]) -> Tokenizer:
    """The run's vocabulary: as saved, else that of the checkpoint to start from and of the data (``count``)."""
    if folder.vocabulary.exists():
        return Tokenizer.load(folder.vocabulary)
    tokenizer = Tokenizer.build(count(), options.min_count)
    if options.start_from is not None:
        known = Tokenizer.load(options.start_from / VOCABULARY)
        symbols = known.tokens[len(SPECIALS) :]
        return Tokenizer([*symbols, *(t for t in tokenizer.tokens[len(SPECIALS) :] if t not in known)])
    if len(tokenizer) == len(SPECIALS):
        raise DataError(f"no token occurs {options.min_count} times: lower --min-count or prepare more data.")
    return tokenizer


class Training:
    """One run: model, optimizer and where it stands."""

    def __init__(self, options: Options, accelerator: Accelerator, folder: RunFolder, tokenizer: Tokenizer) -> None:
        self.options = options
        self.accelerator = accelerator
        self.folder = folder
        self.tokenizer = tokenizer
        set_seed(options.seed)
        model = create_model(PRESETS[options.preset], len(tokenizer))
        state = folder.load_state(torch.device("cpu"))
        if state is None and options.start_from is not None:
            _copy_weights(options.start_from, model)
        if state is None and options.start_encoder is not None:
            copy_encoder(options.start_encoder, model.encoder)
        self.provenance = _provenance(options, None if state is None else state.get("provenance"))
        self.plain: FormulaModel = model.to(accelerator.device)
        optimizer = torch.optim.AdamW(
            _groups(model, options.optimizer.weight_decay),
            lr=options.optimizer.peak,
            betas=(options.optimizer.beta1, options.optimizer.beta2),
            fused=accelerator.device.type in ("cuda", "cpu"),
        )
        self.schedule = Schedule(options.optimizer, options.samples)
        self.position = Position()
        self.hours = 0.0
        self.best: float | None = None
        self.unimproved = 0
        self.validated_at = 0
        if state is not None:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            self.schedule.restore(state["schedule"])
            self.position = Position(**state["position"])
            self.hours, self.best = state["hours"], state["best"]
            self.unimproved, self.validated_at = state["unimproved"], state["validated_at"]
            # Older states do not tell what their best value is of, but the settings of that start do.
            decided_by = state.get("best_by") or (folder.read_config() or {}).get("best_by", options.best_by)
            if decided_by != options.best_by:
                self.best, self.unimproved = None, 0
            if accelerator.is_main_process:
                folder.forget_after(self.position.step)
            accelerator.print(f"going on at sample {self.position.samples:,}")
        self.average = self._create_average(state)
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.validation = Validation(options, tokenizer) if options.validation and accelerator.is_main_process else None

    def _create_average(self, state: Mapping[str, Any] | None) -> WeightAverage | None:
        """The average of the weights, on the first process; a run that had none yet begins it from where it stands."""
        if not self.options.average or not self.accelerator.is_main_process:
            return None
        average = WeightAverage(self.plain, self.options.average)
        if state is not None and state.get("average") is not None:
            average.restore(state["average"])
        return average

    def run(self, batches: Iterator[Batch]) -> None:
        """Train on ``batches`` until it is time to stop; saves on the way and at the end."""
        options, started, saved = self.options, time.monotonic(), time.monotonic()
        hours_before = self.hours
        window = Window()
        progress = tqdm(
            total=options.samples,
            initial=self.position.samples,
            unit=" pictures",
            disable=not self.accelerator.is_main_process or not sys.stderr.isatty(),
            smoothing=0.05,
        )
        self.model.train()
        while self.position.samples < options.samples:
            batch = next(batches)
            rate = self.schedule.rate(self.position.step, self.position.samples)
            window.add(batch, *self.train_step(batch, rate))
            self.position = after(batch.position, batch.samples)
            self.hours = hours_before + (time.monotonic() - started) / 3600
            progress.update(batch.samples)
            if self.position.step % options.log_every == 0:
                self.log(window.row(self.accelerator) | {"lr": rate})
                window = Window()
            if self.position.step % 20 == 0:
                _return_memory()
            overdue = self.position.samples - self.validated_at >= options.validate_every
            if options.validation and overdue and self.validate():
                break
            # Only where a row of metrics ends, so that a run that goes on from there writes the same rows.
            if self.position.step % options.log_every == 0:
                # The clocks of several processes differ; the first one's decides.
                due = time.monotonic() - saved > 60 * options.save_minutes
                late = 0 < options.hours < (time.monotonic() - started) / 3600
                flags = self._from_first(torch.tensor([float(due), float(late)]))
                if flags[0]:
                    self.save()
                    saved = time.monotonic()
                if flags[1]:
                    break
        progress.close()
        if options.validation and self.position.samples > self.validated_at:
            self.validate()
        self.save()
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()

    def train_step(self, batch: Batch, rate: float) -> tuple[Tensor, Tensor]:
        """One step; returns the summed loss (without smoothing) and right tokens of this process's share."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        device = self.accelerator.device
        pinned = device.type == "cuda"
        images, sizes, inputs, targets = (
            tensor.to(device, non_blocking=pinned)
            for tensor in (batch.images, batch.sizes, batch.inputs, batch.targets)
        )
        torch.manual_seed(hash((self.options.seed, batch.position.step, self.accelerator.process_index)) & 0x7FFFFFFF)
        with self.accelerator.autocast():
            logits = self.model(images, sizes, inputs)
        logs = F.log_softmax(logits.float(), dim=-1)  # [b, t, v]
        valid = targets != Tokenizer.pad_id
        truth = -logs.gather(2, targets[:, :, None])[:, :, 0]
        smoothing = self.options.label_smoothing
        loss = (1 - smoothing) * truth - smoothing * logs.mean(dim=-1) if smoothing else truth
        # Processes average their gradients; dividing by the whole batch's targets makes that a mean over all of them.
        scale = batch.weight * self.accelerator.num_processes / batch.target_count
        self.accelerator.backward((loss * valid).sum() * scale)
        if self.options.optimizer.clip:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.options.optimizer.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update()
        right = ((logits.argmax(dim=-1) == targets) & valid).sum()
        return (truth.detach() * valid).sum() * batch.weight, right * batch.weight

    def log(self, row: dict[str, float]) -> None:
        """Write a row of metrics (first process only)."""
        if self.accelerator.is_main_process:
            where = {"step": self.position.step, "samples": self.position.samples, "hours": self.hours}
            self.folder.append(where | row)

    def validate(self) -> bool:
        """Validate on the first process, keep the best; returns whether to stop early."""
        self.validated_at = self.position.samples
        improved = False
        if self.validation is not None:
            with self.average.in_place() if self.average is not None else nullcontext():
                self.plain.eval()
                figures = self.validation.measure(self.plain, self.accelerator.device)
                self.plain.train()
                self.log(figures)
                tqdm.write(f"{self.position.samples:,}: " + ", ".join(f"{k} {v:.3f}" for k, v in figures.items()))
                sign = -1 if self.options.best_by.endswith("loss") else 1
                value = sign * figures[self.options.best_by]
                improved = self.best is None or value > self.best
                if improved:
                    self.best = value
                    self.save_best(figures)
        improved = bool(self._from_first(torch.tensor([float(improved)]))[0])
        self.schedule.validated(improved)
        self.unimproved = 0 if improved else self.unimproved + 1
        return 0 < self.options.early_stopping <= self.unimproved

    def save_best(self, figures: dict[str, float]) -> None:
        """Write the best checkpoint so far."""
        extra = {
            "samples": self.position.samples,
            "steps": self.position.step,
            "hours": round(self.hours, 3),
            "validation": figures,
            "device": _describe_device(self.accelerator),
            "confidence_temperature": self.validation.temperature if self.validation is not None else 1.0,
        }
        extra |= self.provenance
        save(self.folder.best, self.plain, self.tokenizer, "Written by `trainer train`; see export.\n", extra)

    def save(self) -> None:
        """Write the full state (first process only)."""
        if not self.accelerator.is_main_process:
            return
        self.folder.save_state(
            {
                "model": self.plain.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state(),
                "position": self.position.as_dict(),
                "hours": self.hours,
                "best": self.best,
                "best_by": self.options.best_by,
                "unimproved": self.unimproved,
                "validated_at": self.validated_at,
                "provenance": self.provenance,
                "average": None if self.average is None else self.average.state(),
            }
        )

    def _from_first(self, flags: Tensor) -> Tensor:
        if self.accelerator.num_processes > 1:
            flags = flags.to(self.accelerator.device)
            torch.distributed.broadcast(flags, 0)
        return flags.cpu()


class Window:
    """Training figures between two rows of metrics."""

    def __init__(self) -> None:
        self.loss: Tensor | float = 0.0
        self.right: Tensor | float = 0.0
        self.targets = 0
        self.samples = 0
        self.started = time.monotonic()

    def add(self, batch: Batch, loss: Tensor, right: Tensor) -> None:
        """Add one step."""
        self.loss, self.right = self.loss + loss, self.right + right
        self.targets += batch.target_count
        self.samples += batch.samples

    def row(self, accelerator: Accelerator) -> dict[str, float]:
        """Means over all processes."""
        sums = torch.tensor([float(self.loss), float(self.right)], device=accelerator.device)
        loss, right = accelerator.reduce(sums, "sum").tolist()
        return {
            "train_loss": loss / self.targets,
            "train_accuracy": 100 * right / self.targets,
            "samples_per_second": self.samples / (time.monotonic() - self.started),
        }


def _describe_device(accelerator: Accelerator) -> str:
    device, count = accelerator.device, accelerator.num_processes
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}, {count} processes" if count > 1 else name


def _groups(model: torch.nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _copy_weights(folder: Path, model: FormulaModel) -> None:
    """Take over a checkpoint's weights; tokens that its vocabulary lacks (the last ones) keep their fresh rows."""
    other, _, _ = load(folder)
    if other.config != model.config:
        raise DataError(f"{folder} is a {other.config.preset!r} of another shape than --preset {model.config.preset}.")
    weights = model.state_dict()
    for name, old in other.state_dict().items():
        weights[name][: len(old)] = old
    model.load_state_dict(weights)


def _return_memory() -> None:
    """Give freed memory back: batches of many shapes fragment glibc's heap until it grows without end."""
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except OSError:  # musl has no such file, and does not fragment this way
            return
