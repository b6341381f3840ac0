"""A portal in another process, on a bus of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtDBus import QDBusConnection

FAKE = Path(__file__).with_name("fake_portal.py")


class RunningPortal:
    """A portal that follows a script of scenarios."""

    def __init__(self, scenarios: str, picture: Path | None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(FAKE), scenarios, *([str(picture)] if picture else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.process.stdout.readline().strip() == "ready"
        self.bus = QDBusConnection.connectToBus(self.address, self.address)
        assert self.bus.isConnected()

    def stop(self) -> list[list[Any]]:
        """End it; returns the calls that it got: method, signature, path, arguments."""
        if self.process.poll() is None:
            QDBusConnection.disconnectFromBus(self.address)
        out, _ = self.process.communicate(timeout=10)
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def start_portal() -> Iterator[Callable[..., RunningPortal]]:
    """Start a portal: ``start_portal("grant,decline", picture)``."""
    if not shutil.which("dbus-daemon"):
        pytest.skip("needs dbus-daemon (Debian: dbus-daemon)")
    started = []

    def start(scenarios: str, picture: Path | None = None) -> RunningPortal:
        started.append(RunningPortal(scenarios, picture))
        return started[-1]

    yield start
    for portal in started:
        if portal.process.poll() is None:
            portal.stop()
