"""CROHME's handwritten expressions: read from the data pack's JSON lines and from folders of InkML as published.

The packs are ``crohme/<set>.jsonl.xz`` under the data folder: ``train_2014``, ``train_2019``, ``test_2012``,
``test_2014``, ``test_2016``. Every line has ``id``, ``latex``, ``strokes`` and ``symbols`` (label and indices of
strokes); the test sets of 2014 and 2016 have the standard truth in ``gt_tokens``, the training sets the
sub-collection in ``source``, and test 2012 tells in ``in_train`` which training set has the very same ink.
"""

import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core_model.errors import DataError
from core_model.ink import Ink, InkError, Stroke, bare_latex, read_inkml, read_json

TRAINING_SETS = ("train_2014", "train_2019")
TEST_SETS = ("test_2014", "test_2016")
VALIDATION_SET = "test_2012"

_LABELS = {"<": r"\lt", ">": r"\gt"}
_GLUED = re.compile(r"(\\[lg]t)(?=[A-Z])")
_SPELT = re.compile(r"(?<![\\A-Za-z])(?:l ?o ?g|l ?i ?m)(?![A-Za-z])")


@dataclass(frozen=True)
class Expression:
    """One written expression.

    ``ink.latex`` is the truth as written, without the dollar signs around it. ``symbols``: label and the indices of its
    strokes, in the order of the annotation; ``<`` and ``>`` are always ``\\lt`` and ``\\gt``. Strokes may belong to no
    symbol, and InkML folders give no symbols at all. ``gt_tokens``: the standard truth, tokens split by spaces, or
    empty. ``in_train``: the training set that holds the very same ink, or None. ``source``: the sub-collection, or
    empty.
    """

    ink: Ink
    symbols: tuple[tuple[str, tuple[int, ...]], ...] = ()
    gt_tokens: str = ""
    in_train: str | None = None
    source: str = ""

    @property
    def truth(self) -> str:
        """The truth as LaTeX to be parsed: the standard one where there is one, else the one as written, mended."""
        return self.gt_tokens or mended(self.ink.latex)


def set_path(data: Path, name: str) -> Path:
    """The file of the set ``name`` under ``data/crohme``. Raises DataError that names the sets which are there."""
    path = data / "crohme" / f"{name}.jsonl.xz"
    if path.is_file():
        return path
    there = sorted(each.name.removesuffix(".jsonl.xz") for each in path.parent.glob("*.jsonl.xz"))
    raise DataError(
        f"No CROHME set {name!r} in {path.parent}. "
        + (f"There are: {', '.join(there)}." if there else "Is --data the folder that holds crohme/?")
    )


def read_expressions(path: Path) -> Iterator[Expression]:
    """Read a ``.jsonl.xz`` (or plain ``.jsonl``) file, or a folder of InkML, one expression after the other.

    Raises DataError that names the file and the line.
    """
    if path.is_dir():
        yield from _read_folder(path)
        return
    for where, value in read_json_lines(path):
        yield _expression(value, where)


def read_json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the object of every line with its place for messages. Raises DataError that names the file and the line."""
    where = str(path)
    try:
        with lzma.open(path, "rb") if path.suffix == ".xz" else path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                where = f"{path}, line {number}"
                if not line.strip():
                    continue
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise DataError(f"{where}: expected a JSON object. Is this an ink file?")
                yield where, value
    except FileNotFoundError:
        raise DataError(f"The ink file {path} does not exist. Give the right data folder with --data.") from None
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError(f"The ink file {path} cannot be read after {where} ({error}). Is it complete?") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: no valid JSON ({error}). Fetch the file again, or delete the line.") from error


def ink_of_line(value: dict[str, Any], where: str) -> Ink:
    """The ink of a line, as `core_model.ink.read_json` gives it, but faster. Raises DataError that names ``where``."""
    ink = _plain_ink(value)
    try:
        ink = ink or read_json(value, where)
    except InkError as error:
        raise DataError(f"{error}. Fetch the file again, or delete the line.") from error
    if not ink.strokes:
        raise DataError(f"{where}: no strokes. Fetch the file again, or delete the line.")
    return ink


def mended(latex: str) -> str:
    """A training truth without its known faults.

    These are dollar signs in the middle, ``\\lt`` run into a letter, and ``\\log`` and ``\\lim`` spelt as letters.
    """
    latex = _GLUED.sub(r"\1 ", latex.replace(r"\$", "\0").replace("$", " ").replace("\0", r"\$"))
    return _SPELT.sub(lambda word: "\\" + word[0].replace(" ", "") + " ", latex)


def _expression(value: dict[str, Any], where: str) -> Expression:
    ink = ink_of_line(value, where)
    if len(ink.strokes) != len(value["strokes"]):
        # Symbols count strokes: leaving an empty one out would shift them.
        raise DataError(f"{where}: a stroke without points. Fetch the file again, or delete the line.")
    fields = {}
    for key in ("gt_tokens", "in_train", "source"):
        field = value.get(key)
        if field is not None and not isinstance(field, str):
            raise DataError(f"{where}: {key!r} is no text. Fetch the file again, or delete the line.")
        fields[key] = field
    return Expression(
        ink,
        _symbols(value.get("symbols", []), len(ink.strokes), where),
        fields["gt_tokens"] or "",
        fields["in_train"],
        fields["source"] or "",
    )


def _plain_ink(value: dict[str, Any]) -> Ink | None:
    """Ink of numbers in lists, checked array by array; None for anything unusual, which `read_json` judges."""
    lists, texts = value.get("strokes"), (value.get("latex", ""), value.get("id", ""))
    if not isinstance(lists, list) or "pressure" in value or "time" in value:
        return None
    if not all(isinstance(text, str) for text in texts):
        return None
    try:
        arrays = [np.array(points) for points in lists]
        if any(array.dtype.kind not in "if" or array.ndim != 2 for array in arrays):
            return None
        return Ink(tuple(Stroke(array) for array in arrays), bare_latex(texts[0]), texts[1])
    except ValueError:
        return None


def _symbols(entries: Any, strokes: int, where: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    symbols = []
    for entry in entries if isinstance(entries, list) else [None]:
        label = entry.get("label") if isinstance(entry, dict) else None
        indices = entry.get("strokes") if isinstance(entry, dict) else None
        if (
            not isinstance(label, str)
            or not isinstance(indices, list)
            or not all(type(index) is int and 0 <= index < strokes for index in indices)
        ):
            raise DataError(
                f"{where}: expected symbols as objects with “label” and the indices of “strokes”. Fetch the file "
                "again, or delete the line."
            )
        symbols.append((_LABELS.get(label, label), tuple(indices)))
    return tuple(symbols)


def _read_folder(folder: Path) -> Iterator[Expression]:
    """All InkML of a folder and of those within, as CROHME 2011 to 2023 were published; files without ink are left out.

    CROHME's folders keep some truths in a ``.lg`` or text file beside the ink; only truths within the ink are read.
    """
    files = sorted(folder.glob("**/*.inkml"))
    if not files:
        raise DataError(f"No .inkml file in {folder}. Give the folder into which the CROHME archive was unpacked.")
    for file in files:
        try:
            ink = read_inkml(file)
        except InkError as error:
            raise DataError(f"{error}. Or delete that file to go on without it.") from error
        if ink.strokes:
            yield Expression(Ink(ink.strokes, bare_latex(ink.latex), file.stem), source=file.parent.name)
