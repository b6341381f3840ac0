"""``trainer benchmark``: how long one picture takes, and where the time goes.

Pictures of formulas with an exact number of tokens are made up by a seed and drawn with ziamath, so no data folder and
no TeX is needed. Measured, at batch 1, greedy, after a warm-up: the whole of ``Recognizer.recognize`` as the app calls
it; encoder and decoder apart with the length *forced* to the formula's, so that figures do not depend on what a
checkpoint happens to read; growth over lengths; and loading, imports not counted. Absolute times vary from run to run.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core_model.decoding import DecodingOptions, decode
from core_model.errors import DataError
from core_model.preprocessing import prepare
from core_model.recognizer import Recognizer, default_checkpoint
from core_model.tokenizer import Tokenizer
from trainer.data.render.base import RenderFailure
from trainer.data.render.ziamath import ZiamathRenderer, ZiamathStyle

__all__ = ["ForcedLength", "Options", "Spread", "formula_of", "main"]

Grey = NDArray[np.uint8]

LETTERS = ("a", "b", "c", "x", "y", "z", "1", "2", "3", "\\alpha", "\\beta", "\\phi")
OPERATORS = ("+", "-", "=")
SHAPES = (
    "@",
    "\\sqrt { @ }",
    "@ _ { @ }",
    "@ ^ { @ }",
    "\\frac { @ } { @ }",
    "@ _ { @ } ^ { @ }",
    "\\frac { @ + @ } { @ - @ }",
)


@dataclass(frozen=True)
class Options:
    """Measure the latency of a checkpoint."""

    checkpoint: Path | None = None
    """Checkpoint folder; default: the one in the box."""
    tokens: int = 60
    """Length of the formulas of the main figure."""
    pictures: int = 50
    """Pictures of the main figure."""
    growth: tuple[int, ...] = (10, 30, 60, 100, 200, 300)
    """Lengths of the growth table."""
    growth_pictures: int = 10
    """Pictures for each length of the growth table."""
    warmup: int = 5
    """Pictures read before measuring."""
    device: Literal["auto", "cpu", "mps", "cuda"] = "cpu"
    """Where the model runs."""
    seed: int = 0
    """Of the formulas."""
    profile: bool = False
    """Print where the time goes, function by function, instead of measuring."""
    out: Path | None = None
    """File for the figures as JSON."""

    def __post_init__(self) -> None:
        problems = [
            f"--{name.replace('_', '-')} must be at least {least}"
            for name, least in (("tokens", 1), ("pictures", 1), ("growth_pictures", 1), ("warmup", 0))
            if getattr(self, name) < least
        ]
        if any(length < 1 for length in self.growth):
            problems.append("a length is at least 1")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile."""

    median: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """From the single measurements."""
        return cls(float(np.median(values)), float(np.percentile(values, 95)))


class ForcedLength:
    """A filter (`core_model.filters.LogitFilter`) that leaves one token at each step, and then the end.

    The tokens are random letters and operators of the vocabulary: nothing a guard would object to. What a step costs
    does not depend on which token it is.
    """

    def __init__(self, tokenizer: Tokenizer, length: int, seed: int = 0) -> None:
        plain = [
            i for i, token in enumerate(tokenizer.tokens) if len(token) == 1 and (token.isalnum() or token in "+-=")
        ]
        if len(plain) < 2:
            raise DataError("the vocabulary of this checkpoint has no letters or digits to measure with")
        forced = [*random.Random(seed).choices(plain, k=length), tokenizer.eos_id]
        self._table = np.full((length + 1, len(tokenizer)), -np.inf, np.float32)
        self._table[np.arange(length + 1), forced] = 0.0

    def start(self) -> int:
        """Before the first token."""
        return 0

    def advance(self, value: int, token: int) -> int:
        """One token further."""
        return value + 1

    def penalty(self, values: Sequence[int]) -> NDArray[np.float32]:
        """[len(values), v], -inf for all but one."""
        return self._table[values[0] : values[0] + 1] if len(values) == 1 else self._table[list(values)]


def main(options: Options) -> int:
    """Measure, print, and write the JSON if asked to."""
    checkpoint = options.checkpoint or default_checkpoint()
    began = time.perf_counter()
    recognizer = Recognizer.load(checkpoint, options.device)
    loading = 1000 * (time.perf_counter() - began)
    pictures = draw(options.tokens, options.pictures + options.warmup, options.seed)
    for picture in pictures[: options.warmup]:
        recognizer.recognize(picture)
    measured = pictures[options.warmup :]
    if options.profile:
        _profile(recognizer, measured)
        return 0
    whole = measure_whole(recognizer, measured)
    forced = measure_forced(recognizer, measured, options.tokens)
    growth = {}
    for length in tqdm(options.growth, desc="growth", unit="length", dynamic_ncols=True):
        grown = draw(length, options.growth_pictures, options.seed + 1)
        measure_forced(recognizer, grown[:1], length)
        growth[length] = measure_forced(recognizer, grown, length)
    figures = {
        "checkpoint": checkpoint.resolve().name,
        "device": recognizer.device,
        "runtime": recognizer.model.runtime,
        "pictures": options.pictures,
        "tokens": options.tokens,
        "loading_ms": round(loading, 1),
        "whole": _plain(whole),
        "forced": _plain(forced),
        "growth": {str(length): _plain(spreads) for length, spreads in growth.items()},
    }
    print(report(figures))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_whole(recognizer: Recognizer, pictures: Sequence[Grey]) -> dict[str, Spread]:
    """``recognize`` as the app calls it, in ms; ``tokens`` is what this checkpoint read."""
    rows: dict[str, list[float]] = {name: [] for name in ("total", "preprocess", "encode", "decode", "tokens")}
    for picture in tqdm(pictures, desc="whole", unit="picture", dynamic_ncols=True):
        began = time.perf_counter()
        recognition = recognizer.recognize(picture)
        rows["total"].append(1000 * (time.perf_counter() - began))
        for name in ("preprocess", "encode", "decode"):
            rows[name].append(getattr(recognition.milliseconds, name))
        rows["tokens"].append(len(recognition.tokens))
    return {name: Spread.of(values) for name, values in rows.items()}


def measure_forced(recognizer: Recognizer, pictures: Sequence[Grey], length: int) -> dict[str, Spread]:
    """Preprocessing, encoder and greedy decoding of exactly ``length`` tokens and the end, in ms."""
    model, tokenizer = recognizer.model, recognizer.tokenizer
    options = DecodingOptions(max_tokens=length + 1, tokens_per_cell=None)
    forced = ForcedLength(tokenizer, length)
    rows: dict[str, list[float]] = {name: [] for name in ("total", "preprocess", "encode", "decode", "per_token")}
    for picture in pictures:
        times = [time.perf_counter()]
        prepared = prepare(picture).pixels
        times.append(time.perf_counter())
        memory = model.encode([prepared])
        times.append(time.perf_counter())
        best = decode(model, memory, tokenizer, options, filters=[forced])[0].best
        times.append(time.perf_counter())
        if len(best.tokens) != length:
            raise RuntimeError(f"forced {length} tokens, got {len(best.tokens)} ({best.ended})")
        spent = [1000 * (b - a) for a, b in pairwise(times)]
        for name, value in zip(rows, (sum(spent), *spent, spent[2] / (length + 1)), strict=True):
            rows[name].append(value)
    return {name: Spread.of(values) for name, values in rows.items()}


def draw(length: int, count: int, seed: int) -> list[Grey]:
    """Pictures of ``count`` different formulas of exactly ``length`` tokens (12pt, 150 dpi). Raises ``DataError``."""
    rng = random.Random(seed * 1000 + length)
    pictures: list[Grey] = []
    for _ in range(count):
        formula = " ".join(formula_of(length, rng))
        picture = ZiamathRenderer().render([formula], ZiamathStyle(points=12, dpi=150))[0]
        if isinstance(picture, RenderFailure):
            raise DataError(f"cannot draw {formula}: {picture.kind} {picture.detail}")
        pictures.append(picture)
    return pictures


def formula_of(length: int, rng: random.Random) -> list[str]:
    """A made-up sum of ``length`` skeleton tokens: letters, roots, scripts and fractions."""
    tokens: list[str] = []
    while len(tokens) < length:
        room = length - len(tokens)
        # After a term there must be room for nothing, or for an operator and one more letter.
        fitting = [shape for shape in SHAPES if (left := room - len(shape.split())) == 0 or left >= 2] or ["@"]
        shape = rng.choice(fitting)
        tokens += [rng.choice(LETTERS) if part == "@" else part for part in shape.split()]
        if length - len(tokens) >= 2:
            tokens.append(rng.choice(OPERATORS))
    return tokens


def report(figures: dict[str, Any]) -> str:
    """The figures as text."""
    whole, forced = figures["whole"], figures["forced"]
    lines = [
        f"checkpoint {figures['checkpoint']}, device {figures['device']}, {figures['runtime']}, batch 1, greedy",
        f"{figures['pictures']} pictures of {figures['tokens']}-token formulas",
        f"loading after imports: {figures['loading_ms']:.0f} ms",
        "",
        f"{'ms':<34}{'median':>9}{'p95':>9}",
    ]
    for title, spreads in (
        ("recognize, as the app calls it", whole),
        (f"forced to {figures['tokens']} tokens", forced),
    ):
        lines.append(title)
        lines += [f"  {name:<32}{s['median']:>9.2f}{s['p95']:>9.2f}" for name, s in spreads.items()]
    lines += ["", f"{'growth: tokens':<16}{'total':>9}{'p95':>9}{'encode':>9}{'decode':>9}{'a token':>9}"]
    lines += [
        f"{length:<16}{s['total']['median']:>9.2f}{s['total']['p95']:>9.2f}{s['encode']['median']:>9.2f}"
        f"{s['decode']['median']:>9.2f}{s['per_token']['median']:>9.3f}"
        for length, s in figures["growth"].items()
    ]
    return "\n".join(lines)


def _plain(spreads: dict[str, Spread]) -> dict[str, dict[str, float]]:
    return {name: {"median": round(s.median, 3), "p95": round(s.p95, 3)} for name, s in spreads.items()}


def _profile(recognizer: Recognizer, pictures: Sequence[Grey]) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for picture in pictures:
        recognizer.recognize(picture)
    profiler.disable()
    pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(40)
