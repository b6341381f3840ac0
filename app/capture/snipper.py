"""The flow of a snip: delay, still picture, overlay on each screen, the part that was chosen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCursor, QGuiApplication, QImage, QScreen
from PySide6.QtWidgets import QApplication, QWidget

from app.capture.handlers import choose
from app.capture.models import Handler, Region, Shot
from app.capture.overlay import Overlay

SETTLE_MS = 200
"""Waited before each still: the window that was just hidden has to leave the screen, and compositors fade it out."""


class Snipper(QObject):
    """Takes one snip at a time; each `start` or `again` that is accepted ends in exactly one of the three signals."""

    captured = Signal(QImage, object)
    """The picture in device pixels and its `Region`, or None where the desktop does not tell where it was."""
    cancelled = Signal()
    failed = Signal(str)

    def __init__(
        self, parent: QObject | None = None, *, handler: Handler | None = None, settle_ms: int = SETTLE_MS
    ) -> None:
        super().__init__(parent)
        self._handler = handler or choose(self)
        self._settle_ms = settle_ms
        self._busy = False
        self._repeating = False
        self._region: Region | None = None
        self._overlays: list[Overlay] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._grab)
        self._handler.grabbed.connect(self._on_grabbed)
        self._handler.selected.connect(self._on_selected)
        self._handler.cancelled.connect(self._on_cancelled)
        self._handler.failed.connect(self._on_failed)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.screenAdded.connect(self._on_screens_changed)
            app.screenRemoved.connect(self._on_screens_changed)

    @property
    def is_busy(self) -> bool:
        """Whether a snip is under way."""
        return self._busy

    @property
    def can_repeat(self) -> bool:
        """Whether `again` knows a region."""
        return self._region is not None

    @property
    def region(self) -> Region | None:
        """The region of the last snip."""
        return self._region

    @property
    def overlays(self) -> Sequence[Overlay]:
        """The overlays now on the screens; empty unless the user is choosing."""
        return tuple(self._overlays)

    def remember(self, region: Region | None) -> None:
        """Set the region that `again` takes, for example the one of the last session."""
        self._region = region

    def start(self, delay_s: float = 0) -> None:
        """Take the still after a delay in seconds and let the user choose a region; does nothing while busy."""
        self._begin(delay_s, repeating=False)

    def again(self, delay_s: float = 0) -> None:
        """Snip the last region again without asking; does nothing while busy or without a region."""
        if self._region is not None:
            self._begin(delay_s, repeating=True)

    def cancel(self) -> None:
        """Give up the snip under way, during its delay too."""
        if self._busy:
            self._handler.abort()
            self._finish()
            self.cancelled.emit()

    def _begin(self, delay_s: float, *, repeating: bool) -> None:
        if self._busy:
            return
        self._busy, self._repeating = True, repeating
        self._timer.start(max(self._settle_ms, round(delay_s * 1000)))

    @Slot()
    def _grab(self) -> None:
        self._handler.grab()

    @Slot(list)
    def _on_grabbed(self, shots: list[Shot]) -> None:
        if not self._busy:
            return
        if self._repeating:
            self._take_again(shots)
        else:
            self._show_overlays(shots)

    def _take_again(self, shots: list[Shot]) -> None:
        region = self._region
        assert region is not None  # again() asked
        shot = next((shot for shot in shots if region.fits(shot)), None)
        if shot is None:
            self._fail(
                self.tr(
                    "The screen of the last snip, {} at {} × {} pixels, is not there any more. "
                    "Snip the region anew with the mouse."
                ).format(region.screen, region.screen_width, region.screen_height)
            )
            return
        self._deliver(shot, region.rect)

    def _show_overlays(self, shots: list[Shot]) -> None:
        if blocking_dialog() is not None:
            self._fail(self.tr("Close the open dialog first, then snip again."))
            return
        pointer = QCursor.pos()
        for shot in shots:
            overlay = Overlay(shot)
            overlay.accepted.connect(self._on_accepted)
            overlay.rejected.connect(self._on_rejected)
            overlay.next_screen_requested.connect(self._on_next_screen)
            overlay.band_started.connect(self._on_band_started)
            self._overlays.append(overlay)
            overlay.show_on_screen()
        under_pointer = [overlay for overlay in self._overlays if overlay.shot.geometry.contains(pointer)]
        (under_pointer or self._overlays)[0].take_keyboard()

    @Slot(QRect)
    def _on_accepted(self, rect: QRect) -> None:
        overlay = self.sender()
        if self._busy and isinstance(overlay, Overlay):
            self._deliver(overlay.shot, rect)

    @Slot()
    def _on_rejected(self) -> None:
        if self._busy:
            self._finish()
            self.cancelled.emit()

    @Slot()
    def _on_next_screen(self) -> None:
        overlay = self.sender()
        if isinstance(overlay, Overlay) and overlay in self._overlays:
            overlay.clear_band()
            self._overlays[(self._overlays.index(overlay) + 1) % len(self._overlays)].take_keyboard()

    @Slot()
    def _on_band_started(self) -> None:
        """Keep one band: the one begun last, which also gets the keys."""
        active = self.sender()
        for overlay in self._overlays:
            if overlay is not active:
                overlay.clear_band()
        if isinstance(active, Overlay):
            active.take_keyboard()

    @Slot(QImage)
    def _on_selected(self, image: QImage) -> None:
        if self._busy:
            self._finish()
            self.captured.emit(image, None)

    @Slot()
    def _on_cancelled(self) -> None:
        self._on_rejected()

    @Slot(str)
    def _on_failed(self, message: str) -> None:
        if self._busy:
            self._fail(message)

    @Slot(QScreen)
    def _on_screens_changed(self, screen: QScreen) -> None:
        """The stills no longer show what is on the screens, and the overlays may stand where no screen is."""
        if self._overlays:
            self._fail(
                self.tr("A screen was connected or disconnected during the snip, so nothing was taken. Snip again.")
            )

    def _deliver(self, shot: Shot, rect: QRect) -> None:
        image = shot.image.copy(rect)
        region = Region.of(shot, rect)
        self._finish()
        self.remember(region)
        self.captured.emit(image, region)

    def _fail(self, message: str) -> None:
        self._finish()
        self.failed.emit(message)

    def _finish(self) -> None:
        self._timer.stop()
        self._busy = False
        overlays, self._overlays = self._overlays, []
        for overlay in overlays:
            overlay.dismiss()


def blocking_dialog() -> QWidget | None:
    """The dialog that takes all input of the program, if one is open: an overlay would cover the screen and be deaf."""
    for window in QApplication.topLevelWidgets():
        if window.isVisible() and window.windowModality() == Qt.WindowModality.ApplicationModal:
            return window
    return None
