"""What a global hotkey is: its keys, how asking for it ended, and what every platform's handler looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeySequence

from app.words import translate
from core_model.errors import FormulensError

ALONE = {Qt.Key.Key_Print, Qt.Key.Key_Pause, Qt.Key.Key_ScrollLock} | {
    Qt.Key(Qt.Key.Key_F1 + number) for number in range(24)
}
"""Keys that may be taken without Ctrl, Alt or Meta: no text is typed with them."""


class HotkeyError(FormulensError):
    """A key that cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Outcome:
    """How asking for a hotkey ended, in words for the user."""

    ok: bool
    message: str


@dataclass(frozen=True)
class Keys:
    """One key with its modifiers. On macOS ``ctrl`` is Command and ``meta`` is Control, as Qt has it."""

    key: Qt.Key
    ctrl: bool = False
    shift: bool = False
    alt: bool = False
    meta: bool = False

    @property
    def text(self) -> str:
        """As the user knows it: Ctrl+Alt+L."""
        modifiers = Qt.KeyboardModifier.NoModifier
        for held, modifier in (
            (self.ctrl, Qt.KeyboardModifier.ControlModifier),
            (self.shift, Qt.KeyboardModifier.ShiftModifier),
            (self.alt, Qt.KeyboardModifier.AltModifier),
            (self.meta, Qt.KeyboardModifier.MetaModifier),
        ):
            if held:
                modifiers |= modifier
        return QKeySequence(modifiers | self.key).toString(QKeySequence.SequenceFormat.NativeText)

    @staticmethod
    def parse(sequence: QKeySequence | str) -> Keys:
        """Read a key sequence such as "Ctrl+Alt+L".

        Raises:
            HotkeyError: it is no key, several in a row, or one that text is typed with.
        """
        # Any: PySide's stubs leave out that a key sequence can be indexed.
        parsed: Any = QKeySequence(sequence) if isinstance(sequence, str) else sequence
        name = sequence if isinstance(sequence, str) else sequence.toString()
        if parsed.count() == 0 or parsed[0].key() in (Qt.Key.Key_unknown, Qt.Key(0)):
            raise HotkeyError(translate("Hotkey", "“{}” is no key. Write it like Ctrl+Alt+L.").format(name))
        if parsed.count() > 1:
            raise HotkeyError(
                translate("Hotkey", "A global key is one key with its modifiers, not several in a row: {}.").format(
                    name
                )
            )
        held = parsed[0].keyboardModifiers()
        keys = Keys(
            parsed[0].key(),
            ctrl=bool(held & Qt.KeyboardModifier.ControlModifier),
            shift=bool(held & Qt.KeyboardModifier.ShiftModifier),
            alt=bool(held & Qt.KeyboardModifier.AltModifier),
            meta=bool(held & Qt.KeyboardModifier.MetaModifier),
        )
        if not (keys.ctrl or keys.alt or keys.meta) and keys.key not in ALONE:
            raise HotkeyError(
                translate("Hotkey", "{} alone would be missing in every other program. Add Ctrl, Alt or Meta.").format(
                    keys.text
                )
            )
        return keys


class HotkeyHandler(QObject):
    """One platform's way to a global key. It holds one at a time."""

    activated = Signal()
    changed = Signal(object)
    """An `Outcome` that is learnt later than `register` returns."""

    name = ""

    @property
    def unavailable(self) -> str:
        """Why no key can be had here, whichever; empty where one can."""
        return ""

    def is_compatible(self) -> bool:
        """Tell whether this is the way for the present desktop."""
        raise NotImplementedError

    def register(self, keys: Keys) -> Outcome:
        """Ask for a key, giving back the one held so far.

        Raises:
            HotkeyError: the key cannot be had.
        """
        raise NotImplementedError

    def unregister(self) -> None:
        """Give the key back; without one nothing happens."""
        raise NotImplementedError


def works(keys: Keys) -> Outcome:
    """The outcome of a key that is ours."""
    return Outcome(True, translate("Hotkey", "{} starts a snip from anywhere.").format(keys.text))


def taken(keys: Keys) -> HotkeyError:
    """The error of a key that another program holds."""
    return HotkeyError(translate("Hotkey", "{} is taken by another program. Choose another key.").format(keys.text))


def unusable(keys: Keys) -> HotkeyError:
    """The error of a key that this platform has no global form of."""
    return HotkeyError(translate("Hotkey", "{} cannot be a global key here. Choose another key.").format(keys.text))
