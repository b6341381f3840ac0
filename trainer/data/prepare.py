"""``trainer prepare``: formulas -> canonical -> drawn in many styles -> prepared pictures, or ink, in parquet shards.

The work is cut into shards of a few thousand formulas, mixed from all lists by seed. A shard is written whole or not at
all, so that a stopped run goes on where it was: start the same command again. ``report.json`` counts what was dropped
and why, ``dropped.jsonl`` lists it formula by formula.
"""

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from importlib import resources
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import tyro
from tqdm import tqdm

from core_model.errors import DataError
from trainer.data.ink_job import InkShardJob, make_ink_shard
from trainer.data.ink_plan import InkOffer, InkSources, plan_ink
from trainer.data.plan import Plan, Planned, Rules, excluded_keys, in_chunks, plan_list
from trainer.data.render.styles import StyleChoices
from trainer.data.shard_job import ShardJob, make_shard
from trainer.data.shards import shard_path, write_atomically, write_text
from trainer.data.sources.base import Example
from trainer.data.sources.formula_lists import EVALUATION_LISTS, TRAINING_LISTS, find_list, read_lines, read_list
from trainer.data.sources.im2latex import read_published
from trainer.data.sources.parquet import read_parquet

_DRAWING = (
    *("pictures", "split", "parquet", "text_column", "image_column", "shortest", "renderers", "share_ziamath", "plain"),
    *("share_degraded", "fonts", "points", "dpi", "rasterizers", "oversample", "batch"),
)
"""Options that do not matter for ink."""


@dataclass(frozen=True)
class Options:
    """Prepare training data."""

    out: Path
    """Folder for the shards; a stopped run goes on when it is given again."""
    data: Path | None = None
    """Data folder with ``formulas/``, and with ``crohme/`` and ``detexify/`` for ink."""
    lists: tuple[str, ...] = TRAINING_LISTS
    """Formula lists to draw or, for synthetic ink, to write."""
    sources: tyro.conf.OmitArgPrefixes[InkSources] = field(default_factory=InkSources)
    limit: dict[str, int] = field(default_factory=dict)
    """At most so many formulas of a list, drawn at random: ``--limit k12 35000 arxiv_inline 60000``."""
    shortest: dict[str, int] = field(default_factory=dict)
    """Within the limit, so many of the shortest formulas of a list first: ``--shortest arxiv_inline 20000``."""
    pictures: tuple[Path, ...] = ()
    """Folders (or tar files) of IM2LATEX-100K as published, with their own pictures."""
    split: str = "train"
    """Which split of ``--pictures`` to take: train, validate or test."""
    parquet: tuple[Path, ...] = ()
    """Parquet files or folders with pictures and formulas, as on the Hugging Face hub."""
    text_column: str | None = None
    """Column of the formula in ``--parquet``; by default one of the usual names."""
    image_column: str | None = None
    """Column of the picture in ``--parquet``."""
    max_tokens: int = 250
    """Longer formulas are dropped."""
    max_height: int = 640
    """Higher prepared pictures are dropped, in px."""
    max_width: int = 1800
    """Wider prepared pictures are dropped, in px."""
    exclude: tuple[Path, ...] = ()
    """Formula files whose skeletons must not be prepared, one formula a line."""
    part: Literal["train", "held-out", "all"] = "train"
    """A fixed share of all skeletons is held out of training for validation; ``held-out`` prepares just that share."""
    held_out_percent: float = 1.0
    """Size of the share held out."""
    styles_per_formula: int = 1
    """Draw each formula so many times, each time in another style."""
    renderers: tuple[str, ...] = ("latex", "ziamath")
    """latex, ziamath or both."""
    share_ziamath: float = 0.04
    """Share of formulas drawn by ziamath, which is slow, when both renderers are used."""
    share_degraded: float = 0.25
    """Share of pictures spoiled like bad screenshots and photographs."""
    fonts: tuple[str, ...] = ()
    """LaTeX fonts to draw from; by default all that are installed."""
    points: tuple[int, ...] = (10, 11, 12)
    """Font sizes to draw from."""
    dpi: tuple[int, int] = (72, 300)
    """Range of the resolution."""
    rasterizers: tuple[str, ...] = ()
    """dvipng, pdftoppm, ghostscript; by default all that are installed."""
    oversample: int = 0
    """Draw so many times larger and shrink; 0 draws it too."""
    plain: bool = False
    """No bold formulas and no change of stroke weight."""
    seed: int = 1
    """All choices follow from it."""
    workers: int = 0
    """Processes that draw; 0 means one for each processor."""
    batch: int = 400
    """Formulas in one LaTeX run, all in one style."""
    shard_size: int = 4000
    """Formulas in one shard."""

    def __post_init__(self) -> None:
        shares, counts = (
            ("share_ziamath", "share_degraded"),
            ("max_tokens", "styles_per_formula", "batch", "shard_size"),
        )
        problems = [f"{name} must lie within 0..1" for name in shares if not 0 <= getattr(self, name) <= 1]
        problems += [f"{name} must be at least 1" for name in counts if getattr(self, name) < 1]
        if not 0 <= self.held_out_percent <= 50:
            problems.append("held_out_percent must lie within 0..50")
        if not self.renderers or set(self.renderers) - {"latex", "ziamath"}:
            problems.append("renderers must be latex, ziamath or both")
        if self.sources.wanted and (self.pictures or self.parquet):
            problems.append("ink and pictures cannot be mixed in one folder: prepare them with two --out")
        if self.data is None and self.sources.ink:
            problems.append("--data is needed for --ink")
        elif self.data is None and not self.sources.wanted and self.lists and not (self.pictures or self.parquet):
            problems.append("--data is needed for formula lists")
        if set(self.lists) & set(EVALUATION_LISTS) and set(self.lists) - set(EVALUATION_LISTS):
            problems.append("validation and test lists cannot be mixed with training lists")
        if problems:
            raise DataError("prepare: " + "; ".join(problems) + ".")


def main(options: Options) -> int:
    """Prepare the shards, or what is missing of them; return 0. Raises ``DataError``."""
    _check_renderers(options)
    _make_folder(options.out)
    with _executor(options.workers or os.cpu_count() or 1) as executor:
        try:
            planned = _plan(options, executor)
            _draw(options, executor, planned)
        except BrokenProcessPool as error:
            raise DataError(
                "A worker process was killed (too little memory?). Start again, with fewer --workers; what is complete "
                "is kept."
            ) from error
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    report = _report(options)
    print(json.dumps({key: report[key] for key in ("read", "prepared", "dropped")}, indent=1))
    return 0


def _check_renderers(options: Options) -> None:
    """Fail now, not in the middle, if a renderer is missing."""
    if not options.lists or options.sources.wanted:
        return
    if "latex" in options.renderers:
        from trainer.data.render.latex import RASTERIZERS, require_tools

        for rasterizer in options.rasterizers or RASTERIZERS[:1]:
            require_tools(rasterizer)


def _make_folder(folder: Path) -> None:
    try:
        (folder / "log").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"Cannot make the folder {folder}: {error.strerror or error}.") from error


def _plan(options: Options, executor: Executor) -> list[Planned]:
    """Load the plan of an earlier run with the same options, or make one."""
    manifest_path, plan_path = options.out / "manifest.json", options.out / "plan.parquet"
    identity = _identity(options)
    if manifest_path.exists() and plan_path.exists():
        try:
            manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
            columns = pq.read_table(plan_path).to_pydict()
        except (ValueError, OSError, pa.ArrowException) as error:
            raise DataError(f"{options.out} holds a damaged plan ({error}). Choose another --out.") from error
        if manifest["options"] != identity:
            changed = sorted(k for k in identity if identity[k] != manifest["options"].get(k))
            raise DataError(
                f"{options.out} was begun with other options ({', '.join(changed)}). Choose another --out, or the same "
                "options to go on."
            )
        return [Planned(*row) for row in zip(columns["latex"], columns["source"], columns["picture"], strict=True)]
    plan = _new_ink_plan(options, executor) if options.sources.wanted else _new_plan(options, executor)
    if not plan.planned:
        raise DataError(f"Nothing to prepare: all {sum(plan.read.values())} formulas were dropped {_why(plan)}.")
    planned = _shuffled(plan.planned, options)
    table = pa.table({name: [getattr(item, name) for item in planned] for name in ("latex", "source", "picture")})
    write_text(options.out / "log" / "plan.jsonl", _json_lines(asdict(dropped) for dropped in plan.dropped))
    write_atomically(plan_path, lambda path: pq.write_table(table, path, compression="zstd"))
    manifest = {
        "options": identity,
        "read": dict(plan.read),
        "planned": len(planned),
        "shards": -(-len(planned) // options.shard_size),
        "unreadable_exclusions": plan.unreadable_exclusions,
    }
    write_text(manifest_path, json.dumps(manifest, indent=1))
    return planned


def _why(plan: Plan) -> str:
    return "(" + ", ".join(f"{why}: {count}" for why, count in Counter(d.why for d in plan.dropped).items()) + ")"


def _new_plan(options: Options, executor: Executor) -> Plan:
    offered = _examples(options)
    plan = Plan()
    rules = Rules(options.max_tokens, options.part, options.held_out_percent)
    excluded, plan.unreadable_exclusions = excluded_keys(executor, tqdm(_exclusions(options), "held out", unit="f"))
    seen: set[str] = set()
    total = sum(min(len(examples), options.limit.get(name, len(examples))) for name, examples in offered.items())
    with tqdm(total=total, desc="reading", unit="f") as bar:
        for number, (name, examples) in enumerate(offered.items()):
            plan_list(
                plan,
                executor,
                examples,
                rules,
                limit=options.limit.get(name),
                shortest=options.shortest.get(name, 0),
                seed=options.seed * 1000 + number,
                excluded=excluded,
                seen=seen,
                advance=bar.update,
            )
    return plan


def _new_ink_plan(options: Options, executor: Executor) -> Plan:
    offer = InkOffer.read(options.sources, options.data, options.lists)
    _check_limits(options, [*offer.written, *offer.lists])
    excluded = _exclusions(options) if offer.lists else []
    rules = Rules(options.max_tokens, options.part, options.held_out_percent)
    return plan_ink(executor, offer, options.sources, rules, options.limit, excluded, options.seed)


def _examples(options: Options) -> dict[str, list[Example]]:
    """Read all sources; the key is the name that ``limit`` goes by."""
    offered: dict[str, list[Example]] = {}
    if options.data is not None:
        for name in options.lists:
            offered[name] = read_list(options.data, name)
    for path in (*options.pictures, *options.parquet):
        if path.stem in offered:
            raise DataError(f"two sources are called {path.stem}: give one of the files another name.")
        published = path in options.pictures
        offered[path.stem] = (
            read_published(path, options.split)
            if published
            else read_parquet(path, options.text_column, options.image_column)
        )
    _check_limits(options, list(offered))
    return offered


def _check_limits(options: Options, offered: list[str]) -> None:
    unknown = (set(options.limit) | set(options.shortest)) - set(offered)
    if unknown:
        raise DataError(f"--limit or --shortest name {', '.join(sorted(unknown))}, but there is {', '.join(offered)}.")


def _exclusions(options: Options) -> list[str]:
    """Return the formulas that must stay out: files named by the user, our samples, the validation and test lists."""
    formulas = [line for path in options.exclude for line in read_lines(path)]
    with_evaluation = not set(options.lists) & set(EVALUATION_LISTS) and options.split == "train"
    if with_evaluation and options.data is None:
        print("warning: without --data the validation and test formulas are not known, nor kept out", file=sys.stderr)
    elif with_evaluation and options.data is not None:
        for name in EVALUATION_LISTS:
            try:
                formulas += read_lines(find_list(options.data, name))
            except DataError as error:
                print(f"warning: nothing is kept out for it: {error}", file=sys.stderr)
    if with_evaluation:
        try:
            samples = resources.files("resources") / "samples" / "formulas.txt"
            if samples.is_file():
                formulas += samples.read_text(encoding="utf-8").splitlines()
        except ModuleNotFoundError:
            pass
    return [formula for formula in formulas if formula.strip()]


def _shuffled(planned: list[Planned], options: Options) -> list[Planned]:
    """Mix all lists; items with pictures of their own keep their order and come last, since neighbours share a file."""
    drawn = [item for item in planned if not item.picture]
    mixed: list[Planned] = []
    for turn in range(options.styles_per_formula):
        copy = list(drawn)
        random.Random(options.seed * 7919 + turn).shuffle(copy)
        mixed += copy
    return mixed + [item for item in planned if item.picture]


def _draw(options: Options, executor: Executor, planned: list[Planned]) -> None:
    """Make the shards that are not there yet."""
    futures = []
    with tqdm(total=len(planned), desc="drawing", unit="f", smoothing=0.05) as bar:
        for index, items in enumerate(in_chunks(planned, options.shard_size)):
            if shard_path(options.out, index).exists():
                bar.update(len(items))
                bar.unpause()
                continue
            function, job = _job(options, index, tuple(items))
            future = executor.submit(function, job)
            future.add_done_callback(lambda done: bar.update(done.result()) if _succeeded(done) else None)
            futures.append(future)
        for future in as_completed(futures):
            future.result()


def _job(options: Options, index: int, items: tuple[Planned, ...]) -> tuple[Callable[[Any], int], Any]:
    """What a worker is to do for one shard, and with what."""
    limits: dict[str, Any] = {"seed": options.seed, "max_height": options.max_height, "max_width": options.max_width}
    if options.sources.wanted:
        crohme = options.sources.crohme
        return make_ink_shard, InkShardJob(index, items, options.out, options.data, crohme, **limits)
    choices = StyleChoices(
        fonts=options.fonts,
        points=options.points,
        dpi=options.dpi,
        rasterizers=options.rasterizers,
        oversample=options.oversample,
        plain=options.plain,
    )
    return make_shard, ShardJob(
        index=index,
        items=items,
        out=options.out,
        choices=choices,
        renderers=options.renderers,
        share_ziamath=options.share_ziamath,
        share_degraded=options.share_degraded,
        batch=options.batch,
        **limits,
    )


def _succeeded(future: Future[int]) -> bool:
    return not future.cancelled() and future.exception() is None


class _InProcess(Executor):
    """One worker needs no process of its own; what goes wrong is raised at once."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


def _executor(workers: int) -> Executor:
    if workers == 1:
        return _InProcess()
    # Fresh processes on every system: forking is unsafe beside torch's threads.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _report(options: Options) -> dict[str, Any]:
    """Gather the counts of all shards into ``report.json`` and ``dropped.jsonl``, and return the former."""
    manifest = json.loads((options.out / "manifest.json").read_text(encoding="utf-8"))
    prepared: Counter[str] = Counter()
    renderers: Counter[str] = Counter()
    dropped = [json.loads(line) for line in (options.out / "log" / "plan.jsonl").read_text("utf-8").splitlines()]
    for index in range(manifest["shards"]):
        log = json.loads((options.out / "log" / f"shard-{index:05d}.json").read_text(encoding="utf-8"))
        prepared.update(log["prepared"])
        renderers.update(log["renderers"])
        dropped += log["dropped"]
    by_list: dict[str, Counter[str]] = {}
    for entry in dropped:
        by_list.setdefault(entry["source"], Counter())[entry["why"]] += 1
    report = {
        "options": manifest["options"],
        "read": manifest["read"],
        "planned": manifest["planned"],
        "prepared": dict(prepared),
        "prepared_total": sum(prepared.values()),
        "renderers": dict(renderers),
        "dropped": {source: dict(counts.most_common()) for source, counts in sorted(by_list.items())},
        "dropped_total": len(dropped),
        "unreadable_exclusions": manifest["unreadable_exclusions"],
    }
    write_text(options.out / "dropped.jsonl", _json_lines(dropped))
    write_text(options.out / "report.json", json.dumps(report, indent=1))
    return report


def _identity(options: Options) -> dict[str, Any]:
    """Return the options that decide what the shards hold, as plain values."""
    irrelevant = {"out", "workers", *(_DRAWING if options.sources.wanted else ("sources",))}
    values = {name: value for name, value in asdict(options).items() if name not in irrelevant}
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain


def _json_lines(entries: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)


def _end_with_parent() -> None:
    """In a worker: leave when the parent was killed, instead of waiting for work for ever."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
