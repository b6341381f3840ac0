"""Validation during training: loss with the truth before it, and metrics of greedy reading."""

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
from trainer.data.shards import decode_png
from trainer.metrics import text_metrics


class Validation:
    """A fixed set of held-out pictures, as prepared, without augmentation."""

    def __init__(self, options: Options, tokenizer: Tokenizer) -> None:
        examples = read_examples(options.validation, options.max_tokens, options.max_pixels)
        examples = within_vocabulary(examples.select(range(min(len(examples), options.validation_pictures))), tokenizer)
        self.tokenizer = tokenizer
        items = np.arange(len(examples))
        rng = np.random.default_rng(0)
        self.batches: list[tuple[Tensor, Tensor, Tensor, Tensor, list[list[str]]]] = []
        for batch in cut_batches(items, examples.sizes, BatchOptions(batch=32)):
            pictures = [augment(decode_png(examples.images[int(i)].as_py()), rng, AugmentOptions.none()) for i in batch]
            ids = [np.array(tokenizer.encode(examples.tokens[i]), np.int64) for i in batch]
            self.batches.append((*to_batch(pictures), *pad_ids(ids), [examples.tokens[i] for i in batch]))

    @torch.no_grad()
    def measure(self, model: FormulaModel, device: torch.device) -> dict[str, float]:
        """Figures for metrics.csv; ``model`` in evaluation mode. Text metrics compare skeletons, in percent."""
        loss, right, count = 0.0, 0, 0
        predictions: list[list[str]] = []
        truths: list[list[str]] = []
        for images, sizes, inputs, targets, tokens in self.batches:
            memory = model.encode(images.to(device), sizes.to(device))
            logits = model.decoder(memory, inputs.to(device))[0].float()
            wanted = targets.to(device)
            valid = wanted != Tokenizer.pad_id
            loss += float(F.cross_entropy(logits[valid], wanted[valid], reduction="sum"))
            right += int((logits.argmax(dim=-1) == wanted)[valid].sum())
            count += int(valid.sum())
            readings = decode(model, memory, self.tokenizer, DecodingOptions())
            predictions += [self.tokenizer.decode(reading.best.tokens) for reading in readings]
            truths += tokens
        text = text_metrics(predictions, truths)
        return {
            "val_loss": loss / count,
            "val_accuracy": 100 * right / count,
            "val_bleu": text.bleu,
            "val_edit": text.edit,
            "val_exact": text.exact,
        }
