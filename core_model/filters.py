"""What a decoder may not emit next, and when a reading has gone wrong.

A `LogitFilter` keeps one small immutable Python value per hypothesis and turns the values of all hypotheses into one
penalty array by table look-up, so a step costs no loop over the vocabulary. The guards look at the tokens so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core_model.tokenizer import SPECIALS, Tokenizer

FORBIDDEN = float("-inf")


class LogitFilter(Protocol):
    """Forbids tokens, depending on the tokens so far."""

    def start(self) -> Any:
        """The value of a hypothesis without tokens."""

    def advance(self, value: Any, token: int) -> Any:
        """The value after `token`; `value` itself stays as it is, since several hypotheses may share it."""

    def penalty(self, values: Sequence[Any]) -> NDArray[np.float32]:
        """What to add to the scores of hypotheses with these values: [len(values), v] or [1, v], 0 or -inf."""


class NeverSpecial:
    """Never padding, never a second begin."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._penalty = np.zeros((1, len(tokenizer)), np.float32)
        self._penalty[0, [tokenizer.pad_id, tokenizer.bos_id]] = FORBIDDEN

    def start(self) -> None:
        return None

    def advance(self, value: None, token: int) -> None:
        return None

    def penalty(self, values: Sequence[None]) -> NDArray[np.float32]:
        return self._penalty


# Commands of the canonical form that take braced arguments, by number; others are left to the model.
ARGUMENTS = {
    "_": 1, "^": 1, "\\frac": 2, "\\binom": 2, "\\overset": 2, "\\underset": 2, "\\stackrel": 2, "\\mathrm": 1,
    "\\mathbf": 1, "\\mathcal": 1, "\\mathbb": 1, "\\mathfrak": 1, "\\mathsf": 1, "\\mathit": 1, "\\mathtt": 1,
    "\\boldsymbol": 1, "\\overline": 1, "\\underline": 1, "\\overbrace": 1, "\\underbrace": 1, "\\widehat": 1,
    "\\widetilde": 1, "\\operatorname": 1, "\\operatorname*": 1, "\\text": 1, "\\begin{array}": 1,
}  # fmt: skip
ROOT, BRACE, BRACKET, FENCE = "", "{", "[", "\\left"
BRACED, ROOT_OF = "expects {", "expects { or ["


class GrammarGuard:
    """Only well-nested LaTeX: groups, `\\left` ... `\\right` and environments close in order, and all before the end.

    Also: an argument begins with a brace where the canonical form has one, and `&` stands only directly in an
    environment. The value of a hypothesis is a stack of open frames, as nested tuples `(kind, owed, below)`; `owed` is
    the number of braced arguments still to come in that frame. The penalty depends on `owed` and the topmost kind only.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokens = tokenizer.tokens
        present = set(self._tokens)
        self._opens: dict[int, str] = {}
        self._closes: dict[int, str] = {}
        self._owes: dict[int, int] = {}
        self._sqrt = self._bracket = self._bracket_end = -1
        for index, token in enumerate(self._tokens):
            if token == "{":
                self._opens[index] = BRACE
            elif token == "}":
                self._closes[index] = BRACE
            elif token == "[":
                self._bracket = index
            elif token == "]":
                self._bracket_end = index
            elif token == "\\sqrt" and {"{", "}"} <= present:
                self._sqrt = index
            elif token.startswith("\\left") and not token[5:6].isalpha():
                self._opens[index] = FENCE
            elif token.startswith("\\right") and not token[6:7].isalpha():
                self._closes[index] = FENCE
            elif token.startswith("\\begin{"):
                self._opens[index] = token[6:]
            elif token.startswith("\\end{"):
                self._closes[index] = token[4:]
            if token in ARGUMENTS and {"{", "}"} <= present:
                self._owes[index] = ARGUMENTS[token]
        environments = {kind for kind in self._opens.values() if kind.startswith("{") and kind != BRACE}
        self._kinds = {
            kind: row for row, kind in enumerate((ROOT, BRACE, BRACKET, FENCE, BRACED, ROOT_OF, *sorted(environments)))
        }
        self._table = np.zeros((len(self._kinds), len(tokenizer)), np.float32)
        for kind, row in self._kinds.items():
            for index, token in enumerate(self._tokens):
                if not self._allowed(kind, index, token):
                    self._table[row, index] = FORBIDDEN

    def _allowed(self, kind: str, index: int, token: str) -> bool:
        if kind == BRACED:
            return token == "{"
        if kind == ROOT_OF:
            return token in ("{", "[")
        if token in SPECIALS:
            return token == SPECIALS[2] and kind == ROOT
        if index in self._closes:
            return self._closes[index] == kind
        if index in self._opens:
            return self._opens[index] in self._closes.values()  # an opener that nothing can close is a dead end
        return token != "&" or kind not in (ROOT, BRACE, BRACKET, FENCE)

    def start(self) -> Any:
        return (ROOT, 0, None)

    def advance(self, value: Any, token: int) -> Any:
        kind, owed, below = value
        opened = self._opens.get(token)
        if opened is not None:
            if opened == BRACE:
                return (BRACE, 0, (kind, max(owed, 1) - 1 if owed >= 0 else 0, below))
            return (opened, self._owes.get(token, 0), value)
        closed = self._closes.get(token)
        if closed is not None:
            return below if closed == kind and below is not None else value
        if token == self._bracket and owed < 0:
            return (BRACKET, 0, (kind, 1, below))
        if token == self._bracket_end and kind == BRACKET:
            return below
        if token == self._sqrt:
            return (kind, -1, below)  # an index in brackets, or the argument at once
        owes = self._owes.get(token, 0) or max(owed - 1, 0)  # an unbraced argument can only come from a given prefix
        return value if owes == owed else (kind, owes, below)

    def penalty(self, values: Sequence[Any]) -> NDArray[np.float32]:
        rows = [self._row(value) for value in values]
        if len(rows) == 1:
            return self._table[rows[0] : rows[0] + 1]
        return self._table[rows]

    def _row(self, value: Any) -> int:
        kind, owed, _ = value
        return self._kinds[kind if owed == 0 else BRACED if owed > 0 else ROOT_OF]

    def closers(self, tokens: Sequence[int]) -> list[str]:
        """The tokens that make an unfinished reading well nested (owed arguments become empty groups)."""
        frame: Any = self.start()
        for token in tokens:
            frame = self.advance(frame, token)
        added: list[str] = []
        while frame is not None:
            kind, owed, frame = frame
            added += ["{", "}"] * abs(owed)
            if kind == BRACE:
                added.append("}")
            elif kind == BRACKET:
                added.append("]")
            elif kind == FENCE:
                added.append("\\right.")
            elif kind != ROOT:
                added.append(f"\\end{kind}")
        return added


PERIODS = 16
REPEATS = 6
SPAN = 48


def repetition_start(tokens: Sequence[int]) -> int | None:
    """Where a reading began to loop: the index after the first copy of what repeats at its end, or None.

    A loop is a stretch of at most `PERIODS` tokens repeated `REPEATS` times or more over at least `SPAN` tokens: longer
    than the rows of equal cells (`0 & 0 & 0`) and column lists (`c c c c`) that formulas hold.
    """
    length = len(tokens)
    if length < SPAN:
        return None
    last = tokens[-1]
    for period in range(1, PERIODS + 1):
        if tokens[-1 - period] != last:
            continue
        span = max(SPAN, REPEATS * period)
        if length >= span and tokens[length - span + period :] == tokens[length - span : length - period]:
            start = length - span
            while start > 0 and tokens[start - 1] == tokens[start - 1 + period]:
                start -= 1
            return start + period
    return None
