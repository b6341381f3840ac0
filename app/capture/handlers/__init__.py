"""The ways to a picture of the screen, in the order in which they are tried."""

from __future__ import annotations

from PySide6.QtCore import QObject

from app.capture.handlers.mss_grab import MssHandler
from app.capture.handlers.portal import PortalHandler
from app.capture.models import Handler

HANDLERS: tuple[type[Handler], ...] = (PortalHandler, MssHandler)
"""The portal first: on Wayland an X server is there as well, but its picture of the screen is black."""


def choose(parent: QObject | None = None) -> Handler:
    """The first handler for the present desktop.

    With none compatible (no display at all) it is the last one, whose `grab` then says plainly what is missing.
    """
    for kind in HANDLERS:
        handler = kind(parent)
        if handler.is_compatible():
            return handler
        if kind is not HANDLERS[-1]:
            handler.deleteLater()
    return handler
