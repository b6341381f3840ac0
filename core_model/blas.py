"""NumPy's products on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


@lru_cache(maxsize=1)
def _libraries() -> list[tuple[Any, int]]:
    """How to set the threads of NumPy's OpenBLAS, and how many it has; Accelerate (macOS) sees to itself."""
    np.linalg.norm(np.ones(2))  # it is there once it was used
    found = ThreadpoolController().select(internal_api="openblas").lib_controllers
    return [(library.set_num_threads, library.num_threads) for library in found]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let products use one thread in this block.

    Ours are so small that a second thread gains a tenth at best; and while other programs keep the processors busy,
    OpenBLAS's threads wait for each other in a loop: the encoder takes forty times as long then. Afterwards the number
    holds that there was at first, and not the one found on entering: two threads may be in such blocks at once.
    """
    for set_threads, _ in _libraries():
        set_threads(1)
    try:
        yield
    finally:
        for set_threads, usual in _libraries():
            set_threads(usual)
