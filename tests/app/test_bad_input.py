"""Bad input and hard times, met by the whole app: a plain message in the window, nothing lost, no freeze."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.batch import Status
from app.batch_window import BatchWindow
from app.capture.handlers.portal import PortalHandler
from app.capture.models import Handler
from app.controller import State
from app.history import History
from app.images import MOST_PIXELS, from_grey
from app.pdf_window import PdfWindow
from app.reading import Grey, Origin
from app.settings import Settings
from tests.app.capture.conftest import RunningPortal
from tests.app.hard_times import grainy
from tests.app.pdfs import write_pdf
from tests.app.user import LEFT, MOST_WORK_S, PATIENCE_MS, PLAIN, Pulse, User, drag, drop
from tests.checks.session_program import MadeUpScreen, work
from tests.checks.session_program import tiny_checkpoint as quick_checkpoint

ROOT = Path(__file__).parents[2]
StartApp = Callable[..., User]


@pytest.fixture(scope="module")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that reads some ten tokens in any picture."""
    return quick_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, data_dir: Path, quick_model: Path) -> Iterator[StartApp]:
    """Start the app: ``start(checkpoint=..., screen=...)``. In the end it must still close, and never have frozen."""
    users: list[User] = []
    pulses: list[Pulse] = []

    def begin(checkpoint: Path = quick_model, screen: Handler | None = None) -> User:
        if not pulses:  # not before: what a test prepares is no work of the app
            pulses.append(Pulse())
        users.append(User(qtbot, qapp, data_dir, checkpoint, screen))
        return users[-1]

    yield begin
    try:
        for pulse in pulses:
            pulse.check()
    finally:
        for user in users:
            user.app.close()
            user.app.window.deleteLater()
            user.app.deleteLater()
        work(0)


@pytest.fixture
def picture(tmp_path: Path, formula_grey: Grey) -> Path:
    path = tmp_path / "größe.png"
    Image.fromarray(formula_grey).save(path)
    return path


# files of its own


def test_damaged_settings(start: StartApp, data_dir: Path, picture: Path) -> None:
    (data_dir / "settings.json").write_text('{"theme": "dark", ')
    user = start()
    assert "are damaged" in user.message and "defaults" in user.message
    asides = list(data_dir.glob("settings damaged*.json"))
    assert len(asides) == 1 and asides[0].name in user.message
    assert asides[0].read_text() == '{"theme": "dark", '
    user.read(lambda: user.choose(picture))
    user.app.remember_delay(3)
    assert json.loads((data_dir / "settings.json").read_text())["snip_delay"] == 3


def test_settings_with_impossible_values(start: StartApp, data_dir: Path) -> None:
    (data_dir / "settings.json").write_text('{"theme": "dark", "beam": 99, "window_geometry": "no base64", "later": 1}')
    user = start()
    assert "beam" in user.message and "defaults" in user.message
    assert (user.app.settings.theme, user.app.settings.beam) == ("dark", Settings().beam)


@pytest.mark.parametrize("damage", ["garbage", "hole", "empty"])
def test_damaged_history(start: StartApp, data_dir: Path, picture: Path, damage: str) -> None:
    path = data_dir / "history.sqlite3"
    before = History(path)
    for _ in range(5):
        before.add(kind="paste", name="", latex="old", confidence=1, model="m", picture_png=picture.read_bytes())
    before.close()
    content = path.read_bytes()
    half = len(content) // 2
    content = {
        "garbage": b"no database" * 999,
        "hole": content[:4096] + bytes(half) + content[4096 + half :],
        "empty": b"",
    }[damage]
    path.write_bytes(content)
    user = start()
    if content:
        assert "history was damaged" in user.message
        aside = next(data_dir.glob("history-damaged-*.sqlite3"))
        assert str(aside) in user.message and aside.read_bytes() == content
    reading = user.read(lambda: user.choose(picture))
    user.app.close()
    again = History(path)
    assert not again.problem and reading.latex in [entry.latex for entry in again.search()]
    again.close()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: cut(folder / "model.safetensors"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 5000),
        lambda folder: (folder / "config.json").write_text("{"),
        lambda folder: (folder / "vocab.txt").unlink(),
        shutil.rmtree,
    ],
    ids=["cut", "garbage", "config", "no vocabulary", "gone"],
)
def test_damaged_checkpoint(
    start: StartApp, quick_model: Path, tmp_path: Path, picture: Path, damage: Callable[[Path], object]
) -> None:
    broken = tmp_path / "broken model"
    shutil.copytree(quick_model, broken)
    damage(broken)
    user = start(checkpoint=broken)
    user.choose(picture)  # before it is known that there is no model
    user.wait_for_message("broken model")
    assert "Traceback" not in user.message
    user.wait(lambda: user.app.controller.state is State.IDLE)
    user.app.window.messages.hide()
    user.choose(picture)
    user.wait_for_message("broken model")
    assert user.shown == []
    # The rest works, another model can be chosen, and then it reads.
    user.app.draw()
    user.app.change_settings(replace(user.app.settings, checkpoint=str(quick_model)))
    assert user.read(lambda: user.choose(picture)).entry is not None


# where it may not write, or has no room


def hard_time(kind: str, folder: Path, checkpoint: Path, *prefix: str) -> dict[str, Any]:
    """What tests/app/hard_times.py says in a process of its own."""
    command = [*prefix, sys.executable, "-m", "tests.app.hard_times", kind, str(folder), str(checkpoint)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_MS / 1000, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture
def common(quick_model: Path) -> Iterator[tuple[Path, Path]]:
    """A data folder and a checkpoint that every user may enter; pytest keeps its own folders private."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        shutil.copytree(quick_model, root / "model")
        data = root / "data"
        data.mkdir()
        yield data, root / "model"
        data.chmod(0o755)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("there", [True, False], ids=["with files", "empty"])
def test_a_data_folder_that_cannot_be_written(common: tuple[Path, Path], picture: Path, there: bool) -> None:
    data, model = common
    if there:
        before = History(data / "history.sqlite3")
        before.add(kind="paste", name="", latex="old", confidence=1, model="m", picture_png=picture.read_bytes())
        before.close()
        (data / "settings.json").write_text('{"snip_delay": 5}')
    names = sorted(path.name for path in data.iterdir())
    data.chmod(0o555)
    said = hard_time("unwritable", data, model)
    assert "cannot be written" in said["told"][0] and "memory" in said["told"][0]
    assert "settings cannot be saved" in said["told"][1]
    assert said["found"] == [*said["read"], *(["old"] if there else [])]
    assert sorted(path.name for path in data.iterdir()) == names


@pytest.mark.slow
@pytest.mark.namespaces
def test_a_full_disk(common: tuple[Path, Path]) -> None:
    data, model = common
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    mount = f'mount -t tmpfs -o size=600k none "{data}" && exec "$@"'
    said = hard_time("full", data, model, *namespace, "sh", "-c", mount, "sh")
    assert said["told"][0] == ""
    assert "disk is full" in said["told"][1] and "memory" in said["told"][1]
    assert "settings cannot be saved" in said["told"][2]
    assert len(said["read"]) > 1 and said["found"] == said["read"]


def test_a_disk_that_fills_up_while_it_works(start: StartApp, data_dir: Path, picture: Path) -> None:
    user = start()
    first = user.read(lambda: user.choose(picture))
    db = user.app.history._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    grain = grainy(np.random.default_rng(0))
    second = user.read(lambda: user.app.controller.read(grain, Origin("paste")))
    assert "disk is full" in user.message and "memory" in user.message
    third = user.read(lambda: user.choose(picture))
    assert [entry.latex for entry in user.app.history.search()] == [third.latex, second.latex, first.latex]
    user.app.close()  # now there is room
    again = History(data_dir / "history.sqlite3")
    assert [entry.latex for entry in again.search()] == [third.latex, second.latex, first.latex]
    again.close()


# the screen


def test_a_monitor_that_is_unplugged_during_a_snip(start: StartApp, qapp: QApplication, formula_grey: Grey) -> None:
    user = start(screen=MadeUpScreen(from_grey(formula_grey)))
    user.wait_for_model()
    user.app.window.snip_action.trigger()
    user.wait(lambda: user.app.snipper.overlays)
    assert not user.app.window.isVisible()
    qapp.screenRemoved.emit(qapp.primaryScreen())
    user.wait_for_message("disconnected", "Snip again")
    assert not user.app.snipper.overlays and user.app.controller.state is State.IDLE
    user.app.window.snip_action.trigger()
    user.wait(lambda: user.app.snipper.overlays)
    overlay = user.app.snipper.overlays[0]
    reading = user.read(lambda: drag(overlay))
    assert reading.origin.kind == "snip"


@pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs dbus-daemon (Debian: dbus-daemon)")
def test_a_portal_that_refuses(start: StartApp, picture: Path) -> None:
    portal = RunningPortal("refuse,error,broken,decline,grant", picture)
    try:
        user = start(screen=PortalHandler(bus=portal.bus))
        user.wait_for_model()
        for words in ("refused the screenshot", "An app id is required", "no picture"):
            user.app.window.snip_action.trigger()
            user.wait_for_message(words)
            assert user.app.controller.state is State.IDLE
        user.app.window.messages.hide()
        user.app.window.snip_action.trigger()  # this time the user says no: that is no fault
        user.wait(user.app.window.isVisible)
        assert user.message == ""
        assert user.read(user.app.window.snip_action.trigger).origin.kind == "snip"
    finally:
        portal.stop()


# pictures and papers


@pytest.mark.slow
def test_a_picture_of_30000_pixels(start: StartApp, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    wide = np.full((1000, 30000), 255, np.uint8)
    ink = np.random.default_rng(0).integers(0, 120, (600, 30000), dtype=np.uint8)
    wide[200:800] = np.where(np.arange(30000) % 40 < 20, ink, 255)
    Image.fromarray(wide).save(path, compress_level=1)
    user = start()
    user.wait_for_model()
    user.choose(path)
    user.wait_for_message("30000 × 1000 pixels", "1/2")
    user.wait(lambda: user.shown)
    reading = user.shown[0]
    assert reading.picture.shape == (500, 15000) and reading.picture.size <= MOST_PIXELS
    assert reading.entry is not None and user.app.history.picture(reading.entry)
    pasted = QImage(30000, 400, QImage.Format.Format_RGB32)
    pasted.fill(Qt.GlobalColor.white)
    user.app.qt.clipboard().setImage(pasted)
    assert user.read(user.app.paste).picture.shape == (200, 15000)
    user.app.qt.clipboard().clear()


def test_a_picture_with_too_many_pixels(start: StartApp, tmp_path: Path, picture: Path) -> None:
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(bytes(99)))
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for chunk in chunks:
            file.write(struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    user = start()
    user.wait_for_model()
    before = user.read(lambda: user.choose(picture))
    user.choose(path)
    user.wait_for_message("huge.png", "too many pixels")
    assert user.app.controller.state is State.SHOWN and user.app.window.result.latex() == before.latex


def test_a_broken_pdf(start: StartApp, tmp_path: Path) -> None:
    user = start()
    whole = write_pdf(tmp_path / "whole.pdf").read_bytes()
    for name, content in {"text.pdf": b"no pdf", "empty.pdf": b"", "cut.pdf": whole[: len(whole) // 3]}.items():
        (tmp_path / name).write_bytes(content)
        user.app.window.messages.hide()
        user.choose(tmp_path / name)
        user.wait_for_message(name)
    user.choose(tmp_path / "nowhere.pdf")
    user.wait_for_message("nowhere.pdf", "cannot be opened")
    user.choose(tmp_path / "whole.pdf")
    assert user.window(PdfWindow).document.pageCount() == 3


def test_an_encrypted_pdf(start: StartApp, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "secret.pdf", password="löwe")
    user = start()
    user.choose(path)

    def asking() -> list[PdfWindow]:
        """It is not shown before it has the password; those of earlier tests may still be about."""
        windows = [one for one in user.app.qt.topLevelWidgets() if isinstance(one, PdfWindow)]
        return [one for one in windows if one.password_dialog is not None]

    user.wait(asking)
    [window] = asking()
    assert window.password_dialog is not None
    assert "encrypted" in window.password_dialog.labelText()
    first = window.password_dialog
    first.setTextValue("hund")
    first.accept()
    user.wait(lambda: window.password_dialog not in (None, first))
    assert "not the password" in window.password_dialog.labelText()
    window.password_dialog.setTextValue("löwe")
    window.password_dialog.accept()
    user.wait(window.isVisible)
    page = window.page

    def band() -> None:
        QTest.mousePress(page, LEFT, PLAIN, QPoint(5, 5))
        QTest.mouseMove(page, QPoint(page.width() // 2, page.height() // 2))
        QTest.mouseRelease(page, LEFT, PLAIN, QPoint(page.width() - 5, page.height() - 5))

    assert user.read(band).origin.name == "page 1 of secret.pdf"


@pytest.mark.slow
def test_a_drop_of_500_files_of_which_some_are_no_pictures(start: StartApp, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    blank = tmp_path / "blank.png"
    Image.new("L", (60, 40), 255).save(blank)
    paths, broken = [], set()
    for number in range(500):
        path = folder / f"{number}.{'txt' if number % 10 == 3 else 'png'}"
        if number % 10 in (3, 7):
            path.write_bytes([b"", b"no picture", picture.read_bytes()[:60]][number % 3])
            broken.add(path)
        else:
            path.write_bytes((picture if number % 10 == 5 else blank).read_bytes())
        paths.append(path)
    paths[40] = folder / "nowhere.png"
    broken.add(paths[40])
    user = start()
    drop(user, paths)
    window = user.window(BatchWindow)
    user.wait(lambda: window.batch.ended > 50)
    reading = user.read(lambda: user.choose(picture))  # a snip in between goes first
    assert window.batch.running and reading.entry is not None
    user.wait(lambda: not window.batch.running)
    states = {item.path: item.status for item in window.batch.items}
    assert {path for path, status in states.items() if status is Status.FAILED} == broken
    assert {path for path, status in states.items() if status is Status.DONE} == set(paths) - broken
    assert f"{500 - len(broken)} of 500 files read, {len(broken)} could not be read" in window.note.text()
    assert all(item.error for item in window.batch.items if item.path in broken)


def test_what_is_dropped_or_pasted_is_no_picture(start: StartApp, tmp_path: Path) -> None:
    user = start()
    text = tmp_path / "letter.txt"
    text.write_text("Dear")
    drop(user, [text])
    user.wait_for_message("letter.txt")
    drop(user, [tmp_path / "nowhere.png"])
    user.wait_for_message("nowhere.png", "does not exist")
    user.app.qt.clipboard().setText("x^2")
    user.app.paste()
    assert "no picture on the clipboard" in user.message


# before it is ready, and when it is over


def test_reading_while_the_model_still_loads(start: StartApp, picture: Path, formula_grey: Grey) -> None:
    user = start()
    assert user.app.inference.model is None
    user.choose(picture)
    assert user.app.controller.state is State.READING
    user.app.controller.read(255 - formula_grey, Origin("paste"))  # the newest wins
    user.wait(lambda: user.shown)
    assert [reading.origin.kind for reading in user.shown] == ["paste"]
    assert user.message == "" and user.app.history.count() == 1


def test_a_reading_that_ends_during_a_snip_does_not_bring_the_window_up(start: StartApp, picture: Path) -> None:
    user = start(screen=MadeUpScreen(QImage(10, 10, QImage.Format.Format_RGB32)))
    user.choose(picture)
    user.app.snip(60)  # before it was ever painted
    user.wait(lambda: user.shown)
    assert user.app.controller.state is State.CAPTURING and not user.app.window.isVisible()
    user.app.snipper.cancel()
    assert user.app.controller.state is State.SHOWN and user.app.window.isVisible()


@pytest.mark.parametrize("busy", ["loading", "reading", "opening", "folder", "snip", "delay", "password", "copying"])
def test_closing_while_it_works(
    start: StartApp,
    tiny_checkpoint: Path,
    data_dir: Path,
    picture: Path,
    tmp_path: Path,
    qapp: QApplication,
    busy: str,
) -> None:
    user = start(screen=MadeUpScreen(QImage(10, 10, QImage.Format.Format_RGB32)))
    app = user.app
    if busy != "loading":
        user.read(lambda: user.choose(picture))
        app.window.result.editor.selectAll()
        QTest.keyClicks(app.window.result.editor, "x+1")  # half a second later it would be in the history
    if busy == "loading":
        user.choose(picture)
        user.wait(app.inference._thread.isRunning)
    elif busy == "reading":
        app.inference.reload(tiny_checkpoint, "cpu")  # reads hundreds of tokens
        with user.qtbot.waitSignal(app.inference.started, timeout=PATIENCE_MS):
            app.controller.read(np.full((40, 40), 0, np.uint8), Origin("paste"))
            app.controller._inference.submit(np.eye(80, dtype=np.uint8) * 255, priority="batch")
    elif busy == "opening":
        user.choose(picture)
    elif busy == "folder":
        user.choose(*[picture, tmp_path / "nowhere.png"] * 20)
    elif busy == "snip":
        app.window.snip_action.trigger()
        user.wait(lambda: app.snipper.overlays)
    elif busy == "delay":
        app.snip(60)
    elif busy == "password":
        user.choose(write_pdf(tmp_path / "secret.pdf", password="löwe"))
    else:
        app.actions.copy("mathml")
    began = time.thread_time()
    app.window.close()
    assert time.thread_time() - began < MOST_WORK_S
    assert not app.inference._thread.isRunning()
    assert [one for one in qapp.topLevelWidgets() if one.isVisible()] == []
    work(0.05)
    work(0)  # what was under way comes to nothing
    assert json.loads((data_dir / "settings.json").read_text())["window_geometry"]
    after = History(data_dir / "history.sqlite3")
    assert [entry.text for entry in after.search()] == ([] if busy == "loading" else ["x+1"])
    after.close()
