"""Image bytes: every colour mode read right, every bad input refused in one sentence."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from radar_core.data import images
from radar_core.data.images import decode, decode_mask, read_image, shown
from radar_core.errors import BadImage
from radar_core.settings import Settings

H, W = 24, 40


def colours() -> NDArray[np.uint8]:
    """Smooth colours that differ left from right and top from bottom: (24, 40, 3)."""
    y, x = np.mgrid[:H, :W]
    return np.stack([x * 6, y * 10, 255 - x * 3 - y * 2], axis=-1).astype(np.uint8)


def file(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """An image as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    content = kind + body
    return struct.pack(">I", len(body)) + content + struct.pack(">I", zlib.crc32(content))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def refusal(data: bytes, name: str = "picture.png") -> str:
    """The sentence with which bytes are refused."""
    with pytest.raises(BadImage) as caught:
        decode(data, name)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert ";" in sentence or "needed" in sentence, "a sentence says what to do next"
    return sentence


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_lossless_formats_keep_every_pixel(format: str):
    found = decode(file(Image.fromarray(colours()), format))
    assert found.dtype == np.uint8
    assert found.flags.writeable
    assert np.array_equal(found, colours())


def test_webp_lossless_keeps_every_pixel():
    assert np.array_equal(
        decode(file(Image.fromarray(colours()), "WEBP", lossless=True)), colours()
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_keep_the_picture(format: str):
    found = decode(file(Image.fromarray(colours()), format, quality=95))
    assert np.abs(found.astype(int) - colours()).mean() < 4


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.txt", "a", ""])
def test_content_decides_not_the_name(name: str):
    assert decode(file(Image.fromarray(colours())), name).shape == (H, W, 3)


def test_transparency_is_laid_over_white():
    alpha = np.full((H, W), 255, np.uint8)
    alpha[:, :10], alpha[:, 10:20] = 0, 51
    found = decode(file(Image.fromarray(np.dstack([colours(), alpha]))))
    assert (found[:, :10] == 255).all()
    blend = np.round(0.2 * colours()[:, 10:20] + 0.8 * 255)
    assert np.abs(found[:, 10:20] - blend).max() <= 1
    assert np.array_equal(found[:, 20:], colours()[:, 20:])


def test_grey_with_and_without_alpha():
    grey = colours()[..., 0]
    assert np.array_equal(decode(file(Image.fromarray(grey))), np.dstack([grey] * 3))
    alpha = np.full((H, W), 255, np.uint8)
    alpha[0] = 0
    both = Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))
    found = decode(file(both))
    assert (found[0] == 255).all()
    assert np.array_equal(found[1:, :, 1], grey[1:])


def test_black_and_white():
    bits = colours()[..., 0] > 100
    assert np.array_equal(decode(file(Image.fromarray(bits)))[..., 2], bits * 255)


def test_palette_and_its_transparency():
    indexed = Image.fromarray(colours()).quantize(64)
    expected = np.asarray(indexed.convert("RGB"))
    assert np.array_equal(decode(file(indexed)), expected)
    index = indexed.getpixel((30, 12))
    found = decode(file(indexed, transparency=index))
    clear = np.asarray(indexed) == index
    assert (found[clear] == 255).all()
    assert np.array_equal(found[~clear], expected[~clear])


def test_transparency_per_palette_entry():
    indexed = Image.fromarray(colours()).quantize(4)
    found = decode(file(indexed, transparency=bytes([255, 0, 255, 255])))
    assert (found[np.asarray(indexed) == 1] == 255).all()


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_divided_by_257(format: str):
    levels = np.linspace(0, 65535, H * W).reshape(H, W).astype(np.uint16)
    found = decode(file(Image.fromarray(levels), format))
    assert np.array_equal(found[..., 0], np.round(levels / 257).astype(np.uint8))
    assert found[0, 0, 0] == 0
    assert found[-1, -1, 0] == 255


def test_sixteen_bit_big_endian_and_white_is_zero():
    levels = np.linspace(0, 65535, H * W).reshape(H, W).astype(np.uint16)
    expected = np.round(levels / 257).astype(np.uint8)
    big = Image.frombytes("I;16B", (W, H), levels.astype(">u2").tobytes())
    assert np.array_equal(decode(file(big, "TIFF"))[..., 0], expected)
    inverted = file(Image.fromarray(65535 - levels), "TIFF", tiffinfo={262: 0})
    assert np.array_equal(decode(inverted)[..., 0], expected)


def test_sixteen_bit_colour_png():
    wide = colours().astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)

    head = struct.pack(">IIBBBBB", W, H, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    assert np.array_equal(decode(data + chunk(b"IEND", b"")), colours())


def test_floats_in_unit_range_are_scaled_and_others_refused():
    unit = np.linspace(0, 1, H * W, dtype=np.float32).reshape(H, W)
    found = decode(file(Image.fromarray(unit), "TIFF"))
    assert np.array_equal(found[..., 1], np.round(unit * 255).astype(np.uint8))
    for values in (unit * 1000 - 500, np.full((H, W), np.nan, np.float32), unit.astype(np.int32)):
        assert "32-bit values" in refusal(file(Image.fromarray(values), "TIFF"))


def test_cmyk_is_converted_and_adobe_jpegs_are_not_inverted():
    cmyk = Image.fromarray(colours()).convert("CMYK")
    assert np.array_equal(decode(file(cmyk, "TIFF")), colours())
    jpeg = file(cmyk, "JPEG", quality=95)  # Pillow writes them as Adobe does: inverted, and marked
    assert b"Adobe" in jpeg
    assert np.abs(decode(jpeg).astype(int) - colours()).mean() < 4


def test_lab_is_converted():
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = ImageCms.applyTransform(Image.fromarray(colours() // 2 + 60), to_lab)
    found = decode(file(lab, "TIFF"))
    assert np.abs(found.astype(int) - (colours() // 2 + 60)).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_rotation_stands_upright(format: str, orientation: int):
    upright = colours()
    # What a camera stores for each orientation, by the Exif standard's table.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(format, {})
    found = decode(
        file(Image.fromarray(np.ascontiguousarray(stored)), format, exif=exif, **options)
    )
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 4


@pytest.mark.filterwarnings("ignore:.*EXIF")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0rubbish", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"Exif\0\0"]
)
def test_damaged_exif_does_not_cost_the_picture(exif: bytes):
    assert decode(file(Image.fromarray(colours()), "JPEG", exif=exif)).shape == (H, W, 3)


@pytest.mark.parametrize("format", ["TIFF", "WEBP", "PNG", "MPO"])
def test_first_frame_of_several(format: str):
    first, second = Image.fromarray(colours()), Image.fromarray(255 - colours())
    options = {"lossless": True} if format == "WEBP" else {}
    data = file(first, format, save_all=True, append_images=[second], **options)
    assert np.abs(decode(data).astype(int) - colours()).mean() < 4


def test_reduced_reading_for_thumbnails():
    large = Image.fromarray(colours()).resize((800, 480))
    found = decode(file(large, "JPEG"), about=96)
    assert found.shape == (120, 200, 3)
    assert decode(file(large, "PNG"), about=96).shape == (480, 800, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(file(large, "JPEG", exif=exif), about=96).shape == (200, 120, 3)


# Bad input


def test_refuses_nothing_and_non_images():
    assert "0 bytes" in refusal(b"")
    assert "not a PNG, JPEG, TIFF, BMP, WebP or DICOM" in refusal(b"hello, I am a text file")
    assert "not a PNG" in refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg")
    assert "not a PNG" in refusal(b"%PDF-1.4 ...")
    assert "not a PNG" in refusal(b"\0" * 5000)


@pytest.mark.parametrize("format", ["GIF", "PPM", "ICO", "TGA", "PCX", "EPS"])
def test_refuses_other_formats(format: str):
    assert "not a PNG" in refusal(file(Image.fromarray(colours()), format))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_refuses_truncated_files_at_every_length(format: str):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = file(Image.fromarray(noise), format)
    for length in (1, 4, 12, 20, 40, 100, len(data) // 4, len(data) // 2, int(len(data) * 0.9)):
        refusal(data[:length])


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_damaged_bytes_give_a_picture_or_a_sentence(format: str):
    data = file(Image.fromarray(colours()), format)
    draw = np.random.default_rng(7)
    for _ in range(150):
        broken = bytearray(data)
        for _ in range(int(draw.integers(1, 8))):
            broken[int(draw.integers(len(broken)))] = int(draw.integers(256))
        with contextlib.suppress(BadImage):
            assert decode(bytes(broken)).shape[2] == 3


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (8_000, 8_000), (12_000, 9_000), (2**31 - 1, 1)]
)
def test_size_is_judged_before_decoding(width: int, height: int, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "_pixels", fail)
    assert "accepted; reduce it" in refusal(png_header(width, height))


def test_long_thin_and_tiny_images_are_refused():
    assert "16384 pixels a side" in refusal(png_header(20_000, 100))
    assert "at least 16×16" in refusal(file(Image.fromarray(colours()[:15])))
    assert decode(file(Image.fromarray(colours()[:16]))).shape == (16, W, 3)


def test_limits_come_from_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    data = png_header(5_000, 5_000)
    monkeypatch.setattr(images, "settings", lambda: Settings(megapixels=20))
    assert "5000×5000 (25 megapixels), and 20 are accepted" in refusal(data)
    # A generous setting does not lift Pillow's own guard.
    monkeypatch.setattr(images, "settings", lambda: Settings(megapixels=100_000))
    assert "89 megapixels accepted" in refusal(png_header(10_000, 10_000))
    monkeypatch.setattr(images, "settings", lambda: Settings(upload_mb=1))
    heavy = data + b"\0" * 2**20
    assert "1.0 MiB, and 1 are accepted" in refusal(heavy)
    path = tmp_path / "heavy.png"
    path.write_bytes(heavy)
    with pytest.raises(BadImage, match=r"1\.0 MiB"):
        read_image(path)


def test_pillow_guard_is_never_touched():
    before = Image.MAX_IMAGE_PIXELS
    decode(file(Image.fromarray(colours())))
    refusal(png_header(30_000, 30_000))
    assert before == Image.MAX_IMAGE_PIXELS


def test_names_are_shown_as_short_plain_text():
    assert shown("<script>alert(1)</script>.png") == "<script>alert(1)</script>.png"
    assert shown("a\x00b\x1b[31mc\u202egnp.exe\n") == "ab[31mcgnp.exe"
    assert len(shown("x" * 500)) == 80
    sentence = refusal(b"x", "<script>\r\n\x1b" + "y" * 300)
    assert len(sentence) < 200
    assert "the image is empty" in refusal(b"", "\n\n")


def test_files_that_cannot_be_read(tmp_path: Path):
    for path, why in [
        (tmp_path / "missing.png", "is not there"),
        (tmp_path, "not a file"),
        ("/dev/zero", "not a file"),
        ("a\0b.png", "cannot be read"),
        (tmp_path / ("n" * 300), "cannot be read"),
    ]:
        with pytest.raises(BadImage, match=why):
            read_image(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadImage, match="not a file"):
        read_image(tmp_path / "pipe.png")


def test_threads_read_what_one_thread_reads():
    files = [file(Image.fromarray(np.roll(colours(), k, axis=1)), "PNG") for k in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(decode, files))
    assert all(np.array_equal(a, decode(f)) for a, f in zip(together, files, strict=True))


# Masks


def test_mask_is_what_exceeds_half_of_its_brightest_value():
    inside = np.zeros((H, W), dtype=bool)
    inside[5:12, 8:30] = True
    for stored in (
        inside,
        inside.astype(np.uint8),
        inside.astype(np.uint8) * 255,
        inside.astype(np.uint16) * 65535,
        np.dstack([inside * 128, inside * 0, inside * 0]).astype(np.uint8),
        np.dstack([inside * 255] * 4).astype(np.uint8),
    ):
        assert np.array_equal(decode_mask(file(Image.fromarray(stored))), inside)
    jpeg = file(Image.fromarray(inside.astype(np.uint8) * 255), "JPEG", quality=80)
    assert (decode_mask(jpeg) == inside).mean() > 0.99


def test_mask_of_one_value():
    assert not decode_mask(file(Image.fromarray(np.zeros((H, W), np.uint8)))).any()
    assert decode_mask(file(Image.fromarray(np.full((H, W), 255, np.uint8)))).all()
    with pytest.raises(BadImage, match="0 bytes"):
        decode_mask(b"")
