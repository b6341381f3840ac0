"""Formulens' core: a picture of a formula in, its LaTeX out.

    recognizer = Recognizer.load()
    recognition = recognizer.recognize(image)

The names are looked up on first use: whoever needs `core_model.latex` alone does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core_model.recognizer import Recognition, RecognizeOptions, Recognizer

__all__ = ["Recognition", "RecognizeOptions", "Recognizer"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("core_model.recognizer"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
