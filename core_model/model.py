"""The model: an encoder and a decoder composed by a named preset.

``FormulaModel.forward`` is for training (all tokens at once), ``encode`` + ``start`` + ``step`` for recognition. Each
part is chosen by the ``kind`` of its configuration, so a new system adds a part and a preset and touches nothing else.
"""

from typing import cast

import torch
from torch import Tensor, nn

from core_model.config import ModelConfig
from core_model.decoders import Memory, TransformerState, create_decoder
from core_model.encoders import create_encoder
from core_model.positions import sine_positions_2d

__all__ = ["FormulaModel", "Memory", "create_model"]


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
        features = features + torch.from_numpy(sine_positions_2d(rows, columns, features.shape[-1])).to(features)
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
