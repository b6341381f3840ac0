"""Global hotkey on X11 by a passive grab, over a connection of its own.

Spoken through libxcb and not Xlib: there an error ("another program has this key") comes back to the call, while Xlib
hands it to a handler that is global to the process and that Qt has set. libxcb-keysyms is what Qt itself needs on X11.
"""

from __future__ import annotations

import ctypes
import itertools
from ctypes import POINTER, Structure, c_int, c_uint8, c_uint16, c_uint32, c_void_p
from functools import cache
from typing import Any

from PySide6.QtCore import QObject, QSocketNotifier, Qt, Slot

from app.capture.session import is_x11
from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome, taken, unusable, works

SHIFT, LOCK, CONTROL, MOD1, MOD4 = 1, 2, 4, 8, 64
ASYNC = 1
KEY_PRESS, KEY_RELEASE, MAPPING_NOTIFY = 2, 3, 34
BAD_ACCESS = 10
NUM_LOCK, SCROLL_LOCK = 0xFF7F, 0xFF14
F1 = 0xFFBE
NAMED = {
    Qt.Key.Key_Escape: 0xFF1B,
    Qt.Key.Key_Tab: 0xFF09,
    Qt.Key.Key_Backspace: 0xFF08,
    Qt.Key.Key_Return: 0xFF0D,
    Qt.Key.Key_Enter: 0xFF8D,
    Qt.Key.Key_Insert: 0xFF63,
    Qt.Key.Key_Delete: 0xFFFF,
    Qt.Key.Key_Pause: 0xFF13,
    Qt.Key.Key_Print: 0xFF61,
    Qt.Key.Key_ScrollLock: SCROLL_LOCK,
    Qt.Key.Key_Home: 0xFF50,
    Qt.Key.Key_End: 0xFF57,
    Qt.Key.Key_Left: 0xFF51,
    Qt.Key.Key_Up: 0xFF52,
    Qt.Key.Key_Right: 0xFF53,
    Qt.Key.Key_Down: 0xFF54,
    Qt.Key.Key_PageUp: 0xFF55,
    Qt.Key.Key_PageDown: 0xFF56,
}


class Cookie(Structure):
    """xcb_void_cookie_t, and every other cookie."""

    _fields_ = (("sequence", c_uint32),)


class Error(Structure):
    """xcb_generic_error_t."""

    _fields_ = (("response_type", c_uint8), ("error_code", c_uint8), ("rest", c_uint8 * 34))


class Event(Structure):
    """xcb_key_press_event_t; the other events share its beginning."""

    _fields_ = (
        ("response_type", c_uint8),
        ("detail", c_uint8),
        ("sequence", c_uint16),
        ("time", c_uint32),
        ("rest", c_uint8 * 28),
    )


class Screens(Structure):
    """xcb_screen_iterator_t; a screen begins with its root window."""

    _fields_ = (("data", POINTER(c_uint32)), ("rem", c_int), ("index", c_int))


class ModifierMap(Structure):
    """xcb_get_modifier_mapping_reply_t."""

    _fields_ = (("response_type", c_uint8), ("keycodes_per_modifier", c_uint8), ("rest", c_uint8 * 30))


class X11Hotkey(HotkeyHandler):
    """Grabs the key on each screen's root window, with every combination of the locks."""

    name = "x11"

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._connection: int | None = None
        self._symbols: int | None = None
        self._notifier: QSocketNotifier | None = None
        self._keys: Keys | None = None
        self._released: tuple[int, int] | None = None  # key code and server time

    def is_compatible(self) -> bool:
        """X11; under Wayland a grab would work in X11 windows only."""
        return is_x11() and libraries() is not None

    def register(self, keys: Keys) -> Outcome:
        """Grab the key."""
        self.unregister()
        self._connect()
        try:
            self._grab(keys)
        except HotkeyError:
            self.unregister()
            raise
        self._keys = keys
        return works(keys)

    def unregister(self) -> None:
        """Close the connection: the server ends all grabs with it."""
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._notifier = None
        xcb, keysyms = loaded()
        if self._symbols is not None:
            keysyms.xcb_key_symbols_free(self._symbols)
            self._symbols = None
        if self._connection is not None:
            xcb.xcb_disconnect(self._connection)
            self._connection = None
        self._keys = None

    def _connect(self) -> None:
        xcb, keysyms = loaded()
        self._connection = xcb.xcb_connect(None, None)
        if xcb.xcb_connection_has_error(self._connection):
            self.unregister()
            raise HotkeyError(self.tr("The X server takes no further connection, so there is no global key."))
        self._symbols = keysyms.xcb_key_symbols_alloc(self._connection)
        self._notifier = QSocketNotifier(xcb.xcb_get_file_descriptor(self._connection), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_readable)

    def _grab(self, keys: Keys) -> None:
        xcb, _ = loaded()
        codes = self._key_codes(keys)
        locks = self._lock_masks()
        combinations = {
            sum(chosen) for count in range(len(locks) + 1) for chosen in itertools.combinations(locks, count)
        }
        cookies = [
            xcb.xcb_grab_key_checked(self._connection, 1, root, mask | lock, code, ASYNC, ASYNC)
            for root in self._roots()
            for code, mask in codes
            for lock in combinations
        ]
        refused = [code for code in (self._check(cookie) for cookie in cookies) if code]
        if BAD_ACCESS in refused:
            raise taken(keys)
        if refused:
            raise unusable(keys)

    def _check(self, cookie: Cookie) -> int:
        """The error code that a request ended in, 0 for none."""
        xcb, _ = loaded()
        error = xcb.xcb_request_check(self._connection, cookie)
        if not error:
            return 0
        code = int(error.contents.error_code)
        c_library().free(error)
        return code

    def _key_codes(self, keys: Keys) -> list[tuple[int, int]]:
        """The keyboard's key codes for a key, each with the modifiers to be held."""
        _, keysyms = loaded()
        keysym = to_keysym(keys)
        mask = sum(
            bit
            for held, bit in ((keys.shift, SHIFT), (keys.ctrl, CONTROL), (keys.alt, MOD1), (keys.meta, MOD4))
            if held
        )
        found = keysyms.xcb_key_symbols_get_keycode(self._symbols, keysym)
        codes = []
        if found:
            codes = list(itertools.takewhile(bool, (found[index] for index in range(256))))
            c_library().free(found)
        if not codes:
            raise HotkeyError(
                self.tr("The keyboard's present layout has no key for {}. Choose another key.").format(keys.text)
            )
        # Signs that are typed with Shift, such as ! on most layouts, arrive with Shift held.
        return [
            (code, mask if keysyms.xcb_key_symbols_get_keysym(self._symbols, code, 0) == keysym else mask | SHIFT)
            for code in codes
            if keysym
            in (
                keysyms.xcb_key_symbols_get_keysym(self._symbols, code, 0),
                keysyms.xcb_key_symbols_get_keysym(self._symbols, code, 1),
            )
        ] or [(code, mask) for code in codes]

    def _lock_masks(self) -> list[int]:
        """The modifier bits that Caps Lock, Num Lock and Scroll Lock set: a grab asks for them exactly."""
        xcb, keysyms = loaded()
        reply = xcb.xcb_get_modifier_mapping_reply(
            self._connection, xcb.xcb_get_modifier_mapping(self._connection), None
        )
        masks = [LOCK]
        if reply:
            per = int(reply.contents.keycodes_per_modifier)
            table = xcb.xcb_get_modifier_mapping_keycodes(reply)
            for modifier in range(3, 8):
                held = [table[modifier * per + index] for index in range(per)]
                symbols = {keysyms.xcb_key_symbols_get_keysym(self._symbols, code, 0) for code in held if code}
                if symbols & {NUM_LOCK, SCROLL_LOCK}:
                    masks.append(1 << modifier)
            c_library().free(reply)
        return masks

    def _roots(self) -> list[int]:
        xcb, _ = loaded()
        screens = xcb.xcb_setup_roots_iterator(xcb.xcb_get_setup(self._connection))
        roots = []
        while screens.rem:
            roots.append(int(screens.data[0]))
            xcb.xcb_screen_next(ctypes.byref(screens))
        return roots

    @Slot()
    def _on_readable(self) -> None:
        xcb, keysyms = loaded()
        pressed = remapped = False
        while self._connection is not None and (event := xcb.xcb_poll_for_event(self._connection)):
            kind = event.contents.response_type & 0x7F
            if kind in (KEY_PRESS, KEY_RELEASE):
                here = (int(event.contents.detail), int(event.contents.time))
                # A held key repeats as a release and a press at the same time of the server.
                pressed = pressed or (kind == KEY_PRESS and here != self._released)
                self._released = here if kind == KEY_RELEASE else None
            elif kind == MAPPING_NOTIFY:
                keysyms.xcb_refresh_keyboard_mapping(self._symbols, event)
                remapped = True
            c_library().free(event)
        if self._connection is not None and xcb.xcb_connection_has_error(self._connection):
            self.unregister()
            self.changed.emit(Outcome(False, self.tr("The X server closed the connection of the global key.")))
        elif remapped:
            self._grab_anew()
        if pressed:
            self.activated.emit()

    def _grab_anew(self) -> None:
        """Follow a change of the keyboard's layout, on which the same letter may be another key."""
        keys = self._keys
        if keys is None:
            return
        try:
            outcome = self.register(keys)
        except HotkeyError as error:
            outcome = Outcome(False, str(error))
        self.changed.emit(outcome)


def to_keysym(keys: Keys) -> int:
    """X's number for a key.

    Raises:
        HotkeyError: it has none that we know.
    """
    value = int(keys.key)
    if keys.key in NAMED:
        return NAMED[keys.key]
    if Qt.Key.Key_F1 <= value <= Qt.Key.Key_F35:
        return F1 + value - Qt.Key.Key_F1
    if 0x20 <= value <= 0x7E or 0xA0 <= value <= 0xFF:
        return ord(chr(value).lower())
    raise unusable(keys)


@cache
def c_library() -> Any:
    """The C library, for what libxcb allocates and the caller frees."""
    library = ctypes.CDLL(None)
    library.free.argtypes = [c_void_p]
    library.free.restype = None
    return library


@cache
def libraries() -> tuple[Any, Any] | None:
    """libxcb and libxcb-keysyms with their signatures, or None where they are not installed."""
    try:
        xcb, keysyms = ctypes.CDLL("libxcb.so.1"), ctypes.CDLL("libxcb-keysyms.so.1")
    except OSError:
        return None
    signatures: list[tuple[Any, str, list[Any], Any]] = [
        (xcb, "xcb_connect", [ctypes.c_char_p, POINTER(c_int)], c_void_p),
        (xcb, "xcb_disconnect", [c_void_p], None),
        (xcb, "xcb_connection_has_error", [c_void_p], c_int),
        (xcb, "xcb_get_file_descriptor", [c_void_p], c_int),
        (xcb, "xcb_get_setup", [c_void_p], c_void_p),
        (xcb, "xcb_setup_roots_iterator", [c_void_p], Screens),
        (xcb, "xcb_screen_next", [POINTER(Screens)], None),
        (
            xcb,
            "xcb_grab_key_checked",
            [c_void_p, c_uint8, c_uint32, c_uint16, c_uint8, c_uint8, c_uint8],
            Cookie,
        ),
        (xcb, "xcb_request_check", [c_void_p, Cookie], POINTER(Error)),
        (xcb, "xcb_poll_for_event", [c_void_p], POINTER(Event)),
        (xcb, "xcb_get_modifier_mapping", [c_void_p], Cookie),
        (xcb, "xcb_get_modifier_mapping_reply", [c_void_p, Cookie, c_void_p], POINTER(ModifierMap)),
        (xcb, "xcb_get_modifier_mapping_keycodes", [POINTER(ModifierMap)], POINTER(c_uint8)),
        (keysyms, "xcb_key_symbols_alloc", [c_void_p], c_void_p),
        (keysyms, "xcb_key_symbols_free", [c_void_p], None),
        (keysyms, "xcb_key_symbols_get_keycode", [c_void_p, c_uint32], POINTER(c_uint8)),
        (keysyms, "xcb_key_symbols_get_keysym", [c_void_p, c_uint8, c_int], c_uint32),
        (keysyms, "xcb_refresh_keyboard_mapping", [c_void_p, POINTER(Event)], c_int),
    ]
    for library, name, arguments, result in signatures:
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return xcb, keysyms


def loaded() -> tuple[Any, Any]:
    """The libraries, where `is_compatible` has found them."""
    found = libraries()
    assert found is not None
    return found
