"""Pictures of every kind -> grey uint8 arrays: files, streams, Pillow images, arrays.

What a picture shows survives the way to grey: transparency is laid over a ground that its ink stands out from, and
coloured ink on a coloured ground of the same brightness stays apart. Polarity is left as it is;
``core_model.preprocessing`` sees to that.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from core_model.errors import PictureError

Grey = NDArray[np.uint8]

_NOT_PIXELS = frozenset(
    {"EPS", "WMF", "PDF", "MPEG", "HDF5", "GRIB", "BUFR"}
)  # drawn by other programs, or not pictures
_ORIENTATION = 0x0112  # tag of EXIF
_SAMPLE_PIXELS = 200_000  # decisions about colour are made on at most this many pixels
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
)
"""What Pillow's decoders raise on damaged files: AVIF's RuntimeError, for unknown kinds of DDS and BLP
NotImplementedError, which is one too, for odd SPIDER files AttributeError.
"""


def open_grey(source: str | os.PathLike[str] | IO[bytes] | Image.Image) -> Grey:
    """Read a picture -> grey uint8 [h, w].

    Takes a path, a binary stream or a Pillow image; of an animation the first frame; EXIF rotation is applied. Files
    are closed again, streams and images are left open. Raises PictureError, naming the file and the remedy, if there
    is no picture to be had.
    """
    if isinstance(source, Image.Image):
        return _decode(source, "the picture")
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        with _opened(path) as stream:
            return _read(stream, str(path))
    return _read(source, str(getattr(source, "name", None) or "the picture"))


def to_grey(image: Image.Image | NDArray[Any], name: str = "the picture") -> Grey:
    """Pillow image of any mode, or array [h, w] or [h, w, 1..4] (bool, uint8, uint16, float) -> grey uint8 [h, w], a
    copy.

    Raises PictureError for an image without pixels or with damaged data, ValueError for an array of another shape or
    type.
    """
    if isinstance(image, Image.Image):
        return _decode(image, name)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (2, 3, 4)):
        raise ValueError(f"expected an array [h, w] or [h, w, 1..4], got shape {image.shape}")
    if 0 in image.shape:
        raise PictureError(f"{name} has no pixels (it is {image.shape[1]} x {image.shape[0]}); take a larger one")
    if image.dtype == np.bool_:
        image = image.astype(np.uint8) * np.uint8(255)
    elif image.dtype != np.uint8:
        if image.dtype.kind not in "iuf":
            raise ValueError(f"expected bool, integer or float pixels, got {image.dtype}")
        image = _to_eight_bits(image)
    if image.ndim == 2:
        return np.array(image, np.uint8, order="C")
    return _decode(Image.fromarray(np.ascontiguousarray(image)), name)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a directory; give the pictures in it, for example {path / '*.png'}")
        stream = path.open("rb")
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist; check the path") from None
    except PermissionError:
        raise PictureError(f"{path} may not be read: permission denied; allow it (chmod +r) or copy the file") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} cannot be opened: {error}; check the path") from None
    with stream:
        yield stream


def _read(stream: IO[bytes], name: str) -> Grey:
    try:
        if not stream.seekable():  # a pipe
            stream = io.BytesIO(stream.read())
        start = stream.tell()
        empty = not stream.read(1)
        stream.seek(start)
    except OSError as error:
        raise PictureError(f"{name} cannot be read: {error}; copy it elsewhere and try again") from None
    if empty:
        raise PictureError(f"{name} is empty (0 bytes); save the picture again")
    Image.init()
    try:
        with _quiet():
            image = Image.open(stream, formats=[kind for kind in Image.ID if kind not in _NOT_PIXELS])
    except UnidentifiedImageError:
        raise PictureError(f"{name} is not a picture that can be read; save it as PNG or JPEG") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(_too_large(name)) from None
    except MemoryError:
        raise PictureError(_too_heavy(name)) from None
    except _DAMAGE as error:
        raise PictureError(f"{name} is damaged ({_reason(error)}); save or download it again") from None
    with image:
        return _decode(image, name)


def _decode(image: Image.Image, name: str) -> Grey:
    """Pixels of the first frame, upright, as grey."""
    width, height = image.size
    if width == 0 or height == 0:
        raise PictureError(f"{name} has no pixels (it is {width} x {height}); take a larger one")
    if Image.MAX_IMAGE_PIXELS is not None and width * height > Image.MAX_IMAGE_PIXELS:
        raise PictureError(_too_large(name, width, height))
    try:
        with _quiet():
            if getattr(image, "is_animated", False) and image.tell() != 0:
                image.seek(0)
            image.load()
            turned = image.getexif().get(_ORIENTATION, 1) != 1
            return _grey(ImageOps.exif_transpose(image) if turned else image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(_too_large(name)) from None
    except MemoryError:
        raise PictureError(_too_heavy(name)) from None
    except _DAMAGE as error:
        raise PictureError(f"{name} is truncated or damaged ({_reason(error)}); save or download it again") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow's remarks on odd files stay in here; its warning about gigantic pictures becomes an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _too_large(name: str, width: int = 0, height: int = 0) -> str:
    size = f" ({width} x {height})" if width else ""
    limit = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
    return (
        f"{name} has too many pixels{size}; the limit is {limit} million: cut it down to the formula, or scale it down"
    )


def _too_heavy(name: str) -> str:
    return f"{name} needs more memory than there is; cut it down to the formula"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _grey(image: Image.Image) -> Grey:
    """A loaded Pillow image of any mode -> grey uint8 [h, w]."""
    mode = image.mode
    if mode in ("L", "1") and "transparency" not in image.info:
        return np.array(image.convert("L"))
    if mode in ("I", "F") or mode.startswith("I;"):
        values = np.asarray(image)
        grey = _to_eight_bits(values)
        clear = image.info.get("transparency")
        if isinstance(clear, int) and mode != "F":
            opaque = np.where(values == clear, np.uint8(0), np.uint8(255)).astype(np.uint8)
            return _composite(Image.fromarray(grey), Image.fromarray(opaque))
        return grey
    if mode in ("PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        # Pillow converts La only to LA, and PA, P, L, RGB with a transparent value to RGBA.
        full = image if mode == "RGBA" else image.convert("LA" if mode == "La" else "RGBA").convert("RGBA")
        alpha = full.getchannel("A")
        colour = full.convert("RGB")
        return _grey_of_colour(colour) if alpha.getextrema() == (255, 255) else _composite(colour, alpha)
    return _grey_of_colour(image if mode == "RGB" else image.convert("RGB"))


def _to_eight_bits(values: NDArray[Any]) -> Grey:
    """Integers of more than 8 bits, or floats, scaled to 0..255.

    Integers by the smallest usual depth (8, 10, 12, 14, 16, 24, 32 bits) that holds them, so that 12-bit scans keep
    their contrast; floats within 0..1 or 0..255 as such; anything else from its smallest to its largest value. NaN
    counts as the largest.
    """
    work: NDArray[Any] = values.astype(np.float32 if values.size > 4_000_000 else np.float64)
    if values.dtype.kind == "f":
        finite = np.isfinite(work)
        if not finite.any():
            return np.full(values.shape, 255, np.uint8)
        low, high = float(work[finite].min()), float(work[finite].max())
        if not finite.all():
            work = np.nan_to_num(work, nan=high, posinf=high, neginf=low)
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        elif low >= 0 and high <= 255:
            low, high = 0.0, 255.0
    else:
        low, high = float(work.min()), float(work.max())
        if low >= 0:
            low, high = 0.0, float(next((2**bits - 1 for bits in (8, 10, 12, 14, 16, 24) if high < 2**bits), 2**32 - 1))
    scaled = (work - low) * (255.0 / (high - low)) if high > low else np.full(values.shape, 255.0)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _composite(colour: Image.Image, alpha: Image.Image) -> Grey:
    """Lay a transparent picture over a ground that its ink stands out from.

    Black or white where the opaque part is the ink; the ground's own colour where the opaque part holds ink and
    ground (a screenshot with rounded corners).
    """
    light = np.asarray(_sample(colour).convert("L"))
    weight = np.asarray(_sample(alpha)).astype(np.float64) / 255
    ground = 255
    if weight.sum() > 0:
        solid = light[weight > 0.9]
        lively = solid.size > 0.5 * light.size and float(np.ptp(np.quantile(solid, (0.02, 0.98)))) > 40
        if lively:
            ground = int(np.bincount(solid, minlength=256).argmax())
        elif float((light * weight).sum() / weight.sum()) > 160:
            ground = 0
    base = Image.new(colour.mode, colour.size, ground if colour.mode == "L" else (ground,) * 3)
    base.paste(colour, mask=alpha)
    return np.array(base) if base.mode == "L" else _grey_of_colour(base)


def _sample(image: Image.Image) -> Image.Image:
    """The image, or an even choice of its pixels where it is large."""
    step = int((image.width * image.height / _SAMPLE_PIXELS) ** 0.5)
    if step < 2:
        return image
    return image.resize((-(-image.width // step), -(-image.height // step)), Image.Resampling.NEAREST)


def _grey_of_colour(image: Image.Image) -> Grey:
    """RGB -> grey: brightness, unless ink is lost in it; then 255 minus the distance from the colour of the ground.

    The distance is the largest difference of a channel; the ground is the median colour. Yellow on white and red on
    an equally bright green need it.
    """
    bright = image.convert("L")
    sample = np.asarray(_sample(image)).reshape(-1, 3).astype(np.int16)
    if (sample == sample[:, :1]).all():
        return np.array(bright)
    ground = np.median(sample, axis=0).astype(np.int16)
    distance = np.abs(sample - ground).max(axis=1)
    if int(distance.max()) < 24:
        return np.array(bright)
    ink = distance > max(24, int(distance.max()) // 2)
    lightness = sample[ink] @ np.array((0.299, 0.587, 0.114)) - float(ground @ np.array((0.299, 0.587, 0.114)))
    lost = np.abs(lightness) < 0.42 * distance[ink]
    if lost.mean() < 0.08:
        return np.array(bright)
    red, green, blue = ImageChops.difference(image, Image.new("RGB", image.size, tuple(int(v) for v in ground))).split()
    return np.array(ImageChops.invert(ImageChops.lighter(ImageChops.lighter(red, green), blue)))
