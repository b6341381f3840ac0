"""The LaTeX of a reading as text to correct: coloured, with doubtful tokens, problems and the active token marked.

The marks of tokens follow the text while it is edited: after each change the tokens are aligned with it anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMimeData, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from app.theme import Colors, colors, mixed, monospace
from app.token_spans import Span, spans

if TYPE_CHECKING:
    from app.latex_check import Problem

DEFAULT_THRESHOLD = 0.8
"""Tokens less sure than this are marked."""
SCALE = 1.25
"""The text's size against that of ordinary text: single signs matter here."""
_PAIRS = {"{": "}", "(": ")", "[": "]"}
_BACK = {closing: opening for opening, closing in _PAIRS.items()}


@dataclass(frozen=True)
class TokenMark:
    """What the editor and the strip know of a token."""

    text: str
    confidence: float


def doubt_color(confidence: float, threshold: float, c: Colors, ground: QColor) -> QColor | None:
    """The ground under a token that is less sure than the threshold, the stronger the less sure; else None."""
    if confidence >= threshold:
        return None
    share = (threshold - confidence) / max(threshold, 1e-6)
    weak, strong = mixed(ground, c.low_confidence_soft, 0.75), mixed(c.low_confidence_soft, c.low_confidence, 0.25)
    return mixed(weak, strong, share)


class LatexEditor(QPlainTextEdit):
    """A plain text editor for one formula."""

    edited = Signal(str)
    """The text, after the user changed it (undo and redo are changes too)."""
    token_hovered = Signal(int)
    """The token under the pointer, -1 for none."""
    token_entered = Signal(int)
    """The token that the text cursor was moved to."""
    token_menu_requested = Signal(int, QPoint)
    """Alternatives of a token are wanted at a place of the screen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: tuple[TokenMark, ...] = ()
        self._spans: tuple[Span | None, ...] = ()
        self._problems: tuple[Problem, ...] = ()
        self._active: int | None = None
        self._hinted: tuple[int, ...] = ()
        self._threshold = DEFAULT_THRESHOLD
        self._text = ""
        self._hovered = -1
        self._quiet = False
        self._highlighter = LatexHighlighter(self.document(), colors(self.palette()))
        font = monospace()
        font.setPointSizeF(font.pointSizeF() * SCALE)
        self.setFont(font)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setTabChangesFocus(True)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.document().setDocumentMargin(8)
        self.setCenterOnScroll(False)
        self.setAccessibleName(self.tr("LaTeX"))
        self.setPlaceholderText(self.tr("LaTeX"))
        self.textChanged.connect(self._on_text_changed)
        self.cursorPositionChanged.connect(self._on_cursor_moved)

    # what is shown

    def latex(self) -> str:
        return self.toPlainText()

    def set_text(self, latex: str, tokens: Sequence[TokenMark] = (), *, keep_undo: bool = False) -> None:
        """Show another reading, which is no edit; undo ends here unless it is kept."""
        self._tokens = tuple(tokens)
        self._active, self._hinted, self._problems = None, (), ()
        self._quiet = True
        if not keep_undo:
            self.setPlainText(latex)
        elif latex != self._text:
            self.replace_text(latex)
        self._quiet = False
        self._text = latex
        self._align()

    def replace_text(self, latex: str) -> None:
        """Put another text in place of this one; undo brings it back. Counts as an edit."""
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(latex)

    def set_problems(self, problems: Sequence[Problem]) -> None:
        """Underline what is wrong; pointing at it says what."""
        self._problems = tuple(problems)
        self._mark()

    def set_active(self, index: int | None) -> None:
        """Mark one token as the one that is looked at everywhere."""
        if index != self._active:
            self._active = index
            self._mark()

    def set_hinted(self, indices: Sequence[int]) -> None:
        """Mark tokens quietly: those of a region pointed at."""
        if tuple(indices) != self._hinted:
            self._hinted = tuple(indices)
            self._mark()

    def set_threshold(self, threshold: float) -> None:
        """Mark tokens less sure than this, 0..1."""
        self._threshold = threshold
        self._mark()

    def span(self, index: int) -> Span | None:
        """Where a token stands in the text now."""
        return self._spans[index] if 0 <= index < len(self._spans) else None

    def token_at(self, position: int) -> int:
        """The token of the character after a position in the text, -1 for none."""
        for index, span in enumerate(self._spans):
            if span is not None and span[0] <= position < span[1]:
                return index
        return -1

    def sizeHint(self) -> QSize:
        return QSize(360, 120)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 64)

    # marks

    def _align(self) -> None:
        self._spans = spans(self._text, [token.text for token in self._tokens])
        self._mark()

    def _mark(self) -> None:
        c = colors(self.palette())
        marks = []
        for token, span in zip(self._tokens, self._spans, strict=True):
            ground = doubt_color(token.confidence, self._threshold, c, c.paper)
            if span is not None and ground is not None:
                look = QTextCharFormat()
                look.setBackground(ground)
                look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DotLine)
                look.setUnderlineColor(c.low_confidence)
                marks.append(self._selection(span, look))
        for index in (*self._hinted, *(() if self._active is None else (self._active,))):
            span = self.span(index)
            if span is not None:
                look = QTextCharFormat()
                look.setBackground(c.selection if index == self._active else c.accent_soft)
                marks.append(self._selection(span, look))
        for place in self._brace_pair():
            look = QTextCharFormat()
            look.setForeground(c.accent)
            look.setBackground(c.hover)
            marks.append(self._selection((place, place + 1), look))
        for problem in self._problems:
            look = QTextCharFormat()
            look.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
            look.setUnderlineColor(c.warning if problem.preview_only else c.error)
            end = max(problem.end, problem.start + 1)
            start = problem.start
            if start >= len(self._text):  # something is missing at the end
                start = max(0, len(self._text) - 1)
            marks.append(self._selection((start, end), look))
        self.setExtraSelections(marks)

    def _selection(self, span: Span, look: QTextCharFormat) -> QTextEdit.ExtraSelection:
        selection = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        last = len(self._text)
        cursor.setPosition(min(span[0], last))
        cursor.setPosition(min(span[1], last), QTextCursor.MoveMode.KeepAnchor)
        selection.cursor = cursor
        selection.format = look
        return selection

    def _brace_pair(self) -> tuple[int, ...]:
        """Places of the brace beside the cursor and of its partner."""
        position = self.textCursor().position()
        for place in (position - 1, position):
            partner = matching_brace(self._text, place)
            if partner is not None:
                return place, partner
        return ()

    # events

    def event(self, event: QEvent) -> bool:
        # A picture in the clipboard is for the window to read, also while the text has the focus.
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
            and not self.canPaste()
        ):
            event.ignore()
            return False
        return super().event(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # So are files; as text they would be paths. A link is text.
        return not any(url.isLocalFile() for url in source.urls()) and super().canInsertFromMimeData(source)

    @Slot()
    def _on_text_changed(self) -> None:
        text = self.toPlainText()
        if self._quiet or text == self._text:  # colours changed, not characters
            return
        self._text = text
        self._problems = ()  # of the old text; the check of the new one is on its way
        self._align()
        self.edited.emit(text)

    @Slot()
    def _on_cursor_moved(self) -> None:
        if self._quiet or self.toPlainText() != self._text:
            return
        self._mark()
        if self.hasFocus() and not self.textCursor().hasSelection():
            self.token_entered.emit(self._token_at_cursor())

    def _token_at_cursor(self) -> int:
        position = self.textCursor().position()
        index = self.token_at(position)
        return index if index >= 0 else self.token_at(position - 1)

    def _token_under(self, point: QPoint) -> int:
        """The token whose characters are under a point of the viewport."""
        cursor = self.cursorForPosition(point)
        edge = self.cursorRect(cursor)
        place = cursor.position() - (1 if point.x() < edge.left() else 0)
        if not edge.top() <= point.y() <= edge.bottom() or not 0 <= place < len(self._text):
            return -1
        after = QTextCursor(self.document())
        after.setPosition(place + 1)
        right = self.cursorRect(after)
        if right.top() == edge.top() and point.x() > right.left():  # beyond the end of the line
            return -1
        return self.token_at(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self._token_under(event.position().toPoint()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        wanted = event.modifiers() & Qt.KeyboardModifier.ControlModifier and event.button() == Qt.MouseButton.LeftButton
        index = self._token_under(event.position().toPoint()) if wanted else -1
        if index >= 0:
            self.token_menu_requested.emit(index, event.globalPosition().toPoint())
            return
        super().mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._mark()

    def _hover(self, index: int) -> None:
        if index != self._hovered:
            self._hovered = index
            self.token_hovered.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            index = self._token_at_cursor()
            if index >= 0:
                self.token_menu_requested.emit(index, self.viewport().mapToGlobal(self.cursorRect().bottomLeft()))
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.createStandardContextMenu(event.pos())
        menu.setParent(self, menu.windowFlags())
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self._token_at_cursor() if by_key else self._token_under(event.pos())
        if index >= 0:
            first = menu.actions()[0] if menu.actions() else None
            text = self.tr("Correct “{token}”…").format(token=self._tokens[index].text.replace("&", "&&"))
            action = menu.addAction(text)
            action.setShortcut(QKeySequence("Alt+Return"))
            action.triggered.connect(lambda: self.token_menu_requested.emit(index, event.globalPos()))
            if first is not None:
                menu.removeAction(action)
                menu.insertAction(first, action)
                menu.insertSeparator(first)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self.tip_at(event.pos()), self)
            return True
        return super().viewportEvent(event)

    def tip_at(self, point: QPoint) -> str:
        """What there is to say about a point of the viewport: problems first, then how sure the token is."""
        place = self.cursorForPosition(point).position()
        found = [p.message for p in self._problems if p.start - 1 <= place <= max(p.end, p.start + 1)]
        if found:
            return "\n".join(dict.fromkeys(found))
        index = self._token_under(point)
        if index < 0:
            return ""
        token = self._tokens[index]
        return self.tr("{token} · {percent} % sure · Ctrl+click or Alt+Enter to correct").format(
            token=token.text, percent=percent(token.confidence)
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._highlighter.set_colors(colors(self.palette()))
            self._mark()


class LatexHighlighter(QSyntaxHighlighter):
    """Colours commands, numbers, braces and comments."""

    def __init__(self, document: QTextDocument, c: Colors) -> None:
        super().__init__(document)
        self._rules: tuple[tuple[re.Pattern[str], QTextCharFormat], ...] = ()
        self.set_colors(c)

    def set_colors(self, c: Colors) -> None:
        rules = []
        for pattern, color in (
            (r"\d+(?:\.\d+)?", c.number),
            (r"[{}\[\]&_^]", c.brace),
            (r"\\(?:[a-zA-Z]+\*?|.)", c.command),
            (r"(?<=\\begin\{)[^{}]*(?=\})|(?<=\\end\{)[^{}]*(?=\})", c.command),
            (r"\\\\", c.brace),
            (r"(?<!\\)%.*", c.muted),
        ):
            look = QTextCharFormat()
            look.setForeground(color)
            rules.append((re.compile(pattern), look))
        self._rules = tuple(rules)
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        for pattern, look in self._rules:
            for match in pattern.finditer(text):
                self.setFormat(match.start(), match.end() - match.start(), look)


def matching_brace(text: str, place: int) -> int | None:
    """Where the partner of the bracket at a place stands; None for no bracket, an escaped or a lonely one."""
    if not 0 <= place < len(text) or _escaped(text, place):
        return None
    sign = text[place]
    if sign in _PAIRS:
        partner, step = _PAIRS[sign], 1
    elif sign in _BACK:
        partner, step = _BACK[sign], -1
    else:
        return None
    depth, at = 0, place
    while 0 <= at < len(text):
        if not _escaped(text, at):
            depth += (text[at] == sign) - (text[at] == partner)
            if depth == 0:
                return at
        at += step
    return None


def _escaped(text: str, place: int) -> bool:
    before = text[:place]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def percent(share: float) -> int:
    """A probability as whole percent; only certainty is 100."""
    return 100 if share >= 1 else min(99, round(share * 100))
