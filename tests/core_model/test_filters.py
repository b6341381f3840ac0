from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from core_model.decoding import DecodingOptions, decode, grammar_guard
from core_model.filters import repetition_start
from core_model.hypotheses import Decoded, Hypothesis
from core_model.recognizer import ReadingModel
from core_model.tokenizer import Tokenizer


def readings(decoded: Sequence[Decoded]) -> list[Hypothesis]:
    return [one for picture in decoded for one in picture.hypotheses]


@pytest.mark.parametrize("strategy", [{}, {"beam": 3}, {"temperature": 2.0}])
def test_what_ends_by_itself_is_well_nested(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer, strategy: dict[str, Any]
) -> None:
    options = DecodingOptions(max_tokens=80, **strategy)
    guard = grammar_guard(tokenizer)
    for one in readings(decode(tiny_reader, memory, tokenizer, options)):
        assert not {tokenizer.pad_id, tokenizer.bos_id} & set(one.tokens)
        tokens = tokenizer.decode(one.tokens)
        if one.ended == "end":
            assert guard.closers(one.tokens) == []
        assert_nested(tokens + guard.closers(one.tokens))


def assert_nested(tokens: Sequence[str]) -> None:
    """A plain checker of its own, which knows nothing of the guard."""
    closing = {"{": "}", "\\left(": "\\right)", "\\begin{array}": "\\end{array}"}
    open_: list[str] = []
    for place, token in enumerate(tokens):
        if token in closing:
            open_.append(closing[token])
        elif token in closing.values() or token == "\\right.":
            expected = open_.pop()
            assert token == expected or (token, expected) == ("\\right.", "\\right)"), tokens
        if token in ("_", "^", "\\frac"):
            assert tokens[place + 1] == "{", tokens
        if token == "&":
            assert open_[-1] == "\\end{array}", tokens
    assert not open_, tokens


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_guard_allows_is_well_nested(tokenizer: Tokenizer, seed: int) -> None:
    guard, rng = grammar_guard(tokenizer), np.random.default_rng(seed)
    value, tokens = guard.start(), []
    for _ in range(60):
        allowed = np.flatnonzero(guard.penalty([value])[0] == 0).tolist()
        assert allowed
        assert not {tokenizer.pad_id, tokenizer.bos_id} & set(allowed)
        token = int(rng.choice(allowed))
        if token == tokenizer.eos_id:
            break
        tokens.append(token)
        value = guard.advance(value, token)
    assert_nested(tokenizer.decode(tokens) + guard.closers(tokens))


@pytest.mark.parametrize(
    ("tokens", "closers"),
    [
        ("\\frac { a", "} { }"),
        ("\\left( \\begin{array} { c } a &", "\\end{array} \\right."),
        ("x _", "{ }"),
        ("\\sqrt [ 3", "] { }"),
        ("\\begin{array}", "{ } \\end{array}"),
        ("x + y", ""),
    ],
)
def test_unfinished_readings_can_be_closed(tokenizer: Tokenizer, tokens: str, closers: str) -> None:
    guard = grammar_guard(tokenizer)
    assert guard.closers(tokenizer.encode(tokens.split())) == closers.split()


def test_a_vocabulary_without_braces_can_still_be_decoded() -> None:
    poor = Tokenizer(["x", "_", "\\sqrt", "\\left("])
    guard = grammar_guard(poor)
    value = guard.start()
    for token in poor.encode(["x", "_", "\\sqrt", "x"]):
        assert guard.penalty([value])[0, token] == 0
        value = guard.advance(value, token)
    assert guard.penalty([value])[0, poor.encode(["\\left("])[0]] == float("-inf"), "nothing could close it"


@pytest.mark.parametrize("period", [1, 2, 7, 16])
@pytest.mark.parametrize("before", [0, 5])
def test_a_loop_is_found_where_its_second_copy_begins(period: int, before: int) -> None:
    tokens = [*range(100, 100 + before), *list(range(period)) * 60]
    assert repetition_start(tokens[: before + max(48, 6 * period)]) == before + period
    assert repetition_start(tokens[: before + max(48, 6 * period) - 1]) is None


def test_long_periods_and_broken_repeats_are_no_loop() -> None:
    assert repetition_start(list(range(17)) * 10) is None
    assert repetition_start([*[1, 2] * 20, 3, *[1, 2] * 20]) is None
    assert repetition_start([]) is None
