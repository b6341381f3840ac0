"""The model's parts: shapes, padding that leaves no trace, cached steps that equal the whole, configurations."""

import json

import pytest
import torch

from core_model.attention import spent_before
from core_model.config import PRESETS, BottleneckConfig, ModelConfig, TransformerConfig
from core_model.model import FormulaModel, create_model
from core_model.positions import sine_positions_2d


@pytest.fixture
def model() -> FormulaModel:
    torch.manual_seed(0)
    model = create_model(PRESETS["tiny"], 20).eval()
    for layer in model.decoder.layers:
        if layer.coverage is not None:  # starts at zero, where a mistake would not show
            torch.nn.init.normal_(layer.coverage.outward.weight)
    return model


@pytest.fixture
def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures in one batch: 24 x 56 px and 40 x 72 px."""
    images = torch.zeros(2, 1, 40, 72)
    images[0, :, :24, :56] = torch.rand(1, 24, 56)
    images[1] = torch.rand(1, 40, 72)
    return images, torch.tensor([[24, 56], [40, 72]])


@torch.no_grad()
def test_padding_leaves_no_trace(model: FormulaModel, padded: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, sizes = padded
    tokens = torch.randint(3, 20, (2, 7))
    together = model(images, sizes, tokens)
    alone = model(images[:1, :, :24, :56], sizes[:1], tokens[:1])
    assert together.shape == (2, 7, 20)
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_steps_with_cached_state_equal_the_whole(
    model: FormulaModel, padded: tuple[torch.Tensor, torch.Tensor]
) -> None:
    images, sizes = padded
    tokens = torch.randint(3, 20, (2, 70))  # more than the first capacity of the cache
    scores, attention = model.forward_with_attention(images, sizes, tokens)
    state = model.start(model.encode(images, sizes))
    for i in range(tokens.shape[1]):
        score, focus, state = model.step(tokens[:, i], state)
        torch.testing.assert_close(score, scores[:, i], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(focus, attention[:, i], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_attention_sums_to_one_and_stays_on_the_picture(
    model: FormulaModel, padded: tuple[torch.Tensor, torch.Tensor]
) -> None:
    images, sizes = padded
    _, attention = model.forward_with_attention(images, sizes, torch.randint(3, 20, (2, 5)))
    assert attention.shape == (2, 5, 5, 9)
    torch.testing.assert_close(attention.sum(dim=(2, 3)), torch.ones(2, 5))
    assert attention[0, :, 3:].abs().max() == 0
    assert attention[0, :, :, 7:].abs().max() == 0


@torch.no_grad()
def test_selected_rows_go_on_as_their_originals(model: FormulaModel, padded: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, sizes = padded
    state = model.start(model.encode(images, sizes))
    tokens = torch.tensor([1, 1])
    _, _, state = model.step(tokens, state)
    copy = state.select(torch.tensor([1, 0, 1]))
    after, _, _ = model.step(torch.tensor([5, 6]), state)
    swapped, _, _ = model.step(torch.tensor([6, 5, 6]), copy)
    torch.testing.assert_close(swapped, after[[1, 0, 1]], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_selected_memory_is_that_picture(model: FormulaModel, padded: tuple[torch.Tensor, torch.Tensor]) -> None:
    memory = model.encode(*padded)
    one = memory.select(torch.tensor([1]))
    assert torch.equal(one.features[0], memory.features[1])
    assert one.grid == memory.grid == (5, 9)


@torch.no_grad()
def test_coverage_tells_what_was_read_apart(model: FormulaModel) -> None:
    image, size, tokens = torch.rand(1, 1, 24, 64), torch.tensor([[24, 64]]), torch.randint(3, 20, (1, 6))
    with_coverage = model(image, size, tokens)
    for layer in model.decoder.layers:
        layer.coverage = None
    without = model(image, size, tokens)
    difference = (with_coverage - without).abs()
    assert difference[:, 1:].max() > 1e-3


def test_spent_attention_excludes_the_present_step() -> None:
    weights = torch.tensor([[[[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]]])
    torch.testing.assert_close(spent_before(weights), torch.tensor([[[[0, 0], [0.2, 0.8], [0.7, 1.3]]]]))


def test_positions_tell_every_cell_apart() -> None:
    code = torch.from_numpy(sine_positions_2d(6, 9, 32)).flatten(0, 1)
    distances = torch.cdist(code, code) + torch.eye(54) * 9
    assert distances.min() > 0.1


def test_a_configuration_survives_json() -> None:
    for config in PRESETS.values():
        assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": {"kind": "oracle"}}, "unknown encoder"),
        ({"decoder": {"kind": "transformer", "depth": 3}}, "unknown settings of the decoder: depth"),
        ({"colour": "red"}, "not"),
        ({"decoder": {"kind": "transformer", "width": 30, "heads": 4, "dropout": 2}}, "width 30.*dropout"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelConfig.from_dict(PRESETS["tiny"].to_dict() | change)


def test_stages_need_an_entry_each() -> None:
    with pytest.raises(ValueError, match="one entry per stage"):
        BottleneckConfig(blocks=(1, 2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one layer"):
        TransformerConfig(layers=0)
    with pytest.raises(ValueError, match="must be positive"):
        TransformerConfig(heads=0)
    with pytest.raises(ValueError, match="must divide by 4"):  # the 2D positions need it
        TransformerConfig(width=6, heads=1)
    with pytest.raises(ValueError, match="at least `squeeze`"):
        BottleneckConfig(squeeze=(0, 2))


def test_the_shipped_preset_is_within_its_budget() -> None:
    parameters = sum(p.numel() for p in create_model(PRESETS["formulens"], 1000).parameters())
    assert parameters <= 20_000_000
