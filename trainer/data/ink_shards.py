"""Ink shards: handwritten training expressions as strokes, so that augmentation can act on the pen's path.

Columns: ``points`` (little-endian float32 [n, 2], all strokes one after the other), ``lengths`` (points of each
stroke), ``latex`` (the pen form, see `trainer.data.pen_form`, tokens split by spaces), ``source`` (``crohme``,
``synthetic``, ...), ``id``, ``height`` and ``width`` (about the px of the prepared picture that a picture shard would
hold, so that print and ink are bucketed alike). Strokes are stored from their own corner and in thousandths of the
larger side, since float32 would lose the path in the coordinates of some devices; pressure and time are not kept.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core_model.errors import DataError
from core_model.ink import Ink, Stroke
from trainer.data.shards import read_table, shard_paths, write_atomically

INK_SCHEMA = pa.schema(
    [
        ("points", pa.binary()),
        ("lengths", pa.list_(pa.int32())),
        ("latex", pa.string()),
        ("source", pa.string()),
        ("id", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
    ]
)
_EXTENT = 1000.0


class InkWriter:
    """Collects the rows of one shard; ``close`` writes them at once, or leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: dict[str, list[Any]] = {name: [] for name in INK_SCHEMA.names}

    def add(self, ink: Ink, source: str, size: tuple[int, int]) -> None:
        """Add ink whose ``latex`` is canonical; ``size``: height and width of its prepared picture, px."""
        row = (*encode_ink(ink), ink.latex, source, ink.identifier, *size)
        for name, value in zip(INK_SCHEMA.names, row, strict=True):
            self._columns[name].append(value)

    def __len__(self) -> int:
        return len(self._columns["latex"])

    def close(self) -> None:
        """Write the shard. Raises ``DataError`` if the disk is full."""
        table = pa.table(self._columns, schema=INK_SCHEMA)
        write_atomically(self.path, lambda path: pq.write_table(table, path, compression="zstd", row_group_size=1000))


def encode_ink(ink: Ink) -> tuple[bytes, list[int]]:
    """The points as stored and how many each stroke has. Raises ``DataError`` for ink without strokes."""
    bounds = ink.bounds
    if bounds is None:
        raise DataError(f"Ink {ink.identifier!r} has no strokes. Leave it out.")
    left, top, right, bottom = bounds
    unit = max(right - left, bottom - top) / _EXTENT or 1.0
    points = np.concatenate([(stroke.points - (left, top)) / unit for stroke in ink.strokes])
    return points.astype("<f4").tobytes(), [len(stroke.points) for stroke in ink.strokes]


def decode_ink(points: bytes, lengths: Sequence[int], latex: str = "", identifier: str = "") -> Ink:
    """Ink of a row as `encode_ink` gives it; raises ``DataError`` where points and lengths do not fit."""
    values = np.frombuffer(points, "<f4")
    if 2 * sum(lengths) != len(values) or min(lengths, default=0) < 1:
        raise DataError(f"Ink {identifier!r}: {len(values) / 2:g} points, but its strokes have {sum(lengths)}.")
    paths = np.split(values.reshape(-1, 2).astype(np.float64), np.cumsum(lengths)[:-1])
    return Ink(tuple(Stroke(path) for path in paths), latex, identifier)


def holds_ink(folder: Path) -> bool:
    """Whether a prepared folder holds ink rather than pictures. Raises ``DataError`` if it holds nothing prepared."""
    path = shard_paths(folder)[0]
    try:
        return "points" in pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"The shard {path} is damaged ({error}). Delete it and prepare again.") from error


def write_inks(path: Path, inks: Iterable[tuple[Ink, str, tuple[int, int]]]) -> int:
    """Write one shard of (ink, source, size); return how many there are."""
    writer = InkWriter(path)
    for ink, source, size in inks:
        writer.add(ink, source, size)
    writer.close()
    return len(writer)


def read_inks(folder: Path) -> Iterator[tuple[Ink, str]]:
    """Read all ink of a prepared folder with its source, one after the other. Raises ``DataError``."""
    table = read_table(folder, ["points", "lengths", "latex", "source", "id"])
    for batch in table.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            yield decode_ink(row["points"], row["lengths"], row["latex"], row["id"]), row["source"]
