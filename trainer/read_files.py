"""Text and JSON that runs, prepared folders and checkpoints hold, read with errors that name the file."""

import json
from pathlib import Path
from typing import Any

from core_model.errors import DataError

__all__ = ["read_json", "read_text"]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises ``DataError`` naming the file."""
    try:
        value = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} holds no JSON object")
    return value


def read_text(path: Path) -> str:
    """A text file. Raises ``DataError`` naming it."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
