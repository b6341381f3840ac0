"""Errors whose message is meant for the person at the keyboard.

A ``FormulensError`` is the environment's or the input's fault: its message names what is wrong and what to do, and the
edges (command line, window) show it without a traceback. Every other exception is a bug of ours and keeps
its traceback.
"""


class FormulensError(Exception):
    """Base of all errors that are shown plainly."""


class PictureError(FormulensError):
    """A picture that cannot be read; the message names the file and the remedy."""


class CheckpointError(FormulensError):
    """A checkpoint folder with a missing, truncated or mismatched file."""


class DataError(FormulensError):
    """Training or test data that is missing, damaged or does not fit the vocabulary."""


class LatexError(FormulensError, ValueError):
    """LaTeX that does not parse.

    ``position`` is the index of the character in the source at which reading failed, or ``None`` if unknown.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message if position is None else f"{message} (at character {position})")
        self.position = position
