"""``trainer predict FILE|FOLDER|LIST ... --checkpoint DIR``: pictures, ink or prepared shards of them -> JSON lines.

Unlike ``formulens recognize`` this is for bulk: no alternatives or attention maps, and shards bring their truth along.
Ink is drawn as everywhere. The output can be scored or looked at later: ``key``, ``tokens``, ``latex``,
``confidences``, ``confidence``, ``ended``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import numpy as np
import numpy.typing as npt
import pyarrow
import tyro
from pyarrow import parquet
from tqdm import tqdm

from core_model.errors import DataError, LatexError, PictureError
from core_model.ink import Ink, InkError, ink_entries
from core_model.latex import tidy
from core_model.pictures import open_grey
from core_model.recognizer import Recognizer
from core_model.strokes import rasterize
from trainer.data.ink_shards import holds_ink, read_inks
from trainer.data.shards import decode_png, shard_paths
from trainer.reading import Reading, Source, read_pictures, reading_options

__all__ = ["Options", "main"]

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
INKS = frozenset({".inkml", ".json", ".jsonl"})
LISTS = frozenset({".txt", ".lst"})


@dataclass(frozen=True)
class Options:
    """Read many pictures."""

    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Pictures, ink (.inkml, .json, .jsonl), folders of pictures and InkML, text files with one path a line, or folders
    of prepared shards, of pictures or ink."""
    checkpoint: Path | None = field(default=None, kw_only=True)
    """Checkpoint folder; default: the one in the box."""
    out: Path | None = field(default=None, kw_only=True)
    """File for the predictions; default: standard output."""
    beam: int = field(default=1, kw_only=True)
    """Beam size; 1 is greedy."""
    batch: int = field(default=256, kw_only=True)
    """Pictures or inks given to the recogniser at a time; it batches them by size."""
    limit: int | None = field(default=None, kw_only=True)
    """Only the first so many pictures or inks."""
    device: Literal["auto", "cpu", "mps", "cuda"] = field(default="auto", kw_only=True)
    """Where the model runs."""
    threads: int | None = field(default=None, kw_only=True)
    """Threads that read on the CPU; default: as many as there are processors."""


def main(options: Options) -> int:
    """Read all inputs; 1 if a picture or an ink could not be read, the others are done all the same."""
    recognizer = Recognizer.load(options.checkpoint, options.device, options.threads)
    truths: dict[str, str] = {}
    failures: dict[str, str] = {}
    sources = list(islice(_sources(options.inputs, truths), options.limit))
    if not sources:
        raise DataError(f"no pictures and no ink in {', '.join(map(str, options.inputs))}")
    decoding = reading_options(options.beam)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    with (
        options.out.open("w", encoding="utf-8") if options.out else nullcontext(sys.stdout) as out,
        tqdm(total=len(sources), desc="reading", unit="picture", dynamic_ncols=True) as progress,
    ):
        for reading in read_pictures(recognizer, _readable(sources, failures), decoding, options.batch):
            _write(out, _line(reading, truths))
            progress.update()
        for key, message in failures.items():
            _write(out, {"key": key, "error": message})
            progress.update()
    return 1 if failures else 0


def _line(reading: Reading, truths: dict[str, str]) -> dict[str, Any]:
    line = reading.as_dict()
    try:
        line["latex"] = tidy(list(reading.tokens))
    except LatexError:  # cut short by a guard, or broken
        line["latex"] = " ".join(reading.tokens)
    if reading.key in truths:
        line["truth"] = truths[reading.key]
    return line


def _write(out: TextIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")


def _readable(sources: list[Source], failures: dict[str, str]) -> Iterator[Source]:
    """The sources whose picture or ink opens; what is wrong with the others goes to ``failures``."""
    for key, load in sources:
        try:
            grey = load()
        except (PictureError, InkError) as error:
            failures[key] = str(error)
        else:
            yield key, partial(np.asarray, grey)


def _sources(inputs: tuple[Path, ...], truths: dict[str, str]) -> Iterator[Source]:
    """Keys and loaders of all pictures and inks; the truths of shards go to ``truths``."""
    for path in inputs:
        if path.is_dir() and any(path.glob("shard-*.parquet")):
            yield from _ink_shard_sources(path, truths) if holds_ink(path) else _shard_sources(path, truths)
        elif path.is_dir():
            wanted = PICTURES | {".inkml"}  # JSON in a folder may be anything
            for file in sorted(file for file in path.rglob("*") if file.suffix.lower() in wanted):
                yield from _file_sources(file, str(file))
        elif path.suffix.lower() in LISTS:
            try:
                lines = path.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"cannot read the list {path}: {error}") from error
            for line in filter(None, map(str.strip, lines)):
                yield from _file_sources(path.parent / line, line)  # relative paths are meant from where the list lies
        else:
            yield from _file_sources(path, str(path))


def _file_sources(path: Path, key: str) -> Iterator[Source]:
    """A picture, or all ink of a file."""
    if path.suffix.lower() not in INKS:
        yield key, partial(open_grey, path)
        return
    for entry in ink_entries(path):
        yield key if entry.number is None else f"{key}#{entry.identifier}", partial(_drawn, entry.content)


def _drawn(ink: Ink | InkError) -> npt.NDArray[np.uint8]:
    if isinstance(ink, InkError):
        raise ink
    return rasterize(ink)


def _ink_shard_sources(folder: Path, truths: dict[str, str]) -> Iterator[Source]:
    for row, (ink, source) in enumerate(read_inks(folder)):
        key = f"{source}#{ink.identifier or row}"
        if key in truths:  # some sets name two inks alike
            key = f"{folder.name}/{key}#{row}"
        truths[key] = ink.latex
        yield key, partial(rasterize, ink)


def _shard_sources(folder: Path, truths: dict[str, str]) -> Iterator[Source]:
    for shard in shard_paths(folder):
        try:
            columns = parquet.read_table(shard, columns=["image", "latex"]).to_pydict()
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"the shard {shard} is damaged: {error}") from error
        for row, (png, latex) in enumerate(zip(columns["image"], columns["latex"], strict=True)):
            key = f"{shard.name}#{row}"
            if key in truths:  # of another folder
                key = f"{folder.name}/{key}"
            truths[key] = latex
            yield key, partial(decode_png, png)
