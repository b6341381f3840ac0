import sys

import pytest
from PySide6.QtWidgets import QSystemTrayIcon
from pytestqt.qtbot import QtBot

from app.tray import Tray


@pytest.mark.parametrize(("place", "name"), list(enumerate(["snip", "draw", "paste", "show", "quit"])))
def test_each_entry_of_the_menu_asks_for_its_thing(qtbot: QtBot, place: int, name: str) -> None:
    tray = Tray()
    actions = [action for action in tray.menu.actions() if not action.isSeparator()]
    assert len(actions) == 5
    others = [getattr(tray, other) for other in ("snip", "draw", "paste", "show", "quit") if other != name]
    with qtbot.waitSignal(getattr(tray, name)), qtbot.assertNotEmitted(others[0]), qtbot.assertNotEmitted(others[-1]):
        actions[place].trigger()


def test_the_menu_can_be_used_by_keyboard(qtbot: QtBot) -> None:
    tray = Tray()
    texts = [action.text() for action in tray.menu.actions() if not action.isSeparator()]
    keys = [text[text.index("&") + 1].lower() for text in texts]
    assert len(set(keys)) == 5


@pytest.mark.parametrize(("reason", "name"), [("Trigger", "show"), ("DoubleClick", "show"), ("MiddleClick", "snip")])
def test_clicks_on_the_icon(qtbot: QtBot, reason: str, name: str) -> None:
    tray = Tray()
    with qtbot.waitSignal(getattr(tray, name)):
        tray.findChildren(QSystemTrayIcon)[0].activated.emit(QSystemTrayIcon.ActivationReason[reason])


def test_on_macos_a_click_opens_the_menu_alone(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    tray = Tray()
    with qtbot.assertNotEmitted(tray.show):
        tray.findChildren(QSystemTrayIcon)[0].activated.emit(QSystemTrayIcon.ActivationReason.Trigger)


def test_the_hotkey_is_told(qtbot: QtBot) -> None:
    tray = Tray()
    tray.set_hotkey("Ctrl+Alt+M")
    assert tray.menu.actions()[0].text().endswith("\tCtrl+Alt+M")
    assert "Ctrl+Alt+M" in tray.findChildren(QSystemTrayIcon)[0].toolTip()
    tray.set_hotkey("")
    assert "\t" not in tray.menu.actions()[0].text()


def test_without_a_tray_nothing_breaks(qtbot: QtBot) -> None:
    """The platform of the tests has no tray."""
    tray = Tray()
    assert not tray.is_available
    assert not tray.start()
    tray.stop()
