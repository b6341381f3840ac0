"""LaTeX -> picture: SVG by ziamath, off the GUI thread.

``render`` is the one function; ``PreviewRenderer`` calls it in a thread of its own, waits until the typing pauses, and
draws the newest text only.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree

import numpy as np
from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, QThread, QTimer, Signal, Slot
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from app.latex_check import Problem, command_problems, problems, whole
from app.preview_dialect import Dialect, Unsupported, to_dialect
from app.preview_layout import mend_ziamath, prepare_tables
from app.words import translate
from core_model.errors import FormulensError
from core_model.latex import LatexError, canonical

if TYPE_CHECKING:
    from app.reading import Grey

_LOG = logging.getLogger(__name__)
_COLOR = re.compile(r"#[0-9a-fA-F]{6}$")
# ziamath keeps its settings and fonts in module globals.
_LOCK = threading.Lock()
_PAUSE_MS: Final = 150
_LONGEST_SIDE: Final = 20_000
_MOST_CHARACTERS: Final = 20_000


@dataclass(frozen=True)
class Rendered:
    """A drawn formula; lengths in px at the size that was asked for."""

    svg: bytes
    width: float
    height: float
    baseline: float
    """From the top edge down to the line the formula stands on."""


class PreviewError(FormulensError):
    """A text that cannot be drawn; ``problems`` say where and why, and there is at least one."""

    def __init__(self, found: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(problem.message for problem in found))
        self.problems = found


def render(latex: str, *, size: float = 20.0, color: str = "#000000", font: str | None = None) -> Rendered:
    """Draw a formula in display style.

    ``size`` is the font's in px, ``color`` the ink's, ``font`` the file of an OpenType math font; without one ziamath's
    own STIX Two is taken. May be called from any thread; about 50 ms for a formula, one at a time.

    Raises:
        PreviewError: the text is no formula, is blank, or has something ziamath cannot draw.
        ValueError: a size or colour that is none.
    """
    if not 1 <= size <= 1000 or not _COLOR.match(color):
        raise ValueError(f"size must lie within 1..1000 px and colour be #rrggbb, not {size} and {color!r}")
    if not latex.strip():
        raise PreviewError((whole(latex, translate("Preview", "There is nothing to draw yet")),))
    if len(latex) > _MOST_CHARACTERS:
        raise PreviewError((whole(latex, translate("Preview", "The formula is too long for the preview")),))
    found = problems(latex)
    if found:
        raise PreviewError(found)
    try:
        dialect = to_dialect(canonical(latex))
    except Unsupported as error:
        told = translate("Preview", "The preview cannot show {command}").format(command=error.command)
        raise PreviewError(command_problems(latex, error.command, told)) from None
    except LatexError as error:  # the canonical form refuses a little more than the parser
        raise PreviewError((whole(latex, str(error)),)) from None
    return _draw(latex, dialect, size, color, font)


def _draw(latex: str, dialect: Dialect, size: float, color: str, font: str | None) -> Rendered:
    with _LOCK, warnings.catch_warnings():
        # ziamath warns of its own use of importlib.resources when it is imported.
        warnings.simplefilter("ignore")
        import ziamath
        from ziamath.tex import tex2mml

        # Plain paths instead of <symbol> and <use>, which QtSvg does not draw.
        ziamath.config.svg2 = False
        mend_ziamath()()
        try:
            mathml = tex2mml(dialect.source)
            # latex2mathml passes commands that it does not know through as text.
            unknown = re.search(r"\\[A-Za-z]+|\\[^\s<]", mathml)
            if unknown:
                told = translate("Preview", "The preview cannot show {command}").format(command=unknown[0])
                raise PreviewError(command_problems(latex, unknown[0], told))
            tree = _with_narrow_accents(mathml)
            if not prepare_tables(tree, dialect.tables):
                raise PreviewError(
                    (whole(latex, translate("Preview", "The preview cannot show the lines of these tables")),)
                )
            # A font remembers the number of every glyph it was asked for; layout asks, drawing does not.
            for loaded in ziamath.zmath.loadedfonts.values():
                loaded._glyphids.clear()
            drawing = ziamath.Math(tree, size=size, font=font)
            glyphs = dict(drawing.font._glyphids)
            svg = drawing.svgxml()
        except PreviewError:
            raise
        except OSError as error:
            told = translate(
                "Preview", "The preview’s font {font} cannot be read: choose another in the settings"
            ).format(font=font)
            raise PreviewError((whole(latex, told),)) from error
        # The parser and layout of ziamath raise whatever their code runs into; to the user that is one formula that
        # the preview cannot show.
        except Exception as error:
            _LOG.info("ziamath refused %r", dialect.source, exc_info=True)
            told = translate("Preview", "The preview cannot show this formula ({reason})").format(
                reason=type(error).__name__
            )
            raise PreviewError((whole(latex, told),)) from error
        missing = [character for character, glyph in glyphs.items() if glyph == 0]
    if missing:
        told = translate("Preview", "The preview’s font has no {signs}").format(signs=" ".join(missing[:5]))
        raise PreviewError((whole(latex, told),))
    return _finish(latex, svg, color)


def _finish(latex: str, svg: ElementTree.Element, color: str) -> Rendered:
    """Colour a drawing, and check that something is on it."""
    inked = False
    for element in svg.iter():
        for attribute in ("fill", "stroke"):
            if element.get(attribute) not in (None, "none"):
                element.set(attribute, color)
                inked = inked or bool(element.get("d", "rect"))
    _, top, width, height = (float(value) for value in svg.get("viewBox", "0 0 0 0").split())
    if not inked or width <= 0 or height <= 0:
        raise PreviewError((whole(latex, translate("Preview", "The formula is nothing but white space")),))
    if max(width, height) > _LONGEST_SIDE:
        raise PreviewError((whole(latex, translate("Preview", "The formula is too large for the preview")),))
    return Rendered(ElementTree.tostring(svg), width, height, -top)


def _with_narrow_accents(mathml: str) -> ElementTree.Element:
    r"""Make ``\hat`` and ``\tilde`` narrow: ziamath stretches them like ``\widehat`` and ``\widetilde``."""
    root = ElementTree.fromstring(mathml)
    for element in root.iter():
        if not element.tag.endswith("mover") or len(element) != 2:
            continue
        accent = element[1]
        if element.get("accent") == "true" and accent.text == "\u0302":
            accent.text = "\u02c6"
            accent.set("stretchy", "false")
        elif accent.get("stretchy") == "false" and accent.text == "~":
            accent.text = "\u02dc"
    return root


def recolored(svg: bytes, color: str) -> bytes:
    """A drawing of ``render`` in another colour."""
    if not _COLOR.match(color):
        raise ValueError(f"colour must be #rrggbb, not {color!r}")
    return re.sub(rb'(fill|stroke)="#[0-9a-fA-F]{6}"', rb'\1="' + color.encode() + b'"', svg)


def to_image(svg: bytes, width_px: int) -> QImage:
    """Draw an SVG on a transparent ground, ``width_px`` wide and as high as its shape asks for."""
    renderer = QSvgRenderer(QByteArray(svg))
    box = renderer.viewBoxF()
    if width_px < 1 or not renderer.isValid() or box.width() <= 0:
        raise ValueError(f"an SVG of {len(svg)} bytes and {width_px} px is no picture")
    image = QImage(
        width_px, max(1, round(width_px * box.height() / box.width())), QImage.Format.Format_ARGB32_Premultiplied
    )
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter, QRectF(image.rect()))
    painter.end()
    return image


def rasterize(svg: bytes, width_px: int) -> Grey:
    """Draw an SVG on white: grey [h, w] with ``w == width_px``, as a picture that could have been snipped."""
    drawn = to_image(svg, width_px)
    ground = QImage(drawn.size(), QImage.Format.Format_Grayscale8)
    ground.fill(Qt.GlobalColor.white)
    painter = QPainter(ground)
    painter.drawImage(0, 0, drawn)
    painter.end()
    rows = np.frombuffer(ground.constBits(), np.uint8).reshape(ground.height(), ground.bytesPerLine())
    return rows[:, : ground.width()].copy()


@dataclass(frozen=True)
class _Job:
    latex: str
    size: float
    font: str | None
    key: object = None
    """What a small picture is for; None for the preview itself."""


class _Worker(QObject):
    """Draws, in the renderer's thread."""

    done = Signal(object, object)
    """The job, and a ``Rendered`` or the problems."""

    @Slot(object)
    def draw(self, job: _Job) -> None:
        """Draw one job and tell."""
        result: Rendered | tuple[Problem, ...]
        try:
            result = render(job.latex, size=job.size, font=job.font)
        except PreviewError as error:
            result = error.problems
        except Exception:  # noqa: BLE001 - the thread's edge: a bug of ours must not silence the preview for good
            _LOG.exception("drawing %r failed", job.latex)
            result = (whole(job.latex, translate("Preview", "The preview failed; the log says why")),)
        self.done.emit(job, result)


class PreviewRenderer(QObject):
    """Draws what is asked for beside the window, one picture at a time, all in black.

    The preview goes first and only its newest text is drawn, once typing has paused; small pictures wait their turn.
    A small picture that cannot be drawn is not reported. Has to be started, and stopped before it goes.
    """

    rendered = Signal(str, object)
    """LaTeX, ``Rendered``"""
    failed = Signal(str, object)
    """LaTeX, ``tuple[Problem, ...]``"""
    small_rendered = Signal(object, object)
    """The key of the request, ``Rendered``"""
    _begun = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        size: float = 22.0,
        small_size: float = 16.0,
        font: str | None = None,
        pause_ms: int = _PAUSE_MS,
    ) -> None:
        super().__init__(parent)
        self._size, self._small_size, self._font = size, small_size, font
        self._wanted: str | None = None
        self._waiting: _Job | None = None
        self._small: dict[object, _Job] = {}
        self._busy: _Job | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(pause_ms)
        self._pause.timeout.connect(self._typed)
        self._thread = QThread(self)
        self._thread.setObjectName("preview")
        self._worker = _Worker()
        self._worker.moveToThread(self._thread)
        self._worker.done.connect(self._finished)
        self._begun.connect(self._worker.draw)

    @Slot()
    def start(self) -> None:
        """Begin; what was asked for before is drawn now."""
        self._thread.start()
        self._next()

    @Slot()
    def stop(self) -> None:
        """End, after the picture that is being drawn; nothing is emitted any more."""
        self._pause.stop()
        self._wanted = self._waiting = None
        self._small.clear()
        self._thread.quit()
        self._thread.wait()

    @Slot(str)
    def request(self, latex: str) -> None:
        """Draw the preview of a text once no newer one has come for a moment."""
        self._wanted = latex
        self._waiting = None
        self._pause.start()

    @Slot(str)
    def request_now(self, latex: str) -> None:
        """Draw the preview of a text that nobody is typing."""
        self.request(latex)
        self._pause.stop()
        self._typed()

    @Slot(object, str)
    def request_small(self, key: object, latex: str) -> None:
        """Draw a small picture; a newer request with the same key takes the older one's place."""
        if key is None:
            raise ValueError("a small picture needs a key")
        self._small[key] = _Job(latex, self._small_size, self._font, key)
        self._next()

    @Slot()
    def forget_small(self) -> None:
        """Drop the small pictures that are still to be drawn."""
        self._small.clear()

    def set_style(self, size: float, font: str | None) -> None:
        """Size in px and font file from now on; the preview is drawn anew."""
        if (size, font) == (self._size, self._font):
            return
        self._size, self._font = size, font
        if self._wanted is not None:
            self.request_now(self._wanted)

    @Slot()
    def _typed(self) -> None:
        if self._wanted is not None:
            self._waiting = _Job(self._wanted, self._size, self._font)
            self._next()

    def _next(self) -> None:
        if self._busy is not None or not self._thread.isRunning():
            return
        if self._waiting is not None:
            self._busy, self._waiting = self._waiting, None
        elif self._small:
            self._busy = self._small.pop(next(iter(self._small)))
        else:
            return
        self._begun.emit(self._busy)

    @Slot(object, object)
    def _finished(self, job: _Job, result: Rendered | tuple[Problem, ...]) -> None:
        self._busy = None
        if job.key is not None:
            # A newer request for this picture makes the older result useless.
            if isinstance(result, Rendered) and job.key not in self._small and self._thread.isRunning():
                self.small_rendered.emit(job.key, result)
        elif job.latex == self._wanted and self._waiting is None:
            if isinstance(result, Rendered):
                self.rendered.emit(job.latex, result)
            else:
                self.failed.emit(job.latex, result)
        self._next()
