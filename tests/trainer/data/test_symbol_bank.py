"""The bank of drawn symbols: what is cut from files, what is left out."""

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_model.errors import DataError
from tests.trainer.data.pen import as_lists
from trainer.data.letter_shapes import SHAPES, shape_strokes
from trainer.data.symbol_bank import RULE, Sample, SymbolBank, hand_of
from trainer.data.symbols import detexify_part

LINE = np.array([(0.0, 0.0), (10.0, 5.0)])


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A fraction x over 2 with a minus sign before it, and two drawings of signs."""
    strokes = [[[0.0, 0.0], [0.9, 0.0]], *as_lists("x", right=2), [[1.5, 0.5], [6.0, 0.5]], *as_lists("2", down=2.2)]
    strokes.append([[7.0, 0.0], [8.0, 1.0]])
    symbols = [("-", [0]), ("x", [1, 2]), ("-", [3]), ("2", [4]), ("\\lt", [5])]
    expression = {
        "id": "formulaire007-equation003",
        "source": "HAMEX",
        "latex": "$-\\frac{x}{2}$",
        "strokes": strokes,
        "symbols": [{"label": label, "strokes": indices} for label, indices in symbols],
    }
    _write(tmp_path / "crohme" / "train_2014.jsonl.xz", [expression])
    _write(tmp_path / "crohme" / "train_2019.jsonl.xz", [])
    drawing = {"package": None, "mode": "math", "id": "1", "strokes": [[[0.1, 0.2], [0.9, 0.4]]]}
    drawings = [
        {**drawing, "symbol": "\\le"},
        {**drawing, "symbol": "\\mathds{R}"},
        {**drawing, "symbol": "\\textcent", "mode": "text"},
    ]
    _write(tmp_path / "detexify" / "strokes.jsonl.xz", drawings)
    return tmp_path


def test_symbols_are_cut_from_expressions_and_drawings(data: Path) -> None:
    bank = SymbolBank.load(data)
    hand = "HAMEX/formulaire007"
    assert {symbol for symbol in bank.symbols if bank.of_hand(hand, symbol)} == {"-", "x", RULE, "2", "<"}
    assert {"\\leq", "\\mathbb{R}"} <= bank.symbols
    assert "\\textcent" not in bank
    assert bank.covered(hand, ["x", "2", "\\leq"]) == 2


def test_symbols_without_strokes_are_passed_over(data: Path) -> None:
    path = data / "crohme" / "train_2014.jsonl.xz"
    expression = json.loads(lzma.decompress(path.read_bytes()))
    expression["symbols"].append({"label": "y", "strokes": []})
    _write(path, [expression])
    assert not SymbolBank.load(data).of_hand("HAMEX/formulaire007", "y")


def test_drawings_that_the_classifier_is_tested_on_stay_out(data: Path) -> None:
    drawing = {"package": None, "mode": "math", "id": "1", "strokes": [[[0.1, 0.2], [0.9, 0.4]]]}
    places = range(200)
    _write(data / "detexify" / "strokes.jsonl.xz", [{**drawing, "symbol": f"\\s{place}"} for place in places])
    found = SymbolBank.load(data).symbols
    parts = {place: detexify_part(place) for place in places}
    assert set(parts.values()) == {"train", "validation", "test"}
    assert {place for place in places if f"\\s{place}" in found} == {p for p in places if parts[p] == "train"}


def test_own_shapes_stand_in_for_what_nobody_drew(data: Path) -> None:
    with_crohme, without = SymbolBank.load(data), SymbolBank.load(data, crohme=False)
    assert len(with_crohme.of_symbol("K")) == len(SHAPES["K"])
    assert len(with_crohme.of_symbol("x")) == 1
    assert len(without.of_symbol("x")) == len(SHAPES["x"])
    assert without.hands == ("shapes",)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Detexify"):
        SymbolBank.load(tmp_path)


def test_drawings_are_scaled_thinned_and_kept_in_strokes() -> None:
    long = np.column_stack((np.linspace(100, 300, 500), np.linspace(7, 57, 500)))
    bank = SymbolBank([Sample("a", [LINE]), Sample("b", [long, np.array([(200.0, 60.0)])])])
    first, second = bank.strokes(bank.of_symbol("b")[0])
    assert len(first) < 60
    assert first[0] == pytest.approx((0, 0))
    assert first[-1] == pytest.approx((1, 0.25))
    assert second == pytest.approx(np.array([(0.5, 0.265)]))
    assert bank.strokes(0)[0] == pytest.approx(np.array([(0, 0), (1, 0.5)]))


def test_drawings_unlike_the_others_are_left_out() -> None:
    """Of thirty, one is turned upright and one has a stroke too many."""
    rng = np.random.default_rng(1)
    usual = [Sample("a", [LINE * (1, 1 + 0.1 * rng.standard_normal())], "usual") for _ in range(28)]
    turned, doubled = Sample("a", [LINE[:, ::-1]], "turned"), Sample("a", [LINE, LINE], "doubled")
    bank = SymbolBank([*usual, turned, doubled])
    assert len(bank.of_symbol("a")) >= 25
    assert bank.hands == ("usual",)


@pytest.mark.parametrize(
    ("source", "one", "other", "same"),
    [
        ("HAMEX", "formulaire007-equation003", "formulaire007-equation063", True),
        ("HAMEX", "formulaire007-equation003", "formulaire008-equation003", False),
        ("KAIST", "KME2G3_7_sub_74", "KME2G3_7_sub_21", True),
        ("MathBrush", "200922-1017-29", "200922-1017-30", True),
        ("MathBrush", "200922-1017-29", "200922-947-29", False),
        ("expressmatch", "85_Ann", "101_Ann", True),
        ("expressmatch", "85_Ann", "85_Bob", False),
        ("MfrDB", "MfrDB0100", "MfrDB0101", True),
        ("MfrDB", "MfrDB0100", "MfrDB0200", False),
    ],
)
def test_hands_are_told_from_file_names(source: str, one: str, other: str, same: bool) -> None:
    assert (hand_of(source, one) == hand_of(source, other)) is same


@pytest.mark.parametrize("symbol", sorted(SHAPES))
def test_shapes_are_smooth_curves_of_a_letters_size(symbol: str) -> None:
    for shape in SHAPES[symbol]:
        strokes = shape_strokes(shape)
        points = np.concatenate(strokes)
        assert np.isfinite(points).all()
        assert np.abs(points).max() < 2.6
        assert all(np.hypot(*np.diff(stroke, axis=0).T).max(initial=0.0) < 2.5 for stroke in strokes)
