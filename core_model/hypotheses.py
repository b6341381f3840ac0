"""What decoding is asked for and what it gives: options, paths under way, and finished readings.

The strategies of `core_model.decoding` only choose tokens; the record kept here turns the scores and attention maps of
all steps into probabilities, other tokens and maps at the end, for all readings at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core_model.errors import DataError
from core_model.filters import FORBIDDEN, LogitFilter, repetition_start
from core_model.tokenizer import SPECIALS, Tokenizer

Array = NDArray[np.float32]
Ending = Literal["end", "repetition", "length", "stopped"]


@dataclass(frozen=True)
class DecodingOptions:
    """How to read; raises ValueError naming everything that does not fit together."""

    beam: int = 1
    """Hypotheses kept at each step; 1 is greedy."""
    length_penalty: float = 1.0
    """Readings rank by log probability / tokens ** length_penalty: 0 favours short ones, 1 is the mean per token."""
    alternatives: int | None = None
    """Readings to return beside the best, at most beam - 1; None: all that the beam has."""
    token_alternatives: int = 0
    """Other tokens to return at each place, with their probability."""
    max_tokens: int = 512
    """Longest reading."""
    tokens_per_cell: float | None = 4.0
    """Longest reading by the size of the picture: 32 + so many tokens per grid cell; None: no such limit."""
    temperature: float = 0.0
    """Above 0: sample, from scores divided by it."""
    top_k: int = 0
    """Sample only among so many of the likeliest tokens; 0: all."""
    top_p: float = 1.0
    """Sample only among the likeliest tokens that together have this probability."""
    seed: int = 0
    """Of the sampling: the same seed gives the same reading."""
    prefix: tuple[str | int, ...] = ()
    """Tokens (or their ids) that every reading begins with."""
    grammar: bool = True
    """Forbid what cannot become well-nested LaTeX."""
    attention: bool = True
    """Return where the model looked at each token."""
    confidence_temperature: float = 1.0
    """Scores are divided by it for confidences only, not for the reading (temperature scaling, Guo et al. 2017)."""

    def __post_init__(self) -> None:
        problems = []
        if self.beam < 1:
            problems.append(f"beam is at least 1, not {self.beam}")
        if self.alternatives is not None and not 0 <= self.alternatives < max(self.beam, 1):
            problems.append(
                f"a beam of {self.beam} gives at most {self.beam - 1} alternatives, not {self.alternatives}"
            )
        if self.token_alternatives < 0:
            problems.append(f"token_alternatives is at least 0, not {self.token_alternatives}")
        if self.max_tokens < 1:
            problems.append(f"max_tokens is at least 1, not {self.max_tokens}")
        if self.tokens_per_cell is not None and self.tokens_per_cell < 0:
            problems.append(f"tokens_per_cell is at least 0, not {self.tokens_per_cell}")
        if len(self.prefix) >= self.max_tokens >= 1:
            problems.append(f"a prefix of {len(self.prefix)} tokens leaves nothing of max_tokens {self.max_tokens}")
        if self.temperature < 0:
            problems.append(f"temperature is at least 0, not {self.temperature}")
        if self.temperature > 0 and self.beam > 1:
            problems.append("sampling (temperature > 0) and beam > 1 exclude each other")
        if self.temperature == 0 and (self.top_k or self.top_p != 1):
            problems.append("top_k and top_p need a temperature above 0")
        if self.top_k < 0:
            problems.append(f"top_k is at least 0, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            problems.append(f"top_p lies in (0, 1], not {self.top_p}")
        if self.confidence_temperature <= 0:
            problems.append(f"confidence_temperature is above 0, not {self.confidence_temperature}")
        if problems:
            raise ValueError("; ".join(problems))


@dataclass(frozen=True)
class Hypothesis:
    """One reading: its tokens, without begin and end, and what the model said of each."""

    tokens: tuple[int, ...]
    score: float
    """Log probability of the tokens after the prefix, the end included, divided by their number ** length_penalty."""
    ended: Ending
    probabilities: tuple[float, ...]
    """Of each token, the model's own (before filters)."""
    end_probability: float
    """Of ending after the last token; 1 where a guard ended it."""
    others: tuple[tuple[tuple[int, float], ...], ...] = ()
    """By token: the likeliest other tokens and their probabilities."""
    attention: np.ndarray | None = field(default=None, repr=False, compare=False)
    """float16 [tokens, rows, columns] over the feature grid of the batch, each summing to 1."""

    @property
    def confidence(self) -> float:
        """Geometric mean of the probabilities of all tokens and of the end, in 0..1."""
        probabilities = np.array([*self.probabilities, self.end_probability])
        return float(np.exp(np.log(probabilities).mean())) if probabilities.min() > 0 else 0.0


@dataclass(frozen=True)
class Decoded:
    """The readings of one picture, the best first; those a guard cut short come after all that ended by themselves."""

    hypotheses: tuple[Hypothesis, ...]

    @property
    def best(self) -> Hypothesis:
        return self.hypotheses[0]


def log_softmax(scores: Array) -> Array:
    """Logarithms of the probabilities, over the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted


def largest(values: Array, count: int) -> tuple[Array, NDArray[np.int64]]:
    """The `count` largest of each row [t, v], or all, in falling order, and their columns; of equals the first."""
    count = min(count, values.shape[1])
    columns = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    found = np.take_along_axis(values, columns, 1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(found, order, 1), np.take_along_axis(columns, order, 1)


class Path:
    """A hypothesis under way: its tokens, and the row it had in the batch of each step."""

    __slots__ = ("limit", "log_probability", "picture", "rows", "tokens", "values")

    def __init__(self, picture: int, limit: int, values: list[Any]) -> None:
        self.picture = picture
        self.limit = limit
        self.values = values  # of the filters
        self.tokens: list[int] = []
        self.rows: list[int] = []
        self.log_probability = 0.0

    def push(self, token: int, row: int, filters: Sequence[LogitFilter]) -> None:
        """Append the token chosen from `row` of this step."""
        self.tokens.append(token)
        self.rows.append(row)
        self.values = [one.advance(value, token) for one, value in zip(filters, self.values, strict=True)]

    def extended(self, token: int, row: int, log_probability: float, filters: Sequence[LogitFilter]) -> Path:
        """A copy with one more token; this one stays as it is."""
        path = Path(self.picture, self.limit, self.values)
        path.tokens, path.rows, path.log_probability = self.tokens.copy(), self.rows.copy(), log_probability
        path.push(token, row, filters)
        return path


class Decoder:
    """What all strategies share during one call of `decode`: options, filters, and the record of the steps."""

    def __init__(self, tokenizer: Tokenizer, options: DecodingOptions, filters: Sequence[LogitFilter]) -> None:
        self.options = options
        self.filters = filters
        self.eos = tokenizer.eos_id
        self.bos = tokenizer.bos_id
        self.prefix = _prefix_ids(tokenizer, options.prefix)
        self._scores: list[Array] = []  # by step: [rows, v]
        self._attention: list[Array] = []  # by step: [rows, gh, gw]
        self._finished: list[tuple[Path, Ending]] = []

    def penalty(self, paths: Sequence[Path]) -> Array:
        """Sum of the filters' penalties, [rows or 1, v]."""
        total = self.filters[0].penalty([path.values[0] for path in paths])
        for i, one in enumerate(self.filters[1:], 1):
            total = total + one.penalty([path.values[i] for path in paths])
        return total

    def record(self, scores: Array, attention: Array) -> int:
        """Keep what a step gave, untouched; returns the number of the step."""
        self._scores.append(scores)
        if self.options.attention:
            self._attention.append(attention)
        return len(self._scores) - 1

    def ending(self, path: Path) -> Ending | None:
        """Why the path ends with its last token; None: it goes on."""
        if path.tokens[-1] == self.eos:
            return "end"
        if repetition_start(path.tokens) is not None and len(path.tokens) > len(self.prefix):
            return "repetition"
        return "length" if len(path.tokens) >= path.limit else None

    def score(self, path: Path) -> float:
        """Log probability of a path under way, normalised by its length so far."""
        length = max(len(path.tokens) - len(self.prefix), 1)
        return path.log_probability / length**self.options.length_penalty

    def finish(self, path: Path, ended: Ending) -> None:
        """Take the path as a reading of its picture."""
        self._finished.append((path, ended))

    def results(self, pictures: int) -> list[Decoded]:
        """The readings; everything about their tokens is computed here, for all at once."""
        offsets = np.cumsum([0] + [len(scores) for scores in self._scores])
        lengths = [len(path.tokens) for path, _ in self._finished]
        where = [offsets[step] + row for path, _ in self._finished for step, row in enumerate(path.rows)]
        readings: list[list[Hypothesis]] = [[] for _ in range(pictures)]
        if not where:
            for path, ended in self._finished:
                readings[path.picture].append(Hypothesis((), float("-inf"), ended, (), 0.0))
            return [Decoded(tuple(one)) for one in readings]
        chosen = np.array([t for path, _ in self._finished for t in path.tokens])[:, None]
        scores = np.concatenate(self._scores)[where]  # [all tokens, v]
        logs = log_softmax(scores)
        chosen_logs = np.take_along_axis(logs, chosen, 1)[:, 0].tolist()
        if self.options.confidence_temperature != 1:
            logs = log_softmax(scores / np.float32(self.options.confidence_temperature))
        probabilities = np.exp(np.take_along_axis(logs, chosen, 1)[:, 0]).tolist()
        other_ids, other_probabilities = self._others(logs, chosen)
        maps = np.concatenate(self._attention)[where].astype(np.float16) if self._attention else None
        start = 0
        for (path, ended), length in zip(self._finished, lengths, strict=True):
            tokens = path.tokens[:-1] if ended == "end" else path.tokens
            if ended == "repetition":
                tokens = tokens[: repetition_start(tokens)]
            stop = start + len(tokens)
            end = stop + 1 if ended == "end" else stop
            counted = chosen_logs[start + len(self.prefix) : end]
            others = zip(other_ids[start:stop], other_probabilities[start:stop], strict=True)
            readings[path.picture].append(
                Hypothesis(
                    tuple(tokens),
                    sum(counted) / max(len(counted), 1) ** self.options.length_penalty,
                    ended,
                    tuple(probabilities[start:stop]),
                    probabilities[stop] if ended == "end" else float(bool(tokens)),
                    tuple(tuple((i, p) for i, p in zip(*pair, strict=True) if p > 0) for pair in others),
                    None if maps is None else maps[start:stop],
                )
            )
            start += length
        return [Decoded(self._ranked(one)) for one in readings]

    def _others(self, logs: Array, chosen: NDArray[np.int64]) -> tuple[list[list[int]], list[list[float]]]:
        """The likeliest tokens beside the chosen ones [t, 1] and their probabilities, by row of `logs` [t, v]."""
        if not self.options.token_alternatives:
            return [[]] * len(logs), [[]] * len(logs)
        logs = logs.copy()
        np.put_along_axis(logs, chosen, FORBIDDEN, 1)
        logs[:, : len(SPECIALS)] = FORBIDDEN
        values, ids = largest(logs, self.options.token_alternatives)
        return ids.tolist(), np.exp(values).tolist()

    def _ranked(self, readings: list[Hypothesis]) -> tuple[Hypothesis, ...]:
        """Complete readings before cut ones, each by score, each token sequence once, as many as asked for."""
        ranked = sorted(readings, key=lambda one: (one.ended != "end", -one.score))
        different = {one.tokens: one for one in reversed(ranked)}
        wanted = self.options.beam - 1 if self.options.alternatives is None else self.options.alternatives
        return tuple(one for one in ranked if different[one.tokens] is one)[: wanted + 1]


def _prefix_ids(tokenizer: Tokenizer, prefix: Sequence[str | int]) -> list[int]:
    ids = [tokenizer.encode([token])[0] if isinstance(token, str) else token for token in prefix]
    wrong = [index for index in ids if not tokenizer.eos_id < index < len(tokenizer)]
    if wrong:
        raise DataError(f"these cannot be part of a prefix: {wrong}")
    return ids
