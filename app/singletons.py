"""Keeps PySide6 6.12 from ending the program on Python 3.11.

Its one wheel for all versions of Python returns None, True and False without counting the reference. From Python 3.12
on that is right, these objects live for ever (PEP 683); on 3.11 each emitted signal takes a reference from True, until
after some hundreds of them the interpreter stops with "deallocating True or False". PySide6 6.11 has no such fault, but
its QtPdf comes only with all the rest of Qt.
"""

from __future__ import annotations

import ctypes
import sys

PLENTY = 1 << 40
"""References to add: more than a program can lose in years."""


def protect_singletons() -> None:
    """Give the objects that PySide6 takes for immortal so many references that they are; needless from 3.12 on."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return
    for singleton in (None, True, False, NotImplemented, Ellipsis):
        if sys.getrefcount(singleton) < PLENTY:
            # The count is the first word of every object.
            ctypes.c_ssize_t.from_address(id(singleton)).value += PLENTY
