from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from core_model.decoding import DecodingOptions, Index, beam_search, decode, grammar_guard
from core_model.errors import DataError
from core_model.hypotheses import Array, Decoder, Hypothesis, Path, log_softmax
from core_model.model import FormulaModel
from core_model.numpy_model import Memory
from core_model.recognizer import ReadingModel
from core_model.tokenizer import Tokenizer
from core_model.torch_model import TorchModel

MakeScripted = Callable[..., Any]
FREE = DecodingOptions(max_tokens=40, grammar=False)


def rows(*index: int) -> Index:
    return np.array(index)


def one_memory(count: int = 1, cells: int = 40) -> Memory:
    """Pictures for a scripted model: each knows its own number."""
    features = np.repeat(np.arange(count, dtype=np.float32)[:, None, None], cells, axis=1)
    return Memory(features, np.ones((count, cells), np.bool_), (2, cells // 2), 8)


def assert_same(first: Hypothesis, second: Hypothesis) -> None:
    assert first.tokens == second.tokens
    assert first.ended == second.ended
    assert first.score == pytest.approx(second.score, abs=1e-4)
    np.testing.assert_allclose(first.probabilities, second.probabilities, atol=1e-4)


@dataclass
class TableState:
    batch: int

    def select(self, index: Index) -> TableState:
        return TableState(len(index))


class TableModel:
    """The next token's probabilities depend on the last token alone."""

    def __init__(self, tokenizer: Tokenizer, table: dict[str, dict[str, float]]) -> None:
        self.scores = np.full((len(tokenizer), len(tokenizer)), -20.0, np.float32)
        for before, after in table.items():
            for token, probability in after.items():
                self.scores[tokenizer.tokens.index(before), tokenizer.tokens.index(token)] = np.log(probability)

    def start(self, memory: Memory) -> TableState:
        return TableState(len(memory.mask))

    def step(self, tokens: Index, state: TableState) -> tuple[Array, Array, TableState]:
        assert len(tokens) == state.batch
        return self.scores[tokens], np.ones((len(tokens), 1, 1), np.float32), state


# -- cached steps --------------------------------------------------------------------------------------------------


def test_cached_steps_give_the_scores_and_attention_of_the_full_pass(tiny_model: FormulaModel) -> None:
    generator = torch.Generator().manual_seed(0)
    images, sizes = torch.rand(3, 1, 24, 80, generator=generator), torch.tensor([[24, 80], [24, 33], [9, 60]])
    tokens = torch.randint(3, 30, (3, 70), generator=generator)
    with torch.inference_mode():
        expected, expected_attention = tiny_model.forward_with_attention(images, sizes, tokens)
        state = tiny_model.start(tiny_model.encode(images, sizes))
        for place in range(tokens.shape[1]):
            scores, attention, state = tiny_model.step(tokens[:, place], state)
            torch.testing.assert_close(scores, expected[:, place], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(attention, expected_attention[:, place], rtol=1e-4, atol=1e-5)


def test_greedy_takes_the_likeliest_token_of_the_full_pass(tiny_model: FormulaModel, tokenizer: Tokenizer) -> None:
    images, sizes = torch.rand(1, 1, 24, 80, generator=torch.Generator().manual_seed(5)), torch.tensor([[24, 80]])
    with torch.inference_mode():
        best = decode(TorchModel(tiny_model), tiny_model.encode(images, sizes), tokenizer, FREE)[0].best
        fed = torch.tensor([[tokenizer.bos_id, *best.tokens[:-1]]])
        probabilities = tiny_model(images, sizes, fed)[0].softmax(-1)
    chosen = [float(row[token]) for row, token in zip(probabilities, best.tokens, strict=True)]
    np.testing.assert_allclose(best.probabilities, chosen, rtol=1e-3)
    assert (probabilities[:, 2:].argmax(-1) + 2).tolist() == list(best.tokens)
    assert best.score == pytest.approx(np.log(chosen).mean(), abs=1e-4)


# -- strategies ----------------------------------------------------------------------------------------------------


def test_a_picture_reads_the_same_alone_and_in_a_batch(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer
) -> None:
    together = decode(tiny_reader, memory, tokenizer, FREE)
    assert len({one.best.tokens for one in together}) == 4
    for i, expected in enumerate(together):
        alone = decode(tiny_reader, memory.select(rows(i)), tokenizer, FREE)[0]
        assert_same(alone.best, expected.best)


@pytest.mark.parametrize("grammar", [True, False])
def test_a_beam_reads_the_same_alone_and_in_a_batch(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer, grammar: bool
) -> None:
    options = DecodingOptions(beam=4, max_tokens=30, grammar=grammar)
    for i, expected in enumerate(decode(tiny_reader, memory, tokenizer, options)):
        alone = decode(tiny_reader, memory.select(rows(i)), tokenizer, options)[0]
        assert len(alone.hypotheses) == len(expected.hypotheses)
        for first, second in zip(alone.hypotheses, expected.hypotheses, strict=True):
            assert_same(first, second)


def test_the_same_call_gives_the_same_result(tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer) -> None:
    options = DecodingOptions(beam=3, max_tokens=30, token_alternatives=2)
    assert decode(tiny_reader, memory, tokenizer, options) == decode(tiny_reader, memory, tokenizer, options)


@pytest.mark.parametrize("grammar", [True, False])
def test_a_beam_of_one_is_greedy(tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer, grammar: bool) -> None:
    """`decode` takes the short way for a beam of one, so the search is called by itself here."""
    options = DecodingOptions(max_tokens=40, tokens_per_cell=None, grammar=grammar)
    guard = [grammar_guard(tokenizer)] if grammar else []
    decoder = Decoder(tokenizer, options, [*guard, _NoSpecials(len(tokenizer))])
    paths = [Path(i, options.max_tokens, [one.start() for one in decoder.filters]) for i in range(4)]
    beam_search(tiny_reader, memory, decoder, paths, lambda: False)
    searched = decoder.results(4)
    for expected, found in zip(decode(tiny_reader, memory, tokenizer, options), searched, strict=True):
        assert_same(expected.best, found.best)


class _NoSpecials:
    def __init__(self, size: int) -> None:
        self._penalty = np.zeros((1, size), np.float32)
        self._penalty[0, :2] = float("-inf")

    def start(self) -> None:
        return None

    def advance(self, value: None, token: int) -> None:
        return None

    def penalty(self, values: Sequence[None]) -> Array:
        return self._penalty


ENDS = {token: {"<eos>": 1.0} for token in "abc"}
GARDEN_PATH = {
    "<bos>": {"a": 0.55, "b": 0.45},
    "a": {"x": 0.3, "y": 0.3, "z": 0.4},
    "b": {"c": 0.9, "x": 0.1},
    "x": {"<eos>": 1.0},
    "y": {"<eos>": 1.0},
    "z": {"<eos>": 1.0},
    "c": {"<eos>": 1.0},
}


def test_a_beam_finds_what_greedy_misses_and_lists_the_rest_by_score(tokenizer: Tokenizer) -> None:
    model = TableModel(tokenizer, GARDEN_PATH)
    greedy = decode(model, one_memory(), tokenizer)[0]
    assert tokenizer.decode(greedy.best.tokens) == ["a", "z"]
    beam = decode(model, one_memory(), tokenizer, DecodingOptions(beam=4, length_penalty=0))[0]
    assert ["".join(tokenizer.decode(one.tokens)) for one in beam.hypotheses] == ["bc", "az", "ax", "ay"]
    scores = [one.score for one in beam.hypotheses]
    np.testing.assert_allclose(np.exp(scores), [0.405, 0.22, 0.165, 0.165], atol=1e-3)


def test_fewer_alternatives_can_be_asked_for(tokenizer: Tokenizer) -> None:
    model = TableModel(tokenizer, GARDEN_PATH)
    beam = decode(model, one_memory(), tokenizer, DecodingOptions(beam=4, alternatives=1, length_penalty=0))[0]
    assert ["".join(tokenizer.decode(one.tokens)) for one in beam.hypotheses] == ["bc", "az"]


def test_length_normalisation_decides_between_short_and_long(tokenizer: Tokenizer) -> None:
    table = {
        "<bos>": {"x": 0.55, "y": 0.45},
        "x": {"<eos>": 0.6, "z": 0.4},
        **{before: {after: 0.85, "0": 0.15} for before, after in zip("yabc", "abcz", strict=True)},
        "z": {"<eos>": 0.9, "0": 0.1},
        "0": {"<eos>": 1.0},
    }
    model = TableModel(tokenizer, table)
    short = decode(model, one_memory(), tokenizer, DecodingOptions(beam=3, length_penalty=0.0))[0].best
    long = decode(model, one_memory(), tokenizer, DecodingOptions(beam=3, length_penalty=1.0))[0].best
    assert tokenizer.decode(short.tokens) == ["x"]
    assert tokenizer.decode(long.tokens) == ["y", "a", "b", "c", "z"]


def test_sampling_repeats_with_its_seed_and_varies_with_another(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer
) -> None:
    options = DecodingOptions(temperature=1.0, max_tokens=30, seed=1)
    first = decode(tiny_reader, memory, tokenizer, options)
    assert first == decode(tiny_reader, memory, tokenizer, options)
    other = decode(tiny_reader, memory, tokenizer, replace(options, seed=2))
    assert [one.best.tokens for one in first] != [one.best.tokens for one in other]
    alone = decode(tiny_reader, memory.select(rows(2)), tokenizer, options)[0]
    assert_same(alone.best, first[2].best)


@pytest.mark.parametrize("limits", [{"top_k": 1}, {"top_p": 1e-6}])
def test_sampling_the_likeliest_only_is_greedy(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer, limits: dict[str, Any]
) -> None:
    greedy = decode(tiny_reader, memory, tokenizer, FREE)
    sampled = decode(tiny_reader, memory, tokenizer, replace(FREE, temperature=1.5, **limits))
    assert [one.best.tokens for one in sampled] == [one.best.tokens for one in greedy]


def test_sampling_follows_the_distribution(tokenizer: Tokenizer) -> None:
    model = TableModel(tokenizer, {"<bos>": {"a": 0.6, "b": 0.3, "c": 0.1}, **ENDS})

    def share(token: str, **limits: Any) -> float:
        drawn = [
            decode(model, one_memory(), tokenizer, DecodingOptions(temperature=1.0, seed=seed, **limits))[0].best.tokens
            for seed in range(300)
        ]
        return sum(tokenizer.decode(one) == [token] for one in drawn) / len(drawn)

    assert share("b") == pytest.approx(0.3, abs=0.08)
    assert share("b", top_k=2) == pytest.approx(1 / 3, abs=0.08)
    assert share("c", top_p=0.85) == 0


# -- prefix --------------------------------------------------------------------------------------------------------


def test_a_prefix_begins_the_reading_and_changes_the_rest(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer
) -> None:
    picture = memory.select(rows(0))
    plain = decode(tiny_reader, picture, tokenizer, FREE)[0].best
    own = decode(tiny_reader, picture, tokenizer, replace(FREE, prefix=plain.tokens[:5]))[0].best
    assert own.tokens == plain.tokens, "its own beginning must change nothing"
    fixed = (*tokenizer.decode(plain.tokens[:5]), "\\alpha")
    changed = decode(tiny_reader, picture, tokenizer, replace(FREE, prefix=fixed))[0].best
    assert tuple(tokenizer.decode(changed.tokens[:6])) == fixed
    assert changed.tokens[6:] != plain.tokens[6:]
    assert len(changed.probabilities) == len(changed.tokens)


@pytest.mark.parametrize("beam", [1, 4])
def test_continuing_equals_feeding_the_prefix_by_hand(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer, beam: int
) -> None:
    prefix = tokenizer.encode(["x", "_", "{", "1", "}"])
    options = replace(FREE, prefix=tuple(prefix), beam=beam)
    for i, one in enumerate(decode(tiny_reader, memory, tokenizer, options)):
        assert list(one.best.tokens[:5]) == prefix
        state, picture = tiny_reader.start(memory.select(rows(i))), []
        for token in (tokenizer.bos_id, *one.best.tokens[:-1]):
            scores, _, state = tiny_reader.step(np.array([token]), state)
            picture.append(log_softmax(scores)[0])
        logs = [float(row[token]) for row, token in zip(picture, one.best.tokens, strict=True)]
        if one.best.ended == "length":
            assert one.best.score == pytest.approx(np.mean(logs[5:]), abs=1e-4)
        if beam == 1:
            assert [int(row[2:].argmax()) + 2 for row in picture[5:]] == list(one.best.tokens[5:])


def test_a_prefix_outside_the_vocabulary_is_refused(
    memory: Any, tiny_reader: ReadingModel, tokenizer: Tokenizer
) -> None:
    with pytest.raises(DataError, match=r"\\nabla"):
        decode(tiny_reader, memory, tokenizer, DecodingOptions(prefix=("x", "\\nabla")))
    with pytest.raises(DataError, match=r"prefix: \[2, 999\]"):
        decode(tiny_reader, memory, tokenizer, DecodingOptions(prefix=(2, 3, 999)))


# -- endings -------------------------------------------------------------------------------------------------------


def test_a_reading_that_repeats_itself_is_cut_after_one_copy(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    model = scripted("x + y _ { 1 }", loop=True)
    best = decode(model, one_memory(cells=400), tokenizer)[0].best
    assert best.ended == "repetition"
    assert tokenizer.decode(best.tokens) == ["x", "+", "y", "_", "{", "1", "}"]
    assert len(best.probabilities) == len(best.tokens)
    assert best.attention is not None
    assert len(best.attention) == len(best.tokens)
    assert len(model.batches) < 60


@pytest.mark.parametrize("beam", [1, 3])
def test_a_loop_ends_in_a_beam_too(scripted: MakeScripted, tokenizer: Tokenizer, beam: int) -> None:
    model = scripted("0 1 2", "x y =", loop=True)
    for one in decode(model, one_memory(2, cells=400), tokenizer, DecodingOptions(beam=beam)):
        assert one.best.ended in ("repetition", "end")
        assert len(model.batches) < 400


def test_matrices_may_repeat(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    row = " & ".join("0" * 12)
    script = f"\\begin{{array}} {{ {' '.join('c' * 12)} }} {row} \\\\ {row} \\end{{array}}"
    best = decode(scripted(script), one_memory(), tokenizer)[0].best
    assert best.ended == "end"
    assert tokenizer.decode(best.tokens) == script.split()


def test_the_length_guard_knows_the_size_of_the_picture(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    pattern = " ".join("abcxyz0123"[i * i % 7] + " " + "+-="[i % 3] for i in range(150))
    small = decode(scripted(pattern), one_memory(cells=4), tokenizer)[0].best
    assert (small.ended, len(small.tokens)) == ("length", 32 + 4 * 4)
    longest = decode(scripted(pattern), one_memory(cells=400), tokenizer, DecodingOptions(max_tokens=20))[0].best
    assert (longest.ended, len(longest.tokens)) == ("length", 20)


@pytest.mark.parametrize("beam", [1, 3])
def test_should_stop_is_asked_at_every_step(scripted: MakeScripted, tokenizer: Tokenizer, beam: int) -> None:
    asked = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    model = scripted("x + y - z")
    options = DecodingOptions(beam=beam)
    best = decode(model, one_memory(), tokenizer, options, should_stop)[0].best
    assert (best.ended, tokenizer.decode(best.tokens)) == ("stopped", ["x", "+", "y"])
    assert len(model.batches) == 3
    at_once = decode(model, one_memory(), tokenizer, options, lambda: True)[0].best
    assert (at_once.ended, at_once.tokens, at_once.confidence) == ("stopped", (), 0.0)


def test_finished_pictures_leave_the_batch(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    model = scripted("x", "y", "a + b - c = x")
    readings = decode(model, one_memory(3), tokenizer)
    assert [tokenizer.decode(one.best.tokens) for one in readings] == [
        ["x"],
        ["y"],
        ["a", "+", "b", "-", "c", "=", "x"],
    ]
    assert model.batches == [3, 3, *[1] * 6]


# -- filters -------------------------------------------------------------------------------------------------------


def test_the_guard_stands_in_the_way_of_broken_readings(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    broken = scripted("x }")
    assert tokenizer.decode(decode(broken, one_memory(), tokenizer)[0].best.tokens) != ["x", "}"]
    free = decode(broken, one_memory(), tokenizer, DecodingOptions(grammar=False))[0].best
    assert tokenizer.decode(free.tokens) == ["x", "}"]


def test_filters_of_ones_own_are_heard(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    class Never:
        def start(self) -> int:
            return 0

        def advance(self, value: int, token: int) -> int:
            return value + 1

        def penalty(self, values: Sequence[int]) -> Array:
            penalty = np.zeros((len(values), len(tokenizer)), np.float32)
            for row, length in enumerate(values):
                penalty[row, tokenizer.encode(["y"])[0]] = float("-inf") if length == 1 else 0
            return penalty

    best = decode(scripted("y y y"), one_memory(), tokenizer, FREE, filters=[Never()])[0].best
    assert [token == "y" for token in tokenizer.decode(best.tokens)] == [True, False, True]


# -- what is said of each token ------------------------------------------------------------------------------------


def test_other_tokens_come_with_their_probabilities(tokenizer: Tokenizer) -> None:
    model = TableModel(tokenizer, {"<bos>": {"a": 0.6, "b": 0.3, "c": 0.1}, **ENDS})
    best = decode(model, one_memory(), tokenizer, DecodingOptions(token_alternatives=2))[0].best
    assert best.probabilities == pytest.approx((0.6,), abs=1e-3)
    assert [tokenizer.tokens[token] for token, _ in best.others[0]] == ["b", "c"]
    assert [probability for _, probability in best.others[0]] == pytest.approx([0.3, 0.1], abs=1e-3)
    assert best.confidence == pytest.approx((0.6 * best.end_probability) ** 0.5, abs=1e-3)


def test_calibration_changes_confidence_and_not_the_reading(tokenizer: Tokenizer) -> None:
    model = TableModel(tokenizer, {"<bos>": {"a": 0.6, "b": 0.4}, **ENDS})
    plain = decode(model, one_memory(), tokenizer)[0].best
    sharp = decode(model, one_memory(), tokenizer, DecodingOptions(confidence_temperature=0.5))[0].best
    assert sharp.tokens == plain.tokens
    assert sharp.score == plain.score
    assert sharp.probabilities[0] == pytest.approx(0.36 / (0.36 + 0.16), abs=1e-3)


def test_attention_follows_the_hypothesis_through_the_beam(
    tiny_reader: ReadingModel, memory: Any, tokenizer: Tokenizer
) -> None:
    picture = memory.select(rows(1))
    for one in decode(tiny_reader, picture, tokenizer, DecodingOptions(beam=4, max_tokens=25))[0].hypotheses:
        again = decode(tiny_reader, picture, tokenizer, replace(FREE, prefix=one.tokens, max_tokens=26))[0].best
        assert one.attention is not None
        assert again.attention is not None
        np.testing.assert_allclose(one.attention, again.attention[: len(one.tokens)], atol=2e-3)
        np.testing.assert_allclose(one.attention.astype(float).sum((1, 2)), 1, atol=1e-2)
        np.testing.assert_allclose(one.probabilities, again.probabilities[: len(one.tokens)], atol=1e-4)


def test_attention_can_be_left_out(scripted: MakeScripted, tokenizer: Tokenizer) -> None:
    assert decode(scripted("x"), one_memory(), tokenizer, DecodingOptions(attention=False))[0].best.attention is None


def test_all_impossible_options_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="beam is at least 1") as caught:
        DecodingOptions(beam=0, max_tokens=0, temperature=-1, top_p=2, token_alternatives=-1)
    for name in ("max_tokens", "temperature", "top_p", "token_alternatives"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"temperature": 1.0, "beam": 2}, "exclude each other"),
        ({"top_k": 5}, "need a temperature"),
        ({"alternatives": 2, "beam": 2}, "at most 1 alternatives"),
        ({"prefix": ("x",) * 5, "max_tokens": 5}, "prefix of 5 tokens"),
        ({"confidence_temperature": 0.0}, "confidence_temperature"),
        ({"tokens_per_cell": -1.0}, "tokens_per_cell"),
    ],
)
def test_options_that_do_not_go_together_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**wrong)
