"""How many threads NumPy's products use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["one_thread", "use_threads"]


class _Library:
    """A BLAS that NumPy has loaded."""

    def __init__(self, library: Any) -> None:
        self.set = library.set_num_threads
        self.usual: int = library.num_threads
        """Threads for all but single steps."""


@lru_cache(maxsize=1)
def _libraries() -> list[_Library]:
    """The OpenBLAS in NumPy's wheels; macOS's Accelerate decides by itself."""
    np.linalg.norm(np.ones(2))  # it is there once it was used
    return [_Library(one) for one in ThreadpoolController().select(internal_api="openblas").lib_controllers]


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Let products use one thread in this block, if ``wanted``.

    Those of a single step of decoding are so small that handing them to a second thread costs more than it saves, and
    many times more when another program keeps the processors busy. Afterwards the usual number holds again, and not
    the one that was found: two threads of the program may be in such blocks at once.
    """
    libraries = _libraries() if wanted else []
    for library in libraries:
        library.set(1)
    try:
        yield
    finally:
        for library in libraries:
            library.set(library.usual)


def use_threads(count: int) -> None:
    """Use so many threads from now on."""
    for library in _libraries():
        library.usual = count
        library.set(count)
