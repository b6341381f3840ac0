"""Renderers: pictures come back in order, and a bad formula loses only itself."""

import subprocess
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import DataError
from trainer.data.render import latex as latex_module
from trainer.data.render.base import RenderFailure, is_balanced
from trainer.data.render.latex import RASTERIZERS, LatexRenderer, LatexStyle, available_fonts
from trainer.data.render.styles import StyleChoices, describe, draw_latex_style, draw_ziamath_style
from trainer.data.render.ziamath import ZiamathRenderer, ZiamathStyle, formula_svg, path_outlines, rasterize_svg

MIXED = ["x", r"\nosuchcommand", "{{{", r"\frac{a}{b}", r"\left( x", "", r"a \\ b & c", r"\sum_{i=0}^{n} i"]
GOOD = (0, 3, 7)


def is_picture(result: object) -> bool:
    return isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.ndim == 2 and result.min() < 100


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\frac{a}{b}", True),
        (r"\{ x \}", True),
        (r"\left\{ x \right.", True),
        (r"\leftarrow \rightarrow", True),
        ("{", False),
        ("}{", False),
        (r"\left( x", False),
        (r"\begin{array}{c} \left( \end{array} \right)", False),
        ("a % b", False),
        (r"50 \%", True),
    ],
)
def test_balance(formula: str, expected: bool) -> None:
    assert is_balanced(formula) is expected


def test_styles_name_all_that_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"font 'comic'.*points.*dpi.*rasterizer 'pencil'"):
        LatexStyle(font="comic", points=5, dpi=1, rasterizer="pencil")
    with pytest.raises(ValueError, match=r"font 'comic'.*stroke"):
        ZiamathStyle(font="comic", stroke=2)


def test_drawn_styles_vary_and_follow_from_the_seed() -> None:
    choices = StyleChoices(fonts=("computer-modern", "times"), rasterizers=RASTERIZERS)
    drawn = [draw_latex_style(np.random.default_rng(seed), choices) for seed in range(60)]
    assert drawn == [draw_latex_style(np.random.default_rng(seed), choices) for seed in range(60)]
    assert {style.rasterizer for style in drawn} == set(RASTERIZERS)
    assert min(style.dpi for style in drawn) < 100 and max(style.dpi for style in drawn) > 220
    assert all(style.dpi * style.oversample <= 600 for style in drawn)
    plain = StyleChoices(
        fonts=("times",), points=(12,), dpi=(100, 100), rasterizers=("ghostscript",), oversample=2, plain=True
    )
    expected = LatexStyle("times", 12, 100, "ghostscript", oversample=2)
    assert {draw_latex_style(np.random.default_rng(seed), plain) for seed in range(9)} == {expected}
    description = describe("latex", expected, degraded=False)
    assert description["renderer"] == "latex" and description["dpi"] == 100 and description["degraded"] is False
    assert draw_ziamath_style(np.random.default_rng(1), plain).stroke == 0


def test_outlines_of_a_path() -> None:
    square, curve = path_outlines("M 0 0 H 4 V 4 L 0,4 Z M1 1Q 2 -1 3 1 C 3 2 1 2 1 1z".replace("z", "Z"))
    assert square.tolist() == [[0, 0], [4, 0], [4, 4], [0, 4]]
    assert curve.min(axis=0)[1] == pytest.approx(0, abs=0.01)
    with pytest.raises(ValueError, match="'A'"):
        list(path_outlines("M 0 0 A 1 1 0 0 0 1 1"))


def test_holes_stay_open_and_overlaps_stay_filled() -> None:
    ring = "M 0 0 L 12 0 L 12 12 L 0 12 Z M 4 4 L 4 8 L 8 8 L 8 4 Z"
    overlap = "M 14 0 L 20 0 L 20 12 L 14 12 Z M 16 2 L 26 2 L 26 10 L 16 10 Z"
    svg = f'<svg viewBox="0 0 26 12"><path d="{ring}"/><path d="{overlap}"/></svg>'
    grey = rasterize_svg(svg)
    assert isinstance(grey, np.ndarray)
    # A margin of one pixel is added.
    assert grey.shape == (14, 28)
    assert grey[7, 7] == 255 and grey[2, 2] == 0 and grey[7, 19] == 0 and grey[0, 0] > 230
    heavier = rasterize_svg(svg, stroke=1.0)
    assert isinstance(heavier, np.ndarray)
    assert heavier.sum() < grey.sum()


def test_ziamath_draws_what_it_can() -> None:
    results = ZiamathRenderer().render(MIXED, ZiamathStyle(dpi=100))
    assert all(is_picture(results[index]) for index in GOOD)
    kinds = [result.kind if isinstance(result, RenderFailure) else "" for result in results]
    assert kinds[1:3] == ["unsupported", "unbalanced"]
    assert kinds[5] == "blank"


def test_ziamath_refuses_a_sign_that_the_font_lacks_whatever_came_before() -> None:
    drawn = [formula_svg(formula, 20, None) for formula in ("x + y", "漢 + y", "x + y", "漢 + y")]
    assert isinstance(drawn[0], str) and drawn[2] == drawn[0]
    for failure in drawn[1::2]:
        assert isinstance(failure, RenderFailure)
        assert failure.kind == "missing glyph" and "漢" in failure.detail


def test_ziamath_scales_with_dpi_and_names_missing_fonts() -> None:
    small, large = (ZiamathRenderer().render(["x+y"], ZiamathStyle(dpi=dpi))[0] for dpi in (80, 240))
    assert isinstance(small, np.ndarray) and isinstance(large, np.ndarray)
    assert large.shape[1] == pytest.approx(3 * small.shape[1], rel=0.1)


def test_missing_tex_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latex_module.shutil, "which", lambda name: None)
    with pytest.raises(DataError, match=r"latex and dvipng.*texlive-latex-base.*--renderers ziamath"):
        LatexRenderer().render(["x"], LatexStyle())


@pytest.mark.tex
@pytest.mark.parametrize("rasterizer", RASTERIZERS)
def test_a_bad_formula_loses_only_itself(rasterizer: str) -> None:
    results = LatexRenderer().render(MIXED, LatexStyle(rasterizer=rasterizer))
    alone = [LatexRenderer().render([MIXED[index]], LatexStyle(rasterizer=rasterizer))[0] for index in GOOD]
    for index, picture in zip(GOOD, alone, strict=True):
        assert is_picture(picture)
        assert np.array_equal(results[index], picture)
    kinds = {index: result.kind for index, result in enumerate(results) if isinstance(result, RenderFailure)}
    assert kinds == {
        1: "latex error", 2: "unbalanced", 4: "unbalanced", 5: "blank", 6: "latex error",
    }  # fmt: skip


@pytest.mark.tex
def test_every_installed_font_draws_letters_of_its_own() -> None:
    pictures = {}
    for font in available_fonts():
        (picture,) = LatexRenderer().render([r"\mathrm{R} a g = \sum \alpha"], LatexStyle(font=font))
        assert is_picture(picture), font
        pictures[font] = picture
    assert len(pictures) >= 4
    for (_, first), (_, second) in pairwise(sorted(pictures.items())):
        assert first.shape != second.shape or not np.array_equal(first, second)


@pytest.mark.tex
def test_a_formula_for_ever_is_stopped_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(latex_module.tempfile, "tempdir", str(tmp_path))
    formulas = ["x", r"\begin{array}{c}{{\hline}}\end{array}", "y", "z"]
    start = time.monotonic()
    results = LatexRenderer(timeout=2).render(formulas, LatexStyle())
    assert time.monotonic() - start < 60
    assert [is_picture(result) for result in results] == [True, False, True, True]
    assert list(tmp_path.iterdir()) == []
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in running


@pytest.mark.tex
def test_formulas_may_not_read_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tex"
    secret.write_text("x+y")
    (first, second) = LatexRenderer().render(
        [rf"\input{{{secret}}}", rf"\csname @@input\endcsname {secret} "], LatexStyle()
    )
    assert isinstance(first, RenderFailure) and isinstance(second, RenderFailure)
