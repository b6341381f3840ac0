"""The attention figure, read back as a picture."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.attention_figure import attention_figure
from app.reading import Grey, Origin, Reading
from core_model.errors import FormulensError
from core_model.preprocessing import prepare
from core_model.recognizer import Recognition, TokenReading


def reading(grey: Grey, texts: list[str], *, attention: bool = True) -> Reading:
    prepared = prepare(grey)
    rows, columns = (-(-side // 8) for side in prepared.pixels.shape)
    tokens = []
    for place, text in enumerate(texts):
        weights = np.zeros((rows, columns), np.float16)
        weights[rows // 2, place % columns] = 1
        tokens.append(TokenReading(text, 0.5, (), weights if attention else None, prepared, 8))
    return Reading(grey, Recognition("".join(texts), 0.9, tuple(tokens)), Origin("snip"))


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def reddish(picture: np.ndarray) -> int:
    return int((picture[..., 0] - picture[..., 1] > 40).sum())


def test_every_token_has_its_small_picture(formula_grey: Grey) -> None:
    one = pixels(attention_figure(reading(formula_grey, ["x"])))
    many = pixels(attention_figure(reading(formula_grey, list("x+yz=$_{"))))
    assert many.shape[0] > 1.2 * many.shape[1] * 0.2
    assert reddish(one) > 100 and reddish(many) > 100
    assert (many[0] == 255).all(), "the ground is white"


def test_as_svg_too(formula_grey: Grey) -> None:
    assert b"<svg" in attention_figure(reading(formula_grey, ["x", r"\frac"]), "svg")


def test_hundreds_of_tokens_and_a_large_picture_stay_within_bounds() -> None:
    grey = np.full((600, 9000), 255, np.uint8)
    grey[200:400, 100:8900:60] = 0
    figure = pixels(attention_figure(reading(grey, ["a"] * 60)))
    assert max(figure.shape) <= 10_100


def test_a_reading_without_attention_is_refused_plainly(formula_grey: Grey) -> None:
    with pytest.raises(FormulensError, match="no attention"):
        attention_figure(reading(formula_grey, ["x"], attention=False))
    empty = reading(formula_grey, [])
    with pytest.raises(FormulensError, match="no attention"):
        attention_figure(replace(empty, recognition=Recognition("", 0.0, blank=True)))
