"""LaTeX signs as Unicode characters, and letters in the alphabets of mathematics."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from core_model.latex import symbols

_OWN: Final = {
    "\\|": "‖", "\\{": "{", "\\}": "}", "\\_": "_", "\\$": "$", "\\%": "%", "\\#": "#", "\\&": "&", "-": "−",
    "*": "∗", "\\sim": "∼", "\\setminus": "∖", "\\blacksquare": "■", "\\square": "□", "\\lozenge": "◊",
    "\\cdot": "⋅", "\\rightsquigarrow": "⇝", "\\vcentcolon": ":", "\\ratio": "∶", "\\dblcolon": "∷", "\\P": "¶",
    "\\copyright": "©", "\\i": "ı", "\\j": "ȷ", "\\o": "ø", "\\O": "Ø", "\\l": "ł", "\\L": "Ł", "\\ss": "ß",
    "\\aa": "å", "\\AA": "Å", "\\ae": "æ", "\\AE": "Æ", "\\oe": "œ", "\\OE": "Œ", "`": "‘", '"': "”", "@": "@",
    "\\lvert": "|", "\\rvert": "|", "\\lVert": "‖", "\\rVert": "‖", "\\imath": "ı", "\\jmath": "ȷ",
}  # fmt: skip
# The table of latex2mathml has another sign for these, or none that looks like LaTeX's.
_WITHOUT: Final = frozenset(
    """\\Eqqcolon \\bigparallel \\centerdot \\smallint \\varointclockwise \\ointctrclockwise \\obar \\coloneq \\lbag
    \\Lbag \\rbag \\Rbag \\circledS \\not \\lightning \\Yup""".split()
)
_TEXT: Final = {"---": "—", "--": "–", "``": "“", "''": "”", "-": "-", "'": "’", "`": "‘"}

_NAME: Final = {
    "\\mathbf": "MATHEMATICAL BOLD",
    "\\mathsf": "MATHEMATICAL SANS-SERIF",
    "\\mathtt": "MATHEMATICAL MONOSPACE",
    "\\mathcal": "MATHEMATICAL SCRIPT",
    "\\mathscr": "MATHEMATICAL SCRIPT",
    "\\mathbb": "MATHEMATICAL DOUBLE-STRUCK",
    "\\mathfrak": "MATHEMATICAL FRAKTUR",
    "bold italic": "MATHEMATICAL BOLD ITALIC",
    "italic": "MATHEMATICAL ITALIC",
}
# Letters that Unicode had before it had the alphabet.
_EARLIER: Final = {
    "\\mathcal": dict(zip("BEFHILMRego", "ℬℰℱℋℐℒℳℛℯℊℴ", strict=True)),
    "\\mathbb": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
    "\\mathfrak": dict(zip("CHIRZ", "ℭℌℑℜℨ", strict=True)),
}
_EARLIER["\\mathscr"] = _EARLIER["\\mathcal"]
_DIGITS: Final = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")


def sign(token: str) -> str | None:
    """The character that a token prints, or None where Unicode has no such sign."""
    if token in _WITHOUT:
        return None
    own = _OWN.get(token)
    if own is not None:
        return own
    if len(token) == 1:
        return token
    text = re.fullmatch(r"\\text\{(.+)\}", token)
    if text:
        return _TEXT.get(text[1], text[1])
    if token not in symbols.CLASS_OF and token not in symbols.DELIMITERS:
        return None
    from latex2mathml.symbols_parser import convert_symbol

    code = convert_symbol(token)
    return chr(int(code, 16)) if code else None


def negated(character: str) -> str:
    """A relation with a stroke through it, as one character where there is one."""
    return unicodedata.normalize("NFC", character + "\u0338")


def in_alphabet(character: str, font: str) -> str | None:
    r"""A letter, digit or Greek letter in an alphabet (`\mathbf` ... or "bold italic"), None where there is none."""
    if font == "\\mathit" or font == "\\mathnormal":
        return character
    early = _EARLIER.get(font, {}).get(character)
    if early:
        return early
    if character.isdigit():
        kind = "\\mathbf" if font == "bold italic" else font
        described = f"DIGIT {_DIGITS[int(character)]}"
    else:
        kind = font
        described = unicodedata.name(character, "")
        described = re.sub(r"^(?:LATIN|GREEK) (SMALL|CAPITAL) LETTER (?=\w+$)", r"\1 ", described)
    if kind not in _NAME or not described:
        return None
    try:
        return unicodedata.lookup(f"{_NAME[kind]} {described}")
    except KeyError:
        return None
