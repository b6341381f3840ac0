"""python -m tests.checks.kill [--times 200] [--script MODULE] [--within SECONDS] [--seed N]

SIGKILL at random moments of a scripted session: nothing finished may be lost, no start refused. Exit status 0 if so.

A script is run as `python -m MODULE FOLDER SEED` and prints one JSON object a line: first `{"op": "ready"}`, before it
opens `FOLDER/history.sqlite3`, and then each change of the history once it is finished. The usual script is a session
of the whole app; this module itself is the script of the history alone, some hundred times as fast. After each kill
the settings must be whole, and the history is opened and compared with all that was ever reported as finished. What
was under way may be there or not, but not by halves. A script that finds its files damaged, or the lock still taken,
ends by itself: then the check fails.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app import settings
from app.history import History

APP, HISTORY = "tests.checks.session", "tests.checks.kill"
"""The scripts."""
WITHIN = {APP: 0.5, HISTORY: 0.03}
"""Seconds: somewhere within what the script does next."""
FILE = "history.sqlite3"
MOST_CHANGES = 16
"""A script is killed after one to so many of its lines, whatever the speed of the machine, and a moment later."""


@dataclass
class Known:
    """What the history must hold, by id; after a kill one change may have happened that was not reported."""

    latex: dict[int, str] = field(default_factory=dict)
    edited: dict[int, str | None] = field(default_factory=dict)
    favourite: dict[int, bool] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    """Readings that the session which was killed may have been changing."""

    def learn(self, change: dict[str, object]) -> None:
        """Take in a finished change."""
        number = change.get("id")
        if change["op"] == "begin" and isinstance(number, int):
            self.touched = {number}
            return
        self.touched = set()
        if change["op"] == "add":
            assert isinstance(number, int)
            self.latex[number], self.edited[number] = str(change["latex"]), None
            self.favourite[number] = False
        elif change["op"] == "replace":
            assert isinstance(number, int)
            self.latex[number], self.edited[number] = str(change["latex"]), None
        elif change["op"] == "edit":
            assert isinstance(number, int)
            text = change["latex"]
            self.edited[number] = None if text is None else str(text)
        elif change["op"] == "favourite":
            assert isinstance(number, int)
            self.favourite[number] = bool(change["on"])
        elif change["op"] == "delete":
            assert isinstance(number, int)
            self.gone.add(number)
        elif change["op"] == "restore":
            assert isinstance(number, int)
            self.gone.discard(number)

    def losses(self, history: History) -> list[str]:
        """What of it is not there, or not as it should be."""
        found = {entry.id: entry for entry in history.search()}
        losses = [f"the history says: {history.problem}"] if history.problem else []
        for number, latex in self.latex.items():
            if number in self.gone or number in self.touched:
                continue
            entry = found.get(number)
            if entry is None:
                losses.append(f"reading {number} is lost")
            elif (entry.latex, entry.edited, entry.favourite) != (latex, self.edited[number], self.favourite[number]):
                losses.append(f"reading {number} is {entry}")
        losses += [f"reading {number} is back" for number in self.gone & set(found)]
        for number, entry in found.items():
            if not history.picture(number).startswith(b"\x89PNG") or not history.picture(number).endswith(
                b"IEND\xaeB`\x82"
            ):
                losses.append(f"reading {number} ({entry.latex}) has no whole picture")
        return losses


def run(
    folder: Path, times: int, *, script: str = HISTORY, within: float = WITHIN[HISTORY], seed: int = 1
) -> tuple[Known, list[str]]:
    """Kill the script `times` times; what is known to be finished, and what was lost of it."""
    rng = random.Random(seed)
    known = Known()
    losses: list[str] = []
    for turn in range(times):
        for change in killed(folder, script, within, rng):
            known.learn(change)
        problem = settings.load(folder / "settings.json")[1]
        losses += [f"kill {turn + 1}: {problem}"] if problem else []
        history = History(folder / FILE)
        losses += [f"kill {turn + 1}: {loss}" for loss in known.losses(history)]
        # What was under way is settled now, one way or the other.
        for number in known.touched:
            entry = history.get(number)
            if entry is None:
                known.gone.add(number)
            else:
                known.gone.discard(number)
                known.latex[number], known.edited[number] = entry.latex, entry.edited
                known.favourite[number] = entry.favourite
        known.touched = set()
        history.close()
        if losses:
            break
    return known, losses


def killed(folder: Path, script: str, within: float, rng: random.Random) -> Iterator[dict[str, object]]:
    """Run a script, kill it at a random moment, and give all that it reported until then."""
    arguments = [sys.executable, "-m", script, str(folder), str(rng.randrange(2**31))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(rng.randint(1, MOST_CHANGES))]  # the first says: ready
        time.sleep(rng.uniform(0, within))
        if not lines[-1] or child.poll() is not None:
            raise SystemExit(f"the script ended by itself, with status {child.wait()}")
        child.kill()
        lines += child.stdout.read().split(b"\n")[:-1]  # what follows the last line break is cut off
    for line in lines:
        yield json.loads(line)


def session(folder: Path, seed: int) -> None:
    """Work with the history for ever, and say what is done."""
    rng = random.Random(seed)
    say({"op": "ready"})
    history = History(folder / FILE)
    if history.problem:
        sys.exit(history.problem)
    ids = history.ids()
    while True:
        action = rng.choices(("add", "edit", "favourite", "delete"), (6, 3, 2, 1))[0] if ids else "add"
        if action == "add":
            latex = f"x_{{{rng.randrange(10**6)}}}"
            number = history.add(
                kind="snip",
                name="",
                latex=latex,
                confidence=0.9,
                model="kill",
                picture_png=picture(rng),
                tokens_json=json.dumps([latex] * rng.randrange(1, 400)),
            )
            ids.append(number)
            say({"op": "add", "id": number, "latex": latex})
            continue
        number = rng.choice(ids)
        say({"op": "begin", "id": number})
        if action == "edit":
            text = rng.choice((None, f"y_{{{rng.randrange(10**6)}}}"))
            history.edit(number, text)
            say({"op": "edit", "id": number, "latex": text})
        elif action == "favourite":
            on = rng.random() < 0.5
            history.favourite(number, on)
            say({"op": "favourite", "id": number, "on": on})
        else:
            history.delete([number])
            if rng.random() < 0.5:
                history.forget()
            ids.remove(number)
            say({"op": "delete", "id": number})


def picture(rng: random.Random) -> bytes:
    """A PNG that does not compress, of some ten kilobytes: larger than a page of the file."""
    from PIL import Image

    size = rng.randrange(60, 200), rng.randrange(20, 100)
    stream = io.BytesIO()
    Image.frombytes("L", size, rng.randbytes(size[0] * size[1])).save(stream, "PNG")
    return stream.getvalue()


def say(change: dict[str, object]) -> None:
    """One line in one write: a kill cannot mix lines."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(change).encode() + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.kill")
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--script", default=APP, metavar="MODULE", help=f"default: {APP}; {HISTORY}: the history alone")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="longest wait after the last line")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        within = WITHIN.get(options.script, 0.1) if options.within is None else options.within
        known, losses = run(Path(folder), options.times, script=options.script, within=within, seed=options.seed)
    for loss in losses:
        print(loss)
    print(f"{options.times} kills; {len(known.latex)} readings finished, {len(known.gone)} of them deleted again")
    print(f"lost or damaged: {len(losses)}")
    return 1 if losses else 0


if __name__ == "__main__":
    if len(sys.argv) == 3 and not sys.argv[1].startswith("-"):
        session(Path(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main())
