"""Joins the result panel with those who do what it asks for: previews, pictures of alternatives, self-check, copies."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from app import clipboard, selfcheck
from app.background import Background
from app.controller import Controller
from app.formats import format_of
from app.main_window import MainWindow
from app.preview import PreviewRenderer, Rendered, rasterize, render
from app.reading import Grey, Reading
from app.selfcheck import Agreement
from app.settings import Settings
from core_model.errors import FormulensError

SLOW_FORMATS = ("mathml", "typst", "sympy", "svg", "png", "figure")
"""They are made beside the window: their libraries take up to a second to load, and large formulas long to draw."""
CHECK_FONT_PX = 40.0
"""Size of the preview that the self-check looks at: at less, symbols run together."""
CHECK_PAUSE_MS = 250
"""After so long without a new preview the self-check looks at it."""


class ReadingActions(QObject):
    """Serves the result panel."""

    told = Signal(str)
    """What was done, for the user."""
    failed = Signal(str)
    format_chosen = Signal(str)
    """The key of the format that was copied by the menu: the button's from now on."""

    def __init__(self, window: MainWindow, controller: Controller, preview: PreviewRenderer) -> None:
        super().__init__()
        self._panel = window.result
        self._window = window
        self._controller = controller
        self._preview = preview
        self._background = Background(self)
        self._settings = Settings()
        self._copying: object | None = None
        """The copy that is being made; None once something else is on the clipboard."""
        self._checked: tuple[str, Reading] | None = None
        self._check_timer = QTimer(self)
        self._check_timer.setSingleShot(True)
        self._check_timer.setInterval(CHECK_PAUSE_MS)
        self._check_timer.timeout.connect(self._check)
        controller.shown.connect(self._on_shown)
        controller.others_found.connect(self._panel.set_alternatives)
        controller.symbols_found.connect(self._panel.set_symbols)
        controller.others_pending.connect(self._panel.set_alternatives_pending)
        self._panel.preview_requested.connect(preview.request)
        self._panel.picture_requested.connect(self._request_small)
        self._panel.fix_requested.connect(controller.fix)
        self._panel.edited.connect(controller.edit)
        self._panel.copy_requested.connect(self.copy_by_menu)
        window.copy_requested.connect(lambda: self.copy(self._settings.copy_format))
        preview.rendered.connect(self._on_rendered)
        preview.failed.connect(self._on_not_rendered)
        QApplication.clipboard().dataChanged.connect(self._on_clipboard_changed)
        preview.small_rendered.connect(self._panel.set_alternative_picture)

    def apply(self, settings: Settings) -> None:
        """Take over settings."""
        self._settings = settings
        self._panel.set_default_format(settings.copy_format)
        self._panel.set_low_confidence(settings.low_confidence)

    def stop(self) -> None:
        """End the work in the background."""
        self._check_timer.stop()
        self._background.stop()

    @Slot(str)
    def copy_by_menu(self, key: str) -> None:
        """Copy in a format, and stay with it if that was possible."""
        self.copy(key, stay=True)

    @Slot(str)
    def copy(self, key: str, *, stay: bool = False) -> None:
        """Copy the LaTeX as it stands, in a format; what is put on the clipboard before that is done stays there."""
        latex, settings = self._panel.latex(), self._settings
        if not latex.strip():
            self.failed.emit(self.tr("There is nothing to copy yet."))
            return
        reading = self._controller.reading

        def svg() -> bytes:
            font = settings.preview_font or None
            return render(latex, size=settings.preview_size, color="#000000", font=font).svg

        def figure() -> bytes:
            from app.attention_figure import attention_figure

            assert reading is not None
            return attention_figure(reading)

        def make() -> QMimeData:
            data = clipboard.mime_data(
                key,
                latex,
                preview_svg=svg,
                figure=None if reading is None else figure,
                png_scale=settings.png_scale,
            )
            data.moveToThread(self.thread())
            return data

        this = self._copying = object()

        def put(data: QMimeData) -> None:
            if self._copying is not this:
                return
            QApplication.clipboard().setMimeData(data)
            self.told.emit(self.tr("Copied as {}.").format(format_of(key).label))
            if stay and key != self._settings.copy_format:
                self.format_chosen.emit(key)

        def failed(message: str) -> None:
            if self._copying is this:
                self.failed.emit(message)

        if key in SLOW_FORMATS:
            self._background.run(make, put, failed)
            return
        try:
            put(make())
        except FormulensError as error:
            self.failed.emit(str(error))

    @Slot(str)
    def copy_text(self, latex: str) -> None:
        """Copy LaTeX of the history as it is."""
        self._copying = None
        QApplication.clipboard().setText(latex)
        self.told.emit(self.tr("Copied as {}.").format(format_of("raw").label))

    @Slot()
    def _on_clipboard_changed(self) -> None:
        # Of what we put there ourselves Windows tells late, perhaps when the next copy is already being made.
        if not QApplication.clipboard().ownsClipboard():
            self._copying = None

    @Slot(str, object)
    def _on_rendered(self, latex: str, rendered: Rendered) -> None:
        if latex == self._panel.latex():
            self._panel.set_preview(rendered)
            self._check_timer.start()

    @Slot(str, object)
    def _on_not_rendered(self, latex: str, problems: tuple[object, ...]) -> None:
        if latex == self._panel.latex():
            self._check_timer.stop()
            self._panel.set_problems(problems)  # type: ignore[arg-type]

    @Slot(str)
    def _request_small(self, latex: str) -> None:
        self._preview.request_small(latex, latex)

    @Slot(object)
    def _on_shown(self, reading: Reading) -> None:
        self._check_timer.stop()
        self._preview.forget_small()
        self._window.show_result()
        self._panel.show_reading(reading, reading.original)

    @Slot()
    def _check(self) -> None:
        """Compare the snip with the preview of the text as it stands."""
        reading, latex = self._controller.reading, self._panel.latex()
        if reading is None or not latex:
            return
        asked = latex, reading
        self._checked = asked

        def compare() -> Agreement:
            return selfcheck.compare(reading.picture, preview_for_check(latex))

        def tell(agreement: Agreement) -> None:
            if self._checked == asked and self._panel.latex() == latex:
                self._panel.set_agreement(agreement)

        # A preview that cannot be drawn is told where it is drawn for the eye.
        self._background.run(compare, tell, lambda _: self._panel.set_agreement(None))


def preview_for_check(latex: str) -> Grey:
    """The formula as the self-check wants to see it, dark on white.

    Raises:
        PreviewError: it cannot be drawn.
    """
    rendered = render(latex, size=CHECK_FONT_PX)
    return rasterize(rendered.svg, max(1, round(rendered.width)))
