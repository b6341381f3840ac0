"""The history keeps what it was given, whatever happens to its file or its process."""

import io
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import history as history_module
from app.history import History, HistoryError
from tests.checks import kill

ROOT = Path(__file__).resolve().parents[2]


def png(width: int = 60, height: int = 20, seed: int = 0) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


PNG = png()


def add(history: History, latex: str = "x", **fields: Any) -> int:
    values = {"kind": "snip", "name": "", "confidence": 0.9, "model": "tiny", "picture_png": PNG, **fields}
    return history.add(latex=latex, **values)


@pytest.fixture
def path(data_dir: Path) -> Path:
    return data_dir / "sub" / "history.sqlite3"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    made = History(path)
    assert made.problem == ""
    yield made
    made.close()


def texts(history: History, words: str = "", **how: Any) -> list[str]:
    return [entry.text for entry in history.search(words, **how)]


def test_a_reading_comes_back_after_a_restart(path: Path) -> None:
    first = History(path)
    number = add(
        first,
        r"\frac{a}{b}",
        kind="file",
        name="ü∫.png",
        tokens_json='[["a", 0.5]]',
        ink_json='{"strokes": []}',
        created=1_700_000_000.5,
    )
    first.edit(number, r"\frac{a}{c}")
    first.favourite(number, True)
    first.close()
    second = History(path)
    entry = second.get(number)
    assert entry is not None
    assert (entry.latex, entry.edited, entry.text) == (r"\frac{a}{b}", r"\frac{a}{c}", r"\frac{a}{c}")
    assert (entry.kind, entry.name, entry.created, entry.model) == ("file", "ü∫.png", 1_700_000_000.5, "tiny")
    assert entry.favourite and entry.has_ink and entry.tokens_json == '[["a", 0.5]]'
    assert second.picture(number) == PNG
    assert second.ink(number) == '{"strokes": []}'
    second.close()


def test_an_edit_that_equals_the_reading_is_none(history: History) -> None:
    number = add(history, "x")
    history.edit(number, "y")
    assert [entry.id for entry in history.corrections()] == [number]
    history.edit(number, "x")
    assert history.corrections() == []
    history.edit(number, "y")
    history.edit(number, None)
    entry = history.get(number)
    assert entry is not None and entry.edited is None and entry.text == "x"


def test_a_drawing_that_goes_on_replaces_its_reading(history: History) -> None:
    number = add(history, "x", kind="ink", ink_json="{}")
    history.edit(number, "y")
    other = png(seed=1)
    history.replace(number, latex="x+1", confidence=0.5, model="b", picture_png=other, ink_json='{"a": 1}')
    entry = history.get(number)
    assert entry is not None
    assert (entry.text, entry.confidence, entry.model, entry.edited) == ("x+1", 0.5, "b", None)
    assert history.picture(number) == other and history.ink(number) == '{"a": 1}'
    assert texts(history, "y") == [] and texts(history, "x+1") == ["x+1"]
    history.delete([number])
    history.forget()
    with pytest.raises(HistoryError, match="no longer"):
        history.replace(number, latex="x", confidence=1, model="b", picture_png=other)


def test_search_finds_words_in_latex_edit_and_name(history: History) -> None:
    add(history, "x^{2} + y", name="Vorlesung Ünal.png")
    second = add(history, r"\Gamma ( x )")
    history.edit(second, r"\int_{0}^{1} f")
    assert texts(history) == [r"\int_{0}^{1} f", "x^{2} + y"]  # the newest first
    assert texts(history, "x^2") == ["x^{2} + y"]
    assert texts(history, "  ünal VORLESUNG ") == ["x^{2} + y"]
    assert texts(history, r"\gamma") == texts(history, r"\int_0^1") == [r"\int_{0}^{1} f"]
    assert texts(history, "x^2 nowhere") == []
    assert texts(history, "100%_") == [] and texts(history, "'; --") == []
    assert history.count() == 2 and history.count("ünal") == 1
    history.edit(second, None)
    assert texts(history, r"\int") == []


def test_favourites_and_pages(history: History) -> None:
    numbers = [add(history, f"x_{i}") for i in range(7)]
    history.favourite(numbers[2], True)
    assert texts(history, favourites=True) == ["x_2"] and history.count(favourites=True) == 1
    assert texts(history, limit=2, offset=3) == ["x_3", "x_2"]
    assert history.ids() == numbers[::-1] and history.ids("x_4") == [numbers[4]]
    wanted = [numbers[5], 999, numbers[0]]
    assert [entry.latex for entry in history.many(wanted)] == ["x_5", "x_0"]


def test_delete_can_be_undone_until_it_is_forgotten(history: History) -> None:
    numbers = [add(history, f"x_{i}") for i in range(3)]
    history.edit(numbers[1], "y")
    deleted = history.delete(numbers[:2])
    assert texts(history) == ["x_2"] and history.get(numbers[1]) is None and history.corrections() == []
    history.restore(deleted)
    assert texts(history) == ["x_2", "y", "x_0"]
    history.delete([numbers[0]])
    history.forget()
    history.restore(deleted)
    assert texts(history) == ["x_2", "y"]
    with pytest.raises(HistoryError, match="no longer in the history"):
        history.picture(numbers[0])


def test_what_was_deleted_leaves_the_file(path: Path) -> None:
    first = History(path)
    number = add(first)
    first.delete([number])
    first.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM readings").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM pictures").fetchone() == (0,)
    again = History(path)
    assert add(again) > number  # an id never comes back: it stands for one reading
    again.close()


def test_a_deletion_before_a_kill_is_finished_later_but_another_window_keeps_its_undo(
    path: Path, history: History
) -> None:
    numbers = [add(history), add(history)]
    deleted = history.delete(numbers)
    other = History(path)
    other.close()
    history.restore(deleted)
    assert history.count() == 2
    history.delete(numbers[:1])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE readings SET removed = removed - 4000 WHERE removed")  # an hour ago
    History(path).close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT id FROM pictures").fetchall() == [(numbers[1],)]


def test_thumbnails_are_small_and_huge_pictures_have_none(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = add(history, picture_png=png(1200, 90))
    with Image.open(io.BytesIO(history.thumbnail(wide))) as thumbnail:
        assert thumbnail.width == 288 and 18 <= thumbnail.height <= 24
    loose = Image.new("L", (400, 300), 255)
    loose.paste(0, (180, 140, 240, 160))
    stream = io.BytesIO()
    loose.save(stream, "PNG")
    with Image.open(io.BytesIO(history.thumbnail(add(history, picture_png=stream.getvalue())))) as thumbnail:
        assert thumbnail.size == (68, 28)  # the ink and a margin
    monkeypatch.setattr(history_module, "THUMBNAIL_PIXELS", 1000)
    huge = add(history)
    assert history.thumbnail(huge) == b"" and history.picture(huge) == PNG


def test_names_that_are_no_unicode_are_taken(history: History) -> None:
    number = add(history, "x", name="a\udcff.png")
    entry = history.get(number)
    assert entry is not None and entry.name == "a?.png"
    assert texts(history, "a\udcff") == ["x"]


def test_another_thread_needs_a_history_of_its_own(path: Path, history: History) -> None:
    add(history)
    found: list[object] = []

    def work() -> None:
        try:
            history.count()
        except sqlite3.ProgrammingError as error:
            found.append(error)
        own = History(path)
        found.append(own.count())
        own.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert isinstance(found[0], sqlite3.ProgrammingError) and found[1] == 1


def test_a_reader_beside_a_writer_sees_whole_readings(path: Path, history: History) -> None:
    program = (
        "import sys; from pathlib import Path; from app.history import History\n"
        "h = History(Path(sys.argv[1]))\n"
        "print('open', flush=True)\n"
        "seen = 0\n"
        "while seen < 30:\n"
        "    now = h.search()\n"
        "    assert len(now) >= seen and all(h.picture(e.id) for e in now)\n"
        "    seen = len(now)\n"
        "print(h.problem or 'well')\n"
    )
    arguments = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == "open\n"
        for index in range(30):
            add(history, f"x_{index}")
        assert reader.communicate(timeout=60)[0] == "well\n"
    assert reader.returncode == 0


def test_a_held_file_is_said_and_the_reading_not_half_kept(path: Path, history: History) -> None:
    add(history)
    history._db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(HistoryError, match=r"Another program is using .*history\.sqlite3"):
            add(history)
        assert history.count() == 1
        other.execute("ROLLBACK")
    add(history)
    assert history.count() == 2 and history.problem == ""


def test_any_fault_of_the_file_is_a_sentence(history: History) -> None:
    add(history)
    history._db.execute("DROP TABLE pictures")
    for work in (lambda: history.picture(1), lambda: add(history, "y")):
        with pytest.raises(HistoryError, match="cannot be used"):
            work()


def test_a_deleted_reading_is_not_replaced(history: History) -> None:
    number = add(history, "x")
    deleted = history.delete([number])
    with pytest.raises(HistoryError, match="no longer"):
        history.replace(number, latex="y", confidence=1.0, model="m", picture_png=PNG)
    history.restore(deleted)
    history.replace(number, latex="y", confidence=1.0, model="m", picture_png=PNG, tokens_json='["\udcff"]')
    assert texts(history) == ["y"]


# damage


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_history_is_moved_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    history = History(path)
    (aside,) = path.parent.glob("history-damaged-*.sqlite3")
    assert aside.read_bytes() == content
    assert str(aside) in history.problem and "None of its readings" in history.problem
    number = add(history)
    history.close()
    again = History(path)
    assert again.problem == "" and again.get(number) is not None
    again.close()


def test_a_database_of_another_program_is_moved_aside(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE notes (text)")
    history = History(path)
    assert "damaged" in history.problem and history.count() == 0
    history.close()
    (aside,) = path.parent.glob("history-damaged-*.sqlite3")
    with closing(sqlite3.connect(aside)) as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_what_is_left_of_a_damaged_file_is_taken_over(path: Path) -> None:
    first = History(path)
    for index in range(40):
        number = add(first, f"x_{index}", picture_png=png(100, 60, index))
        first.edit(number, f"y_{index}")
    first.close()
    content = bytearray(path.read_bytes())
    for start in range(4096 * 20, len(content), 4096 * 30):  # most pages stay whole
        content[start : start + 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    history = History(path)
    if not history.problem:  # the damage was not in sight yet
        for number in history.ids():
            with suppress(HistoryError):
                history.picture(number)
    assert "damaged" in history.problem and "taken over" in history.problem
    saved = {entry.text for entry in history.search()}
    assert 30 <= len(saved) <= 40 and saved <= {f"y_{index}" for index in range(40)}
    lost = 0
    for entry in history.search():
        try:
            history.picture(entry.id)
        except HistoryError:
            lost += 1
    assert 0 < lost < 20
    history.close()


def test_damage_that_shows_later_loses_no_new_reading(path: Path, history: History) -> None:
    for index in range(30):
        add(history, f"x_{index}", picture_png=png(100, 60, index))
    history._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    history._db.execute("PRAGMA cache_size = 0")
    content = path.read_bytes()
    with path.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xa5" * (len(content) - 4096))
    number = add(history, "new")
    assert "damaged" in history.problem
    assert history.get(number) is not None
    assert len(list(path.parent.glob("history-damaged-*"))) >= 1


def test_a_newer_history_is_left_alone(path: Path) -> None:
    History(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    history = History(path)
    assert "newer version" in history.problem
    number = add(history)
    assert history.get(number) is not None
    history.close()
    assert path.read_bytes() == before


# no leave to write, no room

PRELUDE = """
import os, sys, resource, signal
from pathlib import Path
from app.history import History
import PIL.PngImagePlugin, PIL.Image
from tests.app.test_history import add, PNG, png
PIL.Image.init()
path = Path(sys.argv[1])
"""
AS_NOBODY = """
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
"""


def run_program(program: str, path: Path) -> str:
    """What a program printed that runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + program, str(path)],
        capture_output=True, text=True, check=False, timeout=120, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may read and not write; pytest keeps its own closed to them."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
@pytest.mark.parametrize("there", [True, False], ids=["with a history", "without"])
def test_a_folder_that_cannot_be_written_is_worked_around_in_memory(open_folder: Path, there: bool) -> None:
    path = open_folder / "history.sqlite3"
    if there:
        first = History(path)
        add(first, "old")
        first.close()
        path.chmod(0o644)
    if os.getuid() != 0:
        open_folder.chmod(0o555)
    program = AS_NOBODY + (
        "h = History(path); n = add(h, 'new'); h.edit(n, 'newer')\n"
        "print([e.text for e in h.search()], h.in_memory, h.picture(n) == PNG); print(h.problem)\n"
        "h.close(); print(sorted(p.name for p in path.parent.iterdir()))\n"
    )
    first_line, problem, files = run_program(program, path).splitlines()
    open_folder.chmod(0o755)
    assert first_line == f"{['newer', 'old'] if there else ['newer']} True True"
    assert str(path) in problem and "cannot be written" in problem and "memory" in problem
    assert files == (f"{[path.name]}" if there else "[]")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_file_that_may_not_even_be_read_is_not_written_over(open_folder: Path) -> None:
    path = open_folder / "history.sqlite3"
    first = History(path)
    add(first, "old")
    first.close()
    path.chmod(0)
    program = AS_NOBODY + "h = History(path); add(h); print(h.count(), h._returns); print(h.problem); h.close()\n"
    counted, problem = run_program(program, path).splitlines()
    path.chmod(0o600)
    assert counted == "1 False" and "cannot be shown" in problem
    again = History(path)
    assert texts(again) == ["old"]
    again.close()


def test_on_a_full_disk_it_goes_on_in_memory_and_writes_when_there_is_room(path: Path) -> None:
    history = History(path)
    add(history, "old")
    pages = history._db.execute("PRAGMA page_count").fetchone()[0]
    history._db.execute(f"PRAGMA max_page_count = {pages}")
    number = add(history, "new", picture_png=png(200, 100))
    assert "disk is full" in history.problem and history.in_memory
    history.edit(number, "newer")
    assert texts(history) == ["newer", "old"]
    history.close()  # by now there is room
    again = History(path)
    assert again.problem == "" and texts(again) == ["newer", "old"]
    assert again.picture(number) == png(200, 100)
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
def test_a_disk_without_room_for_another_byte_loses_nothing(path: Path) -> None:
    first = History(path)
    add(first, "old")
    first.close()
    program = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "h = History(path); add(h, 'before')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 4096,) * 2)\n"
        "for i in range(20): add(h, f'x_{i}', picture_png=png(200, 100, i))\n"
        "print(h.count(), h.in_memory); print(h.problem); h.close()\n"
    )
    counted, problem = run_program(program, path).splitlines()
    assert counted == "22 True" and "cannot be written" in problem
    again = History(path)
    assert again.problem == "" and texts(again)[-2:] == ["before", "old"]
    again.close()


def test_what_another_program_wrote_meanwhile_stays(path: Path) -> None:
    other = History(path)
    number = add(other, "old")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        history = History(path)
        assert "Another program is using" in history.problem
        holder.execute("ROLLBACK")
    add(other, "theirs", picture_png=png(seed=2))
    mine = add(history, "mine", picture_png=png(seed=3))  # under the number that theirs has
    gone = add(history, "gone")
    history.delete([gone])
    history.edit(number, "older")
    history.close()
    other.close()
    again = History(path)
    assert texts(again) == ["mine", "theirs", "older"]
    assert [again.picture(found) for found in again.ids()] == [png(seed=3), png(seed=2), PNG]
    assert mine != again.ids()[0]
    again.close()


def test_what_was_deleted_in_memory_is_deleted_in_the_file(path: Path) -> None:
    history = History(path)
    number = add(history, "old")
    add(history, "kept")
    pages = history._db.execute("PRAGMA page_count").fetchone()[0]
    history._db.execute(f"PRAGMA max_page_count = {pages}")
    add(history, "new", picture_png=png(200, 100))
    assert history.in_memory
    history.delete([number])
    history.close()
    again = History(path)
    assert texts(again) == ["new", "kept"]
    assert again._db.execute("SELECT count(*) FROM pictures").fetchone() == (2,)
    again.close()


# the end at any moment


def test_sigkill_at_random_moments_loses_nothing_finished(data_dir: Path) -> None:
    known, losses = kill.run(data_dir, 6, seed=7)
    assert losses == []
    assert len(known.latex) >= 3


def test_the_kill_check_notices_a_loss(data_dir: Path) -> None:
    known, losses = kill.run(data_dir, 2, seed=3)
    assert losses == []
    kept = next(number for number in known.latex if number not in known.gone)
    history = History(data_dir / kill.FILE)
    history.edit(kept, "something else")
    assert known.losses(history)[0].startswith(f"reading {kept} is Entry")
    history.delete([kept])
    assert known.losses(history) == [f"reading {kept} is lost"]
    history.close()


def test_ten_thousand_readings_are_searched_by_index_not_by_picture(history: History) -> None:
    plan = history._db.execute("EXPLAIN QUERY PLAN SELECT id FROM readings WHERE favourite AND NOT removed").fetchall()
    assert "favourites" in plan[0][3]
    plan = history._db.execute("EXPLAIN QUERY PLAN SELECT id FROM readings ORDER BY id DESC LIMIT 5").fetchall()
    assert not any("TEMP B-TREE" in row[3] for row in plan)
