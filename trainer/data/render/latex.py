r"""Draw formulas with an installed LaTeX, some hundreds in one run.

One run sets a batch of formulas, each as a page of its own (package ``preview``); then one rasteriser run makes all
pictures. A ``\typeout`` before each formula tells from the log which formulas had errors. Those are taken out and the
rest is set again, so that page i is formula i beyond doubt; a page that is merely missing is no reliable sign.
Some input loops TeX for ever, hence a time limit and bisection.
"""

import contextlib
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from core_model.errors import DataError
from trainer.data.render.base import Grey, RenderFailure, is_balanced

FONTS: dict[str, str] = {
    "computer-modern": "",
    "latin-modern": r"\usepackage{lmodern}",
    "times": r"\usepackage{mathptmx}\DeclareMathAlphabet{\mathcal}{OMS}{cmsy}{m}{n}",
    "palatino": r"\usepackage{mathpazo}",
    "txfonts": r"\usepackage{txfonts}",
    "pxfonts": r"\usepackage{pxfonts}",
    "euler": r"\usepackage[noBBpl]{mathpazo}\usepackage{euler}",
    "charter": r"\usepackage{charter}\usepackage[italic,noequal]{mathastext}",
    "schoolbook": r"\usepackage{newcent}\usepackage[italic,noequal]{mathastext}",
    "bookman": r"\usepackage{bookman}\usepackage[italic,noequal]{mathastext}",
    "utopia": r"\usepackage{utopia}\usepackage[italic,noequal]{mathastext}",
    "sans": r"\usepackage{lmodern}\renewcommand{\familydefault}{\sfdefault}\usepackage[italic,noequal]{mathastext}",
    "helvetica": r"\usepackage[scaled=.95]{helvet}\renewcommand{\familydefault}{\sfdefault}"
    r"\usepackage[italic,noequal]{mathastext}",
    "newtx": r"\usepackage{newtxtext,newtxmath}",
    "newpx": r"\usepackage{newpxtext,newpxmath}",
    "fourier": r"\usepackage{fourier}",
    "euler-vm": r"\usepackage{eulervm}",
    "mathdesign": r"\usepackage[charter]{mathdesign}",
    "arev": r"\usepackage{arev}",
    "cmbright": r"\usepackage{cmbright}",
    "kpfonts": r"\usepackage{kpfonts}",
    "stix2": r"\usepackage{stix2}",
    "libertinus": r"\usepackage{libertinust1math}",
}
"""Font name -> the lines of the preamble that load it."""

RASTERIZERS = ("dvipng", "pdftoppm", "ghostscript")
FILTERS = {"box": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
PACKAGES_HINT = (
    "On Debian or Ubuntu: apt-get install texlive-latex-base texlive-latex-extra texlive-fonts-recommended lmodern "
    "preview-latex-style dvipng poppler-utils ghostscript. Or prepare with `--renderers ziamath`, which needs no TeX."
)
_TOOLS = {"dvipng": ("latex", "dvipng"), "pdftoppm": ("pdflatex", "pdftoppm"), "ghostscript": ("pdflatex", "gs")}
_MARK = "=formula="
_MARKED = re.compile(rf"^{_MARK}(\d+)=$")
# A formula must not change what comes after it, nor read or write files.
_FORBIDDEN = re.compile(
    r"\\(input|include|openin|openout|read|write|immediate|special|catcode|csname|[egx]?def|let|global|loop|repeat"
    r"|newcommand|renewcommand|usepackage|typeout|message|errmessage|batchmode|stop|documentclass|everymath)(?![A-Za-z])"
)
_MAX_SIDE = 6000
_BATCH = 400


@dataclass(frozen=True)
class LatexStyle:
    """How a batch of formulas looks. Raises ``ValueError`` that names all that is wrong."""

    font: str = "computer-modern"
    points: int = 12
    """Font size of the document: 10, 11 or 12 pt (each has its own shapes in Computer Modern)."""
    dpi: int = 100
    """Resolution of the finished picture."""
    rasterizer: str = "dvipng"
    bold: bool = False
    oversample: int = 1
    r"""Draw at this many times ``dpi`` and shrink; 2 is how the pictures of IM2LATEX-100K were made."""
    filter: str = "lanczos"
    """How an oversampled picture is shrunk: box, bicubic or lanczos."""
    gamma: float = 1.0
    """Weight of half-covered pixels: above 1 makes strokes heavier (dvipng and oversampled pictures only)."""

    def __post_init__(self) -> None:
        problems = []
        if self.font not in FONTS:
            problems.append(f"font {self.font!r} is none of {', '.join(FONTS)}")
        if self.points not in (10, 11, 12):
            problems.append(f"points must be 10, 11 or 12, not {self.points}")
        if not 30 <= self.dpi <= 1200:
            problems.append(f"dpi must lie within 30..1200, not {self.dpi}")
        if self.rasterizer not in RASTERIZERS:
            problems.append(f"rasterizer {self.rasterizer!r} is none of {', '.join(RASTERIZERS)}")
        if not 1 <= self.oversample <= 8:
            problems.append(f"oversample must lie within 1..8, not {self.oversample}")
        if self.filter not in FILTERS:
            problems.append(f"filter {self.filter!r} is none of {', '.join(FILTERS)}")
        if not 0.3 <= self.gamma <= 3:
            problems.append(f"gamma must lie within 0.3..3, not {self.gamma}")
        if problems:
            raise ValueError("LatexStyle: " + "; ".join(problems))


class LatexRenderer:
    """Draws formulas with LaTeX and one of three rasterisers."""

    name = "latex"

    def __init__(self, *, timeout: float = 6.0) -> None:
        """``timeout``: seconds allowed for a single formula; a batch gets a little more for each one in it."""
        self.timeout = timeout

    def render(self, formulas: Sequence[str], style: LatexStyle) -> list[Grey | RenderFailure]:
        """Draw each formula in display style.

        Raises ``DataError`` if the programs of the style are not installed or LaTeX cannot set even an empty document.
        """
        require_tools(style.rasterizer)
        results: list[Grey | RenderFailure] = [RenderFailure("failed")] * len(formulas)
        wanted = []
        for index, formula in enumerate(formulas):
            if not formula.strip():
                results[index] = RenderFailure("blank", "empty formula")
            elif _FORBIDDEN.search(formula):
                results[index] = RenderFailure("unsupported", "commands that define, read or write are refused")
            elif not is_balanced(formula):
                results[index] = RenderFailure("unbalanced", "braces, \\left/\\right or \\begin/\\end do not pair up")
            else:
                wanted.append(index)
        for start in range(0, len(wanted), _BATCH):
            self._render_batch(formulas, wanted[start : start + _BATCH], style, results)
        return results

    def _render_batch(
        self, formulas: Sequence[str], indices: list[int], style: LatexStyle, results: list[Grey | RenderFailure]
    ) -> None:
        """Fill ``results`` at ``indices``; split the batch where it cannot be done as a whole."""
        pending = indices
        while pending:
            limit = self.timeout + 0.02 * len(pending)
            with tempfile.TemporaryDirectory(prefix="formulens-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                outcome = _typeset([formulas[i] for i in pending], style, folder, limit)
                if isinstance(outcome, dict) and not outcome:
                    pictures = _rasterize(style, folder, 60 + limit)
                    if pictures is not None and len(pictures) == len(pending):
                        for index, picture in zip(pending, pictures, strict=True):
                            results[index] = picture
                        return
                    outcome = "failed"
            if isinstance(outcome, dict):
                for position, failure in outcome.items():
                    results[pending[position]] = failure
                pending = [index for position, index in enumerate(pending) if position not in outcome]
            elif len(pending) == 1:
                results[pending[0]] = RenderFailure(outcome)
                return
            else:
                middle = len(pending) // 2
                self._render_batch(formulas, pending[:middle], style, results)
                self._render_batch(formulas, pending[middle:], style, results)
                return


def document(formulas: Sequence[str], style: LatexStyle) -> str:
    """Return the LaTeX source of a batch: one page for each formula, with a mark before each."""
    driver = "dvips" if style.rasterizer == "dvipng" else "pdftex,tightpage"
    lines = [
        rf"\documentclass[{style.points}pt]{{article}}",
        r"\usepackage[T1]{fontenc}" if style.font not in ("computer-modern", "euler") else "",
        r"\usepackage{amsmath,amssymb,mathtools,mathrsfs,bm,cancel}",
        # These redefine what some fonts bring themselves; the fonts come last and win.
        r"\IfFileExists{stmaryrd.sty}{\usepackage{stmaryrd}\SetSymbolFont{stmry}{bold}{U}{stmry}{m}{n}}{}",
        FONTS[style.font],
        r"\providecommand{\llbracket}{[\![}\providecommand{\rrbracket}{]\!]}",
        r"\pagestyle{empty}\tracinglostchars=2",
        rf"\usepackage[active,{driver}]{{preview}}",
        r"\begin{document}",
        r"\boldmath" if style.bold else "",
    ]
    for number, formula in enumerate(formulas):
        text = formula.replace("\n", " ")
        lines.append(rf"\typeout{{{_MARK}{number}=}}")
        # In a box, or TeX would break long formulas into lines without a word.
        lines.append(rf"\begin{{preview}}\mbox{{$\displaystyle {text}$}}\end{{preview}}")
    lines.append(rf"\typeout{{{_MARK}{len(formulas)}=}}")
    lines.append(r"\end{document}")
    return "\n".join(lines) + "\n"


def available_fonts() -> list[str]:
    """Return the names in ``FONTS`` whose packages and outlines are installed (asks LaTeX once per process)."""
    return list(_available_fonts())


@cache
def _available_fonts() -> tuple[str, ...]:
    require_tools("dvipng")
    found = []
    for font, preamble in FONTS.items():
        packages = ",".join(re.findall(r"\\usepackage(?:\[[^]]*\])?\{([^}]*)\}", preamble)).split(",")
        if all(_kpsewhich(f"{package}.sty") for package in packages if package):
            found.append(font)
    return tuple(found)


def require_tools(rasterizer: str) -> None:
    """Raise ``DataError``, naming the packages to install, unless the programs for this rasteriser are there."""
    missing = [tool for tool in _TOOLS[rasterizer] if shutil.which(tool) is None]
    if not missing and not _kpsewhich("preview.sty"):
        missing = ["the LaTeX package preview"]
    if missing:
        raise DataError(f"Rendering with LaTeX needs {' and '.join(missing)}, not found here. {PACKAGES_HINT}")


def available_rasterizers() -> list[str]:
    """Return the rasterisers whose programs are installed."""
    return [name for name in RASTERIZERS if all(shutil.which(tool) for tool in _TOOLS[name])]


@cache
def _kpsewhich(name: str) -> bool:
    if shutil.which("kpsewhich") is None:
        return False
    return subprocess.run(["kpsewhich", name], capture_output=True, check=False).returncode == 0


def _typeset(formulas: list[str], style: LatexStyle, folder: Path, limit: float) -> dict[int, RenderFailure] | str:
    """Run LaTeX: positions with errors -> failure (empty: all is well), or the kind of failure of the whole batch."""
    (folder / "batch.tex").write_text(document(formulas, style), encoding="utf-8")
    engine = _TOOLS[style.rasterizer][0]
    command = [engine, "-interaction=nonstopmode", "-no-shell-escape", "batch.tex"]
    if _run(command, folder, limit) is None:
        return "timeout"
    log = folder / "batch.log"
    if not log.exists():
        raise DataError(f"{engine} wrote no log: is LaTeX installed completely? {PACKAGES_HINT}")
    failures: dict[int, RenderFailure] = {}
    position = -1
    for line in log.read_text(encoding="latin-1").splitlines():
        marked = _MARKED.match(line)
        if marked:
            position = int(marked[1])
        elif line.startswith(("!", "Missing character")):
            if position < 0:
                raise DataError(f"LaTeX cannot load the font {style.font!r}: {line.strip()}. {PACKAGES_HINT}")
            # An error past the last mark belongs to the last formula.
            where = min(position, len(formulas) - 1)
            kind = "latex error" if line.startswith("!") else "missing glyph"
            failures.setdefault(where, RenderFailure(kind, line.lstrip("! ").strip()))
    if position < len(formulas) and not failures:
        if position < 0:
            raise DataError(f"LaTeX stopped before the first formula with the font {style.font!r}. {PACKAGES_HINT}")
        return "failed"
    return failures


def _rasterize(style: LatexStyle, folder: Path, limit: float) -> list[Grey | RenderFailure] | None:
    """Turn the pages into grey pictures, in order; ``None`` if the rasteriser failed."""
    dpi = style.dpi * style.oversample
    if style.rasterizer == "dvipng":
        command = ["dvipng", "-q", "-T", "tight", "-D", str(dpi), "-bg", "White", "--gamma", f"{style.gamma:.2f}"]
        command += ["--strict", "-o", "page-%06d.png", "batch.dvi"]
        pattern = "page-*.png"
    elif style.rasterizer == "pdftoppm":
        command = ["pdftoppm", "-q", "-gray", "-r", str(dpi), "batch.pdf", "page"]
        pattern = "page-*.pgm"
    else:
        alpha = [] if style.oversample > 3 else ["-dTextAlphaBits=4", "-dGraphicsAlphaBits=4"]
        command = ["gs", "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pgmraw", f"-r{dpi}", *alpha]
        command += ["-sOutputFile=page-%06d.pgm", "batch.pdf"]
        pattern = "page-*.pgm"
    code = _run(command, folder, limit)
    if code is None or code != 0:
        return None
    pages = sorted(folder.glob(pattern), key=lambda path: int(path.stem.rsplit("-", 1)[1]))
    return [_finish(page, style) for page in pages]


def _finish(page: Path, style: LatexStyle) -> Grey | RenderFailure:
    with Image.open(page) as opened:
        if max(opened.size) > _MAX_SIDE * style.oversample:
            return RenderFailure("too large", f"{opened.size[0]} x {opened.size[1]} px")
        image = opened.convert("L")
    if style.oversample > 1:
        size = tuple(max(1, round(side / style.oversample)) for side in image.size)
        image = image.resize(size, FILTERS[style.filter])  # type: ignore[arg-type]
    grey: Grey = np.asarray(image, dtype=np.uint8).copy()
    if style.gamma != 1 and style.rasterizer != "dvipng":
        grey = np.round(255 * (grey / 255.0) ** style.gamma).astype(np.uint8)
    if grey.size == 0 or int(grey.min()) > 200:
        return RenderFailure("blank", "nothing printed")
    return grey


def _run(command: list[str], folder: Path, limit: float) -> int | None:
    """Run a program in ``folder`` without input; return its exit status, or ``None`` when it had to be killed.

    ``limit`` is in seconds of processor time where the system can limit that, so that a busy machine kills nothing that
    is merely slow; elsewhere, and as a last resort, in seconds by the clock.
    """
    environment = dict(os.environ, openin_any="p", openout_any="p", shell_escape="f", max_print_line="10000")
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        limited = _limit_processor_time(process.pid, limit)
        code = process.wait(timeout=20 * limit if limited else limit)
        return None if limited and code == -signal.SIGXCPU else code
    except subprocess.TimeoutExpired:
        return None
    finally:
        # Also on an interrupt: the children (font makers among them) go with it.
        if process.poll() is None:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()


def _limit_processor_time(pid: int, seconds: float) -> bool:
    """Let the system end a process after so much processor time; ``False`` where that cannot be (other than Linux)."""
    if sys.platform != "linux":
        return False
    import resource

    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
    return True
