"""python -m tests.checks.offline [--part network|sockets]

Formulens needs no network and asks for none. Two runs of the session (`tests.checks.session`: the whole app, everything
once, on an X server and a message bus of its own). Exit status 0 if both go well.

network   in an empty network namespace, where there is not even a loopback: everything works
sockets   with a network, under strace, threads, C++ and child processes included: every socket is one of X11, of D-Bus
          or of the single instance; all others are printed

Needs Linux, Xvfb, openbox, dbus-daemon, unshare and strace; an ordinary user needs leave to make user namespaces.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.app.display.desktop import ROOT, Desktop

NAMESPACE = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--map-root-user", "--net"]
LONGEST_S = 900.0
"""A session that is not at its end by then hangs, however busy the machine."""

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_FAMILIES = re.compile(r"\b[AP]F_\w+")
_CALL = re.compile(r"(?:\d+ +)?(?:<\.\.\. )?(\w+)(?:\(| resumed>)")
_LOCAL = re.compile(r'sun_path=(@?)"((?:[^"\\]|\\.)*)"')
_UNNAMED = re.compile(r"\bsocket(?:pair)?\(0x|\bsa_family=0x")
"""Families for which strace has no name."""
HARMLESS = {"AF_UNIX", "PF_UNIX", "AF_LOCAL", "PF_LOCAL"}


@dataclass
class Sockets:
    """What a log of strace shows."""

    local: Counter[str] = field(default_factory=Counter)
    """How many connections and servers of each allowed kind."""
    others: list[str] = field(default_factory=list)
    """Calls that have no business here, as strace writes them."""


def judge(lines: Iterable[str], bus: str = "") -> Sockets:
    """Go through a log of `strace -f -e trace=network`; `bus` is the path of the message bus.

    Only what makes, connects, binds or addresses a socket names a family of addresses, and each such name counts.
    """
    found = Sockets()
    for line in lines:
        line = line.rstrip("\n")
        call = _CALL.match(line)
        if call is None:  # signals, exits
            continue
        if set(_FAMILIES.findall(_STRINGS.sub("", line))) - HARMLESS or _UNNAMED.search(line):
            found.others.append(line)
        elif call[1] in ("connect", "bind") and (place := _LOCAL.search(line)) is not None:
            kind = _kind(place[2], bus)
            if kind:
                found.local[kind] += 1
            else:
                found.others.append(line)
    return found


def _kind(place: str, bus: str) -> str:
    """Whose socket is at a place in the file system or in the abstract namespace; empty: nobody's that is known."""
    if re.fullmatch(r"/tmp/\.X11-unix/X\d+", place):
        return "X11"
    if bus and place == bus:
        return "D-Bus"
    # QLocalServer, the only server here, binds where nobody sees it, then gives the socket its name.
    if re.search(r"/formulens-[0-9a-f]{16}$|/\.[A-Za-z]{6}/s$", place):
        return "the single instance"
    if place in ("/var/run/nscd/socket", "/run/nscd/socket"):
        # glibc asks there for names of users, if a daemon for that runs on this computer.
        return "the cache of user names"
    return ""


@contextmanager
def message_bus(desktop: Desktop) -> Iterator[Path]:
    """A bus as sessions of a desktop have one; gives its address."""
    address = desktop.folder / "bus"
    command = [
        "dbus-daemon",
        "--session",
        "--nofork",
        "--nopidfile",
        f"--address=unix:path={address}",
        "--print-address=1",
    ]
    daemon = desktop.start(command, stdout=subprocess.PIPE)
    assert daemon.stdout.readline(), "dbus-daemon does not start"
    yield address


def run_session(folder: Path, prefix: Sequence[str] = ()) -> tuple[int, str]:
    """Run the session on a desktop of its own; its exit status and the path of its message bus."""
    runtime, data = folder / "runtime", folder / "data"
    runtime.mkdir(mode=0o700)
    desktop = Desktop(runtime)
    try:
        with message_bus(desktop) as bus:
            command = [*prefix, sys.executable, "-m", "tests.checks.session", str(data), "1", "--once"]
            environment = desktop.environment(DBUS_SESSION_BUS_ADDRESS=f"unix:path={bus}")
            done = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, timeout=LONGEST_S, check=False
            )
        return done.returncode, str(bus)
    finally:
        desktop.stop()


def strace(log: Path) -> list[str]:
    """What to put before a command, so that each of its calls about sockets is written to a log."""
    # By a filter in the kernel only the calls of interest stop: without it all of Qt's would, at a tenth the speed.
    return ["strace", "-f", "-q", "--seccomp-bpf", "-e", "trace=network", "-o", str(log)]


def without_network() -> int:
    """The session where there is no network; called in the namespace."""
    there = [name for _, name in socket.if_nameindex()]
    if set(there) - {"lo"}:
        print(f"this is no empty network namespace: {', '.join(there)}")
        return 1
    with tempfile.TemporaryDirectory() as name:
        status, _ = run_session(Path(name))
    print("without a network: " + ("everything works" if status == 0 else f"the session ended with status {status}"))
    return min(status, 1)


def sockets() -> int:
    """The session under strace."""
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "strace.log"
        status, bus = run_session(Path(name), strace(log))
        with log.open(errors="replace") as lines:
            found = judge(lines, bus)
    print("sockets: " + (", ".join(f"{count} of {kind}" for kind, count in found.local.items()) or "none at all"))
    for line in found.others:
        print(f"not allowed: {line}")
    if not found.local["X11"]:
        print("strace saw no connection to the X server, so it saw nothing")
    if status:
        print(f"the session ended with status {status}")
    return 1 if status or found.others or not found.local["X11"] else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.offline")
    parser.add_argument("--part", choices=("network", "sockets"), help="one of the two runs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return without_network()
    status = 0
    if options.part != "sockets":
        command = [*NAMESPACE, sys.executable, "-m", "tests.checks.offline", "--inside"]
        status |= subprocess.run(command, cwd=ROOT, check=False).returncode
    if options.part != "network":
        status |= sockets()
    return min(status, 1)


if __name__ == "__main__":
    sys.exit(main())
