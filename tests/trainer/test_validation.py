"""Confidence is calibrated on the validation set."""

import pytest
import torch

from trainer.validation import fit_temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_made_the_labels_is_found(temperature: float) -> None:
    generator = torch.Generator().manual_seed(4)
    logits = 2 * torch.randn(20_000, 8, generator=generator)
    wanted = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
    assert fit_temperature(logits, wanted) == pytest.approx(temperature, rel=0.05)
