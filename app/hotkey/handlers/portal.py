"""Global hotkey by the GlobalShortcuts portal: Wayland. The desktop may ask the user, and may give another key.

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.GlobalShortcuts.html
A session is made, the shortcut bound to it, and the portal then says when it was pressed. Closing the session gives the
key back.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import SLOT, QObject, Qt, QTimer, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusObjectPath
from PySide6.QtGui import QGuiApplication

from app.capture.portal_request import PATH, SERVICE, PortalRequest, new_token, session_bus
from app.capture.session import is_wayland
from app.hotkey.handlers.raw_dbus import RawCall
from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome

INTERFACE = "org.freedesktop.portal.GlobalShortcuts"
SESSION = "org.freedesktop.portal.Session"
REGISTRY = "org.freedesktop.host.portal.Registry"
SHORTCUT = "snip"
TIMEOUT_MS = 120_000
"""Binding shows the user a dialog."""
CHECK_MS = 250
"""How often the call that Qt cannot make is asked whether it failed; only while the desktop's dialog is open."""
ACTIVATED_SLOT: Any = SLOT("on_activated(QDBusMessage)")
CLOSED_SLOT: Any = SLOT("on_closed()")


class PortalHotkey(HotkeyHandler):
    """`register` only begins; `changed` says how it ended."""

    name = "portal"

    def __init__(
        self, parent: QObject | None = None, *, bus: QDBusConnection | None = None, timeout_ms: int = TIMEOUT_MS
    ) -> None:
        super().__init__(parent)
        self._bus_given = bus
        self._timeout_ms = timeout_ms
        self._keys: Keys | None = None
        self._session = ""
        self._request: PortalRequest | None = None
        self._binding: RawCall | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(CHECK_MS)
        self._timer.timeout.connect(self._check_binding)

    def is_compatible(self) -> bool:
        """Wayland."""
        return is_wayland()

    def register(self, keys: Keys) -> Outcome:
        """Ask the desktop for the key."""
        self.unregister()
        bus = self._bus()
        if not bus.isConnected():
            raise HotkeyError(
                self.tr("There is no session message bus (D-Bus), over which a desktop gives global keys.")
            )
        self._keys = keys
        self._name_ourselves(bus)
        request = self._new_request()
        request.answered.connect(self._on_session)
        request.call(INTERFACE, "CreateSession", lambda options: [options], {"session_handle_token": new_token()})
        return Outcome(True, self.tr("Asking the desktop for {}…").format(keys.text))

    def unregister(self) -> None:
        """Close the session, and with it all that was bound."""
        self._end_binding()
        if self._request is not None:
            self._request.abort()
            self._forget_request()
        if self._session:
            bus, path = self._bus(), self._session
            self._session = ""
            bus.disconnect(SERVICE, PATH, INTERFACE, "Activated", self, ACTIVATED_SLOT)
            bus.disconnect(SERVICE, path, SESSION, "Closed", self, CLOSED_SLOT)
            bus.send(QDBusMessage.createMethodCall(SERVICE, path, SESSION, "Close"))
        self._keys = None

    def _bus(self) -> QDBusConnection:
        return self._bus_given or session_bus()

    def _name_ourselves(self, bus: QDBusConnection) -> None:
        """Portals of 1.20 and later want to know which program this is; older ones answer with an error, unheard."""
        application = QGuiApplication.desktopFileName()
        if application:
            message = QDBusMessage.createMethodCall(SERVICE, PATH, REGISTRY, "Register")
            message.setArguments([application, {}])
            bus.asyncCall(message)

    def _new_request(self) -> PortalRequest:
        self._request = PortalRequest(self._bus(), self._timeout_ms, self)
        self._request.declined.connect(self._on_declined)
        self._request.failed.connect(self._on_failed)
        return self._request

    @Slot(dict)
    def _on_session(self, results: dict[str, Any]) -> None:
        self._forget_request()
        handle = results.get("session_handle", "")
        self._session = handle.path() if isinstance(handle, QDBusObjectPath) else str(handle)
        keys = self._keys
        if not self._session or keys is None:
            self._on_failed("", self.tr("it opened no session"))
            return
        bus = self._bus()
        bus.connect(SERVICE, PATH, INTERFACE, "Activated", self, ACTIVATED_SLOT)
        bus.connect(SERVICE, self._session, SESSION, "Closed", self, CLOSED_SLOT)
        request = self._new_request()
        request.answered.connect(self._on_bound)
        token = request.expect()
        self._binding = RawCall(bus)
        self._binding.send(
            SERVICE,
            PATH,
            INTERFACE,
            "BindShortcuts",
            session=self._session,
            shortcut=SHORTCUT,
            facts={"description": self.tr("Snip a formula"), "preferred_trigger": to_trigger(keys)},
            options={"handle_token": token},
        )
        self._timer.start()

    @Slot()
    def _check_binding(self) -> None:
        error = self._binding.error() if self._binding is not None else None
        if error is not None and self._request is not None:
            self._request.fail(*error)

    @Slot(dict)
    def _on_bound(self, results: dict[str, Any]) -> None:
        """The answer names the shortcuts that were bound, with the key in words only the desktop knows."""
        self._forget_request()
        self._end_binding()
        assert self._keys is not None
        message = self.tr(
            "The desktop has taken the request: {} or the key that you chose in its dialog starts a snip. "
            "It can be changed in the desktop's keyboard settings."
        )
        self.changed.emit(Outcome(True, message.format(self._keys.text)))

    @Slot()
    def _on_declined(self) -> None:
        self._give_up(self.tr("The desktop did not grant the global key. It can be asked again in the settings."))

    @Slot(str, str)
    def _on_failed(self, kind: str, words: str) -> None:
        if kind == "timeout":
            self._give_up(self.tr("The desktop did not answer the request for a global key."))
        else:
            self._give_up(
                self.tr(
                    "This desktop gives no global keys to programs ({}). In its keyboard settings a key can be given "
                    "the command “formulens --snip” instead."
                ).format(words or kind)
            )

    @Slot(QDBusMessage)
    def on_activated(self, message: QDBusMessage) -> None:
        """Hear a shortcut of any session; ours is told by its path and name."""
        session, shortcut, *_ = [*message.arguments(), "", ""]
        path = session.path() if isinstance(session, QDBusObjectPath) else str(session)
        if path == self._session and shortcut == SHORTCUT:
            self.activated.emit()

    @Slot()
    def on_closed(self) -> None:
        """The desktop has ended the session, for example since the user took the key away in its settings."""
        self._give_up(self.tr("The desktop has taken the global key back. It can be asked for again in the settings."))

    def _give_up(self, message: str) -> None:
        self.unregister()
        self.changed.emit(Outcome(False, message))

    def _forget_request(self) -> None:
        if self._request is not None:
            self._request.deleteLater()
            self._request = None

    def _end_binding(self) -> None:
        self._timer.stop()
        if self._binding is not None:
            self._binding.close()
            self._binding = None


TRIGGER_NAMES = {
    Qt.Key.Key_Space: "space",
    Qt.Key.Key_Return: "Return",
    Qt.Key.Key_Escape: "Escape",
    Qt.Key.Key_PageUp: "Page_Up",
    Qt.Key.Key_PageDown: "Page_Down",
    Qt.Key.Key_ScrollLock: "Scroll_Lock",
}


def to_trigger(keys: Keys) -> str:
    """The key as the shortcuts specification writes it: CTRL+ALT+l.

    https://specifications.freedesktop.org/shortcuts-spec/latest/
    """
    key = TRIGGER_NAMES.get(keys.key) or Qt.Key(keys.key).name.removeprefix("Key_")
    held = [(keys.ctrl, "CTRL"), (keys.alt, "ALT"), (keys.shift, "SHIFT"), (keys.meta, "LOGO")]
    return "+".join([name for is_held, name in held if is_held] + [key.lower() if len(key) == 1 else key])
