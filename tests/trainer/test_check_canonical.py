"""The comparison of pictures, and with TeX the canonical form itself."""

import lzma
from pathlib import Path

import numpy as np
import pytest

from core_model.latex import canonical, skeleton, tidy
from trainer.check_canonical import Options, check, choose, idempotence_fault, main, rigidly_equal, same_picture
from trainer.data.render.base import Grey, RenderFailure
from trainer.data.render.latex import LatexRenderer, LatexStyle

PAIRS = Path(__file__).parent.parent / "core_model" / "latex"


def picture(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (40, 60)) -> Grey:
    """White with black boxes (top, left, height, width)."""
    grey = np.full(size, 255, dtype=np.uint8)
    for top, left, height, width in boxes:
        grey[top : top + height, left : left + width] = 0
    return grey


def test_place_on_the_page_does_not_matter() -> None:
    first = picture((5, 5, 10, 4), (5, 30, 10, 4))
    second = picture((15, 10, 10, 4), (15, 35, 10, 4), size=(50, 80))
    assert rigidly_equal(first, second) and same_picture(first, second)


def test_a_part_may_lie_two_pixels_off_and_no_more() -> None:
    first = picture((5, 5, 10, 4), (5, 30, 10, 4))
    assert same_picture(first, picture((5, 5, 10, 4), (5, 32, 10, 4)))
    assert not rigidly_equal(first, picture((5, 5, 10, 4), (5, 32, 10, 4)))
    assert not same_picture(first, picture((5, 5, 10, 4), (5, 33, 10, 4)))


def test_missing_ink_is_seen_from_both_sides() -> None:
    first = picture((5, 5, 10, 4), (5, 20, 10, 4), (5, 40, 10, 4))
    second = picture((5, 5, 10, 4), (5, 40, 10, 4))
    assert not same_picture(first, second)
    assert not same_picture(second, first)


def test_blank_pictures_are_equal() -> None:
    assert same_picture(picture(), picture())
    assert not same_picture(picture(), picture((5, 5, 10, 4)))


def test_idempotence_fault_names_what_changes() -> None:
    assert idempotence_fault("x^2", canonical("x^2")) == ""
    assert idempotence_fault("x^2", ["x", "^", "2"]).startswith("canonical")


def test_choice_is_fixed_by_the_seed(tmp_path: Path) -> None:
    for name in ("arxiv_display", "arxiv_inline", "im2latex_val"):
        with lzma.open(tmp_path / f"{name}.txt.xz", "wt", encoding="utf-8") as stream:
            stream.writelines(f"x_{{{number}}}\n" for number in range(50))
    options = Options(data=tmp_path, arxiv=20, labels=0)
    sets = choose(tmp_path, options)
    assert [len(formulas) for formulas in sets.values()] == [10, 10, 50]
    assert sets == choose(tmp_path, options)


def test_options_name_all_that_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"--arxiv.*--dpi.*--aim"):
        Options(data=Path(), arxiv=0, dpi=10, aim=101)


@pytest.mark.tex
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("arxiv_display", "arxiv_inline", "im2latex_val"):
        (tmp_path / f"{name}.txt").write_text("a \\over b\n{x}_{i}^{2}\n\\foo\n\\undefined{\n", encoding="utf-8")
    status = main(Options(data=tmp_path, arxiv=8, labels=0))
    output = capsys.readouterr().out
    assert status == 0
    assert "unknown command \\foo" in output and "100.00%" in output


@pytest.mark.tex
def test_a_changed_picture_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.check_canonical.canonical", lambda latex: ["x", "+", "y"])
    outcome = check("set", ["x - y"], 100)
    assert (outcome.rendered, outcome.kept, outcome.exact) == (1, 0, 0)
    assert {failure.kind for failure in outcome.failures} == {"not idempotent", "picture"}


@pytest.mark.tex
def test_pairs_that_merge_print_alike() -> None:
    """The table of pairs is true: LaTeX draws both sides, the canonical form and the tidy form alike."""
    lines = (PAIRS / "alike.txt").read_text(encoding="ascii").splitlines()
    pairs = [tuple(line.split("\t")) for line in lines if "%" not in line]
    formulas = [form for first, second in pairs for form in (first, second, " ".join(canonical(first)), tidy(first))]
    # In braces, or the renderer's \displaystyle would not reach beyond a bare \over.
    pictures = LatexRenderer().render([f"{{{latex}}}" for latex in formulas], LatexStyle())
    for index in range(0, len(formulas), 4):
        drawn = pictures[index]
        assert not isinstance(drawn, RenderFailure), (formulas[index], drawn)
        for other in range(index + 1, index + 4):
            second = pictures[other]
            assert not isinstance(second, RenderFailure), (formulas[other], second)
            assert same_picture(drawn, second), (formulas[index], formulas[other])


@pytest.mark.tex
def test_tidy_skeletons_compile() -> None:
    formulas = [
        r"\left\{ \begin{array}{ll} [a] & x_{12}^{\prime} \\ [b] & \mathrm{non\text{-}zero} \end{array} \right.",
        r"\left( \begin{array}{cc} \frac{a}{b} & \cdots \\ * & \sqrt[3]{x} \end{array} \right)_{ij}^{-1}",
        r"\begin{aligned} f(x) &= \sum_{i=1}^n a_i \\ &\le \int_0^\infty e^{-x^2} dx \end{aligned}",
        r"\begin{array}{c|c} a & b \\ \hline [c] & d \end{array}",
        r"\lim_{x \to 0} \sin x \operatorname{Tr} A {n \atop k} {}^2 \hat{\mathbf{x}}' \big( a \big) \not\in B",
    ]
    tidied = [tidy(skeleton(latex)) for latex in formulas]
    for latex, drawn in zip(tidied, LatexRenderer().render(tidied, LatexStyle()), strict=True):
        assert not isinstance(drawn, RenderFailure), (latex, drawn)
