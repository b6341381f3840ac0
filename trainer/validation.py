"""Validation during training: loss with the truth before it, and metrics of greedy reading; print and ink apart."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core_model.decoding import DecodingOptions, decode
from core_model.errors import DataError
from core_model.model import FormulaModel
from core_model.preprocessing import to_batch
from core_model.tokenizer import Tokenizer
from core_model.torch_model import TorchModel
from trainer.config import Options
from trainer.data.augment import AugmentOptions, augment
from trainer.data.batching import BatchOptions, cut_batches
from trainer.data.dataset import Examples, pad_ids, read_examples, within_vocabulary
from trainer.data.ink_shards import holds_ink
from trainer.ink_truth import standard_tokens
from trainer.metrics import text_metrics


class Validation:
    """Fixed sets of held-out pictures and of held-out ink, as prepared, without augmentation.

    Raises ``DataError`` if what decides on the best checkpoint is not measured on them.
    """

    def __init__(self, options: Options, tokenizer: Tokenizer) -> None:
        ink = [folder for folder in options.validation if holds_ink(folder)]
        pictures = [folder for folder in options.validation if folder not in ink]
        if not (ink if "_ink_" in options.best_by else pictures):
            kind = "ink" if ink == [] else "pictures"
            raise DataError(f"--best-by {options.best_by} needs a --validation folder of {kind}: add one, or choose "
                            f"val_{'ink_' if ink else ''}exact.")  # fmt: skip
        limits = options.max_tokens, options.max_pixels
        self.tokenizer = tokenizer
        self.temperature = 1.0
        """Of the last measurement: what to divide scores by so that probabilities tell how often a token is right."""
        self.pictures = (
            _Set(read_examples(pictures, *limits), options.validation_pictures, tokenizer) if pictures else None
        )
        self.ink = _Set(read_examples(ink, *limits), options.validation_inks, tokenizer) if ink else None

    def measure(self, model: FormulaModel, device: torch.device) -> dict[str, float]:
        """Figures for metrics.csv; ``model`` in evaluation mode. Text metrics in percent: those of pictures compare
        skeletons, those of ink (val_ink_...) CROHME's standard tokens, so that val_ink_exact is ExpRate.
        """
        figures: dict[str, float] = {}
        if self.pictures is not None:
            read = self.pictures.read(model, device)
            text = text_metrics(read.predictions, self.pictures.truths)
            self.temperature = read.temperature
            figures = {
                "val_loss": read.loss,
                "val_accuracy": read.accuracy,
                "val_bleu": text.bleu,
                "val_edit": text.edit,
                "val_exact": text.exact,
            }
        if self.ink is not None:
            read = self.ink.read(model, device)
            if self.pictures is None:
                self.temperature = read.temperature
            text = text_metrics(
                [list(standard_tokens(tokens)) for tokens in read.predictions],
                [list(standard_tokens(tokens)) for tokens in self.ink.truths],
            )
            figures |= {"val_ink_loss": read.loss, "val_ink_edit": text.edit, "val_ink_exact": text.exact}
        return figures


@dataclass(frozen=True)
class _Read:
    """What a model makes of a set. ``accuracy`` of tokens with the truth before them, in percent."""

    predictions: list[list[str]]
    loss: float
    accuracy: float
    temperature: float


class _Set:
    """The first ``count`` examples within the vocabulary, in batches."""

    def __init__(self, examples: Examples, count: int, tokenizer: Tokenizer) -> None:
        examples = within_vocabulary(examples.select(range(min(len(examples), count))), tokenizer)
        self.tokenizer = tokenizer
        self.truths: list[list[str]] = []
        items = np.arange(len(examples))
        rng = np.random.default_rng(0)
        self.batches: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for batch in cut_batches(items, examples.sizes, BatchOptions(batch=32)):
            pictures = [
                augment(examples.picture(i), rng, AugmentOptions.none(examples.headroom(i))) for i in batch.tolist()
            ]
            ids = [np.array(tokenizer.encode(examples.tokens[i]), np.int64) for i in batch]
            images, sizes = map(torch.from_numpy, to_batch(pictures))
            self.batches.append((images, sizes, *pad_ids(ids)))
            self.truths += [examples.tokens[i] for i in batch]

    @torch.no_grad()
    def read(self, model: FormulaModel, device: torch.device) -> _Read:
        """Read all greedily, and score the truths."""
        loss, right, count = 0.0, 0, 0
        predictions: list[list[str]] = []
        all_logits, all_wanted = [], []
        for images, sizes, inputs, targets in self.batches:
            memory = model.encode(images.to(device), sizes.to(device))
            logits = model.decoder(memory, inputs.to(device))[0].float()
            wanted = targets.to(device)
            valid = wanted != Tokenizer.pad_id
            loss += float(F.cross_entropy(logits[valid], wanted[valid], reduction="sum"))
            all_logits.append(logits[valid])
            all_wanted.append(wanted[valid])
            right += int((logits.argmax(dim=-1) == wanted)[valid].sum())
            count += int(valid.sum())
            readings = decode(TorchModel(model), memory, self.tokenizer, DecodingOptions())
            predictions += [self.tokenizer.decode(reading.best.tokens) for reading in readings]
        temperature = fit_temperature(torch.cat(all_logits), torch.cat(all_wanted))
        return _Read(predictions, loss / count, 100 * right / count, temperature)


def fit_temperature(logits: Tensor, wanted: Tensor) -> float:
    """The temperature in 0.2..5 with the least loss of ``logits`` [n, v] / temperature against ``wanted`` [n].

    Guo et al. 2017, "On Calibration of Modern Neural Networks"; found by golden-section search over its logarithm, in
    which the loss has one minimum. Label smoothing teaches modesty, so that it usually lies below 1.
    """

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_temperature), wanted))

    low, high, golden = math.log(0.2), math.log(5.0), (math.sqrt(5) - 1) / 2
    while high - low > 0.005:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return round(math.exp((low + high) / 2), 3)
