"""The readings that the user corrected, as training data: pairs of picture and LaTeX that `trainer prepare` reads.

The form is that of IM2LATEX-100K as published: a list of formulas, a list that pairs them with pictures, and a folder
of pictures. Drawings are there as pictures too, and their strokes beside them in `ink.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.history import Entry, History, HistoryError
from app.table_export import write_whole
from app.words import translate
from core_model.errors import FormulensError, LatexError
from core_model.ink import InkError, read_json, to_json

PICTURES = "formula_images"
FORMULAS = "im2latex_formulas.lst"
PAIRS = "im2latex_train.lst"
INK = "ink.jsonl"
LEFT_OUT = "left-out.txt"
NOTE = "formulens-corrections.txt"
"""Marks the folder as ours: a data set of someone else is not written over."""

_NOTE = f"""Corrected readings of Formulens, as training data.

{FORMULAS}  one formula a line
{PAIRS}     number of the formula, its picture
{PICTURES}/          the pictures
{INK}           the strokes of those that were drawn, with their formulas
{LEFT_OUT}        corrections that are no LaTeX which the trainer knows, and why

trainer prepare --out SHARDS --pictures THIS_FOLDER --lists --part all
"""


def export_corrections(history: History, folder: Path) -> int:
    """Write all corrected readings to a folder, in place of an earlier export; returns how many there are.

    Corrections that are no LaTeX which the trainer knows, or whose picture is lost, are named in `left-out.txt`, and
    not counted.

    Raises:
        FormulensError: the folder holds another data set, or cannot be written.
    """
    steps = export_in_steps(history, folder)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return int(end.value)


def export_in_steps(history: History, folder: Path) -> Generator[None, None, int]:
    """The same, one reading at each step: hundreds of them take seconds, which the window has not.

    An export that is given up between two steps leaves the earlier one as it was.
    """
    if (folder / FORMULAS).exists() and not (folder / NOTE).exists():
        told = translate("Corrections", "{folder} holds another data set. Choose an empty folder.")
        raise FormulensError(told.format(folder=folder))
    with _writing_to(folder):
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    write_whole(folder / NOTE, _NOTE.encode())
    found = _Found()
    for entry in history.corrections():
        _take(found, history, entry, folder)
        yield
    with _writing_to(folder):
        # Without its list of pairs a data set is not read: one that is broken off here never pairs wrongly.
        (folder / PAIRS).unlink(missing_ok=True)
    lists = ((INK, found.inks), (LEFT_OUT, found.left_out), (FORMULAS, found.formulas), (PAIRS, found.pairs))
    for name, lines in lists:
        write_whole(folder / name, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return len(found.formulas)


@dataclass
class _Found:
    """The lines of the lists."""

    formulas: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    inks: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def _take(found: _Found, history: History, entry: Entry, folder: Path) -> None:
    formula, problem = _formula(entry)
    try:
        picture = history.picture(entry.id) if formula else b""
        ink = _strokes(history, entry) if formula else None
    except (HistoryError, InkError) as error:  # lost by damage, or deleted since the list was made
        problem = str(error)
    if problem:
        found.left_out.append(f"{entry.text!r}: {problem}")
        return
    name = f"{hashlib.sha256(picture).hexdigest()[:20]}.png"
    write_whole(folder / PICTURES / name, picture)
    found.pairs.append(f"{len(found.formulas)} {name} corrected")
    if ink is not None:
        found.inks.append(json.dumps({**ink, "id": f"correction-{entry.id}", "latex": formula}))
    found.formulas.append(formula)


def _strokes(history: History, entry: Entry) -> dict[str, object] | None:
    """The drawing in the project's JSON form; None for what was no drawing.

    Raises:
        HistoryError, InkError: it is lost or damaged.
    """
    text = history.ink(entry.id)
    if text is None:
        return None
    try:
        return to_json(read_json(json.loads(text)))
    except (ValueError, InkError) as error:
        raise InkError(translate("Corrections", "its drawing is damaged")) from error


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        told = translate("Corrections", "Cannot write to {folder}: {reason}. Choose another folder.")
        raise FormulensError(told.format(folder=folder, reason=error.strerror or error)) from error


def _formula(entry: Entry) -> tuple[str, str]:
    """The corrected formula on one line and "", or "" and why the trainer cannot use it."""
    from core_model.latex import canonical, skeleton

    try:
        if not skeleton(entry.text):
            return "", translate("Corrections", "nothing that prints")
        return " ".join(canonical(entry.text)), ""
    except LatexError as error:
        return "", str(error)
    except RecursionError:
        return "", translate("Corrections", "nested too deeply")
