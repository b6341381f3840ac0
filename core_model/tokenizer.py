"""The vocabulary: LaTeX tokens to ids and back.

Ids 0, 1 and 2 are padding, begin and end; the symbols follow in the order given. On disk a vocabulary is a UTF-8 text
file with one token a line, the three special ones included, so that a line's number is its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from core_model.errors import DataError

PAD = "<pad>"
BOS = "<bos>"
EOS = "<eos>"
SPECIALS = (PAD, BOS, EOS)


class Tokenizer:
    """A fixed vocabulary.

    Args:
        tokens: the symbols, without the special tokens, in the order of their ids.

    Raises:
        DataError: a symbol occurs twice, is empty, holds a line break, or is one of the special tokens.
    """

    pad_id = 0
    bos_id = 1
    eos_id = 2

    def __init__(self, tokens: Sequence[str]) -> None:
        wrong = [token for token in tokens if not token or token in SPECIALS or token.splitlines() != [token]]
        if wrong:
            raise DataError(f"these cannot be vocabulary tokens: {wrong[:5]!r}")
        self._tokens = (*SPECIALS, *tokens)
        self._ids = {token: index for index, token in enumerate(self._tokens)}
        if len(self._ids) != len(self._tokens):
            seen: set[str] = set()
            double = [token for token in tokens if token in seen or seen.add(token)]  # type: ignore[func-returns-value]
            raise DataError(f"the vocabulary names tokens twice: {double[:5]!r}")

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token by id, the three special ones first."""
        return self._tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self._tokens == other._tokens

    def __hash__(self) -> int:
        return hash(self._tokens)

    def __repr__(self) -> str:
        return f"Tokenizer({len(self)} tokens)"

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The ids of `tokens`, without begin or end.

        Raises:
            DataError: a token is not in the vocabulary; the message names all that are not.
        """
        tokens = list(tokens)
        ids = self._ids
        try:
            return [ids[token] for token in tokens]
        except KeyError:
            unknown = list(dict.fromkeys(token for token in tokens if token not in ids))
            raise DataError(f"not in the vocabulary: {' '.join(unknown[:10])}") from None

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The tokens of `ids`, up to the first end; padding and begin are left out."""
        tokens = []
        for index in ids:
            if index == self.eos_id:
                break
            if index not in (self.pad_id, self.bos_id):
                tokens.append(self._tokens[index])
        return tokens

    @classmethod
    def build(cls, counts: Mapping[str, int], min_count: int = 1) -> Tokenizer:
        """The vocabulary of the tokens seen at least `min_count` times, the most frequent first, then by name."""
        kept = [(token, count) for token, count in counts.items() if count >= min_count and token not in SPECIALS]
        return cls([token for token, _ in sorted(kept, key=lambda item: (-item[1], item[0]))])

    def to_text(self) -> str:
        """The content of the vocabulary file."""
        return "".join(f"{token}\n" for token in self._tokens)

    @classmethod
    def from_text(cls, text: str) -> Tokenizer:
        """The vocabulary of a file's content.

        Raises:
            DataError: the text does not begin with the special tokens, or names tokens wrongly.
        """
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        lines = [line.removesuffix("\r") for line in lines]  # a Windows editor or git's autocrlf may have touched it
        if tuple(lines[: len(SPECIALS)]) != SPECIALS:
            raise DataError(f"a vocabulary begins with the lines {', '.join(SPECIALS)}")
        return cls(lines[len(SPECIALS) :])

    def save(self, path: str | Path) -> None:
        """Write the vocabulary file."""
        Path(path).write_text(self.to_text(), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read a vocabulary file.

        Raises:
            DataError: the file cannot be read or is not a vocabulary; the message names it.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read the vocabulary {path}: {error}") from error
        try:
            return cls.from_text(text)
        except DataError as error:
            raise DataError(f"{path} is not a vocabulary: {error}") from error
