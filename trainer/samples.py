"""trainer samples --out resources/samples

Draw the sample pictures that `make run` and the tests read: formulas drawn by a fixed seed from the pool
``resources/samples/formulas.txt`` (which no training list may contain; ``trainer prepare`` leaves them out), one for
each look in ``LOOKS``. Writes the pictures and ``truth.json`` (file name -> LaTeX). Needs LaTeX and dvipng.
"""

import io
import json
import random
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from core_model.errors import DataError
from trainer.data.render.base import Grey, RenderFailure
from trainer.data.render.latex import LatexRenderer, LatexStyle
from trainer.data.render.ziamath import ZiamathRenderer, ZiamathStyle

Colour = tuple[int, int, int]
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True)
class Options:
    """Draw the sample pictures anew."""

    out: Path
    """Folder for the pictures and truth.json."""
    pool: Path | None = None
    """File with one formula a line; without it the pool in the package."""
    seed: int = 2
    """Which formulas are drawn. The shipped samples are those of seed 2, chosen before any model was trained."""


@dataclass(frozen=True)
class Look:
    """How one sample looks. A transparent one has no paper: its ink is the alpha channel."""

    name: str
    style: LatexStyle | ZiamathStyle
    ink: Colour = BLACK
    paper: Colour | None = WHITE
    margin: int = 8
    """Pixels of paper around the ink."""
    jpeg: int = 0
    """JPEG quality; 0 means PNG."""

    @property
    def suffix(self) -> str:
        return "jpg" if self.jpeg else "png"


LOOKS = (
    Look("plain-100dpi", LatexStyle(dpi=100)),
    Look("plain-72dpi", LatexStyle(dpi=72)),
    Look("plain-400dpi", LatexStyle(dpi=400), margin=30),
    Look("dark-144dpi", LatexStyle(dpi=144), ink=(220, 220, 220), paper=(30, 30, 30)),
    Look("sepia-120dpi", LatexStyle(dpi=120, points=11), ink=(91, 70, 54), paper=(244, 236, 216)),
    Look("stix-150dpi", ZiamathStyle(dpi=150)),
    Look("times-150dpi", LatexStyle(font="times", dpi=150)),
    Look("transparent-160dpi", LatexStyle(dpi=160), paper=None),
    Look("jpeg-130dpi", LatexStyle(dpi=130), jpeg=50),
    Look("blue-dark-110dpi", LatexStyle(font="latin-modern", dpi=110), ink=(240, 198, 116), paper=(0, 43, 54)),
    Look("pagella-dark-200dpi", ZiamathStyle(font="gyre-pagella", dpi=200), ink=(248, 248, 242), paper=(40, 42, 54)),
    Look("dark-72dpi", LatexStyle(dpi=72), ink=WHITE, paper=BLACK),
    Look("tinted-400dpi", LatexStyle(dpi=400), ink=(20, 60, 40), paper=(225, 240, 225), margin=20),
    Look("palatino-200dpi", LatexStyle(font="palatino", dpi=200)),
    Look("tight-110dpi", LatexStyle(dpi=110), margin=0),
    Look("loose-120dpi", LatexStyle(dpi=120, points=10), margin=90),
    Look("stix-transparent-white-140dpi", ZiamathStyle(dpi=140), ink=WHITE, paper=None),
    Look("coloured-180dpi", LatexStyle(dpi=180), ink=(180, 20, 60), paper=(255, 250, 205)),
    Look("dejavu-tinted-96dpi", ZiamathStyle(font="gyre-dejavu", dpi=96), ink=(20, 20, 90), paper=(214, 228, 245)),
    Look("faint-300dpi", LatexStyle(dpi=300), ink=(150, 150, 150), paper=(235, 235, 235), margin=24),
)


def main(options: Options) -> int:
    """Draw and write the samples. Raises ``DataError`` if the pool is too small or a formula cannot be drawn."""
    drawn = draw_formulas(options.pool, options.seed)
    pictures = {}
    truth = {}
    for number, (look, formula) in enumerate(zip(LOOKS, drawn, strict=True), start=1):
        name = f"{number:02}-{look.name}.{look.suffix}"
        pictures[name] = encode(render(formula, look.style), look)
        truth[name] = formula
    # Only now, so that a failure leaves the old samples whole.
    options.out.mkdir(parents=True, exist_ok=True)
    for name, data in pictures.items():
        (options.out / name).write_bytes(data)
    (options.out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    print(f"{len(pictures)} pictures in {options.out}")
    return 0


def draw_formulas(pool: Path | None, seed: int) -> list[str]:
    """Return one formula for each look, drawn without replacement. Raises ``DataError`` if the pool is too small."""
    source = pool if pool is not None else files("resources") / "samples" / "formulas.txt"
    try:
        lines = source.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"cannot read the pool of formulas {source}: {error.strerror}") from error
    formulas = [line for line in lines if line.strip()]
    if len(formulas) < len(LOOKS):
        raise DataError(f"{source} holds {len(formulas)} formulas, {len(LOOKS)} are needed")
    return random.Random(seed).sample(formulas, len(LOOKS))


def render(formula: str, style: LatexStyle | ZiamathStyle) -> Grey:
    """Draw one formula, dark on white. Raises ``DataError`` with the reason if that fails."""
    if isinstance(style, LatexStyle):
        result = LatexRenderer().render([formula], style)[0]
    else:
        result = ZiamathRenderer().render([formula], style)[0]
    if isinstance(result, RenderFailure):
        raise DataError(f"cannot draw {formula}: {result.kind} {result.detail}")
    return result


def encode(grey: Grey, look: Look) -> bytes:
    """Give a picture ``[h, w]`` its margin and colours; return the bytes of the PNG or JPEG file."""
    coverage = 1 - crop(grey).astype(np.float32) / 255
    coverage = np.pad(coverage, look.margin)[..., None]  # [h, w, 1]: 1 = ink
    ink = np.array(look.ink, np.float32)
    if look.paper is None:
        pixels = np.concatenate([np.broadcast_to(ink, (*coverage.shape[:2], 3)), 255 * coverage], axis=2)
    else:
        pixels = coverage * ink + (1 - coverage) * np.array(look.paper, np.float32)
    image = Image.fromarray(np.round(pixels).astype(np.uint8))
    buffer = io.BytesIO()
    if look.jpeg:
        image.save(buffer, "JPEG", quality=look.jpeg)
    else:
        image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def crop(grey: Grey) -> Grey:
    """Cut to the ink, so that ``Look.margin`` is all the paper there is."""
    ink = grey < 250
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
