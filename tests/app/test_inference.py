"""The thread that reads: same result as without it, newest request wins, folders wait, faults are told, it ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.inference import Inference
from app.reading import Grey
from core_model.recognizer import Recognition, RecognizeOptions, Recognizer


class Heard:
    """What the signals said, in order."""

    def __init__(self, inference: Inference) -> None:
        self.readings: dict[int, Recognition] = {}
        self.faults: dict[int, str] = {}
        self.order: list[int] = []
        inference.recognized.connect(self._recognized)
        inference.failed.connect(self._failed)

    def _recognized(self, number: int, recognition: Recognition) -> None:
        self.readings[number] = recognition
        self.order.append(number)

    def _failed(self, number: int, message: str) -> None:
        self.faults[number] = message


@pytest.fixture
def inference(tiny_checkpoint: Path) -> Iterator[Inference]:
    made = Inference(tiny_checkpoint, "cpu")
    yield made
    made.stop()


@pytest.fixture
def large(formula_grey: Grey) -> Grey:
    """A picture that takes the tiny model a while."""
    return np.tile(formula_grey, (3, 6))


def test_a_request_before_the_model_is_there_is_read_as_without_a_thread(
    qtbot: QtBot, inference: Inference, tiny_recognizer: Recognizer, formula_grey: Grey
) -> None:
    heard = Heard(inference)
    number = inference.submit(formula_grey)
    inference.start()
    qtbot.waitUntil(lambda: number in heard.readings, timeout=120_000)
    expected = tiny_recognizer.recognize(formula_grey, RecognizeOptions(token_alternatives=5))
    # fp16 in the file: the probabilities differ in the last digits
    assert heard.readings[number].latex == expected.latex
    assert inference.model is not None
    assert inference.model.device == "cpu" and inference.model.folder.name == "tiny"


def test_the_newest_request_wins(qtbot: QtBot, inference: Inference, formula_grey: Grey, large: Grey) -> None:
    heard = Heard(inference)
    numbers = [inference.submit(large), inference.submit(large), inference.submit(formula_grey)]
    inference.start()
    qtbot.waitUntil(lambda: numbers[2] in heard.readings, timeout=120_000)
    assert heard.order == [numbers[2]]


def test_one_under_way_is_broken_off(qtbot: QtBot, inference: Inference, formula_grey: Grey, large: Grey) -> None:
    heard = Heard(inference)
    inference.start()
    with qtbot.waitSignal(inference.started, timeout=120_000):
        first = inference.submit(large, beam=8)
    second = inference.submit(formula_grey)
    qtbot.waitUntil(lambda: second in heard.readings, timeout=120_000)
    assert heard.order[-1] == second
    assert first not in heard.readings or heard.order == [first, second]


def test_a_folder_waits_and_none_of_it_is_lost(qtbot: QtBot, inference: Inference, formula_grey: Grey) -> None:
    heard = Heard(inference)
    batch = [inference.submit(formula_grey, priority="batch") for _ in range(6)]
    inference.start()
    qtbot.waitUntil(lambda: batch[0] in heard.readings, timeout=120_000)
    snip = inference.submit(formula_grey)
    qtbot.waitUntil(lambda: len(heard.readings) == 7, timeout=120_000)
    assert [number for number in heard.order if number != snip] == batch
    assert sorted(set(heard.order)) == sorted(heard.order)


def test_what_is_cancelled_never_arrives(qtbot: QtBot, inference: Inference, formula_grey: Grey) -> None:
    heard = Heard(inference)
    batch = [inference.submit(formula_grey, priority="batch") for _ in range(4)]
    inference.cancel(*batch[1:3])
    inference.start()
    qtbot.waitUntil(lambda: batch[3] in heard.readings, timeout=120_000)
    assert heard.order == [batch[0], batch[3]]


def test_a_prefix_is_kept_and_an_unknown_token_is_told(qtbot: QtBot, inference: Inference, formula_grey: Grey) -> None:
    heard = Heard(inference)
    inference.start()
    number = inference.submit(formula_grey, prefix=("x", "+"))
    qtbot.waitUntil(lambda: number in heard.readings, timeout=120_000)
    assert [token.text for token in heard.readings[number].tokens[:2]] == ["x", "+"]
    number = inference.submit(formula_grey, prefix=("\\nosuch",))
    qtbot.waitUntil(lambda: number in heard.faults, timeout=120_000)
    assert "\\nosuch" in heard.faults[number]


def test_a_damaged_checkpoint_is_told_and_another_can_be_loaded(
    qtbot: QtBot, tmp_path: Path, tiny_checkpoint: Path, formula_grey: Grey
) -> None:
    inference = Inference(tmp_path / "nothing", "cpu")
    heard = Heard(inference)
    number = inference.submit(formula_grey)
    with qtbot.waitSignal(inference.load_failed, timeout=120_000) as told:
        inference.start()
    assert "nothing" in told.args[0]
    qtbot.waitUntil(lambda: number in heard.faults, timeout=5000)
    with qtbot.waitSignal(inference.loaded, timeout=120_000):
        inference.reload(tiny_checkpoint, "cpu")
    number = inference.submit(formula_grey)
    qtbot.waitUntil(lambda: number in heard.readings, timeout=120_000)
    inference.stop()


def test_it_ends_while_it_works(qtbot: QtBot, inference: Inference, large: Grey) -> None:
    inference.start()
    with qtbot.waitSignal(inference.started, timeout=120_000):
        inference.submit(large, beam=8)
    inference.stop()  # returns: the fixture's second call finds the thread ended
    assert not inference._thread.isRunning()


def test_another_model_does_not_wait_for_a_folder_and_nothing_is_lost(
    qtbot: QtBot, inference: Inference, tiny_checkpoint: Path, tmp_path: Path, formula_grey: Grey, large: Grey
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_checkpoint, other)
    read: list[tuple[int, str]] = []
    inference.recognized.connect(lambda number, _, model: read.append((number, model)))
    inference.start()
    batch = [inference.submit(large, priority="batch") for _ in range(4)]
    qtbot.waitUntil(lambda: len(read) == 1, timeout=120_000)
    snip = inference.submit(large)
    inference.reload(tmp_path / "nowhere", "cpu")  # a slip, made good at once
    inference.reload(other, "cpu")
    qtbot.waitUntil(lambda: len(read) == 5, timeout=120_000)
    assert sorted(number for number, _ in read) == sorted([*batch, snip])
    names = [model for _, model in read]
    assert names[0] == "tiny (7)" and names[2:] == ["other (7)"] * 3
    assert inference.model is not None and inference.model.folder == other


def test_what_was_cancelled_is_not_taken_up_by_the_next_model(
    qtbot: QtBot, inference: Inference, tiny_checkpoint: Path, formula_grey: Grey, large: Grey
) -> None:
    heard = Heard(inference)
    inference.start()
    with qtbot.waitSignal(inference.started, timeout=120_000):
        gone = inference.submit(large, beam=8)
    inference.cancel(gone)
    inference.reload(tiny_checkpoint, "cpu")
    last = inference.submit(formula_grey, priority="batch")
    qtbot.waitUntil(lambda: last in heard.readings, timeout=120_000)
    assert heard.order == [last]
