"""The form of LaTeX that handwriting is taught in: what a pen does not show is settled by rule.

A pen knows no upright letters, no bold, no ``\\big`` and no ``\\textstyle``, yet the truths of ink have them or not as
each author liked, and formulas from print have many. Left so, the same ink would have several truths. Letters and
brackets are plain here; brackets around what is tall are ``\\left`` and ``\\right``, since a hand draws them tall, too,
and the LaTeX shall look well. Limits stand as display style puts them.
"""

from collections.abc import Iterable, Sequence

from core_model.latex import skeleton
from trainer.ink_truth import standard_tokens

_PAIRS = {"(": ")", "[": "]", "\\{": "\\}"}
_CLOSING = frozenset(_PAIRS.values())
_TALL = frozenset({"\\frac", "\\binom", "\\sum", "\\prod", "\\int", "\\oint", "\\begin{array}", "\\begin{aligned}"})
_ENDS = frozenset({"}", "&", "\\\\"})


def pen_form(latex: str | Iterable[str]) -> list[str]:
    """The skeleton of a formula as it is taught for ink; the pen form of a pen form is the same.

    Raises:
        LatexError: broken LaTeX or an unknown command, which the message names.
    """
    return pen_form_of_skeleton(skeleton(latex))


def pen_form_of_skeleton(tokens: Sequence[str]) -> list[str]:
    """The pen form of a formula given as its skeleton."""
    plain = [token for token in standard_tokens(tokens) if token != "\\limits"]
    return skeleton(_tall_brackets(plain))


def _tall_brackets(tokens: list[str]) -> list[str]:
    """Put ``\\left`` and ``\\right`` on brackets around what is tall, and on a brace that opens the rows of a table."""
    out = list(tokens)
    waiting: list[list[int]] = [[]]  # open brackets, for each level of braces
    for place, token in enumerate(tokens):
        if token == "{" or token.startswith("\\begin"):
            waiting.append([])
        elif token == "}" or token.startswith("\\end"):
            if len(waiting) > 1:
                waiting.pop()
        elif token in _ENDS:
            waiting[-1].clear()
        elif token in _PAIRS:
            waiting[-1].append(place)
        elif token in _CLOSING and waiting[-1] and _PAIRS[tokens[waiting[-1][-1]]] == token:
            start = waiting[-1].pop()
            index = token == "]" and tokens[start - 1 : start] == ["\\sqrt"]
            if not index and _TALL.intersection(tokens[start:place]):
                out[start], out[place] = f"\\left{tokens[start]}", f"\\right{token}"
    for place in reversed(range(len(out) - 1)):
        if out[place] == "\\{" and out[place + 1].startswith("\\begin"):
            out[place] = "\\left\\{"
            out.insert(_end_of_table(out, place + 1) + 1, "\\right.")
    return out


def _end_of_table(tokens: list[str], start: int) -> int:
    depth = 0
    for place in range(start, len(tokens)):
        depth += tokens[place].startswith("\\begin") - tokens[place].startswith("\\end")
        if depth == 0:
            return place
    return len(tokens) - 1
