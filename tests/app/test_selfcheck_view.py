"""The comparison window, by keys and by what it paints."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.images import to_array
from app.reading import Grey
from app.selfcheck_view import BLINK_MS, MODES, SelfCheckView
from app.theme import colors


def picture(*strokes: tuple[int, int]) -> Grey:
    """Bars of the full height at places (left, right), on white [60, 200]."""
    grey = np.full((60, 200), 255, np.uint8)
    for left, right in strokes:
        grey[10:50, left:right] = 0
    return grey


@pytest.fixture
def view(qtbot: QtBot) -> SelfCheckView:
    made = SelfCheckView()
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def painted(view: SelfCheckView) -> np.ndarray:
    image = view.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    return to_array(image).astype(int)


def near(pixels: np.ndarray, color: object) -> int:
    """How many pixels have a colour, about."""
    red, green, blue = color.red(), color.green(), color.blue()  # type: ignore[attr-defined]
    return int((np.abs(pixels - (red, green, blue)).max(axis=2) < 12).sum())


def test_keys_and_buttons_change_the_mode(qtbot: QtBot, view: SelfCheckView) -> None:
    view.set_pictures(picture((20, 30), (80, 90)), picture((20, 30), (80, 90)))
    for number, mode in enumerate(MODES, 1):
        QTest.keyClick(view, Qt.Key(ord(str(number))))
        assert view.canvas.mode == mode and view.buttons[mode].isChecked()
    QTest.mouseClick(view.buttons["side-by-side"], Qt.MouseButton.LeftButton)
    assert view.canvas.mode == "side-by-side"
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not view.isVisible()


def test_difference_shows_in_colour_what_only_one_has(qtbot: QtBot, view: SelfCheckView) -> None:
    both = ((20, 30), (170, 180))
    view.set_pictures(picture(*both, (60, 70)), picture(*both, (120, 130)))
    view.set_mode("difference")
    c = colors(view.palette())
    pixels = painted(view)
    assert near(pixels, c.only_snip) > 500 and near(pixels, c.only_preview) > 500
    assert "only in the snip" in view.legend.text()
    view.set_pictures(picture(*both), picture(*both))
    view.set_mode("difference")
    pixels = painted(view)
    assert near(pixels, c.only_snip) == near(pixels, c.only_preview) == 0
    assert near(pixels, c.ink) > 500


def test_blinking_takes_turns_and_stops_while_hidden(qtbot: QtBot, view: SelfCheckView) -> None:
    view.set_pictures(picture((20, 30), (60, 70), (170, 180)), picture((20, 30), (170, 180)))
    view.set_mode("blink")
    first = near(painted(view), colors(view.palette()).ink)
    qtbot.waitUntil(lambda: view.canvas.shows_preview, timeout=10 * BLINK_MS)
    assert near(painted(view), colors(view.palette()).ink) < first
    assert view.legend.text() == "preview"
    view.hide()
    shown = view.canvas.shows_preview
    qtbot.wait(2 * BLINK_MS)
    assert view.canvas.shows_preview == shown


def test_what_disagrees_is_said_and_framed(qtbot: QtBot, view: SelfCheckView) -> None:
    view.set_pictures(picture((20, 30), (60, 70), (170, 180)), picture((20, 30), (170, 180)))
    qtbot.waitUntil(lambda: "lack" in view.verdict.text(), timeout=10_000)
    assert near(painted(view), colors(view.palette()).only_snip) > 50
    view.set_pictures(picture((20, 30), (170, 180)), picture((20, 30), (170, 180)))
    qtbot.waitUntil(lambda: "agree" in view.verdict.text(), timeout=10_000)
    assert near(painted(view), colors(view.palette()).only_snip) == 0


def test_a_blank_picture_is_drawn_as_nothing(qtbot: QtBot, view: SelfCheckView) -> None:
    view.set_pictures(np.full((20, 40), 255, np.uint8), picture((20, 30)))
    for mode in MODES:
        view.set_mode(mode)
        painted(view)
    qtbot.waitUntil(lambda: "Comparing" not in view.verdict.text(), timeout=10_000)
    assert "snip lacks" in view.verdict.text()
