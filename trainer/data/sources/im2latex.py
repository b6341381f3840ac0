"""IM2LATEX-100K as published: a list of formulas, a split list and a folder of pictures.

Two layouts are read: the original one (``im2latex_formulas.lst`` and ``im2latex_train.lst`` with
lines ``formula-index picture-name render-type``) and that of im2markup (``formulas.norm.lst`` and ``train_filter.lst``
with lines ``picture.png formula-index``). A tar with ``labels.jsonl`` beside the pictures is read too.
Source: Deng et al., "Image-to-Markup Generation with Coarse-to-Fine Attention", 2017.
"""

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from core_model.errors import DataError
from trainer.data.sources.base import Example
from trainer.data.sources.formula_lists import read_lines

_FORMULA_FILES = (
    "im2latex_formulas.norm.lst",
    "formulas.norm.lst",
    "im2latex_formulas.lst",
    "formulas.lst",
    "im2latex_formulas.norm.txt",
)
_PICTURE_FOLDERS = ("formula_images_processed", "formula_images", "images_processed", "images", "pictures", ".")


def read_published(folder: Path, split: str = "train", *, formulas: Path | None = None) -> list[Example]:
    """Read the examples of one split (``train``, ``validate`` or ``test``).

    ``formulas`` names the formula list if it is not beside the split lists. Pictures that are listed but not there are
    given all the same, and fail when they are loaded. Raises ``DataError`` for missing or damaged lists.
    """
    if folder.suffix == ".tar":
        return read_tar(folder, split)
    lines = read_lines(formulas or _first(folder, _FORMULA_FILES, "formula list"))
    names = [f"{prefix}{split}{suffix}.lst" for suffix in ("_filter", "") for prefix in ("im2latex_", "")]
    split_file = _first(folder, names, f"split list for {split!r}")
    pictures = next((folder / name for name in _PICTURE_FOLDERS if (folder / name).is_dir()), folder)
    examples = []
    for number, line in enumerate(read_lines(split_file), start=1):
        parts = line.split()
        if not parts:
            continue
        index, name = _entry(parts, f"{split_file}, line {number}")
        if not 0 <= index < len(lines):
            raise DataError(f"{split_file}, line {number}: there is no formula {index} in a list of {len(lines)}.")
        examples.append(Example(lines[index].strip(), f"im2latex_{split}", f"file:{pictures / name}"))
    return examples


def read_tar(path: Path, split: str | None = None) -> list[Example]:
    """Read a tar of pictures with a ``labels.jsonl`` (``image``, ``latex``, ``split``, ``has_percent``) inside.

    Formulas in which a bare ``%`` swallowed the rest of a line are left out: their picture shows less than the label.
    """
    try:
        with tarfile.open(path) as archive:
            stream = archive.extractfile("labels.jsonl")
            if stream is None:
                raise DataError(f"{path} has no labels.jsonl.")
            labels = [json.loads(line) for line in stream.read().decode("utf-8").splitlines() if line.strip()]
    except (OSError, tarfile.TarError, KeyError, ValueError) as error:
        raise DataError(f"Cannot read {path} as a tar of pictures with labels.jsonl: {error}") from error
    return [
        Example(label["latex"], f"im2latex_original_{label.get('split', 'train')}", f"tar:{path}|{label['image']}")
        for label in labels
        if (split is None or label.get("split") == split) and not label.get("has_percent")
    ]


def _entry(parts: list[str], where: str) -> tuple[int, str]:
    """Tell index and picture name of a line in either layout."""
    if len(parts) >= 2 and parts[0].isdigit():
        return int(parts[0]), parts[1] if "." in parts[1] else f"{parts[1]}.png"
    if len(parts) >= 2 and parts[1].isdigit():
        return int(parts[1]), parts[0]
    raise DataError(f"{where}: expected 'index picture' or 'picture index', found {' '.join(parts)[:80]!r}.")


def _first(folder: Path, names: Iterable[str], what: str) -> Path:
    names = list(names)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"No {what} in {folder}: looked for {', '.join(names)}.")
