"""A message bus of its own with a desktop portal on it, for tests: python fake_portal.py SCENARIO[,SCENARIO…] [PICTURE]

Prints the bus's address, then a line of JSON for each call it got; ends when its input is closed. Each Screenshot or
BindShortcuts takes the next scenario, the last one for all that follow:

    grant       answers yes         early   answers yes before the call returns      late   answers yes after 0.6 s
    decline     the user said no    silent  never answers                            old    names the request itself
    refuse      code 2              broken  yes, without a picture                   error  the call itself fails
    closed      yes, and then ends the session

It speaks D-Bus itself, in bytes: QtDBus in Python cannot send what a portal sends (``ua{sv}``, ``a(sa{sv})``).
https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-marshaling
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
FIELD_TYPES = {PATH: "o", REPLY_SERIAL: "u", SIGNATURE: "g"}
ALIGNMENT = {"y": 1, "g": 1, "v": 1, "b": 4, "u": 4, "i": 4, "s": 4, "o": 4, "a": 4, "t": 8, "x": 8, "(": 8, "{": 8}
NUMBERS = {"y": "B", "b": "I", "u": "I", "i": "i", "t": "Q", "x": "q"}
DESKTOP = "/org/freedesktop/portal/desktop"
SHORTCUTS = "org.freedesktop.portal.GlobalShortcuts"


def split(signature: str) -> list[str]:
    """The complete types of a signature."""
    types, start, depth = [], 0, 0
    for index, letter in enumerate(signature):
        depth += (letter in "({") - (letter in ")}")
        if depth == 0 and letter != "a":
            types.append(signature[start : index + 1])
            start = index + 1
    return types


def write(out: bytearray, kind: str, value: Any) -> None:
    """Append a value of one complete type."""
    first = kind[0]
    out += bytes(-len(out) % ALIGNMENT[first])
    if first in NUMBERS:
        out += struct.pack("<" + NUMBERS[first], value)
    elif first in "sog":
        data = value.encode()
        out += struct.pack("<B" if first == "g" else "<I", len(data)) + data + b"\0"
    elif first == "v":
        write(out, "g", value[0])
        write(out, *value)
    elif first in "({":
        for part, item in zip(split(kind[1:-1]), value, strict=True):
            write(out, part, item)
    else:
        place = len(out)
        out += bytes(4)
        out += bytes(-len(out) % ALIGNMENT[kind[1]])
        begin = len(out)
        for item in value.items() if isinstance(value, dict) else value:
            write(out, kind[1:], item)
        struct.pack_into("<I", out, place, len(out) - begin)


def read(data: bytes, at: int, kind: str) -> tuple[Any, int]:
    """A value of one complete type and where it ends."""
    first = kind[0]
    at += -at % ALIGNMENT[first]
    if first in NUMBERS:
        form = "<" + NUMBERS[first]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    if first in "sog":
        form = "<B" if first == "g" else "<I"
        begin = at + struct.calcsize(form)
        end = begin + struct.unpack_from(form, data, at)[0]
        return data[begin:end].decode(), end + 1
    if first == "v":
        inner, at = read(data, at, "g")
        return read(data, at, inner)
    if first in "({":
        values = []
        for part in split(kind[1:-1]):
            value, at = read(data, at, part)
            values.append(value)
        return values, at
    size = struct.unpack_from("<I", data, at)[0]
    at += 4
    at += -at % ALIGNMENT[kind[1]]
    values, end = [], at + size
    while at < end:
        value, at = read(data, at, kind[1:])
        values.append(value)
    return (dict(values) if kind[1] == "{" else values), at


class Bus:
    """A connection to a message bus."""

    def __init__(self, address: str) -> None:
        place = dict(part.split("=", 1) for part in address.partition(":")[2].split(","))
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(place["path"] if "path" in place else "\0" + place["abstract"])
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        assert self.socket.recv(4096).startswith(b"OK")
        self.socket.sendall(b"BEGIN\r\n")
        self.serial = 0
        self.data = b""

    def send(self, kind: int, fields: dict[int, Any], signature: str = "", body: tuple[Any, ...] = ()) -> None:
        """Send a message."""
        self.serial += 1
        content = bytearray()
        for part, value in zip(split(signature), body, strict=True):
            write(content, part, value)
        if signature:
            fields = {**fields, SIGNATURE: signature}
        head = bytearray(struct.pack("<cBBBII", b"l", kind, 1, 1, len(content), self.serial))
        write(head, "a(yv)", [(code, (FIELD_TYPES.get(code, "s"), value)) for code, value in fields.items()])
        head += bytes(-len(head) % 8)
        self.socket.sendall(bytes(head + content))

    def receive(self) -> list[tuple[int, int, dict[int, Any], list[Any]]]:
        """The messages that have arrived: kind, serial, header fields, arguments."""
        self.data += self.socket.recv(65536)
        messages = []
        while len(self.data) >= 16:
            _, kind, _, _, body, serial, fields_size = struct.unpack_from("<cBBBIII", self.data)
            begin = 16 + fields_size + (-(16 + fields_size) % 8)
            if len(self.data) < begin + body:
                break
            fields = dict(read(self.data, 12, "a(yv)")[0])
            arguments, at, content = [], 0, self.data[begin : begin + body]
            for part in split(fields.get(SIGNATURE, "")):
                value, at = read(content, at, part)
                arguments.append(value)
            messages.append((kind, serial, fields, arguments))
            self.data = self.data[begin + body :]
        return messages


class Portal:
    """The portal's side of the conversation."""

    def __init__(self, bus: Bus, scenarios: list[str], picture: str) -> None:
        self.bus = bus
        self.scenarios = scenarios
        self.picture = picture
        self.later: list[tuple[float, str, str, dict[str, Any]]] = []
        bus_name = {
            PATH: "/org/freedesktop/DBus",
            INTERFACE: "org.freedesktop.DBus",
            DESTINATION: "org.freedesktop.DBus",
        }
        bus.send(CALL, {**bus_name, MEMBER: "Hello"})
        bus.send(CALL, {**bus_name, MEMBER: "RequestName"}, "su", ("org.freedesktop.portal.Desktop", 0))

    def respond(self, path: str, to: str, code: int, results: dict[str, Any]) -> None:
        """Send the answer to a request."""
        self.signal(path, "org.freedesktop.portal.Request", "Response", to, "ua{sv}", (code, results))

    def signal(self, path: str, interface: str, name: str, to: str, signature: str, body: tuple[Any, ...]) -> None:
        """Send a signal to one program."""
        fields = {PATH: path, INTERFACE: interface, MEMBER: name, DESTINATION: to}
        self.bus.send(SIGNAL, fields, signature, body)

    def handle(self, serial: int, fields: dict[int, Any], arguments: list[Any]) -> None:
        """Do what a method call asks for."""
        member, sender = fields[MEMBER], fields[SENDER]
        print(json.dumps([member, fields.get(SIGNATURE, ""), fields[PATH], arguments]), flush=True)
        reply = {REPLY_SERIAL: serial, DESTINATION: sender}
        if member not in ("Screenshot", "CreateSession", "BindShortcuts"):
            self.bus.send(RETURN, reply)
            return
        options = arguments[-1]
        request = f"{DESKTOP}/request/{sender[1:].replace('.', '_')}/{options['handle_token']}"
        scenario = "grant"
        results: dict[str, Any] = {}
        if member == "CreateSession":
            session = f"{DESKTOP}/session/{sender[1:].replace('.', '_')}/{options['session_handle_token']}"
            results = {"session_handle": ("s", session)}
        else:
            scenario = self.scenarios.pop(0) if len(self.scenarios) > 1 else self.scenarios[0]
            if member == "BindShortcuts":
                results = {"shortcuts": ("a(sa{sv})", [("snip", {"trigger_description": ("s", "Ctrl+Alt+L")})])}
            elif scenario != "broken":
                results = {"uri": ("s", Path(self.picture).as_uri())}
        if scenario == "error":
            name = "org.freedesktop.portal.Error.NotAllowed"
            self.bus.send(ERROR, {**reply, ERROR_NAME: name}, "s", ("An app id is required",))
            return
        if scenario == "early":
            self.respond(request, sender, 0, results)
        if scenario == "old":
            request += "_of_its_own"
        self.bus.send(RETURN, reply, "o", (request,))
        if scenario in ("grant", "broken", "closed"):
            self.respond(request, sender, 0, results)
        elif scenario in ("decline", "refuse"):
            self.respond(request, sender, 1 if scenario == "decline" else 2, {})
        elif scenario in ("late", "old"):  # old: its caller has to learn the path first
            self.later.append((time.monotonic() + (0.6 if scenario == "late" else 0.2), request, sender, results))
        if member == "BindShortcuts":
            self.press(arguments[0], sender, scenario)

    def press(self, session: str, to: str, scenario: str) -> None:
        """Press a key of another program, one of another name, and ours; or end the session."""
        if scenario == "closed":
            self.signal(session, "org.freedesktop.portal.Session", "Closed", to, "", ())
        elif scenario == "grant":
            for path, name in (session + "x", "snip"), (session, "other"), (session, "snip"):
                self.signal(DESKTOP, SHORTCUTS, "Activated", to, "osta{sv}", (path, name, 5, {}))

    def run(self) -> None:
        """Serve until the input is closed."""
        while True:
            soonest = min((due for due, *_ in self.later), default=None)
            wait = None if soonest is None else max(0.0, soonest - time.monotonic())
            readable, _, _ = select.select([self.bus.socket, sys.stdin], [], [], wait)
            if sys.stdin in readable:
                return
            if self.bus.socket in readable:
                for kind, serial, fields, arguments in self.bus.receive():
                    if kind == CALL:
                        self.handle(serial, fields, arguments)
                    elif kind == RETURN and fields[REPLY_SERIAL] == 2:
                        print("ready", flush=True)
            now = time.monotonic()
            due, self.later = [item for item in self.later if item[0] <= now], [i for i in self.later if i[0] > now]
            for _, request, sender, results in due:
                self.respond(request, sender, 0, results)


def main() -> None:
    """Start the bus and the portal."""
    scenarios, picture = sys.argv[1].split(","), (sys.argv[2:] or ["/nowhere/none.png"])[0]
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert daemon.stdout is not None
        address = daemon.stdout.readline().strip()
        print(address, flush=True)
        Portal(Bus(address), scenarios, picture).run()
    finally:
        daemon.terminate()
        daemon.wait()


if __name__ == "__main__":
    main()
