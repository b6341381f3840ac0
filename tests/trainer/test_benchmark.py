import json
import random

import pytest
import torch

from core_model import torch_checkpoint
from core_model.config import PRESETS
from core_model.decoding import DecodingOptions, decode
from core_model.errors import DataError
from core_model.model import create_model
from core_model.preprocessing import prepare
from core_model.tokenizer import Tokenizer
from core_model.torch_model import TorchModel
from trainer import benchmark

TOKENS = ["a", "b", "c", "x", "1", "2", "+", "=", "{", "}", "^", "_", "\\frac"]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 10, 60, 300])
def test_formulas_have_exactly_the_length_asked_for(length):
    rng = random.Random(length)
    for _ in range(20):
        tokens = benchmark.formula_of(length, rng)
        assert len(tokens) == length
        assert tokens.count("{") == tokens.count("}")
        assert tokens[-1] not in benchmark.OPERATORS


@pytest.mark.parametrize("length", [1, 55])
def test_the_length_is_forced(length):
    torch.manual_seed(0)
    tokenizer = Tokenizer(TOKENS)
    model = create_model(PRESETS["tiny"], len(tokenizer)).eval()
    picture = benchmark.draw(5, 1, seed=0)[0]
    reader = TorchModel(model)
    memory = reader.encode([prepare(picture).pixels])
    forced = benchmark.ForcedLength(tokenizer, length)
    options = DecodingOptions(max_tokens=length + 1, tokens_per_cell=None)
    best = decode(reader, memory, tokenizer, options, filters=[forced])[0].best
    assert len(best.tokens) == length
    assert best.ended == "end"


def test_a_vocabulary_without_letters_is_refused():
    with pytest.raises(DataError, match="letters"):
        benchmark.ForcedLength(Tokenizer(["\\alpha"]), 3)


def test_options_name_all_problems():
    with pytest.raises(ValueError, match=r"--pictures.*length"):
        benchmark.Options(pictures=0, growth=(0,))


def test_benchmark_prints_and_writes_its_figures(tmp_path, capsys):
    torch.manual_seed(0)
    tokenizer = Tokenizer(TOKENS)
    torch_checkpoint.save(tmp_path / "tiny", create_model(PRESETS["tiny"], len(tokenizer)), tokenizer)
    out = tmp_path / "out/benchmark.json"
    options = benchmark.Options(
        checkpoint=tmp_path / "tiny",
        tokens=6,
        pictures=3,
        growth=(3, 9),
        growth_pictures=1,
        warmup=1,
        out=out,
    )
    assert benchmark.main(options) == 0
    figures = json.loads(out.read_text())
    assert figures["loading_ms"] > 0
    assert set(figures["growth"]) == {"3", "9"}
    for spreads in (figures["whole"], figures["forced"]):
        assert 0 < spreads["total"]["median"] <= spreads["total"]["p95"]
    printed = capsys.readouterr().out
    for needed in ("median", "p95", "encode", "per_token", "loading after imports", "6-token", "batch 1, greedy"):
        assert needed in printed
