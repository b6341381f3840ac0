r"""Pictures of formulas in which the place of every printing token is known.

TeX itself tells the places: an empty ``\special{t:i}`` before token i goes through to the DVI file and leaves spacing
alone (TeX's spacing between atoms looks past whatsits). Every glyph and rule after it belongs to token i, until the
next one. TeX sets some parts before their owner's own ink (the numerator before the bar of ``\frac``, the upper limit
before ``\sum``), so each group ends with the special of its owner. Picture and boxes come from the same DVI file.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_model.errors import DataError
from core_model.latex import prints
from trainer.data.dvi import UNITS_PER_INCH, UNMARKED, Box, read_dvi

TOOLS = ("latex", "dvipng", "kpsewhich")
TOOLS_HINT = "On Debian: apt-get install texlive-latex-base texlive-latex-extra texlive-fonts-recommended dvipng."
UNMARKABLE = frozenset(
    # Their ink comes between tokens (rules of arrays), or they show nothing of what they hold.
    [r"\hline", r"\cline", r"\hdashline", r"\multicolumn", r"\multirow", r"\phantom", r"\hphantom", r"\vphantom"]
)
_WITH_COLUMNS = (r"\begin{array}", r"\begin{tabular}")
_SIZES = frozenset(rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m"))
_ORIGIN = 0.5
"""Inches of white above and left of a formula's box on its page: ink may stick out of it."""
_BATCH = 50


@dataclass(frozen=True)
class BoxedPicture:
    """A formula's picture (grey ``[h, w]``, dark on white) and the box of each printing token by its index."""

    tokens: tuple[str, ...]
    picture: NDArray[np.uint8]
    boxes: dict[int, Box]


def boxed_pictures(formulas: Sequence[Sequence[str]], *, dpi: int = 200, margin: int = 10) -> list[BoxedPicture | str]:
    """Draw skeletons with 12pt Computer Modern in display style; for each a picture with boxes, or why there is none.

    Raises ``DataError`` if LaTeX or dvipng is missing.
    """
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise DataError(f"Glyph boxes need {' and '.join(missing)}, not found here. {TOOLS_HINT}")
    results: list[BoxedPicture | str] = ["not set"] * len(formulas)
    wanted = []
    for index, tokens in enumerate(formulas):
        reason = unmarkable(tokens)
        if reason:
            results[index] = reason
        else:
            wanted.append(index)
    for start in range(0, len(wanted), _BATCH):
        _draw_batch(formulas, wanted[start : start + _BATCH], dpi, margin, results)
    return results


def unmarkable(tokens: Sequence[str]) -> str:
    """Why the tokens of a formula cannot be marked one by one; empty if they can."""
    for position, token in enumerate(tokens):
        if token in UNMARKABLE:
            return f"{token} cannot be marked"
        if token.startswith(r"\begin{") and "|" in tokens[position + 1 : _close(tokens, position + 1)]:
            return "rules between columns"
    return ""


def printing_places(tokens: Sequence[str]) -> list[int]:
    """Indices of the tokens that put ink on paper; the column letters of an array do not."""
    places = []
    end = 0
    for index, token in enumerate(tokens):
        if token in _WITH_COLUMNS:
            end = _close(tokens, index + 1)
        if index >= end and prints(token) and not _of_option(tokens, index):
            places.append(index)
    return places


def mark(tokens: Sequence[str]) -> str:
    r"""Return LaTeX with ``\special{t:i}`` before each token i, and its owner's at the end of each group."""
    out: list[str] = []
    owners: list[int] = []  # of the groups open at this point
    previous = UNMARKED  # the token that owns a group that opens here
    skip = bare = -1
    for index, token in enumerate(tokens):
        if index < skip:  # the columns of an array
            out.append(token)
        elif token == "{" or (token == "[" and _of_option(tokens, index)):
            owners.append(previous)
            previous = UNMARKED
            out.append(token)
        elif token == "}" or (token == "]" and _of_option(tokens, index)):
            previous = owners.pop()
            out += [_special(previous), token]
        elif token in ("_", "^", r"\limits", r"\nolimits"):
            out.append(token)
        elif token.startswith(r"\begin{"):
            out += [_special(UNMARKED), token]
            previous = UNMARKED
            if token in _WITH_COLUMNS:
                skip = _close(tokens, index + 1)
        elif token.startswith(r"\end{"):
            # Closing delimiters of a matrix are no token's own.
            if tokens[index - 1] != r"\\":
                out.append(_special(UNMARKED))
            out.append(token)
            previous = UNMARKED
        elif token in ("&", r"\\"):
            out.append(token)
            previous = UNMARKED
        elif token in _SIZES:
            # It reads the next token itself: nothing may come between.
            out += [_special(index + 1), token]
            bare = index + 1
        else:
            # Silent commands too: \binom brings brackets that must not be taken for its neighbour's.
            out += [token] if index == bare else [_special(index), token]
            previous = index
    return " ".join(out)


def _special(owner: int) -> str:
    return rf"\special{{t:{owner}}}"


def _close(tokens: Sequence[str], start: int) -> int:
    """Index after the group that opens at ``start`` (``start`` itself where none does)."""
    depth = 0
    for index in range(start, len(tokens)):
        depth += (tokens[index] == "{") - (tokens[index] == "}")
        if depth == 0:
            return index + 1 if index > start else start
    return len(tokens)


def _of_option(tokens: Sequence[str], index: int) -> bool:
    r"""Tell whether a token is the ``[`` or ``]`` about the index of a root."""
    if tokens[index] == "[":
        return index > 0 and tokens[index - 1] == r"\sqrt"
    if tokens[index] != "]":
        return False
    depth = 0
    for position in range(index - 1, 0, -1):
        token = tokens[position]
        depth += (token in ("}", "]")) - (token in ("{", "["))
        if depth < 0:
            return token == "[" and tokens[position - 1] == r"\sqrt"
    return False


def _draw_batch(
    formulas: Sequence[Sequence[str]], indices: list[int], dpi: int, margin: int, results: list[BoxedPicture | str]
) -> None:
    """Fill ``results`` at ``indices``; a batch that loops is halved, one with errors is set again without them."""
    with tempfile.TemporaryDirectory(prefix="formulens-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "batch.tex").write_text(_document(formulas, indices), encoding="utf-8")
        limit = 10 + 0.2 * len(indices)
        rest: list[list[int]] = []
        if not _run(["latex", "-interaction=nonstopmode", "-no-shell-escape", "batch.tex"], folder, limit):
            if len(indices) == 1:
                results[indices[0]] = "LaTeX did not finish"
            else:
                rest = [indices[: len(indices) // 2], indices[len(indices) // 2 :]]
        elif faulty := _faults(folder / "batch.log"):
            # An error can swallow the formulas after it, so nothing of this run is used.
            for index, reason in faulty.items():
                results[index] = reason
            rest = [[index for index in indices if index not in faulty]]
        else:
            _rasterize(formulas, folder, dpi, margin, results)
            for index in indices:
                if results[index] == "not set":
                    results[index] = "LaTeX made no page"
    for part in rest:
        if part:
            _draw_batch(formulas, part, dpi, margin, results)


def _document(formulas: Sequence[Sequence[str]], indices: Sequence[int]) -> str:
    """LaTeX that puts each formula on a page of its own, a mark in the log before each."""
    lines = [
        r"\documentclass[12pt]{article}",
        r"\usepackage{amsmath,amssymb,mathrsfs,cancel}",
        r"\begin{document}",
    ]
    for index in indices:
        lines.append(rf"\typeout{{=formula={index}=}}\setbox0\hbox{{$\displaystyle {mark(formulas[index])}$}}%")
        # The page number tells whose page it is, whatever happened before.
        lines.append(rf"\global\count0={index} \shipout\box0")
    lines += [r"\typeout{=formula=end=}", r"\end{document}"]
    return "\n".join(lines) + "\n"


def _rasterize(
    formulas: Sequence[Sequence[str]], folder: Path, dpi: int, margin: int, results: list[BoxedPicture | str]
) -> None:
    """Read the boxes off the DVI file and draw its pages."""
    if not (folder / "batch.dvi").exists():
        return
    pages = [
        (number, {token: _to_pixels(box, dpi) for token, box in boxes.items()})
        for number, boxes in read_dvi((folder / "batch.dvi").read_bytes())
    ]
    every = [box for _, boxes in pages for box in boxes.values()]
    width = max((box.right for box in every), default=dpi) / dpi + 1
    height = max((box.bottom for box in every), default=dpi) / dpi + 1
    # With a page size given, dvipng puts the origin into the corner of the page.
    command = ["dvipng", "-q", "-D", str(dpi), "-O", f"{_ORIGIN}in,{_ORIGIN}in", "-bg", "White"]
    command += ["-T", f"{width:.2f}in,{height:.2f}in", "-o", "page-%06d.png", "batch.dvi"]
    if not _run(command, folder, 120):
        raise DataError(f"dvipng did not draw the pages. {TOOLS_HINT}")
    for page, (number, boxes) in enumerate(pages, start=1):
        picture = folder / f"page-{page:06d}.png"
        if not picture.exists():
            raise DataError(f"dvipng did not draw all pages. {TOOLS_HINT}")
        with Image.open(picture) as opened:
            grey = np.asarray(opened.convert("L"), dtype=np.uint8)
        results[number] = _finish(formulas[number], grey, boxes, margin)


def _finish(tokens: Sequence[str], grey: NDArray[np.uint8], boxes: dict[int, Box], margin: int) -> BoxedPicture | str:
    """Cut a page to its ink with ``margin`` px of white, the boxes with it; refuse where a printing token has none."""
    places = printing_places(tokens)
    lost = [index for index in places if index not in boxes]
    if lost:
        return f"no glyph for {tokens[lost[0]]}"
    ink = grey < 250
    if not ink.any():
        return "nothing printed"
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    cut = np.pad(grey[top:bottom, left:right], margin, constant_values=255)
    x, y = left - margin, top - margin
    moved = {
        index: Box(box.left - x, box.top - y, box.right - x, box.bottom - y)
        for index, box in sorted(boxes.items())
        if index in places
    }
    return BoxedPicture(tuple(tokens), cut, moved)


def _to_pixels(box: Box, dpi: int) -> Box:
    """From DVI units to pixels of the page."""
    return Box(*(dpi * (_ORIGIN + side / UNITS_PER_INCH) for side in (box.left, box.top, box.right, box.bottom)))


def _faults(log: Path) -> dict[int, str]:
    """Formula -> its first error, by the marks in the log."""
    if not log.exists():
        raise DataError(f"latex wrote no log: is LaTeX installed completely? {TOOLS_HINT}")
    faults: dict[int, str] = {}
    current: int | None = None
    for line in log.read_text(encoding="latin-1").splitlines():
        if line.startswith("=formula=") and line.endswith("=") and line[9:-1].isdigit():
            current = int(line[9:-1])
        elif line.startswith(("!", "Missing character")):
            if current is None:
                raise DataError(f"LaTeX cannot load its packages: {line.strip()}. {TOOLS_HINT}")
            faults.setdefault(current, line.lstrip("! ").strip())
    return faults


def _run(command: list[str], folder: Path, limit: float) -> bool:
    """Run a program without input; ``False`` if it had to be killed.

    The environment keeps formulas from reading or writing files outside ``folder`` and from running programs.
    """
    environment = dict(os.environ, openin_any="p", openout_any="p", shell_escape="f", max_print_line="10000")
    try:
        subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    return True
