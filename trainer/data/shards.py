"""Parquet shards: prepared pictures with their formulas, the one form in which training reads data.

Columns: ``image`` (PNG bytes of the prepared grey picture), ``latex`` (canonical, tokens split by spaces), ``source``
(name of the list), ``style`` (JSON text), ``height`` and ``width`` (px). A shard is written to a temporary name and
renamed when it is complete, so a killed run leaves no half-written one.
"""

import contextlib
import errno
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from core_model.errors import DataError

SCHEMA = pa.schema(
    [
        ("image", pa.binary()),
        ("latex", pa.string()),
        ("source", pa.string()),
        ("style", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
    ]
)

HEADROOM = 0.96
"""Size of the pictures in shards, relative to nominal: training scales them both ways, and larger ones fill disks."""


def shard_path(folder: Path, index: int) -> Path:
    """Return the path of shard number ``index``."""
    return folder / f"shard-{index:05d}.parquet"


def shard_paths(folder: Path) -> list[Path]:
    """Return all complete shards of a folder in order. Raises ``DataError`` if there are none."""
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise DataError(f"No prepared data (shard-*.parquet) in {folder}. Make some with `trainer prepare`.")
    return paths


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Compress a grey picture ``[h, w]``."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Read a grey picture ``[h, w]`` back."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("L"), dtype=np.uint8).copy()


class ShardWriter:
    """Collects the rows of one shard and writes them at once.

    Used as a context manager: the file appears under its name only when the block ends without an exception.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}

    def add(self, pixels: NDArray[np.uint8], latex: str, source: str, style: Mapping[str, Any]) -> None:
        """Add one prepared picture ``[h, w]``."""
        row = (encode_png(pixels), latex, source, json.dumps(style, sort_keys=True), *pixels.shape)
        for name, value in zip(SCHEMA.names, row, strict=True):
            self._columns[name].append(value)

    def __len__(self) -> int:
        return len(self._columns["latex"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Write the shard. Raises ``DataError`` if the disk is full, and then leaves nothing behind."""
        table = pa.table(self._columns, schema=SCHEMA)
        write_atomically(self.path, lambda path: pq.write_table(table, path, compression="zstd", row_group_size=1000))


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically; errors as in ``write_atomically``."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_atomically(path: Path, write: Any) -> None:
    """Call ``write(temporary_path)`` and rename the result to ``path``.

    Raises ``DataError`` with a plain message when the disk is full or the folder cannot be written; the temporary file
    is removed in any case.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)) or "No space left" in str(error):
            raise DataError(
                f"The disk is full: {path} was not written. Make room and start again; what is complete is kept."
            ) from error
        raise DataError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_table(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read all shards of a folder as one table. Raises ``DataError`` that names a damaged shard."""
    return _read(shard_paths(folder), columns)


def _read(paths: Iterable[Path], columns: Sequence[str] | None) -> pa.Table:
    tables = []
    for path in paths:
        try:
            tables.append(pq.read_table(path, columns=list(columns) if columns is not None else None))
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(f"The shard {path} is damaged ({error}). Delete it and prepare again.") from error
    return pa.concat_tables(tables)
