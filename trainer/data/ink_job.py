"""One unit of ``trainer prepare`` for ink: write some thousand formulas by hand, or fetch ink that is there."""

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from core_model.errors import DataError
from core_model.ink import Ink
from core_model.preprocessing import MARGIN
from core_model.strokes import writing_height
from trainer.data.crohme import read_expressions
from trainer.data.ink_shards import InkWriter
from trainer.data.plan import Dropped, Planned
from trainer.data.shards import HEADROOM, shard_path, write_text
from trainer.data.synth_ink import CannotWriteError, SymbolBank, written

_GLYPH = 12.5
"""Height of a typical glyph of ink in pictures at headroom 1, px."""


@dataclass(frozen=True)
class InkShardJob:
    """All that a worker needs to make shard ``index``; ``crohme``: whether synthetic ink uses symbols cut from it."""

    index: int
    items: tuple[Planned, ...]
    out: Path
    data: Path | None
    crohme: bool
    seed: int
    max_height: int
    max_width: int


def make_ink_shard(job: InkShardJob) -> int:
    """Make one shard and, before it, its log; return how many formulas were dealt with. Raises ``DataError``."""
    dropped: list[Dropped] = []
    prepared: Counter[str] = Counter()
    writer = InkWriter(shard_path(job.out, job.index))
    for number, item in enumerate(job.items):
        try:
            ink = load_ink(item.picture) if item.picture else _written(item, job, number)
        except CannotWriteError as error:
            dropped.append(Dropped(item.latex, item.source, "cannot be written", str(error)))
            continue
        ink = Ink(ink.strokes, item.latex, ink.identifier)
        size = prepared_size(ink)
        if size[0] > job.max_height or size[1] > job.max_width:
            dropped.append(Dropped(item.latex, item.source, "too large", f"{size[1]} x {size[0]} px"))
        else:
            writer.add(ink, item.source if item.picture else "synthetic", size)
            prepared[item.source] += 1
    log = {"prepared": prepared, "renderers": {"ink": len(writer)}, "dropped": [asdict(entry) for entry in dropped]}
    # The log first: a shard that is there is never without its log.
    write_text(job.out / "log" / f"shard-{job.index:05d}.json", json.dumps(log, ensure_ascii=False))
    writer.close()
    return len(job.items)


def prepared_size(ink: Ink) -> tuple[int, int]:
    """About the height and width, px, of the picture that a picture shard would hold of this ink.

    Drawing it would take ten times as long; nine in ten estimates lie within 15 % of the truth.
    """
    left, top, right, bottom = ink.bounds or (0.0, 0.0, 0.0, 0.0)
    unit = writing_height(ink) / (_GLYPH * HEADROOM) or 1.0
    return math.ceil((bottom - top) / unit) + 2 * MARGIN, math.ceil((right - left) / unit) + 2 * MARGIN


def _written(item: Planned, job: InkShardJob, number: int) -> Ink:
    if job.data is None:
        raise DataError("Synthetic ink needs --data, the folder that holds detexify/.")
    ink = written(item.latex, _bank(job.data, job.crohme), np.random.default_rng([job.seed, job.index, number]))
    return Ink(ink.strokes, item.latex, f"{item.source}-{job.index}-{number}")


def load_ink(reference: str) -> Ink:
    """Fetch the ink that a plan names as ``ink:PATH|NUMBER``: PATH is a file or folder of `read_expressions`."""
    path, number = reference.removeprefix("ink:").rsplit("|", 1)
    return _inks(path)[int(number)]


@lru_cache(maxsize=2)
def _inks(path: str) -> list[Ink]:
    return [expression.ink for expression in read_expressions(Path(path))]


@cache
def _bank(data: Path, crohme: bool) -> SymbolBank:
    return SymbolBank.load(data, crohme=crohme)
