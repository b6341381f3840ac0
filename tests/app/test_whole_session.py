"""The scripted session of the whole app: killed, without a network, under strace; and that these checks can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.history import History
from tests.checks import kill, offline

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_whole_app_loses_nothing_when_it_is_killed(tmp_path: Path) -> None:
    """The short form of `make kill-test`."""
    known, losses = kill.run(tmp_path, 4, script=kill.APP, within=kill.WITHIN[kill.APP], seed=3)
    assert losses == []
    assert known.latex
    assert (tmp_path / "instance.lock").exists()  # left by a process that was killed


def test_the_kill_check_sees_what_is_lost(tmp_path: Path) -> None:
    history = History(tmp_path / kill.FILE)
    known = kill.Known()
    for change in (
        {"op": "add", "id": 1, "latex": "x"},
        {"op": "replace", "id": 1, "latex": "y"},
        {"op": "delete", "id": 1},
    ):
        known.learn(change)
    assert known.losses(history) == []
    known.learn({"op": "restore", "id": 1})
    assert known.losses(history) == ["reading 1 is lost"]
    known.learn({"op": "begin", "id": 1})
    assert known.losses(history) == []
    history.close()


def test_a_damaged_settings_file_fails_the_session(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    (tmp_path / "model").mkdir()
    command = [
        sys.executable,
        "-m",
        "tests.checks.session",
        str(tmp_path),
        "1",
        "--checkpoint",
        str(tmp_path / "model"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "are damaged" in done.stderr
    assert [json.loads(line)["op"] for line in done.stdout.splitlines()] == ["ready"]


@pytest.mark.slow
@pytest.mark.display
@pytest.mark.namespaces
def test_without_a_network_everything_works(capfd: pytest.CaptureFixture[str]) -> None:
    assert offline.main(["--part", "network"]) == 0, capfd.readouterr()
    assert "without a network: everything works" in capfd.readouterr().out


@pytest.mark.slow
@pytest.mark.display
@pytest.mark.namespaces
def test_no_socket_is_opened_but_local_ones(capfd: pytest.CaptureFixture[str]) -> None:
    assert offline.main(["--part", "sockets"]) == 0, capfd.readouterr()
    assert "of X11" in capfd.readouterr().out


BUS = "/tmp/bus-x"
LOCAL = """\
10 socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [4, 5]) = 0
10 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 6
10 connect(6, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X7"}, 20) = 0
11 connect(7, {sa_family=AF_UNIX, sun_path="/tmp/bus-x"}, 110 <unfinished ...>
10 getsockopt(6, SOL_SOCKET, SO_PEERCRED, {pid=9, uid=0, gid=0}, [12]) = 0
11 <... connect resumed>)              = 0
10 bind(8, {sa_family=AF_UNIX, sun_path="/run/user/0/.aBcDeF/s"}, 110) = 0
12 connect(9, {sa_family=AF_UNIX, sun_path="/run/user/0/formulens-0123456789abcdef"}, 110) = 0
12 sendto(9, "AF_INET {sa_family=AF_INET}", 27, MSG_NOSIGNAL, NULL, 0) = 27
12 +++ exited with 0 +++
"""


def test_local_sockets_are_allowed() -> None:
    found = offline.judge(LOCAL.splitlines(), BUS)
    assert found.others == []
    assert found.local == {"X11": 1, "D-Bus": 1, "the single instance": 2}


@pytest.mark.parametrize(
    "line",
    [
        "10 socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_IP) = 3",
        "10 socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP) = -1 EAFNOSUPPORT (Address family not supported by protocol)",
        "10 socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3",
        '10 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.1")}, 16 <unfinished ...>',
        '10 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.1")}, 16) = 1',
        '10 connect(3, {sa_family=AF_UNIX, sun_path="/run/other-daemon"}, 110) = -1 ENOENT (No such file or directory)',
        '10 bind(3, {sa_family=AF_UNIX, sun_path="/tmp/bus-xy"}, 110) = 0',
        "10 socket(0x2b /* AF_??? */, SOCK_STREAM, 0) = 3",
    ],
)
def test_every_other_socket_is_found(line: str) -> None:
    assert offline.judge([line], BUS).others == [line]


@pytest.mark.namespaces
def test_strace_sees_a_packet_that_python_sends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))"
    command = [*offline.strace(log), sys.executable, "-c", program]
    subprocess.run(command, check=True, capture_output=True)
    found = offline.judge(log.read_text().splitlines())
    calls = [line.split("(")[0].split()[-1] for line in found.others]
    assert calls[0] == "socket" and "sendto" in calls
