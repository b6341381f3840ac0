"""Tables of readings, read back by readers of each format."""

import csv
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.history import Entry
from app.table_export import TABLE_FORMATS, Row, format_of, history_rows, one_line, write
from core_model.errors import FormulensError

ROWS = [
    Row('a,b "c".png', "x + y", 0.987, created=1_700_000_000.0),
    Row("=HYPERLINK(1).png", r"-\frac{1}{2}", 0.5, ("length: cut", "syntax: odd")),
    Row("Übung ∫ 日本.png", "\\begin{aligned}a &= b \\\\ % note\n c &= \\|d\\| | e\\end{aligned}", 0.25),
    Row("broken_1.png", "", 0.0, error="It is no picture; 100% | wrong."),
    Row("wrong.png", r"\frac{a}{", 0.1),
]


def text_of(tmp_path: Path, name: str) -> str:
    path = tmp_path / f"Tabelle ü{TABLE_FORMATS[name][1][0]}"  # type: ignore[index]
    write(path, ROWS, name)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == [path]
    return path.read_bytes().decode("utf-8")


def test_csv_for_spreadsheets(tmp_path: Path) -> None:
    text = text_of(tmp_path, "csv")
    assert text.startswith("\ufeffname,latex,") and "\r\n" in text
    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines(keepends=True)))
    assert [row["name"].strip() for row in rows] == [row.name for row in ROWS]
    assert [row["latex"].strip() for row in rows] == [row.latex for row in ROWS]
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row.values())
    assert rows[1]["latex"] == r" -\frac{1}{2}" and rows[1]["warnings"] == "length: cut; syntax: odd"
    assert rows[0]["created"].startswith("2023-11-1") and rows[3]["error"] == ROWS[3].error


def test_json(tmp_path: Path) -> None:
    rows = json.loads(text_of(tmp_path, "json"))
    assert [row["latex"] for row in rows] == [row.latex for row in ROWS]
    assert rows[1]["warnings"] == ["length: cut", "syntax: odd"]
    assert rows[3]["error"] == ROWS[3].error and rows[0]["error"] is None
    assert math.isclose(rows[0]["confidence"], 0.987)


def test_markdown_has_four_cells_in_every_line(tmp_path: Path) -> None:
    lines = text_of(tmp_path, "markdown").splitlines()
    assert len(lines) == 2 + len(ROWS)
    for line in lines:
        # GitHub's rule: a bar with a backslash before it parts no cells.
        assert len(re.split(r"(?<!\\)\|", line)) == 6, line
    formula = re.split(r"(?<!\\)\|", lines[4])[2].strip().replace(r"\|", "|")
    assert formula == r"$\begin{aligned}a &= b \\ c &= \Vert d\Vert | e\end{aligned}$"
    assert r"broken\_1.png" in lines[5] and "50%" in lines[3]


@pytest.mark.tex
def test_tex_compiles(tmp_path: Path) -> None:
    text = text_of(tmp_path, "tex")
    (source,) = tmp_path.iterdir()
    assert r"\[ -\frac{1}{2} \]" in text and r"\[ \frac{a}{ \]" not in text
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-jobname=out", source.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    shown = subprocess.run(
        ["pdftotext", "out.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    assert "Übung [U+222B]" in shown and r"\frac{a}{" in shown and "broken_1.png" in shown


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        ("a %b\n c", "a c"),
        (r"100\% x", r"100\% x"),
        ("a \\\\% note\n b", r"a \\ b"),
        ("a\n\n  b", "a b"),
        ("a % end", "a"),
    ],
)
def test_one_line(latex: str, line: str) -> None:
    assert one_line(latex) == line


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_file_that_cannot_be_written_is_said_and_the_old_one_stays(tmp_path: Path) -> None:
    with pytest.raises(FormulensError, match=r"Cannot write .*none.*No such file"):
        write(tmp_path / "none" / "a.csv", ROWS, "csv")
    folder = tmp_path / "a.csv"
    folder.mkdir()
    with pytest.raises(FormulensError, match="Choose another place"):
        write(folder, ROWS, "csv")
    assert list(tmp_path.iterdir()) == [folder]


def test_the_format_is_known_by_the_ending() -> None:
    assert [format_of(Path(f"a{endings[-1]}")) for _, endings in TABLE_FORMATS.values()] == list(TABLE_FORMATS)
    assert format_of(Path("a.MARKDOWN")) == "markdown"
    assert format_of(Path("a.xls")) is None


def test_rows_of_the_history() -> None:
    entry = Entry(1, 5.0, "snip", "", "x", "y", 0.5, "m", False, False, "[]")
    assert history_rows([entry]) == [Row("snip", "y", 0.5, created=5.0)]
