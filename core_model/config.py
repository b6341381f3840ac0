"""The form of models, as plain data: what `config.json` of a checkpoint holds.

Apart from the networks themselves, so that whoever only describes or checks a model needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, cast

from core_model.symbol_ink import PATH_EXTRA

SYMBOL_CNN = "symbol-cnn"
"""The classifier of single symbols: name of the preset, and of the checkpoint in the box."""


@dataclass(frozen=True)
class BottleneckConfig:
    """Bottleneck residual network with a space-to-depth stem (total stride 8).

    Bottleneck blocks (He et al. 2016, "Deep Residual Learning"), normalised before (their "Identity Mappings"):
    per millisecond of CPU time they train several times faster than plain 3x3 blocks of equal width.
    """

    kind: str = "bottleneck"
    stem: int = 32
    """Channels after the stem, at half resolution."""
    widths: tuple[int, int] = (64, 256)
    """Channels at stride 4 and at stride 8; the last is the width of the features."""
    blocks: tuple[int, int] = (4, 8)
    """Residual blocks at stride 4 and at stride 8."""
    squeeze: tuple[int, int] = (2, 4)
    """Width of a block divided by the width of its 3x3 convolution, for each stage."""

    def __post_init__(self) -> None:
        problems = []
        pairs = zip(self.widths, self.squeeze, strict=False)
        if self.stem < 1 or any(not 1 <= squeeze <= width for width, squeeze in pairs):
            problems.append("channel counts must be positive and at least `squeeze`")
        if {len(self.widths), len(self.blocks), len(self.squeeze)} != {2} or min(self.blocks) < 0:
            problems.append("`widths`, `blocks` and `squeeze` have one entry per stage (2)")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def width(self) -> int:
        """Channels of the feature map."""
        return self.widths[-1]


@dataclass(frozen=True)
class TransformerConfig:
    """Pre-norm Transformer decoder (Vaswani et al. 2017; Xiong et al. 2020) with coverage between its layers."""

    kind: str = "transformer"
    width: int = 256
    layers: int = 3
    heads: int = 4
    feedforward: int = 512
    dropout: float = 0.0
    coverage: bool = True

    def __post_init__(self) -> None:
        problems = []
        if min(self.width, self.heads, self.feedforward) < 1:
            problems.append("width, heads and feedforward must be positive")
        elif self.width % 4 or self.width % (2 * self.heads):
            problems.append(f"width {self.width} must divide by 4 and by twice the number of heads {self.heads}")
        if self.layers < 1:
            problems.append("at least one layer is needed")
        if not 0 <= self.dropout < 1:
            problems.append("dropout lies in [0, 1)")
        if problems:
            raise ValueError("; ".join(problems))


EncoderConfig = BottleneckConfig
DecoderConfig = TransformerConfig


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
    def from_dict(cls, data: Mapping[str, Any]) -> ModelConfig:
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


@dataclass(frozen=True)
class SymbolConfig:
    """Form of the network. The encoder is one of `core_model.encoders`, so its weights serve a formula model too."""

    preset: str = SYMBOL_CNN
    encoder: BottleneckConfig = field(default_factory=BottleneckConfig)
    side: int = 48
    """Px of the small picture, in both directions; a multiple of 8."""
    points: int = 24
    """Points along the path of the pen."""
    path_width: int = 128
    """Features of the path."""
    dropout: float = 0.2

    def __post_init__(self) -> None:
        problems = []
        if self.side < 24 or self.side % 8:
            problems.append(f"side must be a multiple of 8 and at least 24, not {self.side}")
        if not 2 <= self.points <= 1000:
            problems.append(f"points must lie in 2..1000, not {self.points}")
        if self.path_width < 1:
            problems.append(f"path_width must be positive, not {self.path_width}")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout must lie in [0, 1), not {self.dropout}")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def path_numbers(self) -> int:
        """Length of what `pen_path` gives."""
        return 4 * self.points + PATH_EXTRA

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SymbolConfig:
        """Inverse of `to_dict`; raises ValueError or TypeError naming what does not fit."""
        values = dict(data)
        encoder = values.pop("encoder", None)
        if not isinstance(encoder, dict) or encoder.get("kind") != "bottleneck":
            raise ValueError(f"unknown encoder {encoder!r}")
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in encoder.items()
        }
        return cls(encoder=BottleneckConfig(**lists), **values)


SYMBOL_PRESETS: dict[str, SymbolConfig] = {
    SYMBOL_CNN: SymbolConfig(),
    "symbol-tiny": SymbolConfig(  # for tests and toy runs
        "symbol-tiny",
        BottleneckConfig(stem=8, widths=(16, 32), blocks=(1, 1)),
        side=32,
        path_width=16,
        dropout=0.0,
    ),
}
