"""Formulas drawn by a browser. A stand-in for KaTeX keeps the tests off the network."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core_model.errors import DataError
from trainer.data.render import browser
from trainer.data.render.base import RenderFailure
from trainer.data.render.browser import (
    KATEX_VERSION,
    SYSTEM_KATEX,
    BrowserRenderer,
    BrowserStyle,
    find_browser,
    install_katex,
)

STAND_IN = """
const katex = {render(formula, box, options) {
  if (formula.includes("unknown")) throw new Error("KaTeX parse error: Undefined control sequence");
  const [width, height] = formula.split("x").map(Number);
  box.innerHTML = `<div style="width:${width}px;height:${height}px;background:#000"></div>`;
}};
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder in which "WIDTHxHEIGHT" is drawn as a black block of that size."""
    dist = tmp_path / f"katex-{KATEX_VERSION}" / "node_modules" / "katex" / "dist"
    (dist / "fonts").mkdir(parents=True)
    (dist / "katex.min.js").write_text(STAND_IN)
    (dist / "katex.min.css").write_text("")
    return tmp_path


@pytest.mark.browser
def test_pieces_have_the_size_of_their_formulas(cache: Path) -> None:
    renderer = BrowserRenderer(cache)
    formulas = ["40x20", "unknown", "200x10", "{", "10x300"]
    for dpi, factor in ((96, 1), (288, 3)):
        found = renderer.render(formulas, BrowserStyle(dpi=dpi))
        assert [result.kind for result in found if isinstance(result, RenderFailure)] == ["unsupported", "unbalanced"]
        shapes = [result.shape for result in found if isinstance(result, np.ndarray)]
        # 2 px of white on each side of the ink.
        assert shapes == [(h * factor + 4, w * factor + 4) for w, h in ((40, 20), (200, 10), (10, 300))]


@pytest.mark.browser
def test_long_lists_take_several_pages(cache: Path) -> None:
    found = BrowserRenderer(cache).render([f"{10 + i}x900" for i in range(6)], BrowserStyle())
    assert [result.shape[1] for result in found if isinstance(result, np.ndarray)] == [14 + i for i in range(6)]


def test_a_cache_that_has_katex_needs_no_npm(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert (install_katex(cache) / "katex.min.js").is_file()


@pytest.mark.browser
def test_real_katex_of_the_system(tmp_path: Path) -> None:
    if not SYSTEM_KATEX.is_dir():
        pytest.skip("needs Debian's libjs-katex")
    renderer = BrowserRenderer(tmp_path)
    plain, tall, bad = renderer.render(["x + y", r"\frac{x + y}{2}", r"\nosuchcommand"], BrowserStyle(dpi=192))
    assert isinstance(plain, np.ndarray)
    assert isinstance(tall, np.ndarray)
    assert tall.shape[0] > 1.8 * plain.shape[0]
    assert 80 < plain.shape[1] < 160
    assert isinstance(bad, RenderFailure)
    assert "nosuchcommand" in bad.detail


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    monkeypatch.setattr(browser, "SYSTEM_KATEX", tmp_path / "none")
    with pytest.raises(DataError, match="apt-get install chromium libjs-katex"):
        find_browser()
    with pytest.raises(DataError, match="npm"):
        install_katex(tmp_path)


def test_impossible_styles_are_refused() -> None:
    with pytest.raises(ValueError, match="dpi"):
        BrowserStyle(dpi=5)
    with pytest.raises(ValueError, match="font_px"):
        BrowserStyle(font_px=0)
