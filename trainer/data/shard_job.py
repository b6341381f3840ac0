"""One unit of ``trainer prepare``: draw some thousand formulas, spoil a share of them, write one shard."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core_model.errors import DataError, PictureError
from trainer.data.plan import Dropped, Planned, in_chunks
from trainer.data.render.base import Grey, RenderFailure
from trainer.data.render.styles import StyleChoices, describe, draw_latex_style, draw_ziamath_style
from trainer.data.shards import HEADROOM, ShardWriter, shard_path, write_text
from trainer.data.sources.base import picture_file

_ZIAMATH_BATCH = 40


@dataclass(frozen=True)
class ShardJob:
    """All that a worker needs to make shard ``index``."""

    index: int
    items: tuple[Planned, ...]
    out: Path
    choices: StyleChoices
    renderers: tuple[str, ...]
    share_ziamath: float
    share_degraded: float
    batch: int
    seed: int
    max_height: int
    max_width: int


def make_shard(job: ShardJob) -> int:
    """Make one shard and, before it, its log; return how many formulas were dealt with. Raises ``DataError``."""
    rng = np.random.default_rng([job.seed, job.index])
    dropped: list[Dropped] = []
    prepared: Counter[str] = Counter()
    renderers: Counter[str] = Counter()
    writer = ShardWriter(shard_path(job.out, job.index))
    for item, picture, style in _pictures(job, rng):
        if isinstance(picture, RenderFailure):
            dropped.append(Dropped(item.latex, item.source, picture.kind, picture.detail))
            continue
        degraded = bool(rng.random() < job.share_degraded)
        pixels = _prepare(picture, degraded, rng, job)
        if isinstance(pixels, RenderFailure):
            dropped.append(Dropped(item.latex, item.source, pixels.kind, pixels.detail))
            continue
        writer.add(pixels, item.latex, item.source, {**style, "degraded": degraded})
        prepared[item.source] += 1
        renderers[style["renderer"]] += 1
    log = {"prepared": prepared, "renderers": renderers, "dropped": [asdict(entry) for entry in dropped]}
    # The log first: a shard that is there is never without its log.
    write_text(job.out / "log" / f"shard-{job.index:05d}.json", json.dumps(log, ensure_ascii=False))
    writer.close()
    return len(job.items)


def _prepare(picture: Grey, degraded: bool, rng: np.random.Generator, job: ShardJob) -> Grey | RenderFailure:
    """Degrade and preprocess a raw picture."""
    from core_model.preprocessing import prepare

    if degraded:
        from trainer.data.augment import degrade

        picture = degrade(picture, rng)
    result = prepare(picture, headroom=HEADROOM)
    if result.blank:
        return RenderFailure("blank", "no ink found")
    height, width = result.pixels.shape
    if height > job.max_height or width > job.max_width:
        return RenderFailure("too large", f"{width} x {height} px")
    return result.pixels


def _pictures(
    job: ShardJob, rng: np.random.Generator
) -> Iterator[tuple[Planned, Grey | RenderFailure, dict[str, Any]]]:
    """Yield each formula with its raw picture and a description of its style."""
    to_draw = [item for item in job.items if not item.picture]
    share = job.share_ziamath if "latex" in job.renderers else 1.0
    cut = round(share * len(to_draw)) if "ziamath" in job.renderers else 0
    # What ziamath cannot draw is LaTeX's, if it is there.
    rest = to_draw[cut:]
    for batch in in_chunks(to_draw[:cut], _ZIAMATH_BATCH):
        for item, picture, style in _drawn(_renderer("ziamath"), batch, draw_ziamath_style(rng, job.choices)):
            # ziamath sets the rows of aligned so tightly that they read as fractions.
            unfit = isinstance(picture, RenderFailure) or r"\begin{aligned}" in item.latex
            if unfit and "latex" in job.renderers:
                rest.append(item)
            else:
                yield item, picture, style
    for batch in in_chunks(rest, job.batch):
        yield from _drawn(_renderer("latex"), batch, draw_latex_style(rng, _with_installed(job.choices)))
    for item in job.items:
        if item.picture:
            yield item, _own_picture(item), {"renderer": "published"}


def _drawn(
    renderer: Any, batch: list[Planned], style: Any
) -> Iterator[tuple[Planned, Grey | RenderFailure, dict[str, Any]]]:
    description = describe(renderer.name, style)
    pictures = renderer.render([item.latex for item in batch], style)
    for item, picture in zip(batch, pictures, strict=True):
        yield item, picture, description


def _own_picture(item: Planned) -> Grey | RenderFailure:
    from core_model.pictures import open_grey

    try:
        return open_grey(picture_file(item.picture))
    except (PictureError, DataError) as error:
        return RenderFailure("unreadable picture", str(error))


@cache
def _renderer(name: str) -> Any:
    if name == "latex":
        from trainer.data.render.latex import LatexRenderer

        return LatexRenderer()
    from trainer.data.render.ziamath import ZiamathRenderer

    return ZiamathRenderer()


@cache
def _with_installed(choices: StyleChoices) -> StyleChoices:
    """Fill in what is installed where the choices leave it open."""
    from dataclasses import replace

    from trainer.data.render.latex import available_fonts, available_rasterizers

    fonts = tuple(choices.fonts) or tuple(available_fonts())
    return replace(choices, fonts=fonts, rasterizers=tuple(choices.rasterizers) or tuple(available_rasterizers()))
