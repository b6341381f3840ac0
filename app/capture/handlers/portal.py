"""A region of the screen by the desktop's own selector, over the portal: Wayland.

https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Screenshot.html
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtDBus import QDBusConnection
from PySide6.QtGui import QImageReader

from app.capture.models import Handler
from app.capture.portal_request import PortalRequest, session_bus
from app.capture.session import is_wayland

INTERFACE = "org.freedesktop.portal.Screenshot"
TIMEOUT_MS = 120_000
"""The user may take a while to choose, but a selector that never answers must not block snipping for ever."""
NO_PORTAL = {
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.UnknownInterface",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
}

log = logging.getLogger(__name__)


class PortalHandler(Handler):
    """Asks the portal and reads the picture that it has written."""

    name = "portal"

    def __init__(
        self, parent: QObject | None = None, *, bus: QDBusConnection | None = None, timeout_ms: int = TIMEOUT_MS
    ) -> None:
        super().__init__(parent)
        self._bus = bus
        self._timeout_ms = timeout_ms
        self._request: PortalRequest | None = None

    def is_compatible(self) -> bool:
        """Wayland. Whether a portal answers shows itself at `grab`, which can say what to install."""
        return is_wayland()

    def grab(self) -> None:
        """Open the desktop's selector."""
        if self._request is not None:
            return
        bus = self._bus or session_bus()
        if not bus.isConnected():
            self.failed.emit(
                self.tr(
                    "There is no session message bus (D-Bus), over which a Wayland desktop gives screenshots. "
                    "A picture can still be pasted or dropped on the window."
                )
            )
            return
        self._request = PortalRequest(bus, self._timeout_ms, self)
        self._request.answered.connect(self._on_answered)
        self._request.declined.connect(self._on_declined)
        self._request.failed.connect(self._on_failed)
        self._request.call(INTERFACE, "Screenshot", arguments, {"interactive": True, "modal": False})

    def abort(self) -> None:
        """Close the desktop's selector."""
        if self._request is not None:
            self._request.abort()
            self._forget()

    @Slot(dict)
    def _on_answered(self, results: dict[str, Any]) -> None:
        self._forget()
        url = QUrl(str(results.get("uri", "")))
        if not url.isLocalFile():
            self.failed.emit(self.tr("The desktop gave no picture. Snip again."))
            return
        path = Path(url.toLocalFile())
        reader = QImageReader(str(path))
        # By its content: portals have been seen to write JPEG into files named .png.
        reader.setDecideFormatFromContent(True)
        image = reader.read()
        try:
            # The portal leaves the file to whoever asked; kept, each snip would add one to the user's pictures.
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the portal's picture %s stays: %s", path, error)
        if image.isNull():
            self.failed.emit(
                self.tr("The desktop's picture {} could not be read: {}. Snip again.").format(
                    path, reader.errorString()
                )
            )
        else:
            image.setDevicePixelRatio(1.0)
            self.selected.emit(image)

    @Slot()
    def _on_declined(self) -> None:
        self._forget()
        self.cancelled.emit()

    @Slot(str, str)
    def _on_failed(self, kind: str, words: str) -> None:
        self._forget()
        self.failed.emit(self._explain(kind, words))

    def _explain(self, kind: str, words: str) -> str:
        if kind in NO_PORTAL:
            return self.tr(
                "This desktop has no screenshot portal, without which Wayland lets no program see the screen. Install "
                "xdg-desktop-portal with the part for your desktop (-gnome, -kde, -wlr, -hyprland), or take the "
                "picture with the desktop's own tool and paste it here."
            )
        if kind == "timeout":
            return self.tr("The desktop's screenshot tool did not answer. Snip again.")
        if kind == "refused":
            return self.tr(
                "The desktop refused the screenshot. Look in its settings whether Formulens may take screenshots, "
                "or take the picture with the desktop's own tool and paste it here."
            )
        return self.tr("The desktop's screenshot tool failed: {}").format(words or kind)

    def _forget(self) -> None:
        if self._request is not None:
            self._request.deleteLater()
            self._request = None


def arguments(options: dict[str, Any]) -> list[Any]:
    """No parent window: Formulens hides its own during a snip."""
    return ["", options]
