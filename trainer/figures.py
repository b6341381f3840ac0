"""Matplotlib figures without its global state: every figure is made, saved and gone."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from core_model.errors import DataError

DPI = 120


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches that no window system and no ``pyplot`` knows of."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix of ``path`` tells the format. Raises ``DataError`` naming the path if that fails."""
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(f"cannot write the figure {path}: its name must end in one of {', '.join(sorted(known))}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise DataError(f"cannot write the figure {path}: {error.strerror}") from error


def bare(axes: Axes) -> Axes:
    """Axes for a picture: no ticks, a faint frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("0.85")
    return axes


def wrapped(text: str, width: int, lines: int) -> str:
    """Break text at spaces into lines of ``width`` characters, at most ``lines`` of them."""
    rows = [""]
    for word in text.split(" "):
        longer = f"{rows[-1]} {word}".strip()
        if len(longer) <= width or not rows[-1]:
            rows[-1] = longer
        else:
            rows.append(word)
    if len(rows) > lines:
        rows = [*rows[: lines - 1], f"{rows[lines - 1][: width - 2]} …"]
    return "\n".join(rows)
