"""What a run keeps on disk: settings, metrics, full state; written so that a kill at any moment loses nothing.

config.json   the settings        metrics.csv   one row per log point and validation
vocab.txt     the vocabulary      last/state.pt weights, optimizer, position in the data: enough to go on exactly
best/         checkpoint of the best validation, as `core_model.checkpoint` writes it
"""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from core_model.errors import DataError

COLUMNS = (
    *("step", "samples", "hours", "lr", "train_loss", "train_accuracy", "samples_per_second"),
    *("val_loss", "val_accuracy", "val_bleu", "val_edit", "val_exact"),
    *("val_ink_loss", "val_ink_edit", "val_ink_exact"),
)


class RunFolder:
    """The files of one run."""

    def __init__(self, folder: Path, columns: Sequence[str] = COLUMNS) -> None:
        self.folder = folder
        self.columns = columns
        self.config = folder / "config.json"
        self.vocabulary = folder / "vocab.txt"
        self.metrics = folder / "metrics.csv"
        self.state = folder / "last" / "state.pt"
        self.best = folder / "best"

    def create(self) -> None:
        """Make the folders. Raises ``DataError`` if that is not possible."""
        try:
            self.state.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot write the run folder {self.folder}: {error}") from error

    def read_config(self) -> dict[str, Any] | None:
        """The saved settings, None for a new run."""
        if not self.config.exists():
            return None
        try:
            data: dict[str, Any] = json.loads(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.config} is damaged ({error}): delete the run folder or name another.") from error
        return data

    def write_config(self, data: Mapping[str, Any]) -> None:
        """Write the settings."""
        write_whole(self.config, (json.dumps(data, indent=2) + "\n").encode())

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write the full state; the older one stays until the new one is complete."""

        def write(path: Path) -> None:
            torch.save(dict(state), path)

        _replace(self.state, write)

    def load_state(self, device: torch.device) -> dict[str, Any] | None:
        """The full state, None for a new run. Raises ``DataError`` if the file is damaged."""
        if not self.state.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.state, map_location=device, weights_only=True)
        except Exception as error:  # torch raises anything from EOFError to UnpicklingError for a damaged file
            raise DataError(
                f"{self.state} is damaged ({error}): delete it to start again from the beginning."
            ) from error
        return state

    def append(self, row: Mapping[str, float | int]) -> None:
        """Add a row to metrics.csv; cells that the row lacks stay empty."""
        fresh = not self.metrics.exists()
        try:
            if not fresh and self._header() != list(self.columns):
                self.forget_after(sys.maxsize)  # of an older version, which had fewer columns
            with self.metrics.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self.columns)
                if fresh:
                    writer.writeheader()
                writer.writerow({name: _cell(value) for name, value in row.items()})
        except OSError as error:
            raise DataError(_failed(self.metrics, error)) from error

    def forget_after(self, step: int) -> None:
        """Drop the rows of metrics.csv that a resumed run will write again, and a last row cut off by a kill."""
        if not self.metrics.exists():
            return
        with self.metrics.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or ()
            rows = [row for row in reader if _complete(row, names) and int(row["step"]) <= step]
        lines = [",".join(self.columns)] + [",".join(row.get(name, "") for name in self.columns) for row in rows]
        write_whole(self.metrics, "".join(line + "\r\n" for line in lines).encode())

    def _header(self) -> list[str]:
        with self.metrics.open(newline="", encoding="utf-8") as file:
            return next(csv.reader(file), [])


def _complete(row: Mapping[str | None, Any], names: Sequence[str]) -> bool:
    """Whether no cell was cut off; a file of an older version may have fewer ``names`` than there are columns."""
    return None not in row and all(row.get(name) is not None for name in names) and str(row.get("step")).isdigit()


def _cell(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.7g}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old or the new one."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    _replace(path, write)


def _replace(path: Path, write: Any) -> None:
    temporary = path.with_name(path.name + ".new")
    try:
        write(temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True)
        raise DataError(_failed(path, error)) from error


def _failed(path: Path, error: Exception) -> str:
    return f"cannot write {path}: {error}. Free some space; the last complete state is kept, start again to go on."
