"""The attention figure: a picture, and where the model looked for each token, as small multiples (matplotlib)."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from app.words import translate
from core_model.errors import FormulensError

if TYPE_CHECKING:
    from app.reading import Grey, Reading
    from core_model.recognizer import TokenReading

FigureFormat = Literal["png", "svg", "pdf"]

DPI: Final = 200
_WIDTH: Final = 7.2  # inches: a page's width of text
_MOST_TOKENS: Final = 80  # some two seconds, for which a program that is being closed waits
_TALLEST: Final = 50.0  # inches; 10,000 px at this resolution
_TITLE: Final = 0.22  # inches above each small picture
_LONGEST_SIDE: Final = 1200  # px of the picture under the heat: a small multiple shows no more


def attention_figure(reading: Reading, file_format: FigureFormat = "png") -> bytes:
    """Draw a reading: the picture with its LaTeX, then one small picture for each token with the attention over it.

    Titles give the token and its confidence in percent. Always dark on white: figures go into papers. May be called
    from any thread; about a second for 40 tokens.

    Raises:
        FormulensError: the reading has no attention to show.
    """
    tokens = [token for token in reading.recognition.tokens if token.attention is not None and token.extent()]
    if not tokens:
        raise FormulensError(
            translate("AttentionFigure", "This reading has no attention to draw. Read the picture again to get one.")
        )
    left_out = len(tokens) - _MOST_TOKENS
    tokens = tokens[:_MOST_TOKENS]

    # The object-oriented interface: pyplot is global state and belongs to no thread but the first.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = _shrunk(reading.picture)
    height, width = reading.picture.shape
    columns = _columns(width / height, len(tokens))
    rows = math.ceil(len(tokens) / columns)
    small = min(_WIDTH / columns * height / width, 3.0) + _TITLE
    head = min(_WIDTH * height / width, 2.5) + 0.35
    small = min(small, (_TALLEST - head) / rows)
    figure = Figure(figsize=(_WIDTH, head + rows * small), dpi=DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[head, *[small] * rows])
    note = translate("AttentionFigure", "{} more tokens are not shown").format(left_out) if left_out > 0 else ""
    _show(figure.add_subplot(grid[0, :]), picture, width, height).set_title(_plain(note), fontsize=7, color="0.4")
    for number, token in enumerate(tokens):
        axes = _show(figure.add_subplot(grid[1 + number // columns, number % columns]), picture, width, height)
        axes.set_title(_plain(f"{token.text}  {100 * token.confidence:.0f} %"), fontsize=6, pad=2)
        _lay_heat(axes, token)
        # imshow has moved the limits to what it shows.
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
    stream = BytesIO()
    figure.savefig(stream, format=file_format, dpi=DPI)
    return stream.getvalue()


def _columns(aspect: float, tokens: int) -> int:
    """As many small pictures in a row as stay legible: wide formulas few, square ones many."""
    wanted = round(6 / math.sqrt(max(aspect, 0.2) / 2))
    return max(1, min(10, wanted, tokens))


def _show(axes: Any, picture: Grey, width: int, height: int) -> Any:
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0), interpolation="antialiased")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("0.85")
        spine.set_linewidth(0.5)
    return axes


def _lay_heat(axes: Any, token: TokenReading) -> None:
    """The attention in red, clear where the model did not look, over the cells it belongs to."""
    extent = token.extent()
    assert extent is not None
    assert token.attention is not None
    weights = token.attention.astype(np.float64)
    weights = weights / max(float(weights.max()), 1e-9)
    left, top, right, bottom = extent
    shade = np.zeros((*weights.shape, 4))
    shade[..., 0], shade[..., 1], shade[..., 2] = 0.84, 0.16, 0.28
    shade[..., 3] = 0.75 * np.sqrt(weights)
    axes.imshow(shade, extent=(left, right, bottom, top), interpolation="bilinear")


def _shrunk(picture: Grey) -> Grey:
    from PIL import Image

    factor = math.ceil(max(picture.shape) / _LONGEST_SIDE)
    return picture if factor < 2 else np.asarray(Image.fromarray(picture).reduce(factor))


def _plain(text: str) -> str:
    """Text as matplotlib shows it verbatim: a dollar would begin its own mathematics."""
    return text.replace("$", r"\$")
