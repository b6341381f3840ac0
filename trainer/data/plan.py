"""Decide which formulas are prepared: canonical, within limits, without duplicates and without held-out ones.

Formulas are compared by their skeleton, so a spacing variant of a test formula counts as that formula. The part held
out for validation is a fixed share of all skeletons, chosen by hash: it is the same whatever lists and seeds are used.
"""

import hashlib
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from core_model.errors import LatexError
from trainer.data.sources.base import Example

_CHUNK = 250
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Planned:
    """A formula to prepare: ``latex`` is canonical, tokens split by spaces; ``picture`` as in ``Example``."""

    latex: str
    source: str
    picture: str = ""


@dataclass(frozen=True)
class Dropped:
    """A formula that is left out, with the kind of reason and a line for people."""

    latex: str
    source: str
    why: str
    detail: str = ""


@dataclass
class Plan:
    """All that was decided: what to prepare, what was dropped, how many formulas each list offered."""

    planned: list[Planned] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    unreadable_exclusions: int = 0


@dataclass(frozen=True)
class Rules:
    """What is let through. ``part``: ``train``, ``held-out`` or ``all`` (see ``is_held_out``)."""

    max_tokens: int = 250
    part: str = "train"
    held_out_percent: float = 1.0


def read_formula(latex: str) -> tuple[str, str, int] | tuple[str, str]:
    """Canonical form of one formula: (latex, key of its skeleton, number of tokens), or (kind of fault, message)."""
    from core_model.latex import canonical, skeleton

    try:
        tokens = canonical(latex)
        bones = skeleton(latex)
    except LatexError as error:
        message = str(error)
        return ("unknown command" if "unknown" in message.lower() else "broken LaTeX"), message
    except RecursionError:
        return "broken LaTeX", "nested too deeply"
    if not bones:
        return "blank", "nothing that prints"
    return " ".join(tokens), skeleton_key(bones), len(tokens)


def skeleton_key(tokens: Sequence[str]) -> str:
    """Return a short hash by which equal skeletons are recognised."""
    return hashlib.blake2b(" ".join(tokens).encode(), digest_size=10).hexdigest()


def is_held_out(key: str, percent: float) -> bool:
    """Tell whether a skeleton belongs to the share that is kept from training. ``percent``: 0..100."""
    # Another hash than the key itself, so that nothing else that sorts by key correlates with the split.
    number = int.from_bytes(hashlib.blake2b(f"held-out {key}".encode(), digest_size=4).digest(), "big")
    return number < percent / 100 * 2**32


def excluded_keys(executor: Executor, formulas: Iterable[str]) -> tuple[set[str], int]:
    """Return the skeleton keys of formulas that must stay out, and how many of those formulas cannot be read."""
    keys = set()
    unreadable = 0
    for result in ordered(executor, _read_chunk, in_chunks(formulas, _CHUNK), ahead=4):
        for entry in result:
            if len(entry) == 3:
                keys.add(entry[1])
            else:
                unreadable += 1
    return keys, unreadable


def plan_list(
    plan: Plan,
    executor: Executor,
    examples: Sequence[Example],
    rules: Rules,
    *,
    limit: int | None,
    shortest: int,
    seed: int,
    excluded: set[str],
    seen: set[str],
    advance: Callable[[int], Any] = lambda count: None,
) -> None:
    """Add up to ``limit`` formulas of one list to the plan: ``shortest`` of its shortest first, the rest at random.

    ``seen`` holds the canonical formulas that are planned already, and is extended. ``advance`` is told how many
    formulas were read.
    """
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    if shortest:
        by_length = sorted(order, key=lambda index: len(examples[index].latex))
        _take(plan, executor, [examples[i] for i in by_length], rules, min(shortest, limit or shortest),
              excluded, seen, advance)  # fmt: skip
        taken = set(by_length[:shortest])
        order = [index for index in order if index not in taken]
        limit = limit - shortest if limit is not None else None
    # With pictures each example counts, even of the same formula, and neighbours share a file.
    if examples and examples[0].picture and limit is None:
        order.sort()
    if limit is None or limit > 0:
        _take(plan, executor, [examples[i] for i in order], rules, limit, excluded, seen, advance)


def _take(
    plan: Plan,
    executor: Executor,
    examples: list[Example],
    rules: Rules,
    limit: int | None,
    excluded: set[str],
    seen: set[str],
    advance: Callable[[int], Any],
) -> None:
    wanted = len(examples) if limit is None else limit
    chunks = list(in_chunks(examples, _CHUNK))
    texts = ([example.latex for example in chunk] for chunk in chunks)
    for chunk, result in zip(chunks, ordered(executor, _read_chunk, texts, ahead=4), strict=True):
        for example, entry in zip(chunk, result, strict=True):
            if wanted <= 0:
                return
            plan.read[example.source] += 1
            dropped = _reason(entry, rules, excluded, seen, bool(example.picture))
            if dropped is not None:
                plan.dropped.append(Dropped(example.latex, example.source, *dropped))
                continue
            seen.add(entry[0])
            plan.planned.append(Planned(entry[0], example.source, example.picture))
            wanted -= 1
        advance(len(chunk))


def _reason(
    entry: tuple[Any, ...], rules: Rules, excluded: set[str], seen: set[str], has_picture: bool
) -> tuple[str, str] | None:
    if len(entry) == 2:
        return entry[0], entry[1]
    latex, key, length = entry
    if length > rules.max_tokens:
        return "too long", f"{length} tokens"
    if key in excluded:
        return "excluded", ""
    if rules.part != "all" and is_held_out(key, rules.held_out_percent) != (rules.part == "held-out"):
        return ("held out" if rules.part == "train" else "not held out"), ""
    if latex in seen and not has_picture:
        return "duplicate", ""
    return None


def _read_chunk(formulas: Sequence[str]) -> list[tuple[Any, ...]]:
    return [read_formula(formula) for formula in formulas]


def in_chunks(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Cut into lists of ``size`` items; the last may be shorter."""
    chunk: list[_Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def ordered(
    executor: Executor, function: Callable[[_Item], _Result], items: Iterable[_Item], *, ahead: int
) -> Iterator[_Result]:
    """Like ``executor.map``, but at most ``ahead`` items are under way, so that stopping early wastes little."""
    pending: deque[Any] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
