"""CROHME and Detexify files of our own ink: what is read, what is mended, and how a bad line is named."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from core_model.errors import DataError
from core_model.ink import read_json, to_json, write_inkml
from trainer.data.crohme import mended, read_expressions, set_path
from trainer.data.detexify import drawings_path, read_drawings

LINE: dict[str, Any] = {
    "id": "mine",
    "latex": "$x < 1$",
    "gt_tokens": "x < 1",
    "in_train": None,
    "source": "here",
    "strokes": [[[0, 0], [1, 2]], [[1, 0], [0, 2.5]], [[3, 0], [2, 1], [3, 2]], [[4, 0], [4, 2]]],
    "symbols": [
        {"label": "x", "strokes": [1, 0]},
        {"label": "<", "strokes": [2]},
        {"label": "1", "strokes": [3]},
    ],
}
DRAWING: dict[str, Any] = {
    "symbol": "\\alpha", "package": None, "mode": "math", "fontenc": "OT1", "id": "latex:alpha",
    "strokes": [[[0.1, 0.2], [1, 0]]],
}  # fmt: skip


def write_lines(path: Path, *lines: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return path


def test_an_expression_is_read_with_its_symbols(tmp_path: Path) -> None:
    write_lines(tmp_path / "crohme" / "test_2014.jsonl.xz", LINE, {**LINE, "id": "again", "in_train": "train_2014"})
    first, second = read_expressions(set_path(tmp_path, "test_2014"))
    assert (first.ink.identifier, first.ink.latex, first.source, first.in_train) == ("mine", "x < 1", "here", None)
    assert second.in_train == "train_2014"
    assert first.symbols == (("x", (1, 0)), (r"\lt", (2,)), ("1", (3,)))
    assert first.ink.strokes[1].points.tolist() == [[1, 0], [0, 2.5]]
    assert first.truth == "x < 1"


def test_plain_lines_and_those_with_pressure_are_read_alike(tmp_path: Path) -> None:
    """The fast way for lists of numbers gives what the project's own reader gives."""
    pressed = {"id": "p", "latex": "a", "strokes": [[[0, 0], [1, 1]]], "pressure": [[0.2, 0.4]]}
    inks = [expression.ink for expression in read_expressions(write_lines(tmp_path / "x.jsonl.xz", LINE, pressed))]
    assert inks == [read_json(LINE), read_json(pressed)]
    assert inks[1].strokes[0].pressure is not None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"strokes": []}, "no strokes"),
        ({"strokes": [[[0, 0]], []]}, "stroke without points"),
        ({"strokes": [[[0, 0], [1]]]}, r"\[x, y\]"),
        ({"strokes": [[[0, 1e400]]]}, "number within"),
        ({"strokes": 5}, "no ink"),
        ({"symbols": [{"label": "x", "strokes": [4]}]}, "indices"),
        ({"symbols": [{"label": 1, "strokes": [0]}]}, "label"),
        ({"symbols": "x"}, "label"),
        ({"gt_tokens": ["x"]}, "gt_tokens"),
        ({"latex": ["x"]}, "latex"),
    ],
)
def test_a_bad_line_is_named_with_the_remedy(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = write_lines(tmp_path / "x.jsonl.xz", LINE, {**LINE, **change})
    with pytest.raises(DataError, match=rf"x\.jsonl\.xz, line 2.*{told}.*(Fetch|delete)"):
        list(read_expressions(path))


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: no valid JSON"):
        list(read_expressions(write_lines(tmp_path / "x.jsonl.xz", "{")))
    with pytest.raises(DataError, match="expected a JSON object"):
        list(read_expressions(write_lines(tmp_path / "y.jsonl.xz", "[]")))
    cut = write_lines(tmp_path / "z.jsonl.xz", *[{**LINE, "id": str(n)} for n in range(50)])
    cut.write_bytes(cut.read_bytes()[:-20])
    with pytest.raises(DataError, match="Is it complete"):
        list(read_expressions(cut))
    with pytest.raises(DataError, match="does not exist"):
        list(read_expressions(tmp_path / "none.jsonl"))
    write_lines(tmp_path / "crohme" / "test_2012.jsonl.xz", LINE)
    with pytest.raises(DataError, match="There are: test_2012"):
        set_path(tmp_path, "train_2014")


def test_a_folder_of_inkml_is_read(tmp_path: Path, write_ink: Any) -> None:
    (tmp_path / "part").mkdir()
    for word in ("x+a", "b"):
        write_inkml(tmp_path / "part" / f"{word}.inkml", write_ink(word))
    found = {each.ink.identifier: each for each in read_expressions(tmp_path)}
    assert set(found) == {"x+a", "b"}
    assert found["x+a"].truth == "x + a"
    assert found["x+a"].source == "part"
    assert len(found["x+a"].ink.strokes) == 5
    (tmp_path / "part" / "bad.inkml").write_text("<ink>")
    with pytest.raises(DataError, match=r"bad\.inkml"):
        list(read_expressions(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"No \.inkml"):
        list(read_expressions(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("written", "mended_to"),
    [
        (r"\left| $\frac{a}{b} \right|", r"\left|  \frac{a}{b} \right|"),
        (r"M\ltN", r"M\lt N"),
        (r"l o g 5 + \log x", r"\log  5 + \log x"),
        (r"\beta lim x", r"\beta \lim  x"),
        (r"\catalog + limits", r"\catalog + limits"),
        (r"5\$", r"5\$"),
    ],
)
def test_known_faults_of_truths_are_mended(written: str, mended_to: str) -> None:
    assert mended(written) == mended_to


def test_drawings_are_read(tmp_path: Path) -> None:
    ink = to_json(read_json({"strokes": DRAWING["strokes"]}))
    write_lines(
        tmp_path / "detexify" / "strokes.jsonl.xz",
        DRAWING,
        {**DRAWING, "package": "amssymb", "strokes": ink["strokes"]},
    )
    first, second = read_drawings(drawings_path(tmp_path))
    assert (first.symbol, first.mode, first.package, second.package) == ("\\alpha", "math", "", "amssymb")
    assert first.ink.identifier == "latex:alpha"
    assert first.ink.strokes[0].points.tolist() == [[0.1, 0.2], [1, 0]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mode": "maths"}, "mode"),
        ({"symbol": ""}, "symbol"),
        ({"package": 1}, "package"),
        ({"strokes": []}, "no strokes"),
    ],
)
def test_a_bad_drawing_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = write_lines(tmp_path / "detexify" / "strokes.jsonl.xz", DRAWING, {**DRAWING, **change})
    with pytest.raises(DataError, match=rf"line 2.*{told}"):
        list(read_drawings(path))


def test_a_folder_without_drawings_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="detexify"):
        drawings_path(tmp_path)
