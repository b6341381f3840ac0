"""Draw formulas without TeX: ziamath sets them with any OpenType math font, Pillow fills the outlines.

ziamath gives SVG with nothing but filled paths and rectangles, so a full SVG renderer is not needed. Outlines are
filled by the non-zero rule at four times the size and averaged down. About 20 formulas a second.
"""

import math
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core_model.errors import DataError
from trainer.data.render.base import Grey, RenderFailure, is_balanced

BUNDLED_FONT = "stix-two"
_FILES = {
    "latin-modern-math": "latinmodern-math.otf",
    "gyre-termes": "texgyretermes-math.otf",
    "gyre-pagella": "texgyrepagella-math.otf",
    "gyre-schola": "texgyreschola-math.otf",
    "gyre-bonum": "texgyrebonum-math.otf",
    "gyre-dejavu": "texgyredejavu-math.otf",
    "dejavu-math": "DejaVuMathTeXGyre.ttf",
    "xits-math": "XITSMath-Regular.otf",
    "libertinus-math": "LibertinusMath-Regular.otf",
    "asana-math": "Asana-Math.otf",
    "fira-math": "FiraMath-Regular.otf",
}
"""Font name -> file name, looked for where systems and TeX keep fonts."""
_FOLDERS = (
    "/usr/share/fonts",
    "/usr/share/texmf/fonts/opentype",
    "/usr/share/texlive/texmf-dist/fonts/opentype",
    "/usr/local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "~/Library/Fonts",
    "~/.fonts",
    "~/.local/share/fonts",
    "C:/Windows/Fonts",
)
_OVERSAMPLE = 4
_CURVE_STEPS = 6
_MAX_SIDE = 6000
_PATH_PART = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "C": 6, "Z": 0}
# ziamath keeps its settings and fonts in module globals.
_LOCK = threading.Lock()

Polygon = NDArray[np.float64]
"""A closed outline ``[n, 2]`` of x, y."""


@dataclass(frozen=True)
class ZiamathStyle:
    """How a batch of formulas looks. Raises ``ValueError`` that names all that is wrong."""

    font: str = BUNDLED_FONT
    points: int = 12
    dpi: int = 100
    stroke: float = 0.0
    """Width of a line drawn around every outline, in em: 0.02 is bolder by about a third."""

    def __post_init__(self) -> None:
        problems = []
        if self.font != BUNDLED_FONT and self.font not in _FILES:
            problems.append(f"font {self.font!r} is none of {', '.join((BUNDLED_FONT, *_FILES))}")
        if not 4 <= self.points <= 72:
            problems.append(f"points must lie within 4..72, not {self.points}")
        if not 30 <= self.dpi <= 1200:
            problems.append(f"dpi must lie within 30..1200, not {self.dpi}")
        if not 0 <= self.stroke <= 0.1:
            problems.append(f"stroke must lie within 0..0.1 em, not {self.stroke}")
        if problems:
            raise ValueError("ZiamathStyle: " + "; ".join(problems))


class ZiamathRenderer:
    """Draws formulas one by one with ziamath."""

    name = "ziamath"

    def render(self, formulas: Sequence[str], style: ZiamathStyle) -> list[Grey | RenderFailure]:
        """Draw each formula in display style. Raises ``DataError`` if the style's font is not on this computer."""
        fonts = available_math_fonts()
        if style.font not in fonts:
            raise DataError(f"The font {style.font} is not on this computer; there are {', '.join(sorted(fonts))}.")
        return [self._render(formula, style, fonts[style.font]) for formula in formulas]

    def _render(self, formula: str, style: ZiamathStyle, font: str | None) -> Grey | RenderFailure:
        if not formula.strip():
            return RenderFailure("blank", "empty formula")
        if not is_balanced(formula):
            return RenderFailure("unbalanced", "braces, \\left/\\right or \\begin/\\end do not pair up")
        svg = formula_svg(formula, style.points * style.dpi / 72, font)
        if isinstance(svg, RenderFailure):
            return svg
        return rasterize_svg(svg, stroke=style.stroke * style.points * style.dpi / 72)


def formula_svg(formula: str, size: float, font: str | None) -> str | RenderFailure:
    """Set a formula; ``size`` is that of the font in px, ``font`` a file, or ``None`` for the font in ziamath's box."""
    with _LOCK, warnings.catch_warnings():
        # ziamath warns of its own use of importlib.resources when it is imported.
        warnings.simplefilter("ignore")
        import ziamath
        from ziamath.tex import tex2mml

        # Plain paths instead of <symbol> and <use>.
        ziamath.config.svg2 = False
        try:
            mathml = tex2mml(compact(formula))
            # latex2mathml passes commands that it does not know through as text.
            unknown = re.search(r"\\[A-Za-z]+", mathml)
            if unknown:
                return RenderFailure("unsupported", f"ziamath does not know {unknown[0]}")
            # A font remembers the number of every glyph it was asked for; layout asks, drawing does not.
            for loaded in ziamath.zmath.loadedfonts.values():
                loaded._glyphids.clear()
            drawing = ziamath.Math(_with_narrow_accents(mathml), size=size, font=font)
            glyphs = dict(drawing.font._glyphids)
            svg: str = drawing.svg()
        # The parser and layout of ziamath raise whatever their code runs into; one formula is no reason to stop.
        except Exception as error:  # noqa: BLE001
            return RenderFailure("unsupported", f"ziamath: {type(error).__name__}: {error}"[:200])
        missing = [character for character, glyph in glyphs.items() if glyph == 0]
    if missing:
        return RenderFailure("missing glyph", f"the font has no {' '.join(missing[:5])!r}")
    return svg


def compact(formula: str) -> str:
    r"""Take out the spaces between tokens: ziamath draws ``\mathbb { E }`` as a plain E, ``\mathbb{E}`` rightly."""
    tokens = formula.split(" ")
    pieces = []
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        # A command word ends at a letter only with a space; a control space keeps its own.
        spaced = token == "\\" or (re.search(r"\\[A-Za-z]+$", token) and following[:1].isalpha())
        pieces.append(token + (" " if spaced else ""))
    return "".join(pieces).rstrip()


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


def rasterize_svg(svg: str, *, stroke: float = 0.0) -> Grey | RenderFailure:
    """Fill the paths and rectangles of ziamath's SVG; ``stroke`` px are added around each outline."""
    root = ElementTree.fromstring(svg)
    left, top, width, height = (float(value) for value in root.get("viewBox", "0 0 1 1").split())
    if max(width, height) > _MAX_SIDE:
        return RenderFailure("too large", f"{width:.0f} x {height:.0f} px")
    if min(width, height) < 0:  # nothing but negative space
        return RenderFailure("blank", f"{width:.0f} x {height:.0f} px")
    # Outlines may overhang the view box: one pixel more on each side.
    size = (math.ceil(width) + 2, math.ceil(height) + 2)
    ink = np.zeros((size[1] * _OVERSAMPLE, size[0] * _OVERSAMPLE), dtype=bool)
    origin = np.array([left - 1, top - 1])
    for element in root.iter():
        tag = element.tag.rsplit("}", 1)[-1]
        if tag == "path":
            outlines = list(path_outlines(element.get("d", "")))
        elif tag == "rect":
            # \atop is a fraction whose bar has no height.
            outlines = [_rectangle(element)] if float(element.get("height", "0")) > 0 else []
        elif tag == "svg":
            continue
        else:
            return RenderFailure("unsupported", f"ziamath drew a <{tag}>")
        _fill(ink, [(outline - origin) * _OVERSAMPLE for outline in outlines], stroke * _OVERSAMPLE)
    if not ink.any():
        return RenderFailure("blank", "nothing printed")
    covered = ink.reshape(size[1], _OVERSAMPLE, size[0], _OVERSAMPLE).mean(axis=(1, 3))
    grey: Grey = np.round(255 * (1 - covered)).astype(np.uint8)
    return grey


def path_outlines(path: str) -> Iterator[Polygon]:
    """Yield the closed outlines of an SVG path; curves become short lines."""
    points: list[tuple[float, float]] = []
    parts = _PATH_PART.findall(path)
    index = 0
    command = "M"
    while index < len(parts):
        if parts[index].isalpha():
            command = parts[index]
            index += 1
        if command not in _ARGUMENTS:
            raise ValueError(f"SVG path command {command!r} is not supported")
        count = _ARGUMENTS[command]
        values = [float(part) for part in parts[index : index + count]]
        index += count
        if command in "MZ" and len(points) > 2:
            yield np.array(points)
        if command == "M":
            points = [(values[0], values[1])]
            command = "L"
        elif command == "Z":
            points = points[:1]
        elif command == "H":
            points.append((values[0], points[-1][1]))
        elif command == "V":
            points.append((points[-1][0], values[0]))
        elif command == "L":
            points.append((values[0], values[1]))
        else:
            points += _curve([points[-1], *zip(values[::2], values[1::2], strict=True)])
    if len(points) > 2:
        yield np.array(points)


def _curve(controls: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points along a quadratic or cubic Bezier curve, without its first."""
    return [
        (
            sum(weight * x for weight, (x, _) in zip(weights, controls, strict=True)),
            sum(weight * y for weight, (_, y) in zip(weights, controls, strict=True)),
        )
        for weights in _bernstein(len(controls) - 1)
    ]


@cache
def _bernstein(degree: int) -> list[list[float]]:
    """Weights of the control points at each step."""
    steps = [step / _CURVE_STEPS for step in range(1, _CURVE_STEPS + 1)]
    return [[math.comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(degree + 1)] for t in steps]


def _rectangle(element: ElementTree.Element) -> Polygon:
    x, y, width, height = (float(element.get(name, "0")) for name in ("x", "y", "width", "height"))
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def _fill(ink: NDArray[np.bool_], outlines: list[Polygon], stroke: float) -> None:
    """Add the area with a non-zero winding number to ``ink`` [h, w]; outlines are in its pixels."""
    if not outlines:
        return
    corners = np.vstack(outlines)
    margin = math.ceil(stroke) + 1
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int) + margin
    x1, y1 = min(int(x1), ink.shape[1]), min(int(y1), ink.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    winding = np.zeros((y1 - y0, x1 - x0), dtype=np.int16)
    edge = Image.new("1", (x1 - x0, y1 - y0))
    for outline in outlines:
        # Pillow counts from pixel centres.
        moved = outline - (x0 + 0.5, y0 + 0.5)
        area = np.sum(moved[:, 0] * np.roll(moved[:, 1], -1) - moved[:, 1] * np.roll(moved[:, 0], -1))
        flat = [(float(x), float(y)) for x, y in moved]
        mask = Image.new("1", edge.size)
        ImageDraw.Draw(mask).polygon(flat, fill=1)
        winding += np.asarray(mask).astype(np.int16) * (1 if area > 0 else -1)
        if stroke >= 0.5:
            ImageDraw.Draw(edge).line([*flat, flat[0]], fill=1, width=max(1, round(stroke)), joint="curve")
    ink[y0:y1, x0:x1] |= (winding != 0) | np.asarray(edge)


def available_math_fonts() -> dict[str, str | None]:
    """Return the fonts on this computer: name -> file; ``None`` is the font that ziamath brings along."""
    return dict(_available_math_fonts())


@cache
def _available_math_fonts() -> tuple[tuple[str, str | None], ...]:
    found: dict[str, str | None] = {BUNDLED_FONT: None}
    wanted = {file: name for name, file in _FILES.items() if file.endswith((".otf", ".ttf"))}
    for folder in _FOLDERS:
        root = Path(folder).expanduser()
        if root.is_dir():
            for path in sorted(root.rglob("*.[ot]tf")):
                name = wanted.get(path.name)
                if name is not None:
                    found.setdefault(name, str(path))
    return tuple(found.items())
