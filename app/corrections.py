"""The readings that the user corrected, as training data: pairs of picture and LaTeX that `trainer prepare` reads.

The form is that of IM2LATEX-100K as published: a list of formulas, a list that pairs them with pictures, and a folder
of pictures. Drawings are there as pictures too, and their strokes beside them in `ink.jsonl`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from app.history import Entry, History
from app.table_export import write_whole
from core_model.errors import FormulensError, LatexError

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

    Corrections that are no LaTeX which the trainer knows are named in `left-out.txt`, and not counted.

    Raises:
        FormulensError: the folder holds another data set, or cannot be written.
    """
    if (folder / FORMULAS).exists() and not (folder / NOTE).exists():
        raise FormulensError(f"{folder} holds another data set. Choose an empty folder.")
    formulas: list[str] = []
    pairs: list[str] = []
    inks: list[str] = []
    left_out: list[str] = []
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        # Without its list of pairs a data set is not read: an export that is broken off never pairs wrongly.
        (folder / PAIRS).unlink(missing_ok=True)
    except OSError as error:
        raise FormulensError(f"Cannot write to {folder}: {error.strerror or error}. Choose another folder.") from error
    write_whole(folder / NOTE, _NOTE.encode())
    for entry in history.corrections():
        formula, problem = _formula(entry)
        if problem:
            left_out.append(f"{entry.text!r}: {problem}")
            continue
        picture = history.picture(entry.id)
        name = f"{hashlib.sha256(picture).hexdigest()[:20]}.png"
        write_whole(folder / PICTURES / name, picture)
        pairs.append(f"{len(formulas)} {name} corrected")
        ink = history.ink(entry.id)
        if ink is not None:
            inks.append(json.dumps({**json.loads(ink), "id": f"correction-{entry.id}", "latex": formula}))
        formulas.append(formula)
    for name, lines in ((INK, inks), (LEFT_OUT, left_out), (FORMULAS, formulas), (PAIRS, pairs)):
        write_whole(folder / name, "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
    return len(formulas)


def _formula(entry: Entry) -> tuple[str, str]:
    """The corrected formula on one line and "", or "" and why the trainer cannot use it."""
    from core_model.latex import canonical, skeleton

    try:
        if not skeleton(entry.text):
            return "", "nothing that prints"
        return " ".join(canonical(entry.text)), ""
    except LatexError as error:
        return "", str(error)
    except RecursionError:
        return "", "nested too deeply"
