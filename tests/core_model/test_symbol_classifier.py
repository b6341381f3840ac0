"""Single symbols: what the classifier sees of them, its checkpoint folder, and when ink may be a single symbol."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model import checkpoint, symbol_net
from core_model.config import PRESETS, SYMBOL_PRESETS, SymbolConfig
from core_model.errors import CheckpointError
from core_model.ink import Ink, Stroke
from core_model.symbol_classifier import SymbolClassifier
from core_model.symbol_ink import command_of, looks_like_one_symbol, pen_path, symbol_picture
from core_model.symbol_net import SymbolNet

CLASSES = ("+", "o", r"\times", r"\alpha")


def ink(*strokes: list[tuple[float, float]]) -> Ink:
    return Ink(tuple(Stroke(np.array(points, np.float64)) for points in strokes))


def circle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    return [(x + radius * np.sin(a), y - radius * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 30)]


PLUS = ink([(0, 50), (100, 52)], [(50, 0), (48, 100)])


@pytest.fixture
def classifier() -> SymbolClassifier:
    torch.manual_seed(1)
    network = SymbolNet(SYMBOL_PRESETS["symbol-tiny"], len(CLASSES)).eval()
    with torch.no_grad():  # as far from its beginning as training would bring it
        for weight in (network.norm.weight, network.norm.bias, network.pool):
            weight += 0.3 * torch.randn_like(weight)
    return SymbolClassifier(network, CLASSES)


@pytest.fixture
def folder(classifier: SymbolClassifier, tmp_path: Path) -> Path:
    assert isinstance(classifier.network, SymbolNet)
    symbol_net.save(tmp_path / "symbols", classifier.network, CLASSES, "A card.\n", {"samples": 3})
    return tmp_path / "symbols"


def test_the_picture_fits_whatever_the_units_and_keeps_the_aspect() -> None:
    flat = ink([(0, 0), (100, 0), (100, 20), (0, 20), (0, 0)])
    picture = symbol_picture(flat, 48)
    rows, columns = np.nonzero(picture < 128)
    assert picture.shape == (48, 48)
    assert 42 <= np.ptp(columns) + 1 <= 47 and 9 <= np.ptp(rows) + 1 <= 13
    assert abs(rows.mean() - 23.5) < 1 and abs(columns.mean() - 23.5) < 1
    moved = Ink(tuple(Stroke(stroke.points * 1e-4 + 7) for stroke in flat.strokes))
    assert np.abs(symbol_picture(moved, 48).astype(int) - picture).max() <= 2


@pytest.mark.parametrize(
    "drawn",
    [
        ink([(5, 5)]),
        ink([(5, 5), (5, 5)]),
        ink([(0, 0)], [(50, 0)], [(100, 0)]),
        ink([(0, 0), (1e-300, 0)]),
        ink([(0, 0), (0, 1e12)]),
        ink(*([(0, 9 * k), (400, 9 * k + 3)] for k in range(30))),
        Ink(),
    ],
)
def test_odd_ink_is_drawn_and_described(drawn: Ink) -> None:
    for side in (32, 48):
        assert symbol_picture(drawn, side).shape == (side, side)
    assert (symbol_picture(drawn, 48).min() < 128) == bool(drawn.strokes)
    path = pen_path(drawn, 24)
    assert path.shape == (SymbolConfig().path_numbers,) and np.isfinite(path).all() and np.abs(path).max() <= 5


def test_the_path_tells_the_course_of_the_pen_but_not_its_speed() -> None:
    line = ink([(0, 0), (30, 10), (100, 0)])
    dense = ink([(0, 0), (3, 1), (15, 5), (30, 10), (65, 5), (100, 0)])
    back = Ink((Stroke(line.strokes[0].points[::-1]),))
    assert np.allclose(pen_path(line, 8), pen_path(dense, 8), atol=1e-5)
    assert np.array_equal(symbol_picture(line, 32) < 128, symbol_picture(back, 32) < 128)
    assert not np.allclose(pen_path(line, 8), pen_path(back, 8), atol=0.1)
    assert pen_path(PLUS, 8)[-4:].tolist() == [0, 1, 0, 0]


def test_commands_that_mean_the_same_are_one() -> None:
    assert [command_of(each) for each in (r"\dots", r"\lt", r"\sqrt", r"\dag", "x")] == [
        r"\ldots",
        "<",
        r"\sqrt{}",
        r"\dagger",
        "x",
    ]
    assert command_of(r"\textfishhookr") == r"\textfishhookr"  # not known here


@pytest.mark.parametrize(
    ("drawn", "lone"),
    [
        (PLUS, True),
        (ink([(0, 0), (100, 0)], [(0, 40), (100, 42)]), True),  # =
        (ink([(50, 30), (52, 100)], [(50, 0)]), True),  # i
        (ink([(50, 0)], [(0, 50), (100, 50)], [(50, 100)]), True),  # a division sign
        (ink([(5, 5)]), True),
        (ink(circle(0, 0, 10), circle(40, 0, 10)), False),
        (ink([(0, 0), (10, 60)], [(30, 0), (40, 60)], [(0, 25), (40, 25)], [(0, 40), (40, 40)]), True),  # hash
        (ink([(0, 0), (9, 9)], [(9, 0), (0, 9)], [(20, -9), (20, 0)]), False),  # x with something beside it
        (ink(*([(k, 0), (k, 50)] for k in range(5))), False),  # too many
        (Ink(), False),
    ],
)
def test_what_looks_like_one_symbol(drawn: Ink, lone: bool) -> None:
    assert looks_like_one_symbol(drawn) is lone


@pytest.mark.parametrize(
    "load", [SymbolClassifier.load, lambda folder: symbol_net.load(folder)[1]], ids=["numpy", "torch"]
)
def test_a_checkpoint_comes_back_as_it_went(
    classifier: SymbolClassifier, folder: Path, load: Callable[[Path], SymbolClassifier]
) -> None:
    again = load(folder)
    assert again.classes == CLASSES and again.network.config == SYMBOL_PRESETS["symbol-tiny"]
    before, after = classifier.classify(PLUS), again.classify(PLUS)
    assert [guess.latex for guess in before] == [guess.latex for guess in after]
    assert [guess.probability for guess in after] == pytest.approx([guess.probability for guess in before], abs=2e-3)
    assert sum(guess.probability for guess in after) == pytest.approx(1, abs=1e-4)
    assert len(again.classify(PLUS, top=2)) == 2 and again.classify(Ink()) == ()


def test_a_batch_answers_as_one_alone(classifier: SymbolClassifier) -> None:
    inks = [PLUS, ink(circle(0, 0, 10))]
    np.testing.assert_allclose(
        classifier.scores(inks), np.concatenate([classifier.scores([one]) for one in inks]), atol=1e-4
    )


def test_numpy_gives_the_scores_of_torch(folder: Path) -> None:
    inks = [PLUS, ink(circle(0, 0, 10)), ink([(0, 0), (3, 9), (5, 2)])]
    by_torch = symbol_net.load(folder)[1].scores(inks)
    np.testing.assert_allclose(SymbolClassifier.load(folder).scores(inks), by_torch, atol=1e-4)
    assert np.abs(by_torch[0] - by_torch[1]).max() > 0.01, "all alike would prove nothing"


def _edit(change: Callable[[dict[str, object]], object]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        path = folder / checkpoint.CONFIG
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / checkpoint.WEIGHTS).unlink(), "has no model.safetensors"),
        (lambda folder: (folder / checkpoint.WEIGHTS).write_bytes(b"abc"), "damaged"),
        (lambda folder: (folder / checkpoint.CONFIG).write_text("{"), "not JSON"),
        (_edit(lambda config: config.update(model={"preset": "x"})), "no symbol classifier"),
        (_edit(lambda config: config["model"].update(side=50)), "multiple of 8"),  # type: ignore[attr-defined]
        (_edit(lambda config: config["model"].update(whim=1)), "no symbol classifier"),  # type: ignore[attr-defined]
        (_edit(lambda config: config["model"].update(side=40)), "does not fit"),  # type: ignore[attr-defined]
        (lambda folder: (folder / checkpoint.VOCABULARY).write_text("a\nb\nc\n"), "has 3 classes"),
        (lambda folder: (folder / checkpoint.VOCABULARY).write_text("a\na\nc\nd\n"), "twice"),
    ],
)
def test_a_damaged_folder_is_refused_by_name(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=message):
        SymbolClassifier.load(folder)
    with pytest.raises(CheckpointError, match=message):
        symbol_net.load(folder)


def test_the_two_kinds_of_checkpoint_are_told_apart(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="does not describe a model"):
        checkpoint.read(folder)
    with pytest.raises(CheckpointError, match="is not there"):
        SymbolClassifier.load(folder / "elsewhere")


def test_impossible_settings_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"side .*; points .*; dropout"):
        SymbolConfig(side=20, points=1, dropout=1.0)


def test_the_preset_is_small_and_its_encoder_that_of_formulens() -> None:
    form = SYMBOL_PRESETS["symbol-cnn"]
    assert form.encoder == PRESETS["formulens"].encoder
    assert sum(p.numel() for p in SymbolNet(form, 1160).parameters()) < 1_500_000


def test_the_one_in_the_box_knows_a_plus() -> None:
    assert "+" in [guess.latex for guess in SymbolClassifier.load().classify(PLUS)]
