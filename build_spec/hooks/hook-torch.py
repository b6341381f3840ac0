"""What of torch goes into the bundle: the libraries, and the modules that `import torch` itself imports.

Instead of PyInstaller's own hook, which takes every file of the package and its sources once more.
"""

import re
from pathlib import Path

from PyInstaller import isolated
from PyInstaller.utils.hooks import PY_DYLIB_PATTERNS, collect_dynamic_libs


@isolated.decorate
def imported() -> dict[str, str]:
    """The modules that torch imports by itself, with their files."""
    import sys
    from pathlib import Path

    import torch  # noqa: F401

    own = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("torch", "torchgen")}
    places = {name: getattr(module, "__file__", None) or "" for name, module in own.items()}
    # torch.ops and its like are no modules, though they stand among them.
    return {name: place for name, place in places.items() if Path(place).is_absolute()}


def reads_itself(file: str) -> bool:
    """Whether a module looks at its own source while it is imported: settings do, and overloads for TorchScript."""
    return file.endswith(".py") and bool(ITSELF.search(Path(file).read_text(encoding="utf-8")))


ITSELF = re.compile(r"\b_overload(_method)?\b|\binstall_config_module\(")
found = imported()
hiddenimports = list(found)
binaries = collect_dynamic_libs("torch", search_patterns=[*PY_DYLIB_PATTERNS, "*.so.*"])
# torch asks whether this program is there, and never starts it here.
datas = [(str(path), "torch/bin") for path in (Path(found["torch"]).parent / "bin").glob("torch_shm_manager*")]
# What is said of a package holds for all in it: `torch` itself comes last.
module_collection_mode = {**{name: "pyz+py" for name, file in found.items() if reads_itself(file)}, "torch": "pyz"}
# Links beside the program to torch's libraries: torch would look for the others there.
bindepend_symlink_suppression = ["**/torch/lib/*.so*"]
warn_on_missing_hiddenimports = False
