"""The words that the user of the window reads, for modules that know no Qt.

    raise FormatError(translate("Formats", "There is no formula to copy."))

`translate` gives the English text back until the app puts Qt's own in its place. Its name is that of Qt's, and both
arguments are written out where it is called, so that `lupdate` finds every text; what is filled in is filled in after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Translator = Callable[[str, str], str]
"""Takes a context, as `lupdate` groups texts, and an English text."""


def _in_english(_: str, text: str) -> str:
    return text


@dataclass
class _Spoken:
    by: Translator = _in_english


_spoken = _Spoken()


def translate(context: str, text: str) -> str:
    """A text in the language of the user."""
    return _spoken.by(context, text)


def translate_by(translator: Translator | None) -> None:
    """Let `translate` ask `translator` from now on, in whatever thread it is called; None: English again."""
    _spoken.by = translator or _in_english
