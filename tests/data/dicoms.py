"""DICOM files for tests, written by pydicom; every one is full of a patient."""

from __future__ import annotations

import io
import traceback
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radar_core.data.images import decode
from radar_core.errors import BadImage

# None of these may be seen anywhere.
PATIENT = {
    "PatientName": "Zephyrine^Quillfeather",
    "PatientID": "QX-77123",
    "PatientBirthDate": "19310203",
    "PatientAddress": "12 Wobblegate Lane",
    "PatientComments": "allergic to marzipan",
    "ReferringPhysicianName": "Dr^Umbershoot",
    "InstitutionName": "Saint Snorkel Hospital",
    "AccessionNumber": "ACC90210",
    "StudyDescription": "knee of Quillfeather",
    "OtherPatientNames": "Zeph^Quill",
}
SECRETS = (
    *("Zephyrine", "Quillfeather", "QX-77123", "19310203", "Wobblegate", "marzipan"),
    *("Umbershoot", "Snorkel", "ACC90210"),
)


def dicom(
    values: NDArray[Any],
    photometric: str = "MONOCHROME2",
    *,
    syntax: str = ExplicitVRLittleEndian,
    frames: int = 0,
    stored: int = 0,
    encoded: list[bytes] | None = None,
    **tags: Any,
) -> bytes:
    """A DICOM file of stored values: (h, w), (n, h, w), (h, w, 3) or (n, h, w, 3).

    Args:
        stored: bits stored; those allocated without it.
        encoded: the frames as compressed.
        tags: further ones; None leaves one out.
    """
    colour = values.shape[-1] == 3 and values.ndim > 2
    height, width = values.shape[-3:-1] if colour else values.shape[-2:]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = syntax
    big = syntax == ExplicitVRBigEndian
    implicit = syntax == ImplicitVRLittleEndian
    image = FileDataset(
        "",
        {},
        file_meta=meta,
        preamble=b"\0" * 128,
        is_implicit_VR=implicit,
        is_little_endian=not big,
    )
    image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3.4"
    for tag, text in PATIENT.items():
        setattr(image, tag, text)
    image.Rows, image.Columns = height, width
    image.SamplesPerPixel = 3 if colour else 1
    image.PhotometricInterpretation = photometric
    if colour:
        image.PlanarConfiguration = 0
    bits = 8 * values.dtype.itemsize
    image.BitsAllocated, image.BitsStored = bits, stored or bits
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = int(values.dtype.kind == "i")
    if frames:
        image.NumberOfFrames = frames
    image.PixelData = encapsulate(encoded) if encoded else values.tobytes()
    if big:
        image.PixelData = values.astype(values.dtype.newbyteorder(">")).tobytes()
    image["PixelData"].VR = "OB" if encoded or bits == 8 else "OW"
    for tag, value in tags.items():
        if value is None:
            delattr(image, tag)
        else:
            setattr(image, tag, value)
    buffer = io.BytesIO()
    image.save_as(buffer, implicit_vr=implicit, little_endian=not big, enforce_file_format=True)
    return buffer.getvalue()


def table(entries: NDArray[Any], first: int, bits: int) -> Dataset:
    """An item of a sequence of look-up tables."""
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.LUTData = [int(v) for v in entries]
    item["LUTData"].VR = "US"
    return item


H, W = 20, 24
RAMP = np.arange(H * W).reshape(H, W)


def grey(data: bytes, **more: Any) -> NDArray[np.uint8]:
    """A grey image as decoded; its three channels are one."""
    found = decode(data, "scan.dcm", **more)
    assert found.dtype == np.uint8 and found.shape == (H, W, 3) and found.flags.writeable
    assert np.array_equal(found[..., 0], found[..., 1])
    assert np.array_equal(found[..., 0], found[..., 2])
    return found[..., 0]


def refusal(data: bytes, **more: Any) -> str:
    """The sentence with which a file is refused; neither it nor its chain knows the patient."""
    with pytest.raises(BadImage) as caught:
        decode(data, "scan.dcm", **more)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.startswith("scan.dcm")
    assert ";" in sentence or "needed" in sentence
    assert caught.value.__context__ is None and caught.value.__cause__ is None
    assert not any(s in "".join(traceback.format_exception(caught.value)) for s in SECRETS)
    return sentence


def stretched(values: NDArray[Any]) -> NDArray[np.float64]:
    """Lowest value black, highest white."""
    levels = values.astype(float)
    return 255 * (levels - levels.min()) / (levels.max() - levels.min())


def window(values: NDArray[Any], center: float, width: float) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2.1."""
    return 255 * np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def near(found: NDArray[np.uint8], expected: NDArray[Any]) -> bool:
    return bool(np.abs(found.astype(float) - expected).max() <= 0.51)


def colours(count: int = 1) -> NDArray[np.uint8]:
    draw = np.random.default_rng(3)
    return draw.integers(0, 256, (count, H, W, 3), np.uint8)


def stack(count: int) -> tuple[NDArray[np.uint8], bytes]:
    values = np.stack([(RAMP + 10 * k) % 200 for k in range(count)]).astype(np.uint8)
    return values, dicom(values, frames=count)
