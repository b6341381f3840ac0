"""A picture of a formula, or its ink -> its LaTeX: the facade over preprocessing, model and decoding.

    recognizer = Recognizer.load()
    recognition = recognizer.recognize("formula.png")
    print(recognition.latex)

Recognition has no side effects; the same picture with the same options gives the same reading, alone or among others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_model import checkpoint as checkpoints
from core_model.decoding import (
    DecodingOptions,
    Hypothesis,
    ShouldStop,
    StepModel,
    decode,
    grammar_guard,
    never_stop,
)
from core_model.device import choose_device
from core_model.errors import CheckpointError, LatexError
from core_model.ink import Ink
from core_model.latex import tidy
from core_model.numpy_model import NumpyModel, build, can_read
from core_model.pictures import open_grey, to_grey
from core_model.preprocessing import Grey, Prepared, prepare
from core_model.strokes import rasterize
from core_model.tokenizer import Tokenizer

Picture = str | Path | IO[bytes] | Image.Image | NDArray[Any] | Ink
Box = tuple[float, float, float, float]

DEFAULT_CHECKPOINT = "formulens"
ENCODE_PIXELS = 2_000_000
"""Largest batch of the encoder, in pixels: bounds its memory to some hundred MB."""
INK_LEVEL = 144
"""Prepared pixels darker than this are ink."""
DECODE_CELLS = 16_000
"""Largest batch of the decoder, in grid cells times hypotheses."""

ENDINGS = {
    "repetition": "repetition: the reading began to repeat itself and was cut there",
    "length": "length: the reading was cut because it became longer than its picture, or the options, allow",
    "stopped": "stopped: the reading was broken off on request",
}


@dataclass(frozen=True)
class RecognizeOptions(DecodingOptions):
    """How to read a picture: the options of decoding, with other tokens for each place by default."""

    token_alternatives: int = 3


@dataclass(frozen=True)
class TokenAlternative:
    """Another token for the same place."""

    text: str
    confidence: float


@dataclass(frozen=True)
class TokenReading:
    """One token of a reading."""

    text: str
    confidence: float
    """The model's probability of this token at this place, in 0..1."""
    alternatives: tuple[TokenAlternative, ...] = ()
    attention: NDArray[np.float16] | None = field(default=None, repr=False, compare=False)
    """[rows, columns]: where the model looked, over the cells that cover the prepared picture; sums to about 1."""
    prepared: Prepared | None = field(default=None, repr=False, compare=False)
    """The picture that the model saw."""
    stride: int = field(default=8, repr=False, compare=False)
    """Prepared pixels per cell."""

    def peak(self) -> tuple[float, float] | None:
        """(x, y) in source pixels of the ink most attended to; None without attention.

        Cells are coarser than strokes: of the 3 x 3 cells around the strongest one the centroid of the attention is
        taken, and then the ink nearest to it, so that the peak of a thin bar or a full stop lies on it and not beside.
        """
        if self.attention is None or self.prepared is None:
            return None
        weights = self.attention.astype(np.float64)
        row, column = np.unravel_index(int(weights.argmax()), weights.shape)
        top, left = max(int(row) - 1, 0), max(int(column) - 1, 0)
        near = weights[top : int(row) + 2, left : int(column) + 2]
        y, x = np.mgrid[0 : near.shape[0], 0 : near.shape[1]] + 0.5
        total = max(float(near.sum()), 1e-9)
        s = self.stride
        centre = float((x * near).sum()) / total * s, float((y * near).sum()) / total * s
        rows, columns = near.shape
        pixels = self.prepared.pixels[top * s : (top + rows) * s, left * s : (left + columns) * s]
        x_ink, y_ink = _nearest_ink(pixels, *centre)
        return self.prepared.to_source(left * s + x_ink, top * s + y_ink)

    def box(self, share: float = 0.5) -> Box | None:
        """Left, top, right, bottom in source pixels of the cells around the peak with at least `share` of it."""
        if self.attention is None or self.prepared is None:
            return None
        weights = self.attention
        seed = tuple(int(i) for i in np.unravel_index(int(weights.argmax()), weights.shape))
        strong = weights >= weights[seed] * share
        region, border = {seed}, [seed]
        while border:
            row, column = border.pop()
            for cell in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                inside = 0 <= cell[0] < strong.shape[0] and 0 <= cell[1] < strong.shape[1]
                if inside and strong[cell] and cell not in region:
                    region.add(cell)
                    border.append(cell)
        rows, columns = [cell[0] for cell in region], [cell[1] for cell in region]
        return self._source_box(min(rows), min(columns), max(rows) + 1, max(columns) + 1)

    def extent(self) -> Box | None:
        """Left, top, right, bottom in source pixels of the whole of `attention`: where to lay the heatmap."""
        if self.attention is None or self.prepared is None:
            return None
        return self._source_box(0, 0, *self.attention.shape)

    def _source_box(self, top: int, left: int, bottom: int, right: int) -> Box:
        assert self.prepared is not None
        s = self.stride
        return self.prepared.to_source_box(left * s, top * s, right * s, bottom * s)


@dataclass(frozen=True)
class Alternative:
    """Another reading of the whole picture."""

    latex: str
    confidence: float


@dataclass(frozen=True)
class Times:
    """Milliseconds spent on this picture; of a batch, its share."""

    preprocess: float
    encode: float
    decode: float


@dataclass(frozen=True)
class Recognition:
    """What was read in a picture."""

    latex: str
    """Tidy LaTeX, without dollars; empty for a blank picture."""
    confidence: float
    """Geometric mean of the tokens' probabilities, in 0..1."""
    tokens: tuple[TokenReading, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    """Other readings, the likeliest first, each with other LaTeX."""
    warnings: tuple[str, ...] = ()
    """What the reader should know, each as `kind: sentence`."""
    milliseconds: Times = Times(0.0, 0.0, 0.0)
    blank: bool = False
    """There was no ink."""


class ReadingModel(StepModel[Any, Any], Protocol):
    """A model that reads: `core_model.numpy_model.NumpyModel`, or a torch model in a `TorchModel`."""

    @property
    def device(self) -> str:
        """`cpu`, `mps` or `cuda`."""

    @property
    def runtime(self) -> str:
        """What computes, with its version."""

    @property
    def stride(self) -> int:
        """Prepared pixels per cell of the grid."""

    def encode(self, pictures: Sequence[Grey]) -> Any:
        """Prepared pictures that cover the same number of cells -> what the decoder reads of them."""

    def join(self, memories: Sequence[Any]) -> Any:
        """What `encode` gave for several pictures, as one batch."""


class Recognizer:
    """Reads pictures with one model on one device.

    Args:
        model: see `ReadingModel`.
        config: the content of the checkpoint's config.json; `extra.confidence_temperature` calibrates confidences.
        device_reason: why this device, in words, for whoever asks.
        threads: batches of pictures that are read beside each other where NumPy computes; None: one for each processor.
    """

    def __init__(
        self,
        model: ReadingModel,
        tokenizer: Tokenizer,
        config: Mapping[str, Any] | None = None,
        device_reason: str = "",
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.config = dict(config or {})
        self.device = model.device
        self.device_reason = device_reason
        self.threads = threads or os.cpu_count() or 1
        self._calibration = float(self.config.get("extra", {}).get("confidence_temperature", 1.0))

    @classmethod
    def load(cls, checkpoint: str | Path | None = None, device: str = "auto", threads: int | None = None) -> Recognizer:
        """Read a checkpoint folder (None: the one in the box) and put it on a device (`auto`, `cpu`, `mps`, `cuda`).

        On the processor NumPy computes; torch is imported only for the other devices.

        Raises:
            CheckpointError: the folder is missing or damaged.
            FormulensError: the device asked for is not there.
        """
        chosen, reason = choose_device(device)
        read = checkpoints.read(checkpoint if checkpoint is not None else default_checkpoint())
        model = build(read) if chosen == "cpu" and can_read(read.model) else _torch_model(read, chosen)
        return cls(model, read.tokenizer, read.config, reason, threads)

    def recognize(
        self, image: Picture, options: RecognizeOptions | None = None, should_stop: ShouldStop = never_stop
    ) -> Recognition:
        """Read one picture: a path, an open file, a PIL image or an array [h, w(, channels)]; or ink.

        Ink is drawn by `core_model.strokes.rasterize` as it is by default, and read as that picture.

        Raises:
            PictureError: the picture cannot be read.
            DataError: a token of the prefix is not in the vocabulary.
        """
        return self.recognize_many([image], options, should_stop)[0]

    def recognize_many(
        self,
        images: Sequence[Picture],
        options: RecognizeOptions | None = None,
        should_stop: ShouldStop = never_stop,
    ) -> list[Recognition]:
        """Read pictures, in batches of similar size; the readings come in the order of the pictures.

        Pictures pass the encoder together only when their padded size is equal: padding would change nothing in the
        features, but it costs time.
        """
        options = options or RecognizeOptions()
        options = replace(options, confidence_temperature=options.confidence_temperature * self._calibration)
        readings: dict[int, Recognition] = {}
        jobs: list[_Job] = []
        for index, image in enumerate(images):
            began = time.perf_counter()
            prepared = prepare(_grey(image))
            spent = _milliseconds_since(began)
            if prepared.blank:
                warning = "blank: there is no ink in this picture"
                readings[index] = Recognition("", 0.0, warnings=(warning,), milliseconds=Times(spent, 0, 0), blank=True)
            else:
                jobs.append(_Job(index, prepared, spent, self.model.stride))
        jobs.sort(key=lambda job: job.cells)
        batches = _batches(jobs, DECODE_CELLS // options.beam)
        for batch, read in zip(batches, self._read_all(batches, options, should_stop), strict=True):
            readings.update(zip((job.index for job in batch), read, strict=True))
        return [readings[index] for index in range(len(images))]

    def _read_all(
        self, batches: Sequence[Sequence[_Job]], options: RecognizeOptions, should_stop: ShouldStop
    ) -> list[list[Recognition]]:
        """Batch by batch; those of NumPy, whose products use one thread each, beside each other."""
        workers = min(self.threads, len(batches)) if isinstance(self.model, NumpyModel) else 1
        read = partial(self._read, options, should_stop)
        if workers <= 1:  # in the caller's own thread: a card keeps things for each thread that calls it
            return [read(batch) for batch in batches]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(read, batches))

    def _read(self, options: RecognizeOptions, should_stop: ShouldStop, jobs: Sequence[_Job]) -> list[Recognition]:
        """One batch through encoder and decoder."""
        memory, encode_times = self._encode(jobs)
        began = time.perf_counter()
        decoded = decode(self.model, memory, self.tokenizer, options, should_stop)
        spent = _milliseconds_since(began)
        weights = [len(one.best.tokens) + 1 for one in decoded]
        results = []
        for job, one, encode_time, weight in zip(jobs, decoded, encode_times, weights, strict=True):
            times = Times(job.milliseconds, encode_time, spent * weight / sum(weights))
            results.append(self._recognition(job, one.hypotheses, times))
        return results

    def _encode(self, jobs: Sequence[_Job]) -> tuple[Any, list[float]]:
        """The memory of all pictures, and each one's milliseconds. Those of equal grids are neighbours."""
        memories, times = [], []
        for (height, width), equal in groupby(jobs, key=lambda job: job.grid):
            same = list(equal)
            room = max(1, ENCODE_PIXELS // (height * width * self.model.stride**2))
            for part in (same[i : i + room] for i in range(0, len(same), room)):
                began = time.perf_counter()
                memories.append(self.model.encode([job.prepared.pixels for job in part]))
                times += [_milliseconds_since(began) / len(part)] * len(part)
        return self.model.join(memories), times

    def _recognition(self, job: _Job, hypotheses: Sequence[Hypothesis], times: Times) -> Recognition:
        best = hypotheses[0]
        latex, problem = self._latex(best)
        warnings = [ENDINGS[best.ended]] if best.ended in ENDINGS else []
        if problem:
            warnings.append(f"syntax: the reading is not well-formed LaTeX and is given as read ({problem})")
        seen = {latex}
        alternatives = []
        for other in hypotheses[1:]:
            text, _ = self._latex(other)
            if text not in seen:
                seen.add(text)
                alternatives.append(Alternative(text, other.confidence))
        return Recognition(latex, best.confidence, self._tokens(best, job), tuple(alternatives), tuple(warnings), times)

    def _latex(self, hypothesis: Hypothesis) -> tuple[str, str]:
        """The tidy LaTeX of a reading, groups that a guard left open closed; else the tokens as they are, and why."""
        tokens = self.tokenizer.decode(hypothesis.tokens)
        if hypothesis.ended != "end":
            tokens += grammar_guard(self.tokenizer).closers(hypothesis.tokens)
        try:
            return tidy(tokens), ""
        except LatexError as error:
            return " ".join(tokens), str(error)

    def _tokens(self, hypothesis: Hypothesis, job: _Job) -> tuple[TokenReading, ...]:
        names = self.tokenizer.tokens
        maps = None if hypothesis.attention is None else hypothesis.attention[:, : job.grid[0], : job.grid[1]]
        return tuple(
            TokenReading(
                names[token],
                hypothesis.probabilities[place],
                tuple(TokenAlternative(names[other], p) for other, p in hypothesis.others[place]),
                None if maps is None else maps[place],
                job.prepared,
                self.model.stride,
            )
            for place, token in enumerate(hypothesis.tokens)
        )


class _Job:
    """A picture under way: its place in the input, what the model sees, the milliseconds of preprocessing."""

    __slots__ = ("cells", "grid", "index", "milliseconds", "prepared")

    def __init__(self, index: int, prepared: Prepared, milliseconds: float, stride: int) -> None:
        self.index = index
        self.prepared = prepared
        self.milliseconds = milliseconds
        height, width = prepared.pixels.shape
        self.grid = -(-height // stride), -(-width // stride)
        self.cells = self.grid[0] * self.grid[1]


def default_checkpoint() -> Path:
    """The folder of the checkpoint in the box.

    Raises:
        CheckpointError: this installation has none.
    """
    try:
        folder = Path(str(resources.files("resources"))) / "checkpoints" / DEFAULT_CHECKPOINT
    except ModuleNotFoundError as error:
        raise CheckpointError("this installation lacks the package `resources`: install Formulens again.") from error
    if not folder.is_dir():
        raise CheckpointError(
            f"this installation has no checkpoint: {folder} is not there. Get it from the project (git checkout, or a "
            "fresh copy of the program), name another folder with --checkpoint, or train and export one."
        )
    return folder


def _nearest_ink(pixels: NDArray[np.uint8], x: float, y: float) -> tuple[float, float]:
    """The ink nearest to a point, as the centroid of the ink of 3 x 3 pixels there; the point itself without ink."""
    rows, columns = np.nonzero(pixels < INK_LEVEL)
    if not len(rows):
        return x, y
    nearest = int(((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2).argmin())
    top, left = max(int(rows[nearest]) - 1, 0), max(int(columns[nearest]) - 1, 0)
    ink = 255.0 - pixels[top : top + 3, left : left + 3]
    down, right = np.mgrid[0 : ink.shape[0], 0 : ink.shape[1]] + 0.5
    return left + float((right * ink).sum() / ink.sum()), top + float((down * ink).sum() / ink.sum())


def _grey(image: Picture) -> NDArray[np.uint8]:
    if isinstance(image, Ink):
        return rasterize(image)
    return to_grey(image) if isinstance(image, Image.Image | np.ndarray) else open_grey(image)


def _milliseconds_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def _batches(jobs: Sequence[_Job], cells: int) -> list[list[_Job]]:
    """Jobs, the smallest first, in batches whose padded size stays below `cells`; equal grids are neighbours there."""
    batches: list[list[_Job]] = []
    rows = columns = 0
    for job in jobs:
        grown = max(rows, job.grid[0]), max(columns, job.grid[1])
        if batches and grown[0] * grown[1] * (len(batches[-1]) + 1) <= cells:
            batches[-1].append(job)
            rows, columns = grown
        else:
            batches.append([job])
            rows, columns = job.grid
    for batch in batches:
        batch.sort(key=lambda job: job.grid)
    return batches


def _torch_model(read: checkpoints.Checkpoint, device: str) -> ReadingModel:
    if find_spec("torch") is None:
        raise CheckpointError(
            f"a model like that of {read.path.parent} is read by PyTorch, which is not installed. Install Formulens "
            "from source with the extra gpu, or name another checkpoint with --checkpoint."
        )
    from core_model import torch_checkpoint  # here: reading on the processor does without torch
    from core_model.torch_model import TorchModel

    return TorchModel(torch_checkpoint.build(read).to(device).eval())
