"""Many pictures through the recogniser, and the file that keeps what was read.

Readings are written as they come, one JSON object a line, so an interrupted run goes on where it stopped. The first
line says how they were made; a file made otherwise is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core_model.errors import DataError
from core_model.recognizer import ENDINGS, Recognition, RecognizeOptions, Recognizer

__all__ = ["Reading", "load_readings", "read_pictures", "reading_options", "resume_readings"]

Grey = npt.NDArray[np.uint8]
Source = tuple[str, Callable[[], Grey]]


@dataclass(frozen=True)
class Reading:
    """What was read in one picture. ``confidences``: one probability for each token, ``None`` if not known.

    ``ended`` is ``end``, or the guard that cut the reading short, or ``blank`` or ``no picture``.
    """

    key: str
    tokens: tuple[str, ...]
    confidences: tuple[float, ...] | None
    confidence: float
    ended: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "key": self.key,
            "tokens": " ".join(self.tokens),
            "confidences": None if self.confidences is None else [round(c, 6) for c in self.confidences],
            "confidence": round(self.confidence, 6),
            "ended": self.ended,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Reading:
        """Inverse of ``as_dict``; ``tokens`` may be a list as well. Raises ``DataError`` naming what is missing."""
        try:
            tokens = data["tokens"]
            confidences = data.get("confidences")
            return cls(
                key=str(data["key"]),
                tokens=tuple(tokens.split(" ") if isinstance(tokens, str) and tokens else tokens),
                confidences=None if confidences is None else tuple(float(c) for c in confidences),
                confidence=float(data.get("confidence", 0.0)),
                ended=str(data.get("ended", "end")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"not a reading (an object with key, tokens, ...): {error!r}") from error


def read_pictures(
    recognizer: Recognizer, sources: Iterable[Source], options: RecognizeOptions, window: int
) -> Iterator[Reading]:
    """Read every picture once, in order, ``window`` pictures at a time (the recogniser batches those by size).

    ``sources``: keys and functions that give the grey picture ``[h, w]`` when its turn has come. A blank picture gives
    an empty reading.
    """
    remaining = iter(sources)
    while part := list(islice(remaining, window)):
        recognitions = recognizer.recognize_many([load() for _, load in part], options)
        for (key, _), recognition in zip(part, recognitions, strict=True):
            yield Reading(
                key,
                tuple(token.text for token in recognition.tokens),
                tuple(token.confidence for token in recognition.tokens),
                recognition.confidence,
                _ended(recognition),
            )


def reading_options(beam: int, length_penalty: float = 1.0) -> RecognizeOptions:
    """Greedy or beam, and nothing computed that only a person would look at."""
    return RecognizeOptions(
        beam=beam, length_penalty=length_penalty, alternatives=0, token_alternatives=0, attention=False
    )


def resume_readings(path: Path, about: dict[str, Any]) -> dict[str, Reading]:
    """The readings a file holds by key; a new or empty file gets its first line. A half-written last line is cut off.

    Raises ``DataError`` if the file was made otherwise (another checkpoint, decode mode or label file).
    """
    about = json.loads(json.dumps(about))
    if not path.is_file() or not path.stat().st_size:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"about": about}) + "\n", encoding="utf-8")
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):  # killed while writing
        text = text[: text.rfind("\n") + 1]
        path.write_text(text, encoding="utf-8")
    found, readings = _parse(path, text)
    if found != about:
        raise DataError(
            f"{path} holds readings made otherwise ({json.dumps(found)} instead of {json.dumps(about)}): "
            "choose another --out, or delete the file"
        )
    return readings


def load_readings(path: Path) -> tuple[dict[str, Any] | None, dict[str, Reading]]:
    """A file of readings: its first line's account of how they were made (if it has one), and the readings by key."""
    try:
        return _parse(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the predictions {path}: {error}") from error


def _parse(path: Path, text: str) -> tuple[dict[str, Any] | None, dict[str, Reading]]:
    about: dict[str, Any] | None = None
    readings: dict[str, Reading] = {}
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        try:
            data = json.loads(line)
            if number == 1 and "about" in data:
                about = data["about"]
            else:
                reading = Reading.from_dict(data)
                readings[reading.key] = reading
        except (ValueError, TypeError, DataError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    return about, readings


def _ended(recognition: Recognition) -> str:
    """``end``, ``blank``, or the guard that cut the reading short: the kind of its warning."""
    if recognition.blank:
        return "blank"
    kinds = [warning.split(":")[0] for warning in recognition.warnings]
    return next((kind for kind in kinds if kind in ENDINGS), "end")
