"""The model: an encoder and a decoder composed by a named preset.

``FormulaModel.forward`` is for training (all tokens at once), ``encode`` + ``start`` + ``step`` for recognition. Each
part is chosen by the ``kind`` of its configuration, so a new system adds a part and a preset and touches nothing else.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

import torch
from torch import Tensor, nn

from core_model.decoders import (
    DecoderConfig,
    Memory,
    TransformerConfig,
    TransformerState,
    create_decoder,
)
from core_model.encoders import BottleneckConfig, EncoderConfig, create_encoder, sine_positions_2d

__all__ = ["PRESETS", "FormulaModel", "Memory", "ModelConfig", "create_model"]


@dataclass(frozen=True)
class ModelConfig:
    """An encoder and a decoder, and the name under which the pair is known."""

    preset: str = "formulens"
    encoder: EncoderConfig = field(default_factory=BottleneckConfig)
    decoder: DecoderConfig = field(default_factory=TransformerConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ModelConfig":
        """Inverse of `to_dict`; raises ValueError naming what does not fit."""
        unknown = set(data) - {"preset", "encoder", "decoder"}
        if unknown or "encoder" not in data or "decoder" not in data:
            raise ValueError(f"a model has `preset`, `encoder` and `decoder`, not {sorted(data)}")
        return cls(
            str(data.get("preset", "formulens")),
            cast(EncoderConfig, _part(ENCODER_CONFIGS, data["encoder"], "encoder")),
            cast(DecoderConfig, _part(DECODER_CONFIGS, data["decoder"], "decoder")),
        )


ENCODER_CONFIGS: dict[str, type] = {"bottleneck": BottleneckConfig}
DECODER_CONFIGS: dict[str, type] = {"transformer": TransformerConfig}

PRESETS: dict[str, ModelConfig] = {
    "formulens": ModelConfig(),
    "tiny": ModelConfig(  # for tests and toy runs
        "tiny",
        BottleneckConfig(stem=8, widths=(16, 32), blocks=(1, 1)),
        TransformerConfig(width=32, layers=2, heads=2, feedforward=64),
    ),
}


def _part(known: Mapping[str, type], data: Any, role: str) -> Any:
    if not isinstance(data, Mapping) or data.get("kind") not in known:
        raise ValueError(f"unknown {role} {data!r}; known kinds: {', '.join(known)}")
    kind = known[data["kind"]]
    unknown = set(data) - {f.name for f in fields(kind)}
    if unknown:
        raise ValueError(f"unknown settings of the {role}: {', '.join(sorted(unknown))}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"settings of the {role} do not fit: {error}") from error


class FormulaModel(nn.Module):
    """Picture -> scores of LaTeX tokens."""

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = create_encoder(config.encoder)
        self.project = nn.Linear(config.encoder.width, config.decoder.width)
        self.norm = nn.LayerNorm(config.decoder.width)
        self.decoder = create_decoder(config.decoder, vocab_size)

    @property
    def stride(self) -> int:
        """Pixels per cell of the feature grid."""
        return self.encoder.stride

    def encode(self, images: Tensor, sizes: Tensor) -> Memory:
        """Images [b, 1, h, w] (ink 1, ground 0), true sizes [b, 2] as (height, width) -> memory of the decoder."""
        rows, columns = images.shape[2] // self.stride, images.shape[3] // self.stride
        cells = (sizes.to(images.device) + self.stride - 1) // self.stride
        row_valid = torch.arange(rows, device=images.device) < cells[:, :1]  # [b, gh]
        column_valid = torch.arange(columns, device=images.device) < cells[:, 1:]  # [b, gw]
        mask = row_valid[:, :, None] & column_valid[:, None, :]  # [b, gh, gw]
        features = self.project(self.encoder(images, None if bool(mask.all()) else mask))  # [b, gh, gw, d]
        features = features + sine_positions_2d(rows, columns, features.shape[-1]).to(features)
        features, mask = self.norm(features.flatten(1, 2)), mask.flatten(1)
        return Memory(features, mask, (rows, columns), self.stride)

    def forward(self, images: Tensor, sizes: Tensor, tokens: Tensor) -> Tensor:
        """Teacher forcing: scores [b, t, v] of the token after each of ``tokens`` [b, t] (which begin with <bos>)."""
        scores, _ = self.decoder(self.encode(images, sizes), tokens)
        return cast(Tensor, scores)

    def forward_with_attention(self, images: Tensor, sizes: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, with the attention of each step over the grid [b, t, rows, columns]."""
        memory = self.encode(images, sizes)
        scores, attention = self.decoder(memory, tokens)
        return scores, attention.unflatten(2, memory.grid)

    def start(self, memory: Memory) -> TransformerState:
        """Decoder state before the first token."""
        return self.decoder.start(memory)

    def step(self, tokens: Tensor, state: TransformerState) -> tuple[Tensor, Tensor, TransformerState]:
        """One token [b] -> scores of the next [b, v], attention [b, rows, columns] (sums to 1), new state."""
        return self.decoder.step(tokens, state)


def create_model(config: ModelConfig, vocab_size: int) -> FormulaModel:
    """A model with fresh weights (from torch's global generator)."""
    return FormulaModel(config, vocab_size)
