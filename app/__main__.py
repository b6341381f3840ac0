"""`formulens`, also `python -m app`: the window, or `formulens recognize` in the terminal."""

from __future__ import annotations

import sys

from app.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
