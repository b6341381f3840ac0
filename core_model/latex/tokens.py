"""Questions about single tokens, and the plain cut of a formula into tokens."""

from collections.abc import Sequence
from typing import Final

from core_model.latex import symbols
from core_model.latex.lexer import lex, row_gap

_JOINED: Final = frozenset(["\\left", "\\right", "\\middle"])
_POSITIONS: Final = (["[", "t", "]"], ["[", "b", "]"])
# How many braced arguments belong to the token.
_BRACED_NAME: Final = {
    "\\begin": 1,
    "\\end": 1,
    "\\hspace": 1,
    "\\mspace": 1,
    "\\cline": 1,
    "\\rule": 2,
    "\\multicolumn": 2,
}
_SILENT: Final = frozenset(
    [
        "{", "}", "_", "^", "&", "\\\\", "\\limits", "\\nolimits", "\\substack", "\\stackrel", "\\overset",
        "\\underset", "\\binom", "\\dbinom", "\\tbinom", "\\operatorname", "\\operatorname*", "\\boldsymbol", "\\pmb",
        "\\atop",        "\\left.", "\\right.", "\\middle.", "\\smash",
    ]
)  # fmt: skip
_SILENT_GROUPS: Final = (
    symbols.FONTS
    | symbols.PHANTOMS
    | symbols.CLASS_COMMANDS
    | frozenset(symbols.STYLES)
    | frozenset(symbols.DELIMITER_SIZES)
    | frozenset(["\\mathop", "\\mathord", "\\mathrlap", "\\mathllap", "\\mathclap", "\\lefteqn"])
)


def tokenize(latex: str) -> list[str]:
    """Cut LaTeX into tokens in canonical spelling (``\\left(``, ``\\begin{array}`` are one token each).

    White space and comments go; nothing is parsed, so broken LaTeX gives tokens too.

    Raises:
        LatexError: a character that is no ASCII.
    """
    source = lex(latex)
    raw = source.tokens[:-1]
    out: list[str] = []
    index = 0
    while index < len(raw):
        token = raw[index]
        index += 1
        if token in _JOINED and index < len(raw):
            token += raw[index]
            index += 1
        elif token == "\\operatorname" and index < len(raw) and raw[index] == "*":
            token += "*"
            index += 1
        elif token in _BRACED_NAME:
            for _ in range(_BRACED_NAME[token]):
                if raw[index : index + 1] == ["{"] and "}" in raw[index : index + 30]:
                    end = raw.index("}", index)
                    token += "".join(raw[index : end + 1])
                    index = end + 1
            adjacent = token == "\\begin{array}" or not source.spaces[index]
            if token.startswith("\\begin") and adjacent and raw[index : index + 3] in _POSITIONS:
                token += "".join(raw[index : index + 3])
                index += 3
        elif (
            token == "["
            and not source.spaces[index - 1]
            and out
            and out[-1] == "\\\\"
            and (gap := row_gap(raw, index - 1))
        ):
            index += len(gap) + 1
            token = out.pop() + f"[{gap}]"
        elif token == "\\text" and raw[index : index + 1] == ["{"] and _is_text_sign(raw, index):
            end = raw.index("}", index)
            token += "".join(raw[index : end + 1])
            index = end + 1
        out.append("\\" if token[0] == "\\" and token[1:].isspace() else token)
    return out


def _is_text_sign(raw: list[str], index: int) -> bool:
    for length in (1, 2, 3):
        if raw[index + 1 + length : index + 2 + length] == ["}"]:
            sign = "".join(raw[index + 1 : index + 1 + length])
            return sign == "~" or sign in symbols.TEXT_CHARACTERS
    return False


def is_spacing(token: str) -> bool:
    """Whether a token is white space and nothing else.

    Commands with invisible arguments (``\\phantom``) are not: ``skeleton`` drops those with what they hold.
    """
    return token in symbols.SPACES or token.startswith(("\\hspace{", "\\mspace{"))


def prints(token: str) -> bool:
    """Whether a token puts ink of its own on the paper."""
    if token in _SILENT or token in _SILENT_GROUPS or is_spacing(token):
        return False
    return not token.startswith(("\\begin{", "\\end{", "\\multicolumn{", "\\\\["))


def is_balanced(tokens: Sequence[str]) -> bool:
    """Whether braces, ``\\left`` and ``\\right``, and environments close in the right order."""
    stack: list[str] = []
    for token in tokens:
        if token == "{":
            stack.append("}")
        elif token.startswith("\\left") and not token[5:6].isalpha():
            stack.append("\\right")
        elif token.startswith("\\begin{"):
            stack.append("\\end{" + token[7 : token.find("}") + 1])
        elif token == "}" or token.startswith("\\end{") or (token.startswith("\\right") and not token[6:7].isalpha()):
            closing = "\\right" if token.startswith("\\right") else token
            if not stack or stack.pop() != closing:
                return False
    return not stack
