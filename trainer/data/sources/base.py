"""What every source of training data yields, and how a picture that it names is fetched."""

import io
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core_model.errors import DataError


@dataclass(frozen=True)
class Example:
    """A formula, and where its picture is, if the source has one.

    ``picture`` is a plain text reference, so that it can be stored and sent between processes: the path of a file,
    ``tar:PATH|MEMBER`` or ``parquet:PATH|COLUMN|ROW``; empty when the formula is to be drawn.
    """

    latex: str
    source: str
    picture: str = ""


def load_picture(reference: str) -> bytes | Path:
    """Fetch what an ``Example.picture`` names: a path, or the bytes of the picture file. Raises ``DataError``."""
    kind, _, rest = reference.partition(":")
    if kind == "tar":
        path, member = rest.rsplit("|", 1)
        stream = _tar(path).extractfile(member)
        if stream is None:
            raise DataError(f"{path} has no file {member}.")
        return stream.read()
    if kind == "parquet":
        path, column, row = rest.rsplit("|", 2)
        return picture_bytes(_row(path, column, int(row)), f"{path}, row {row}")
    return Path(rest if kind == "file" else reference)


def picture_file(reference: str) -> Any:
    """Give ``core_model.pictures.open_grey`` something to open: a path or a file object."""
    loaded = load_picture(reference)
    return io.BytesIO(loaded) if isinstance(loaded, bytes) else loaded


def picture_bytes(value: Any, where: str) -> bytes:
    """Take the bytes out of a Hugging Face image value: plain bytes, or a struct with ``bytes`` and ``path``."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if not isinstance(value, bytes) or not value:
        raise DataError(f"{where}: no picture bytes.")
    return value


@lru_cache(maxsize=4)
def _tar(path: str) -> tarfile.TarFile:
    try:
        return tarfile.open(path)
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"Cannot read {path} as a tar file: {error}") from error


@lru_cache(maxsize=2)
def _row_group(path: str, column: str, group: int) -> list[Any]:
    import pyarrow.parquet as pq

    values: list[Any] = pq.ParquetFile(path).read_row_group(group, columns=[column]).column(0).to_pylist()
    return values


@lru_cache(maxsize=8)
def _group_starts(path: str) -> list[int]:
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).metadata
    starts = [0]
    for group in range(metadata.num_row_groups):
        starts.append(starts[-1] + metadata.row_group(group).num_rows)
    return starts


def _row(path: str, column: str, row: int) -> Any:
    starts = _group_starts(path)
    group = next(index for index in range(len(starts) - 1) if starts[index] <= row < starts[index + 1])
    return _row_group(path, column, group)[row - starts[group]]
