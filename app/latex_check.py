"""What is wrong with a piece of LaTeX, and where: every problem at once, each as a range of the text.

The core's parser stops at the first error. Here the text is mended at each error in the least way that lets reading go
on (a missing brace is put in, an unknown command stands for a letter), so that one slip does not hide the next. The
mended text is used for nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.words import translate
from core_model.latex import LatexError, parse
from core_model.latex.symbols import DELIMITER_SYNONYMS, DELIMITERS

_MOST = 20
"""More problems than this help nobody, and each costs one reading."""

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\S", re.DOTALL)
_NAME = re.compile(r"\s*\{([^{}\\]*)\}")
_DELIMITER = re.compile(r"\s*(?:\{\s*(\\[a-zA-Z]+|\\.|[^\s{}\\])\s*\}|(\\[a-zA-Z]+|\\.|\S))", re.DOTALL)
_COMMENT = re.compile(r"\\.|%[^\n]*", re.DOTALL)
_NO_DELIMITER: Final = "no delimiter"
_NO_NAME: Final = "no name"
_PAIRS: Final = {"{": "}", "\\left": "\\right", "\\begin": "\\end"}
_OPENERS: Final = {closer: opener for opener, closer in _PAIRS.items()}


@dataclass(frozen=True)
class Problem:
    """Something wrong with ``text[start:end]``; ``message`` is meant for the user."""

    start: int
    end: int
    message: str
    preview_only: bool = False
    """The LaTeX is right, but the preview cannot show this."""


def problems(latex: str) -> tuple[Problem, ...]:
    """All that keeps a text from being a formula, in the order of the text; empty for a right one and for a blank one.

    Ranges lie within the text and hold at least one character.
    """
    if not latex.strip():
        return ()
    try:
        parse(latex)
        return ()
    except LatexError:
        return _Check(latex).run()


def command_problems(latex: str, command: str, message: str) -> tuple[Problem, ...]:
    """A problem for each place at which a command stands; at the whole text where it stands nowhere as such."""
    found = [match for match in _TOKEN.finditer(_without_comments(latex)) if match[0] == command]
    if not found:
        return (whole(latex, message),)
    return tuple(Problem(match.start(), match.end(), message, preview_only=True) for match in found)


def whole(latex: str, message: str) -> Problem:
    """A problem with the text as a whole that only the preview has."""
    return Problem(len(latex) - len(latex.lstrip()), max(len(latex.rstrip()), 1), message, preview_only=True)


def _without_comments(latex: str) -> str:
    """The text with blanks instead of comments; no character moves."""
    return _COMMENT.sub(lambda match: match[0] if match[0][0] == "\\" else " " * len(match[0]), latex)


@dataclass(frozen=True)
class _Opened:
    kind: str
    start: int
    end: int
    name: str = ""

    @property
    def closer(self) -> str:
        return {"{": "}", "\\left": "\\right.", "\\begin": f"\\end{{{self.name}}}"}[self.kind]

    @property
    def title(self) -> str:
        return f"\\begin{{{self.name}}}" if self.kind == "\\begin" else self.kind


class _Check:
    """Mends a copy of the text step by step; ``origin[i]`` is where its character ``i`` comes from."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.text = _without_comments(latex)
        self.origin = list(range(len(latex)))
        self.found: list[Problem] = []

    def run(self) -> tuple[Problem, ...]:
        self._pair()
        while len(self.found) < _MOST:
            try:
                parse(self.text)
                break
            except LatexError as error:
                before = self.text
                self._mend(error)
                if self.text == before:
                    break
        return tuple(sorted(set(self.found), key=lambda problem: (problem.start, problem.end)))[:_MOST]

    # -- the mended text --------------------------------------------------------------------------
    def _report(self, start: int, end: int, message: str) -> None:
        """Note a problem at a range of the mended text; what was put in counts where it was put."""
        last = len(self.latex) - 1
        first = self.origin[start] if start < len(self.origin) else last
        final = self.origin[end - 1] if start < end <= len(self.origin) else first
        first = min(first, last)
        # At the end of the text the last thing that prints is what the eye finds.
        while first > 0 and self.latex[first].isspace():
            first -= 1
        self.found.append(Problem(first, max(min(final, last), first) + 1, message))

    def _replace(self, start: int, end: int, piece: str) -> None:
        """Put ``piece`` for a range; its characters come from the range's beginning."""
        origin = self.origin[start] if start < len(self.origin) else len(self.latex)
        self.text = self.text[:start] + piece + self.text[end:]
        self.origin[start:end] = [origin] * len(piece)

    # -- braces, \left and \right, environments ---------------------------------------------------
    def _pair(self) -> None:
        """Report what opens or closes alone, and mend it."""
        opened: list[_Opened] = []
        repairs: list[tuple[int, int, str]] = []
        for kind, start, end, name in self._structure():
            if len(self.found) >= _MOST:
                break
            if name == _NO_DELIMITER:
                told = translate("LatexCheck", "{command} needs a delimiter after it; a brace is written \\{{ or \\}}")
                self._report(start, end, told.format(command=kind))
                repairs.append((end - 1 if self.text[end - 1] in "{}" else end, end, "."))
                name = ""
            elif name == _NO_NAME:
                self._report(
                    start, end, translate("LatexCheck", "{command} needs a name in braces").format(command=kind)
                )
                repairs.append((start, end, " "))
                continue
            if kind in _PAIRS:
                opened.append(_Opened(kind, start, end, name))
            else:
                repairs += self._close(opened, kind, start, end, name)
        for lonely in reversed(opened[-_MOST:]):
            self._lonely(lonely)
            repairs.append((len(self.text), len(self.text), lonely.closer))
        # From the back, so that the places before stay. The sort is stable: of several repairs at one place the last
        # is put in first and ends up behind the others.
        repairs.sort(key=lambda repair: repair[0])
        for start, end, piece in reversed(repairs):
            self._replace(start, end, piece)

    def _close(self, opened: list[_Opened], kind: str, start: int, end: int, name: str) -> list[tuple[int, int, str]]:
        """Take what a closing ends from ``opened``; the repairs are those of what is not right."""
        depth = len(opened) - 1
        while depth >= 0 and (opened[depth].kind, opened[depth].name) != (_OPENERS[kind], name):
            depth -= 1
        if depth >= 0:
            repairs = []
            for lonely in reversed(opened[depth + 1 :]):
                self._lonely(lonely)
                repairs.append((start, start, lonely.closer))
            del opened[depth:]
            return repairs
        title = f"\\end{{{name}}}" if kind == "\\end" else kind
        if kind == "\\end" and opened and opened[-1].kind == "\\begin":
            told = translate("LatexCheck", "{opened} is ended by {closing}").format(
                opened=opened[-1].title, closing=title
            )
            self._report(start, end, told)
            return [(start, end, opened.pop().closer)]
        self._report(
            start,
            end,
            translate("LatexCheck", "{closing} without {opening}").format(closing=title, opening=_OPENERS[kind]),
        )
        return [(start, end, " ")]

    def _lonely(self, opened: _Opened) -> None:
        without = {"{": "}", "\\left": "\\right", "\\begin": f"\\end{{{opened.name}}}"}[opened.kind]
        message = translate("LatexCheck", "{opened} is never closed: {closing} is missing").format(
            opened=opened.title, closing=without
        )
        self._report(opened.start, opened.end, message)

    def _structure(self) -> Iterator[tuple[str, int, int, str]]:
        """Whatever opens or closes: kind, range, name of the environment.

        The range holds the delimiter or the name, as far as there is one.
        """
        position = 0
        while match := _TOKEN.search(self.text, position):
            token, start, position = match[0], match.start(), match.end()
            if token in ("{", "}"):
                yield token, start, position, ""
            elif token in ("\\left", "\\right"):
                sign = _DELIMITER.match(self.text, position)
                written = (sign[1] or sign[2]) if sign is not None else ""
                known = DELIMITER_SYNONYMS.get(written, written) in DELIMITERS
                if sign is not None and (known or written in ("{", "}")):
                    position = sign.end()
                yield token, start, position, "" if known else _NO_DELIMITER
            elif token in ("\\begin", "\\end"):
                name = _NAME.match(self.text, position)
                if name is not None:
                    position = name.end()
                yield token, start, position, name[1].strip() if name is not None else _NO_NAME

    # -- what the parser finds --------------------------------------------------------------------
    def _mend(self, error: LatexError) -> None:
        """Report the parser's error, and change the text so that it does not come again."""
        position = min(error.position if error.position is not None else 0, len(self.text))
        match = _TOKEN.match(self.text, position)
        start, end = (position, match.end()) if match is not None else (position, position)
        message = re.sub(r" \(at character \d+\)$", "", str(error))
        token = self.text[start:end]
        if message.startswith("unknown command"):
            self._report(start, end, translate("LatexCheck", "Unknown command {command}").format(command=token))
            self._replace(start, end, "x")
        elif message.startswith("unknown environment"):
            self._environment(start, message)
        elif not token.isascii():
            sign = next(sign for sign in token if not sign.isascii())
            at = start + token.index(sign)
            self._report(
                at,
                at + 1,
                translate("LatexCheck", "LaTeX has no character “{sign}”: write a command").format(sign=sign),
            )
            self._replace(start, end, "x")
        elif message.endswith("needs an argument"):
            # The command is what lacks something; what follows is right where it is.
            command = message.removesuffix(" needs an argument")
            at = self._command_before(command, start)
            told = translate("LatexCheck", "{command} needs something after it").format(command=command)
            self._report(*((start, end) if at < 0 else (at, at + len(command))), told)
            self._replace(start, start, "{x}")
        elif message.startswith("nested deeper"):
            self._report(start, end, _sentence(message))
        elif message.startswith("expected ") and message[9] in "{]$":
            self._report(start, end, _sentence(message))
            self._replace(start, start, "{c}" if message[9] == "{" else message[9])
        elif message.startswith("double "):
            self._report(start, end, _sentence(message))
            self._replace(start, start, "{}")
        else:
            self._report(start, end, _sentence(message))
            # The sign that cannot stand here goes; at the end of the text nothing is left to go.
            self._replace(start, end, " ")

    def _command_before(self, command: str, position: int) -> int:
        """Where the command stands whose arguments reach up to ``position``; -1 if it is written otherwise."""
        at = self.text.rfind(command, 0, position)
        while at >= 0 and not _is_closed(self.text[at:position]):
            at = self.text.rfind(command, 0, at)
        return at

    def _environment(self, start: int, message: str) -> None:
        """An unknown environment becomes a known one that may hold any rows."""
        name = _NAME.match(self.text, start + len("\\begin"))
        if name is None:
            return
        told = translate("LatexCheck", "Unknown environment {name}").format(name=name[1].strip())
        self._report(start, name.end(), told)
        closing = re.compile(r"\\end\s*\{\s*" + re.escape(name[1].strip()) + r"\s*\}").search(self.text, name.end())
        if closing is not None:
            self._replace(closing.start(), closing.end(), "\\end{aligned}")
        self._replace(start, name.end(), "\\begin{aligned}")


def _is_closed(text: str) -> bool:
    """Whether every brace that closes in a text opens in it."""
    depth = 0
    for match in _TOKEN.finditer(text):
        depth += (match[0] == "{") - (match[0] == "}")
        if depth < 0:
            return False
    return True


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
