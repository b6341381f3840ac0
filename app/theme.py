"""The looks of the app: a light and a dark palette, the colours by role, following the system's choice.

`apply` is the only place that sets the application's palette. Widgets ask `colors(self.palette())` whenever they paint
and get a `changeEvent` of type PaletteChange when the theme changes; others connect to `watcher().changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from app.stylesheet import stylesheet

Theme = Literal["system", "light", "dark"]
TextRole = Literal["muted", "warning", "error", "good"]


@dataclass(frozen=True)
class Colors:
    """The colours of a theme by what they are for. Each call of `colors` makes its own, free to be changed."""

    dark: bool
    """Whether these are the colours of the dark theme."""
    window: QColor
    """Behind everything."""
    paper: QColor
    """Behind text, formulas and drawings."""
    raised: QColor
    """Buttons, menus, chips, tooltips."""
    hover: QColor
    """A button or chip under the pointer."""
    ink: QColor
    """Text, and the strokes of formulas."""
    muted: QColor
    """Secondary text; still readable on window and paper."""
    faint: QColor
    """Disabled and placeholder text, and decoration."""
    line: QColor
    """Hairlines between parts."""
    line_strong: QColor
    """Outlines that must be seen: fields, check boxes, the band over a picture."""
    accent: QColor
    """What is active, focused or to be done next; readable as text."""
    accent_soft: QColor
    """A ground that marks something as active while ink stays readable on it."""
    on_accent: QColor
    """Text on a ground of accent."""
    selection: QColor
    """The ground of chosen rows and chips drawn by ourselves; ink is readable on it."""
    warning: QColor
    warning_soft: QColor
    error: QColor
    error_soft: QColor
    good: QColor
    good_soft: QColor
    star: QColor
    """Favourites."""
    heat_low: QColor
    """Where the model hardly looked; the ramp goes over heat_mid to heat_high."""
    heat_mid: QColor
    heat_high: QColor
    low_confidence: QColor
    """Marks a token that the model was unsure of; a line under text."""
    low_confidence_soft: QColor
    """The same as a ground under text."""
    command: QColor
    """LaTeX commands."""
    number: QColor
    """Digits in LaTeX."""
    brace: QColor
    """Braces, and & and \\\\."""
    only_snip: QColor
    """In comparisons: ink that only the snip has."""
    only_preview: QColor
    """In comparisons: ink that only the preview has."""
    grid: QColor
    """The canvas's grid on paper."""
    scrim: QColor
    """Over what is not chosen; translucent."""


LIGHT = {
    "window": "#f3f4f7",
    "paper": "#ffffff",
    "raised": "#ffffff",
    "hover": "#e9ecf2",
    "ink": "#1b1f27",
    "muted": "#575f6e",
    "faint": "#9aa1ae",
    "line": "#dcdfe6",
    "line_strong": "#868e9c",
    "accent": "#3350c4",
    "accent_soft": "#e5e9fb",
    "on_accent": "#ffffff",
    "selection": "#dbe2fb",
    "warning": "#8a5200",
    "warning_soft": "#fdf0d5",
    "error": "#b3261e",
    "error_soft": "#fce8e6",
    "good": "#1c6b3c",
    "good_soft": "#e1f3e7",
    "star": "#c27c00",
    "heat_low": "#fff3c9",
    "heat_mid": "#ffb648",
    "heat_high": "#d6336c",
    "low_confidence": "#c2570c",
    "low_confidence_soft": "#ffe6cc",
    "command": "#3350c4",
    "number": "#0b6b74",
    "brace": "#6b7280",
    "only_snip": "#c92a2a",
    "only_preview": "#1864ab",
    "grid": "#e8ebf2",
    "scrim": "#7a10131a",
}
DARK = {
    "window": "#191b20",
    "paper": "#202329",
    "raised": "#2a2e36",
    "hover": "#343943",
    "ink": "#e7e9ee",
    "muted": "#a6adbb",
    "faint": "#6f7786",
    "line": "#343841",
    "line_strong": "#7d8594",
    "accent": "#98adff",
    "accent_soft": "#2b3455",
    "on_accent": "#12172b",
    "selection": "#323d66",
    "warning": "#f2b84b",
    "warning_soft": "#3d311b",
    "error": "#ff9389",
    "error_soft": "#43262a",
    "good": "#78d09a",
    "good_soft": "#1f3a2b",
    "star": "#f5bf4f",
    "heat_low": "#3b2f5c",
    "heat_mid": "#d1496f",
    "heat_high": "#ffd166",
    "low_confidence": "#ffa65c",
    "low_confidence_soft": "#4a3420",
    "command": "#98adff",
    "number": "#6fd0d6",
    "brace": "#9aa3b2",
    "only_snip": "#ff8787",
    "only_preview": "#74c0fc",
    "grid": "#2b2f38",
    "scrim": "#99000000",
}


def colors(palette: QPalette) -> Colors:
    """The colours that go with a palette: the dark ones where its window is darker than its text."""
    ground, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
    return named_colors(ground.lightness() < text.lightness())


def named_colors(dark: bool) -> Colors:
    """The colours of the light or the dark theme, whatever is applied."""
    table = DARK if dark else LIGHT
    return Colors(dark=dark, **{field.name: QColor(table[field.name]) for field in fields(Colors)[1:]})


def make_palette(dark: bool) -> QPalette:
    """The light or dark palette for Qt's own widgets."""
    c = named_colors(dark)
    role = QPalette.ColorRole
    palette = QPalette()
    table = {
        role.Window: c.window,
        role.WindowText: c.ink,
        role.Base: c.paper,
        role.AlternateBase: mixed(c.paper, c.window, 0.6),
        role.Text: c.ink,
        role.Button: c.raised,
        role.ButtonText: c.ink,
        role.BrightText: c.error,
        role.ToolTipBase: c.raised,
        role.ToolTipText: c.ink,
        role.PlaceholderText: c.muted,
        role.Link: c.accent,
        role.LinkVisited: c.accent,
        role.Highlight: c.accent,
        role.HighlightedText: c.on_accent,
        role.Accent: c.accent,
        role.Light: c.paper if not dark else c.hover,
        role.Midlight: c.hover,
        role.Mid: c.line_strong,
        role.Dark: c.line_strong,
        role.Shadow: QColor("#000000"),
    }
    for which, color in table.items():
        palette.setColor(which, color)
    for which in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, c.faint)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Base, c.window)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, c.line)
    palette.setColor(QPalette.ColorGroup.Disabled, role.HighlightedText, c.faint)
    palette.setColor(QPalette.ColorGroup.Disabled, role.Accent, c.faint)
    return palette


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """A colour between two: `share` of `other`, the rest of `one`; with alpha."""
    pairs = zip(one.getRgbF(), other.getRgbF(), strict=True)  # type: ignore[call-overload]
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in pairs))


def contrast(one: QColor, other: QColor) -> float:
    """The contrast ratio of WCAG 2, 1 to 21; AA asks 4.5 of text and 3 of outlines and icons."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: QColor) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (color.redF(), color.greenF(), color.blueF())
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def set_text_role(label: QLabel, role: TextRole) -> None:
    """Colour a label's text by role, in this theme and the next.

    By the stylesheet, since Qt forgets a label's own palette when the label moves to another parent under a stylesheet.
    """
    label.setProperty("textRole", role)
    label.style().unpolish(label)
    label.style().polish(label)


def monospace(points: float | None = None) -> QFont:
    """The system's fixed-width font for LaTeX, in the size of ordinary text if none is given."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(points or max(QGuiApplication.font().pointSizeF(), 8.0))
    return font


class ThemeWatcher(QObject):
    """Holds the chosen theme of the application and follows the system's where that is the choice."""

    changed = Signal()
    """The palette has changed; `changeEvent` tells widgets the same."""

    def __init__(self, app: QApplication, scheme: Callable[[], Qt.ColorScheme] | None = None) -> None:
        """Watch an application; `scheme` asks the system, through Qt if not given."""
        super().__init__(app)
        self._app = app
        self._scheme = scheme or app.styleHints().colorScheme
        self._theme: Theme = "system"
        self._dark: bool | None = None
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self.follow)

    @property
    def theme(self) -> Theme:
        """What was chosen; `is_dark` is what came of it."""
        return self._theme

    @property
    def is_dark(self) -> bool:
        return bool(self._dark)

    def choose(self, theme: Theme) -> None:
        """Apply a theme; a second time changes nothing."""
        self._theme = theme
        scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(theme, Qt.ColorScheme.Unknown)
        # Title bars and native dialogs follow this where the platform can; it may call `follow` on the way.
        self._app.styleHints().setColorScheme(scheme)
        self.follow()

    @Slot()
    def follow(self) -> None:
        """Put on the palette that the choice and the system call for."""
        if self._theme == "system":
            dark = self._scheme() == Qt.ColorScheme.Dark
        else:
            dark = self._theme == "dark"
        if dark == self._dark:
            return
        self._dark = dark
        c = named_colors(dark)
        self._app.setPalette(make_palette(dark))
        sheet = stylesheet(
            c, accent_hover=mixed(c.accent, c.ink, 0.2).name(), progress=mixed(c.accent, c.paper, 0.55).name()
        )
        self._app.setStyleSheet(sheet)
        self.changed.emit()


def watcher() -> ThemeWatcher:
    """The application's one watcher, made when first asked for.

    Raises:
        RuntimeError: there is no QApplication yet.
    """
    app = QCoreApplication.instance()
    if not isinstance(app, QApplication):
        raise RuntimeError("themes need a QApplication")
    found = app.findChild(ThemeWatcher)
    return found if found is not None else ThemeWatcher(app)


def apply(app: QApplication, theme: Theme) -> None:
    """Show the whole application in a theme, `system` following the system's own from now on."""
    found = app.findChild(ThemeWatcher)
    (found if found is not None else ThemeWatcher(app)).choose(theme)
