"""Every kind of picture is read, and what is no picture is refused plainly."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, features

from core_model.errors import PictureError
from core_model.pictures import open_grey, to_grey
from tests import program

Grey = NDArray[np.uint8]


def glyph() -> Grey:
    """A black T on white [24, 40]; asymmetric, so that rotation shows."""
    grey = np.full((24, 40), 255, np.uint8)
    grey[4:7, 8:24] = 0
    grey[7:20, 14:17] = 0
    return grey


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def assert_same(found: Grey, expected: Grey | None = None, tolerance: int = 2) -> None:
    expected = glyph() if expected is None else expected
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= tolerance
    assert found.flags.owndata and found.flags.writeable


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "RGBX", "I", "F", "I;16"])
def test_every_mode_of_pillow(mode: str) -> None:
    image = Image.fromarray(glyph())
    if mode == "I;16":
        image = Image.fromarray(glyph().astype(np.uint16) * 257)
    elif mode in ("HSV", "RGBX", "YCbCr"):
        image = image.convert("RGB").convert(mode)
    else:
        image = image.convert(mode)
    assert image.mode == mode
    assert_same(to_grey(image))


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.bmp", "a.tif", "a.webp", "a.ppm", "ä ü 公式.png"])
def test_formats_and_odd_names(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(Image.fromarray(glyph()), tmp_path / name, **options)
    assert_same(open_grey(path))
    assert_same(open_grey(str(path)))


def test_jpeg_cmyk_and_grey(tmp_path: Path) -> None:
    for mode in ("L", "RGB", "CMYK"):
        path = saved(Image.fromarray(glyph()).convert(mode), tmp_path / f"{mode}.jpg", quality=95, subsampling=0)
        assert_same(open_grey(path), tolerance=30)


def test_one_bit_palette_and_interlaced_png(tmp_path: Path) -> None:
    assert_same(open_grey(saved(Image.fromarray(glyph()).convert("1"), tmp_path / "1.png")))
    palette = Image.fromarray(glyph()).convert("RGB").quantize(4)
    assert_same(open_grey(saved(palette, tmp_path / "p.png", bits=2)))


def test_streams_pipes_and_open_images(tmp_path: Path) -> None:
    path = saved(Image.fromarray(glyph()), tmp_path / "a.png")
    with path.open("rb") as stream:
        assert_same(open_grey(stream))
        assert not stream.closed
    with Image.open(path) as image:
        assert_same(open_grey(image))
        assert_same(to_grey(image))
    assert_same(open_grey(io.BytesIO(path.read_bytes())))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        os.write(writing, path.read_bytes())
        os.close(writing)
        assert_same(open_grey(pipe))


def test_sixteen_bits(tmp_path: Path) -> None:
    deep = Image.fromarray(glyph().astype(np.uint16) * 257)
    assert_same(open_grey(saved(deep, tmp_path / "16.png")))
    assert_same(open_grey(saved(deep, tmp_path / "16.tif")))
    twelve = Image.fromarray((glyph().astype(np.uint16) * 16 + 15).astype(np.uint16))
    assert_same(to_grey(twelve), tolerance=3)  # 12 bits in 16 keep their contrast


def test_sixteen_bits_with_a_transparent_value(tmp_path: Path) -> None:
    chunk = PngImagePlugin.PngInfo()
    deep = np.where(glyph() == 255, 1000, 0).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png", pnginfo=chunk)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        image.info["transparency"] = 1000
        assert_same(to_grey(image))


def test_integers_and_floats_are_scaled() -> None:
    ones = glyph().astype(np.float32) / 255
    assert_same(to_grey(Image.fromarray(ones)))
    assert_same(to_grey(Image.fromarray(ones * 255)))
    assert_same(to_grey(Image.fromarray(ones * 5000 - 1000)))
    hole = ones.copy()
    hole[0, 0] = np.nan
    assert_same(to_grey(Image.fromarray(hole)))
    assert_same(to_grey(Image.fromarray(glyph().astype(np.int32) * 257)))
    assert to_grey(np.full((3, 3), np.nan)).min() == 255


def test_arrays() -> None:
    original = glyph()
    copy = to_grey(original)
    copy[:] = 0
    assert original.max() == 255
    assert_same(to_grey(original[::1, ::-1]), original[:, ::-1])
    assert_same(to_grey(original > 0))
    assert_same(to_grey(original.astype(np.uint16) * 257))
    assert_same(to_grey(original[:, :, None]))
    assert_same(to_grey(np.repeat(original[:, :, None], 3, axis=2)))
    assert_same(to_grey(np.dstack((np.zeros((24, 40, 3), np.uint8), 255 - original))))
    for wrong in (np.zeros(3), np.zeros((2, 2, 5)), np.zeros((2, 2), complex)):
        with pytest.raises(ValueError, match="expected"):
            to_grey(wrong)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "La", "RGBa"])
@pytest.mark.parametrize("ink", [0, 255])
def test_transparent_ground_contrasts_with_the_ink(mode: str, ink: int) -> None:
    alpha = Image.fromarray(255 - glyph())
    image = Image.new("LA", alpha.size, (ink, 0))
    image.putalpha(alpha)
    expected = glyph() if ink == 0 else 255 - glyph()
    if mode in ("RGBA", "PA", "RGBa"):
        image = image.convert("RGBA")
    if mode != image.mode:
        image = image.convert(mode)
    assert image.mode == mode
    assert_same(to_grey(image), expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_transparent_colour_of_a_png(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(255 - glyph()).convert("L")  # white ink on what would be black
    clear: Any = 0
    if mode == "RGB":
        image, clear = image.convert("RGB"), (0, 0, 0)
    if mode == "P":
        image = image.point(lambda v: v // 255).copy()
        image = Image.frombytes("P", image.size, image.tobytes())
        image.putpalette([9, 9, 9, 255, 255, 255])
    path = saved(image, tmp_path / "t.png", transparency=clear)
    assert_same(open_grey(path), 255 - glyph())


def test_partly_transparent_palette(tmp_path: Path) -> None:
    image = Image.frombytes("P", (40, 24), (glyph() // 255).tobytes())
    image.putpalette([0, 0, 0, 250, 250, 250])
    path = saved(image, tmp_path / "t.png", transparency=bytes((255, 0)))
    assert_same(open_grey(path))


def test_screenshot_with_rounded_corners_keeps_its_own_ground() -> None:
    rgba = np.dstack([np.where(glyph() == 0, 230, 30).astype(np.uint8)] * 3 + [np.full((24, 40), 255, np.uint8)])
    rgba[:3, :3, 3] = 0
    assert_same(to_grey(rgba), np.where(glyph() == 0, 230, 30).astype(np.uint8))


def test_fully_transparent_is_an_even_picture() -> None:
    assert np.ptp(to_grey(Image.new("RGBA", (9, 9), (3, 4, 5, 0)))) == 0


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_rotation(tmp_path: Path, orientation: int) -> None:
    turned = Image.fromarray(glyph())
    turned = {1: turned, 3: turned.rotate(180), 6: turned.rotate(90, expand=True), 8: turned.rotate(-90, expand=True)}[
        orientation
    ]
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_same(open_grey(saved(turned, tmp_path / "a.png", exif=exif)))


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_animation_gives_its_first_frame(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(glyph()), Image.new("L", (40, 24), 128), Image.new("L", (40, 24), 7)]
    options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
    path = saved(frames[0], tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:], **options)
    assert_same(open_grey(path))
    with Image.open(path) as image:
        image.seek(2)
        assert_same(open_grey(image))


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((255, 0, 0), (0, 130, 0)),
        ((255, 255, 0), (255, 255, 255)),
        ((110, 110, 255), (128, 118, 110)),
        ((0, 0, 255), (29, 29, 29)),
    ],
)
def test_colours_of_equal_brightness_stay_apart(ink: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    rgb = np.where((glyph() == 0)[:, :, None], np.array(ink, np.uint8), np.array(ground, np.uint8))
    grey = to_grey(rgb).astype(int)
    assert abs(grey[5, 10] - grey[0, 0]) > 100


def test_one_pale_symbol_among_dark_ones_is_kept() -> None:
    rgb = np.repeat(glyph()[:, :, None], 3, axis=2)
    rgb[10:14, 28:34] = (255, 255, 0)
    grey = to_grey(rgb).astype(int)
    assert grey[5, 10] < 20 and grey[12, 30] < 100 and grey[0, 0] == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (30_000, 1), (30_000, 40)])
def test_all_widths(tmp_path: Path, size: tuple[int, int]) -> None:
    assert open_grey(saved(Image.new("L", size, 200), tmp_path / "a.png")).shape == size[::-1]


DDS = b"DDS " + struct.pack("<7I44x8I20x", 124, 0x1007, 8, 8, 0, 0, 0, 32, 4, 0x31313131, 0, 0, 0, 0, 0)
BLP = b"BLP1" + struct.pack("<4I", 99, 0, 8, 8) + bytes(2000)
"""Of these formats Pillow raises a NotImplementedError for kinds that it does not know."""

# What is refused: the message names the file, says what to do, and no file stays open (unclosed files fail the test).


def refusal(path: Path) -> str:
    with pytest.raises(PictureError) as caught:
        open_grey(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
    assert (caught.value.__cause__ is None and caught.value.__suppress_context__) or caught.value.__context__ is None
    program.check_refusal(str(caught.value), path)
    return str(caught.value)


@pytest.mark.program
def test_not_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("\\frac{a}{b}", encoding="utf-8")
    assert "not a picture" in refusal(path) and "PNG" in refusal(path)
    path.write_bytes(b"")
    assert "empty" in refusal(path)
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert "not a picture" in refusal(path)  # no other program is started for it


@pytest.mark.program
@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "tif", "webp"])
def test_truncated(tmp_path: Path, kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 90, 3)).astype(np.uint8))
    if kind == "gif":
        noise = noise.quantize(64)
    path = saved(noise, tmp_path / f"a.{kind}")
    whole = path.read_bytes()
    for share in (0.05, 0.3, 0.7):
        path.write_bytes(whole[: int(len(whole) * share)])
        message = refusal(path)
        assert "damaged" in message or "not a picture" in message
    assert "again" in message or "save" in message


def test_damaged_bytes_are_refused_or_read_but_never_crash(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for kind in ("png", "jpg", "gif", "tif", "bmp", "webp"):
        path = saved(Image.fromarray(glyph()), tmp_path / f"a.{kind}")
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(60):
            broken = whole.copy()
            broken[rng.integers(0, whole.size, 4)] = rng.integers(0, 256, 4)
            with contextlib.suppress(PictureError):
                assert open_grey(io.BytesIO(broken.tobytes())).ndim == 2


@pytest.mark.program
@pytest.mark.parametrize("content", [DDS, BLP], ids=["dds", "blp"])
def test_unknown_kinds_of_a_format_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert "damaged" in refusal(path)


@pytest.mark.program
@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_damaged_avif(tmp_path: Path) -> None:
    path = saved(Image.fromarray(glyph()).convert("RGB"), tmp_path / "a.avif")
    whole = path.read_bytes()
    pixels = whole.index(b"mdat") + 4
    path.write_bytes(whole[:pixels] + bytes(len(whole) - pixels))  # Pillow raises a RuntimeError
    assert "damaged" in refusal(path)


def with_header_size(path: Path, width: int, height: int) -> Path:
    """A small PNG whose header claims another size."""
    data = bytearray(saved(Image.new("1", (4, 4)), path).read_bytes())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))
    return path


@pytest.mark.program
@pytest.mark.parametrize("height", [4_000, 7_000, 2_000_000])  # Pillow warns about the first and raises for the others
def test_beyond_the_limit(tmp_path: Path, height: int) -> None:
    message = refusal(with_header_size(tmp_path / "a.png", 30_000, height))
    assert "too many pixels" in message and "cut" in message


def test_images_in_memory_beyond_the_limit() -> None:
    with pytest.raises(PictureError, match="too many pixels"):
        to_grey(Image.new("1", (30_000, 4_000)))


@pytest.mark.program
@pytest.mark.parametrize("size", [(0, 4), (4, 0), (0, 0)])
def test_no_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    refusal(with_header_size(tmp_path / "a.png", *size))
    with pytest.raises(PictureError, match="no pixels"):
        to_grey(Image.new("L", size))
    with pytest.raises(PictureError, match="no pixels"):
        to_grey(np.zeros(size, np.uint8))


@pytest.mark.program
def test_directory_and_missing(tmp_path: Path) -> None:
    assert "directory" in refusal(tmp_path) and "*.png" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "none.png")
    with pytest.raises(PictureError):
        open_grey("a\0b.png")
    with pytest.raises(PictureError):
        open_grey("x" * 5000)


PROBE = """
import os, sys
sys.path[:] = {paths!r}
from core_model.errors import PictureError
from core_model.pictures import open_grey
import PIL.PngImagePlugin
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open_grey({path!r})
except PictureError as error:
    print(error)
    sys.exit(7)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_no_permission() -> None:
    # As root nothing is forbidden: the probe drops to another user first. pytest's own folder would be closed to that
    # user.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = saved(Image.fromarray(glyph()), Path(folder) / "a.png")
        path.chmod(0)
        probe = PROBE.format(paths=[str(Path.cwd()), *sys.path], path=str(path))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", probe], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 7, done.stderr
        assert str(path) in done.stdout and "permission" in done.stdout and done.stderr == ""
        path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", probe], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
