"""What the user can set, and what the window remembers: a frozen dataclass, kept as JSON.

A settings file never stops the start: a damaged one is put aside and named, a value that makes no sense falls back to
its default alone, and keys of a newer version are kept for when that comes back.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.words import translate
from core_model.errors import FormulensError

Rule = Callable[[object], str]
"""Takes a value and says what it should be instead; empty if it is right."""

COPY_FORMATS = ("raw inline display brackets equation align markdown mathml typst sympy svg png figure").split()
DELAYS = (0, 1, 3, 5)
DEVICES = ("auto", "cpu", "mps", "cuda")
THEMES = ("system", "light", "dark")


class SettingsError(FormulensError):
    """Settings that are impossible, or a file that cannot be written."""


def _one_of(*choices: object) -> Rule:
    words = ", ".join(json.dumps(choice) for choice in choices)
    # By type too: True == 1 in Python, but not in the file.
    return lambda value: (
        ""
        if any(value == c and type(value) is type(c) for c in choices)
        else translate("Settings", "one of {choices}").format(choices=words)
    )


def _number(least: float, most: float, *, whole: bool = False) -> Rule:
    kinds: tuple[type, ...] = (int,) if whole else (int, float)

    def words() -> str:
        whole_number = translate("Settings", "a whole number from {least} to {most}")
        number = translate("Settings", "a number from {least} to {most}")
        return (whole_number if whole else number).format(least=f"{least:g}", most=f"{most:g}")

    def rule(value: object) -> str:
        right = isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most  # type: ignore[operator]
        return "" if right else words()

    return rule


def _switch(value: object) -> str:
    return "" if isinstance(value, bool) else translate("Settings", "true or false")


def _text(value: object) -> str:
    return "" if isinstance(value, str) else translate("Settings", "text")


def _state(value: object) -> str:
    if isinstance(value, str):
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
        else:
            return ""
    return translate("Settings", "base64 text")


def _layout(value: object) -> str:
    right = isinstance(value, Mapping) and all(isinstance(k, str) and not _state(v) for k, v in value.items())
    return "" if right else translate("Settings", "names with base64 text")


def _region(value: object) -> str:
    right = value is None or (
        isinstance(value, tuple)
        and len(value) == 7
        and isinstance(value[0], str)
        and all(type(part) is int for part in value[1:])
        and min(value[1], value[2], value[5], value[6]) > 0
    )
    return "" if right else translate("Settings", "a screen's name and six whole numbers, the sizes above 0")


def _set(default: Any, rule: Rule) -> Any:
    """A field with its default and the rule that its values obey."""
    if isinstance(default, Mapping):
        return field(default_factory=lambda: MappingProxyType({}), metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Settings:
    """All settings; raises SettingsError naming every impossible value."""

    theme: str = _set("system", _one_of(*THEMES))
    close_to_tray: bool = _set(False, _switch)
    """Closing the window leaves the program in the tray, where there is one."""
    history_enabled: bool = _set(True, _switch)

    copy_format: str = _set("raw", _one_of(*COPY_FORMATS))
    """The key of the format that the copy button copies."""
    copy_at_once: bool = _set(False, _switch)
    """Copy each new reading without being asked."""
    png_scale: float = _set(2.0, _number(1, 8))
    """Enlargement of the preview copied as PNG."""

    hotkey: str = _set("", _text)
    """The global shortcut for a snip, as QKeySequence writes it portably; empty: none."""
    snip_delay: int = _set(0, _one_of(*DELAYS))
    """Seconds before the still is taken."""
    last_region: tuple[str, int, int, int, int, int, int] | None = _set(None, _region)
    """The fields of the last `capture.models.Region`."""

    checkpoint: str = _set("", _text)
    """Folder of the model; empty: the one in the box."""
    device: str = _set("auto", _one_of(*DEVICES))
    beam: int = _set(1, _number(1, 16, whole=True))
    """Readings followed at once for the reading that is shown; with 1, other readings are looked for after it."""
    low_confidence: float = _set(0.8, _number(0, 1))
    """Tokens below this probability are marked."""

    recognise_while_drawing: bool = _set(True, _switch)
    pause_ms: int = _set(300, _number(50, 5000, whole=True))
    """Milliseconds without the pen down before a drawing is read."""
    pen_width: float = _set(2.5, _number(0.5, 20))
    """In the canvas's units at zoom 1."""
    grid: bool = _set(True, _switch)

    preview_font: str = _set("", _text)
    """File of an OpenType math font; empty: the preview's own."""
    preview_size: float = _set(22.0, _number(8, 96))
    """In pixels."""

    window_geometry: str = _set("", _state)
    window_state: str = _set("", _state)
    layout: Mapping[str, str] = _set({}, _layout)
    """States of splitters and headers by name, as base64."""
    last_folder: str = _set("", _text)
    """Where the user last opened or saved a file."""

    unknown: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """What the file holds beside all this; written back as it was."""

    def __post_init__(self) -> None:
        told = translate("Settings", "{name} must be {wanted}, not {value}")
        problems = [
            told.format(name=name, wanted=wanted, value=json.dumps(getattr(self, name), default=str))
            for name, rule in RULES.items()
            if (wanted := rule(getattr(self, name)))
        ]
        if problems:
            raise SettingsError("; ".join(problems) + ".")
        object.__setattr__(self, "layout", MappingProxyType(dict(self.layout)))
        object.__setattr__(self, "unknown", MappingProxyType(dict(self.unknown)))


RULES: Mapping[str, Rule] = {f.name: f.metadata["rule"] for f in fields(Settings) if "rule" in f.metadata}


def load(path: Path) -> tuple[Settings, str | None]:
    """Read the settings; the second part says what was wrong with the file, None if nothing was."""
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        return Settings(), None
    except OSError as error:
        told = translate("Settings", "The settings {file} cannot be read ({reason}): all are at their defaults.")
        return Settings(), told.format(file=path, reason=error.strerror or error)
    try:
        found = json.loads(source.decode("utf-8-sig"))
        if not isinstance(found, dict):
            raise TypeError("no JSON object")
    except (ValueError, TypeError, RecursionError):
        told = translate("Settings", "The settings {file} are damaged: all are at their defaults.").format(file=path)
        return Settings(), f"{told} {_put_aside(path)}"
    return _sound(found, path)


def _sound(found: dict[str, Any], path: Path) -> tuple[Settings, str | None]:
    """Settings of what is right in an object as read, and what was wrong."""
    kept: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    problems = []
    for name, value in found.items():
        if name not in RULES:
            unknown[name] = value
            continue
        if isinstance(value, list):
            value = tuple(value)
        if wanted := RULES[name](value):
            problems.append(translate("Settings", "{name} must be {wanted}").format(name=name, wanted=wanted))
        else:
            kept[name] = value
    settings = Settings(**kept, unknown=unknown)
    if not problems:
        return settings, None
    told = translate("Settings", "In the settings {file} these are at their defaults now: {problems}.")
    return settings, told.format(file=path, problems="; ".join(problems))


def _put_aside(path: Path) -> str:
    """Rename a damaged file and say so."""
    stamp = datetime.now().astimezone().strftime("%Y-%m-%d %H.%M.%S")
    aside = path.with_name(f"{path.stem} damaged {stamp}{path.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.stem} damaged {stamp} ({count}){path.suffix}")
    try:
        path.rename(aside)
    except OSError as error:
        told = translate("Settings", "The file could not be put aside ({reason}).")
        return told.format(reason=error.strerror or error)
    return translate("Settings", "The damaged file is kept as {name}.").format(name=aside.name)


def save(path: Path, settings: Settings) -> None:
    """Write the settings whole: a crash leaves the old file or the new one.

    Raises:
        SettingsError: the file cannot be written; the old one is untouched.
    """
    content: dict[str, Any] = dict(settings.unknown)
    for name in RULES:
        value = getattr(settings, name)
        content[name] = dict(value) if isinstance(value, Mapping) else value
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    target = path.resolve()  # a link stays a link
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".settings-", suffix=".tmp")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        told = translate(
            "Settings", "The settings cannot be saved in {folder} ({reason}): they hold until the program ends."
        )
        raise SettingsError(told.format(folder=target.parent, reason=error.strerror or error)) from error
