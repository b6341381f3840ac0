"""Attention with weights that can be read out, and coverage of what was already read.

Softmax is written out rather than left to ``scaled_dot_product_attention``: on the CPU its backward pass is slower, and
the weights are wanted for the heatmap anyway.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[b, t, d] -> [b, heads, t, d / heads]."""
    b, t, d = x.shape
    return x.view(b, t, heads, d // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """[b, heads, t, d / heads] -> [b, t, d]."""
    b, h, t, d = x.shape
    return x.transpose(1, 2).reshape(b, t, h * d)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention.

    query [b, h, t, k], key and value [b, h, n, k], ``bias`` added to the scores (broadcast to [b, h, t, n], may hold
    -inf). Returns the attended values [b, h, t, k] and the weights [b, h, t, n].
    """
    scores = torch.matmul(query, key.transpose(-1, -2)) * (1.0 / math.sqrt(query.shape[-1]))
    if bias is not None:
        scores = scores + bias
    weights = scores.softmax(dim=-1)
    return torch.matmul(weights, value), weights


class Coverage(nn.Module):
    """Attention refinement from what earlier steps attended to.

    After the attention refinement module of CoMER (Zhao & Gao 2022): the attention that the layer below has spent so
    far on each cell becomes a bias on this layer's scores. Theirs convolves the coverage map; ours is pointwise, which
    is cheaper, and sees neighbours through the features of the encoder.
    """

    def __init__(self, heads: int, hidden: int = 8) -> None:
        super().__init__()
        self.inward = nn.Linear(heads, hidden)
        self.outward = nn.Linear(hidden, heads, bias=False)
        nn.init.zeros_(self.outward.weight)  # starts as plain attention

    def forward(self, spent: Tensor) -> Tensor:
        """Attention spent before each step [b, h, t, n] -> bias on the scores [b, h, t, n]."""
        x = spent.permute(0, 2, 3, 1)
        x = self.outward(torch.relu(self.inward(x)))
        return cast(Tensor, x.permute(0, 3, 1, 2))

    def of_step(self, spent: Tensor) -> Tensor:
        """As `forward` for one step: [b, h, n] -> [b, h, n]."""
        hidden = torch.relu(torch.matmul(self.inward.weight, spent) + self.inward.bias[:, None])
        return torch.matmul(self.outward.weight, hidden)


def spent_before(weights: Tensor) -> Tensor:
    """Attention weights [b, h, t, n] -> their sum over all earlier steps, [b, h, t, n] (zeros for the first)."""
    return weights.cumsum(dim=2) - weights
