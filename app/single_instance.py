"""One running program per user and data folder: a second start hands over what it was asked for, and ends.

The lock is a file in the data folder that names the process; one that is left by a killed process is taken over. What
is handed over goes through a local socket (on Windows a named pipe) that only the user can open.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from app.paths import Paths
from app.words import translate
from core_model.errors import FormulensError

COMMANDS = ("raise", "snip", "draw", "paste")
LONGEST = 1 << 20
"""Bytes of a request; more is not one of ours."""
ACCEPTED = b"ok\n"


class InstanceError(FormulensError):
    """Another instance holds the lock and does not answer."""


@dataclass(frozen=True)
class Request:
    """What a start asks for; raises ValueError for a command that is none."""

    command: str = "raise"
    files: tuple[str, ...] = ()
    """Pictures or PDFs to open, as absolute paths."""
    token: str = field(default_factory=lambda: os.environ.get("XDG_ACTIVATION_TOKEN", ""))
    """What Wayland wants to see before a window may come to the front."""

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise ValueError(f"no command {self.command!r}: one of {', '.join(COMMANDS)}")

    def to_bytes(self) -> bytes:
        """One line of JSON."""
        files = [str(Path(name).absolute()) for name in self.files]
        return json.dumps({"command": self.command, "files": files, "token": self.token}).encode() + b"\n"

    @classmethod
    def from_bytes(cls, line: bytes) -> Request:
        """The request in a line; raises ValueError if there is none."""
        found: Any = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        files, token = found.get("files", []), found.get("token", "")
        if not isinstance(files, list) or not all(isinstance(name, str) for name in (*files, token)):
            raise ValueError("files and token are text")
        return cls(str(found.get("command")), tuple(files), token)


class SingleInstance(QObject):
    """Holds the lock and listens, or hands over to the instance that does. The folders of `paths` should be there."""

    requested = Signal(object)
    """A `Request` of a later start."""

    def __init__(self, paths: Paths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._places = _places(paths)
        self._lock_path = paths.lock
        self._lock: QLockFile | None = None
        self._server: QLocalServer | None = None
        self._received: dict[QLocalSocket, bytes] = {}

    def start(self, request: Request | None = None, *, patience_s: float = 5.0) -> bool:
        """Become the one instance, or hand `request` over to it.

        Returns:
            True for the one instance; False when the other one has taken the request, and this one should end.

        Raises:
            InstanceError: another one runs, but did not answer for `patience_s`.
        """
        until = time.monotonic() + patience_s
        while True:
            if self._take_lock():
                self._listen()
                return True
            # The other one may be just starting and not listen yet, or just ending and free the lock.
            if any(self._hand_over(place, request or Request()) for place in self._places):
                return False
            if time.monotonic() > until:
                raise InstanceError(self._no_answer())
            time.sleep(0.05)

    def close(self) -> None:
        """Free the lock and the socket; a later start is a first one again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None

    def _take_lock(self) -> bool:
        for path in (self._lock_path, Path(tempfile.gettempdir()) / f"{self._places[-1].name}.lock"):
            lock = QLockFile(str(path))
            lock.setStaleLockTime(0)  # by the process alone: one that runs for days is not stale
            if lock.tryLock(0):
                self._lock = lock
                return True
            if lock.error() == QLockFile.LockError.LockFailedError:
                process = lock.getLockInfo()
                nameless = not isinstance(process, tuple) or process[0] <= 0
                # Its maker was killed before it wrote its name. Of one that lives the file is held, and not removed.
                if nameless and lock.removeStaleLockFile() and lock.tryLock(0):
                    self._lock = lock
                    return True
                self._lock_path = path
                return False
        # Neither folder can be written: better two instances than none.
        return True

    def _no_answer(self) -> str:
        process = QLockFile(str(self._lock_path)).getLockInfo()
        if not isinstance(process, tuple) or process[0] <= 0:
            return translate(
                "SingleInstance", "Formulens runs already but does not answer: end that process, then start again."
            )
        told = translate(
            "SingleInstance",
            "Formulens runs already (process {number}) but does not answer: end that process, then start again.",
        )
        return told.format(number=process[0])

    def _listen(self) -> None:
        for place in self._places:
            server = QLocalServer(self)
            server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
            QLocalServer.removeServer(str(place))  # ours to remove: we hold the lock
            if server.listen(str(place)):
                server.newConnection.connect(self._greet)
                self._server = server
                return
            server.deleteLater()

    def _hand_over(self, place: Path, request: Request) -> bool:
        if not _is_own(place):
            return False
        if sys.platform == "win32":
            _let_it_come_to_the_front()
        socket = QLocalSocket()
        socket.connectToServer(str(place))
        if not socket.waitForConnected(500):
            return False
        socket.write(request.to_bytes())
        answer = b""
        while not answer.endswith(b"\n") and socket.waitForReadyRead(2000):
            answer += bytes(socket.readAll().data())
        socket.abort()
        return answer == ACCEPTED

    @Slot()
    def _greet(self) -> None:
        while self._server is not None and (socket := self._server.nextPendingConnection()) is not None:
            self._received[socket] = b""
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(self._forget)
            if socket.bytesAvailable():
                self._take(socket)

    @Slot()
    def _read(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket) and socket in self._received:
            self._take(socket)

    def _take(self, socket: QLocalSocket) -> None:
        self._received[socket] += bytes(socket.readAll().data())
        line, end, _ = self._received[socket].partition(b"\n")
        if not end:
            if len(line) > LONGEST:
                socket.abort()
            return
        try:
            request = Request.from_bytes(line)
        except (ValueError, RecursionError):
            socket.abort()  # no word of ours
            return
        self._received[socket] = b""
        socket.write(ACCEPTED)
        socket.flush()
        self.requested.emit(request)

    @Slot()
    def _forget(self) -> None:
        socket = self.sender()
        if isinstance(socket, QLocalSocket) and self._received.pop(socket, None) is not None:
            socket.deleteLater()


def _places(paths: Paths) -> tuple[Path, ...]:
    """Where the socket may be, first choice first; short, since a socket's path has 108 bytes at most."""
    user = getpass.getuser() if sys.platform == "win32" else os.getuid()
    who = f"{user}\n{paths.data.absolute()}"
    name = f"formulens-{hashlib.sha256(who.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"
    if sys.platform == "win32":
        return (Path(name),)
    own = os.environ.get("XDG_RUNTIME_DIR")
    folders = [Path(own)] if own and Path(own).is_dir() else []
    return tuple(folder / name for folder in (*folders, Path(tempfile.gettempdir())))


def _is_own(place: Path) -> bool:
    """Tell whether the socket is there and the user's own: in a common folder anybody could put one."""
    if sys.platform == "win32":
        return True
    try:
        return place.stat().st_uid == os.getuid()
    except OSError:
        return False


def _let_it_come_to_the_front() -> None:
    """Windows lets a background program take the front only if the one in front, this one, allows it."""
    if sys.platform == "win32":
        import ctypes

        any_process = -1
        ctypes.windll.user32.AllowSetForegroundWindow(any_process)
