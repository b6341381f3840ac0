"""``trainer plot loss|attention|examples``: figures of a run, of one reading, and of good and bad readings.

``loss RUN...`` draws the curves of ``metrics.csv`` against samples; ``attention PICTURE --checkpoint DIR`` where the
model looked for each token; ``examples PREDICTIONS.jsonl`` right and wrong readings side by side, from the predictions
of ``trainer evaluate`` (with ``--data DIR``) or ``trainer predict``.
"""

import csv
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from pyarrow import parquet

from core_model.errors import DataError
from core_model.pictures import open_grey
from core_model.recognizer import RecognizeOptions, Recognizer, TokenReading
from trainer.data.render.latex import LatexRenderer, LatexStyle
from trainer.data.shards import decode_png
from trainer.evaluation_sets import load_set, skeleton_of
from trainer.figures import bare, new_figure, save_figure, wrapped
from trainer.metrics import edit_similarity

METRICS = "metrics.csv"
PANELS: dict[str, dict[str, str]] = {
    "loss": {"train_loss": "training", "val_loss": "validation", "val_ink_loss": "validation, ink"},
    "token accuracy (%)": {"train_accuracy": "training", "val_accuracy": "validation"},
    "free-running, validation (%)": {"val_bleu": "BLEU-4", "val_edit": "edit similarity", "val_exact": "exact match"},
    "free-running, validation ink (%)": {"val_ink_edit": "edit similarity", "val_ink_exact": "ExpRate"},
    "learning rate": {"lr": "learning rate"},
    "samples per second": {"samples_per_second": "training"},
}
"""Title of a panel -> column of metrics.csv -> name of the curve."""
STYLES = ("-", "--", ":")

Picture = NDArray[np.uint8] | Callable[[], NDArray[np.uint8]] | bytes | Path | str


@dataclass(frozen=True)
class LossOptions:
    """Loss and metric curves against samples."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Run folders (or metrics.csv files); several are drawn into the same panels."""
    out: Path = field(default=Path("curves.png"), kw_only=True)
    """File for the figure; its suffix tells the format."""


@dataclass(frozen=True)
class AttentionOptions:
    """Where the model looked, token by token, for one picture."""

    picture: Annotated[Path, tyro.conf.Positional]
    """Picture of a formula."""
    checkpoint: Path | None = field(default=None, kw_only=True)
    """Checkpoint folder; default: the one in the box."""
    device: Literal["auto", "cpu", "mps", "cuda"] = field(default="auto", kw_only=True)
    """Where the model runs."""
    limit: int = field(default=80, kw_only=True)
    """At most so many tokens."""
    out: Path = field(default=Path("attention.png"), kw_only=True)
    """File for the figure; its suffix tells the format."""


@dataclass(frozen=True)
class ExamplesOptions:
    """Right readings and wrong ones side by side."""

    predictions: Annotated[Path, tyro.conf.Positional]
    """JSON lines as `trainer evaluate` and `trainer predict` write them."""
    data: Path | None = field(default=None, kw_only=True)
    """The data packs for predictions of `trainer evaluate`; the folder of shards for those of `trainer predict`."""
    count: int = field(default=8, kw_only=True)
    """Examples of each kind."""
    seed: int = field(default=1, kw_only=True)
    """Of the choice."""
    out: Path = field(default=Path("examples.png"), kw_only=True)
    """File for the figure; its suffix tells the format."""


Options = (
    Annotated[LossOptions, tyro.conf.subcommand("loss")]
    | Annotated[AttentionOptions, tyro.conf.subcommand("attention")]
    | Annotated[ExamplesOptions, tyro.conf.subcommand("examples")]
)


def main(options: LossOptions | AttentionOptions | ExamplesOptions) -> int:
    """Draw the figure that was asked for and say where it is."""
    if isinstance(options, LossOptions):
        figure = plot_curves({_run_name(run): read_metrics(run) for run in options.runs})
    elif isinstance(options, AttentionOptions):
        figure = _attention_of_picture(options)
    else:
        figure = plot_examples(*choose_examples(read_examples(options), options.count, options.seed))
    save_figure(figure, options.out)
    print(f"written: {options.out}")
    return 0


def read_metrics(run: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a run's ``metrics.csv``; cells that are empty or hold no number are NaN.

    Raises ``DataError`` if the file is missing or has no column ``samples``.
    """
    path = run / METRICS if run.is_dir() else run
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names, rows = list(reader.fieldnames or []), list(reader)
    except FileNotFoundError:
        raise DataError(f"{path} is missing: name the folder of a training run") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    if "samples" not in names or not rows:
        raise DataError(f"{path} holds no training curve: no rows, or no column `samples`")
    return {name: np.array([_number(row.get(name)) for row in rows]) for name in names}


def plot_curves(runs: dict[str, dict[str, NDArray[np.float64]]]) -> Figure:
    """One panel for each kind of figure that any run has; each run its colour, each column its line style."""
    panels = [
        title
        for title, columns in PANELS.items()
        if any(np.isfinite(run[name]).any() for run in runs.values() for name in columns if name in run)
    ]
    if not panels:
        raise DataError("there is nothing to draw yet: no row of metrics.csv holds a loss or a metric")
    across = min(3, len(panels))
    down = math.ceil(len(panels) / across)
    figure = new_figure(5 * across, 3.6 * down)
    for place, title in enumerate(panels, start=1):
        axes = figure.add_subplot(down, across, place)
        for number, (run, columns) in enumerate(runs.items()):
            for style, (name, label) in zip(STYLES, PANELS[title].items(), strict=False):
                values = columns.get(name, np.array([]))
                there = (
                    np.isfinite(values) & np.isfinite(columns["samples"]) if values.size else np.array([], dtype=bool)
                )
                if not there.any():
                    continue
                # Validation has few points: mark them.
                marker = "." if there.sum() <= 60 else ""
                if len(runs) == 1:
                    look: dict[str, Any] = {"label": label}
                else:
                    look = {"label": f"{run}: {label}", "color": f"C{number % 10}", "linestyle": style}
                axes.plot(columns["samples"][there], values[there], marker=marker, linewidth=1.2, **look)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("samples", fontsize=8)
        axes.xaxis.set_major_formatter(lambda value, _: _thousands(value))
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure


def plot_attention(
    picture: NDArray[np.uint8], tokens: Sequence[TokenReading], title: str, *, limit: int = 80
) -> Figure:
    """A contact sheet: the grey picture ``[h, w]`` once for each token, with the token's attention over it."""
    shown = [token for token in tokens if token.attention is not None][:limit]
    if not shown:
        raise DataError("there is no attention to draw: nothing was read in this picture")
    height, width = picture.shape
    across = max(1, min(8, round(math.sqrt(len(shown) * 2.2 * height / width)) or 1, len(shown)))
    down = math.ceil(len(shown) / across)
    panel = 14 / across
    figure = new_figure(14, min(60.0, down * (panel * height / width + 0.35) + 0.6))
    figure.suptitle(wrapped(title, 150, 2), fontsize=9, parse_math=False)
    for place, token in enumerate(shown, start=1):
        axes = bare(figure.add_subplot(down, across, place))
        _overlay(axes, picture, token)
        axes.set_title(
            f"{token.text}   {100 * token.confidence:.0f} %", fontsize=8, family="monospace", parse_math=False
        )
    return figure


@dataclass(frozen=True)
class Example:
    """A reading beside its truth.

    ``picture``: grey ``[h, w]`` or what makes it, PNG bytes, a file, LaTeX that is to be drawn, or ``None`` if there is
    none.
    """

    key: str
    truth: tuple[str, ...]
    prediction: tuple[str, ...]
    picture: Picture | None = None

    @property
    def similarity(self) -> float:
        """Edit similarity in percent."""
        return edit_similarity([self.prediction], [self.truth])


def read_examples(options: ExamplesOptions) -> list[Example]:
    """Readings with truth from a predictions file.

    Truths and pictures stand in the lines themselves (``truth``; ``picture`` or a key that names a file or a shard's
    row), or come with ``--data`` from the set that the first line names. Raises ``DataError`` if there are none.
    """
    try:
        lines = [json.loads(line) for line in options.predictions.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the predictions {options.predictions}: {error}") from error
    about = lines.pop(0)["about"] if lines and "about" in lines[0] else {}
    known: dict[str, tuple[tuple[str, ...], Picture]] = {}
    if about.get("set"):
        if options.data is None:
            raise DataError("--data DIR is needed: it holds the truths of these predictions")
        for item in load_set(about["set"], options.data, photos=len(lines)).items:
            known[item.key] = (item.truth, item.draw or (item.label if item.png is None else item.png))
    examples = []
    for line in lines:
        key = str(line.get("key", line.get("file", line.get("index", ""))))
        truth, picture = known.get(key, (_truth(line.get("truth")), None))
        prediction = _tokens(line.get("prediction", line.get("tokens")))
        if truth is None or prediction is None or "error" in line:
            continue
        examples.append(Example(key, truth, prediction, picture if picture is not None else _place(line, key, options)))
    if not examples:
        raise DataError(f"{options.predictions} holds no predictions with a truth beside them")
    return examples


def choose_examples(examples: Sequence[Example], count: int, seed: int) -> tuple[list[Example], list[Example]]:
    """Some right readings at random, and wrong ones spread evenly from the nearest to the farthest."""
    right = [example for example in examples if example.truth == example.prediction]
    wrong = sorted((e for e in examples if e.truth != e.prediction), key=lambda e: (-e.similarity, e.key))
    chosen = random.Random(seed).sample(right, min(count, len(right)))
    steps = np.linspace(0, len(wrong) - 1, min(count, len(wrong))).round()
    return chosen, [wrong[int(step)] for step in steps]


def plot_examples(right: Sequence[Example], wrong: Sequence[Example]) -> Figure:
    """Right readings in the left column, wrong ones in the right one: picture, reading and, where it differs, truth."""
    rows = max(len(right), len(wrong))
    pictures = [pictures_of(group) for group in (right, wrong)]
    figure = new_figure(16, 1.9 * rows + 0.5)
    for column, (title, group) in enumerate((("read rightly", right), ("misread", wrong))):
        for row in range(rows):
            axes = bare(figure.add_subplot(rows, 2, 2 * row + column + 1))
            if row == 0:
                axes.set_title(title, fontsize=11, color=("tab:green", "tab:red")[column])
            if row >= len(group):
                axes.set_axis_off()
                continue
            example = group[row]
            _show(axes, pictures[column][row])
            _describe(axes, example, wrong=column == 1)
    return figure


def plot_wrong(examples: Sequence[Example], title: str, count: int = 36) -> Figure:
    """A page of wrong readings in two columns, spread evenly from the nearest to the farthest."""
    _, wrong = choose_examples(examples, count, 0)
    figure = new_figure(16, 1.9 * math.ceil(len(wrong) / 2) + 0.5)
    figure.suptitle(f"{title} ({len(wrong)} of {sum(e.truth != e.prediction for e in examples)})", fontsize=11)
    for place, (example, picture) in enumerate(zip(wrong, pictures_of(wrong), strict=True), start=1):
        axes = bare(figure.add_subplot(math.ceil(len(wrong) / 2), 2, place))
        axes.set_title(example.key, fontsize=7, loc="right", parse_math=False)
        _show(axes, picture)
        _describe(axes, example, wrong=True)
    return figure


def _describe(axes: Axes, example: Example, *, wrong: bool) -> None:
    """The reading below its picture, and where it is wrong the truth."""
    text = "read:  " + wrapped(" ".join(example.prediction), 105, 2)
    if wrong:
        text += "\n" + "truth: " + wrapped(" ".join(example.truth), 105, 2) + f"\nedit {example.similarity:.0f} %"
    axes.set_xlabel(text, fontsize=7, family="monospace", loc="left", parse_math=False)


def _attention_of_picture(options: AttentionOptions) -> Figure:
    grey = open_grey(options.picture)
    recognizer = Recognizer.load(options.checkpoint, options.device)
    recognition = recognizer.recognize(grey, RecognizeOptions(token_alternatives=0))
    return plot_attention(grey, recognition.tokens, recognition.latex, limit=options.limit)


def _overlay(axes: Axes, picture: NDArray[np.uint8], token: TokenReading) -> None:
    height, width = picture.shape
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0), aspect="equal")
    extent = token.extent()
    assert extent is not None
    assert token.attention is not None
    left, top, right, bottom = extent
    weights = token.attention.astype(np.float32)
    weights = weights / max(float(weights.max()), 1e-9)
    axes.imshow(
        weights, cmap="Reds", alpha=0.75 * weights, extent=(left, right, bottom, top), interpolation="nearest",
        aspect="equal",
    )  # fmt: skip
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)


def _show(axes: Axes, picture: NDArray[np.uint8] | None) -> None:
    """A picture on the left of its axes at a common scale, shrunk only if it is too large."""
    if picture is None:
        axes.text(0.5, 0.5, "(no picture)", ha="center", va="center", fontsize=8, transform=axes.transAxes)
        return
    height, width = picture.shape
    high, wide = max(90, height), max(700, width)
    high, wide = max(high, round(wide * 90 / 700)), max(wide, round(high * 700 / 90))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(0, width, (high + height) / 2, (high - height) / 2))
    axes.set_xlim(-10, wide - 10)
    axes.set_ylim(high, 0)
    axes.set_aspect("equal")


def pictures_of(examples: Sequence[Example]) -> list[NDArray[np.uint8] | None]:
    """The pictures of examples; those that are only known as LaTeX are drawn, all in one run."""
    labels = [example.picture for example in examples if isinstance(example.picture, str)]
    drawn = iter(LatexRenderer().render(labels, LatexStyle(dpi=100)) if labels else [])
    pictures: list[NDArray[np.uint8] | None] = []
    for example in examples:
        place = example.picture
        if isinstance(place, str):
            picture = next(drawn)
            pictures.append(picture if isinstance(picture, np.ndarray) else None)
        elif isinstance(place, bytes):
            pictures.append(decode_png(place))
        elif isinstance(place, Path):
            pictures.append(open_grey(place))
        else:
            pictures.append(place() if callable(place) else place)
    return pictures


def _place(line: dict[str, Any], key: str, options: ExamplesOptions) -> bytes | Path | None:
    """Where a line's picture is: a file, or a row of a shard; ``None`` if it cannot be told."""
    for name in (line.get("picture"), line.get("file"), key):
        if name and (path := Path(str(name))).is_file():
            return path
    shard, _, row = key.rpartition("#")
    if options.data is not None and shard and row.isdigit() and (options.data / shard).is_file():
        rows = parquet.read_table(options.data / shard, columns=["image"]).column("image")
        return rows[int(row)].as_py() if int(row) < len(rows) else None
    return None


def _tokens(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return tuple(value.split())
    return tuple(map(str, value)) if isinstance(value, list) else None


def _truth(value: Any) -> tuple[str, ...] | None:
    """A truth as the model could read it: its skeleton, or its own tokens if it does not parse."""
    tokens = _tokens(value)
    return tokens if tokens is None else skeleton_of(" ".join(tokens)) or tokens


def _run_name(run: Path) -> str:
    return (run if run.is_dir() else run.parent).resolve().name


def _number(cell: str | None) -> float:
    try:
        return float(cell) if cell else math.nan
    except ValueError:
        return math.nan


def _thousands(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 1000 else f"{value:g}"
