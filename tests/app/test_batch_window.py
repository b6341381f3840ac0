"""The folder window, driven by keys, the mouse and a drop."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from app.batch import Status
from app.batch_window import CONFIDENCE, LATEX, NAME, PICTURE, STATUS, BatchWindow
from app.inference import Inference
from app.reading import Grey
from core_model.errors import FormulensError

WAIT = 60_000


@pytest.fixture
def window(qtbot: QtBot, tiny_checkpoint: Path) -> Iterator[BatchWindow]:
    inference = Inference(tiny_checkpoint, "cpu")
    inference.start()
    made = BatchWindow(inference)
    qtbot.addWidget(made)
    QAbstractItemModelTester(made.table.model(), QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.stop()
    inference.stop()


@pytest.fixture
def folder(data_dir: Path, formula_grey: Grey) -> Path:
    for number in (1, 2, 10):
        Image.fromarray(formula_grey[:, : 60 + 5 * number]).save(data_dir / f"{number}.png")
    (data_dir / "broken.png").write_bytes(b"\x89PNG no")
    return data_dir


@pytest.fixture
def read(qtbot: QtBot, window: BatchWindow, folder: Path) -> BatchWindow:
    """The window with the folder read."""
    with qtbot.waitSignal(window.batch.finished, timeout=WAIT):
        window.start([folder])
    return window


def text(window: BatchWindow, row: int, column: int) -> str:
    model = window.table.model()
    return str(model.data(model.index(row, column)) or "")


def test_the_table_tells_what_became_of_each_file(read: BatchWindow) -> None:
    assert [text(read, row, NAME) for row in range(4)] == ["1.png", "2.png", "10.png", "broken.png"]
    item = read.batch.items[0]
    assert text(read, 0, LATEX) == item.latex
    assert text(read, 0, CONFIDENCE) == f"{100 * item.confidence:.0f} %" and text(read, 3, CONFIDENCE) == ""
    assert "not a picture" in text(read, 3, STATUS) or "damaged" in text(read, 3, STATUS)
    model = read.table.model()
    assert model.data(model.index(0, PICTURE), Qt.ItemDataRole.DecorationRole) is not None
    assert "3 of 4" in read.note.text() and "1 could not be read" in read.note.text()
    assert not read.bar.isVisible() and not read.cancel_button.isEnabled() and read.export_button.isEnabled()


def test_a_double_click_or_enter_opens_the_picture(qtbot: QtBot, read: BatchWindow, folder: Path) -> None:
    place = read.table.visualRect(read.table.model().index(1, NAME)).center()
    with qtbot.waitSignal(read.opened, timeout=WAIT) as got:
        QTest.mouseClick(read.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseDClick(read.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    grey, name = got.args
    assert name == "2.png" and np.array_equal(grey, np.asarray(Image.open(folder / "2.png")))
    with qtbot.waitSignal(read.opened, timeout=WAIT) as got:
        QTest.keyClick(read.table, Qt.Key.Key_Return)
    assert got.args[1] == "2.png"


def test_a_file_that_is_gone_by_then_is_told_of(qtbot: QtBot, read: BatchWindow, folder: Path) -> None:
    (folder / "1.png").unlink()
    read.table.setCurrentIndex(read.table.model().index(0, NAME))
    with qtbot.assertNotEmitted(read.opened):
        QTest.keyClick(read.table, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: "does not exist" in read.note.text(), timeout=WAIT)


def test_sorting_orders_table_and_export(read: BatchWindow, data_dir: Path) -> None:
    read.table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
    names = [text(read, row, NAME) for row in range(4)]
    assert names == ["broken.png", "10.png", "2.png", "1.png"]
    target = data_dir / "Liste.csv"
    read.export(target)
    with target.open(encoding="utf-8-sig", newline="") as stream:
        written = list(csv.reader(stream))
    assert [line[0] for line in written[1:]] == names
    for ending in (".json", ".md", ".tex"):
        read.export(data_dir / f"list{ending}")
        assert "10.png" in (data_dir / f"list{ending}").read_text(encoding="utf-8").replace("\\", "")
    with pytest.raises(FormulensError, match="must end in"):
        read.export(data_dir / "list.doc")


def test_copy_takes_the_latex_of_the_chosen_rows(read: BatchWindow) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    read.batch.items[:2] = [replace(item, latex=latex) for item, latex in zip(read.batch.items, "xy", strict=False)]
    read.table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
    read.table.setCurrentIndex(read.table.model().index(0, NAME))
    QTest.keyClick(read.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == "before", "a file that could not be read has no LaTeX"
    read.table.selectAll()
    QTest.keyClick(read.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == "\n".join(filter(None, [read.batch.items[2].latex, "y", "x"]))


def test_escape_cancels_and_then_closes(qtbot: QtBot, window: BatchWindow, folder: Path) -> None:
    with qtbot.waitSignal(window.batch.finished, timeout=WAIT):
        window.start([folder])
        QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.isVisible() and not window.batch.running
    assert all(item.ended for item in window.batch.items)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_a_second_folder_joins_the_first_until_the_list_is_cleared(
    qtbot: QtBot, read: BatchWindow, tmp_path: Path, formula_grey: Grey
) -> None:
    before = list(read.batch.items)
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(formula_grey).save(other / "z.png")
    with qtbot.waitSignal(read.batch.finished, timeout=WAIT):
        read.start([other])
    assert read.batch.items[:3] == before[:3] and read.batch.items[-1].path == other / "z.png"
    QTest.mouseClick(read.clear_button, Qt.MouseButton.LeftButton)
    assert read.table.model().rowCount() == 0 and not read.clear_button.isEnabled()
    assert not read.export_button.isEnabled() and "Drop pictures" in read.note.text()


def test_closing_the_window_stops_the_reading(qtbot: QtBot, window: BatchWindow, folder: Path) -> None:
    window.start([folder])
    window.close()
    assert not window.batch.running


@pytest.mark.filterwarnings("ignore:Function. 'QDragEnterEvent:DeprecationWarning")
def test_dropped_files_join_the_list(qtbot: QtBot, read: BatchWindow, folder: Path, formula_grey: Grey) -> None:
    more = folder / "more.png"
    Image.fromarray(formula_grey).save(more)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(more)), QUrl.fromLocalFile(str(folder / "1.png"))])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), copy, data, left, none)
    QGuiApplication.sendEvent(read, enter)
    assert enter.isAccepted()
    with qtbot.waitSignal(read.batch.finished, timeout=WAIT):
        QGuiApplication.sendEvent(read, QDropEvent(QPointF(50, 50), copy, data, left, none))
    assert [item.path.name for item in read.batch.items] == ["1.png", "2.png", "10.png", "broken.png", "more.png"]
    assert read.batch.items[-1].status is Status.DONE


def test_a_folder_without_pictures_says_so(qtbot: QtBot, window: BatchWindow, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    window.start([tmp_path / "empty"])
    assert "no pictures" in window.note.text() and not window.export_button.isEnabled()
