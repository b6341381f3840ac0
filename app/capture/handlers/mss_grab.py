"""Stills of all screens by mss: X11, Windows, macOS."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from PySide6.QtCore import QObject, QRect
from PySide6.QtGui import QGuiApplication, QImage

from app.capture.models import CaptureError, Handler, Shot
from app.capture.permission import MacPermission, Permission
from app.capture.session import is_x11


class Picture(Protocol):
    """What of an ``mss.ScreenShot`` is used."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def raw(self) -> bytearray:
        """BGRA, rows without gaps."""


class Camera(Protocol):
    """What of an ``mss.MSS`` is used."""

    @property
    def monitors(self) -> list[dict[str, Any]]:
        """All of them as one, then each; pixels, on macOS points."""

    def grab(self, monitor: dict[str, Any], /) -> Picture: ...


@dataclass(frozen=True)
class Place:
    """Where Qt has a screen."""

    name: str
    geometry: QRect
    """In Qt's units; the top left corner is in the system's own, which Qt leaves as it is."""
    device_ratio: float


class MssHandler(Handler):
    """Takes the pictures at once, in `grab` itself: some tens of milliseconds for a screen of 4K."""

    name = "mss"

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        open_camera: Callable[[], AbstractContextManager[Camera]] | None = None,
        places: Callable[[], Sequence[Place]] | None = None,
        permission: Permission | None = None,
    ) -> None:
        super().__init__(parent)
        self._open_camera = open_camera or open_mss
        self._places = places or present_places
        self._permission = permission or (MacPermission() if sys.platform == "darwin" else None)

    def is_compatible(self) -> bool:
        """Windows, macOS, and X11 without Wayland above it."""
        return sys.platform in ("win32", "darwin") or is_x11()

    def grab(self) -> None:
        """Take a still of each screen."""
        try:
            shots = self._shots()
        except CaptureError as error:
            self.failed.emit(str(error))
        else:
            self.grabbed.emit(shots)

    def _shots(self) -> list[Shot]:
        from mss import ScreenShotError

        if self._permission is not None and not self._permission.granted():
            self._permission.request()
            raise CaptureError(
                self.tr(
                    "macOS does not let Formulens see the screen. Open System Settings, Privacy & Security, "
                    "Screen & System Audio Recording, allow Formulens there, then quit it and start it again. "
                    "Until then a picture can be pasted or dropped on the window."
                )
            )
        try:
            with self._open_camera() as camera:
                shots = [take(camera, place) for place in different(self._places())]
        except (ScreenShotError, OSError) as error:
            raise CaptureError(
                self.tr(
                    "The screen could not be photographed ({}). A picture can still be pasted or dropped on the window."
                ).format(error)
            ) from error
        if not shots:
            raise CaptureError(self.tr("There is no screen to take a picture of."))
        return shots


def open_mss() -> AbstractContextManager[Camera]:
    """A connection to the screens; imported here, since the window does not need it to open."""
    import mss

    if sys.platform == "darwin":
        import mss.darwin

        # Without this a Retina screen comes at half its resolution: https://github.com/BoboTiG/python-mss/issues/257
        mss.darwin.IMAGE_OPTIONS &= ~mss.darwin.kCGWindowImageNominalResolution
    return mss.MSS()


def present_places() -> list[Place]:
    """The screens that Qt has now."""
    return [Place(s.name(), s.geometry(), s.devicePixelRatio()) for s in QGuiApplication.screens()]


def different(places: Sequence[Place]) -> list[Place]:
    """The places without mirrored screens, and with names that differ: Windows calls two of a model the same."""
    kept: dict[tuple[int, int], Place] = {}
    for place in places:
        kept.setdefault(place.geometry.topLeft().toTuple(), place)
    seen: Counter[str] = Counter()
    result = []
    for place in kept.values():
        seen[place.name] += 1
        number = seen[place.name]
        name = place.name if number == 1 else f"{place.name} ({number})"
        result.append(Place(name, place.geometry, place.device_ratio))
    return result


def take(camera: Camera, place: Place) -> Shot:
    """Photograph one screen."""
    picture = camera.grab(area(camera.monitors[1:], place))
    # copy(): the QImage made here only borrows the bytes.
    image = QImage(picture.raw, picture.width, picture.height, 4 * picture.width, QImage.Format.Format_RGB32).copy()
    return Shot(image, place.geometry, place.name)


def area(monitors: Sequence[dict[str, Any]], place: Place) -> dict[str, Any]:
    """The screen in mss's units.

    Both systems of coordinates have a screen's top left corner at the same numbers; the size comes from mss, since Qt's
    is rounded to its units. A screen that mss does not list on its own (one that a driver splits) is computed.
    """
    left, top = place.geometry.left(), place.geometry.top()
    for monitor in monitors:
        if (monitor["left"], monitor["top"]) == (left, top):
            return monitor
    ratio = 1.0 if sys.platform == "darwin" else place.device_ratio
    return {
        "left": left,
        "top": top,
        "width": round(place.geometry.width() * ratio),
        "height": round(place.geometry.height() * ratio),
    }
