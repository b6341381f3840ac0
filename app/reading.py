"""What the window shows: a picture or ink with what was read in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from core_model.ink import Ink
    from core_model.recognizer import Recognition

Grey = NDArray[np.uint8]
"""A picture [height, width], 0 black to 255 white."""

SourceKind = Literal["snip", "paste", "file", "pdf", "ink", "folder"]


@dataclass(frozen=True)
class Origin:
    """Where a picture came from."""

    kind: SourceKind
    name: str = ""
    """A file's name or "page 3 of paper.pdf"; empty for a snip or a drawing."""


@dataclass(frozen=True)
class Reading:
    """A picture and what was read in it."""

    picture: Grey
    """What was read, in source pixels; ink as it was rasterized."""
    recognition: Recognition
    origin: Origin
    ink: Ink | None = None
    entry: int | None = None
    """Its id in the history, once it is there."""
    edited: str | None = None
    """The LaTeX as the user left it, where that differs from what was read."""
    original: QImage | None = field(default=None, repr=False, compare=False)
    """The picture in colour, where there is one."""

    @property
    def latex(self) -> str:
        """The LaTeX to show."""
        return self.recognition.latex if self.edited is None else self.edited
