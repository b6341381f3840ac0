"""The picture with the heat: from token to place and back, stepping, playing, zooming, colours."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.attention_view import AttentionView, ground_color
from app.heat import PAD, heat_image, smooth
from app.images import from_grey, to_array
from tests.app.readings import SIDE, make_reading


@pytest.fixture
def view(qtbot: QtBot) -> AttentionView:
    widget = AttentionView()
    qtbot.addWidget(widget)
    widget.resize(640, 240)
    widget.show()
    return widget


def middle(view: AttentionView, index: int) -> QPointF:
    region = view.region(index)
    assert region is not None
    return region.center()


def test_a_token_and_its_place_find_each_other(view: AttentionView) -> None:
    reading = make_reading("x ^ { 2 } + y")
    view.set_reading(reading)
    for index, token in enumerate(reading.recognition.tokens):
        assert view.tokens_at(middle(view, index)) == (index,), token.text
    assert view.tokens_at(QPointF(1, 1)) == ()


def test_pointing_tells_once_and_takes_back(qtbot: QtBot, view: AttentionView) -> None:
    view.set_reading(make_reading())
    hovered: list[int] = []
    view.token_hovered.connect(hovered.append)
    qtbot.mouseMove(view, middle(view, 0).toPoint())
    qtbot.mouseMove(view, middle(view, 0).toPoint() + QPoint(1, 1))
    qtbot.mouseMove(view, middle(view, 3).toPoint())
    qtbot.mouseMove(view, QPoint(2, 2))
    assert hovered == [0, 3, -1]


def test_a_click_names_the_token_and_a_drag_does_not(qtbot: QtBot, view: AttentionView) -> None:
    view.set_reading(make_reading())
    with qtbot.waitSignal(view.token_clicked) as clicked:
        qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=middle(view, 5).toPoint())
    assert clicked.args == [5]
    start = middle(view, 5).toPoint()
    with qtbot.assertNotEmitted(view.token_clicked):
        qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(view, start + QPoint(20, 0))
        qtbot.mouseMove(view, start + QPoint(2, 0))
        qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=start)


def test_arrows_step_over_braces(qtbot: QtBot, view: AttentionView) -> None:
    view.set_reading(make_reading("x ^ { 2 } + y"))
    view.token_stepped.connect(view.set_active)
    seen = []
    for _ in range(6):
        qtbot.keyClick(view, Qt.Key.Key_Right)
        seen.append(view.active)
    assert seen == [0, 1, 3, 5, 6, 6]
    qtbot.keyClick(view, Qt.Key.Key_Left)
    assert view.active == 5
    with qtbot.waitSignal(view.token_clicked) as clicked:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert clicked.args == [5]


def test_playing_goes_through_all_and_ends(qtbot: QtBot, view: AttentionView, monkeypatch: pytest.MonkeyPatch) -> None:
    view.set_reading(make_reading("x ^ { 2 }"))
    view._timer.setInterval(5)
    view.token_stepped.connect(view.set_active)
    played: list[int] = []
    view.token_stepped.connect(played.append)
    states: list[bool] = []
    view.playing_changed.connect(states.append)
    with qtbot.waitSignal(view.playing_changed, timeout=3000, check_params_cb=lambda playing: not playing):
        qtbot.keyClick(view, Qt.Key.Key_Space)
    assert played == [0, 1, 3]
    assert states == [True, False]


def test_a_new_reading_stops_playing(view: AttentionView) -> None:
    view.set_reading(make_reading())
    view.play()
    assert view.playing
    view.set_reading(make_reading("a + b", "a + b"))
    assert not view.playing and view.active is None


def test_zooming_keeps_the_place_and_fit_brings_all_back(qtbot: QtBot, view: AttentionView) -> None:
    view.set_reading(make_reading())
    fitted, place = view.region(2), middle(view, 2)
    assert fitted is not None
    view.zoom_by(2.0, place)
    assert view.zoom == 2.0
    assert (middle(view, 2) - place).manhattanLength() < 1
    assert view.tokens_at(place) == (2,)
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.region(2) == fitted
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert view.zoom == 1.0


def test_dragging_never_loses_the_picture(view: AttentionView) -> None:
    view.set_reading(make_reading())
    view.zoom_by(3.0)
    view._offset = QPointF(10_000, 10_000)
    view._moved()
    assert view._target().intersects(view.rect().toRectF())
    assert view._target().left() <= 24


@pytest.mark.parametrize(("ground", "dark"), [(255, False), (20, True)])
def test_the_heat_colours_the_ground_and_spares_the_ink(view: AttentionView, ground: int, dark: bool) -> None:
    reading = make_reading(ground=ground)
    view.set_reading(reading)
    place = (middle(view, 3) + QPointF(1.5, -14)).toPoint()
    plain = view.grab().toImage()
    view.set_active(3)
    lit = view.grab().toImage()
    far = middle(view, 0).toPoint() + QPoint(0, -30)
    assert plain.pixelColor(far) == lit.pixelColor(far)
    before, after = plain.pixelColor(place), lit.pixelColor(place)
    assert before != after
    light = (QColor.red, QColor.green, QColor.blue)
    assert all((channel(after) >= channel(before)) == dark or channel(after) == channel(before) for channel in light)


def test_the_ground_is_the_pictures_own(view: AttentionView) -> None:
    view.set_reading(make_reading(ground=20))
    corner = view.grab().toImage().pixelColor(30, 12)
    assert abs(corner.red() - 20) <= 1
    noise = np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8)
    assert ground_color(from_grey(noise)) is None
    clear = QImage(20, 20, QImage.Format.Format_ARGB32)
    clear.fill(Qt.GlobalColor.transparent)
    assert ground_color(clear) is None


def test_the_original_colours_are_shown(view: AttentionView) -> None:
    reading = make_reading()
    original = QImage(reading.picture.shape[1], reading.picture.shape[0], QImage.Format.Format_RGB32)
    original.fill(QColor(0, 60, 120))
    view.set_reading(reading, original)
    assert view.grab().toImage().pixelColor(320, 120) == QColor(0, 60, 120)


def test_a_reading_without_attention_is_shown_plainly(qtbot: QtBot, view: AttentionView) -> None:
    view.set_reading(make_reading(attention=False))
    view.set_active(2)
    assert view.region(2) is None and view.tokens_at(QPointF(320, 120)) == ()
    view.grab()
    view.set_reading(None)
    view.play()
    qtbot.keyClick(view, Qt.Key.Key_Right)
    view.grab()
    assert not view.playing


def test_heat_peaks_where_the_attention_does() -> None:
    attention = np.zeros((4, 9))
    attention[2, 6] = 1.0
    colors = QColor("#ff0000"), QColor("#00ff00"), QColor("#0000ff")
    image = heat_image(attention, colors)
    pixels = to_array(image)
    factor = pixels.shape[0] / (4 + 2 * PAD)
    weights = pixels[:, :, 3] / pixels[:, :, 3].sum()
    y, x = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]] + 0.5
    row, column = (y * weights).sum(), (x * weights).sum()
    assert row / factor - PAD == pytest.approx(2.5, abs=0.1) and column / factor - PAD == pytest.approx(6.5, abs=0.1)
    peak = pixels[int(row), int(column)]
    assert peak[2] > 200 and peak[0] < 40
    edge = np.concatenate([pixels[0, :, 3], pixels[-1, :, 3], pixels[:, 0, 3], pixels[:, -1, 3]])
    assert not edge.any()


def test_smoothing_keeps_the_sum_and_stays_above_nothing() -> None:
    values = np.zeros((5, 7))
    values[2, 3] = 1.0
    fine = smooth(values, 6)
    assert fine.shape == (30, 42)
    assert fine.min() >= 0
    assert fine.sum() == pytest.approx(36, rel=0.01)


def test_side_is_what_the_readings_are_made_of() -> None:
    reading = make_reading("a b")
    box = reading.recognition.tokens[1].box()
    assert box is not None and SIDE <= box[0] < box[2] <= 2 * SIDE
