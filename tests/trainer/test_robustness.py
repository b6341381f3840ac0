"""Guises, figures and the command, with renderers that need no program."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model.config import PRESETS
from core_model.errors import DataError
from core_model.model import create_model
from core_model.preprocessing import prepare
from core_model.recognizer import RecognizeOptions
from core_model.tokenizer import Tokenizer
from core_model.torch_checkpoint import save
from trainer import robustness
from trainer.data.plan import is_held_out, skeleton_key
from trainer.data.render.base import Grey, RenderFailure
from trainer.robustness import (
    CONDITIONS,
    RESOLUTIONS,
    THEMES,
    Case,
    Condition,
    Options,
    candidates,
    draw_cases,
    dress,
    main,
    summarise,
)


def block(dpi: int = 200) -> Grey:
    """A picture cut to its ink: strokes that grow with the resolution."""
    unit = dpi // 24
    picture = np.full((4 * unit, 16 * unit), 255, np.uint8)
    picture[:, ::unit] = 0
    picture[:unit] = picture[-unit:] = 0
    picture[:, -1] = 0
    return picture


class Strokes:
    """Stands for a renderer; formulas with a 9 fail."""

    version = "1.2.3"

    def __init__(self, *arguments: object) -> None:
        pass

    def render(self, formulas: Sequence[str], style: object) -> list[Grey | RenderFailure]:
        return [RenderFailure("unsupported") if "9" in f else block(style.dpi) for f in formulas]  # type: ignore[attr-defined]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lists of sums, all held out, and renderers that need nothing."""
    monkeypatch.setattr(robustness, "LatexRenderer", Strokes)
    monkeypatch.setattr(robustness, "BrowserRenderer", Strokes)
    (tmp_path / "formulas").mkdir()
    for number, name in enumerate(("im2latex_val", "arxiv_display", "k12"), start=1):
        lines = [f"{number} + {i} = x _ {{ {i} }}" for i in range(60)]
        (tmp_path / "formulas" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_guises_differ_in_what_they_are_named_for() -> None:
    looks = {condition.name: dress(block(condition.dpi), condition) for condition in CONDITIONS}
    assert (looks["light"] == looks["200 dpi"]).all()
    assert (looks["margin 10"] == looks["200 dpi"]).all()
    height, width = block().shape
    for margin in (2, 10, 40):
        assert looks[f"margin {margin}"].shape == (height + 2 * margin, width + 2 * margin)
    assert np.abs(looks["JPEG 60"].astype(int) - looks["light"]).max() > 5
    tinted = looks["tinted"]
    assert 40 < tinted.min() < tinted.max() < 250
    assert set(THEMES) < set(looks)
    for condition in CONDITIONS:
        prepared = prepare(looks[condition.name])
        assert not prepared.blank
        assert prepared.pixels[0].min() == 255, "the ground is white, whatever it was"


def case(renderer: str, truth: str) -> Case:
    return Case("k12", truth, tuple(truth.split()), renderer, {})


def test_steady_counts_only_what_is_right_at_the_base() -> None:
    cases = [case("latex", "a b"), case("latex", "a c"), case("browser", "a d")]
    readings = [{condition.name: c.truth for condition in CONDITIONS} for c in cases]
    readings[1]["72 dpi"] = ("a",)
    readings[2]["200 dpi"] = readings[2]["light"] = readings[2]["margin 10"] = ()
    groups = summarise(cases, readings)
    assert list(groups) == ["all", "latex", "browser", "latex, k12"]
    assert (groups["all"]["steady"], groups["all"]["steady_of"]) == (50, 2)
    assert groups["browser"]["steady"] is None
    assert groups["all"]["exact"]["72 dpi"] == pytest.approx(200 / 3)
    assert groups["latex"]["edit"]["72 dpi"] == pytest.approx(75)
    assert groups["latex"]["exact"]["JPEG 60"] == 100


def test_only_held_out_formulas_of_training_lists(data: Path) -> None:
    options = Options(data, formulas=8, browser=0, held_out_percent=30)
    found = candidates("k12", options)
    assert found
    assert all(is_held_out(skeleton_key(truth), 30) for _, truth in found)
    assert candidates("k12", options) == found
    assert len(candidates("im2latex_val", options)) == 26, "the validation list is held out as a whole"


def test_formulas_that_cannot_be_drawn_are_replaced(data: Path) -> None:
    cases, left_out, _ = draw_cases(Options(data, formulas=24, browser=8, held_out_percent=50))
    assert [sum(c.renderer == name for c in cases) for name in ("latex", "browser")] == [16, 8]
    assert not any("9" in c.latex for c in cases)
    assert len({c.truth for c in cases}) == 24
    assert all(tuple(c.pictures) == RESOLUTIONS for c in cases)
    assert all(key.endswith(": unsupported") for key in left_out)


def test_too_few_formulas_are_a_plain_error(data: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        draw_cases(Options(data, formulas=400, browser=0, held_out_percent=0))


def test_command(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # A model with fresh weights does not end by itself.
    brief = RecognizeOptions(max_tokens=5, token_alternatives=0, attention=False)
    monkeypatch.setattr(robustness, "reading_options", lambda beam: brief)
    torch.manual_seed(2)
    tokenizer = Tokenizer([*"0123456789+=x_{}"])
    save(data / "tiny", create_model(PRESETS["tiny"], len(tokenizer)).eval(), tokenizer)
    options = Options(data, data / "tiny", limit=3, device="cpu", held_out_percent=50, out=data / "out")
    assert main(options) == 0
    result = json.loads((data / "out" / "robustness.json").read_text())
    assert result["groups"]["all"]["count"] == 3
    assert result["katex"] == "1.2.3"
    assert set(result["groups"]["all"]["exact"]) == {condition.name for condition in CONDITIONS}
    lines = [json.loads(line) for line in (data / "out" / "readings.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    assert set(lines[0]["read"]) == set(result["columns"])
    printed = capsys.readouterr().out
    assert "| 72 dpi |" in printed
    assert "right at all six, of those right at 200 dpi" in printed


def test_counts_keep_their_proportion() -> None:
    assert Options(Path(), limit=9).counts() == {"latex": 6, "browser": 3}
    assert Options(Path(), browser=0).counts() == {"latex": 300}
    with pytest.raises(ValueError, match=r"--beam.*--browser"):
        Options(Path(), beam=0, browser=301)


def test_conditions_that_look_alike_are_read_once() -> None:
    assert len({condition.guise for condition in CONDITIONS}) == 11
    assert Condition("x").guise == Condition("200 dpi", dpi=200).guise
