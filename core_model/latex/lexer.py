"""LaTeX source -> TeX's tokens."""

import re
from dataclasses import dataclass

from core_model.errors import LatexError

# White space, then one token: control word, control symbol, or character. White space is kept beside its token,
# because it prints inside \text.
_TOKEN = re.compile(r"(\s*)(\\[a-zA-Z]+|\\.|\S)", re.DOTALL)
_LENGTH = re.compile(r"[+-]*(?:\d+\.?\d*|\.\d+)(?:true)?(?:pt|mm|cm|in|em|ex|pc|bp|dd|cc|sp|mu)$")
_COMMENT = re.compile(r"\\.|%[^\n]*(?:\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """Tokens of a formula; ``spaces[i]`` is the white space before ``tokens[i]``. The last token is a "" sentinel."""

    tokens: list[str]
    spaces: list[str]

    def position(self, index: int) -> int:
        """Offset in the source of the token with this index."""
        return sum(map(len, self.tokens[:index])) + sum(map(len, self.spaces[: index + 1]))


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    return text if text[0] == "\\" else " " * len(text)


def lex(latex: str) -> Source:
    """Cut a formula into tokens. Comments count as white space; a lone backslash at the end is a control space."""
    if "%" in latex:
        latex = _COMMENT.sub(_blank, latex)
    pairs = _TOKEN.findall(latex)
    spaces = [pair[0] for pair in pairs]
    tokens = [pair[1] for pair in pairs]
    if not latex.isascii():
        for index, token in enumerate(tokens):
            if not token.isascii():
                position = Source(tokens, spaces).position(index)
                raise LatexError(
                    f"LaTeX with the character {token[-1]!r}, which is no ASCII; write a command", position
                )
    if tokens and tokens[-1] == "\\":
        tokens[-1] = "\\ "
    tokens.append("")
    spaces.append("")
    return Source(tokens, spaces)


def row_gap(tokens: list[str], start: int) -> str:
    """The length in ``[2mm]`` if the tokens from ``start`` on are one, else ""."""
    if tokens[start] != "[" or "]" not in tokens[start : start + 20]:
        return ""
    length = "".join(tokens[start + 1 : tokens.index("]", start)])
    return length if _LENGTH.match(length) else ""
