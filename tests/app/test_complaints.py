"""What people complain of in such programs, where no other test answers it; docs/complaints.md names them all."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.application import Application
from app.capture.overlay import window_flags
from app.controller import State
from app.images import from_grey, to_grey
from app.inference import Inference
from app.paths import Paths
from app.reading import Grey, Origin

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "complaints.md"
SHIPPED = ("app", "core_model", "resources")
NETWORK = {"aiohttp", "asyncio", "ftplib", "http", "httpx", "requests", "smtplib", "socket", "ssl", "urllib.request"}
LOCAL_ONLY = {"QLocalServer", "QLocalSocket"}
OTHER_QT = {"PyQt5", "PyQt6", "PySide2", "qtpy", "matplotlib.pyplot"}
"""pyplot chooses a Qt of its own accord."""


def imports() -> set[str]:
    """All that the shipped code imports: modules, and modules with the name taken from them."""
    found = set()
    for path in (path for package in SHIPPED for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.fixture
def application(qapp: QApplication, qtbot: QtBot, data_dir: Path, tiny_checkpoint: Path) -> Iterator[Application]:
    """The whole program in a folder with a name beyond ASCII, its window shown and its model loaded."""
    made = Application(qapp, Paths.at(data_dir), checkpoint=tiny_checkpoint, device="cpu")
    with qtbot.waitSignal(made.inference.loaded, timeout=120_000):
        made.show([])
    yield made
    made.close()


def test_every_test_that_the_table_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE.read_text(encoding="utf-8")))
    assert len(named) > 50
    absent = {f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text("utf-8")}
    assert not absent


def test_the_table_has_no_line_without_an_answer() -> None:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    answers = [line.rsplit(" | ", 1)[1].removesuffix(" |") for line in lines]
    assert len(answers) > 40
    assert not [line for line, answer in zip(lines, answers, strict=True) if answer != "Test" and "::" not in answer]


def test_pictures_of_qt_are_read_by_their_pixels(formula_grey: Grey) -> None:
    plain = from_grey(formula_grey)
    fine = QImage(plain)
    fine.setDevicePixelRatio(2.0)
    assert np.array_equal(to_grey(fine), formula_grey)
    # Ink on nothing, as some programs copy it: dark, and pale for dark pages.
    for ink in ("black", "white"):
        clear = QImage(plain.size(), QImage.Format.Format_ARGB32_Premultiplied)
        clear.fill(QColor(ink))
        mask = QImage(plain)
        mask.invertPixels()
        clear.setAlphaChannel(mask)
        read = to_grey(clear).astype(int)
        there, ground = read[formula_grey == 0], read[formula_grey == 255]
        assert abs(there.mean() - ground.mean()) > 200


def test_window_managers_leave_the_overlay_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    flags = window_flags()
    for flag in ("X11BypassWindowManagerHint", "FramelessWindowHint", "WindowStaysOnTopHint"):
        assert flags & Qt.WindowType[flag]


def test_the_window_does_not_wait_for_slow_libraries(tmp_path: Path) -> None:
    """In a fresh process the whole program is built and its window painted, up to where the model would be loaded."""
    slow = ("torch", "ziamath", "matplotlib", "sympy", "antlr4", "PySide6.QtPdf")
    code = f"""
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from app.application import Application
from app.paths import Paths

qt = QApplication([])
paths = Paths.at(Path({str(tmp_path)!r}))
paths.create()
application = Application(qt, paths)
application.start_loading = lambda: None
application.window.first_painted.connect(lambda: print("painted"))
application.window.first_painted.connect(qt.quit)
application.show([])
qt.exec()
print([name for name in {slow} if name in sys.modules])
"""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.splitlines() == ["painted", "[]"], done.stdout + done.stderr


def test_nothing_shipped_can_talk_to_the_network() -> None:
    found = imports()
    assert not {name for name in found if within(name, NETWORK)}
    from_qt = {name.removeprefix("PySide6.QtNetwork").removeprefix(".") for name in found if "QtNetwork" in name}
    assert from_qt - {""} == LOCAL_ONLY


def test_there_is_one_qt() -> None:
    assert not {name for name in imports() if within(name, OTHER_QT)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    qt = {re.split(r"[<>=!~;\[ ]", line)[0] for line in lines if re.match(r"(?i)py(qt|side)\d", line)}
    assert qt == {"PySide6_Essentials", "PySide6_Pdf"}


def test_the_clipboard_is_the_users_until_they_ask(
    qtbot: QtBot, application: Application, formula_grey: Grey, data_dir: Path
) -> None:
    clipboard = QApplication.clipboard()
    clipboard.setText("mine")
    with qtbot.waitSignal(application.controller.others_found, timeout=120_000):
        application.controller.read(formula_grey, Origin("file", "größe.png"))
    reading = application.controller.reading
    assert reading is not None and reading.latex
    assert clipboard.text() == "mine"
    application.window.copy_action.trigger()
    assert clipboard.text() == reading.latex
    application.close()
    assert {"settings.json", "history.sqlite3"} <= {path.name for path in data_dir.iterdir()}


def test_the_keys_that_people_expect(qtbot: QtBot, application: Application, formula_grey: Grey) -> None:
    window = application.window
    qtbot.waitActive(window)
    QApplication.clipboard().setImage(from_grey(formula_grey))
    with qtbot.waitSignal(application.controller.shown, timeout=120_000):
        QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert application.controller.reading is not None
    QTest.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == application.controller.reading.latex
    QTest.keyClick(window, Qt.Key.Key_F2)
    assert application.controller.state is State.CAPTURING
    application.snipper.cancel()
    assert application.controller.state is State.SHOWN


def test_a_damaged_settings_file_does_not_stop_the_start(
    qapp: QApplication, qtbot: QtBot, data_dir: Path, tiny_checkpoint: Path
) -> None:
    paths = Paths.at(data_dir)
    paths.settings.write_bytes(b'{"theme": "dark", "hot\x00')
    application = Application(qapp, paths, checkpoint=tiny_checkpoint, device="cpu")
    try:
        with qtbot.waitSignal(application.inference.loaded, timeout=120_000):
            application.show([])
        assert application.window.isVisible() and application.window.messages.isVisible()
        assert list(data_dir.glob("settings damaged *.json"))
    finally:
        application.close()


def test_the_window_lives_on_while_a_picture_is_read(qtbot: QtBot, tiny_checkpoint: Path, formula_grey: Grey) -> None:
    inference = Inference(tiny_checkpoint, "cpu")
    beats: list[bool] = []
    reading = False
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(reading))
    try:
        with qtbot.waitSignal(inference.loaded, timeout=120_000):
            inference.start()
        heart.start(0)
        with qtbot.waitSignal(inference.started, timeout=120_000):
            inference.submit(np.tile(formula_grey, (3, 6)), beam=8)
        reading = True
        with qtbot.waitSignal(inference.recognized, timeout=120_000):
            pass
        assert beats.count(True) > 3
    finally:
        heart.stop()
        inference.stop()
