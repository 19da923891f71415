"""DICOM as untrusted bytes: pixels as a viewer would first show them, and nothing of the patient.

Of a file, only what the pixels need is read (`NEEDED`); no other tag is looked at. What pydicom
says about a file may quote its tags, so neither its warnings nor its errors are passed on, in no
message and no chain of exceptions.
"""

from __future__ import annotations

import io
import logging
import struct
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radar_core.data.images import check_size, check_weight, shown
from radar_core.errors import BadImage

if TYPE_CHECKING:
    from pydicom import Dataset

T = TypeVar("T")

NEEDED = (
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
    *("VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *(
        f"{c}PaletteColorLookupTable{w}"
        for c in ("Red", "Green", "Blue")
        for w in ("Data", "Descriptor")
    ),
    *(f"Segmented{c}PaletteColorLookupTableData" for c in ("Red", "Green", "Blue")),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData"),
)
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
DEFLATED, RLE, EXTENDED = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.51"

# Filters of warnings belong to the process: two threads at once would leave them changed.
_ONE_AT_A_TIME = threading.Lock()
logging.getLogger("pydicom").addFilter(lambda record: False)  # what it logs may quote a tag


def decode_dicom(data: bytes, name: str, frame: int | None = None) -> NDArray[np.uint8]:
    """One frame as (h, w, 3) 8-bit RGB.

    Grey levels go through the file's modality LUT or rescaling, then through its VOI LUT, or else
    its first window. Without either, 8-bit values that are not rescaled stay as they are, and the
    lowest and highest value of the frame (its padding aside) become black and white. MONOCHROME1 is
    turned round; palettes and YBR become RGB. Pixels that are not square are not resampled.

    Args:
        frame: from 1; without it, the middle one.

    Raises:
        BadImage: no pixels, compressed in a way that is not read, too large, damaged, or no such
            frame.
    """
    header = _header(data, name)
    count = _frames(header, name, len(data))
    number = (count + 1) // 2 if frame is None else frame
    if not 1 <= number <= count:
        has = "1 frame" if count == 1 else f"frames 1 to {count}"
        raise BadImage(f"{shown(name)} has {has}, and frame {frame} was asked for; choose another")
    photometric = str(header.PhotometricInterpretation)
    if photometric not in (*GREY, *COLOUR, "PALETTE COLOR"):
        raise BadImage(
            f"{shown(name)} stores its colours in a way that is not read "
            f"({shown(photometric)[:20]}); export it as RGB or MONOCHROME2"
        )
    return _guarded(
        f"{shown(name)} is truncated or damaged; choose another copy",
        lambda: _pixels(data, name, photometric, number - 1),
    )


def dicom_size(data: bytes, name: str) -> tuple[int, int]:
    """Height and width, without decoding a pixel.

    Raises:
        BadImage: as `decode_dicom`.
    """
    header = _header(data, name)
    return int(header.Rows), int(header.Columns)


def dicom_frames(data: bytes, name: str) -> int:
    """How many frames there are.

    Raises:
        BadImage: as `decode_dicom`.
    """
    return _frames(_header(data, name), name, len(data))


def _guarded(otherwise: str, work: Callable[[], T]) -> T:
    """The result of some work with pydicom.

    It fails with a sentence of ours alone: the error of the library is not even its context.

    Raises:
        BadImage: the work failed.
    """
    refusal = otherwise
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return work()
        except BadImage as error:
            refusal = str(error)
        except Exception:  # the parsers of hostile bytes may raise anything
            pass
    raise BadImage(refusal)


def _header(data: bytes, name: str) -> Dataset:
    """What is needed of a file, the pixels aside; judged before a pixel is decoded."""
    called = shown(name) or "the image"
    check_weight(len(data), called)
    header: Dataset = _guarded(
        f"{called} has a damaged DICOM header; export it anew", lambda: _read(data, called)
    )
    check_size(int(header.Columns), int(header.Rows), called)
    return header


def _read(data: bytes, called: str) -> Dataset:
    from pydicom import dcmread
    from pydicom.uid import UID

    syntax = UID(_syntax(data))
    if not syntax:
        raise BadImage(f"{called} does not say how it is encoded; export it anew as DICOM")
    if not _is_read(syntax):
        raise _unread(called, syntax.name)
    header = dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=list(NEEDED))
    if "Rows" not in header or "Columns" not in header:
        raise BadImage(
            f"{called} is a DICOM file without pixels (a report, perhaps); choose an image"
        )
    header.PhotometricInterpretation = str(header.PhotometricInterpretation).strip().upper()
    if syntax == EXTENDED and header.BitsStored != 8:
        raise _unread(called, f"{syntax.name} of {int(header.BitsStored)} bits")
    int(header.Rows), int(header.Columns)
    return header


def _syntax(data: bytes) -> str:
    """The transfer syntax, read from the file's meta information alone.

    The whole must not be read before it is known: a deflated file may swell to any size.
    """
    from pydicom.filereader import read_dataset

    file = io.BytesIO(data)
    file.seek(132)
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    return str(meta.get("TransferSyntaxUID") or "").strip()


def _is_read(syntax: str) -> bool:
    """Whether pydicom decodes that syntax with numpy and Pillow, within the bounds known here."""
    from pydicom.pixels.decoders.base import get_decoder

    if syntax == DEFLATED:
        return False
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _unread(called: str, syntax: str) -> BadImage:
    return BadImage(
        f"{called} is encoded as {shown(syntax)}, which is not read here; "
        "convert it, as with: gdcmconv --raw in.dcm out.dcm"
    )


def _frames(header: Dataset, name: str, size: int) -> int:
    """The number of frames; each has at least one byte."""
    damaged = f"{shown(name)} says it has a number of frames that it cannot have; export it anew"

    def count() -> int:
        found = int(header.get("NumberOfFrames") or 1)
        if not 1 <= found <= size:
            raise BadImage(damaged)
        return found

    return _guarded(damaged, count)


def _pixels(data: bytes, name: str, photometric: str, index: int) -> NDArray[np.uint8]:
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    image = dcmread(io.BytesIO(data), specific_tags=list(NEEDED))
    if "PixelData" not in image:
        raise BadImage(f"{shown(name)} says how large its image is, and holds none; choose another")
    image.PhotometricInterpretation = photometric
    if image.file_meta.TransferSyntaxUID not in NATIVE:
        _check_frame(image, index)
    values = pixel_array(image, index=index)
    if photometric in COLOUR:
        return _eight_bits(values, int(image.BitsStored))
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(values, image)
        return _eight_bits(coloured[..., :3], 8 * coloured.dtype.itemsize)
    _take_from_groups(image, index)
    levels = np.round(255 * _grey(values, image)).astype(np.uint8)
    if photometric == "MONOCHROME1":
        levels = 255 - levels
    return np.dstack([levels] * 3)


def _eight_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Colours of that many bits as 8-bit ones."""
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError("no three colours")
    if bits == 8:
        return np.array(values, np.uint8)
    levels: NDArray[np.uint8] = np.round(values * (255 / (2**bits - 1))).astype(np.uint8)
    return levels


def _grey(values: NDArray[Any], image: Dataset) -> NDArray[np.float64]:
    """Stored grey values as levels in [0, 1], low values dark."""
    from pydicom.pixels.processing import apply_modality_lut

    padding = image.get("PixelPaddingValue")
    kept = values != padding if isinstance(padding, int) else np.ones(values.shape, bool)
    found = apply_modality_lut(values, image)
    as_stored = np.array_equal(found, values)
    if image.get("VOILUTSequence"):
        found, low, high = _through_table(found, image)
    elif _has_window(image):
        found, low, high = _through_window(found, image)
    elif as_stored and int(image.BitsStored) <= 8 and not image.PixelRepresentation:
        low, high = 0.0, 2.0 ** int(image.BitsStored) - 1
    else:
        seen = found[kept] if kept.any() else found
        low, high = float(seen.min()), float(seen.max())
    if low == high:
        return np.zeros(found.shape)
    return np.clip((np.asarray(found, np.float64) - low) / (high - low), 0, 1)


def _has_window(image: Dataset) -> bool:
    """Whether the first window is one that can be looked through."""
    try:
        center, width = _first(image.WindowCenter), _first(image.WindowWidth)
    except (AttributeError, TypeError, ValueError, IndexError):
        return False
    linear = str(image.get("VOILUTFunction") or "LINEAR").strip().upper() == "LINEAR"
    return bool(np.isfinite(center) and np.isfinite(width)) and (width > 1 if linear else width > 0)


def _first(value: Any) -> float:
    return float(value if isinstance(value, int | float | str) else value[0])


def _through_window(values: NDArray[Any], image: Dataset) -> tuple[NDArray[Any], float, float]:
    """Values seen through the first window, and what that makes of the darkest and brightest."""
    from pydicom.pixels.processing import apply_windowing

    image.WindowCenter, image.WindowWidth = _first(image.WindowCenter), _first(image.WindowWidth)
    image.VOILUTFunction = str(image.get("VOILUTFunction") or "LINEAR").strip().upper()
    reach = 1000 * image.WindowWidth
    ends = np.array([image.WindowCenter - reach, image.WindowCenter + reach])
    low, high = apply_windowing(ends, image)
    return apply_windowing(values, image), float(low), float(high)


def _through_table(values: NDArray[Any], image: Dataset) -> tuple[NDArray[Any], float, float]:
    """Values looked up in the first VOI LUT, and the range of its entries."""
    from pydicom.pixels.processing import apply_voi

    entries, first, bits = image.VOILUTSequence[0].LUTDescriptor
    # Wider, as pydicom keeps positions in a table of 8-bit entries in 8 bits too; and clipped, as
    # it subtracts `first` in that width.
    image.VOILUTSequence[0].LUTDescriptor = [entries, first, max(bits, 16)]
    inside = np.clip(values, first, first + (entries or 2**16) - 1)
    return apply_voi(inside, image), 0.0, 2.0**bits - 1


def _take_from_groups(image: Dataset, index: int) -> None:
    """Rescaling and window of a frame of an enhanced multi-frame image, to where others have it."""
    groups = list(image.get("SharedFunctionalGroupsSequence") or [])[:1]
    groups += list(image.get("PerFrameFunctionalGroupsSequence") or [])[index : index + 1]
    for group in groups:
        for sequence, words in (
            ("PixelValueTransformationSequence", ("RescaleSlope", "RescaleIntercept")),
            ("FrameVOILUTSequence", ("WindowCenter", "WindowWidth", "VOILUTFunction")),
        ):
            for item in list(group.get(sequence) or [])[:1]:
                for word in words:
                    if word in item:
                        setattr(image, word, item[word].value)


def _check_frame(image: Dataset, index: int) -> None:
    """A compressed frame must have the size that the header says, before it is decoded."""
    from pydicom.encaps import get_frame

    count = int(image.get("NumberOfFrames") or 1)
    frame = get_frame(image.PixelData, index, number_of_frames=count)
    height, width = int(image.Rows), int(image.Columns)
    if image.file_meta.TransferSyntaxUID == RLE:
        samples = int(image.SamplesPerPixel) * int(image.BitsAllocated) // 8
        if _rle_length(frame) > samples * (height * width + 1):
            raise ValueError("a frame swells beyond its size")
        return
    with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as found:
        if found.size != (width, height):
            raise ValueError("a frame of another size")


def _rle_length(frame: bytes) -> int:
    """Bytes that a frame of run lengths unpacks to."""
    count, *offsets = struct.unpack("<16L", frame[:64])
    ends = [*offsets[1:count], len(frame)]
    total = 0
    for at, end in zip(offsets[:count], ends, strict=False):
        while at < min(end, len(frame)):
            code = frame[at]
            total += code + 1 if code < 128 else 257 - code if code > 128 else 0
            at += code + 2 if code < 128 else 2 if code > 128 else 1  # noqa: PLW2901
    return total
