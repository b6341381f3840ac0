"""Readings as a table in a file: CSV, JSON, Markdown, or a LaTeX document that compiles.

    write(Path("readings.csv"), [Row("a.png", "x + y", 0.98)], "csv")

The file is written whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.words import translate
from core_model.errors import FormulensError, LatexError

if TYPE_CHECKING:
    from app.history import Entry

TableFormat = Literal["csv", "json", "markdown", "tex"]
TABLE_FORMATS: dict[TableFormat, tuple[str, tuple[str, ...]]] = {
    "csv": ("CSV", (".csv",)),
    "json": ("JSON", (".json",)),
    "markdown": ("Markdown", (".md", ".markdown")),
    "tex": ("LaTeX", (".tex",)),
}
"""Name and endings of each format, the usual one first."""
KINDS = dict(TABLE_FORMATS.values())
"""The same, for the dialog that asks for a file."""


@dataclass(frozen=True)
class Row:
    """One reading, or one picture that could not be read."""

    name: str
    latex: str
    confidence: float
    """In 0..1."""
    warnings: tuple[str, ...] = ()
    error: str = ""
    """Why there is no reading; empty if there is one."""
    created: float | None = None
    """Seconds since 1970."""


def history_rows(entries: Iterable[Entry]) -> list[Row]:
    """Readings of the history as rows."""
    return [Row(e.name or e.kind, e.text, e.confidence, created=e.created) for e in entries]


def format_of(path: Path) -> TableFormat | None:
    """The format that a file's ending stands for; None for an ending of another kind."""
    return next((name for name, (_, endings) in TABLE_FORMATS.items() if path.suffix.lower() in endings), None)


def write(path: Path, rows: Sequence[Row], format: TableFormat) -> None:  # noqa: A002
    """Write rows to a file in a format.

    Raises:
        FormulensError: the file cannot be written.
    """
    write_whole(path, _WRITERS[format](rows).encode("utf-8", "replace"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there as a whole or as it was before.

    Raises:
        FormulensError: the file cannot be written.
    """
    temporary = path.with_name(f".formulens-{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        told = translate("TableExport", "Cannot write {file}: {reason}. Choose another place.")
        raise FormulensError(told.format(file=path, reason=error.strerror or error)) from error


def one_line(latex: str) -> str:
    """LaTeX on one line that prints the same: line breaks become spaces, comments go."""
    text = re.sub(r"(\\.)|%[^\n]*\n?", lambda match: match[1] or "", latex, flags=re.DOTALL)
    return " ".join(text.split())


def _csv(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\r\n")
    table.writerow(("name", "latex", "confidence", "warnings", "error", "created"))
    for row in rows:
        cells = (row.name, row.latex, f"{row.confidence:.4f}", "; ".join(row.warnings), row.error, _time(row.created))
        table.writerow(map(_cell, cells))
    # The mark at the start tells Excel that this is UTF-8.
    return "\ufeff" + stream.getvalue()


def _cell(text: str) -> str:
    """Keep spreadsheets from running a cell as a formula: `-x` and `=…` get a space before them, which LaTeX ignores.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f" {text}" if text[:1] in "=+-@\t\r\n" and text else text


def _json(rows: Sequence[Row]) -> str:
    table = [
        {
            "name": row.name,
            "latex": row.latex,
            "confidence": round(row.confidence, 4),
            "warnings": list(row.warnings),
            "error": row.error or None,
            "created": _time(row.created) or None,
        }
        for row in rows
    ]
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


def _markdown(rows: Sequence[Row]) -> str:
    lines = ["| Name | Formula | Confidence | Note |", "|---|---|---|---|"]
    for row in rows:
        # \| would be taken for an escaped bar; the norm has another name.
        latex = one_line(re.sub(r"\\\\|\\\|", lambda m: r"\Vert " if m[0] == r"\|" else m[0], row.latex))
        formula = f"${latex.replace('|', chr(92) + '|')}$" if latex else ""
        confidence = "" if row.error else f"{row.confidence:.0%}"
        note = "; ".join(filter(None, (row.error, *row.warnings)))
        lines.append(f"| {_plain_markdown(row.name)} | {formula} | {confidence} | {_plain_markdown(note)} |")
    return "\n".join(lines) + "\n"


def _plain_markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~$&-])", r"\\\1", " ".join(text.split()))


_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb,mathtools,mathrsfs,bm,cancel}
\setlength{\parindent}{0pt}
\begin{document}
"""


def _tex(rows: Sequence[Row]) -> str:
    parts = [_PREAMBLE]
    for row in rows:
        notes = [f"confidence {row.confidence:.0%}" if not row.error else "", row.error, *row.warnings]
        heading = "; ".join(filter(None, notes))
        parts.append(f"\\texttt{{{_plain_tex(row.name)}}} \\hfill {{\\small {_plain_tex(heading)}}}\n")
        latex = one_line(row.latex)
        if latex:
            # What does not parse would stop the whole document: it is shown as text.
            parts.append(f"\\[ {latex} \\]\n" if _parses(latex) else f"\n\\texttt{{{_plain_tex(latex)}}}\n")
        parts.append("\\medskip\n\n")
    return "".join(parts) + "\\end{document}\n"


def _parses(latex: str) -> bool:
    from core_model.latex import parse

    try:
        parse(latex)
    except LatexError:
        return False
    return True


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{char: f"\\{char}" for char in "{}$&#_%"},
    **{char: f"{{{char}}}" for char in "-`'<>,\""},  # no ligatures
}


def _plain_tex(text: str) -> str:
    return "".join(_TEX.get(char) or _known_to_tex(char) for char in " ".join(text.split()))


def _known_to_tex(char: str) -> str:
    """pdfLaTeX stops at characters that its fonts lack; those are given by number."""
    code = ord(char)
    return char if 32 <= code < 127 or 0xC0 <= code < 0x180 else f"[U+{code:04X}]"


def _time(created: float | None) -> str:
    return "" if created is None else datetime.fromtimestamp(created).astimezone().isoformat(timespec="seconds")


_WRITERS: dict[TableFormat, Callable[[Sequence[Row]], str]] = {
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
    "tex": _tex,
}
