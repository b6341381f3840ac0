"""The one D-Bus call that PySide's QtDBus cannot make: its arguments hold an array of structures.

QDBusArgument makes a structure in Python, but an array of them needs a C++ type known to Qt by name. So the message is
put together by libdbus, which QtDBus itself works with, and sent over QtDBus's own connection: the portal must see it
come from the same name on the bus as the session it belongs to.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_uint32, c_void_p
from functools import cache
from typing import Any

from PySide6.QtDBus import QDBusConnection

LIBRARY = "libdbus-1.so.3"
STRING, PATH_TYPE, VARIANT, ARRAY, STRUCT, ENTRY = (ord(letter) for letter in "sovare")
MESSAGE_ERROR = 3
NO_TIMEOUT = 0x7FFFFFFF
"""With any other, libdbus would have QtDBus start a timer, which only the thread of the connection may."""


class Iterator(Structure):
    """DBusMessageIter, which the library keeps opaque: larger than it is on any machine."""

    _fields_ = (("room", c_void_p * 32),)


class RawCall:
    """A call of ``BindShortcuts(o session, a(sa{sv}) shortcuts, s parent, a{sv} options)``."""

    def __init__(self, bus: QDBusConnection) -> None:
        self._bus = bus
        self._pending = c_void_p()

    def send(
        self,
        service: str,
        path: str,
        interface: str,
        method: str,
        *,
        session: str,
        shortcut: str,
        facts: Mapping[str, str],
        options: Mapping[str, str],
    ) -> None:
        """Send the call with one shortcut and no parent window."""
        dbus = library()
        message = dbus.dbus_message_new_method_call(
            service.encode(), path.encode(), interface.encode(), method.encode()
        )
        arguments, shortcuts, one = Iterator(), Iterator(), Iterator()
        dbus.dbus_message_iter_init_append(message, byref(arguments))
        append(arguments, PATH_TYPE, session)
        dbus.dbus_message_iter_open_container(byref(arguments), ARRAY, b"(sa{sv})", byref(shortcuts))
        dbus.dbus_message_iter_open_container(byref(shortcuts), STRUCT, None, byref(one))
        append(one, STRING, shortcut)
        append_facts(one, facts)
        dbus.dbus_message_iter_close_container(byref(shortcuts), byref(one))
        dbus.dbus_message_iter_close_container(byref(arguments), byref(shortcuts))
        append(arguments, STRING, "")
        append_facts(arguments, options)
        connection = int(self._bus.internalPointer())
        dbus.dbus_connection_send_with_reply(connection, message, byref(self._pending), NO_TIMEOUT)
        dbus.dbus_connection_flush(connection)
        dbus.dbus_message_unref(message)

    def error(self) -> tuple[str, str] | None:
        """Name and words of the error that the call has ended in; None if it has not, or not yet."""
        dbus = library()
        if not self._pending or not dbus.dbus_pending_call_get_completed(self._pending):
            return None
        reply = dbus.dbus_pending_call_steal_reply(self._pending)
        self.close()
        if not reply:
            return None
        found = None
        if dbus.dbus_message_get_type(reply) == MESSAGE_ERROR:
            words = c_char_p()
            start = Iterator()
            if dbus.dbus_message_iter_init(reply, byref(start)) and (
                dbus.dbus_message_iter_get_arg_type(byref(start)) == STRING
            ):
                dbus.dbus_message_iter_get_basic(byref(start), byref(words))
            name = dbus.dbus_message_get_error_name(reply) or b""
            found = name.decode(), (words.value or b"").decode(errors="replace")
        dbus.dbus_message_unref(reply)
        return found

    def close(self) -> None:
        """Forget the call; an answer is not waited for any more."""
        if self._pending:
            dbus = library()
            dbus.dbus_pending_call_cancel(self._pending)
            dbus.dbus_pending_call_unref(self._pending)
            self._pending = c_void_p()


def append(where: Iterator, kind: int, text: str) -> None:
    """Append a string or an object path."""
    library().dbus_message_iter_append_basic(byref(where), kind, byref(c_char_p(text.encode())))


def append_facts(where: Iterator, facts: Mapping[str, str]) -> None:
    """Append strings by name as ``a{sv}``."""
    dbus = library()
    entries = Iterator()
    dbus.dbus_message_iter_open_container(byref(where), ARRAY, b"{sv}", byref(entries))
    for name, text in facts.items():
        entry, variant = Iterator(), Iterator()
        dbus.dbus_message_iter_open_container(byref(entries), ENTRY, None, byref(entry))
        append(entry, STRING, name)
        dbus.dbus_message_iter_open_container(byref(entry), VARIANT, b"s", byref(variant))
        append(variant, STRING, text)
        dbus.dbus_message_iter_close_container(byref(entry), byref(variant))
        dbus.dbus_message_iter_close_container(byref(entries), byref(entry))
    dbus.dbus_message_iter_close_container(byref(where), byref(entries))


@cache
def library() -> Any:
    """libdbus with its signatures; there is one in the process already, since QtDBus is connected by it."""
    dbus = ctypes.CDLL(LIBRARY)
    iterator = POINTER(Iterator)
    signatures: dict[str, tuple[list[Any], Any]] = {
        "dbus_message_new_method_call": ([c_char_p, c_char_p, c_char_p, c_char_p], c_void_p),
        "dbus_message_iter_init_append": ([c_void_p, iterator], None),
        "dbus_message_iter_open_container": ([iterator, c_int, c_char_p, iterator], c_uint32),
        "dbus_message_iter_close_container": ([iterator, iterator], c_uint32),
        "dbus_message_iter_append_basic": ([iterator, c_int, c_void_p], c_uint32),
        "dbus_connection_send_with_reply": ([c_void_p, c_void_p, POINTER(c_void_p), c_int], c_uint32),
        "dbus_connection_flush": ([c_void_p], None),
        "dbus_message_unref": ([c_void_p], None),
        "dbus_message_get_type": ([c_void_p], c_int),
        "dbus_message_get_error_name": ([c_void_p], c_char_p),
        "dbus_message_iter_init": ([c_void_p, iterator], c_uint32),
        "dbus_message_iter_get_arg_type": ([iterator], c_int),
        "dbus_message_iter_get_basic": ([iterator, c_void_p], None),
        "dbus_pending_call_get_completed": ([c_void_p], c_uint32),
        "dbus_pending_call_steal_reply": ([c_void_p], c_void_p),
        "dbus_pending_call_cancel": ([c_void_p], None),
        "dbus_pending_call_unref": ([c_void_p], None),
    }
    for name, (arguments, result) in signatures.items():
        function = getattr(dbus, name)
        function.argtypes, function.restype = arguments, result
    return dbus
