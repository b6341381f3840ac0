"""The screenshot portal, played by another process: yes, no, late, never, broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRect
from PySide6.QtDBus import QDBusConnection
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.capture.handlers.portal import PortalHandler
from app.capture.session import is_wayland, is_x11
from app.capture.snipper import Snipper

StartPortal = Callable[..., Any]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """What the desktop has written, under a name beyond ASCII."""
    image = QImage(30, 20, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    image.setPixelColor(7, 3, QColor("black"))
    path = tmp_path / "Bildschirmfoto 100% ∫ü #1.png"
    assert image.save(str(path))
    return path


@pytest.mark.parametrize("scenario", ["grant", "early", "old"])
def test_picture_arrives_and_its_file_goes(
    qtbot: QtBot, start_portal: StartPortal, picture: Path, scenario: str
) -> None:
    portal = start_portal(scenario, picture)
    handler = PortalHandler(bus=portal.bus)
    with qtbot.waitSignal(handler.selected, timeout=5000) as heard:
        handler.grab()
    image = heard.args[0]
    assert (image.width(), image.height(), image.pixelColor(7, 3).name()) == (30, 20, "#000000")
    assert not picture.exists()
    method, signature, path, arguments = portal.stop()[0]
    assert (method, signature, path) == ("Screenshot", "sa{sv}", "/org/freedesktop/portal/desktop")
    assert arguments[0] == "" and arguments[1]["interactive"] is not False


def test_user_says_no(qtbot: QtBot, start_portal: StartPortal, picture: Path) -> None:
    handler = PortalHandler(bus=start_portal("decline", picture).bus)
    with qtbot.waitSignal(handler.cancelled, timeout=5000), qtbot.assertNotEmitted(handler.failed):
        handler.grab()


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("refuse", "refused"), ("error", "An app id is required"), ("broken", "no picture")],
)
def test_failure_is_said_plainly(qtbot: QtBot, start_portal: StartPortal, scenario: str, words: str) -> None:
    handler = PortalHandler(bus=start_portal(scenario, Path("/nowhere/none.png")).bus)
    with qtbot.waitSignal(handler.failed, timeout=5000) as heard:
        handler.grab()
    assert words in heard.args[0]


def test_unreadable_picture(qtbot: QtBot, start_portal: StartPortal, tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    handler = PortalHandler(bus=start_portal("grant", path).bus)
    with qtbot.waitSignal(handler.failed, timeout=5000) as heard:
        handler.grab()
    assert "could not be read" in heard.args[0]


def test_no_portal_on_the_bus(qtbot: QtBot, start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.capture.portal_request.SERVICE", "org.example.Nobody")
    handler = PortalHandler(bus=start_portal("grant").bus)
    with qtbot.waitSignal(handler.failed, timeout=5000) as heard:
        handler.grab()
    assert "Install" in heard.args[0] and "xdg-desktop-portal" in heard.args[0]


def test_no_bus(qtbot: QtBot) -> None:
    handler = PortalHandler(bus=QDBusConnection("none of this name"))
    with qtbot.waitSignal(handler.failed) as heard:
        handler.grab()
    assert "D-Bus" in heard.args[0]


def test_late_answer_is_not_heard(qtbot: QtBot, start_portal: StartPortal, picture: Path) -> None:
    portal = start_portal("late,grant", picture)
    handler = PortalHandler(bus=portal.bus, timeout_ms=200)
    with qtbot.waitSignal(handler.failed, timeout=5000) as heard:
        handler.grab()
    assert "did not answer" in heard.args[0]
    with qtbot.assertNotEmitted(handler.selected, wait=800):
        pass
    with qtbot.waitSignal(handler.selected, timeout=5000):
        handler.grab()
    assert [call[0] for call in portal.stop()] == ["Screenshot", "Close", "Screenshot"]


def test_second_grab_meanwhile_asks_once(qtbot: QtBot, start_portal: StartPortal) -> None:
    portal = start_portal("silent")
    handler = PortalHandler(bus=portal.bus, timeout_ms=300)
    with qtbot.waitSignal(handler.failed, timeout=5000):
        handler.grab()
        handler.grab()
    qtbot.wait(50)
    assert [call[0] for call in portal.stop()] == ["Screenshot", "Close"]


def test_snipper_gives_the_portals_picture_without_region(
    qtbot: QtBot, start_portal: StartPortal, picture: Path
) -> None:
    snipper = Snipper(handler=PortalHandler(bus=start_portal("decline,grant", picture).bus), settle_ms=0)
    with qtbot.waitSignal(snipper.cancelled, timeout=5000):
        snipper.start()
    with qtbot.waitSignal(snipper.captured, timeout=5000) as heard:
        snipper.start()
    image, region = heard.args
    assert image.rect() == QRect(0, 0, 30, 20) and region is None and not snipper.can_repeat


def test_cancelling_takes_the_request_back(qtbot: QtBot, start_portal: StartPortal) -> None:
    portal = start_portal("silent")
    snipper = Snipper(handler=PortalHandler(bus=portal.bus), settle_ms=0)
    snipper.start()
    qtbot.wait(200)
    with qtbot.waitSignal(snipper.cancelled):
        snipper.cancel()
    qtbot.wait(100)
    assert [call[0] for call in portal.stop()] == ["Screenshot", "Close"]


@pytest.mark.parametrize(
    ("platform", "environment", "wayland", "x11"),
    [
        ("linux", {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, True, False),
        ("linux", {"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}, True, False),
        ("linux", {"XDG_SESSION_TYPE": "x11", "DISPLAY": ":0"}, False, True),
        ("linux", {}, False, False),
        ("win32", {"DISPLAY": ":0"}, False, False),
        ("darwin", {"DISPLAY": ":0"}, False, False),
    ],
)
def test_kind_of_desktop(platform: str, environment: dict[str, str], wayland: bool, x11: bool) -> None:
    assert (is_wayland(platform, environment), is_x11(platform, environment)) == (wayland, x11)
