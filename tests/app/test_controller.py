"""The flow: each way in ends in a reading and in the history; fixing goes on from a prefix; a fault is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QObject, QUrl, Signal
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from app.capture import Snipper
from app.capture.models import Handler
from app.controller import Controller, State
from app.history import History
from app.images import from_grey, png
from app.inference import Inference
from app.reading import Grey, Origin, Reading
from core_model import symbol_net
from core_model.config import SYMBOL_PRESETS
from core_model.ink import Ink, Stroke
from core_model.recognizer import RecognizeOptions, Recognizer
from core_model.symbol_classifier import SymbolClassifier
from core_model.symbol_net import SymbolNet
from tests.app.readings import make_reading


class GivenPicture(Handler):
    """A way to take pictures that gives what it is told, at once, as the desktop portal does."""

    name = "given"

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.answer: QImage | str | None = None

    def is_compatible(self) -> bool:
        return True

    def grab(self) -> None:
        if isinstance(self.answer, QImage):
            self.selected.emit(self.answer)
        elif isinstance(self.answer, str):
            self.failed.emit(self.answer)
        else:
            self.cancelled.emit()


class Ear(QObject):
    """Keeps what a controller says."""

    heard = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self.readings: list[Reading] = []
        self.faults: list[str] = []
        self.others: list[tuple[object, ...]] = []
        self.states: list[State] = []
        controller.shown.connect(self.readings.append)
        controller.failed.connect(self.faults.append)
        controller.others_found.connect(self.others.append)
        controller.state_changed.connect(self.states.append)


@pytest.fixture
def history(data_dir: Path) -> Iterator[History]:
    made = History(data_dir / "history.sqlite3")
    yield made
    made.close()


@pytest.fixture
def handler() -> GivenPicture:
    return GivenPicture()


@pytest.fixture
def controller(qtbot: QtBot, tiny_checkpoint: Path, history: History, handler: GivenPicture) -> Iterator[Controller]:
    inference = Inference(tiny_checkpoint, "cpu")
    made = Controller(inference, history, Snipper(handler=handler, settle_ms=0))
    inference.start()
    yield made
    made.stop()
    inference.stop()


@pytest.fixture
def ear(controller: Controller) -> Ear:
    return Ear(controller)


def wait_for(qtbot: QtBot, ear: Ear, count: int = 1) -> Reading:
    qtbot.waitUntil(lambda: len(ear.readings) >= count, timeout=120_000)
    return ear.readings[-1]


def test_a_picture_becomes_a_reading_and_a_row_of_the_history(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey, tiny_recognizer: Recognizer
) -> None:
    controller.read(formula_grey, Origin("file", "größe.png"))
    reading = wait_for(qtbot, ear)
    assert reading.latex == tiny_recognizer.recognize(formula_grey, RecognizeOptions()).latex
    assert reading.entry is not None
    entry = history.get(reading.entry)
    assert entry is not None
    assert (entry.kind, entry.name, entry.latex) == ("file", "größe.png", reading.latex)
    assert history.picture(reading.entry).startswith(b"\x89PNG")
    assert ear.states == [State.READING, State.SHOWN]


def test_other_readings_come_after_the_quick_one(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey
) -> None:
    controller.read(formula_grey, Origin("paste"))
    reading = wait_for(qtbot, ear)
    qtbot.waitUntil(lambda: bool(ear.others), timeout=120_000)
    assert reading.latex not in [one.latex for one in ear.others[0]]  # type: ignore[attr-defined]


def test_a_snip_is_read_and_can_be_given_up_or_refused(
    qtbot: QtBot, controller: Controller, ear: Ear, handler: GivenPicture, formula_grey: Grey
) -> None:
    handler.answer = from_grey(formula_grey)
    controller.start_snip()
    reading = wait_for(qtbot, ear)
    assert reading.origin.kind == "snip"
    assert reading.original is not None and reading.original.size().toTuple() == formula_grey.shape[::-1]
    handler.answer = None
    controller.start_snip()
    qtbot.waitUntil(lambda: controller.state is State.SHOWN and ear.states[-2] is State.CAPTURING, timeout=5000)
    handler.answer = "The desktop refused."
    controller.start_snip()
    qtbot.waitUntil(lambda: ear.faults == ["The desktop refused."], timeout=5000)
    assert controller.state is State.SHOWN and len(ear.readings) == 1


def test_files_go_where_they_belong(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey, tmp_path: Path
) -> None:
    picture, text, paper = tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.PDF"
    from_grey(formula_grey).save(str(picture))
    text.write_text("no picture")
    controller.read_files([picture])
    assert wait_for(qtbot, ear).origin == Origin("file", "a.png")
    controller.read_files([text])
    qtbot.waitUntil(lambda: len(ear.faults) == 1, timeout=120_000)
    assert "b.png" in ear.faults[0]
    with qtbot.waitSignal(controller.pdf_given) as pdf:
        controller.read_files([paper])
    assert pdf.args == [paper]
    with qtbot.waitSignal(controller.ink_given) as ink:
        controller.read_files([tmp_path / "d.inkml"])
    assert ink.args == [tmp_path / "d.inkml"]
    with qtbot.waitSignal(controller.several_files) as several:
        controller.read_files([picture, text])
    assert several.args == [[picture, text]]
    with qtbot.waitSignal(controller.several_files):
        controller.read_files([tmp_path])


def test_what_is_pasted_is_read(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey, tmp_path: Path
) -> None:
    data = QMimeData()
    assert not controller.read_mime(data, "paste")
    data.setImageData(from_grey(formula_grey))
    assert controller.read_mime(data, "paste")
    assert wait_for(qtbot, ear).origin.kind == "paste"
    path = tmp_path / "ä.png"
    from_grey(formula_grey).save(str(path))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    assert controller.read_mime(data, "paste")
    assert wait_for(qtbot, ear, 2).origin == Origin("file", "ä.png")


def test_another_token_changes_the_rest_as_decoding_from_there_does(
    qtbot: QtBot,
    controller: Controller,
    ear: Ear,
    history: History,
    formula_grey: Grey,
    tiny_checkpoint: Path,
) -> None:
    controller.read(formula_grey, Origin("file"))
    first = wait_for(qtbot, ear)
    recognizer = Recognizer.load(tiny_checkpoint, "cpu")
    tokens = [token.text for token in first.recognition.tokens]
    choices = {token.text for token in first.recognition.tokens[1].alternatives} - {tokens[1]}
    for choice in sorted(choices):
        prefix = (tokens[0], choice)
        expected = recognizer.recognize(formula_grey, RecognizeOptions(prefix=prefix))
        later = [token.text for token in expected.tokens[2:]]
        if later != tokens[2:]:
            break
    else:
        pytest.fail("no choice changes what follows: this model shows nothing")
    controller.fix(1, choice)
    fixed = wait_for(qtbot, ear, 2)
    assert [token.text for token in fixed.recognition.tokens] == [*prefix, *later]
    assert fixed.entry == first.entry
    assert first.entry is not None
    entry = history.get(first.entry)
    assert entry is not None and (entry.latex, entry.edited) == (first.latex, fixed.latex)


def test_an_edit_is_kept_after_a_pause_and_at_the_end(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey
) -> None:
    controller.read(formula_grey, Origin("file"))
    reading = wait_for(qtbot, ear)
    assert reading.entry is not None
    controller.edit("x + 1")
    qtbot.waitUntil(lambda: history.get(reading.entry or 0).text == "x + 1", timeout=5000)  # type: ignore[union-attr]
    controller.edit("x + 2")
    controller.save_edit()
    assert [entry.text for entry in history.corrections()] == ["x + 2"]
    controller.edit(reading.latex)
    controller.save_edit()
    assert history.corrections() == []


def test_an_entry_is_shown_again_with_its_edit_and_read_anew_without(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey
) -> None:
    controller.read(formula_grey, Origin("file", "a.png"))
    reading = wait_for(qtbot, ear)
    assert reading.entry is not None
    controller.edit("y")
    controller.open_entry(reading.entry)
    again = wait_for(qtbot, ear, 2)
    assert (again.latex, again.entry, again.origin) == ("y", reading.entry, reading.origin)
    assert np.array_equal(again.picture, formula_grey)
    assert history.count() == 1
    controller.rerun_entry(reading.entry)
    anew = wait_for(qtbot, ear, 3)
    assert anew.latex == reading.latex and anew.entry != reading.entry
    assert history.count() == 2
    controller.open_entry(77)
    assert len(ear.faults) == 1


def drawing(*lines: tuple[int, int, int, int]) -> Ink:
    strokes = tuple(Stroke(np.linspace(line[:2], line[2:], 20, dtype=np.float64)) for line in lines)
    return Ink(strokes)


def test_a_drawing_that_goes_on_stays_one_row(qtbot: QtBot, controller: Controller, ear: Ear, history: History) -> None:
    controller.read_ink(drawing())
    controller.read_ink(drawing((0, 0, 100, 100)))
    first = wait_for(qtbot, ear)
    assert first.origin.kind == "ink" and first.ink is not None
    controller.read_ink(drawing((0, 0, 100, 100), (100, 0, 0, 100)))
    second = wait_for(qtbot, ear, 2)
    assert second.entry == first.entry and history.count() == 1
    assert second.entry is not None and history.ink(second.entry)
    controller.read_ink(drawing((5, 0, 100, 90)))
    assert wait_for(qtbot, ear, 3).entry != first.entry
    assert history.count() == 2


def test_blank_pictures_and_a_switched_off_history_leave_no_row(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey
) -> None:
    controller.read(np.full((40, 60), 255, np.uint8), Origin("paste"))
    assert wait_for(qtbot, ear).recognition.blank
    controller.keep_history = False
    controller.read(formula_grey, Origin("paste"))
    assert wait_for(qtbot, ear, 2).entry is None
    assert history.count() == 0


@pytest.fixture
def symbols(tmp_path: Path) -> Path:
    """A classifier of lone symbols with random weights."""
    torch.manual_seed(3)
    classes = ("+", r"\times", r"\alpha", "x", "-", r"\Sigma")
    network = SymbolNet(SYMBOL_PRESETS["symbol-tiny"], len(classes)).eval()
    symbol_net.save(tmp_path / "symbols", network, classes, "Names symbols.\n")
    return tmp_path / "symbols"


LONE = Ink((Stroke(np.array([(0.0, 0.0), (50.0, 50.0)])), Stroke(np.array([(50.0, 0.0), (0.0, 50.0)]))))
TWO = Ink((*LONE.strokes, *(Stroke(stroke.points + np.array([80.0, 0.0])) for stroke in LONE.strokes)))


@pytest.fixture
def naming(
    qtbot: QtBot, tiny_checkpoint: Path, symbols: Path, history: History, handler: GivenPicture
) -> Iterator[Controller]:
    inference = Inference(tiny_checkpoint, "cpu", symbols=symbols)
    made = Controller(inference, history, Snipper(handler=handler, settle_ms=0))
    inference.start()
    yield made
    made.stop()
    inference.stop()


def test_a_lone_symbol_is_named_and_a_formula_is_not(qtbot: QtBot, naming: Controller, symbols: Path) -> None:
    ear, found = Ear(naming), []
    naming.symbols_found.connect(found.append)
    naming.read_ink(TWO)
    wait_for(qtbot, ear)
    qtbot.waitUntil(lambda: bool(ear.others), timeout=120_000)
    assert not found
    naming.read_ink(LONE)
    wait_for(qtbot, ear, 2)
    qtbot.waitUntil(lambda: bool(found), timeout=120_000)
    expected = SymbolClassifier.load(symbols).classify(LONE)
    assert [(one.latex, one.confidence) for one in found[0]] == [(one.latex, one.probability) for one in expected]
    naming._inference.named.emit(7, expected)  # of a drawing that is gone
    assert len(found) == 1 and len(found[0]) == 5


def test_a_damaged_classifier_is_told_once_and_reading_goes_on(qtbot: QtBot, naming: Controller, symbols: Path) -> None:
    (symbols / "model.safetensors").write_bytes(b"short")
    ear, told = Ear(naming), []
    naming._inference.symbols_failed.connect(told.append)
    for count in (1, 2):
        naming.read_ink(LONE)
        wait_for(qtbot, ear, count)
        qtbot.waitUntil(lambda wanted=count: len(ear.others) == wanted, timeout=120_000)
    assert len(told) == 1 and "damaged" in told[0] and not ear.faults
    assert naming._inference.model is not None and naming._inference.model.symbols is None


def test_a_drawing_that_was_corrected_or_starred_keeps_its_row(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History
) -> None:
    one, two = (0, 0, 100, 100), (100, 0, 0, 100)
    controller.read_ink(drawing(one))
    first = wait_for(qtbot, ear)
    assert first.entry is not None
    controller.edit("mine")  # and the next stroke comes before the edit is kept
    controller.read_ink(drawing(one, two))
    second = wait_for(qtbot, ear, 2)
    assert second.entry is not None and second.entry != first.entry
    kept = history.get(first.entry)
    assert kept is not None and kept.edited == "mine"
    history.favourite(second.entry, True)
    controller.read_ink(drawing(one))
    third = wait_for(qtbot, ear, 3)
    assert third.entry not in (first.entry, second.entry) and history.count() == 3


def test_a_drawing_that_goes_on_after_its_row_was_deleted_gets_another(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History
) -> None:
    controller.read_ink(drawing((0, 0, 100, 100)))
    first = wait_for(qtbot, ear)
    assert first.entry is not None
    history.delete([first.entry])
    controller.read_ink(drawing((0, 0, 100, 100), (100, 0, 0, 100)))
    second = wait_for(qtbot, ear, 2)
    assert second.entry is not None and history.get(second.entry) is not None and history.count() == 1


def test_a_drawing_is_read_again_as_a_new_reading(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History
) -> None:
    controller.read_ink(drawing((0, 0, 100, 100)))
    first = wait_for(qtbot, ear)
    assert first.entry is not None
    controller.rerun_entry(first.entry)
    assert wait_for(qtbot, ear, 2).entry != first.entry
    assert history.count() == 2
    history._db.execute("UPDATE pictures SET ink = '{' WHERE id = ?", (first.entry,))
    controller.rerun_entry(first.entry)
    assert "damaged" in ear.faults[0]


def test_the_history_names_the_model_that_read(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey
) -> None:
    number = controller.keep_apart(make_reading(), "another (9)", png(from_grey(formula_grey)))
    controller.read(formula_grey, Origin("paste"))
    controller._inference.model = None  # as while the next one loads
    assert wait_for(qtbot, ear).entry is not None
    assert [entry.model for entry in history.search()] == ["tiny (7)", "another (9)"]
    assert number is not None and controller.reading is not None and controller.reading.entry != number


def test_a_token_fixed_while_another_picture_is_read_does_not_lose_it(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey
) -> None:
    told: list[str] = []
    controller.told.connect(told.append)
    controller.read(formula_grey, Origin("paste"))
    wait_for(qtbot, ear)
    controller.read(255 - formula_grey, Origin("file", "next.png"))
    controller.fix(0, "x")
    assert "Another picture is being read" in told[0]
    assert wait_for(qtbot, ear, 2).origin.name == "next.png"


def test_a_fix_that_replaces_what_was_typed_says_so(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey
) -> None:
    told: list[str] = []
    controller.told.connect(told.append)
    controller.read(formula_grey, Origin("paste"))
    first = wait_for(qtbot, ear)
    controller.fix(0, first.recognition.tokens[0].text)
    wait_for(qtbot, ear, 2)
    assert told == []
    controller.edit("typed by hand")
    controller.fix(0, first.recognition.tokens[0].text)
    wait_for(qtbot, ear, 3)
    assert len(told) == 1 and "Ctrl+Z" in told[0]


def test_the_search_for_other_readings_ends_in_any_case(
    qtbot: QtBot, controller: Controller, ear: Ear, formula_grey: Grey
) -> None:
    pending: list[bool] = []
    controller.others_pending.connect(pending.append)
    controller.read(formula_grey, Origin("paste"))
    first = wait_for(qtbot, ear)
    assert pending == [True] and ear.others == []
    controller.fix(0, "\\nosuch")
    qtbot.waitUntil(lambda: len(ear.faults) == 1, timeout=120_000)
    assert pending == [True, False]
    controller.fix(0, first.recognition.tokens[0].text)  # before it ever had any
    wait_for(qtbot, ear, 2)
    qtbot.waitUntil(lambda: bool(ear.others), timeout=120_000)
    assert pending == [True, False, True]
    controller.fix(0, first.recognition.tokens[0].text)
    wait_for(qtbot, ear, 3)
    assert pending == [True, False, True]


def test_an_edit_is_not_lost_to_the_next_one(
    qtbot: QtBot, controller: Controller, ear: Ear, history: History, formula_grey: Grey
) -> None:
    controller.read(formula_grey, Origin("paste"))
    first = wait_for(qtbot, ear)
    controller.read(255 - formula_grey, Origin("paste"))
    controller.edit("first")  # typed until the next reading is there
    wait_for(qtbot, ear, 2)
    controller.edit("second")
    controller.save_edit()
    assert first.entry is not None
    assert [entry.edited for entry in history.search()] == ["second", "first"]


def test_a_reading_and_a_snip_can_be_given_up(
    qtbot: QtBot, controller: Controller, ear: Ear, handler: GivenPicture, formula_grey: Grey
) -> None:
    controller.read(formula_grey, Origin("paste"))
    controller.cancel()
    assert controller.state is State.IDLE
    handler.answer = from_grey(formula_grey)
    controller.start_snip(1)
    controller.cancel()
    assert controller.state is State.IDLE
    qtbot.wait(1300)
    assert ear.readings == [] and ear.faults == []
