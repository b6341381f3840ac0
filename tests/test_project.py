"""The project as a whole: what the README says is true, what is tracked is meant and small enough."""

import io
import re
import shlex
import subprocess
import tomllib
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from app.__main__ import main as app_main
from trainer.__main__ import VERBS
from trainer.__main__ import main as trainer_main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MIB = 1 << 20
TOP_LEVEL = {
    *("app", "core_model", "trainer", "resources", "tests", "build_spec", "pyproject.toml", "README.md"),
    *("LICENSE", "Makefile", "docs", "constraints.txt", ".ci", ".github", ".gitignore"),
}
WITH_SUBCOMMANDS = ("plot",)
PACKAGES = ("app", "build_spec", "core_model", "trainer", "resources")


@cache
def tracked() -> list[Path]:
    """All files git tracks or would track, relative to the root; without git all that is not hidden or built."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        found = [path.relative_to(ROOT) for name in TOP_LEVEL for path in [ROOT / name, *(ROOT / name).rglob("*")]]
        return [path for path in found if (ROOT / path).is_file() and "__pycache__" not in path.parts]
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def readme_commands() -> list[str]:
    """The README's lines that call ``formulens`` or ``trainer``, continued lines joined, comments dropped."""
    lines = "\n".join(code_blocks("sh")).replace("\\\n", " ").splitlines()
    commands = [re.sub(r"\s+#.*$", "", line).strip() for line in lines]
    return [line for line in commands if line.startswith(("formulens ", "trainer "))]


def tree_entries() -> set[str]:
    """The paths that the annotated tree at the end of the README names."""
    block = README.rsplit("```\n", 2)[1]
    folders: list[str] = []
    found = set()
    for line in block.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        # The names come first; two spaces set them apart from what is said about them.
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            folders[depth:] = [name.rstrip("/")]
            found.add("/".join(folders))
    return found


@cache
def help_of(program: str, *verbs: str) -> str:
    """What ``PROGRAM VERB... --help`` prints; asked in this process, which imports torch only once."""
    main = {"formulens": app_main, "trainer": trainer_main}[program]
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit) as stopped:
        main([*verbs, "--help"])
    assert stopped.value.code in (0, None)
    return printed.getvalue()


@pytest.mark.parametrize("command", readme_commands())
def test_the_readmes_commands_exist_with_their_flags(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    program, verb, *arguments = shlex.split(command)
    text = help_of(program, *([verb, arguments[0]] if verb in WITH_SUBCOMMANDS else [verb]))
    flags = {word.split("=")[0] for word in arguments if word.startswith("--")}
    absent = {flag for flag in flags if not re.search(rf"{re.escape(flag)}\b", text)}
    assert not absent, f"{program} {verb} --help does not know {absent}"


def test_the_readme_shows_every_trainer_verb() -> None:
    shown = {command.split()[1] for command in readme_commands() if command.startswith("trainer ")}
    assert shown == set(VERBS)


def test_the_readme_shows_every_make_target() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    shown = re.findall(r"^make ([\w-]+)", "\n".join(code_blocks("sh")), re.MULTILINE)
    assert sorted(shown) == sorted(targets)


def test_the_annotated_tree_names_every_module_and_nothing_else() -> None:
    entries = tree_entries()
    files = {path.as_posix() for path in tracked()}
    folders = {parent.as_posix() for path in tracked() for parent in path.parents}
    assert sorted(entries - files - folders) == []
    modules = {name for name in files if name.endswith(".py") and name.startswith(PACKAGES) and "__init__" not in name}
    assert sorted(modules - entries) == []


def test_the_top_level_holds_only_what_the_layout_names() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


def test_tracked_files_stay_small() -> None:
    sizes = {path.as_posix(): (ROOT / path).stat().st_size for path in tracked()}
    assert sum(sizes.values()) < 45 * MIB
    assert max(sizes.values()) <= 40 * MIB, max(sizes, key=lambda name: sizes[name])


def test_every_dependency_has_its_pin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["train"] + extras["test"]
    names = {re.split(r"[\[<>=]", line)[0].lower() for line in wanted} - {"formulens"}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.split("==")[0].lower() for line in lines if not line.startswith("#")}
    assert names <= pinned
    assert "torch==2.13.0" in lines  # no local version: the pin must fit CPU, CUDA and macOS builds
