"""The overlay, driven by events as the window system sends them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QMouseEvent, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.capture.models import Shot
from app.capture.overlay import Overlay

LEFT, RIGHT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier


def send(
    overlay: Overlay, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton, held: Qt.KeyboardModifier
) -> None:
    """Send one mouse event with a position as fine as the system's."""
    buttons = LEFT if kind != QEvent.Type.MouseButtonRelease else NONE
    QApplication.sendEvent(overlay, QMouseEvent(kind, place, overlay.mapToGlobal(place), button, buttons, held))


def press(overlay: Overlay, x: float, y: float) -> None:
    send(overlay, QEvent.Type.MouseButtonPress, QPointF(x, y), LEFT, PLAIN)


def move(overlay: Overlay, x: float, y: float) -> None:
    send(overlay, QEvent.Type.MouseMove, QPointF(x, y), NONE, PLAIN)


def release(overlay: Overlay, x: float, y: float, held: Qt.KeyboardModifier = PLAIN) -> None:
    send(overlay, QEvent.Type.MouseButtonRelease, QPointF(x, y), LEFT, held)


def shot(scale: float = 1.0) -> Shot:
    """A still of the offscreen screen, of more pixels than it has units."""
    geometry = QGuiApplication.primaryScreen().geometry()
    image = QImage(round(geometry.width() * scale), round(geometry.height() * scale), QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.fillRect(QRect(100, 100, 40, 30), QColor("red"))
    painter.end()
    return Shot(image, geometry, "screen")


@pytest.fixture
def overlay(qtbot: QtBot) -> Overlay:
    made = Overlay(shot())
    qtbot.addWidget(made)
    made.show_on_screen()
    qtbot.waitExposed(made)
    return made


def test_covers_its_screen(overlay: Overlay) -> None:
    assert overlay.geometry() == QGuiApplication.primaryScreen().geometry()
    assert overlay.accessibleName() and "Esc" in overlay.accessibleDescription()


def test_drag_takes_the_pixels(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.waitSignal(overlay.accepted) as heard, qtbot.waitSignal(overlay.band_started):
        press(overlay, 139, 129)
        move(overlay, 120, 110)
        assert overlay.read_out() == "20 × 20 px"
        move(overlay, 100, 100)
        release(overlay, 100, 100)
    assert heard.args[0] == QRect(100, 100, 40, 30)


@pytest.mark.parametrize("scale", [1.25, 1.5, 1.75, 2.0])
def test_drag_on_a_still_of_more_pixels(qtbot: QtBot, scale: float) -> None:
    overlay = Overlay(shot(scale))
    qtbot.addWidget(overlay)
    overlay.show_on_screen()
    with qtbot.waitSignal(overlay.accepted) as heard:
        press(overlay, 101 / scale, 103 / scale)
        move(overlay, 137 / scale, 128 / scale)
        release(overlay, 137 / scale, 128 / scale)
    assert heard.args[0] == QRect(101, 103, 37, 26)


def test_click_is_no_choice(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.assertNotEmitted(overlay.accepted), qtbot.assertNotEmitted(overlay.rejected):
        press(overlay, 50, 50)
        release(overlay, 51, 50)
    assert overlay.band is None


def test_right_click_cancels_at_its_release(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.assertNotEmitted(overlay.rejected):
        QTest.mousePress(overlay, RIGHT, PLAIN, QPoint(30, 30))
    with qtbot.waitSignal(overlay.rejected):
        QTest.mouseRelease(overlay, RIGHT, PLAIN, QPoint(30, 30))


def test_escape_cancels_even_while_drawing(qtbot: QtBot, overlay: Overlay) -> None:
    press(overlay, 10, 10)
    move(overlay, 90, 40)
    with qtbot.waitSignal(overlay.rejected):
        QTest.keyClick(overlay, Qt.Key.Key_Escape)


def test_shift_at_the_release_keeps_the_band_for_the_keys(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.assertNotEmitted(overlay.accepted):
        press(overlay, 100, 100)
        release(overlay, 139, 129, SHIFT)
    QTest.keyClick(overlay, Qt.Key.Key_Left)
    QTest.keyClick(overlay, Qt.Key.Key_Down, CONTROL)
    QTest.keyClick(overlay, Qt.Key.Key_Right, SHIFT)
    with qtbot.waitSignal(overlay.accepted) as heard:
        QTest.keyClick(overlay, Qt.Key.Key_Return)
    assert heard.args[0] == QRect(99, 110, 41, 30)


def test_arrows_nudge_the_band_by_one_device_pixel(qtbot: QtBot) -> None:
    overlay = Overlay(shot(2.0))
    qtbot.addWidget(overlay)
    overlay.show_on_screen()
    press(overlay, 50, 50)
    release(overlay, 60, 60, SHIFT)
    QTest.keyClick(overlay, Qt.Key.Key_Right)
    assert overlay.band == QRect(101, 100, 21, 21)


def test_nudge_during_a_drag_lasts(qtbot: QtBot, overlay: Overlay) -> None:
    press(overlay, 100, 100)
    move(overlay, 120, 120)
    QTest.keyClick(overlay, Qt.Key.Key_Up)
    move(overlay, 130, 120)
    with qtbot.waitSignal(overlay.accepted) as heard:
        release(overlay, 130, 120)
    assert heard.args[0] == QRect(100, 99, 31, 21)


def test_keyboard_alone(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.assertNotEmitted(overlay.accepted):
        QTest.keyClick(overlay, Qt.Key.Key_Return)
    QTest.keyClick(overlay, Qt.Key.Key_Right)
    first = overlay.band
    assert first is not None and first.width() > first.height() > 10
    with qtbot.waitSignal(overlay.accepted) as heard:
        QTest.keyClick(overlay, Qt.Key.Key_Up, SHIFT)
        QTest.keyClick(overlay, Qt.Key.Key_Enter)
    assert heard.args[0].size() == first.size() - QSize(0, 1)


def test_tab_asks_for_the_next_screen(qtbot: QtBot, overlay: Overlay) -> None:
    with qtbot.waitSignal(overlay.next_screen_requested):
        QTest.keyClick(overlay, Qt.Key.Key_Tab)


def test_band_shows_the_still_as_it_is_and_the_rest_dimmed(overlay: Overlay) -> None:
    press(overlay, 90, 90)
    move(overlay, 149, 139)
    seen = overlay.grab().toImage()
    assert seen.pixelColor(110, 110) == QColor("red")
    assert seen.pixelColor(92, 92) == QColor("white")
    assert seen.pixelColor(60, 60).lightness() < 200
    # The lens stands to the right of the pointer, and shows white pixels of the still.
    assert seen.pixelColor(149 + 20 + 10, 139 + 20 + 10) == QColor("white")


@pytest.mark.parametrize("place", [(2, 2), (-3, 2), (2, -3), (-3, -3)])
def test_lens_stays_on_the_screen(overlay: Overlay, place: tuple[int, int]) -> None:
    x, y = place[0] % overlay.width(), place[1] % overlay.height()
    move(overlay, x, y)
    assert QRect(QPoint(), overlay.size()).contains(overlay._lens_rect().toAlignedRect())
    assert overlay.read_out() == f"{x}, {y}"
    assert not overlay.grab().isNull()
