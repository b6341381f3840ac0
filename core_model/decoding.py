"""Reading tokens out of a model, one step at a time: greedy, sampling and beam search.

Any model with `start` and `step` will do (`StepModel`); state is cached, and pictures that are done leave the batch.
Every reading ends: by the model's end token, by a guard (`repetition`, `length`), or because `should_stop` said so.
The result depends on the picture, the options and the weights alone, not on the other pictures of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from core_model.filters import GrammarGuard, LogitFilter, NeverSpecial
from core_model.hypotheses import Array, Decoded, Decoder, DecodingOptions, Hypothesis, Path, largest, log_softmax
from core_model.tokenizer import Tokenizer

__all__ = ["Decoded", "DecodingOptions", "Hypothesis", "StepModel", "decode", "grammar_guard", "never_stop"]

ShouldStop = Callable[[], bool]
Index = NDArray[np.int64]
LEAST_TOKENS = 32
"""Tokens that any picture may have, however small."""
HOPELESS = 12.0
"""Nats by which a path under way may be behind the best ended reading."""


class StepState(Protocol):
    """Everything a model remembers between steps, one row per hypothesis."""

    def select(self, index: Index) -> Self:
        """The rows `index` [m]: reorders, repeats and drops hypotheses."""


class EncodedPictures(Protocol):
    """What decoding needs to know of encoded pictures; see `core_model.numpy_model.Memory`."""

    @property
    def mask(self) -> Any:
        """[b, n], True where a cell belongs to the picture: an array, or a tensor."""


MemoryT_contra = TypeVar("MemoryT_contra", bound=EncodedPictures, contravariant=True)
StateT = TypeVar("StateT", bound=StepState)


class StepModel(Protocol[MemoryT_contra, StateT]):
    """A model that can be asked for the next token."""

    def start(self, memory: MemoryT_contra) -> StateT:
        """The state before the first token, one row per picture."""

    def step(self, tokens: Index, state: StateT) -> tuple[Array, Array, StateT]:
        """Tokens [b] -> scores of the next [b, v], attention [b, rows, columns], state after them."""


@lru_cache(maxsize=8)
def grammar_guard(tokenizer: Tokenizer) -> GrammarGuard:
    """The guard of a vocabulary, built once: its tables take some milliseconds."""
    return GrammarGuard(tokenizer)


def never_stop() -> bool:
    """The `should_stop` of whoever waits for the end."""
    return False


def decode(
    model: StepModel[MemoryT_contra, StateT],
    memory: MemoryT_contra,
    tokenizer: Tokenizer,
    options: DecodingOptions | None = None,
    should_stop: ShouldStop = never_stop,
    filters: Sequence[LogitFilter] = (),
) -> list[Decoded]:
    """Read every picture of `memory`.

    Args:
        should_stop: asked before every step; on True all readings end as they are, marked `stopped`.
        filters: more of them, beside those that `options` ask for.

    Raises:
        DataError: the prefix holds a token that is not in the vocabulary.
    """
    options = options or DecodingOptions()
    own = grammar_guard(tokenizer) if options.grammar else NeverSpecial(tokenizer)
    decoder = Decoder(tokenizer, options, (own, *filters))
    limits = [options.max_tokens] * len(memory.mask)
    if options.tokens_per_cell is not None:
        least = LEAST_TOKENS + len(decoder.prefix)
        cells = memory.mask.sum(1).tolist()
        limits = [min(options.max_tokens, least + int(options.tokens_per_cell * n)) for n in cells]
    paths = [Path(i, limit, [one.start() for one in decoder.filters]) for i, limit in enumerate(limits)]
    search = beam_search if options.beam > 1 else follow
    search(model, memory, decoder, paths, should_stop)
    return decoder.results(len(paths))


def follow(
    model: StepModel[MemoryT_contra, StateT],
    memory: MemoryT_contra,
    decoder: Decoder,
    paths: list[Path],
    should_stop: ShouldStop,
) -> None:
    """One path per picture: the likeliest token at each step, or a sampled one."""
    options = decoder.options
    draws = np.random.default_rng(options.seed).random(options.max_tokens).tolist()
    state = model.start(memory)
    tokens = np.full(len(paths), decoder.bos)
    live = list(enumerate(paths))  # (row, path)
    while live:
        if should_stop():
            for _, path in live:
                decoder.finish(path, "stopped")
            return
        scores, attention, state = model.step(tokens, state)
        step = decoder.record(scores, attention)
        if step < len(decoder.prefix):
            tokens = np.full_like(tokens, decoder.prefix[step])
        else:
            allowed = scores + decoder.penalty(paths)
            tokens = _sample(allowed, options, draws[step]) if options.temperature else allowed.argmax(-1)
        chosen = tokens.tolist()
        going = []
        for row, path in live:
            path.push(chosen[row], row, decoder.filters)
            ended = decoder.ending(path)
            if ended is None:
                going.append((row, path))
            else:
                decoder.finish(path, ended)
        live = going
        if live and len(live) <= len(paths) * 3 // 4:  # leaving copies the state: not for every single one
            index = np.array([row for row, _ in live])
            tokens, state = tokens[index], state.select(index)
            paths = [path for _, path in live]
            live = list(enumerate(paths))


def _sample(scores: Array, options: DecodingOptions, draw: float) -> Index:
    """Draw a token from each row of `scores` [b, v] by the inverse of the distribution function at `draw` in [0, 1).

    Top-p: the smallest set of likeliest tokens that has the probability p (Holtzman et al. 2020, nucleus sampling).
    """
    logs, order = largest(log_softmax(scores / np.float32(options.temperature)), scores.shape[1])
    probabilities = np.exp(logs)
    if options.top_k:
        probabilities[:, options.top_k :] = 0
    if options.top_p < 1:
        before = probabilities.cumsum(-1) - probabilities
        probabilities[before >= options.top_p] = 0
    reached = probabilities.cumsum(-1)
    place = (reached <= draw * reached[:, -1:]).sum(-1, keepdims=True)
    last = (probabilities > 0).sum(-1, keepdims=True) - 1
    return np.take_along_axis(order, np.minimum(place, last), 1)[:, 0]


def beam_search(
    model: StepModel[MemoryT_contra, StateT],
    memory: MemoryT_contra,
    decoder: Decoder,
    paths: list[Path],
    should_stop: ShouldStop,
) -> None:
    """The `beam` likeliest paths per picture at each step, all pictures in one batch.

    A picture is done when `beam` readings have ended and no path under way ranks above them, when its likeliest path
    has run into a loop, or when every path is less likely than the best that ended by a factor of e ** HOPELESS. With a
    beam of one this is greedy decoding.
    """
    beam = decoder.options.beam
    state = model.start(memory)
    tokens = np.full(len(paths), decoder.bos)
    ended: list[list[Path]] = [[] for _ in paths]  # by picture: what ended by itself
    live = paths  # in order of picture: row = place in this list
    while live:
        if should_stop():
            for path in live:
                decoder.finish(path, "stopped")
            return
        scores, attention, state = model.step(tokens, state)
        step = decoder.record(scores, attention)
        if step < len(decoder.prefix):
            tokens = np.full_like(tokens, decoder.prefix[step])
            for row, path in enumerate(live):
                path.push(decoder.prefix[step], row, decoder.filters)
            continue
        logs = log_softmax(scores) + decoder.penalty(live)
        logs += np.array([path.log_probability for path in live], np.float32)[:, None]
        values, ids = (found.tolist() for found in largest(logs, 2 * beam))
        going: list[Path] = []
        for picture, rows in groupby(range(len(live)), key=lambda row: live[row].picture):
            candidates = [(-v, row, i) for row in rows for v, i in zip(values[row], ids[row], strict=True)]
            candidates = sorted(one for one in candidates if one[0] < float("inf"))[: 2 * beam]
            going += _extend(decoder, live, candidates, ended[picture])
        if not going:
            return
        parents = [path.rows[-1] for path in going]
        if parents != list(range(len(live))):
            same = [path.picture for path in going] == [path.picture for path in live]
            index = np.array(parents)
            # A state may know a cheaper way when only histories move and every row keeps its picture.
            state = getattr(state, "reorder", state.select)(index) if same else state.select(index)
        live = going
        tokens = np.array([path.tokens[-1] for path in live])


def _extend(
    decoder: Decoder, live: Sequence[Path], candidates: Sequence[tuple[float, int, int]], ended: list[Path]
) -> list[Path]:
    """One picture's paths after a step, from its candidates (minus log probability, row, token), likeliest first."""
    beam = decoder.options.beam
    going: list[Path] = []
    for rank, (cost, row, token) in enumerate(candidates):
        if token == decoder.eos and rank >= beam:
            continue
        path = live[row].extended(token, row, -cost, decoder.filters)
        ending = decoder.ending(path)
        if ending is None:
            going.append(path)
        else:
            decoder.finish(path, ending)
            if ending == "repetition" and not going:
                return []  # what is less likely than a loop would go on deviating from it for ever
            if ending == "end":
                ended.append(path)
        if len(going) == beam:
            break
    if not going or not ended:
        return going
    hopeless = going[0].log_probability < max(path.log_probability for path in ended) - HOPELESS
    beaten = beam == 1 or decoder.score(going[0]) <= max(decoder.score(path) for path in ended)
    return [] if hopeless or (len(ended) >= beam and beaten) else going
