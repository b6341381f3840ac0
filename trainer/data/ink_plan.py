"""Decide which ink ``trainer prepare`` makes: CROHME's expressions, folders of InkML, and formulas to be written.

Formulas are compared in their pen form: one that equals a truth of CROHME's tests, of its validation set or of
IM2LATEX's is never written. CROHME's own training set stays as published.
"""

import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from core_model.errors import DataError, LatexError
from core_model.latex import skeleton
from trainer.data.crohme import TEST_SETS, TRAINING_SETS, VALIDATION_SET, mended, read_expressions, set_path
from trainer.data.pen_form import pen_form_of_skeleton
from trainer.data.plan import Dropped, Plan, Planned, Rules, in_chunks, is_held_out, ordered, skeleton_key
from trainer.data.sources.base import Example
from trainer.data.sources.formula_lists import read_list

USUAL_LIMITS = {"arxiv_inline": 100_000, "arxiv_display": 60_000, "k12": 30_000, "im2latex_train_partial": 5_000}
"""Synthetic formulas of each list, unless ``--limit`` tells otherwise."""
_CHUNK = 250
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[^\s{}]")
_LENGTH_BIN = 0.25  # of the logarithm of the length


@dataclass(frozen=True)
class InkSources:
    """Ink instead of pictures."""

    ink: tuple[Literal["crohme", "synthetic", "validation"], ...] = ()
    """Prepare ink: CROHME's training expressions (crohme), formulas of the lists written with drawn symbols
    (synthetic), or CROHME's test of 2012 without the ink that is in training (validation)."""
    inkml: tuple[Path, ...] = ()
    """Folders of InkML files with their truths, as CROHME publishes them, to train on."""
    crohme: bool = True
    """Without it (--no-crohme) nothing of CROHME is trained on: no symbols cut from it in synthetic ink either."""
    ink_length: tuple[float, float] = (16.0, 0.8)
    """Lengths of synthetic formulas: median in tokens, standard deviation of the logarithm. A deviation of 0 takes
    formulas as the lists have them."""

    def __post_init__(self) -> None:
        problems = []
        if "validation" in self.ink and (len(set(self.ink)) > 1 or self.inkml):
            problems.append("--ink validation cannot be mixed with training ink: give it an --out of its own")
        if "crohme" in self.ink and not self.crohme:
            problems.append("--ink crohme contradicts --no-crohme")
        if self.ink_length[0] < 1 or self.ink_length[1] < 0:
            problems.append("--ink-length takes a median of at least 1 and a deviation of at least 0")
        if problems:
            raise DataError("prepare: " + "; ".join(problems) + ".")

    @property
    def wanted(self) -> bool:
        """Whether ink is prepared at all."""
        return bool(self.ink or self.inkml)


@dataclass(frozen=True)
class InkOffer:
    """What there is to choose from: ink that is there already, and lists of formulas to be written, each by the name
    that ``--limit`` goes by. ``truths``: formulas of CROHME's test and validation sets.
    """

    written: dict[str, list[Example]]
    lists: dict[str, list[Example]]
    truths: list[str]

    @classmethod
    def read(cls, sources: InkSources, data: Path | None, lists: Sequence[str]) -> "InkOffer":
        """Read what ``sources`` ask for. Raises ``DataError``."""
        written: dict[str, list[Example]] = {}
        if "crohme" in sources.ink and data is not None:
            written["crohme"] = [each for name in TRAINING_SETS for each in _examples(set_path(data, name), "crohme")]
        if "validation" in sources.ink and data is not None:
            written["validation"] = _examples(set_path(data, VALIDATION_SET), f"crohme_{VALIDATION_SET}")
        for folder in sources.inkml:
            if folder.name in written:
                raise DataError(f"two sources of ink are called {folder.name}: give one of the folders another name.")
            written[folder.name] = _examples(folder, folder.name)
        if "synthetic" not in sources.ink or data is None:
            return cls(written, {}, [])
        return cls(written, {name: read_list(data, name) for name in lists}, _truths_to_leave_out(data))


def plan_ink(
    executor: Executor,
    offer: InkOffer,
    sources: InkSources,
    rules: Rules,
    limits: Mapping[str, int],
    exclusions: Sequence[str],
    seed: int,
) -> Plan:
    """Choose from the offer. ``exclusions``: further formulas that are not to be written."""
    plan = Plan()
    formulas = [*exclusions, *offer.truths]
    excluded, plan.unreadable_exclusions = _excluded_keys(executor, tqdm(formulas, "held out", unit="f"))
    seen: set[str] = set()
    with tqdm(desc="reading", unit="f") as bar:
        for name, examples in offer.written.items():
            _plan_written(plan, executor, examples[: limits.get(name)], rules, bar.update)
        for number, (name, examples) in enumerate(offer.lists.items()):
            rng = np.random.default_rng([seed, number])
            lengths = np.array([len(_TOKEN.findall(example.latex)) for example in examples], np.int64)
            order = weighted_order(lengths, *sources.ink_length, rng)
            limit = limits.get(name, USUAL_LIMITS.get(name, len(examples)))
            ordered_examples = (examples[i] for i in order)
            _plan_synthetic(plan, executor, ordered_examples, rules, limit, excluded, seen, bar.update)
    return plan


def _examples(path: Path, source: str) -> list[Example]:
    return [
        Example(expression.truth, source, f"ink:{path}|{index}")
        for index, expression in enumerate(read_expressions(path))
        if not expression.in_train
    ]


def _truths_to_leave_out(data: Path) -> list[str]:
    """Truths of CROHME's test and validation sets, as written and in standard tokens; a warning if one is not there."""
    truths = []
    for name in (*TEST_SETS, VALIDATION_SET):
        try:
            for expression in read_expressions(set_path(data, name)):
                truths += [expression.truth, mended(expression.ink.latex)]
        except DataError as error:
            print(f"warning: its formulas are not kept out of synthetic ink: {error}", file=sys.stderr)
    return list(dict.fromkeys(truths))


def _excluded_keys(executor: Executor, formulas: Iterable[str]) -> tuple[set[str], int]:
    """Keys of the pen forms of formulas that must stay out, and how many of those formulas cannot be read."""
    keys, unreadable = set(), 0
    for result in ordered(executor, _read_chunk, in_chunks(formulas, _CHUNK), ahead=4):
        for reading in result:
            unreadable += bool(reading.fault)
            keys.add(reading.key)
    return keys - {""}, unreadable


def _plan_written(
    plan: Plan, executor: Executor, examples: Sequence[Example], rules: Rules, advance: Callable[[int], Any]
) -> None:
    """Add ink that is there already, in its order; every expression counts, even of the same formula."""
    for example, reading in _readings(executor, examples, advance):
        plan.read[example.source] += 1
        if fault := _unusable(reading, rules):
            plan.dropped.append(Dropped(example.latex, example.source, *fault))
        else:
            plan.planned.append(Planned(reading.latex, example.source, example.picture))


def _plan_synthetic(
    plan: Plan,
    executor: Executor,
    examples: Iterable[Example],
    rules: Rules,
    limit: int,
    excluded: set[str],
    seen: set[str],
    advance: Callable[[int], Any],
) -> None:
    """Add the first ``limit`` usable formulas; ``seen`` holds the pen forms that are planned already."""
    for example, reading in _readings(executor, examples, advance):
        if limit <= 0:
            return
        plan.read[example.source] += 1
        fault = _unusable(reading, rules)
        if not fault and reading.key in excluded:
            fault = ("excluded", "")
        held_out = is_held_out(reading.bones, rules.held_out_percent)
        if not fault and rules.part != "all" and held_out != (rules.part == "held-out"):
            fault = ("held out" if rules.part == "train" else "not held out", "")
        if not fault and reading.latex in seen:
            fault = ("duplicate", "")
        if fault:
            plan.dropped.append(Dropped(example.latex, example.source, *fault))
            continue
        seen.add(reading.latex)
        plan.planned.append(Planned(reading.latex, example.source))
        limit -= 1


def weighted_order(
    lengths: NDArray[np.int64], median: float, spread: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Indices of all items in random order, such that the first ones have lengths as a log-normal distribution has.

    Weighted drawing without replacement by exponential keys (Efraimidis and Spirakis 2006); with a ``spread`` of 0
    all lengths weigh the same.
    """
    keys = rng.exponential(size=len(lengths))
    if spread > 0 and len(lengths):
        logs = np.log(np.maximum(lengths, 1))
        bins = (logs / _LENGTH_BIN).astype(np.int64)
        weights = np.exp(-0.5 * ((logs - np.log(median)) / spread) ** 2) / np.bincount(bins)[bins]
        keys = keys / np.maximum(weights, 1e-300)
    return np.argsort(keys, kind="stable")


@dataclass(frozen=True)
class _Reading:
    """A formula in pen form with the keys of that and of its skeleton, or what is wrong with it."""

    latex: str = ""
    key: str = ""
    bones: str = ""
    fault: str = ""


def _unusable(reading: _Reading, rules: Rules) -> tuple[str, str] | None:
    length = reading.latex.count(" ") + 1
    if reading.fault:
        return "broken LaTeX", reading.fault
    if not reading.latex:
        return "blank", "nothing that prints"
    return ("too long", f"{length} tokens") if length > rules.max_tokens else None


def _readings(
    executor: Executor, examples: Iterable[Example], advance: Callable[[int], Any]
) -> Iterator[tuple[Example, _Reading]]:
    under_way: deque[list[Example]] = deque()

    def texts() -> Iterator[list[str]]:
        for chunk in in_chunks(examples, _CHUNK):
            under_way.append(chunk)
            yield [example.latex for example in chunk]

    for result in ordered(executor, _read_chunk, texts(), ahead=8):
        chunk = under_way.popleft()
        yield from zip(chunk, result, strict=True)
        advance(len(chunk))


def _read_chunk(formulas: Sequence[str]) -> list[_Reading]:
    return [_read(formula) for formula in formulas]


def _read(latex: str) -> _Reading:
    try:
        bones = skeleton(latex)
        tokens = pen_form_of_skeleton(bones)
    except LatexError as error:
        return _Reading(fault=str(error))
    except RecursionError:
        return _Reading(fault="nested too deeply")
    return _Reading(" ".join(tokens), skeleton_key(tokens), skeleton_key(bones)) if tokens else _Reading()
