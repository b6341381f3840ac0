"""python -m tests.checks.bundle [--folder build/bundle] [--part program|deb] [--starts 5]

Tries the packages that `python -m build_spec.build` made for Linux. Exit status 0 if all goes well.

program   The archive, unpacked into an empty folder with a name beyond ASCII, read-only, by a user without privileges,
          without Python in the path and without a network: it reads the samples as the tree does; the tests marked
          `program` pass on it, which start its window on an X server, snip, read, copy, draw and give it bad input.
          Then sizes and times, beside those of the tree.
deb       The .deb, installed, started by its entry in the menu and taken away again (`tests.checks.bundle_deb`).

Needs what the tests marked `display` and `namespaces` need; as root it takes the user `nobody` for the program.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from app.application import MODEL_THERE, READING_THERE, WINDOW_THERE
from build_spec import parts, product
from build_spec.licences import normal
from tests.checks import bundle_deb
from tests.checks.offline import NAMESPACE
from tests.program import ROOT, VARIABLE

NOBODY = 65534
PLACE = "Öffne mich ∫"
TREE = ("app", "build_spec", "core_model", "resources", "tests", "pyproject.toml")
"""What of the tree the tests need; a user without privileges may not enter the tree itself."""
MOST_S = {"window": 1.0, "reading": 3.0}
MOST_MB, MOST_PACKED_MB = 250, 90
LONGEST_S = 3600.0


def without_privileges() -> list[str]:
    """What to put before a command of the tests: as root it becomes nobody, who may still read what root may."""
    if os.getuid():
        return []
    kept = "-all,+dac_read_search"
    user = f"--reuid={NOBODY} --regid={NOBODY} --clear-groups".split()
    return ["setpriv", *user, f"--inh-caps={kept}", f"--ambient-caps={kept}"]


def called(program: Path) -> list[str]:
    """What calls the packaged program: nobody without that leave to read, and no path to any Python."""
    freed = ["setpriv", "--inh-caps=-all", "--ambient-caps=-all"] if os.getuid() == 0 else []
    return [*freed, "env", "PATH=/nonexistent", str(program)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.bundle")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bundle", help="where the packages are")
    parser.add_argument("--part", choices=("program", "deb"), help="one of the two")
    parser.add_argument("--starts", type=int, default=5, help="how often the window is started for its times")
    parser.add_argument("--times", nargs=2, metavar=("COMMAND", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.times:
        print(json.dumps(start_times(shlex.split(options.times[0]), Path(options.times[1]), options.starts)))
        return 0
    status = 0
    closed = [str(folder) for folder in ROOT.parents if not folder.stat().st_mode & 0o001]
    if os.getuid() == 0 and closed:  # Qt finds no plugin there for nobody, leave to read or not
        raise SystemExit(f"{closed[0]} is closed to other users, and the program is tried as one: clone elsewhere")
    if options.part != "deb":
        status |= try_program(only(options.folder, "*.tar.xz"), options.starts)
    if options.part != "program":
        status |= bundle_deb.main(["--package", str(only(options.folder, "*.deb"))])
    return status


def only(folder: Path, pattern: str) -> Path:
    """The one file of that name; ends the command if there is none or more."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{len(found)} files {pattern} in {folder}: `make bundle` makes one")
    return found[0]


def try_program(archive: Path, starts: int) -> int:
    """The part `program`; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="formulens-") as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        folder, tree, home = root / PLACE, root / "tree", root / "home"
        folder.mkdir()
        subprocess.run(["tar", "--extract", "--no-same-owner", "--file", str(archive), "-C", str(folder)], check=True)
        program = folder / "Formulens" / "formulens"
        subprocess.run(["chmod", "--recursive", "a-w", str(folder)], check=True)
        copy_tree(tree)
        home.mkdir()
        if os.getuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {key: value for key, value in environment.items() if not key.startswith("XDG_")}
        try:
            return judge(program, archive, tree, environment, starts)
        finally:
            subprocess.run(["chmod", "--recursive", "u+w", str(folder)], check=True)  # or nobody could clear it away


def judge(program: Path, archive: Path, tree: Path, environment: dict[str, str], starts: int) -> int:
    """All that is tried on an unpacked program; returns the exit status."""
    inside = [*NAMESPACE, *without_privileges()]
    ours = [sys.executable, "-m", "app"]
    samples = sorted(
        str(path) for path in (tree / "resources" / "samples").iterdir() if path.suffix in (".png", ".jpg")
    )

    def read(command: list[str]) -> str:
        words = [*inside, *command, "recognize", *samples, "--device", "cpu"]
        done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{shlex.join(command)} recognize ends with {done.returncode}: {done.stderr}")
        return done.stdout

    same = read(called(program)) == read(ours)
    print(f"the samples are read as the tree reads them: {'yes' if same else 'NO'}", flush=True)
    if not same:
        return 1
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "program"]
    tested = {**environment, VARIABLE: shlex.join(called(program))}
    marked = [path for path in sorted((tree / "tests").rglob("test_*.py")) if "mark.program" in path.read_text("utf-8")]
    done = subprocess.run([*inside, *pytest, *map(str, marked)], cwd=tree, env=tested, timeout=LONGEST_S, check=False)
    print(f"tests of the program: {'passed' if done.returncode == 0 else 'FAILED'}", flush=True)

    def times(command: list[str]) -> dict[str, Any]:
        words = [*inside, sys.executable, "-m", "tests.checks.bundle", "--starts", str(starts)]
        words += ["--times", shlex.join(command), environment["HOME"]]
        found = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if found.returncode:
            raise SystemExit(f"no times of {shlex.join(command)}: {found.stderr}")
        seconds: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
        return seconds

    packaged, source = times(called(program)), times(ours)
    size, library, packed = parts.measured(program.parent), installed_size(), archive.stat().st_size
    rows = [("", "bundle", "source tree and its packages")]
    rows.append(("unpacked, MB", f"{size.size / parts.MB:.0f}", f"{library.size / parts.MB:.0f}"))
    rows.append(("packed, MB", f"{packed / parts.MB:.0f}", ""))
    rows.append(("files", f"{size.files}", f"{library.files}"))
    for when in ("first", "later"):
        for what in ("window", "model", "reading", "window, processor", "reading, processor"):
            title = (
                f"{when} start{' (median)' * (when == 'later')}: s to the {what.replace('reading', 'first reading')}"
            )
            rows.append((title, f"{packaged[when][what]:.2f}", f"{source[when][what]:.2f}"))
    print(parts.aligned(rows))
    if unknown := parts.without_purpose(program.parent):
        print(f"over 5 MB, and build_spec/parts.py does not say what for: {', '.join(unknown)}")
    too_large = [f"{MOST_MB} MB"] * (size.size > MOST_MB * parts.MB)
    too_large += [f"{MOST_PACKED_MB} MB packed"] * (packed > MOST_PACKED_MB * parts.MB)
    too_slow = [f"{what} in {most:g} s" for what, most in MOST_S.items() if packaged["later"][what] > most]
    print(f"aims missed: {', '.join(too_large + too_slow)}" if too_large or too_slow else "aims met")
    # A busy computer is slow, and that is no fault of the bundle.
    return 1 if done.returncode or unknown or too_large else 0


def copy_tree(tree: Path) -> None:
    """The part of the tree that the tests need, where everybody may read it."""
    tree.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    # As pip does when it installs: a start should not compile.
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(tree / "app"), str(tree / "core_model")], check=True)
    subprocess.run(["chmod", "--recursive", "a+rX", str(tree)], check=True)


def installed_size() -> parts.Size:
    """The tree with the packages that it needs, as pip has installed them here."""
    found = [parts.measured(ROOT / name) for name in ("app", "core_model", "resources")]
    names: set[str] = set()
    for line in product.project()["dependencies"]:
        require(line, names)
    for name in names:
        places = (Path(str(file.locate())) for file in metadata.distribution(name).files or ())
        sizes = [place.stat().st_size for place in places if place.is_file()]
        found.append(parts.Size(sum(sizes), len(sizes)))
    return parts.Size(sum(size.size for size in found), sum(size.files for size in found))


def require(requirement: str, found: set[str]) -> None:
    """Add a distribution, and all that it requires without extras, as far as it is installed here."""
    words, _, condition = requirement.partition(";")
    name = normal(re.split(r"[^\w.-]", words, maxsplit=1)[0])
    if "extra" in condition or name in found:
        return
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another system
        return
    found.add(name)
    for line in lines:
        require(line, found)


def start_times(command: list[str], folder: Path, starts: int) -> dict[str, dict[str, float]]:
    """What `moments` says of the first start of a program, and the median of the later ones."""
    from tests.app.display.desktop import SAMPLES, Desktop, wait_for
    from tests.app.display.program import Program

    os.environ[VARIABLE] = shlex.join(command)
    found = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        desktop = Desktop(Path(name))
        try:
            for number in range(starts):
                program = Program(desktop, Path(name) / f"data {number}")
                log = program.data / "logs" / "formulens.log"
                began = time.time()
                program.start(str(SAMPLES / "01-plain-100dpi.png"))
                wait_for(lambda log=log: READING_THERE in log.read_text(encoding="utf-8"), "the first reading")
                found.append(moments(log.read_text(encoding="utf-8"), began))
                program.end()
        finally:
            desktop.stop()
    later = found[1:] or found
    middle = {key: statistics.median(one[key] for one in later) for key in found[0]}
    return {"first": found[0], "later": middle}


def moments(text: str, began: float) -> dict[str, float]:
    """What a log says of a start: seconds to window, model and first reading, by the clock and of the processor."""
    found: dict[str, float] = {}
    names = {"window": WINDOW_THERE, "model": MODEL_THERE, "reading": READING_THERE}
    for line in text.splitlines():
        said = re.match(r"(\S+ \S+) .*, after ([\d.]+) s of the processor$", line)
        for key, words in names.items():
            if said is not None and words in line:
                at = datetime.strptime(said[1], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
                found.setdefault(key, at - began)
                found.setdefault(f"{key}, processor", float(said[2]))
    return found


if __name__ == "__main__":
    sys.exit(main())
