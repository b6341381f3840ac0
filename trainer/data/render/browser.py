r"""Draw formulas as a web page does: KaTeX in headless Chromium. For tests of robustness, never for training.

All formulas are laid out once to measure them (``--dump-dom``), those KaTeX refuses fall out, and the rest is laid out
in boxes at fixed places on a few pages. One screenshot a page, cut along the boxes, gives the pictures. The resolution
comes from the device scale factor, so that fonts are drawn at that size, not enlarged.
"""

import html
import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core_model.errors import DataError
from trainer.data.render.base import Grey, RenderFailure, is_balanced

KATEX_VERSION = "0.16.22"
"""What npm is asked for."""
SYSTEM_KATEX = Path("/usr/share/javascript/katex")
"""Where Debian's package libjs-katex puts it."""
CSS_DPI = 96
"""A CSS pixel is 1/96 inch by definition."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER_HINT = (
    "Drawing formulas in a browser needs {missing}, not found here. On Debian: apt-get install chromium libjs-katex. "
    "Or leave these rows out with `--browser 0`."
)
_SLACK = 24  # CSS px of white about a formula's layout box: ink may stick out of it
_MAX_SIDE = 16000  # px of a screenshot; beyond 16384 Chromium silently leaves parts white
_MAX_PAGE = 2400  # CSS px of a page's height: keeps one screenshot to some tens of megabytes
_CHROME_UI = 200  # CSS px: some versions count the height of a window frame that is not there
_VERSION = re.compile(r"""version\s*[:=]\s*["'](\d+\.\d+\.\d+)["']""")
_MEASURED = re.compile(r'<pre id="boxes">(.*?)</pre>', re.DOTALL)


@dataclass(frozen=True)
class BrowserStyle:
    """How the page looks. KaTeX sets formulas at 1.21 times the font size of the text around them, as on any page."""

    dpi: int = 96
    """Device pixels per CSS inch: 96 is an ordinary screen, 192 one of double density."""
    font_px: float = 16.0
    """Font size of the text in CSS px; 16 is every browser's default, and 12 pt."""

    def __post_init__(self) -> None:
        if not 30 <= self.dpi <= 800:
            raise ValueError(f"BrowserStyle: dpi must lie within 30..800, not {self.dpi}")
        if not 4 <= self.font_px <= 100:
            raise ValueError(f"BrowserStyle: font_px must lie within 4..100, not {self.font_px}")


@dataclass(frozen=True)
class _Box:
    """Where a formula stands on its page, in CSS px, slack included."""

    index: int
    top: int
    width: int
    height: int


class BrowserRenderer:
    """Draws formulas with KaTeX in headless Chromium.

    ``cache`` is a folder of the caller's: unless the system has KaTeX, npm puts it there when it is first needed (the
    only step that uses the network). ``timeout``: seconds allowed for one run of the browser.
    """

    name = "browser"

    def __init__(self, cache: Path, *, timeout: float = 120.0) -> None:
        self.browser = find_browser()
        self.katex = install_katex(cache)
        self.timeout = timeout
        script = (self.katex / "katex.min.js").read_text(encoding="utf-8")
        found = _VERSION.search(script)
        self.version = found[1] if found else "unknown"
        self._sizes: dict[tuple[str, float], tuple[float, float] | str] = {}

    def render(self, formulas: Sequence[str], style: BrowserStyle) -> list[Grey | RenderFailure]:
        """Draw each formula in display style, black on white, cropped to the ink with 2 px of white.

        Raises ``DataError`` if the browser cannot be run.
        """
        results: list[Grey | RenderFailure] = [
            RenderFailure("failed") if is_balanced(formula) else RenderFailure("unbalanced") for formula in formulas
        ]
        wanted = [index for index, formula in enumerate(formulas) if is_balanced(formula)]
        factor = style.dpi / CSS_DPI
        with tempfile.TemporaryDirectory(prefix="formulens-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            shutil.copytree(self.katex, folder / "katex")
            sizes = self._measure([formulas[index] for index in wanted], style, folder)
            pages: list[list[_Box]] = [[]]
            top = 0
            for index, size in zip(wanted, sizes, strict=True):
                if isinstance(size, str):
                    results[index] = RenderFailure("unsupported", size)
                    continue
                width, height = (math.ceil(side) + 2 * _SLACK for side in size)
                if max(width, height + _CHROME_UI) * factor > _MAX_SIDE:
                    results[index] = RenderFailure("too large", f"{width} x {height} CSS px at {style.dpi} dpi")
                    continue
                limit = min(_MAX_PAGE, _MAX_SIDE / factor - _CHROME_UI)
                if pages[-1] and top + height > limit:
                    pages.append([])
                    top = 0
                pages[-1].append(_Box(index, top, width, height))
                top += height
            for page in pages:
                if page:
                    self._draw(page, formulas, style, folder, results)
        return results

    def _measure(self, formulas: list[str], style: BrowserStyle, folder: Path) -> list[tuple[float, float] | str]:
        """Lay every formula out; return its width and height in CSS px, or KaTeX's complaint.

        CSS sizes do not depend on the resolution, so formulas that were measured before are not measured again.
        """
        unknown = [formula for formula in dict.fromkeys(formulas) if (formula, style.font_px) not in self._sizes]
        if unknown:
            for formula, size in zip(unknown, self._lay_out(unknown, style, folder), strict=True):
                self._sizes[formula, style.font_px] = size
        return [self._sizes[formula, style.font_px] for formula in formulas]

    def _lay_out(self, formulas: list[str], style: BrowserStyle, folder: Path) -> list[tuple[float, float] | str]:
        page = _page(formulas, [None] * len(formulas), style)
        (folder / "measure.html").write_text(page, encoding="utf-8")
        output = self._run(["--window-size=4000,2000", "--dump-dom", (folder / "measure.html").as_uri()], folder)
        found = _MEASURED.search(output.decode("utf-8", "replace"))
        if not found:
            raise DataError(f"{self.browser} did not lay out the formulas: is it installed completely?")
        boxes: list[Any] = json.loads(html.unescape(found[1]))
        return [box if isinstance(box, str) else (float(box[0]), float(box[1])) for box in boxes]

    def _draw(
        self,
        page: list[_Box],
        formulas: Sequence[str],
        style: BrowserStyle,
        folder: Path,
        results: list[Grey | RenderFailure],
    ) -> None:
        """Take the screenshot of one page and cut it into ``results``."""
        factor = style.dpi / CSS_DPI
        text = _page([formulas[box.index] for box in page], [box.top for box in page], style)
        (folder / "page.html").write_text(text, encoding="utf-8")
        picture = folder / "page.png"
        picture.unlink(missing_ok=True)
        width, height = max(box.width for box in page), page[-1].top + page[-1].height
        flags = [f"--window-size={width},{height + _CHROME_UI}", f"--force-device-scale-factor={factor:.6f}"]
        self._run([*flags, f"--screenshot={picture}", (folder / "page.html").as_uri()], folder)
        if not picture.exists():
            raise DataError(f"{self.browser} made no screenshot: is it installed completely?")
        with Image.open(picture) as opened:
            grey = np.asarray(opened.convert("L"), dtype=np.uint8)
        if grey.shape[0] < math.floor(height * factor) or grey.shape[1] < math.floor(width * factor):
            raise DataError(
                f"{self.browser} made a screenshot of {grey.shape[1]} x {grey.shape[0]} px, less than asked"
            )
        for box in page:
            top, bottom = round(box.top * factor), round((box.top + box.height) * factor)
            results[box.index] = _crop(grey[top:bottom, : round(box.width * factor)])

    def _run(self, arguments: list[str], folder: Path) -> bytes:
        """Run the browser with a fresh profile and without network chatter; return what it printed."""
        profile = tempfile.mkdtemp(prefix="profile-", dir=folder)
        command = [self.browser, "--headless", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--disable-extensions", "--disable-lcd-text", "--hide-scrollbars", "--allow-file-access-from-files"]
        # Time in the page stands still until fonts are there, so that nothing is shot half-drawn.
        command += ["--virtual-time-budget=20000", f"--user-data-dir={profile}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium refuses to run as root with it
        process = subprocess.Popen(
            command + arguments,
            cwd=folder,
            env=dict(os.environ, HOME=profile, XDG_CONFIG_HOME=profile, XDG_CACHE_HOME=profile),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise DataError(f"{self.browser} did not finish within {self.timeout:.0f} s") from None
        finally:
            if process.poll() is None:
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
                process.communicate()
        return output


def find_browser() -> str:
    """Return the path of Chromium (or Chrome). Raises ``DataError`` that names the Debian package."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return path
    raise DataError(BROWSER_HINT.format(missing="Chromium"))


def install_katex(cache: Path) -> Path:
    """Return the folder with ``katex.min.js``, its style sheet and fonts: in ``cache``, of the system, or now from npm.

    Raises ``DataError`` if it is nowhere and npm is missing or fails.
    """
    home = cache / f"katex-{KATEX_VERSION}"
    dist = home / "node_modules" / "katex" / "dist"
    for folder in (dist, SYSTEM_KATEX):
        if (folder / "katex.min.js").is_file() and (folder / "fonts").is_dir():
            return folder
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(BROWSER_HINT.format(missing="KaTeX, or npm to get it,"))
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot use the cache folder {cache}: {error.strerror}") from error
    command = [npm, "install", "--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
    done = subprocess.run([*command, f"katex@{KATEX_VERSION}"], capture_output=True, text=True, check=False, cwd=home)
    if not (dist / "katex.min.js").is_file():
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise DataError(f"npm could not install katex@{KATEX_VERSION} into {home}: {last}")
    return dist


def _page(formulas: Sequence[str], tops: Sequence[int | None], style: BrowserStyle) -> str:
    """The page: every formula in a box, at ``top`` CSS px where given; the measured sizes go into ``<pre>``."""
    # `<` within a script element could end it; JSON allows the escape.
    data = json.dumps(list(zip(formulas, tops, strict=True))).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8">
<link rel="stylesheet" href="katex/katex.min.css"><script src="katex/katex.min.js"></script>
<style>
html, body {{ margin: 0; background: #fff; color: #000; font-size: {style.font_px}px; }}
.box {{ display: inline-block; padding: {_SLACK}px; white-space: nowrap; }}
.placed {{ position: absolute; left: 0; }}
.katex-display {{ margin: 0; text-align: left; }}
.katex-display > .katex {{ text-align: left; }}
#boxes {{ display: none; }}
</style></head><body><script>
const items = {data}, boxes = [];
for (const [formula, top] of items) {{
  const row = document.createElement("div"), box = document.createElement("div");
  row.appendChild(box);
  box.className = top === null ? "box" : "box placed";
  if (top !== null) box.style.top = top + "px";
  try {{
    katex.render(formula, box, {{displayMode: true, throwOnError: true, strict: "ignore", output: "html"}});
    document.body.appendChild(row);
    boxes.push(box);
  }} catch (error) {{ boxes.push(String(error.message || error)); }}
}}
document.fonts.ready.then(() => {{
  const out = document.createElement("pre");
  out.id = "boxes";
  out.textContent = JSON.stringify(boxes.map((box) => {{
    if (typeof box === "string") return box;
    const size = box.getBoundingClientRect();
    return [size.width - {2 * _SLACK}, size.height - {2 * _SLACK}];
  }}));
  document.body.appendChild(out);
}});
</script></body></html>
"""


def _crop(grey: Grey, white: int = 2) -> Grey | RenderFailure:
    """Cut to the ink; ink on the border of the box means that it was cut off."""
    ink = grey < 250
    if not ink.any():
        return RenderFailure("blank", "nothing printed")
    if ink[0].any() or ink[-1].any() or ink[:, 0].any() or ink[:, -1].any():
        return RenderFailure("too large", "ink beyond the formula's box")
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, left = max(0, rows[0] - white), max(0, columns[0] - white)
    return grey[top : rows[-1] + 1 + white, left : columns[-1] + 1 + white].copy()
