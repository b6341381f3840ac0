"""Any picture of a formula comes out as dark ink on white in one size of writing."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from core_model import writing_size
from core_model.preprocessing import MARGIN, MAX_HEIGHT, MAX_WIDTH, Prepared, prepare, to_batch
from core_model.writing_size import components, measure_writing

Grey = NDArray[np.uint8]


def written(text: str = "f(x)=3y+0.5", size: float = 48, margin: int = 20) -> Grey:
    """Text in Pillow's own typeface, black on white; drawn large and averaged down, as no rasteriser does two sizes
    alike.
    """
    font = ImageFont.load_default(size * 4)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (math.ceil(right - left), math.ceil(bottom - top)), 255)
    ImageDraw.Draw(image).text((-left, -top), text, fill=0, font=font)
    width, height = max(1, image.width // 4), max(1, image.height // 4)
    return np.pad(np.asarray(image.resize((width, height), Image.Resampling.BOX)), margin, constant_values=255)


def likeness(first: Prepared, second: Prepared) -> float:
    """Correlation of the ink of two prepared pictures, laid over each other."""
    a = 255.0 - first.pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]
    size = a.shape[1], a.shape[0]
    b = 255.0 - np.asarray(Image.fromarray(second.pixels[MARGIN:-MARGIN, MARGIN:-MARGIN]).resize(size), np.float64)
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def test_size_of_the_writing_is_nominal_at_any_resolution() -> None:
    widths = [prepare(written(size=size)).pixels.shape[1] for size in (12, 16, 24, 48, 96, 150, 400, 600)]
    assert max(widths) / min(widths) < 1.13, widths
    digit = prepare(written("3x+28=60", 64))
    assert 11 <= digit.pixels.shape[0] - 2 * MARGIN <= 19


def test_margin_is_white_and_ink_reaches_it() -> None:
    pixels = prepare(written()).pixels
    assert pixels.dtype == np.uint8
    assert (pixels[:MARGIN] == 255).all() and (pixels[-MARGIN:] == 255).all()
    assert (pixels[:, :MARGIN] == 255).all() and (pixels[:, -MARGIN:] == 255).all()
    inner = pixels[MARGIN - 1 : 1 - MARGIN, MARGIN - 1 : 1 - MARGIN]
    for edge in (inner[:3], inner[-3:], inner[:, :3], inner[:, -3:]):
        assert edge.min() < 200
    assert pixels.min() < 20


def test_headroom_enlarges_by_that_factor() -> None:
    plain, large = prepare(written()), prepare(written(), headroom=1.25)
    assert large.scale == pytest.approx(1.25 * plain.scale)
    assert large.pixels.shape[1] - 2 * MARGIN == pytest.approx(1.25 * (plain.pixels.shape[1] - 2 * MARGIN), abs=1.5)


def jpeg(grey: Grey, quality: int) -> Grey:
    stream = io.BytesIO()
    Image.fromarray(grey).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def variants() -> dict[str, Grey]:
    plain = written(size=40)
    height, width = plain.shape
    slope = np.linspace(0, 60, width)[None, :] + np.linspace(0, 25, height)[:, None]
    noise = np.random.default_rng(0).normal(0, 8, plain.shape)
    return {
        "dark": 255 - plain,
        "tinted": (190 * (plain / 255.0) + 40).astype(np.uint8),
        "low contrast": (200 + plain * 0.14).astype(np.uint8),
        "low contrast, dark": (70 - plain * 0.16).astype(np.uint8),
        "jpeg": jpeg(plain, 30),
        "jpeg, dark": jpeg(255 - plain, 30),
        "uneven light": np.clip(plain - slope, 0, 255).astype(np.uint8),
        "uneven light, dark": np.clip(255 - plain * 0.6 - slope, 0, 255).astype(np.uint8),
        "noisy": np.clip(plain * 0.8 + 25 + noise, 0, 255).astype(np.uint8),
        "tight": plain[20:-20, 20:-20],
        "tight, dark": 255 - plain[20:-20, 20:-20],
        "loose": np.pad(plain, 300, constant_values=255),
        "cut into the ink": plain[22:-22, 22:-22],
        "blurred": np.asarray(Image.fromarray(plain).filter(ImageFilter.GaussianBlur(1.2))),
    }


@pytest.mark.parametrize("kind", variants())
def test_every_look_gives_the_same_picture(kind: str) -> None:
    plain, other = prepare(written(size=40)), prepare(variants()[kind])
    assert not other.blank
    assert other.scale == pytest.approx(plain.scale, rel=0.1)
    assert likeness(plain, other) > (0.8 if kind == "cut into the ink" else 0.9)


@pytest.mark.parametrize("text", ["M", "1", "8", "i", "m", "E"])
def test_lone_heavy_symbols_in_tight_crops_keep_their_polarity(text: str) -> None:
    tight, loose = prepare(written(text, 60, margin=0)), prepare(written(text, 60, margin=30))
    assert likeness(tight, loose) > 0.95
    assert (tight.pixels == 255).mean() > 0.4


@pytest.mark.parametrize("value", [0, 7, 128, 255])
def test_a_picture_without_ink_is_blank(value: int) -> None:
    blank = prepare(np.full((60, 200), value, np.uint8))
    assert blank.blank and (blank.pixels == 255).all()
    assert min(blank.pixels.shape) >= 8


def on_ruled_paper(plain: Grey, line: int) -> Grey:
    """A photograph of a ruled page: light from one side, and pale lines above and below the writing."""
    page = np.pad(plain, 40, constant_values=255).astype(np.float64)
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    for top in (15, page.shape[0] - 20):
        page[(y - x // 60 - top >= 0) & (y - x // 60 - top < 2)] -= line
    noise = np.random.default_rng(0).normal(0, 1.5, page.shape)
    return np.clip(page - x * (80 / page.shape[1]) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("line", [0, 60, 75, 90])
def test_pale_lines_of_the_paper_are_no_ink_in_a_photograph(line: int) -> None:
    plain = written(size=40)
    clean, photo = prepare(plain), prepare(on_ruled_paper(plain, line))
    assert photo.pixels.shape == pytest.approx(clean.pixels.shape, rel=0.1)
    assert likeness(clean, photo) > 0.85


@pytest.mark.parametrize("rise", [0, 60])
def test_a_pale_line_of_the_paper_between_two_rows_of_writing_is_removed(rise: int) -> None:
    rows = [np.pad(written(text, 56, 0), ((30, 30), (30, 30)), constant_values=255) for text in ("x+1=a", "y-2=b")]
    width = max(row.shape[1] for row in rows)
    plain = np.concatenate([np.pad(row, ((0, 0), (0, width - row.shape[1])), constant_values=255) for row in rows])
    page = plain.astype(np.float64)
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    along = y - rows[0].shape[0] + (x - width // 2) * rise // 1000
    page[(along >= -1) & (along < 1)] -= 110
    photo = np.clip(page - x * (80 / width) + np.random.default_rng(0).normal(0, 1.5, page.shape), 0, 255)
    clean, cleaned = prepare(plain), prepare(photo.astype(np.uint8))
    assert cleaned.pixels.shape == pytest.approx(clean.pixels.shape, rel=0.1)
    middle = cleaned.pixels[int(0.46 * len(cleaned.pixels)) : int(0.54 * len(cleaned.pixels))]
    assert middle.min() > 240
    assert likeness(clean, cleaned) > 0.85


def test_pale_bars_of_print_stay() -> None:
    """A fraction bar thinner than a pixel is pale: only uneven light tells that a line may be the paper's."""
    above, below = written("x+1", 16, 3), written("y+2", 16, 3)
    width = max(above.shape[1], below.shape[1])
    rows = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=255) for part in (above, below)]
    bar = np.full((1, width), 140, np.uint8)
    grey = np.pad(np.concatenate((rows[0], bar, rows[1])), 12, constant_values=255)
    assert (prepare(grey).pixels.min(axis=1) < 200)[len(prepare(grey).pixels) // 2 - 3 :][:6].any()
    without = grey.copy()
    without[without == 140] = 255
    assert (prepare(grey).pixels != 255).sum() > (prepare(without).pixels != 255).sum() + width // 3


def test_faint_noise_alone_is_blank() -> None:
    noise = np.clip(np.random.default_rng(1).normal(240, 2, (80, 300)), 0, 255).astype(np.uint8)
    assert prepare(noise).blank


def test_decimal_point_prime_and_thin_bar_survive_and_dust_does_not() -> None:
    plain = written("3.5", 40, margin=40)
    dusty = plain.copy()
    dusty[5, 5] = dusty[-6, -9] = dusty[12, -4] = 0
    clean, cleaned = prepare(plain), prepare(dusty)
    assert cleaned.box == pytest.approx(clean.box, abs=1)
    assert np.abs(cleaned.pixels.astype(int) - clean.pixels).max() < 40
    # three glyphs: the point is one of them
    assert components(255 - clean.pixels).mass.size == 3
    bar = np.full((120, 200), 255, np.uint8)
    bar[10:50, 80:120] = np.asarray(Image.fromarray(written("a", 40, 0)).resize((40, 40)))
    bar[58:60, 60:140] = 90
    bar[70:110, 80:120] = np.asarray(Image.fromarray(written("b", 40, 0)).resize((40, 40)))
    prepared = prepare(bar)
    middle = prepared.pixels[int(prepared.pixels.shape[0] * 0.4) : int(prepared.pixels.shape[0] * 0.6)]
    assert ((middle < 225).any(axis=0)).sum() > 0.8 * (prepared.pixels.shape[1] - 2 * MARGIN)


@pytest.mark.parametrize("margin", [0, 3, 40])
def test_box_and_mapping_lead_back_to_the_source(margin: int) -> None:
    plain = written(size=70, margin=margin)
    prepared = prepare(plain)
    rows, columns = np.nonzero(plain < 128)
    assert prepared.box == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), abs=2.5)
    height, width = prepared.pixels.shape
    assert prepared.to_source(MARGIN, MARGIN) == pytest.approx(prepared.box[:2])
    assert prepared.to_source(width - MARGIN, height - MARGIN) == pytest.approx(prepared.box[2:])
    assert prepared.to_source_box(MARGIN, MARGIN, width - MARGIN, height - MARGIN) == pytest.approx(prepared.box)
    assert (prepared.box[2] - prepared.box[0]) * prepared.scale == pytest.approx(width - 2 * MARGIN, abs=1)


def test_very_wide_and_very_large_sources_stay_within_bounds() -> None:
    strip = np.tile(written("x+1=", 30, 4), (1, 400))[:, :30_000]
    wide = prepare(strip)
    assert wide.pixels.shape[1] <= MAX_WIDTH + 2 * MARGIN
    assert wide.scale == pytest.approx((wide.pixels.shape[1] - 2 * MARGIN) / (wide.box[2] - wide.box[0]), rel=0.02)
    tall = prepare(np.tile(written("x", 30, 4), (200, 1)))
    assert tall.pixels.shape[0] <= MAX_HEIGHT + 2 * MARGIN
    page = np.full((3000, 8000), 255, np.uint8)
    page[1000:1000, :] = 255
    glyphs = written("ab=c", 400, 0)
    page[900 : 900 + glyphs.shape[0], 2000 : 2000 + glyphs.shape[1]] = glyphs
    assert likeness(prepare(page), prepare(glyphs)) > 0.95


@pytest.mark.parametrize("shape", [(1, 1), (1, 30_000), (30_000, 1), (2, 3), (5, 5)])
def test_extreme_shapes_are_ordinary(shape: tuple[int, int]) -> None:
    grey = np.full(shape, 255, np.uint8)
    assert prepare(grey).blank
    grey.ravel()[:: max(2, grey.size // 3)] = 0
    assert prepare(grey).pixels.shape[0] >= 2 * MARGIN


def test_random_pictures_never_fail_and_are_deterministic() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        shape = tuple(int(v) for v in rng.integers(1, 90, 2))
        grey = rng.integers(0, 256, shape).astype(np.uint8)
        if rng.random() < 0.5:
            grey = (grey > rng.integers(0, 256)).astype(np.uint8) * np.uint8(255)
        kept = grey.copy()
        first, second = prepare(grey), prepare(grey)
        assert (first.pixels == second.pixels).all() and first.box == second.box
        assert (grey == kept).all()
        assert first.pixels.shape[1] <= MAX_WIDTH + 2 * MARGIN and first.pixels.shape[0] <= MAX_HEIGHT + 2 * MARGIN


def test_wrong_arrays_are_a_bug_of_the_caller() -> None:
    for wrong in (np.zeros((3, 3), np.float32), np.zeros((3, 3, 3), np.uint8), np.zeros((0, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            prepare(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="headroom"):
        prepare(np.zeros((3, 3), np.uint8), headroom=0)


def test_batch_is_padded_with_ground_and_knows_the_true_sizes() -> None:
    first, second = prepare(written("x=1")).pixels, prepare(written("y")).pixels
    images, sizes = to_batch([first, second])
    assert images.dtype == np.float32 and sizes.dtype == np.int64
    assert images.shape[:2] == (2, 1) and images.shape[2] % 8 == 0 and images.shape[3] % 8 == 0
    assert sizes.tolist() == [list(first.shape), list(second.shape)]
    height, width = second.shape
    np.testing.assert_allclose(images[1, 0, :height, :width], 1 - second.astype(np.float32) / 255, atol=1e-6)
    assert images[1, 0, height:].sum() == 0 and images[1, 0, :, width:].sum() == 0
    assert float(images.min()) == 0.0 and float(images.max()) <= 1.0
    with pytest.raises(ValueError, match="at least one"):
        to_batch([])


def test_components_equal_a_flood_fill() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        mask = rng.random((int(rng.integers(1, 30)), int(rng.integers(1, 40)))) < rng.uniform(0.05, 0.6)
        found = components((mask * 255).astype(np.uint8))
        boxes = sorted(zip(*(v.tolist() for v in (found.left, found.top, found.right, found.bottom)), strict=True))
        assert boxes == sorted(flood_boxes(mask))


def flood_boxes(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Slow and plain: bounds of the 8-connected components."""
    left, boxes = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}, []
    while left:
        queue = [left.pop()]
        part = list(queue)
        while queue:
            y, x = queue.pop()
            near = {(y + j, x + i) for j in (-1, 0, 1) for i in (-1, 0, 1)} & left
            left -= near
            queue += near
            part += near
        ys, xs = [y for y, _ in part], [x for _, x in part]
        boxes.append((min(xs), min(ys), max(xs) + 1, max(ys) + 1))
    return boxes


def test_dust_is_the_same_in_one_go_and_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    dots = written("i.j:k...", 40, margin=40)
    dots[::37, ::23] = 0
    whole = measure_writing(255 - dots)
    monkeypatch.setattr(writing_size, "_PAIRS", 1)
    again = measure_writing(255 - dots)
    assert whole is not None and again is not None and whole.dust is not None and again.dust is not None
    assert (whole.dust == again.dust).all()
    assert (whole.scale, whole.box, whole.stroke) == (again.scale, again.box, again.stroke)


def test_dust_is_its_own_pixels_and_those_around_them() -> None:
    ink = np.zeros((60, 120), np.uint8)
    ink[15:45, 20:26] = ink[15:45, 50:56] = ink[15:21, 20:56] = 255
    ink[59, 0] = ink[30, 38] = 255  # in a corner, and between the legs
    found = measure_writing(ink)
    assert found is not None and found.dust is not None
    wanted = np.zeros(ink.shape, np.bool_)
    wanted[58:, :2] = wanted[29:32, 37:40] = True
    assert (found.dust == wanted).all()


def test_a_lone_minus_is_measured_by_its_length() -> None:
    ink = np.zeros((30, 80), np.uint8)
    ink[14:17, 18:62] = 255
    found = measure_writing(ink)
    assert found is not None and found.scale == pytest.approx(14.3 / 44, rel=0.1)
