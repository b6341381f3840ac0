"""The picture of the formula on the screen: fitting, zooming, moving, and what shows while the text has errors."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.images import to_array
from app.latex_check import Problem
from app.preview import Rendered, render
from app.preview_view import PreviewView

LONG = render("+".join(["a"] * 18), size=20)
SHORT = render("x", size=20)


@pytest.fixture
def view(qtbot: QtBot) -> PreviewView:
    view = PreviewView()
    qtbot.addWidget(view)
    view.resize(400, 200)
    view.show()
    qtbot.waitExposed(view)
    return view


def ink(view: PreviewView) -> tuple[int, int, int, int, int]:
    """Left, top, right, bottom of what is drawn, and how far it stands out from the ground (0..255)."""
    grey = to_array(view.viewport().grab().toImage())[..., :3].astype(int).mean(axis=2)
    away = np.abs(grey - grey[0, 0])
    ys, xs = np.nonzero(away > 12)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max()), int(away.max())


def wheel(view: PreviewView, notches: int, place: QPointF) -> None:
    port = view.viewport()
    event = QWheelEvent(
        place,
        QPointF(port.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(port, event)


def test_a_short_formula_stands_in_the_middle_at_a_natural_size(view: PreviewView) -> None:
    view.set_rendered(SHORT)
    left, top, right, bottom, _ = ink(view)
    assert abs((left + right) - 400) <= 4 and abs((top + bottom) - 200) <= 6
    assert right - left < 40


def test_a_long_formula_fits_the_width_and_follows_it(view: PreviewView) -> None:
    view.set_rendered(LONG)
    left, _, right, _, _ = ink(view)
    assert 10 <= left <= 24 and 376 <= right <= 390
    assert view.horizontalScrollBar().maximum() == 0
    view.resize(700, 200)
    assert ink(view)[2] > 650


def test_a_very_long_formula_stays_legible_and_is_scrolled_from_its_beginning(view: PreviewView) -> None:
    view.set_rendered(render("+".join(["a"] * 80), size=20))
    left, top, _, bottom, _ = ink(view)
    assert left <= 24 and bottom - top >= 4
    assert view.horizontalScrollBar().maximum() > 400 and view.horizontalScrollBar().value() == 0


def test_errors_dim_the_last_good_picture_and_say_what_is_wrong(view: PreviewView) -> None:
    view.set_rendered(SHORT)
    before = ink(view)[4]
    view.set_problems([Problem(0, 4, "the preview lacks this", preview_only=True), Problem(5, 6, "no such command")])
    assert view.is_stale and view.rendered is SHORT
    assert view.message == "no such command (and 1 more)"
    assert view.accessibleDescription() == view.message
    assert 10 < ink(view)[4] < 0.6 * before
    view.set_rendered(SHORT)
    assert not view.is_stale and view.message == "" and ink(view)[4] == before


def test_no_problems_change_nothing(view: PreviewView) -> None:
    view.set_rendered(SHORT)
    view.set_problems(())
    assert not view.is_stale and view.message == ""


def test_a_long_message_is_shown_whole_below_the_picture(view: PreviewView) -> None:
    view.set_rendered(SHORT)
    view.set_problems([Problem(0, 1, "word " * 60)])
    QApplication.processEvents()
    label = view._message
    assert label.geometry().bottom() <= view.height() and label.height() >= label.heightForWidth(label.width())
    assert view.viewport().geometry().bottom() < label.geometry().top()


@pytest.mark.parametrize(
    ("key", "grows"), [(Qt.Key.Key_Plus, True), (Qt.Key.Key_Equal, True), (Qt.Key.Key_Minus, False)]
)
def test_keys_zoom_and_zero_fits_again(view: PreviewView, qtbot: QtBot, key: Qt.Key, grows: bool) -> None:
    view.set_rendered(SHORT)
    left, _, right, _, _ = ink(view)
    qtbot.keyClick(view, key, Qt.KeyboardModifier.ControlModifier)
    zoomed = ink(view)
    assert (zoomed[2] - zoomed[0] > right - left) == grows and (view.zoom > 1) == grows
    qtbot.keyClick(view, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert view.zoom == 1.0


def test_the_wheel_zooms_around_the_pointer(view: PreviewView) -> None:
    view.set_rendered(LONG)
    place = QPointF(300, 100)
    box = view._box()
    share = (place.x() - box.x()) / box.width()
    wheel(view, 5, place)
    box = view._box()
    assert view.zoom == pytest.approx(1.25**5)
    assert box.x() + share * box.width() == pytest.approx(place.x(), abs=1.5)
    wheel(view, -100, place)
    assert view.zoom == 0.25


def test_dragging_moves_a_picture_that_is_larger_than_its_place(view: PreviewView, qtbot: QtBot) -> None:
    view.set_rendered(LONG)
    view.set_zoom(4)
    bar = view.horizontalScrollBar()
    start = bar.value()
    assert start > 100
    port = view.viewport()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    qtbot.mouseMove(port, QPoint(180, 100))
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(180, 100))
    assert bar.value() == start - 80


def test_arrow_keys_move_it_too(view: PreviewView, qtbot: QtBot) -> None:
    view.set_rendered(LONG)
    view.set_zoom(4)
    before = view.horizontalScrollBar().value()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.horizontalScrollBar().value() > before


def test_the_ink_follows_the_theme(view: PreviewView) -> None:
    view.set_rendered(SHORT)
    dark = QPalette(view.palette())
    for role, colour in (("Window", "#191b20"), ("Base", "#202329"), ("WindowText", "#eceef2"), ("Text", "#eceef2")):
        dark.setColor(getattr(QPalette.ColorRole, role), QColor(colour))
    view.setPalette(dark)
    QApplication.processEvents()
    pixels = to_array(view.viewport().grab().toImage())[..., :3]
    assert pixels.max() > 180 and pixels[0, 0].max() < 60


def test_clear_forgets_picture_message_and_zoom(view: PreviewView) -> None:
    view.set_rendered(LONG)
    view.set_zoom(3)
    view.set_problems([Problem(0, 1, "no")])
    view.clear()
    assert view.rendered is None and view.message == "" and view.zoom == 1.0
    assert view.horizontalScrollBar().maximum() == 0
    assert view.accessibleName()


def test_a_picture_in_any_colour_is_shown_in_the_themes_ink(view: PreviewView) -> None:
    view.set_rendered(render("x", color="#ff0000"))
    red = view.viewport().grab().toImage()
    view.set_rendered(Rendered(SHORT.svg, SHORT.width, SHORT.height, SHORT.baseline))
    assert view.viewport().grab().toImage() == red
