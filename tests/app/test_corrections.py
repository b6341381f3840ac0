"""Corrected readings go to the trainer and come out as prepared pairs."""

import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.corrections import export_corrections, export_in_steps
from app.history import History
from core_model.errors import FormulensError
from core_model.latex import canonical


@pytest.fixture
def history(data_dir: Path) -> Iterator[History]:
    made = History(data_dir / "history.sqlite3")
    yield made
    made.close()


def add(history: History, grey: NDArray[np.uint8], latex: str, edited: str | None, ink: str | None = None) -> int:
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "PNG")
    return history.add(
        kind="snip", name="", latex=latex, confidence=0.5, model="m", picture_png=stream.getvalue(), edited=edited,
        ink_json=ink,
    )  # fmt: skip


@pytest.mark.slow
def test_trainer_prepare_reads_them(history: History, formula_grey: NDArray[np.uint8], data_dir: Path) -> None:
    from trainer.__main__ import main
    from trainer.data.shards import read_table

    flipped = np.ascontiguousarray(formula_grey[:, ::-1])
    add(history, formula_grey, "x - 0", "x + 0")
    add(history, formula_grey, "x", None)  # not corrected
    add(history, flipped, "0 - x", "0 + % a line\n x_{17}")
    add(history, formula_grey, "x + 0", r"\frac{x}{")  # not LaTeX
    folder, out = data_dir / "Korrekturen ü", data_dir / "shards"
    assert export_corrections(history, folder) == 2
    assert r"'\\frac{x}{'" in (folder / "left-out.txt").read_text(encoding="utf-8")
    # As the note in the folder says.
    command = next(
        line for line in (folder / "formulens-corrections.txt").read_text().splitlines() if line.startswith("trainer ")
    )
    words = [{"SHARDS": str(out), "THIS_FOLDER": str(folder)}.get(word, word) for word in command.split()[1:]]
    assert main([*words, "--workers", "1", "--share-degraded", "0"]) == 0
    rows = read_table(out).to_pylist()
    assert {row["latex"] for row in rows} == {" ".join(canonical(text)) for text in ("x + 0", "0 + x_{17}")}
    assert all(row["height"] > 8 for row in rows)
    by_latex = {row["latex"]: row["image"] for row in rows}
    assert by_latex["x + 0"] != by_latex[" ".join(canonical("0 + x_{17}"))]


def test_drawings_keep_their_strokes(history: History, formula_grey: NDArray[np.uint8], tmp_path: Path) -> None:
    from core_model.ink import read_ink_file

    number = add(history, formula_grey, "x", "y", '{"id": "", "latex": "", "strokes": [[[0, 0], [3, 4]]]}')
    add(history, formula_grey, "x", "z")
    assert export_corrections(history, tmp_path) == 2
    (ink,) = read_ink_file(tmp_path / "ink.jsonl")
    assert ink.latex == "y" and ink.strokes[0].points.tolist() == [[0, 0], [3, 4]]
    line = json.loads((tmp_path / "ink.jsonl").read_text())
    assert line["id"] == f"correction-{number}"


def test_a_second_export_replaces_the_first(history: History, formula_grey: NDArray[np.uint8], tmp_path: Path) -> None:
    from trainer.data.sources.im2latex import read_published

    number = add(history, formula_grey, "x", "y")
    export_corrections(history, tmp_path)
    history.edit(number, "z")
    add(history, formula_grey, "a", "b")
    assert export_corrections(history, tmp_path) == 2
    examples = read_published(tmp_path)
    assert [example.latex for example in examples] == ["z", "b"]
    assert all(Path(example.picture.removeprefix("file:")).is_file() for example in examples)
    history.delete(history.ids())
    assert export_corrections(history, tmp_path) == 0
    assert read_published(tmp_path) == []


def test_a_data_set_of_someone_else_is_not_written_over(history: History, tmp_path: Path) -> None:
    theirs = tmp_path / "im2latex_formulas.lst"
    theirs.write_text("x\n")
    with pytest.raises(FormulensError, match="another data set"):
        export_corrections(history, tmp_path)
    assert not (tmp_path / "formula_images").exists() and theirs.read_text() == "x\n"


def test_a_lost_picture_costs_one_correction_and_not_the_export(
    history: History, formula_grey: NDArray[np.uint8], tmp_path: Path
) -> None:
    from trainer.data.sources.im2latex import read_published

    add(history, formula_grey, "x", "y")
    lost = add(history, formula_grey, "a", "b")
    # As the rescue from a damaged file leaves it.
    with sqlite3.connect(history.path) as other:
        other.execute("UPDATE pictures SET picture = x'' WHERE id = ?", (lost,))
    other.close()
    assert export_corrections(history, tmp_path) == 1
    assert [example.latex for example in read_published(tmp_path)] == ["y"]
    assert "'b': The picture of this reading was lost" in (tmp_path / "left-out.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("ink", ['{"strokes": [[[0', '{"strokes": [[["a", 4]]]}', "[1]"])
def test_a_damaged_drawing_costs_one_correction_and_not_the_export(
    ink: str, history: History, formula_grey: NDArray[np.uint8], tmp_path: Path
) -> None:
    add(history, formula_grey, "x", "y", ink)
    add(history, formula_grey, "a", "b")
    assert export_corrections(history, tmp_path) == 1
    assert (tmp_path / "left-out.txt").read_text(encoding="utf-8") == "'y': its drawing is damaged\n"
    assert (tmp_path / "ink.jsonl").read_text(encoding="utf-8") == ""


def test_an_export_that_is_given_up_leaves_the_earlier_one(
    history: History, formula_grey: NDArray[np.uint8], tmp_path: Path
) -> None:
    from trainer.data.sources.im2latex import read_published

    number = add(history, formula_grey, "x", "y")
    export_corrections(history, tmp_path)
    history.edit(number, "z")
    add(history, formula_grey, "a", "b")
    steps = export_in_steps(history, tmp_path)
    next(steps)
    steps.close()
    assert [example.latex for example in read_published(tmp_path)] == ["y"]


def test_a_folder_that_cannot_be_made_is_said(history: History, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FormulensError, match=r"Cannot write to .*file"):
        export_corrections(history, tmp_path / "file")
