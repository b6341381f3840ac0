"""One call of a desktop portal: the method, then the answer that arrives as a signal when the user has decided.

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Request.html
The path of the answer is predicted from our name on the bus and a token, and listened to before the call: a portal may
answer before the call returns. Used by the screenshot and by the global shortcuts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import SLOT, QObject, QTimer, Signal, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusObjectPath, QDBusPendingCallWatcher

SERVICE = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
REQUEST = "org.freedesktop.portal.Request"
ANSWER_SLOT: Any = SLOT("on_response(uint,QVariantMap)")
"""Any: PySide's stubs want bytes where its code takes what SLOT makes."""

Arguments = Callable[[dict[str, Any]], list[Any]]
"""Makes a method's arguments out of its options, which the request completes with its token."""


def session_bus() -> QDBusConnection:
    """The user's message bus; a function, so that importing connects to nothing."""
    return QDBusConnection.sessionBus()


def new_token() -> str:
    """A name for a request or session that nobody else has."""
    return f"formulens_{secrets.token_hex(8)}"


class PortalRequest(QObject):
    """Calls once; ends in exactly one of the signals, or in none after `abort`."""

    answered = Signal(dict)
    """The results of a request that was granted."""
    declined = Signal()
    """The user said no."""
    failed = Signal(str, str)
    """The D-Bus error's name, "timeout" or "refused", and the portal's own words, which may be empty."""

    def __init__(self, bus: QDBusConnection, timeout_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bus = bus
        self._path = ""
        self._watcher: QDBusPendingCallWatcher | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(timeout_ms)
        self._timer.timeout.connect(self._on_timeout)

    def expect(self) -> str:
        """Listen for the answer; returns the token to call with. `call` does this itself."""
        token = new_token()
        sender = self._bus.baseService().removeprefix(":").replace(".", "_")
        self._listen(f"{PATH}/request/{sender}/{token}")
        self._timer.start()
        return token

    def call(self, interface: str, method: str, arguments: Arguments, options: Mapping[str, Any]) -> None:
        """Call a method of the portal."""
        token = self.expect()
        message = QDBusMessage.createMethodCall(SERVICE, PATH, interface, method)
        message.setArguments(arguments({**options, "handle_token": token}))
        self._watcher = QDBusPendingCallWatcher(self._bus.asyncCall(message), self)
        self._watcher.finished.connect(self._on_returned)

    def abort(self) -> None:
        """Take the request back: the desktop closes its dialog, and an answer under way is not heard."""
        path = self._path
        self._end()
        if path:
            close = QDBusMessage.createMethodCall(SERVICE, path, REQUEST, "Close")
            self._bus.send(close)

    def fail(self, kind: str, words: str) -> None:
        """End the request with an error that was learnt elsewhere."""
        if self._path:
            self._end()
            self.failed.emit(kind, words)

    @Slot("QDBusPendingCallWatcher*")
    def _on_returned(self, watcher: QDBusPendingCallWatcher) -> None:
        reply = watcher.reply()
        watcher.deleteLater()
        self._watcher = None
        if not self._path:
            return
        if reply.type() == QDBusMessage.MessageType.ErrorMessage:
            self.fail(reply.errorName(), reply.errorMessage())
            return
        arguments = reply.arguments()
        if arguments and isinstance(arguments[0], QDBusObjectPath) and arguments[0].path() != self._path:
            # Portals before 0.9 name the request themselves.
            self._stop_listening()
            self._listen(arguments[0].path())

    @Slot("uint", "QVariantMap")
    def on_response(self, code: int, results: dict[str, Any]) -> None:
        """Hear the answer: 0 granted, 1 declined by the user, 2 ended some other way."""
        if not self._path:
            return
        self._end()
        if code == 0:
            self.answered.emit(results)
        elif code == 1:
            self.declined.emit()
        else:
            self.failed.emit("refused", "")

    @Slot()
    def _on_timeout(self) -> None:
        self.abort()
        self.failed.emit("timeout", "")

    def _listen(self, path: str) -> None:
        self._path = path
        self._bus.connect(SERVICE, path, REQUEST, "Response", self, ANSWER_SLOT)

    def _stop_listening(self) -> None:
        self._bus.disconnect(SERVICE, self._path, REQUEST, "Response", self, ANSWER_SLOT)
        self._path = ""

    def _end(self) -> None:
        self._timer.stop()
        if self._path:
            self._stop_listening()
