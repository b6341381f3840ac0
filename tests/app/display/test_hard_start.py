"""The program is started among damaged files, and where it may not write: its window comes, it reads, it ends well."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.app.display.desktop import SAMPLES, Desktop, wait_for
from tests.app.display.program import Program

pytestmark = [pytest.mark.display, pytest.mark.program]

SAMPLE = SAMPLES / "01-plain-100dpi.png"
MODEL = SAMPLES.parent / "checkpoints" / "formulens"


@pytest.fixture
def program(desktop: Desktop, tmp_path: Path) -> Iterator[Program]:
    """The program, not started yet, with a data folder of a name beyond ASCII."""
    made = Program(desktop, tmp_path / "Größen ∫")
    made.data.mkdir()
    yield made
    made.kill()


@pytest.mark.parametrize(
    "content", [b'{"theme": "dark", ', b"\xff\xfe", b"[]", b""], ids=["cut", "odd", "list", "empty"]
)
def test_damaged_settings_are_put_aside(program: Program, content: bytes) -> None:
    (program.data / "settings.json").write_bytes(content)
    program.start(str(SAMPLE))
    assert program.next_row(0).latex
    program.end()
    assert [path.read_bytes() for path in program.data.glob("settings damaged*.json")] == [content]


@pytest.mark.parametrize("content", [b"no database" * 999, b"SQLite format 3\0" + bytes(5000)], ids=["text", "hole"])
def test_a_damaged_history_is_put_aside(program: Program, content: bytes) -> None:
    (program.data / "history.sqlite3").write_bytes(content)
    program.start(str(SAMPLE))
    assert program.next_row(0).latex
    program.end()
    assert [path.read_bytes() for path in program.data.glob("history-damaged-*.sqlite3")] == [content]


def _cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": _cut,
    "config": lambda folder: (folder / "config.json").write_text("{"),
    "no vocabulary": lambda folder: (folder / "vocab.txt").unlink(),
    "gone": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_without_a_model_that_can_be_used_the_window_stays(
    program: Program, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    broken = tmp_path / "broken model"
    shutil.copytree(MODEL, broken)
    damage(broken)
    program.start("--checkpoint", str(broken), str(SAMPLE))
    log = program.data / "logs" / "formulens.log"
    wait_for(lambda: log.exists() and str(broken) in log.read_text(encoding="utf-8"), "what it says of the model")
    assert program.rows() == []
    program.end()


def test_files_that_are_none_stop_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.pdf").write_bytes(b"%PDF-1.7\n1 0 obj")
    (tmp_path / "bad.inkml").write_text("<ink><trace>1 2, 3</trace></ink>")
    program.start(str(tmp_path / "text.png"))
    for name in ("cut.pdf", "bad.inkml", "absent.png"):
        assert program.start_second(str(tmp_path / name)) == 0
    assert program.start_second(str(SAMPLE)) == 0
    assert program.next_row(0).latex
    program.end()


def test_a_folder_that_cannot_be_written_ends_nothing(program: Program) -> None:
    program.bind_by_permissions()
    program.data.chmod(0o555)
    program.start(str(SAMPLE))
    program.quit()
    assert program.exit_status() == 0
    assert list(program.data.iterdir()) == []
