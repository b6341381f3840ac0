"""Math LaTeX: one form for formulas that print alike.

``canonical`` keeps the picture: redundant braces, synonyms, the order of scripts and the like are settled, white space
that prints stays. ``skeleton`` is the canonical form without white space and without differences that are only white
space; it is what the model learns to read. Both are lists of tokens in the style of im2markup; joined by spaces they
are LaTeX (amsmath, amssymb) and come out of the same function unchanged.
"""

from collections.abc import Iterable

from core_model.errors import LatexError
from core_model.latex.canonical import Canonical
from core_model.latex.lexer import lex
from core_model.latex.parser import MAX_DEPTH, parse
from core_model.latex.printer import print_tokens
from core_model.latex.tidy import tidy
from core_model.latex.tokens import is_balanced, is_spacing, prints, tokenize

__all__ = [
    "MAX_DEPTH",
    "LatexError",
    "canonical",
    "is_balanced",
    "is_spacing",
    "lex",
    "parse",
    "prints",
    "skeleton",
    "skeleton_of_canonical",
    "tidy",
    "tokenize",
]

_CANONICAL = Canonical(skeleton=False)
_SKELETON = Canonical(skeleton=True)


def canonical(latex: str | Iterable[str]) -> list[str]:
    """The canonical tokens of a formula that stands in display style.

    Raises:
        LatexError: broken LaTeX or an unknown command, which the message names.
    """
    return print_tokens(_CANONICAL.nodes(parse(_text(latex)), 0))


def skeleton(latex: str | Iterable[str]) -> list[str]:
    """The canonical tokens without white space: the part of a formula that its picture shows.

    Raises:
        LatexError: broken LaTeX or an unknown command, which the message names.
    """
    return print_tokens(_SKELETON.nodes(parse(_text(latex)), 0))


def skeleton_of_canonical(tokens: Iterable[str]) -> list[str]:
    """The skeleton of a formula given as its canonical tokens."""
    return skeleton(tokens)


def _text(latex: str | Iterable[str]) -> str:
    return latex if isinstance(latex, str) else " ".join(latex)
