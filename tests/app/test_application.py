"""The whole put together: the window steps aside for a snip and comes back, goes to the tray, and ends when it must."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from app import settings as settings_file
from app.application import MODEL_THERE, READING_THERE, WINDOW_THERE, Application
from app.controller import State
from app.hotkey import GlobalHotkey, Outcome
from app.hotkey.handlers.none import NoHotkey
from app.hotkey.models import HotkeyHandler, Keys, taken
from app.paths import Paths
from app.reading import Grey, Origin
from app.settings_dialog import SettingsDialog
from app.settings_page import Hint
from app.single_instance import Request
from tests.app.user import drag
from tests.checks.session_program import MadeUpScreen, wait

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def application(qapp: QApplication, data_dir: Path, tiny_checkpoint: Path) -> Iterator[Application]:
    """The program with its window shown, and a white screen."""
    white = QImage(10, 10, QImage.Format.Format_RGB32)
    made = Application(qapp, Paths.at(data_dir), checkpoint=tiny_checkpoint, device="cpu", screen=MadeUpScreen(white))
    made.show([])
    yield made
    made.close()
    made.window.deleteLater()
    made.deleteLater()


class Shows(QObject):
    """Counts how often a window comes up."""

    def __init__(self, window: QObject) -> None:
        super().__init__()
        self.count = 0
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Show
        return False


def message(application: Application) -> str:
    return application.window.messages.text()


def test_no_overlay_comes_over_a_dialog_that_would_keep_it_deaf(qtbot: QtBot, application: Application) -> None:
    dialog = QDialog(application.window)
    dialog.setModal(True)
    dialog.show()
    for ask in (application.snip_now, lambda: application.on_request(Request("snip"))):
        ask()
        assert application.controller.state is State.IDLE and application.window.isVisible()
        assert "Close the open dialog" in message(application)
    dialog.close()
    application.snip_now()
    application.window.messages.hide()
    dialog.show()  # opened before the still is there
    qtbot.waitUntil(lambda: application.controller.state is State.IDLE, timeout=120_000)
    assert not application.snipper.overlays and application.window.isVisible()
    assert "Close the open dialog" in message(application)
    dialog.close()
    application.snip_now()
    qtbot.waitUntil(lambda: bool(application.snipper.overlays), timeout=120_000)


def test_a_snip_brings_a_minimised_window_up_with_the_reading(qtbot: QtBot, application: Application) -> None:
    application.window.showMinimized()
    application.snip_now()
    qtbot.waitUntil(lambda: bool(application.snipper.overlays), timeout=120_000)
    assert application.window.isMinimized()
    drag(application.snipper.overlays[0])
    assert not application.window.isMinimized() and application.window.isVisible()


def test_a_snip_that_is_given_up_leaves_the_window_where_it_was(qtbot: QtBot, application: Application) -> None:
    application.window.hide()
    application.snip_now()
    application.snipper.cancel()
    assert not application.window.isVisible()
    application.snip_now()
    application.snipper._fail("No screen today.")
    assert application.window.isVisible() and message(application) == "No screen today."
    application.snip_now()
    assert not application.window.isVisible()
    application.snipper.cancel()
    assert application.window.isVisible()


def test_the_end_does_not_flash_the_window(application: Application) -> None:
    application.controller.read(np.zeros((40, 40), np.uint8), Origin("paste"))
    assert application.controller.state is State.READING
    application.window.hide()
    shows = Shows(application.window)
    application.quit()
    assert shows.count == 0 and not application.window.isVisible()


@pytest.mark.parametrize("ask", ["tray", "start", "canvas"])
def test_who_wants_the_window_gives_up_a_snip_that_is_waited_for(
    qtbot: QtBot, application: Application, ask: str
) -> None:
    application.snip(60)
    assert application.controller.state is State.CAPTURING and not application.window.isVisible()
    if ask == "tray":
        application.tray.show.emit()
    else:
        application.on_request(Request("raise" if ask == "start" else "draw"))
    assert application.controller.state is State.IDLE and application.window.isVisible()
    assert application.window.ink.isVisible() == (ask == "canvas")
    if ask == "canvas":
        qtbot.waitUntil(lambda: bool(application.window.split_state()))
    application.close()
    again, problem = settings_file.load(application.paths.settings)
    assert not problem and ("canvas" in again.layout) and bool(again.layout["canvas"]) == (ask == "canvas")


def test_a_tray_that_came_later_is_used_and_one_that_is_gone_is_not(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.start_loading()  # there is no tray yet
    application.settings = replace(application.settings, close_to_tray=True)
    icon = application.tray.findChildren(QSystemTrayIcon)[0]
    assert not icon.isVisible()
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: True))
    application.window.close()
    assert icon.isVisible() and not application.window.isVisible() and not application._closed
    application.window.show()
    monkeypatch.undo()
    application.window.close()
    assert application._closed


class Refusing(HotkeyHandler):
    """A desktop on which every key is taken."""

    def register(self, keys: Keys) -> Outcome:
        raise taken(keys)

    def unregister(self) -> None:
        pass


@pytest.mark.parametrize("handler", [NoHotkey, Refusing])
def test_the_settings_say_how_the_global_key_stands(application: Application, handler: type[HotkeyHandler]) -> None:
    application.hotkey = GlobalHotkey(application, handler=handler())
    application.settings = replace(application.settings, hotkey="Ctrl+Alt+M")
    application.hotkey.register("Ctrl+Alt+M")
    seen: list[tuple[bool, set[str]]] = []

    def look() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, SettingsDialog)
        seen.append((dialog.fields["hotkey"].isEnabled(), {hint.text() for hint in dialog.findChildren(Hint)}))
        dialog.reject()

    QTimer.singleShot(0, look)
    application.open_settings()
    ((enabled, hints),) = seen
    assert enabled == (handler is Refusing)
    words = "taken by another program" if handler is Refusing else "no global keys for programs"
    assert any(words in hint for hint in hints)


def run(code: str, folder: Path) -> str:
    """What a program of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("learnt", "is_told"), [(["print"], True), (["print", "ink"], False), (None, False)])
def test_the_canvas_tells_of_a_model_that_was_made_for_print(
    qtbot: QtBot,
    qapp: QApplication,
    data_dir: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    learnt: list[str] | None,
    is_told: bool,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config["extra"] |= {} if learnt is None else {"trained_on": learnt, "crohme": is_told}
    (folder / "config.json").write_text(json.dumps(config))
    white = QImage(10, 10, QImage.Format.Format_RGB32)
    made = Application(qapp, Paths.at(data_dir), checkpoint=folder, device="cpu", screen=MadeUpScreen(white))
    made.show([])
    made.draw()
    wait(lambda: made.inference.model is not None, "the model")
    (note,) = (one for one in made.window.ink.findChildren(QLabel) if "printed formulas" in one.text())
    assert note.isVisible() is is_told
    assert made.inference.model.trained_on == tuple(learnt or ()) and made.inference.model.crohme is is_told
    made.close()
    made.window.deleteLater()
    made.deleteLater()


def test_the_wish_of_the_system_to_end_is_heard(data_dir: Path) -> None:
    code = (
        "from PySide6.QtCore import QTimer\n"
        "from app.startup import Program\n"
        "qt = Program([])\n"
        "qt.asked_to_end.connect(lambda: print('heard', flush=True))\n"
        "QTimer.singleShot(0, qt.quit)\n"
        "qt.exec()\n"
    )
    assert run(code, data_dir) == "heard\n"


def test_a_file_that_macos_wants_opened_is_heard(data_dir: Path) -> None:
    code = (
        "from PySide6.QtCore import QUrl\nfrom PySide6.QtGui import QFileOpenEvent\n"
        "from app.startup import Program\n"
        "qt = Program([])\n"
        "qt.asked_to_open.connect(lambda request: print(request.command, request.files, flush=True))\n"
        "qt.sendEvent(qt, QFileOpenEvent(QUrl.fromLocalFile('/a/größe.png')))\n"
    )
    assert run(code, data_dir) == "raise ('/a/größe.png',)\n"


def test_the_log_tells_when_what_was_there(
    application: Application, qtbot: QtBot, formula_grey: Grey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="app.application")
    application.start_loading()
    application.controller.read(formula_grey, Origin("paste"))
    for words in (MODEL_THERE, READING_THERE):
        qtbot.waitUntil(lambda words=words: words in caplog.text, timeout=60_000)
    assert re.search(rf"{WINDOW_THERE}, after [\d.]+ s of the processor", caplog.text)


def test_what_escapes_from_a_slot_is_in_the_log(data_dir: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from PySide6.QtCore import QCoreApplication, QTimer\n"
        "from app.paths import Paths\nfrom app.startup import start_log\n"
        "paths = Paths.at(Path(sys.argv[1])); list(paths.create()); start_log(paths)\n"
        "qt = QCoreApplication([])\n"
        "QTimer.singleShot(0, lambda: 1 / 0)\n"
        "QTimer.singleShot(1, qt.quit)\n"
        "qt.exec()\n"
        "print(paths.log)\n"
    )
    log = Path(run(code, data_dir).splitlines()[-1]).read_text()
    assert "CRITICAL" in log and "ZeroDivisionError" in log and "Traceback" in log


def test_no_move_of_the_pen_is_merged_with_the_next(data_dir: Path) -> None:
    """On X11 Qt turns the merging on while the application is made: what was set before is lost."""
    code = (
        "import sys\n"
        "from PySide6.QtCore import Qt\n"
        "from app import startup\n"
        "from app.__main__ import _parser\n"
        "MERGE = Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents\n"
        "class OfX11(startup.Program):\n"
        "    def __init__(self, arguments):\n"
        "        super().__init__(arguments)\n"
        "        self.setAttribute(MERGE, True)\n"
        "def application(qt, *rest, **more):\n"
        "    print(qt.testAttribute(MERGE))\n"
        "    sys.exit(0)\n"
        "startup.Program, startup.Application = OfX11, application\n"
        "startup.run(_parser().parse_args(['--data-dir', sys.argv[1]]))\n"
    )
    assert run(code, data_dir) == "False\n"
