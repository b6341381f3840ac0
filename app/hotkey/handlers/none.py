"""No global hotkey, and why."""

from __future__ import annotations

from app.hotkey.models import HotkeyError, HotkeyHandler, Keys, Outcome


class NoHotkey(HotkeyHandler):
    """For desktops that have none to give: it refuses plainly."""

    name = "none"

    def is_compatible(self) -> bool:
        """Every desktop."""
        return True

    @property
    def unavailable(self) -> str:
        """What to do instead."""
        return self.tr(
            "This desktop has no global keys for programs. In its keyboard settings a key can be given "
            "the command “formulens --snip” instead."
        )

    def register(self, keys: Keys) -> Outcome:
        """Refuse."""
        raise HotkeyError(self.unavailable)

    def unregister(self) -> None:
        """Nothing is held."""
