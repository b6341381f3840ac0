import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.paths import Paths
from app.single_instance import LONGEST, InstanceError, Request, SingleInstance

SECOND = """
import sys
from PySide6.QtCore import QCoreApplication
from app.paths import Paths
from app.single_instance import Request, SingleInstance
app = QCoreApplication([])
instance = SingleInstance(Paths.at(sys.argv[1]))
print("first" if instance.start(Request(sys.argv[2], tuple(sys.argv[3:]))) else "handed over", flush=True)
if sys.argv[2] == "raise":
    app.exec()
"""


@pytest.fixture
def paths(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """Files of the app in a folder of their own; sockets in another with a short name, as they must be."""
    with tempfile.TemporaryDirectory(prefix="f") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "token-7")
        monkeypatch.setenv("TMPDIR", runtime)
        monkeypatch.setattr("tempfile.tempdir", None)
        yield Paths.at(data_dir)


def start_other(paths: Paths, command: str, *files: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SECOND, str(paths.data), command, *files],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def assert_handed_over(process: subprocess.Popen[str]) -> None:
    with process:
        assert said(process) == "handed over"
    assert process.returncode == 0


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_start_hands_over_and_ends(paths: Paths, qtbot: QtBot) -> None:
    first = SingleInstance(paths)
    assert first.start()
    with qtbot.waitSignal(first.requested, timeout=120_000) as caught:
        second = start_other(paths, "snip", "/pictures/∫ a.png", "b.pdf")
    request = caught.args[0]
    assert request == Request("snip", ("/pictures/∫ a.png", str(Path.cwd() / "b.pdf")), "token-7")
    assert_handed_over(second)
    first.close()


def test_another_data_dir_is_another_program(paths: Paths, qapp: QCoreApplication) -> None:
    one, other = SingleInstance(paths), SingleInstance(Paths.at(paths.data / "other"))
    (paths.data / "other").mkdir()
    assert one.start() and other.start()
    one.close()
    other.close()


def test_after_an_end_the_next_is_the_first(paths: Paths, qapp: QCoreApplication) -> None:
    for _ in range(2):
        instance = SingleInstance(paths)
        assert instance.start()
        instance.close()


def test_a_killed_one_leaves_nothing_in_the_way(paths: Paths, qtbot: QtBot) -> None:
    with start_other(paths, "raise") as killed:
        assert said(killed) == "first"
        killed.send_signal(signal.SIGKILL)
    assert paths.lock.exists(), "a kill leaves the lock; else this tests nothing"
    instance = SingleInstance(paths)
    assert instance.start()
    with qtbot.waitSignal(instance.requested, timeout=120_000):
        second = start_other(paths, "draw")
    assert_handed_over(second)
    instance.close()


def test_a_lock_without_a_name_stops_nothing(paths: Paths, qtbot: QtBot) -> None:
    """Its maker was killed between making the file and writing to it."""
    paths.lock.write_bytes(b"")
    instance = SingleInstance(paths)
    assert instance.start(patience_s=0.2)
    with qtbot.waitSignal(instance.requested, timeout=120_000):
        second = start_other(paths, "draw")
    assert_handed_over(second)
    instance.close()


def test_one_that_does_not_answer_is_named(paths: Paths, qapp: QCoreApplication) -> None:
    with start_other(paths, "raise") as hung:
        try:
            assert said(hung) == "first"
            hung.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            with pytest.raises(InstanceError, match=f"process {hung.pid}.*does not answer"):
                SingleInstance(paths).start(patience_s=0.2)
            assert time.monotonic() - begun < 15
        finally:
            hung.kill()


def test_without_a_folder_to_write_there_still_is_only_one(paths: Paths, qtbot: QtBot) -> None:
    (paths.data / "file").write_text("in the way")
    nowhere = Paths.at(paths.data / "file" / "below")
    first = SingleInstance(nowhere)
    assert first.start()
    with qtbot.waitSignal(first.requested, timeout=120_000):
        second = start_other(nowhere, "paste")
    assert_handed_over(second)
    first.close()


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"[]\n", b'{"command": "format c:"}\n', b'{"command": "snip", "files": [1]}\n', b"[" * 99999 + b"\n"],
)
def test_what_is_no_request_is_not_answered(paths: Paths, qtbot: QtBot, line: bytes) -> None:
    instance = SingleInstance(paths)
    instance.start()
    (place,) = [entry for entry in Path(os.environ["XDG_RUNTIME_DIR"]).iterdir() if entry.is_socket()]
    assert place.stat().st_mode & 0o077 == 0
    stranger = QLocalSocket()
    with qtbot.assertNotEmitted(instance.requested), qtbot.waitSignal(stranger.disconnected):
        stranger.connectToServer(str(place))
        stranger.write(line)
    assert stranger.readAll().isEmpty()
    instance.close()


def test_too_much_is_cut_off(paths: Paths, qtbot: QtBot) -> None:
    instance = SingleInstance(paths)
    instance.start()
    (place,) = [entry for entry in Path(os.environ["XDG_RUNTIME_DIR"]).iterdir() if entry.is_socket()]
    stranger = QLocalSocket()
    with qtbot.waitSignal(stranger.disconnected):
        stranger.connectToServer(str(place))
        stranger.write(b"x" * (LONGEST + 2))
    instance.close()


def test_a_command_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no command 'fly'"):
        Request("fly")
