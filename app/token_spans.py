"""Where in the LaTeX that is shown, and perhaps edited, each token of a reading stands.

The model reads `x ^ { 2 }`, the window shows `x^2`; a user may have changed half of it since. Both texts are cut into
the same kind of pieces and aligned: first what carries the formula, then braces and script signs between those. A piece
that the user typed belongs to no token, and a token that tidying or the user took away has no place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

Span = tuple[int, int]
"""Start and end as a range of characters."""

_PIECE = re.compile(
    r"""
      \\(?:begin|end)\s*\{[^{}]*\}                       # an environment's name belongs to it
    | \\(?:left|right|middle)\s*(?:\\[a-zA-Z]+|\\.|[^\s\\])
    | \\(?:hspace|mspace|cline)\s*\{[^{}]*\}
    | \\operatorname\*
    | \\\\(?:\[[^\[\]]*\])?
    | \\[a-zA-Z]+ | \\. | \S
    """,
    re.VERBOSE | re.DOTALL,
)
_SAME = {"'": r"\prime", r"\text": r"\mathrm", r"\stackrel": r"\overset", "~": "\\ "}
_LIGHT = frozenset("{^_")
_CLOSING = "}"


def spans(latex: str, tokens: Sequence[str]) -> tuple[Span | None, ...]:
    """The range of characters of each token in `latex`; None for a token that does not stand there.

    Delimiters that became part of an environment (`\\left(` of `pmatrix`) share the range of its `\\begin` or `\\end`.
    """
    pieces = [(match.start(), match.end()) for match in _PIECE.finditer(latex)]
    theirs = [_key(latex[start:end]) for start, end in pieces]
    ours = [_key(token) for token in tokens]
    pairs = _heavy_pairs(ours, theirs)
    _pair_light(ours, theirs, pairs)
    _pair_closing(ours, theirs, pairs)
    found: list[Span | None] = [pieces[pairs[index]] if index in pairs else None for index in range(len(tokens))]
    for index, key in enumerate(ours):
        beside = index + 1 if key.startswith(r"\left") else index - 1 if key.startswith(r"\right") else -1
        if found[index] is None and 0 <= beside < len(ours) and ours[beside] in (r"\begin", r"\end"):
            found[index] = found[beside]
    return tuple(found)


def _key(piece: str) -> str:
    """What two pieces must have in common to be the same."""
    for name in (r"\begin", r"\end"):
        if piece.startswith(name + "{") or re.match(re.escape(name) + r"\s+\{", piece):
            return name
    if piece.startswith("\\\\"):
        return "\\\\"
    piece = "\\ " if re.fullmatch(r"\\\s", piece) else re.sub(r"\s+", "", piece)
    return _SAME.get(piece, piece)


def _heavy_pairs(ours: list[str], theirs: list[str]) -> dict[int, int]:
    """Our pieces -> theirs, all but braces and script signs."""
    mine = [index for index, key in enumerate(ours) if key not in _LIGHT and key != _CLOSING]
    other = [index for index, key in enumerate(theirs) if key not in _LIGHT and key != _CLOSING]
    matcher = SequenceMatcher(None, [ours[i] for i in mine], [theirs[i] for i in other], autojunk=False)
    pairs = {}
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            pairs[mine[block.a + step]] = other[block.b + step]
    return pairs


def _pair_light(ours: list[str], theirs: list[str], pairs: dict[int, int]) -> None:
    """Pair opening braces and script signs in order, within the gaps between what is paired already."""
    anchors = [(-1, -1), *sorted(pairs.items()), (len(ours), len(theirs))]
    for (left, their_left), (right, their_right) in pairwise(anchors):
        place = their_left + 1
        for index in range(left + 1, right):
            if ours[index] not in _LIGHT:
                continue
            try:
                other = theirs.index(ours[index], place, their_right)
            except ValueError:
                continue
            pairs[index] = other
            place = other + 1


def _pair_closing(ours: list[str], theirs: list[str], pairs: dict[int, int]) -> None:
    """A closing brace goes where its opening one went."""
    partners = _partners(theirs)
    for opening, closing in _partners(ours).items():
        if opening in pairs and pairs[opening] in partners:
            pairs[closing] = partners[pairs[opening]]


def _partners(keys: list[str]) -> dict[int, int]:
    partners, stack = {}, []
    for index, key in enumerate(keys):
        if key == "{":
            stack.append(index)
        elif key == _CLOSING and stack:
            partners[stack.pop()] = index
    return partners
