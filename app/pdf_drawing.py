"""Draws pages of a PDF beside the window: a page of a scanned or plotted book takes seconds.

PDFium draws one page at a time for the whole program, cannot be broken off, and lets nobody else look into any document
meanwhile. So drawings wait their turn here, and what touches a document waits until nothing is being drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QObject, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtPdf import QPdfDocument, QPdfDocumentRenderOptions, QPdfPageRenderer

POINTS = 72.0
"""An inch."""


class Rank(IntEnum):
    """What goes first; of the same rank the newest."""

    SNIP = 0
    PAGE = 1
    SMALL = 2


@dataclass(frozen=True, eq=False)
class _Job:
    rank: Rank
    page: int
    full: QSize
    clip: QRect
    done: Callable[[QImage], object]


class PdfDrawing(QObject):
    """Draws parts of the pages of one document at a time; results come in the thread of the window."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # Not by a thread of Python's: Qt's binding keeps the interpreter to itself while PDFium draws.
        self._renderer = QPdfPageRenderer(self)
        self._renderer.setRenderMode(QPdfPageRenderer.RenderMode.MultiThreaded)
        self._renderer.pageRendered.connect(self._on_drawn)
        self._waiting: list[_Job] = []
        self._running: _Job | None = None
        self._wanted = False
        """Whether what runs is still of use."""
        self._then: list[Callable[[], object]] = []
        self.sizes: list[QSizeF] = []
        """Of the pages, in points."""

    @property
    def busy(self) -> bool:
        return self._running is not None

    def take(self, document: QPdfDocument) -> None:
        """Draw from this document from now on; to be called while nothing is drawn."""
        self.forget()
        self._renderer.setDocument(document)
        # All at once: who asks for one later would wait for a page that is being drawn.
        self.sizes = [document.pagePointSize(page) for page in range(document.pageCount())]

    def draw(self, rank: Rank, page: int, part: QRectF, dpi: float, done: Callable[[QImage], object]) -> None:
        """Draw a part of a page (0..1) on white at a resolution, and hand it to `done`.

        Of a page as it stands on the screen only the newest drawing is made.
        """
        points = self.sizes[page]
        full = QSize(max(1, round(points.width() * dpi / POINTS)), max(1, round(points.height() * dpi / POINTS)))
        clip = QRectF(
            part.x() * full.width(),
            part.y() * full.height(),
            part.width() * full.width(),
            part.height() * full.height(),
        ).toAlignedRect() & QRect(0, 0, full.width(), full.height())
        if rank is Rank.PAGE:
            self._waiting = [job for job in self._waiting if job.rank is not Rank.PAGE]
            if self._running is not None and self._running.rank is Rank.PAGE:
                self._wanted = False
        self._waiting.append(_Job(rank, page, full, clip, done))
        self._go_on()

    def forget(self) -> None:
        """Drop what waits, and what is being drawn when it comes."""
        self._waiting.clear()
        self._wanted = False

    def let_go(self) -> None:
        """Draw nothing more of the document; `when_idle` it can be closed."""
        self.forget()
        self.sizes = []

    def when_idle(self, act: Callable[[], object]) -> None:
        """Call something that touches a document: now, or as soon as nothing is being drawn."""
        if self._running is None:
            act()
        else:
            self._then.append(act)

    def _go_on(self) -> None:
        while self._running is None and self._waiting:
            job = min(reversed(self._waiting), key=lambda job: job.rank)
            self._waiting.remove(job)
            options = QPdfDocumentRenderOptions()
            options.setScaledSize(job.full)
            options.setScaledClipRect(job.clip)
            self._running, self._wanted = job, True
            if not self._renderer.requestPage(job.page, job.clip.size(), options):
                self._running = None  # no such page

    def _on_drawn(self, _page: int, _size: QSize, drawn: QImage, *_: object) -> None:
        job, wanted = self._running, self._wanted
        self._running = None
        while self._then:
            self._then.pop(0)()
        if job is not None and wanted:
            # Pages have no ground of their own.
            image = QImage(job.clip.size(), QImage.Format.Format_RGB32)
            image.fill(Qt.GlobalColor.white)
            painter = QPainter(image)
            painter.drawImage(0, 0, drawn)
            painter.end()
            job.done(image)
        self._go_on()
