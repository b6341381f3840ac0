"""`trainer train --preset symbol-cnn --data DIR --out RUN`: the classifier of single symbols, on CROHME and Detexify.

The same command with the same --out goes on where it stopped. Everything random follows from the seed and the step, so
a run that was killed computes what an uninterrupted one does.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from core_model.config import SYMBOL_CNN, SYMBOL_PRESETS
from core_model.device import choose_device
from core_model.errors import DataError
from core_model.hypotheses import log_softmax
from core_model.symbol_classifier import SymbolClassifier, to_input
from core_model.symbol_ink import pen_path, symbol_picture
from core_model.symbol_net import SymbolNet, save
from trainer.config import OptimizerOptions
from trainer.data.symbols import Sampler, SymbolSample, crohme_symbols, detexify_symbols, varied
from trainer.evaluate_symbols import Priors, ranks
from trainer.run_state import RunFolder
from trainer.schedule import Schedule
from trainer.start_encoder import copy_encoder
from trainer.trained_on import facts_of, saw_crohme

__all__ = ["Options", "main"]

COLUMNS = (
    *("step", "samples", "hours", "lr", "train_loss", "train_accuracy", "samples_per_second"),
    *("val_loss", "val_crohme_top1", "val_detexify_top1", "val_detexify_top5"),
)


@dataclass(frozen=True)
class Options:
    """Train the classifier of single handwritten symbols."""

    data: Path
    """The folder that holds crohme/ and detexify/."""
    out: Path
    """Run folder: config.json, vocab.txt, metrics.csv, last/ (full state), best/ (checkpoint)."""
    preset: Literal[tuple(SYMBOL_PRESETS)] = SYMBOL_CNN  # type: ignore[valid-type]
    crohme: bool = True
    """Whether CROHME's symbols are trained on: its licence forbids commercial use."""
    start_from: Path | None = None
    """A checkpoint, of a formula model or a symbol classifier, whose encoder to start from."""
    samples: int = 400_000
    """Samples to train on in all."""
    batch: int = 64
    balance: float = 0.65
    """How often classes come up: 1 as often as they are in the data, 0 all equally often."""
    label_smoothing: float = 0.1
    optimizer: tyro.conf.OmitArgPrefixes[OptimizerOptions] = field(
        default_factory=lambda: OptimizerOptions(schedule="cosine", warmup=200)
    )
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    threads: int = 0
    """Threads on the CPU; 0 leaves the choice to torch."""
    workers: int = 0
    """Processes that draw the pictures beside training; 0 draws them in the training process."""
    seed: int = 1
    log_every: int = 100
    """Steps between rows of metrics.csv."""
    validate_every: int = 25_000
    """Samples between validations."""
    validation_symbols: int = 1500
    """Symbols of each source at a validation (spread evenly over what is held out)."""
    save_minutes: float = 5.0
    """Minutes between saves of the full state."""
    hours: float = 0.0
    """Stop (and save) after so many hours of this start; 0 never."""

    def __post_init__(self) -> None:
        problems = []
        if self.samples < 1 or self.batch < 1:
            problems.append("--samples and --batch must be positive")
        if self.log_every < 1 or self.validate_every < 1 or self.validation_symbols < 1:
            problems.append("--log-every, --validate-every and --validation-symbols must be positive")
        if not 0 <= self.balance <= 1:
            problems.append("--balance lies in 0..1")
        if not 0 <= self.label_smoothing < 1:
            problems.append("--label-smoothing lies in [0, 1)")
        if self.workers < 0 or self.threads < 0:
            problems.append("--workers and --threads must not be negative")
        if self.optimizer.schedule == "plateau":
            problems.append("--schedule plateau is not for symbols")
        if problems:
            raise ValueError("; ".join(problems))


_FIXED = ("preset", "crohme", "batch", "balance", "label_smoothing", "seed")
"""What a resumed run must not change; the rest holds only from now on."""


def main(options: Options) -> int:
    """Train until the samples are seen or the hours are over."""
    if options.threads:
        torch.set_num_threads(options.threads)
    folder = RunFolder(options.out, COLUMNS)
    folder.create()
    saved, now = folder.read_config(), json.loads(json.dumps(asdict(options), default=str))
    if saved is not None and (different := [name for name in _FIXED if saved.get(name) != now[name]]):
        raise DataError(
            f"{options.out} holds a run with another {', '.join(different)}: give the same, or another --out."
        )
    samples = [*detexify_symbols(options.data), *(crohme_symbols(options.data) if options.crohme else ())]
    training = Training(options, folder, samples)
    folder.write_config(now)
    training.run()
    return 0


class Batches(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Step -> pictures uint8 [b, side, side], paths [b, p], classes [b]."""

    def __init__(self, samples: Sequence[SymbolSample], labels: np.ndarray[Any, Any], options: Options, classes: int):
        self.samples = samples
        self.labels = labels
        self.sampler = Sampler(labels, classes, options.balance)
        self.form = SYMBOL_PRESETS[options.preset]
        self.batch, self.seed = options.batch, options.seed

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        chosen = self.sampler.draw(self.batch, rng)
        inks = [varied(self.samples[place].ink, rng) for place in chosen.tolist()]
        pictures = np.stack([symbol_picture(ink, self.form.side) for ink in inks])
        paths = np.stack([pen_path(ink, self.form.points) for ink in inks])
        return torch.from_numpy(pictures), torch.from_numpy(paths), torch.from_numpy(self.labels[chosen])


class Training:
    """One run: network, optimizer and where it stands."""

    def __init__(self, options: Options, folder: RunFolder, samples: Sequence[SymbolSample]) -> None:
        self.options, self.folder = options, folder
        trained = [one for one in samples if one.part == "train"]
        if not trained:
            raise DataError(f"there is nothing to train on in {options.data}")
        classes = sorted({one.ink.latex for one in trained})
        text = "".join(f"{name}\n" for name in classes)
        if folder.vocabulary.exists() and folder.vocabulary.read_text(encoding="utf-8") != text:
            raise DataError(f"the data have other classes than the run in {options.out}: give another --out.")
        folder.vocabulary.write_text(text, encoding="utf-8", newline="\n")
        places = {name: place for place, name in enumerate(classes)}
        labels = np.array([places[one.ink.latex] for one in trained], np.int64)
        self.batches = Batches(trained, labels, options, len(classes))
        self.counts = Counter(one.ink.latex for one in trained if one.source == "crohme")
        self.device = torch.device(choose_device(options.device)[0])
        torch.manual_seed(options.seed)
        network = SymbolNet(self.batches.form, len(classes))
        state = folder.load_state(torch.device("cpu"))
        if state is None and options.start_from is not None:
            copy_encoder(options.start_from, network.encoder)
        start = options.start_from
        self.inherited = start is not None and saw_crohme(facts_of(start))
        if state is not None:  # that checkpoint may be there no more
            self.inherited = state.get("inherited", self.inherited)
        self.classifier = SymbolClassifier(network.to(self.device), classes, {"extra": self.facts()})
        self.network = network
        matrices = [p for p in network.parameters() if p.ndim > 1]
        vectors = [p for p in network.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": options.optimizer.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=options.optimizer.peak,
            betas=(options.optimizer.beta1, options.optimizer.beta2),
            fused=self.device.type in ("cuda", "cpu"),
        )
        self.schedule = Schedule(options.optimizer, options.samples)
        self.step, self.hours, self.best, self.validated_at = 0, 0.0, -1.0, 0
        if state is not None:
            network.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.hours = state["step"], state["hours"]
            self.best, self.validated_at = state["best"], state["validated_at"]
            folder.forget_after(self.step)
        self.validation = _Validation(options, samples, places)
        print(
            f"{len(trained):,} symbols of {len(classes):,} classes; {sum(p.numel() for p in network.parameters()):,} "
            f"parameters; {self.device}; at sample {self.step * options.batch:,}",
            flush=True,
        )

    def facts(self) -> dict[str, Any]:
        """What a checkpoint tells of its training data: see `trainer.evaluate_symbols.Priors`."""
        shares = self.batches.sampler.share.tolist()
        classes = sorted({one.ink.latex for one in self.batches.samples})
        return {
            "crohme": self.inherited or bool(self.counts),
            "crohme_counts": dict(self.counts),
            "drawn": {name: round(share, 9) for name, share in zip(classes, shares, strict=True)},
        }

    def run(self) -> None:
        """Train; saves on the way and at the end."""
        options, started, saved = self.options, time.monotonic(), time.monotonic()
        before = self.hours
        window = [0.0, 0.0, 0.0]  # loss, right, samples
        window_started = started
        self.network.train()
        for batch in self._loader():
            rate = self.schedule.rate(self.step, self.step * options.batch)
            loss, right = self.train_step(batch, rate)
            window = [window[0] + loss, window[1] + right, window[2] + options.batch]
            self.step += 1
            now = time.monotonic()
            self.hours = before + (now - started) / 3600
            row_ends = self.step % options.log_every == 0
            if row_ends:
                self._log({
                    "lr": rate, "train_loss": window[0] / window[2], "train_accuracy": 100 * window[1] / window[2],
                    "samples_per_second": window[2] / (now - window_started),
                })  # fmt: skip
                window, window_started = [0.0, 0.0, 0.0], now
            if self.step * options.batch - self.validated_at >= options.validate_every:
                self.validate()
            # Only where a row of metrics ends, so that a run that goes on from there writes the same rows.
            if row_ends and now - saved > 60 * options.save_minutes:
                self.save()
                saved = now
            if row_ends and 0 < options.hours < (now - started) / 3600:
                break
        if self.step * options.batch > self.validated_at:
            self.validate()
        self.save()

    def _loader(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        steps = range(self.step, -(-self.options.samples // self.options.batch))
        workers = self.options.workers
        return iter(torch.utils.data.DataLoader(self.batches, sampler=steps, batch_size=None, num_workers=workers))

    def train_step(self, batch: tuple[Tensor, Tensor, Tensor], rate: float) -> tuple[float, float]:
        """One step; returns the summed loss (without smoothing) and how many were right."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pictures, paths, labels = batch
        paths, labels = paths.to(self.device), labels.to(self.device)
        torch.manual_seed(hash((self.options.seed, self.step)) & 0x7FFFFFFF)  # for dropout
        scores = self.network(torch.from_numpy(to_input(pictures.numpy())).to(self.device), paths)
        torch.autograd.backward(F.cross_entropy(scores, labels, label_smoothing=self.options.label_smoothing))
        if self.options.optimizer.clip:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.options.optimizer.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            loss = float(F.cross_entropy(scores, labels, reduction="sum"))
        return loss, float((scores.argmax(dim=1) == labels).sum())

    def validate(self) -> None:
        """Measure on what is held out, keep the best."""
        self.validated_at = self.step * self.options.batch
        self.network.eval()
        figures = self.validation.measure(self.classifier)
        self.network.train()
        self._log(figures)
        told = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        print(f"{self.validated_at:,} in {self.hours:.2f} h: {told}", flush=True)
        value = float(np.mean([figures[name] for name in ("val_crohme_top1", "val_detexify_top5") if name in figures]))
        if value >= self.best:  # of equals the later one, which has seen more
            self.best = value
            extra = self.facts() | {
                "samples": self.validated_at, "steps": self.step, "hours": round(self.hours, 3),
                "device": self.device.type, "validation": figures,
            }  # fmt: skip
            card = "Written by `trainer train`; see export-symbols.\n"
            save(self.folder.best, self.network, self.classifier.classes, card, extra)

    def save(self) -> None:
        """Write the full state."""
        self.folder.save_state({
            "model": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
            "hours": self.hours, "best": self.best, "validated_at": self.validated_at,
            "inherited": self.inherited,
        })  # fmt: skip

    def _log(self, row: dict[str, float]) -> None:
        where = {"step": self.step, "samples": self.step * self.options.batch, "hours": self.hours}
        self.folder.append(where | row)


class _Validation:
    """Held-out symbols of each source, at most so many, as they were drawn."""

    def __init__(self, options: Options, samples: Sequence[SymbolSample], places: dict[str, int]) -> None:
        self.sets: dict[str, list[SymbolSample]] = {}
        for source in ("crohme", "detexify"):
            held = [
                one for one in samples if one.source == source and one.part == "validation" and one.ink.latex in places
            ]
            every = max(1, len(held) / options.validation_symbols)
            chosen = [held[int(place * every)] for place in range(int(len(held) / every))]
            if chosen:
                self.sets[source] = chosen
        if not self.sets:
            raise DataError(f"there is nothing to validate on in {options.data}")
        self.places = places

    def measure(self, classifier: SymbolClassifier) -> dict[str, float]:
        """Loss over all, percentages of each source; CROHME's among its own classes, as frequent as there."""
        figures: dict[str, float] = {}
        losses = []
        for source, chosen in self.sets.items():
            inks = [one.ink for one in chosen]
            scores = np.concatenate(
                [classifier.scores(inks[start : start + 250]) for start in range(0, len(inks), 250)]
            )
            truths = np.array([self.places[one.ink.latex] for one in chosen])
            losses.append(-np.take_along_axis(log_softmax(scores), truths[:, None], 1)[:, 0])
            if source == "crohme":
                scores = Priors(classifier.config["extra"], classifier.classes).among_crohme(scores, weighted=True)
            rank = ranks(scores, truths)
            tops = (1,) if source == "crohme" else (1, 5)
            figures |= {f"val_{source}_top{top}": 100 * float((rank < top).mean()) for top in tops}
        return {"val_loss": float(np.concatenate(losses).mean())} | figures
