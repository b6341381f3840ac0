"""The flow of a snip, with a handler that has its stills ready."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from app.capture import Region, Shot, Snipper
from app.capture.models import Handler


class ReadyHandler(Handler):
    """Gives the same stills at each grab."""

    name = "ready"

    def __init__(self, shots: list[Shot], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shots = shots
        self.grabs = 0

    def is_compatible(self) -> bool:
        return True

    def grab(self) -> None:
        self.grabs += 1
        self.grabbed.emit(self.shots)


def still(name: str, geometry: QRect, scale: float, color: str) -> Shot:
    image = QImage(round(geometry.width() * scale), round(geometry.height() * scale), QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return Shot(image, geometry, name)


@pytest.fixture
def handler(qtbot: QtBot) -> ReadyHandler:
    """Two screens: one left of the origin and above it, of twice the pixels."""
    return ReadyHandler(
        [still("A", QRect(0, 0, 400, 300), 1.0, "red"), still("B", QRect(-320, -100, 320, 240), 2.0, "blue")]
    )


@pytest.fixture
def snipper(handler: ReadyHandler) -> Snipper:
    return Snipper(handler=handler, settle_ms=0)


def draw(snipper: Snipper, index: int, start: QPoint, end: QPoint) -> None:
    overlay = snipper.overlays[index]
    QTest.mousePress(overlay, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
    QTest.mouseMove(overlay, end)
    QTest.mouseRelease(overlay, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)


def test_region_on_the_screen_with_negative_coordinates(qtbot: QtBot, snipper: Snipper) -> None:
    snipper.start()
    qtbot.waitUntil(lambda: len(snipper.overlays) == 2)
    assert [overlay.geometry() for overlay in snipper.overlays] == [QRect(0, 0, 400, 300), QRect(-320, -100, 320, 240)]
    with qtbot.waitSignal(snipper.captured) as heard:
        draw(snipper, 1, QPoint(10, 20), QPoint(59, 39))
    image, region = heard.args
    assert region == Region("B", 640, 480, 20, 40, 99, 39)
    assert image.rect() == QRect(0, 0, 99, 39) and image.pixelColor(5, 5) == QColor("blue")
    assert not snipper.overlays and not snipper.is_busy


def test_again_takes_the_same_region_without_asking(qtbot: QtBot, snipper: Snipper, handler: ReadyHandler) -> None:
    assert not snipper.can_repeat
    snipper.again()
    assert not snipper.is_busy
    snipper.remember(Region("B", 640, 480, 20, 40, 99, 39))
    with qtbot.waitSignal(snipper.captured) as heard:
        snipper.again()
    assert heard.args[1].left == 20 and heard.args[0].size().toTuple() == (99, 39)
    assert handler.grabs == 1


def test_again_on_a_screen_that_is_gone_or_changed(qtbot: QtBot, snipper: Snipper, handler: ReadyHandler) -> None:
    snipper.remember(Region("B", 640, 480, 20, 40, 99, 39))
    handler.shots = [still("A", QRect(0, 0, 400, 300), 1.0, "red"), still("B", QRect(400, 0, 320, 240), 1.0, "blue")]
    with qtbot.waitSignal(snipper.failed) as heard:
        snipper.again()
    assert "B at 640 × 480" in heard.args[0] and not snipper.is_busy


def test_one_band_on_all_screens(qtbot: QtBot, snipper: Snipper) -> None:
    snipper.start()
    qtbot.waitUntil(lambda: len(snipper.overlays) == 2)
    first, second = snipper.overlays
    QTest.keyClick(first, Qt.Key.Key_Down)
    assert first.band is not None
    QTest.keyClick(second, Qt.Key.Key_Down)
    assert first.band is None and second.band is not None
    QTest.keyClick(second, Qt.Key.Key_Tab)
    assert second.band is None
    with qtbot.waitSignal(snipper.cancelled):
        QTest.keyClick(first, Qt.Key.Key_Escape)


def test_delay_is_waited_for_and_can_be_cancelled(qtbot: QtBot, snipper: Snipper, handler: ReadyHandler) -> None:
    snipper.start(0.3)
    snipper.start(0)  # one snip at a time
    qtbot.wait(100)
    assert handler.grabs == 0 and snipper.is_busy
    with qtbot.waitSignal(snipper.cancelled):
        snipper.cancel()
    qtbot.wait(300)
    assert handler.grabs == 0
    snipper.start(0.1)
    qtbot.waitUntil(lambda: handler.grabs == 1, timeout=2000)
    snipper.cancel()
    assert not snipper.overlays


def test_screen_that_comes_or_goes_ends_the_snip_plainly(qtbot: QtBot, snipper: Snipper) -> None:
    app = QGuiApplication.instance()
    assert isinstance(app, QGuiApplication)
    snipper.start()
    qtbot.waitUntil(lambda: len(snipper.overlays) == 2)
    with qtbot.waitSignal(snipper.failed) as heard:
        app.screenRemoved.emit(app.primaryScreen())
    assert "disconnected" in heard.args[0] and not snipper.overlays
    with qtbot.assertNotEmitted(snipper.failed):
        app.screenRemoved.emit(app.primaryScreen())  # no snip, no word


def test_failure_of_the_handler_arrives(qtbot: QtBot, snipper: Snipper, handler: ReadyHandler) -> None:
    snipper.start(0.05)
    with qtbot.waitSignal(snipper.failed) as heard:
        handler.failed.emit("No screen today.")
    assert heard.args == ["No screen today."] and not snipper.is_busy


def test_closing_the_overlay_does_not_end_the_app(qtbot: QtBot, snipper: Snipper) -> None:
    snipper.start()
    qtbot.waitUntil(lambda: len(snipper.overlays) == 2)
    assert not any(overlay.testAttribute(Qt.WidgetAttribute.WA_QuitOnClose) for overlay in snipper.overlays)
    snipper.cancel()


def test_a_dialog_that_opens_during_the_delay_keeps_the_screen_free(
    qtbot: QtBot, snipper: Snipper, handler: ReadyHandler
) -> None:
    """The dialog takes all input: overlays would cover the screens and hear nothing."""
    dialog = QDialog()
    qtbot.addWidget(dialog)
    dialog.setModal(True)
    snipper.start(0.05)
    dialog.show()
    with qtbot.waitSignal(snipper.failed) as heard:
        pass
    assert "Close the open dialog" in heard.args[0] and not snipper.overlays
    dialog.close()
    snipper.start()
    qtbot.waitUntil(lambda: len(snipper.overlays) == 2)
    snipper.cancel()
