"""The GlobalShortcuts portal, played by another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.hotkey import GlobalHotkey
from app.hotkey.handlers.portal import PortalHotkey, to_trigger
from app.hotkey.models import Keys

StartPortal = Callable[..., Any]


def test_key_is_bound_and_heard(qtbot: QtBot, start_portal: StartPortal) -> None:
    portal = start_portal("grant")
    hotkey = GlobalHotkey(handler=PortalHotkey(bus=portal.bus))
    pressed = []
    hotkey.activated.connect(lambda: pressed.append(1))
    with qtbot.waitSignal(hotkey.activated, timeout=5000):
        assert hotkey.register("Ctrl+Alt+L").ok
    qtbot.wait(50)
    assert pressed == [1]  # the keys of other sessions and other names are not ours
    assert hotkey.outcome.ok and "Ctrl+Alt+L" in hotkey.outcome.message
    hotkey.unregister()
    qtbot.wait(50)
    calls = portal.stop()
    assert [call[0] for call in calls] == ["CreateSession", "BindShortcuts", "Close"]
    _, signature, _, (session, shortcuts, parent, options) = calls[1]
    assert signature == "oa(sa{sv})sa{sv}"
    assert calls[2][2] == session
    assert shortcuts == [["snip", {"description": "Snip a formula", "preferred_trigger": "CTRL+ALT+l"}]]
    assert parent == "" and options["handle_token"]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("decline", "did not grant"), ("error", "An app id is required"), ("closed", "taken the global key back")],
)
def test_refusal_is_said_plainly(qtbot: QtBot, start_portal: StartPortal, scenario: str, words: str) -> None:
    hotkey = GlobalHotkey(handler=PortalHotkey(bus=start_portal(scenario).bus))
    hotkey.register("Ctrl+Alt+L")
    qtbot.waitUntil(lambda: not hotkey.outcome.ok, timeout=5000)
    assert words in hotkey.outcome.message


def test_desktop_that_never_answers(qtbot: QtBot, start_portal: StartPortal) -> None:
    portal = start_portal("silent")
    hotkey = GlobalHotkey(handler=PortalHotkey(bus=portal.bus, timeout_ms=300))
    hotkey.register("Ctrl+Alt+L")
    qtbot.waitUntil(lambda: not hotkey.outcome.ok, timeout=5000)
    assert "did not answer" in hotkey.outcome.message
    qtbot.wait(50)
    assert [call[0] for call in portal.stop()] == ["CreateSession", "BindShortcuts", "Close", "Close"]


@pytest.mark.parametrize(
    ("sequence", "trigger"),
    [("Meta+Shift+S", "SHIFT+LOGO+s"), ("Print", "Print"), ("Ctrl+F9", "CTRL+F9"), ("Ctrl+PgUp", "CTRL+Page_Up")],
)
def test_trigger_as_the_specification_writes_it(sequence: str, trigger: str) -> None:
    assert to_trigger(Keys.parse(sequence)) == trigger
