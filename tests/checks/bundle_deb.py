"""python -m tests.checks.bundle_deb --package FILE.deb

Installs the .deb, starts the program by its entry in the menu, and takes the package away again. It happens in a copy
of this system that is thrown away (an overlay over it, in namespaces of its own), by the real dpkg with the real data
base of packages: what the package depends on must be there, and what Debian's triggers do is done. Exit status 0 if the
program comes up, reads and ends well, and if nothing of the package is left behind.

Needs root, Debian or a system like it, and what the tests marked `display` need, with `gio` (libglib2.0-bin).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from build_spec.linux import PLACE
from build_spec.product import COMMAND, IDENTIFIER
from tests.program import ROOT

ENTRY = Path("/usr/share/applications") / f"{IDENTIFIER}.desktop"
KEPT = ("/var/lib/dpkg/", "/var/log/", "/var/cache/", "/tmp/", "/root/.cache/", "/run/")
"""Where dpkg keeps its books, and other programs their scratch paper."""
CACHES = ("mimeinfo.cache", "icon-theme.cache", "/usr/share/mime/", "/usr/share/icons/hicolor")
"""What Debian's triggers write anew for all packages together: it may change, but must not name this one any more."""
SPACE = "3g"

SCRIPT = """
set -eu
mount -t tmpfs -o size={space} none "{folder}"
mkdir "{folder}/upper" "{folder}/work" "{folder}/system"
mount -t overlay overlay -o "lowerdir=/,upperdir={folder}/upper,workdir={folder}/work" "{folder}/system"
mount -t proc proc "{folder}/system/proc"
mount --rbind /dev "{folder}/system/dev"
mkdir -p "{folder}/system{folder}"
mount --bind "{folder}/upper" "{folder}/system{folder}"
cp "{package}" "{folder}/system/tmp/package.deb"
exec chroot "{folder}/system" "$@"
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.checks.bundle_deb")
    parser.add_argument("--package", type=Path, required=True, metavar="FILE")
    parser.add_argument("--inside", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return inside(Path("/tmp/package.deb"), options.inside)
    if os.getuid() or not shutil.which("dpkg"):
        print("the .deb: not tried, for that needs root on Debian")
        return 1
    with tempfile.TemporaryDirectory(prefix="formulens-deb-") as folder:
        script = SCRIPT.format(folder=folder, package=options.package.resolve(), space=SPACE)
        command = [sys.executable, "-m", "tests.checks.bundle_deb", "--package", "-", "--inside", folder]
        wrapped = [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "sh",
            "-c",
            script,
            "sh",
            "env",
            "-C",
            str(ROOT),
            *command,
        ]
        return subprocess.run(wrapped, check=False, cwd=ROOT).returncode


def inside(package: Path, changed: Path) -> int:
    """In the copy of the system; `changed` shows the files that differ from the real one."""
    before = listed(changed)
    done = subprocess.run(["dpkg", "--install", str(package)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"the .deb cannot be installed: {done.stderr}")
        return 1
    print("the .deb is installed", flush=True)
    assert Path(f"/{PLACE}/{COMMAND}").is_file() and Path(f"/usr/bin/{COMMAND}").resolve().is_file()
    kinds = subprocess.run(
        ["xdg-mime", "query", "filetype", str(some_ink())], capture_output=True, text=True, check=False
    )
    problem = started()
    print(problem or "its entry in the menu starts it: it shows its window, reads and ends well", flush=True)
    subprocess.run(["dpkg", "--purge", COMMAND], capture_output=True, check=True)
    left = [name for name in listed(changed) - before if not name.startswith(KEPT)]
    left = [name for name in left if not any(cache in name for cache in CACHES)]
    named = [name for name in listed(changed) if COMMAND in name.lower() and not name.startswith(KEPT)]
    traces = sorted({*left, *named})
    print("it is gone without a trace" if not traces else f"it leaves behind: {', '.join(traces)}", flush=True)
    if shutil.which("xdg-mime"):
        print(f"a file of ink was known as {kinds.stdout.strip() or 'nothing'}")
    return 1 if problem or traces else 0


def listed(changed: Path) -> set[str]:
    """The files that are in the copy of the system and not in the real one, or not the same."""
    found = (path for path in changed.rglob("*") if path.is_file() or path.is_symlink())
    return {f"/{path.relative_to(changed)}" for path in found if not is_removed(path)}


def is_removed(path: Path) -> bool:
    """Whether this stands for a file of the real system that is gone."""
    return path.is_char_device()


def some_ink() -> Path:
    path = Path("/tmp/some.inkml")
    path.write_text('<ink xmlns="http://www.w3.org/2003/InkML"><trace>1 1, 2 2</trace></ink>')
    return path


def started() -> str:
    """Start the program by its entry in the menu, with a picture, and quit it; what went wrong, or nothing."""
    from tests.app.display.desktop import SAMPLES, Desktop, wait_for
    from tests.app.display.program import TITLE

    home = Path("/tmp/home")
    (home / "runtime").mkdir(mode=0o700, parents=True)
    desktop = Desktop(home / "runtime")
    environment = desktop.environment(HOME=str(home))
    environment.pop("PYTHONPATH")
    try:
        picture = SAMPLES / "01-plain-100dpi.png"
        # gio waits for nothing; the program goes on by itself.
        subprocess.run(["gio", "launch", str(ENTRY), str(picture)], env=environment, check=True, timeout=60)
        window = wait_for(lambda: desktop.windows(TITLE), "the window")[0]
        pid = desktop.output("xdotool", "getwindowpid", window).strip()
        log = home / ".local/state/Formulens/log/formulens.log"
        from app.application import READING_THERE

        wait_for(lambda: log.exists() and READING_THERE in log.read_text(), "the reading")
        program = Path(f"/proc/{pid}/exe").resolve()
        if program != Path(f"/{PLACE}/{COMMAND}"):
            return f"the entry started {program}"
        desktop.run("xdotool", "windowactivate", "--sync", window)
        desktop.keys("ctrl+q")
        wait_for(lambda: not alive(pid), "the end")
        return f"the log tells of a fault: {log.read_text()}" if " ERROR " in log.read_text() else ""
    except (AssertionError, subprocess.SubprocessError) as fault:
        return f"its entry in the menu does not start it: {fault}"
    finally:
        desktop.stop()


def alive(pid: str) -> bool:
    """Whether a process runs; one that has ended and waits to be asked how does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
