"""The windows beside the main one, with the whole program around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QRect, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app import file_dialogs
from app.application import Application
from app.batch_window import BatchWindow
from app.history import History, HistoryError
from app.paths import Paths
from app.reading import Grey, Origin
from app.selfcheck_view import SelfCheckView
from app.settings import load
from app.table_export import KINDS

WAIT = 60_000


@pytest.fixture
def start(
    qapp: QApplication, qtbot: QtBot, data_dir: Path, tiny_checkpoint: Path
) -> Iterator[Callable[[], Application]]:
    """Starts the whole program in the same folder, as often as wanted."""
    made: list[Application] = []

    def begin() -> Application:
        made.append(Application(qapp, Paths.at(data_dir), checkpoint=tiny_checkpoint, device="cpu"))
        with qtbot.waitSignal(made[-1].inference.loaded, timeout=WAIT):
            made[-1].show([])
        return made[-1]

    yield begin
    for application in made:
        application.close()
    file_dialogs.begin_in("")


@pytest.fixture
def folder(tmp_path: Path, formula_grey: Grey) -> Path:
    made = tmp_path / "Bilder"
    made.mkdir()
    for number in (1, 2):
        Image.fromarray(formula_grey[:, : 100 + number]).save(made / f"{number}.png")
    return made


def window_of(qtbot: QtBot, kind: type) -> object:
    def found() -> list[object]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=WAIT)
    return found()[0]


def correct(application: Application, grey: Grey, latex: str) -> int:
    from app.images import from_grey, png

    return application.history.add(
        kind="snip", name="", latex="x", edited=latex, confidence=0.5, model="m", picture_png=png(from_grey(grey))
    )


def test_readings_of_a_folder_are_in_the_history(
    qtbot: QtBot, start: Callable[[], Application], folder: Path, formula_grey: Grey
) -> None:
    application = start()
    application.windows.open_folder([folder])
    window = window_of(qtbot, BatchWindow)
    assert isinstance(window, BatchWindow)
    qtbot.waitUntil(lambda: not window.batch.running, timeout=WAIT)
    entries = application.history.search()
    assert [(entry.kind, entry.name) for entry in entries] == [("folder", "2.png"), ("folder", "1.png")]
    assert [entry.latex for entry in reversed(entries)] == [item.latex for item in window.batch.items]
    assert application.inference.model is not None and entries[0].model == application.inference.model.name
    # A double click shows that reading, and makes no second one.
    number = window.batch.items[0].entry
    assert number is not None
    with qtbot.waitSignal(application.controller.shown, timeout=WAIT):
        window.entry_opened.emit(number, 0)
    assert application.controller.reading is not None and application.controller.reading.entry == number
    assert application.history.count() == 2
    # One that was deleted meanwhile is read from its file.
    application.history.delete([number])
    with qtbot.waitSignal(application.controller.shown, timeout=WAIT):
        window.entry_opened.emit(number, 0)
    assert application.controller.reading.origin == Origin("folder", "1.png")
    # Without a history nothing is kept.
    application.controller.keep_history = False
    count = application.history.count()
    Image.fromarray(formula_grey).save(folder / "3.png")
    application.windows.open_folder([folder])
    qtbot.waitUntil(lambda: not window.batch.running and len(window.batch.items) == 3, timeout=WAIT)
    assert application.history.count() == count and window.batch.items[2].latex


def test_the_comparison_is_drawn_beside_the_window(
    qtbot: QtBot, start: Callable[[], Application], formula_grey: Grey
) -> None:
    application = start()
    with qtbot.waitSignal(application.controller.shown, timeout=WAIT):
        application.controller.read(formula_grey, Origin("file", "a.png"))
    application.window.result.editor.set_text(r"\frac{a}{b}")
    application.windows.open_comparison()
    assert not [one for one in QApplication.topLevelWidgets() if isinstance(one, SelfCheckView) and one.isVisible()]
    assert window_of(qtbot, SelfCheckView)


def test_places_of_windows_and_the_last_folder_are_remembered(
    qtbot: QtBot, start: Callable[[], Application], folder: Path, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    application = start()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    application.windows.choose_folder()
    window = window_of(qtbot, BatchWindow)
    assert isinstance(window, BatchWindow)
    qtbot.waitUntil(lambda: not window.batch.running, timeout=WAIT)
    window.setGeometry(QRect(40, 50, 701, 402))
    application.close()
    window.deleteLater()
    settings, problem = load(Paths.at(data_dir).settings)
    assert problem is None and settings.last_folder == str(folder) and settings.layout["folder"]
    file_dialogs.begin_in("")
    again = start()
    begun: list[str] = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda _, __, beginning, ___: (begun.append(beginning), ("", ""))[1]
    )
    again.windows.export_history([])
    assert begun == [str(folder / "formulas.csv")]
    again.windows.open_folder([])
    other = window_of(qtbot, BatchWindow)
    assert isinstance(other, BatchWindow) and other.size().toTuple() == (701, 402)


def test_corrections_are_exported_while_the_window_lives_on(
    qtbot: QtBot, start: Callable[[], Application], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, formula_grey: Grey
) -> None:
    application = start()
    for number in range(30):
        correct(application, np.roll(formula_grey, number, axis=1), f"x + {number}")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    beats: list[int] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(len(list(tmp_path.glob("formula_images/*.png")))))
    heart.start(0)
    with qtbot.waitSignal(application.windows.told, timeout=WAIT) as got:
        application.windows.export_corrections()
        assert not list(tmp_path.glob("formula_images/*.png"))
    heart.stop()
    assert got.args[0].startswith("30 corrected readings")
    assert len(set(beats)) > 5, "the window had its turns in between"
    assert len((tmp_path / "im2latex_train.lst").read_text().splitlines()) == 30


def test_an_export_that_the_history_refuses_is_told(
    qtbot: QtBot, start: Callable[[], Application], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    application = start()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a.csv"), ""))

    def refuse(*_: object) -> None:
        raise HistoryError("Another program is using the history.")

    monkeypatch.setattr(History, "many", refuse)
    with qtbot.waitSignal(application.windows.failed, timeout=WAIT) as got:
        application.windows.export_history([1])
    assert "Another program" in got.args[0] and not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("typed", "kind", "written"),
    [
        ("a.json", "CSV (*.csv)", "a.json"),
        ("a.MARKDOWN", "CSV (*.csv)", "a.MARKDOWN"),
        ("task 1.2", "JSON (*.json)", "task 1.2.json"),
        ("a", "", "a.csv"),
    ],
)
def test_a_name_without_ending_gets_that_of_the_kind(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, kind: str, written: str
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    asked: list[str] = []

    def answer(button: QMessageBox.StandardButton) -> None:
        monkeypatch.setattr(QMessageBox, "question", lambda _, __, text, *buttons: (asked.append(text), button)[1])

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), kind))
    answer(QMessageBox.StandardButton.No)
    assert file_dialogs.ask_save(parent, "Save", "x.csv", KINDS) == tmp_path / written
    assert not asked
    (tmp_path / written).touch()
    unseen = typed != written  # the system's dialog has asked for the others
    assert file_dialogs.ask_save(parent, "Save", "x.csv", KINDS) == (None if unseen else tmp_path / written)
    answer(QMessageBox.StandardButton.Yes)
    assert file_dialogs.ask_save(parent, "Save", "x.csv", KINDS) == tmp_path / written
    assert len(asked) == 2 * unseen and all(written in text for text in asked)
