"""A formula in notations other than LaTeX, each written from the core's tree of the formula.

Every printer walks the tree and knows each kind of node by name: what it does not know, it refuses in plain words.
Converters that work on the text were tried and pass what they do not know through as if it were the answer.
"""

from __future__ import annotations

import re

from app.words import translate
from core_model.errors import FormulensError
from core_model.latex import LatexError, parse
from core_model.latex.canonical import Canonical
from core_model.latex.tree import Node

_UNSEEN = re.compile(r"\\(tag|color|textcolor|hypertarget)\b")
_CANONICAL = Canonical(skeleton=False)


class FormatError(FormulensError):
    """A formula that a format cannot express; the message says which part, and what to copy instead."""


def formula_tree(latex: str, notation: str) -> list[Node]:
    """The canonical tree of a formula that is to be written in `notation`.

    Raises:
        FormatError: there is nothing to write, or the LaTeX is broken or holds what the tree would lose.
    """
    unseen = _UNSEEN.search(latex)
    if unseen:
        raise cannot(notation, unseen[0])
    try:
        nodes = _CANONICAL.nodes(parse(latex), 0)
    except LatexError as error:
        told = translate(
            "Notation",
            "This LaTeX is not understood, so it cannot be copied as {notation}: {reason}. "
            "Mend it, or copy it as LaTeX.",
        )
        raise FormatError(told.format(notation=notation, reason=error)) from error
    if not nodes:
        raise FormatError(translate("Notation", "There is no formula to copy."))
    return nodes


def cannot(notation: str, what: str) -> FormatError:
    """The error that says that a notation has no word for a part of the formula."""
    told = translate(
        "Notation", "{notation} cannot express {part} here. Copy the formula as LaTeX or as a picture instead."
    )
    return FormatError(told.format(notation=notation, part=what))
