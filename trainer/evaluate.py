"""``trainer evaluate --data DIR --checkpoint DIR``: text and image metrics on printed formulas and on handwriting.

Three stages, each kept: the true formulas are rendered (``--cache``), the model reads them (predictions as JSON lines
below ``--out``), and the predictions are scored. A run that was interrupted, or is started again for the scores alone,
goes on with what is there. Prints tables in Markdown and writes ``evaluation.json``; of ink also a page of wrong
readings for each set and decode mode.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import platformdirs
from numpy.typing import NDArray
from tqdm import tqdm

from core_model.checkpoint import WEIGHTS
from core_model.recognizer import RecognizeOptions, Recognizer, default_checkpoint
from trainer.data.shards import decode_png, read_table
from trainer.evaluate_ink import break_down
from trainer.evaluation_report import decode_name, evaluation_tables
from trainer.evaluation_sets import EvaluationSet, Item, load_set, skeleton_digests, training_digests
from trainer.picture_cache import PictureCache, halve
from trainer.reading import Reading, Source, load_readings, read_pictures, reading_options, resume_readings
from trainer.scoring import predicted, score_images, score_set

__all__ = ["Options", "main"]

RESULT = "evaluation.json"


def default_cache() -> Path:
    """Where rendered formulas are kept unless ``--cache`` names another folder."""
    return platformdirs.user_cache_path("formulens", "formulens") / "evaluation"


@dataclass(frozen=True)
class Options:
    """Evaluate a checkpoint. Raises ``ValueError`` naming all that does not fit together."""

    data: Path
    """Folder with the data packs (formulas/, im2latex_original/, crohme/)."""
    checkpoint: Path | None = None
    """Checkpoint folder; default: the one in the box."""
    sets: tuple[
        Literal[
            "validation", "test", "originals", "crohme-2012", "crohme-2014", "crohme-2016", "crohme-photos"
        ], ...,
    ] = ("validation", "test", "originals")  # fmt: skip
    """What to evaluate on: IM2LATEX-100K; or ink of CROHME, of which 2012 is the validation set."""
    beam: tuple[int, ...] = (1, 5)
    """Beam sizes; 1 is greedy."""
    length_penalty: float = 1.0
    """Of beam search: log probability / tokens ** this."""
    limit: int | None = None
    """Only the first so many formulas of each set."""
    photos: int = 50
    """How many inks of crohme-2012 are photographed for crohme-photos."""
    batch: int = 256
    """Pictures given to the recogniser at a time; it batches them by size. Predictions are saved as often."""
    device: Literal["auto", "cpu", "mps", "cuda"] = "auto"
    """Where the model runs."""
    threads: int | None = None
    """Threads that read on the CPU; default: as many as there are processors."""
    workers: int = 2
    """Processes that render and compare pictures."""
    images: bool = True
    """Image metrics of print too; they need LaTeX and take most of the time after reading."""
    seen_in: Path | None = None
    """Prepared training folder that tells which originals training saw; default: the formula lists of the data."""
    predictions: Path | None = None
    """Score this file of predictions (JSON lines with `key` and `tokens`) instead of reading; for a single set."""
    cache: Path | None = None
    """Folder for rendered formulas, outside the tree; default: the user's cache folder."""
    out: Path = Path("evaluation")
    """Folder for predictions and evaluation.json."""

    def __post_init__(self) -> None:
        problems = []
        if self.predictions is not None and len(self.sets) != 1:
            problems.append("--predictions scores one set: name it with --sets")
        if not self.sets or not self.beam:
            problems.append("at least one set and one beam size are needed")
        if any(beam < 1 for beam in self.beam):
            problems.append("a beam is at least 1")
        problems += [
            f"--{name} must be at least 1, not {value}"
            for name in ("limit", "photos", "batch", "threads", "workers")
            if (value := getattr(self, name)) is not None and value < 1
        ]
        if problems:
            raise ValueError("; ".join(problems))


def main(options: Options) -> int:
    """Evaluate, print the tables, write the JSON."""
    started = time.monotonic()
    evaluation = evaluate(options)
    evaluation["minutes"] = round((time.monotonic() - started) / 60, 2)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / RESULT
    path.write_text(json.dumps(evaluation, indent=2) + "\n", encoding="utf-8")
    print(evaluation_tables(evaluation), end="")
    print(f"\nwritten: {path}")
    return 0


def evaluate(options: Options) -> dict[str, Any]:
    """The content of ``evaluation.json``; see the module's description."""
    cache_folder = options.cache or default_cache()
    seen = _seen(options, cache_folder) if "originals" in options.sets else None
    sets = [
        load_set(name, options.data, limit=options.limit, seen=seen, photos=options.photos) for name in options.sets
    ]
    recognizer, checkpoint = (
        (None, None) if options.predictions else load_checkpoint(options.checkpoint, options.device, options.threads)
    )
    results = []
    with PictureCache(cache_folder) as cache:
        for chosen in sets:
            drawn = [item for item in chosen.items if _is_rendered(item) and recognizer is not None]
            cache.render((item.sources[0] for item in drawn), workers=options.workers, title=f"drawing {chosen.name}")
            failed = [item for item in drawn if cache.png(item.sources[0]) is None]
            cache.render((item.sources[1] for item in failed), workers=options.workers, title="drawing skeletons")
            for name, account, readings in _all_readings(options, chosen, recognizer, checkpoint, cache):
                compare = options.images and not chosen.is_ink
                images = score_images(chosen, readings, cache, workers=options.workers) if compare else None
                results.append(
                    {
                        "set": chosen.name,
                        "label_file": chosen.label_file,
                        "pictures": chosen.pictures,
                        "left_out": chosen.left_out,
                        "left_out_because": chosen.left_out_because,
                        "unparsed_labels": sum(not item.parsed for item in chosen.items),
                        "drawn_from_skeleton": len(failed),
                        "without_picture": sum(reading.ended == "no picture" for reading in readings),
                        "decode": account,
                        "predictions": name,
                        "endings": dict(Counter(reading.ended for reading in readings)),
                        "scores": [score.as_dict() for score in score_set(chosen, readings, images)],
                        **({"ink": _ink_details(options, chosen, readings, account)} if chosen.is_ink else {}),
                    }
                )
    return {
        "format": 1,
        "checkpoint": checkpoint,
        "device": recognizer.device if recognizer else "none",
        "threads": options.threads or os.cpu_count(),
        "runtime": recognizer.model.runtime if recognizer else "none",
        "command": _command(options),
        "results": results,
    }


def _ink_details(
    options: Options, chosen: EvaluationSet, readings: Sequence[Reading], decode: dict[str, Any]
) -> list[dict[str, Any]]:
    """Where the mistakes are, by group; draws the page of wrong readings."""
    from trainer.figures import save_figure  # matplotlib, which print alone does not need
    from trainer.plots import Example, plot_wrong

    examples = [
        Example(item.key, item.standard, tuple(predicted(reading, "standard")), item.draw)
        for item, reading in zip(chosen.items, readings, strict=True)
    ]
    mode = decode_name(decode)
    path = options.out / f"wrong-{chosen.name}-{mode.replace(' ', '')}.png"
    if any(example.truth != example.prediction for example in examples):
        save_figure(plot_wrong(examples, f"{chosen.name}, {mode}: wrong readings, standard tokens"), path)
    else:
        path.unlink(missing_ok=True)  # of an earlier run
    return [breakdown.as_dict() for breakdown in break_down(chosen, readings)]


def _all_readings(
    options: Options,
    chosen: EvaluationSet,
    recognizer: Recognizer | None,
    checkpoint: dict[str, Any] | None,
    cache: PictureCache,
) -> Iterator[tuple[str, dict[str, Any], list[Reading]]]:
    """For each decode mode: the file's name, how it was read, and a reading for every item, in order."""
    if options.predictions is not None:
        about, known = load_readings(options.predictions)
        absent = Reading("", (), None, 0.0, "missing")
        decode = (about or {}).get("decode", {"beam": None})
        yield options.predictions.name, decode, [known.get(item.key, absent) for item in chosen.items]
        return
    assert recognizer is not None
    for beam in options.beam:
        decoding = reading_options(beam, options.length_penalty)
        decode = {"beam": beam, "length_penalty": options.length_penalty, "max_tokens": decoding.max_tokens}
        path = options.out / f"predictions-{chosen.name}-{decode_name(decode).replace(' ', '')}.jsonl"
        about = {"checkpoint": checkpoint, "set": chosen.name, "labels": chosen.label_file, "decode": decode}
        known = resume_readings(path, about)
        known |= _read_missing(options, chosen, recognizer, decoding, known, path, cache)
        yield path.name, decode, [known[item.key] for item in chosen.items]


def _read_missing(
    options: Options,
    chosen: EvaluationSet,
    recognizer: Recognizer,
    decoding: RecognizeOptions,
    known: dict[str, Reading],
    path: Path,
    cache: PictureCache,
) -> dict[str, Reading]:
    """Read what the file does not hold yet, and append it."""
    missing = [item for item in chosen.items if item.key not in known]
    if not missing:
        return {}
    unreadable = [
        Reading(item.key, (), (), 0.0, "no picture")
        for item in missing
        if item.draw is None and _png(item, cache) is None
    ]
    hopeless = {reading.key for reading in unreadable}
    sources: list[Source] = [(item.key, _picture_of(item, cache)) for item in missing if item.key not in hopeless]
    fresh: dict[str, Reading] = {}
    with (
        path.open("a", encoding="utf-8") as file,
        tqdm(total=len(missing), desc=f"reading {path.stem}", unit="formula", dynamic_ncols=True) as progress,
    ):
        for reading in chain(unreadable, read_pictures(recognizer, sources, decoding, options.batch)):
            line = reading.as_dict()
            file.write(json.dumps(line) + "\n")
            file.flush()
            fresh[reading.key] = Reading.from_dict(line)  # as rounded as when it is read again
            progress.update()
    return fresh


def _is_rendered(item: Item) -> bool:
    """Whether the picture of an item is made by LaTeX."""
    return item.png is None and item.draw is None


def _png(item: Item, cache: PictureCache) -> bytes | None:
    if item.png is not None:
        return item.png
    label, skeleton = item.sources
    return cache.png(label) or cache.png(skeleton)


def _picture_of(item: Item, cache: PictureCache) -> Callable[[], NDArray[np.uint8]]:
    """What the model is given: ink as drawn; of print half the size of the 200 dpi picture, as in the published set."""
    if item.draw is not None:
        return item.draw

    def picture() -> NDArray[np.uint8]:
        png = _png(item, cache)
        assert png is not None
        return halve(decode_png(png))

    return picture


def _seen(options: Options, cache: Path) -> Collection[bytes]:
    """Digests of the skeletons that training saw."""
    if options.seen_in is None:
        return training_digests(options.data, cache, workers=options.workers)
    table = read_table(options.seen_in, ["latex"])
    return skeleton_digests(dict.fromkeys(table.column("latex").to_pylist()))


def load_checkpoint(folder: Path | None, device: str, threads: int | None = None) -> tuple[Recognizer, dict[str, Any]]:
    """The model on its device, and the account of it that stands with every number. Raises ``CheckpointError``."""
    folder = folder or default_checkpoint()
    recognizer = Recognizer.load(folder, device, threads)
    with (folder / WEIGHTS).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    account = {"name": folder.resolve().name, "digest": weights[:16], "extra": recognizer.config.get("extra", {})}
    return recognizer, account


def _command(options: Options) -> str:
    """The command that repeats the run; folders are named DIR, since they differ from machine to machine."""
    words = ["trainer evaluate --data DIR"]
    words += ["--predictions FILE"] if options.predictions else ["--checkpoint DIR"]
    words.append("--sets " + " ".join(options.sets))
    if not options.predictions:
        words.append("--beam " + " ".join(map(str, options.beam)))
        words += [f"--length-penalty {options.length_penalty}"] if options.length_penalty != 1.0 else []
    words += [f"--limit {options.limit}"] if options.limit else []
    words += [f"--photos {options.photos}"] if "crohme-photos" in options.sets else []
    words += ["--seen-in DIR"] if options.seen_in else []
    words += [] if options.images else ["--no-images"]
    return " ".join(words)
