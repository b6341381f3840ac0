"""A folder in one go, read by the real inference with a tiny model."""

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from app.batch import AHEAD, Batch, Status, find_pictures, rows, status_text
from app.inference import Inference
from app.reading import Grey, Origin, Reading

WAIT = 60_000


@pytest.fixture
def inference(qtbot: QtBot, tiny_checkpoint: Path) -> Iterator[Inference]:
    made = Inference(tiny_checkpoint, "cpu")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def batch(inference: Inference) -> Iterator[Batch]:
    made = Batch(inference)
    yield made
    made.stop()


def save(path: Path, grey: Grey) -> Path:
    Image.fromarray(grey).save(path)
    return path


def test_a_folder_gives_its_pictures_by_name(data_dir: Path, formula_grey: Grey) -> None:
    for name in ("10.png", "2.png", "B.jpg", "a.PNG", ".hidden.png"):
        Image.fromarray(formula_grey).save(data_dir / name, "PNG")
    (data_dir / "notes.txt").write_text("no picture")
    (data_dir / "deeper.png").mkdir()
    Image.fromarray(formula_grey).save(data_dir / "deeper.png" / "c.png")
    named = data_dir / "notes.txt"
    found = find_pictures([data_dir, named, data_dir / "2.png"])
    assert [path.name for path in found] == ["2.png", "10.png", "a.PNG", "B.jpg", "notes.txt"]


def test_each_file_is_read_or_says_why_not(qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey) -> None:
    good = [save(data_dir / f"{number} ∫.png", formula_grey) for number in range(3)]
    broken = data_dir / "broken.png"
    broken.write_bytes(good[0].read_bytes()[:60])
    text = data_dir / "letter.txt"
    text.write_text("Dear Sir")
    blank = save(data_dir / "blank.png", np.full((30, 50), 255, np.uint8))
    progress: list[tuple[int, int]] = []
    batch.progressed.connect(lambda ended, total: progress.append((ended, total)))
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add([*good, broken, text, blank, data_dir / "gone.png"])
    items = {item.path.name: item for item in batch.items}
    assert [item.status for item in batch.items[:3]] == [Status.DONE] * 3
    assert items["1 ∫.png"].thumbnail is not None and 0 < items["1 ∫.png"].confidence <= 1
    for name, why in (("broken.png", "damaged"), ("letter.txt", "not a picture"), ("gone.png", "does not exist")):
        assert items[name].status is Status.FAILED and why in items[name].error and why in status_text(items[name])
    assert items["blank.png"].status is Status.DONE and items["blank.png"].latex == ""
    assert "no ink" in status_text(items["blank.png"])
    assert progress[0] == (0, 7) and progress[-1] == (7, 7) and progress == sorted(progress)
    table = rows(batch.items)
    assert len(table) == 7 and sum(bool(row.error) for row in table) == 3


def test_five_hundred_files_some_of_them_no_pictures(
    qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey
) -> None:
    blank = np.full((12, 12), 255, np.uint8)  # needs no decoding
    for number in range(500):
        path = data_dir / f"{number}.png"
        if number % 10 == 3:
            path.write_text("not a picture")
        else:
            save(path, formula_grey if number % 100 == 0 else blank)
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, sum(item.status is Status.READING for item in batch.items))

    batch.item_changed.connect(look)
    with qtbot.waitSignal(batch.finished, timeout=10 * WAIT):
        batch.add([data_dir])
    statuses = [item.status for item in batch.items]
    assert statuses.count(Status.DONE) == 450 and statuses.count(Status.FAILED) == 50
    assert most <= AHEAD + 1, "pictures are not all held at once"


def test_a_picture_of_30000_pixels(qtbot: QtBot, batch: Batch, data_dir: Path) -> None:
    long = np.full((60, 30_000), 255, np.uint8)
    long[20:40, 100:29_900:50] = 0
    huge = data_dir / "huge.png"
    Image.new("1", (30_000, 30_000), 1).save(huge)
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add([save(data_dir / "long.png", long), huge])
    first, second = batch.items
    assert first.status is Status.DONE and first.thumbnail is not None and first.thumbnail.shape[1] <= 320
    assert second.status is Status.FAILED and "too many pixels" in second.error


def test_cancel_keeps_what_was_read(qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey) -> None:
    for number in range(40):
        save(data_dir / f"{number}.png", formula_grey)

    def stop(ended: int, total: int) -> None:
        if ended == 3:
            batch.cancel()

    batch.progressed.connect(stop)
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add([data_dir])
    before = list(batch.items)
    assert [item.status for item in before].count(Status.DONE) == 3
    assert [item.status for item in before].count(Status.CANCELLED) == 37
    assert not batch.running and len(rows(batch.items)) == 3
    qtbot.wait(200)
    assert batch.items == before, "nothing comes late"
    batch.progressed.disconnect(stop)
    read = batch.items[:3]
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add([data_dir / "39.png", data_dir / "0.png"])
    assert batch.items[:3] == read and batch.items[39].status is Status.DONE, "what was cancelled can be had again"
    assert [item.status for item in batch.items].count(Status.CANCELLED) == 36
    batch.clear()
    assert batch.items == [] and not batch.running


def test_a_file_that_failed_can_be_had_again_while_others_are_read(
    qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey
) -> None:
    paths = [data_dir / "broken.png", *(save(data_dir / f"{number}.png", formula_grey) for number in range(4))]
    paths[0].write_bytes(b"no picture")
    batch.add(paths)
    qtbot.waitUntil(lambda: batch.items[0].status is Status.FAILED and batch.ended >= 2, timeout=WAIT)
    save(paths[0], formula_grey)
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add(paths)
    assert [item.path for item in batch.items] == paths
    assert [item.status for item in batch.items] == [Status.DONE] * 5 and not batch.items[0].error


def test_readings_are_given_to_be_kept(qtbot: QtBot, inference: Inference, data_dir: Path, formula_grey: Grey) -> None:
    kept: list[tuple[Reading, str, bytes]] = []

    def keep(*facts: Any) -> int:
        kept.append(facts)
        return 40 + len(kept)

    batch = Batch(inference, keep=keep)
    (data_dir / "broken.png").write_bytes(b"no picture")
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add([data_dir / "broken.png", save(data_dir / "größe.png", formula_grey)])
    (reading, model, picture), *more = kept
    assert not more and [item.entry for item in batch.items] == [None, 41]
    assert reading.origin == Origin("folder", "größe.png") and reading.latex == batch.items[1].latex
    assert inference.model is not None and model == inference.model.name
    assert np.array_equal(np.asarray(Image.open(BytesIO(picture))), formula_grey)
    batch.stop()


def test_more_files_while_others_are_read(qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey) -> None:
    paths = [save(data_dir / f"{number}.png", formula_grey) for number in range(6)]
    with qtbot.waitSignal(batch.finished, timeout=WAIT):
        batch.add(paths[:4])
        batch.add(paths[2:])
    assert [item.path for item in batch.items] == paths
    assert all(item.status is Status.DONE for item in batch.items)


def test_nothing_to_read_ends_at_once(qtbot: QtBot, batch: Batch, data_dir: Path) -> None:
    with qtbot.waitSignal(batch.finished, timeout=1000):
        batch.add([data_dir])
    assert batch.items == [] and not batch.running


def test_a_snip_in_between_goes_first(
    qtbot: QtBot, inference: Inference, batch: Batch, data_dir: Path, formula_grey: Grey
) -> None:
    for number in range(30):
        save(data_dir / f"{number}.png", formula_grey)
    batch.add([data_dir])
    qtbot.waitUntil(lambda: batch.ended >= 1, timeout=WAIT)
    with qtbot.waitSignal(inference.recognized, timeout=WAIT, check_params_cb=lambda got, *_: got == number_of_snip):
        number_of_snip = inference.submit(formula_grey)
    assert batch.ended < 30
    qtbot.waitUntil(lambda: not batch.running, timeout=WAIT)
    assert all(item.status is Status.DONE for item in batch.items)


def test_stop_while_a_file_is_being_opened_returns_soon(
    qtbot: QtBot, batch: Batch, data_dir: Path, formula_grey: Grey
) -> None:
    for number in range(20):
        save(data_dir / f"{number}.png", formula_grey)
    batch.add([data_dir])
    began = time.perf_counter()
    batch.stop()
    assert time.perf_counter() - began < 20 and not batch.running
    qtbot.wait(50)
    assert all(item.ended for item in batch.items)
