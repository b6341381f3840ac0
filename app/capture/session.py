"""Which kind of desktop this is; the environment is read when asked, and can be given."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping


def is_wayland(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the desktop is a Wayland one, where neither the screen nor the keys are open to programs."""
    if not platform.startswith(("linux", "freebsd")):
        return False
    return bool(environment.get("WAYLAND_DISPLAY")) or environment.get("XDG_SESSION_TYPE", "").lower() == "wayland"


def is_x11(platform: str = sys.platform, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the desktop is an X11 one."""
    unix = platform.startswith(("linux", "freebsd"))
    return unix and not is_wayland(platform, environment) and bool(environment.get("DISPLAY"))
