"""The model in NumPy against the same weights in torch."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core_model import blas, checkpoint, numpy_model, torch_checkpoint
from core_model.config import PRESETS, BottleneckConfig, ModelConfig, TransformerConfig
from core_model.decoding import DecodingOptions, decode
from core_model.model import FormulaModel, create_model
from core_model.preprocessing import to_batch
from core_model.recognizer import default_checkpoint
from core_model.tokenizer import Tokenizer
from core_model.torch_model import TorchModel
from tests.core_model.conftest import numpy_twin


def pictures(seed: int, count: int, size: tuple[int, int]) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, *size), np.uint8))


ODD = ModelConfig(  # nothing of the same size as anything else
    "odd",
    BottleneckConfig(stem=6, widths=(12, 20), blocks=(2, 1), squeeze=(3, 2)),
    TransformerConfig(width=24, layers=3, heads=3, feedforward=40),
)


@pytest.mark.parametrize(
    "config",
    [PRESETS["tiny"], PRESETS["formulens"], ODD, replace(ODD, decoder=replace(ODD.decoder, coverage=False))],
    ids=["tiny", "formulens", "odd", "without coverage"],
)
def test_numpy_computes_what_torch_computes(config: ModelConfig, tokenizer: Tokenizer) -> None:
    """Of every part, with weights that no part leaves as they begin; 70 steps: the caches have grown once by then."""
    torch.manual_seed(7)
    model = create_model(config, len(tokenizer)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    twin, rng = numpy_twin(model, tokenizer), np.random.default_rng(3)
    assert numpy_model.can_read(config)
    batches = [pictures(1, 2, (24, 88)), pictures(2, 1, (64, 17))]
    mine, theirs = (one.join([one.encode(batch) for batch in batches]) for one in (twin, TorchModel(model)))
    np.testing.assert_array_equal(mine.mask, theirs.mask.numpy())
    np.testing.assert_allclose(mine.features[mine.mask], theirs.features.numpy()[mine.mask], rtol=1e-3, atol=1e-4)
    state, other = twin.start(mine), TorchModel(model).start(theirs)
    for place in range(70):
        if place == 40:  # rows change their places, and one is dropped
            index = np.array([2, 0])
            state, other = state.select(index), other.select(index)
        if place == 50:
            state, other = (one.reorder(np.array([0, 1])) for one in (state, other))
        tokens = rng.integers(0, len(tokenizer), 3 if place < 40 else 2)
        scores, attention, state = twin.step(tokens, state)
        expected, looked, other = TorchModel(model).step(tokens, other)
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(attention, looked, atol=1e-4)
        assert scores.dtype == attention.dtype == np.float32


def test_readings_longer_than_the_stored_positions(tiny_model: FormulaModel, tokenizer: Tokenizer) -> None:
    twin = numpy_twin(tiny_model, tokenizer)
    state, other = twin.start(twin.encode(pictures(1, 1, (24, 24)))), None
    reader = TorchModel(tiny_model)
    other = reader.start(reader.encode(pictures(1, 1, (24, 24))))
    for _ in range(1100):
        mine, _, state = twin.step(np.array([5]), state)
        theirs, _, other = reader.step(np.array([5]), other)
    np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)


def test_the_model_in_the_box_reads_the_same_by_both() -> None:
    read = checkpoint.read(default_checkpoint())
    both = numpy_model.build(read), TorchModel(torch_checkpoint.build(read).eval())
    picture = np.full((40, 200), 255, np.uint8)
    picture[18:21, 20:60] = picture[5:35, 90:93] = picture[10:30:6, 120:180] = 0
    for options in (DecodingOptions(max_tokens=60), DecodingOptions(beam=3, max_tokens=60)):
        mine, theirs = (decode(one, one.encode([picture]), read.tokenizer, options)[0] for one in both)
        assert [one.tokens for one in mine.hypotheses] == [one.tokens for one in theirs.hypotheses]
        np.testing.assert_allclose(mine.best.probabilities, theirs.best.probabilities, atol=1e-3)


def test_shapes_are_those_of_the_torch_model(tokenizer: Tokenizer) -> None:
    for config in (*PRESETS.values(), ODD):
        stored = torch_checkpoint.stored(create_model(config, len(tokenizer)))
        assert numpy_model.shapes(config, len(tokenizer)) == {name: one.shape for name, one in stored.items()}


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 4)])
def test_a_convolution_is_torchs(stride: int, size: tuple[int, int]) -> None:
    from core_model.numpy_layers import Convolution

    torch.manual_seed(0)
    layer = torch.nn.Conv2d(5, 3, 3, stride=stride, padding=1)
    weights = {"c.weight": layer.weight.detach().numpy(), "c.bias": layer.bias.detach().numpy()}  # type: ignore[union-attr]
    x = torch.randn(2, 5, *size)
    expected = layer(x).detach().permute(0, 2, 3, 1).numpy()
    found = Convolution(weights, "c", stride)(np.ascontiguousarray(x.permute(0, 2, 3, 1).numpy()))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_batches_are_those_that_training_sees() -> None:
    images, sizes = to_batch([*pictures(1, 1, (9, 9)), *pictures(2, 1, (16, 3))])
    assert images.shape == (2, 1, 16, 16) and images.dtype == np.float32
    assert sizes.tolist() == [[9, 9], [16, 3]]


def test_reading_uses_one_thread_and_gives_the_others_back() -> None:
    """In a process of its own: how many threads there are is settled when NumPy is loaded."""
    code = """
import numpy as np
from threadpoolctl import threadpool_info
from core_model import blas
def threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return {one["num_threads"] for one in threadpool_info() if one["internal_api"] == "openblas"}
usual = threads()
with blas.one_thread():
    inside = threads()
    with blas.one_thread(): pass
print(usual in ({2}, set()) and inside in ({1}, set()) and threads() == usual)
"""
    root, several = Path(blas.__file__).parents[1], {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=root, check=True, env=several
    )
    assert done.stdout.strip() == "True"
