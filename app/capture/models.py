"""What a picture of the screen is, and what every way of taking one looks like."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtGui import QImage

from core_model.errors import FormulensError


class CaptureError(FormulensError):
    """The screen could not be photographed; the message says why and what to do."""


@dataclass(frozen=True)
class Shot:
    """The still picture of one screen."""

    image: QImage
    """In device pixels, its own device pixel ratio left at 1."""
    geometry: QRect
    """Where Qt has the screen, in Qt's units."""
    name: str
    """The screen's name, different for each."""


@dataclass(frozen=True)
class Region:
    """A part of a screen in that screen's device pixels, to be snipped again.

    The size of the screen belongs to it: on a screen that has since got another resolution the same numbers would
    mean another place.
    """

    screen: str
    screen_width: int
    screen_height: int
    left: int
    top: int
    width: int
    height: int

    @property
    def rect(self) -> QRect:
        """The region within its screen's still."""
        return QRect(self.left, self.top, self.width, self.height)

    def fits(self, shot: Shot) -> bool:
        """Tell whether the shot is of the same screen at the same resolution."""
        return (shot.name, shot.image.width(), shot.image.height()) == (
            self.screen,
            self.screen_width,
            self.screen_height,
        )

    @staticmethod
    def of(shot: Shot, rect: QRect) -> Region:
        """The region of a shot that a rectangle in its pixels marks."""
        return Region(
            shot.name, shot.image.width(), shot.image.height(), rect.left(), rect.top(), rect.width(), rect.height()
        )


class Handler(QObject):
    """One way to a picture of the screen. Each call of `grab` ends in exactly one of the four signals.

    Signals and not a return value, since the desktop portal answers when the user has chosen.
    """

    grabbed = Signal(list)
    """Stills of all screens as a list of `Shot`: the overlay asks for the region."""
    selected = Signal(QImage)
    """The picture itself, where the desktop's own selector has asked for the region."""
    cancelled = Signal()
    failed = Signal(str)

    name = ""

    def is_compatible(self) -> bool:
        """Tell whether this is the way for the present desktop."""
        raise NotImplementedError

    def grab(self) -> None:
        """Take the picture; a further call while one is under way does nothing."""
        raise NotImplementedError

    def abort(self) -> None:
        """Forget a grab under way; no signal follows. Those that answer at once have nothing to forget."""
