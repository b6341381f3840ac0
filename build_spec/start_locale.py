"""Runs before the program: without a locale (a bare terminal, a service) text is UTF-8, as with plain Python (PEP 538).

PyInstaller's start program leaves that out, and Qt would complain of it on each start.
"""

import os
import sys

_SAID = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := os.environ.get(name))), "C")
if sys.platform == "linux" and _SAID in ("C", "POSIX"):
    os.environ["LC_CTYPE"] = "C.UTF-8"
    os.environ.pop("LC_ALL", None)
