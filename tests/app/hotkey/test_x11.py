"""The global hotkey on a real X server: pressed, held, with locks on, taken by another program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.hotkey import GlobalHotkey, HotkeyError
from app.hotkey.handlers.x11 import X11Hotkey, to_keysym
from app.hotkey.models import Keys

Tool = Callable[..., str]


@pytest.mark.parametrize(
    ("sequence", "keysym"),
    [("Ctrl+L", 0x6C), ("Ctrl+ß", 0xDF), ("Ctrl+7", 0x37), ("F12", 0xFFC9), ("Print", 0xFF61), ("Ctrl+Space", 0x20)],
)
def test_keys_have_their_number(sequence: str, keysym: int) -> None:
    assert to_keysym(Keys.parse(sequence)) == keysym


def test_key_without_a_number_is_refused() -> None:
    with pytest.raises(HotkeyError, match="cannot be a global key"):
        to_keysym(Keys(Qt.Key.Key_LaunchMail, ctrl=True))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-noreset", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        name = ":" + pipe.readline().strip()
    yield name
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture
def tool(server: str, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Run a program on the server, which the hotkey of this process connects to as well."""
    monkeypatch.setenv("DISPLAY", server)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    return lambda *command: subprocess.run(command, check=True, timeout=20, capture_output=True, text=True).stdout


@pytest.fixture
def hotkey(tool: Tool, qtbot: QtBot) -> Iterator[GlobalHotkey]:
    handler = X11Hotkey()
    assert handler.is_compatible()
    made = GlobalHotkey(handler=handler)
    yield made
    made.unregister()


@pytest.mark.display
@pytest.mark.parametrize(
    ("sequence", "typed"),
    [("Ctrl+Alt+L", "ctrl+alt+l"), ("Print", "Print"), ("Ctrl+!", "ctrl+exclam"), ("Meta+F5", "super+F5")],
)
def test_press_is_heard_wherever_the_focus_is(
    qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool, sequence: str, typed: str
) -> None:
    outcome = hotkey.register(sequence)
    assert outcome.ok and sequence.rpartition("+")[2] in outcome.message
    with qtbot.waitSignal(hotkey.activated, timeout=3000):
        tool("xdotool", "key", typed)


@pytest.mark.display
@pytest.mark.parametrize("locks", [["Caps_Lock"], ["Num_Lock"], ["Caps_Lock", "Num_Lock"]])
def test_press_is_heard_with_locks_on(qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool, locks: list[str]) -> None:
    hotkey.register("Ctrl+Alt+L")
    tool("xdotool", "key", *locks)
    try:
        with qtbot.waitSignal(hotkey.activated, timeout=3000):
            tool("xdotool", "key", "ctrl+alt+l")
    finally:
        tool("xdotool", "key", *locks)


@pytest.mark.display
def test_other_keys_are_not_taken(qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool) -> None:
    hotkey.register("Ctrl+Alt+L")
    with qtbot.assertNotEmitted(hotkey.activated, wait=200):
        tool("xdotool", "key", "ctrl+l", "l", "ctrl+alt+k", "ctrl+alt+shift+l")


@pytest.mark.display
def test_held_key_counts_once(qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool) -> None:
    hotkey.register("Ctrl+Alt+L")
    pressed = []
    hotkey.activated.connect(lambda: pressed.append(1))
    # The server repeats a held key after 0.66 s, 25 times a second.
    tool("xdotool", "keydown", "ctrl", "keydown", "alt", "keydown", "l", "sleep", "1")
    tool("xdotool", "keyup", "l", "keyup", "alt", "keyup", "ctrl")
    qtbot.wait(100)
    assert pressed == [1]
    tool("xdotool", "key", "ctrl+alt+l")
    qtbot.waitUntil(lambda: len(pressed) == 2, timeout=3000)


@pytest.mark.display
def test_key_of_another_program_is_said_to_be_taken(qtbot: QtBot, hotkey: GlobalHotkey) -> None:
    other = GlobalHotkey(handler=X11Hotkey())
    assert other.register("Ctrl+Alt+L").ok
    outcome = hotkey.register("Ctrl+Alt+L")
    assert not outcome.ok and "taken by another program" in outcome.message
    other.unregister()
    assert hotkey.register("Ctrl+Alt+L").ok


@pytest.mark.display
def test_new_key_gives_the_old_one_back(qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool) -> None:
    hotkey.register("Ctrl+Alt+L")
    hotkey.register("Ctrl+Alt+K")
    with qtbot.assertNotEmitted(hotkey.activated, wait=200):
        tool("xdotool", "key", "ctrl+alt+l")
    with qtbot.waitSignal(hotkey.activated, timeout=3000):
        tool("xdotool", "key", "ctrl+alt+k")


@pytest.mark.display
def test_key_that_the_layout_lacks(qtbot: QtBot, hotkey: GlobalHotkey) -> None:
    outcome = hotkey.register("Ctrl+ß")
    assert not outcome.ok and "layout has no key" in outcome.message


@pytest.mark.display
def test_changed_layout_is_followed(qtbot: QtBot, hotkey: GlobalHotkey, tool: Tool) -> None:
    hotkey.register("Ctrl+Alt+L")
    before = tool("xdotool", "key", "l")  # the server makes its keyboard known with the first key
    with qtbot.waitSignal(hotkey._handler.changed, timeout=5000):
        tool("xmodmap", "-e", "keycode 46 = q Q", "-e", "keycode 24 = l L")
    assert before == ""
    with qtbot.waitSignal(hotkey.activated, timeout=3000):
        tool("xdotool", "keydown", "ctrl", "keydown", "alt", "key", "24", "keyup", "alt", "keyup", "ctrl")


@pytest.mark.display
def test_without_a_server_it_is_said_plainly(
    qtbot: QtBot, hotkey: GlobalHotkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    outcome = hotkey.register("Ctrl+Alt+L")
    assert not outcome.ok and "X server" in outcome.message
