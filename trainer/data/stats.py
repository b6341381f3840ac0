"""``trainer stats``: a report on prepared data: counts, sizes, pixel values, tokens, as PNG, JSON and Markdown."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_model.errors import DataError
from trainer.data.drawn_ink import clean_picture, is_packed_ink, pack_inks
from trainer.data.ink_shards import holds_ink
from trainer.data.shards import decode_png, read_table, shard_paths, write_atomically, write_text

_QUANTILES = (0, 5, 25, 50, 75, 95, 100)


@dataclass(frozen=True)
class Options:
    """Report on prepared data."""

    shards: Path
    """Folder with the shards of ``trainer prepare``."""
    out: Path
    """Folder for ``report.md``, ``stats.json`` and the plots."""
    sample: int = 2000
    """Pictures that are opened to count pixel values."""
    top: int = 60
    """Tokens in the plot and table of the most frequent ones."""
    seed: int = 1
    """Which pictures are opened."""

    def __post_init__(self) -> None:
        if self.sample < 1 or self.top < 1:
            raise DataError("stats: --sample and --top must be at least 1.")


def main(options: Options) -> int:
    """Write the report; return 0. Raises ``DataError`` for a folder without shards."""
    stats = collect(options)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot make the folder {options.out}: {error.strerror or error}.") from error
    _plot(stats, options.out)
    numbers = {key: value for key, value in stats.items() if not key.startswith("_")}
    write_text(options.out / "stats.json", json.dumps(numbers, indent=1, ensure_ascii=False))
    write_text(options.out / "report.md", markdown(stats, options))
    print(f"{stats['pictures']} pictures, {stats['vocabulary']} symbols: {options.out / 'report.md'}")
    return 0


def collect(options: Options) -> dict[str, Any]:
    """Count everything; keys that begin with ``_`` hold arrays for the plots and are not saved."""
    ink = holds_ink(options.shards)
    table = read_table(options.shards, ["latex", "source", "height", "width", *(() if ink else ("style",))])
    if table.num_rows == 0:
        raise DataError(f"The shards in {options.shards} are empty.")
    heights = np.asarray(table.column("height"), dtype=np.int64)
    widths = np.asarray(table.column("width"), dtype=np.int64)
    formulas = [str(latex).split() for latex in table.column("latex").to_pylist()]
    lengths = np.array([len(tokens) for tokens in formulas], dtype=np.int64)
    tokens: Counter[str] = Counter()
    for formula in formulas:
        tokens.update(formula)
    styles = [{"renderer": "ink"}] * len(lengths)
    if not ink:
        styles = [json.loads(style) for style in table.column("style").to_pylist()]
    grey = _pixel_values(options, table.num_rows)
    return {
        "pictures": table.num_rows,
        "shards": len(shard_paths(options.shards)),
        "distinct formulas": len({" ".join(formula) for formula in formulas}),
        "sources": _counts(table.column("source").to_pylist()),
        "renderers": _counts(style.get("renderer", "?") for style in styles),
        "fonts": _counts(style.get("font", "none") for style in styles),
        "rasterizers": _counts(style.get("rasterizer", "none") for style in styles),
        "degraded": round(float(np.mean([bool(style.get("degraded")) for style in styles])), 4),
        "height px": _quantiles(heights),
        "width px": _quantiles(widths),
        "aspect ratio": _quantiles(widths / heights),
        "tokens in a formula": _quantiles(lengths),
        "tokens": int(lengths.sum()),
        "vocabulary": len(tokens),
        "symbols seen less than 20 times": sum(count < 20 for count in tokens.values()),
        "token counts": dict(tokens.most_common()),
        "ink share": round(float(grey[:128].sum() / grey.sum()), 4),
        "_heights": heights,
        "_widths": widths,
        "_lengths": lengths,
        "_grey": grey,
        "_dpi": np.array([style["dpi"] for style in styles if style.get("dpi")], dtype=np.int64),
        "_top": options.top,
    }


def markdown(stats: dict[str, Any], options: Options) -> str:
    """Return the report as Markdown; plots are beside it."""
    counted = ("pictures", "shards", "distinct formulas", "tokens", "vocabulary", "symbols seen less than 20 times")
    lines = [f"# Data in `{options.shards.name}`", "", *(f"- {key}: {stats[key]:,}" for key in counted)]
    lines += [f"- degraded: {stats['degraded']:.1%}", f"- ink: {stats['ink share']:.1%} of the pixels", ""]
    lines += ["| | " + " | ".join(f"{q} %" for q in _QUANTILES) + " |", "|---" * (len(_QUANTILES) + 1) + "|"]
    for key in ("height px", "width px", "aspect ratio", "tokens in a formula"):
        lines.append(f"| {key} | " + " | ".join(f"{value:g}" for value in stats[key].values()) + " |")
    lines.append("")
    for key in ("sources", "renderers", "rasterizers", "fonts"):
        lines += [f"| {key} | pictures |", "|---|---|"]
        lines += [f"| {name} | {count:,} |" for name, count in stats[key].items()] + [""]
    frequent = list(stats["token counts"].items())[: options.top]
    lines += ["Most frequent: " + ", ".join(f"`{name}` {count:,}" for name, count in frequent), ""]
    for name in ("counts", "sizes", "pixels", "tokens", "lengths"):
        lines += [f"![{name}]({name}.png)", ""]
    return "\n".join(lines)


def _pixel_values(options: Options, total: int) -> NDArray[np.int64]:
    """Histogram [256] of the grey values of a random sample, one shard in memory at a time."""
    rng = np.random.default_rng(options.seed)
    chosen = np.sort(rng.choice(total, size=min(options.sample, total), replace=False))
    histogram = np.zeros(256, dtype=np.int64)
    start = 0
    for path in shard_paths(options.shards):
        images = _images(path)
        for index in chosen[(chosen >= start) & (chosen < start + len(images))]:
            stored = images[int(index) - start].as_py()
            picture = clean_picture(stored) if is_packed_ink(stored) else decode_png(stored)
            histogram += np.bincount(picture.ravel(), minlength=256)
        start += len(images)
    return histogram


def _images(path: Path) -> Any:
    import pyarrow.parquet as pq

    if "points" in pq.read_schema(path).names:
        table = pq.read_table(path, columns=["points", "lengths"])
        return pack_inks(table["points"], table["lengths"])
    return pq.read_table(path, columns=["image"]).column("image")


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _quantiles(values: NDArray[Any]) -> dict[str, float]:
    return {f"{q} %": round(float(np.percentile(values, q)), 2) for q in _QUANTILES}


def _plot(stats: dict[str, Any], out: Path) -> None:
    from matplotlib.figure import Figure

    def save(figure: Figure, name: str) -> None:
        figure.tight_layout()
        write_atomically(out / f"{name}.png", lambda path: figure.savefig(path, dpi=100, format="png"))

    figure = Figure(figsize=(11, 4))
    for number, key in enumerate(("sources", "fonts", "rasterizers"), start=1):
        _bars(figure.add_subplot(1, 3, number), key, stats[key])
    save(figure, "counts")

    figure = Figure(figsize=(11, 7))
    _histogram(figure.add_subplot(2, 2, 1), stats["_heights"], "height, px")
    _histogram(figure.add_subplot(2, 2, 2), stats["_widths"], "width, px")
    _histogram(figure.add_subplot(2, 2, 3), stats["_widths"] / stats["_heights"], "width / height")
    if stats["_dpi"].size:
        _histogram(figure.add_subplot(2, 2, 4), stats["_dpi"], "dpi at which the formula was drawn")
    save(figure, "sizes")

    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    axes.bar(np.arange(256), stats["_grey"] / stats["_grey"].sum(), width=1.0)
    axes.set(xlabel="grey value (0 = ink)", ylabel="share of pixels", yscale="log")
    save(figure, "pixels")

    figure = Figure(figsize=(11, 4))
    axes = figure.add_subplot()
    frequent = list(stats["token counts"].items())[: stats["_top"]]
    axes.bar(range(len(frequent)), [count for _, count in frequent])
    # A dollar sign would start mathtext.
    axes.set_xticks(range(len(frequent)), [name.replace("$", r"\$") for name, _ in frequent], rotation=90, fontsize=7)
    axes.set(ylabel="count", yscale="log")
    save(figure, "tokens")

    figure = Figure(figsize=(7, 4))
    _histogram(figure.add_subplot(), stats["_lengths"], "tokens in a formula")
    save(figure, "lengths")


def _bars(axes: Any, title: str, counts: dict[str, int]) -> None:
    names: Sequence[str] = list(counts)[:20]
    axes.barh(range(len(names)), [counts[name] for name in names])
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_title(title)


def _histogram(axes: Any, values: NDArray[Any], label: str) -> None:
    axes.hist(values, bins=60, range=(0, float(np.percentile(values, 99.5)) + 1))
    axes.set(xlabel=label, ylabel="pictures")
