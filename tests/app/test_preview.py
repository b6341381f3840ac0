"""Drawing formulas: what is drawn, what is refused, and the thread that does it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from xml.etree import ElementTree

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.latex_check import Problem
from app.preview import PreviewError, PreviewRenderer, Rendered, _draw, rasterize, recolored, render, to_image
from app.preview_dialect import Dialect, Unsupported, to_dialect
from core_model.latex import canonical


def symbols(latex: str) -> int:
    """How many connected pieces of ink a formula is drawn with."""
    rendered = render(latex, size=40)
    ink = {(int(y), int(x)) for y, x in np.argwhere(rasterize(rendered.svg, round(rendered.width)) < 128)}
    count = 0
    while ink:
        count += 1
        edge = [ink.pop()]
        while edge:
            y, x = edge.pop()
            near = {(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & ink
            ink -= near
            edge += near
    return count


def source(latex: str) -> str:
    return to_dialect(canonical(latex)).source


# -- the picture ---------------------------------------------------------------------------------
def test_a_formula_has_size_baseline_and_ink_in_the_asked_colour() -> None:
    rendered = render("x", size=40, color="#12ab34")
    assert rendered.width > 15 and 15 < rendered.height < 40
    assert 0.5 * rendered.height < rendered.baseline <= rendered.height
    colours = set(re.findall(rb'(?:fill|stroke)="([^"]*)"', rendered.svg))
    assert colours == {b"#12ab34"}
    twice = render("x", size=80)
    assert twice.height - 2 == pytest.approx(2 * (rendered.height - 2), rel=0.02)


def test_every_stroke_takes_the_colour_lines_and_boxes_too() -> None:
    svg = render(
        r"\boxed{\cancel{a}} \rule{1cm}{2pt} \overline{x} \begin{array}{c|c} a & b \end{array}", color="#0000ff"
    )
    assert set(re.findall(rb'(?:fill|stroke)="([^"]*)"', svg.svg)) == {b"#0000ff", b"none"}
    assert b"#0000ff" not in recolored(svg.svg, "#ff0000") and b"none" in recolored(svg.svg, "#ff0000")


def test_rasterize_gives_dark_ink_on_white_as_wide_as_asked() -> None:
    rendered = render(r"\frac{a}{b}")
    grey = rasterize(rendered.svg, 201)
    assert grey.dtype == np.uint8 and grey.shape[1] == 201
    assert grey.shape[0] == pytest.approx(201 * rendered.height / rendered.width, abs=1)
    assert grey.min() < 40 and grey.max() == 255 and (grey[0] == 255).all()
    assert to_image(rendered.svg, 50).pixelColor(0, 0).alpha() == 0


def test_rasterize_refuses_what_has_no_width() -> None:
    with pytest.raises(ValueError, match="no picture"):
        rasterize(render("x").svg, 0)


@pytest.mark.parametrize(("size", "color"), [(0, "#000000"), (20, "black"), (20, "#12345")])
def test_impossible_options_are_refused(size: float, color: str) -> None:
    with pytest.raises(ValueError, match="size must"):
        render("x", size=size, color=color)


# -- traps: what ziamath by itself draws wrongly without a word ----------------------------------
@pytest.mark.parametrize(
    ("latex", "pieces"),
    [
        (r"a\mathbin{R}b", 3),
        (r"\mathrel{o}\mathclose{)}", 2),
        (r"\mathop{x}_a", 2),
        (r"\begin{aligned} a \\[2mm] b \end{aligned}", 2),
        (r"\bigl\langle a \bigr\rangle", 3),
        (r"\Bigl\{ a \Bigr\|", 4),
        (r"\begin{gathered} a \\ b \end{gathered}", 2),
        (r"\begin{alignedat}{2} a & b & c \end{alignedat}", 3),
        (r"\begin{dcases} a \\ b \end{dcases}", 3),
        (r"\begin{rcases} a \\ b \end{rcases}", 3),
        (r"\binom{a}{b_{c}}", 5),
        (r"\|a\|b", 6),
        (r"\text{<}\text{--}", 2),
        (r"a\ +b", 3),
    ],
)
def test_nothing_is_left_out_or_shown_as_text(latex: str, pieces: int) -> None:
    assert symbols(latex) == pieces


def test_alphabets_hold_for_every_letter_and_for_digits() -> None:
    for font in ("mathbf", "mathsf", "mathtt", "mathbb"):
        both = render(rf"\{font}{{A1}}").svg
        assert both == render(rf"\{font}{{A}}\{font}{{1}}").svg
        assert both != render("A1").svg


def test_a_minus_stands_close_behind_what_awaits_an_operand() -> None:
    assert source("(-x)") == "({-}x)"
    assert source(r"a=-1,\,+2") == r"a={-}1,\,{+}2"
    assert source("a-b)-c") == "a-b)-c"
    assert source("|-x|-y") == "|{-}x|-y"
    tight = render("(-x)").width
    assert tight < render("(a-x)").width - render("a").width - 3


def test_hat_and_tilde_are_narrow_and_wide_ones_wide() -> None:
    def share(latex: str) -> float:
        """How much of the width the top of a formula takes."""
        rendered = render(latex, size=40)
        top = (rasterize(rendered.svg, round(rendered.width)) < 128)[:7].any(axis=0)
        return float(np.ptp(np.flatnonzero(top)) / rendered.width)

    assert share(r"\hat{ace}") < 0.35 < 0.7 < share(r"\widehat{ace}")
    assert share(r"\tilde{ace}") < 0.35 < 0.7 < share(r"\widetilde{ace}")


def test_lines_of_tables_are_drawn_where_latex_draws_them() -> None:
    def rects(latex: str) -> list[tuple[float, float, float, float]]:
        root = ElementTree.fromstring(render(latex, size=20).svg)
        names = ("x", "y", "width", "height")
        found = [tuple(float(r.get(name, "0")) for name in names) for r in root.iter() if r.tag.endswith("rect")]
        return [(x, y, w, h) for x, y, w, h in found]

    assert rects(r"\begin{array}{cc} a & b \\ c & d \end{array}") == []
    ((x, _, width, height),) = rects(r"\begin{array}{c|c} a & b \\ c & d \end{array}")
    assert width < 1.5 and height > 20 and x > 8
    assert len(rects(r"\begin{array}{|c||c|} \hline a & b \\ \hline\hline c & d \\ \cline{2-2} \end{array}")) == 8
    inner = r"\begin{pmatrix} x & \begin{array}{c|c} a & b \end{array} \\ \sum_{\substack{i\\j}} & y \end{pmatrix}"
    assert len(rects(inner)) == 1
    lines = rects(r"\begin{array}{cc} a & b \\ \cline{2-2} c & d \end{array}")
    whole = rects(r"\begin{array}{cc} a & b \\ \hline c & d \end{array}")
    assert lines[0][2] < 0.75 * whole[0][2] and lines[0][1] == whole[0][1]


def test_a_frame_lies_within_the_picture() -> None:
    rendered = render(r"\begin{array}{|c|} \hline a \\ \hline \end{array}", size=40)
    grey = rasterize(rendered.svg, round(2 * rendered.width))
    ink = grey < 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    frame = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert frame[1].all() and frame[-2].all() and frame[:, 1].all() and frame[:, -2].all()


def test_fences_around_a_table_with_a_sum_have_the_tables_height() -> None:
    assert render(r"\begin{pmatrix} a & b \\ \sum_{i} & d \end{pmatrix}", size=20).height < 100


def test_deep_nesting_takes_no_exponential_time() -> None:
    for begin, end in ((r"\frac{1}{1+", "}"), (r"\left(a+", r"\right)")):
        started = time.process_time()
        render(begin * 14 + "z" + end * 14)
        # Twice the time for each level would be hours; this is a fraction of a second.
        assert time.process_time() - started < 20


# -- refusals ------------------------------------------------------------------------------------
def test_errors_come_with_their_places() -> None:
    with pytest.raises(PreviewError) as caught:
        render(r"\foo + \frac{a}{b")
    assert [(problem.start, problem.end) for problem in caught.value.problems] == [(0, 4), (15, 16)]
    assert r"\foo" in str(caught.value)


@pytest.mark.parametrize("latex", ["", "  ", r"\quad", r"\phantom{x}", "x" * 30_000])
def test_what_has_no_ink_or_no_end_is_refused(latex: str) -> None:
    with pytest.raises(PreviewError) as caught:
        render(latex)
    assert len(caught.value.problems) == 1 and caught.value.problems[0].preview_only


def test_what_only_the_preview_lacks_is_said_and_marked() -> None:
    latex = r"a \begin{array}{cc} \multicolumn{2}{c}{b} \end{array}"
    with pytest.raises(PreviewError) as caught:
        render(latex)
    (problem,) = caught.value.problems
    assert latex[problem.start : problem.end] == r"\multicolumn" and problem.preview_only
    with pytest.raises(Unsupported):
        to_dialect(canonical(latex))
    with pytest.raises(PreviewError, match=r"cannot show \\varoast"):
        render(r"a \varoast b")


def test_a_sign_that_the_font_lacks_is_said_instead_of_an_empty_box() -> None:
    # No formula of ours comes to this with the font that ziamath brings; a poorer one may be chosen.
    with pytest.raises(PreviewError, match="font has no"):
        _draw("x", Dialect("\U0001f600", ()), 20, "#000000", None)


def test_a_font_that_is_gone_is_named() -> None:
    with pytest.raises(PreviewError, match=r"gone\.otf cannot be read"):
        render("x", font="gone.otf")


# -- the thread ----------------------------------------------------------------------------------
@pytest.fixture
def renderer() -> Iterator[PreviewRenderer]:
    renderer = PreviewRenderer(pause_ms=30)
    renderer.start()
    yield renderer
    renderer.stop()


def test_only_the_newest_text_is_drawn(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    drawn: list[str] = []
    renderer.rendered.connect(lambda latex, _: drawn.append(latex))
    renderer.failed.connect(lambda latex, _: drawn.append("failed " + latex))
    with qtbot.waitSignal(renderer.rendered, timeout=120_000) as signal:
        for latex in ("a", r"\frac{a", r"\frac{a}{b}"):
            renderer.request(latex)
    assert signal.args is not None
    latex, rendered = signal.args
    assert latex == r"\frac{a}{b}" and isinstance(rendered, Rendered)
    qtbot.wait(100)
    assert drawn == [r"\frac{a}{b}"]


def test_a_text_that_comes_while_another_is_drawn_wins(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    drawn: list[str] = []
    renderer.rendered.connect(lambda latex, _: drawn.append(latex))
    renderer.request_now("+".join([r"\frac{a}{b}"] * 40))
    renderer.request_now("x")
    qtbot.waitUntil(lambda: "x" in drawn, timeout=120_000)
    assert drawn == ["x"]


def test_problems_arrive_with_the_text_they_belong_to(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    with qtbot.waitSignal(renderer.failed, timeout=120_000) as signal:
        renderer.request(r"\foo")
    assert signal.args == [r"\foo", (Problem(0, 4, r"Unknown command \foo"),)]


def test_small_pictures_come_by_their_keys_behind_the_preview(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    order: list[object] = []
    renderer.rendered.connect(lambda latex, _: order.append(latex))
    renderer.small_rendered.connect(lambda key, _: order.append(key))
    renderer.request_small(0, "a+b")
    renderer.request_small(1, r"\foo")
    renderer.request_small(2, "c")
    renderer.request_now("x")
    qtbot.waitUntil(lambda: 2 in order, timeout=120_000)
    # The first was begun before the preview was asked for; the second cannot be drawn.
    assert order == [0, "x", 2]


def test_forgotten_small_pictures_do_not_come(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    keys: list[object] = []
    renderer.small_rendered.connect(lambda key, _: keys.append(key))
    for key in range(5):
        renderer.request_small(key, "a")
    renderer.forget_small()
    with qtbot.waitSignal(renderer.rendered, timeout=120_000):
        renderer.request_now("x")
    assert keys == [0]


def test_another_size_draws_the_preview_anew(qtbot: QtBot, renderer: PreviewRenderer) -> None:
    with qtbot.waitSignal(renderer.rendered, timeout=120_000) as small:
        renderer.request_now("x")
    with qtbot.waitSignal(renderer.rendered, timeout=120_000) as large:
        renderer.set_style(60.0, None)
    assert small.args is not None and large.args is not None
    assert large.args[1].height > 2 * small.args[1].height


def test_requests_before_the_start_are_kept_and_those_at_the_end_dropped(qtbot: QtBot) -> None:
    renderer = PreviewRenderer(pause_ms=0)
    drawn: list[str] = []
    renderer.rendered.connect(lambda latex, _: drawn.append(latex))
    renderer.request_now("early")
    with qtbot.waitSignal(renderer.rendered, timeout=120_000):
        renderer.start()
    renderer.request_now("+".join([r"\frac{a}{b}"] * 40))
    renderer.stop()
    qtbot.wait(50)
    assert drawn == ["early"]
