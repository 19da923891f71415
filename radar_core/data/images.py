"""Image files as untrusted bytes: sized up before they are decoded, read as 8-bit RGB."""

from __future__ import annotations

import io
import stat
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from radar_core.errors import BadImage
from radar_core.settings import settings

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"))
MIN_SIDE, MAX_SIDE = 16, 16_384
KINDS = "PNG, JPEG, TIFF, BMP, WebP or DICOM"

# What Pillow raises over damaged Exif data (the warning, where warnings are errors).
BROKEN_EXIF: tuple[type[Exception], ...] = (SyntaxError, LookupError, TypeError, ValueError)
BROKEN_EXIF += (OSError, EOFError, struct.error, UserWarning)
# Exif orientation → how the stored picture has to be turned to stand upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    data: bytes, name: str = "image", *, about: int | None = None, frame: int | None = None
) -> NDArray[np.uint8]:
    """An image file's content as (h, w, 3) 8-bit RGB, upright.

    DICOM is read as `radar_core.data.dicom` says; of other formats, the first frame. The content
    decides what it is, not the name. Transparent pixels are laid over white; 16-bit grey levels
    are divided by 257, floats in [0, 1] multiplied by 255. Colour profiles are not applied, as the
    data sets that classifiers are trained on do not apply them.

    Args:
        name: of the file, for the error; shown as plain text and trimmed.
        about: a side in pixels; a JPEG may then be read at a lower resolution, its shorter side
            at least this long (for thumbnails).
        frame: of a DICOM file with several, from 1; without it, the middle one.

    Raises:
        BadImage: empty, too large, too small, none of `FORMATS`, damaged, or of pixels that have
            no meaning as RGB.
    """
    if is_dicom(data):
        from radar_core.data.dicom import decode_dicom

        return decode_dicom(data, name, frame)
    image = _open(data, name)
    if frame not in (None, 1):
        raise BadImage(f"{shown(name)} has 1 frame, and frame {frame} was asked for; choose that")
    if about:
        image.draft(None, (about, about))
    return _pixels(image, name, paper="white")


def decode_mask(data: bytes, name: str = "mask") -> NDArray[np.bool_]:
    """A mask file's content as (h, w) bool: what exceeds half of its brightest value.

    Raises:
        BadImage: as for `decode`.
    """
    if is_dicom(data):
        values = decode(data, name).max(axis=2)
    else:
        values = _pixels(_open(data, name), name, paper="black").max(axis=2)
    return np.asarray(values > values.max() / 2)


def read_file(path: str | Path) -> bytes:
    """The bytes of an image file.

    Raises:
        BadImage: missing, not a file, not readable, or over the limit of `upload_mb`.
    """
    name = shown(Path(path).name)
    try:
        found = Path(path).stat()
        regular = stat.S_ISREG(found.st_mode)  # a pipe or a device would be read for ever
        if regular:
            check_weight(found.st_size, name)
            return Path(path).read_bytes()
    except BadImage:
        raise
    except FileNotFoundError:
        raise BadImage(f"{name} is not there; check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in a name
        why = getattr(error, "strerror", None) or error
        raise BadImage(f"{name} cannot be read ({why}); check its permissions") from None
    raise BadImage(f"{name} is not a file; choose a {KINDS} image")


def read_image(
    path: str | Path, *, about: int | None = None, frame: int | None = None
) -> NDArray[np.uint8]:
    """An image file as (h, w, 3) 8-bit RGB; see `decode`."""
    return decode(read_file(path), Path(path).name, about=about, frame=frame)


def frames(data: bytes, name: str = "image") -> int:
    """How many frames one may choose from: those of a DICOM file, else one.

    Raises:
        BadImage: a DICOM file that cannot be read.
    """
    if not is_dicom(data):
        return 1
    from radar_core.data.dicom import dicom_frames

    return dicom_frames(data, name)


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file as `read_image` would give it; no pixel is decoded."""
    data, name = read_file(path), Path(path).name
    if is_dicom(data):
        from radar_core.data.dicom import dicom_size

        return dicom_size(data, name)
    image = _open(data, name)
    width, height = image.size
    return (width, height) if _orientation(image) >= 5 else (height, width)


def read_mask(path: str | Path) -> NDArray[np.bool_]:
    """A mask file as (h, w) bool; see `decode_mask`."""
    return decode_mask(read_file(path), Path(path).name)


def shown(name: str) -> str:
    """A file's name as it may be shown: printable characters, at most 80."""
    plain = "".join(c for c in name if c.isprintable()).strip()
    return plain if len(plain) <= 80 else plain[:79] + "…"


def _open(data: bytes, name: str) -> Image.Image:
    """The header of an image that is worth decoding."""
    name = shown(name) or "the image"
    if not data:
        raise BadImage(f"{name} is empty (0 bytes); choose a {KINDS} image")
    check_weight(len(data), name)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise BadImage(f"{name} is not a {KINDS} image, or damaged; choose another") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadImage(
            f"{name} has far more pixels than the {_limit():.0f} megapixels accepted; reduce it"
        ) from None
    except Exception as error:  # the parsers of hostile headers may raise anything
        raise BadImage(f"{name} has a damaged header; save it anew") from error
    check_size(*image.size, name)
    return image


def is_dicom(data: bytes) -> bool:
    """Whether these bytes are a DICOM file: a preamble of any 128 bytes, then `DICM`."""
    return data[128:132] == b"DICM"


def check_weight(size: int, name: str) -> None:
    """Refuse a file of more bytes than `upload_mb` lets in.

    Raises:
        BadImage: it has.
    """
    if size > settings().upload_mb * 2**20:
        raise BadImage(
            f"{name} has {size / 2**20:.1f} MiB, and {settings().upload_mb} are accepted; "
            "reduce it, or raise RADAR_UPLOAD_MB"
        )


def check_size(width: int, height: int, name: str) -> None:
    """Refuse what is too large to be decoded, or too small to be seen.

    Raises:
        BadImage: it is.
    """
    if width * height > _limit() * 1e6:
        raise BadImage(
            f"{name} is {width}×{height} ({width * height / 1e6:.0f} megapixels), "
            f"and {_limit():.0f} are accepted; reduce it"
        )
    if max(width, height) > MAX_SIDE:
        raise BadImage(
            f"{name} is {width}×{height}, and {MAX_SIDE} pixels a side are accepted; reduce it"
        )
    if min(width, height) < MIN_SIDE:
        raise BadImage(
            f"{name} is {width}×{height}, and at least {MIN_SIDE}×{MIN_SIDE} pixels are needed"
        )


def _limit() -> float:
    """Megapixels accepted: the setting, and never more than Pillow's own guard."""
    guard = Image.MAX_IMAGE_PIXELS
    return min(settings().megapixels, guard / 1e6 if guard else float("inf"))


def _pixels(image: Image.Image, name: str, *, paper: str) -> NDArray[np.uint8]:
    """An opened image decoded to RGB, upright, its transparency over a paper of that colour."""
    try:
        image.load()
        turn = TURNS.get(_orientation(image))
        if image.mode == "F" or image.mode.startswith("I"):
            image = _grey(image, name)
        elif image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, paper), image)
        image = image.convert("RGB")
        return np.array(image if turn is None else image.transpose(turn))
    except BadImage:
        raise
    except Exception as error:  # the decoders of hostile bytes may raise anything
        raise BadImage(f"{shown(name)} is truncated or damaged; choose another copy") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except BROKEN_EXIF:  # turns nothing; the pixels are sound
        return 1


def _grey(image: Image.Image, name: str) -> Image.Image:
    """A 16- or 32-bit greyscale image as 8-bit grey levels."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        if isinstance(image, TiffImageFile) and image.tag_v2.get(262) == 0:
            values = 65535 - values  # PhotometricInterpretation: white is zero
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    low, high = float(values.min()), float(values.max())
    if image.mode == "F" and low >= 0 and high <= 1:
        return Image.fromarray(np.round(values * 255).astype(np.uint8))
    raise BadImage(
        f"{shown(name)} holds 32-bit values from {low:g} to {high:g}, whose black and white are "
        "not known; save it with 8 or 16 bits, or as floats between 0 and 1"
    )
