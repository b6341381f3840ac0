"""What every renderer of formulas looks like to the rest of the trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""A grey picture ``[height, width]``, 0 = black."""


_OPENERS = {"\\end": "\\begin", "\\right": "\\left"}


@dataclass(frozen=True)
class RenderFailure:
    """Why one formula has no picture.

    ``kind`` is a short name that is counted in reports: ``unbalanced``, ``latex error``, ``missing glyph``,
    ``timeout``, ``blank``, ``too large``, ``unsupported`` or ``failed``; ``detail`` is one line for people.
    """

    kind: str
    detail: str = ""


class Renderer(Protocol):
    """Draws formulas in math display style, dark on white, cropped more or less to the ink."""

    name: str

    def render(self, formulas: Sequence[str], style: Any) -> list[Grey | RenderFailure]:
        """Give one picture or one failure for each formula, in order. Raises ``DataError`` if nothing can be drawn."""
        ...


def is_balanced(formula: str) -> bool:
    r"""Tell whether braces, ``\begin``/``\end`` and ``\left``/``\right`` pair up, so that a formula cannot run away.

    This is a cheap guard for raw input; an unclosed brace would swallow the rest of a batch.
    """
    depth = 0
    opened: list[str] = []
    position = 0
    while position < len(formula):
        character = formula[position]
        if character == "\\":
            end = position + 2
            if formula[position + 1 : position + 2].isalpha():
                end = position + 1
                while end < len(formula) and formula[end].isalpha() and formula[end].isascii():
                    end += 1
            name = formula[position:end]
            position = end
            if name in ("\\begin", "\\left"):
                opened.append(name)
            elif name in _OPENERS and (not opened or opened.pop() != _OPENERS[name]):
                return False
            continue
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                return False
        elif character == "%":
            return False
        position += 1
    return depth == 0 and not opened
