"""A reading on one page: the picture with the heat, the LaTeX beside it, below them the preview and other readings.

    picture + tokens | LaTeX
    preview          | other readings

The four parts share one cross of splitters, so their edges stay in line. What is pointed at in one part lights up in
the others. The panel decides nothing: it asks by signals and shows what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QImage
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSplitter, QToolButton, QVBoxLayout, QWidget

from app.alternatives import THE_READING, AlternativesList
from app.attention_view import AttentionView
from app.busy_line import BusyLine
from app.copy_button import CopyButton
from app.fix_menu import FixMenu, TokenDialog
from app.icons import icon
from app.latex_editor import DEFAULT_THRESHOLD, LatexEditor, TokenMark, percent
from app.preview_view import PreviewView
from app.reading import Reading
from app.surface import Surface
from app.theme import colors, set_text_role
from app.token_strip import TokenStrip
from app.warning_line import WarningLine

if TYPE_CHECKING:
    from app.latex_check import Problem
    from app.preview import Rendered
    from app.selfcheck import Agreement
    from core_model.recognizer import Alternative

GRID = 8
CAPTION_HEIGHT = 4 * GRID
LEAST = QSize(640, 360)
SHARES = (56, 44), (48, 52)
"""Of width for the left and right parts, of height for the upper and lower ones, at first."""


class ResultPanel(QWidget):
    """Shows a reading and lets the user correct it."""

    edited = Signal(str)
    """The LaTeX, after the user changed it by hand or by choosing another reading."""
    preview_requested = Signal(str)
    """This LaTeX wants a picture; answer by `set_preview` or `set_problems`."""
    picture_requested = Signal(str)
    """The LaTeX of an alternative wants a picture; answer by `set_alternative_picture`."""
    fix_requested = Signal(int, str)
    """Read again with another token at this place."""
    copy_requested = Signal(str)
    """The key of a format."""
    selfcheck_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reading: Reading | None = None
        self._alternatives: tuple[Alternative, ...] = ()
        self._symbols: tuple[Alternative, ...] = ()
        self._others: tuple[Alternative, ...] = ()
        self._vocabulary: tuple[str, ...] = ()
        self._pinned: int | None = None
        self._threshold = DEFAULT_THRESHOLD
        self.attention = AttentionView()
        self.strip = TokenStrip()
        self.editor = LatexEditor()
        self.preview = PreviewView()
        self.alternatives = AlternativesList()
        self.busy = BusyLine()
        self.warnings = WarningLine()
        self._make_small_parts()
        self._lay_out()
        self._connect()
        self._restyle()

    # what is shown

    def show_reading(self, reading: Reading, original: QImage | None = None) -> None:
        """Show a reading; `original` is its picture in colour. Asks for the previews it needs.

        The alternatives of the same picture's last reading stay when this one brings none: after one token was
        corrected they are as good as before. So do the guesses at a lone symbol, and the text's undo.
        """
        recognition = reading.recognition
        same = self._reading is not None and self._reading.picture is reading.picture
        tokens = tuple(TokenMark(token.text, token.confidence) for token in recognition.tokens)
        self._close_corrections()
        self._reading = reading
        self._pinned = None
        self.attention.set_reading(reading, original)
        self.strip.set_tokens(tokens)
        self.editor.set_text(reading.latex, tokens, keep_undo=same)
        self.play_button.setEnabled(bool(tokens))
        self.copy_button.setEnabled(bool(reading.latex))
        self.set_agreement(None)
        self._show_confidence()
        self.warnings.set_warnings(recognition.warnings)
        self._show_token(None)
        self._symbols = self._symbols if same else ()
        self.set_alternatives(recognition.alternatives or (self._alternatives if same else ()))
        self.preview_requested.emit(reading.latex)

    def latex(self) -> str:
        """The LaTeX as it stands in the editor."""
        return self.editor.latex()

    def set_alternatives(self, alternatives: Sequence[Alternative]) -> None:
        """Other readings, which may come later than the reading itself."""
        if self._reading is None:
            return
        self._alternatives = tuple(alternatives)
        self.alternatives.set_pending(False)
        self._show_others(self._reading)

    def set_symbols(self, guesses: Sequence[Alternative]) -> None:
        """What the drawing may be as a lone symbol, which may come later than the reading itself."""
        if self._reading is not None:
            self._symbols = tuple(guesses)
            self._show_others(self._reading)

    def _show_others(self, reading: Reading) -> None:
        named = {one.latex for one in self._symbols}
        self._others = (*self._symbols, *(one for one in self._alternatives if one.latex not in named))
        self.alternatives.set_recognition(reading.recognition, self._others, len(self._symbols))
        self.alternatives.set_current(self.latex())
        for latex in dict.fromkeys([reading.recognition.latex, *(one.latex for one in self._others)]):
            if latex:
                self.picture_requested.emit(latex)

    def set_alternatives_pending(self, pending: bool) -> None:
        """Whether other readings are still being looked for."""
        self.alternatives.set_pending(pending)

    @Slot(str, object)
    def set_alternative_picture(self, latex: str, rendered: Rendered) -> None:
        """The picture of an alternative, by its LaTeX; one that is no longer shown is ignored."""
        if self._reading is not None:
            if self._reading.recognition.latex == latex:
                self.alternatives.set_picture(THE_READING, rendered)
            for index, alternative in enumerate(self._others):
                if alternative.latex == latex:
                    self.alternatives.set_picture(index, rendered)

    @Slot(object)
    def set_preview(self, rendered: Rendered) -> None:
        """The picture of the LaTeX."""
        self.preview.set_rendered(rendered)
        self.editor.set_problems(())

    @Slot(object)
    def set_problems(self, problems: Sequence[Problem]) -> None:
        """What is wrong with the LaTeX; the last good picture stays."""
        self.preview.set_problems(tuple(problems))
        self.editor.set_problems(problems)

    @Slot(object)
    def set_agreement(self, agreement: Agreement | None) -> None:
        """Say quietly whether preview and picture agree in structure; None as long as that is not known."""
        self.compare_button.setEnabled(bool(self.latex()))
        if agreement is None:
            name, text = "side-by-side", self.tr("Compare")
            tip = self.tr("Lay the preview over the picture")
        elif agreement.agrees:
            name, text = "check", self.tr("Agrees with the picture")
            tip = self.tr("As many signs, of the same extent. Click to compare.")
        else:
            name, text = "warning", self.tr("May differ from the picture")
            tip = "\n".join([*agreement.reasons, self.tr("Click to compare.")])
        self.compare_button.setIcon(icon(name, self.palette()))
        self.compare_button.setText(text)
        self.compare_button.setToolTip(f"{tip} (Ctrl+D)")
        self.compare_button.setAccessibleName(text)

    @Slot(bool)
    def set_busy(self, busy: bool) -> None:
        """Whether the next reading is on its way; what is shown stays usable."""
        self.busy.set_running(busy)

    def set_default_format(self, key: str) -> None:
        """The format that the copy button copies in."""
        self.copy_button.set_default_format(key)

    def set_low_confidence(self, threshold: float) -> None:
        """Mark tokens less sure than this, 0..1."""
        self._threshold = threshold
        self.editor.set_threshold(threshold)
        self.strip.set_threshold(threshold)
        self._show_confidence()

    def set_vocabulary(self, tokens: Sequence[str]) -> None:
        """The tokens that the model knows, to complete what is typed."""
        self._vocabulary = tuple(tokens)

    @Slot()
    def open_copy_menu(self) -> None:
        """Show the formats to copy in, below the button."""
        # Not showMenu(): its event loop holds Python's lock, and recognition would stand still as long as it is open.
        menu = self.copy_button.menu()
        menu.popup(self.copy_button.mapToGlobal(QPoint(0, self.copy_button.height())))

    def layout_state(self) -> str:
        """Where the splitters stand, for the settings."""
        sizes = [self._columns[0].sizes(), self._rows.sizes()]
        return ";".join(",".join(map(str, pair)) for pair in sizes)

    def restore_layout(self, state: str) -> None:
        """Put the splitters where `layout_state` found them; anything else changes nothing."""
        pairs = [[int(n) for n in part.split(",") if n.isdigit()] for part in state.split(";")]
        if [len(pair) for pair in pairs] == [2, 2] and all(sum(pair) > 0 for pair in pairs):
            for columns in self._columns:
                columns.setSizes(pairs[0])
            self._rows.setSizes(pairs[1])

    # corrections

    def open_fix_menu(self, index: int, where: QPoint | None = None) -> FixMenu | None:
        """Offer what else could stand in a token's place; below its region in the picture if no place is given."""
        if self._reading is None or not 0 <= index < len(self._reading.recognition.tokens):
            return None
        self._pin(index)
        menu = FixMenu(self._reading.recognition.tokens[index], self)
        reading = self._reading
        menu.chosen.connect(lambda token: self._ask_fix(reading, index, token))
        menu.typing_requested.connect(lambda: self.open_token_dialog(index))
        menu.popup(self._below_region(index) if where is None else where)
        return menu

    def open_token_dialog(self, index: int) -> TokenDialog | None:
        """Ask for a token that is not among the alternatives."""
        if self._reading is None or not 0 <= index < len(self._reading.recognition.tokens):
            return None
        dialog = TokenDialog(self._reading.recognition.tokens[index].text, self._vocabulary, self)
        reading = self._reading
        dialog.entered.connect(lambda token: self._ask_fix(reading, index, token))
        dialog.open()
        return dialog

    def _ask_fix(self, reading: Reading, index: int, token: str) -> None:
        if reading is self._reading:  # else the token at this place is another one by now
            self.fix_requested.emit(index, token)

    def _close_corrections(self) -> None:
        """Menus and dialogs of a reading are of no use for the next one."""
        for menu in self.findChildren(FixMenu):
            menu.close()
        for dialog in self.findChildren(TokenDialog):
            dialog.reject()

    def _below_region(self, index: int) -> QPoint:
        region = self.attention.region(index)
        if region is None:
            return self._below_chip(index)
        return self.attention.mapToGlobal(region.bottomLeft().toPoint() + QPoint(0, 6))

    def _below_chip(self, index: int) -> QPoint:
        return self.strip.mapToGlobal(self.strip.chip(index).bottomLeft().toPoint() + QPoint(0, 4))

    @Slot(int)
    def _choose(self, index: int) -> None:
        if self._reading is None:
            return
        latex = self._reading.recognition.latex if index == THE_READING else self._others[index].latex
        if latex != self.latex():
            self.editor.replace_text(latex)

    @Slot(str)
    def _on_edited(self, latex: str) -> None:
        self.copy_button.setEnabled(bool(latex))
        self.alternatives.set_current(latex)
        self.set_agreement(None)
        self.edited.emit(latex)
        self.preview_requested.emit(latex)

    # the token that is looked at

    def _pin(self, index: int) -> None:
        """Look at a token until another is chosen."""
        self._pinned = index if index >= 0 else None
        self._show_token(self._pinned)

    def _hover(self, index: int) -> None:
        """Look at a token as long as the pointer is there."""
        if not self.attention.playing:
            self._show_token(index if index >= 0 else self._pinned)

    def _hint(self, indices: tuple[int, ...]) -> None:
        self.editor.set_hinted(indices)
        self.strip.set_hinted(indices)

    def _show_token(self, index: int | None) -> None:
        self.attention.set_active(index)
        self.editor.set_active(index)
        self.strip.set_active(index)
        text = ""
        if index is not None and self._reading is not None:
            token = self._reading.recognition.tokens[index]
            text = self.tr("{token}  ·  {percent} %").format(token=token.text, percent=percent(token.confidence))
        self._token_note.setText(text)

    def _show_confidence(self) -> None:
        recognition = None if self._reading is None else self._reading.recognition
        if recognition is None or not recognition.tokens:
            self._confidence.clear()
            return
        doubtful = sum(token.confidence < self._threshold for token in recognition.tokens)
        sure = self.tr("{percent} % sure").format(percent=percent(recognition.confidence))
        tips = [self.tr("The geometric mean of the tokens' probabilities.")]
        if doubtful:
            tips.append(self.tr("{count} of {all} tokens are below {percent} %; they are marked in the text.").format(
                count=doubtful, all=len(recognition.tokens), percent=percent(self._threshold)
            ))  # fmt: skip
        self._confidence.setText(sure)
        self._confidence.setToolTip("\n".join(tips))

    @Slot(bool)
    def _on_playing(self, playing: bool) -> None:
        self.play_button.setIcon(icon("stop" if playing else "play", self.palette()))
        text = self.tr("Stop") if playing else self.tr("Play the reading token by token")
        keys = self.tr("Space in the picture")
        self.play_button.setToolTip(f"{text} ({keys})")
        self.play_button.setAccessibleName(text)
        if not playing and self._reading is not None and self._pinned == len(self._reading.recognition.tokens) - 1:
            self._pin(-1)

    @Slot()
    def _toggle_play(self) -> None:
        if self.attention.playing:
            self.attention.stop()
        else:
            self.attention.play()

    # making

    def _make_small_parts(self) -> None:
        self.play_button = QToolButton()
        self.play_button.setAutoRaise(True)
        self.play_button.setEnabled(False)
        self._token_note = QLabel()
        self._token_note.setTextFormat(Qt.TextFormat.PlainText)
        self._token_note.setContentsMargins(0, 0, 4, 0)
        self._confidence = QLabel()
        self._confidence.setAccessibleName(self.tr("Confidence"))
        for label in (self._token_note, self._confidence):
            set_text_role(label, "muted")
        self.compare_button = QPushButton()
        self.compare_button.setObjectName("quiet")
        self.compare_button.setIconSize(QSize(22, 16))  # wider than the drawing, which keeps it off the text
        self.compare_button.clicked.connect(self.selfcheck_requested)
        self.copy_button = CopyButton()
        self.set_agreement(None)
        self._on_playing(False)

    def _lay_out(self) -> None:
        player = QWidget()
        row = QHBoxLayout(player)
        row.setContentsMargins(0, GRID, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.play_button)
        row.addWidget(self.strip, 1)
        picture = self._part(self.tr("Picture"), [self.attention, player], right=[self._token_note])
        latex = self._part(self.tr("LaTeX"), [Surface(self.editor)], left=[self._confidence], right=[self.copy_button])
        preview = self._part(self.tr("Preview"), [Surface(self.preview)], right=[self.compare_button])
        others = self._part(self.tr("Readings"), [Surface(self.alternatives)])
        self._columns = [_cross(Qt.Orientation.Horizontal, pair) for pair in ((picture, latex), (preview, others))]
        self._rows = _cross(Qt.Orientation.Vertical, self._columns)
        for splitter, shares in ((self._columns[0], SHARES[0]), (self._columns[1], SHARES[0]), (self._rows, SHARES[1])):
            splitter.setSizes([share * 100 for share in shares])
            for place, share in enumerate(shares):
                splitter.setStretchFactor(place, share)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.busy)
        body = QVBoxLayout()
        body.setContentsMargins(2 * GRID, GRID - BusyLine.THICKNESS, 2 * GRID, 2 * GRID)
        body.setSpacing(GRID)
        body.addWidget(self.warnings)
        body.addWidget(self._rows, 1)
        page.addLayout(body, 1)
        for before, after in (
            (self.attention, self.play_button),
            (self.play_button, self.strip),
            (self.strip, self.editor),
            (self.editor, self.copy_button),
            (self.copy_button, self.compare_button),
            (self.compare_button, self.preview),
            (self.preview, self.alternatives),
        ):
            QWidget.setTabOrder(before, after)

    def _part(
        self, title: str, content: list[QWidget], *, left: Sequence[QWidget] = (), right: Sequence[QWidget] = ()
    ) -> QWidget:
        """A caption with what belongs to it, and below it a part of the page."""
        part = QWidget()
        caption = QLabel(title)
        font = caption.font()
        font.setWeight(QFont.Weight.DemiBold)
        caption.setFont(font)
        head = QHBoxLayout()
        head.setContentsMargins(4, 0, 0, 0)
        head.setSpacing(GRID // 2)
        strut = QWidget()
        strut.setFixedSize(0, CAPTION_HEIGHT)
        head.addWidget(caption)
        head.addWidget(strut)
        for widget in left:
            head.addWidget(widget)
        head.addStretch(1)
        for widget in right:
            head.addWidget(widget)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addSpacing(4)
        column.addWidget(content[0], 1)
        for widget in content[1:]:
            column.addWidget(widget)
        return part

    def _connect(self) -> None:
        self.attention.token_hovered.connect(self._hover)
        self.attention.tokens_hovered.connect(self._hint)
        self.attention.token_stepped.connect(self._pin)
        self.attention.token_clicked.connect(self.open_fix_menu)
        self.attention.playing_changed.connect(self._on_playing)
        self.play_button.clicked.connect(self._toggle_play)
        self.strip.token_hovered.connect(self._hover)
        self.strip.token_stepped.connect(self._pin)
        self.strip.token_clicked.connect(lambda index: self.open_fix_menu(index, self._below_chip(index)))
        self.editor.token_hovered.connect(self._hover)
        self.editor.token_entered.connect(self._pin)
        self.editor.token_menu_requested.connect(self.open_fix_menu)
        self.editor.edited.connect(self._on_edited)
        self.copy_button.copy_requested.connect(self.copy_requested)
        self.alternatives.chosen.connect(self._choose)
        for one, other in (self._columns, self._columns[::-1]):
            one.splitterMoved.connect(lambda *_, one=one, other=other: other.setSizes(one.sizes()))

    def minimumSizeHint(self) -> QSize:
        """With room for captions and their buttons in any language."""
        return super().minimumSizeHint().expandedTo(LEAST)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._restyle()

    def _restyle(self) -> None:
        """What the palette cannot say, in the colours of the theme."""
        c = colors(self.palette())
        style = (
            "QPushButton#quiet { border: 1px solid transparent; background: transparent; padding: 4px; }"
            f"QPushButton#quiet:hover {{ background: {c.hover.name()}; }}"
            f"QPushButton#quiet:focus {{ border-color: {c.accent.name()}; }}"
        )
        if self.compare_button.styleSheet() != style:
            self.compare_button.setStyleSheet(style)


def _cross(orientation: Qt.Orientation, parts: Sequence[QWidget]) -> QSplitter:
    splitter = QSplitter(orientation)
    splitter.setChildrenCollapsible(False)
    splitter.setHandleWidth(2 * GRID)
    for part in parts:
        splitter.addWidget(part)
    return splitter
