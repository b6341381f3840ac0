"""Validation during training: loss with the truth before it, and metrics of greedy reading."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core_model.decoding import DecodingOptions, decode
from core_model.model import FormulaModel
from core_model.preprocessing import to_batch
from core_model.tokenizer import Tokenizer
from trainer.config import Options
from trainer.data.augment import AugmentOptions, augment
from trainer.data.batching import BatchOptions, cut_batches
from trainer.data.dataset import pad_ids, read_examples, within_vocabulary
from trainer.metrics import text_metrics


class Validation:
    """A fixed set of held-out pictures, as prepared, without augmentation."""

    def __init__(self, options: Options, tokenizer: Tokenizer) -> None:
        examples = read_examples(options.validation, options.max_tokens, options.max_pixels)
        examples = within_vocabulary(examples.select(range(min(len(examples), options.validation_pictures))), tokenizer)
        self.tokenizer = tokenizer
        self.temperature = 1.0
        """Of the last measurement: what to divide scores by so that probabilities tell how often a token is right."""
        items = np.arange(len(examples))
        rng = np.random.default_rng(0)
        self.batches: list[tuple[Tensor, Tensor, Tensor, Tensor, list[list[str]]]] = []
        for batch in cut_batches(items, examples.sizes, BatchOptions(batch=32)):
            pictures = [augment(examples.picture(int(i)), rng, AugmentOptions.none()) for i in batch]
            ids = [np.array(tokenizer.encode(examples.tokens[i]), np.int64) for i in batch]
            self.batches.append((*to_batch(pictures), *pad_ids(ids), [examples.tokens[i] for i in batch]))

    @torch.no_grad()
    def measure(self, model: FormulaModel, device: torch.device) -> dict[str, float]:
        """Figures for metrics.csv; ``model`` in evaluation mode. Text metrics compare skeletons, in percent."""
        loss, right, count = 0.0, 0, 0
        predictions: list[list[str]] = []
        truths: list[list[str]] = []
        all_logits, all_wanted = [], []
        for images, sizes, inputs, targets, tokens in self.batches:
            memory = model.encode(images.to(device), sizes.to(device))
            logits = model.decoder(memory, inputs.to(device))[0].float()
            wanted = targets.to(device)
            valid = wanted != Tokenizer.pad_id
            loss += float(F.cross_entropy(logits[valid], wanted[valid], reduction="sum"))
            all_logits.append(logits[valid])
            all_wanted.append(wanted[valid])
            right += int((logits.argmax(dim=-1) == wanted)[valid].sum())
            count += int(valid.sum())
            readings = decode(model, memory, self.tokenizer, DecodingOptions())
            predictions += [self.tokenizer.decode(reading.best.tokens) for reading in readings]
            truths += tokens
        self.temperature = fit_temperature(torch.cat(all_logits), torch.cat(all_wanted))
        text = text_metrics(predictions, truths)
        return {
            "val_loss": loss / count,
            "val_accuracy": 100 * right / count,
            "val_bleu": text.bleu,
            "val_edit": text.edit,
            "val_exact": text.exact,
        }


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
