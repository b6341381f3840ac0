"""Lists of formulas without pictures: text files, one formula a line, plain or compressed (.xz, .gz).

A list is named by its file name without the endings, e.g. ``arxiv_inline`` for ``formulas/arxiv_inline.txt.xz``.
"""

import gzip
import lzma
from pathlib import Path

from core_model.errors import DataError
from trainer.data.sources.base import Example

TRAINING_LISTS = ("arxiv_inline", "arxiv_display", "k12", "im2latex_train_partial")
EVALUATION_LISTS = ("im2latex_val", "im2latex_test")
_ENDINGS = (".txt.xz", ".txt.gz", ".txt", ".lst", ".norm.lst")
_ALIASES = {"im2latex_train": "im2latex_train_partial"}


def find_list(data: Path, name: str) -> Path:
    """Return the file of the list ``name`` under ``data`` or ``data/formulas``.

    Raises ``DataError`` that names the lists which are there.
    """
    for candidate in (name, _ALIASES.get(name, name)):
        for folder in (data / "formulas", data):
            for ending in _ENDINGS:
                path = folder / f"{candidate}{ending}"
                if path.is_file():
                    return path
    if not data.is_dir():
        raise DataError(f"The data folder {data} does not exist. Give the right one with --data.")
    there = available_lists(data)
    raise DataError(
        f"No formula list {name!r} in {data / 'formulas'}. "
        + (f"There are: {', '.join(there)}." if there else "There is no list at all; is --data right?")
    )


def available_lists(data: Path) -> list[str]:
    """Return the names of all lists under ``data/formulas`` and ``data``."""
    names = set()
    for folder in (data / "formulas", data):
        if folder.is_dir():
            for path in folder.iterdir():
                if path.suffix in (".xz", ".gz", ".txt", ".lst"):
                    names.add(path.name.split(".")[0])
    return sorted(names)


def read_lines(path: Path) -> list[str]:
    """Read a formula file as it is, one formula a line. Raises ``DataError`` that names the file."""
    try:
        if path.suffix == ".xz":
            with lzma.open(path, "rb") as stream:
                raw = stream.read()
        elif path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                raw = stream.read()
        else:
            raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"The formula list {path} does not exist.") from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"The formula list {path} cannot be read ({error}). Is it complete?") from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        # The published IM2LATEX list is Latin-1.
        text = raw.decode("latin-1")
    # Not splitlines(): formulas may contain form feeds and the like, which are no ends of lines here.
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines and not lines[-1] else lines


def read_list(data: Path, name: str) -> list[Example]:
    """Read the list ``name``; blank lines are left out."""
    return [Example(line.strip(), name) for line in read_lines(find_list(data, name)) if line.strip()]
