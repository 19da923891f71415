"""DICOM that is not read: each file is refused with a sentence, before its pixels swell."""

from __future__ import annotations

import io
import re
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from radar_core.data.images import decode
from radar_core.errors import BadImage
from tests.data.dicoms import (
    RAMP,
    SECRETS,
    colours,
    dicom,
    refusal,
)


def test_without_pixels():
    values = RAMP.astype(np.uint16)
    assert "without pixels" in refusal(dicom(values, Rows=None, PixelData=None))
    assert "holds none" in refusal(dicom(values, PixelData=None))


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (JPEGLosslessSV1, "JPEG Lossless"),
        (JPEGExtended12Bit, "JPEG Extended.*16 bits"),
        (MPEG2MPML, "MPEG2"),
        ("1.2.3.999", "1.2.3.999"),
    ],
)
def test_encodings_that_are_not_read(syntax: str, name: str):
    sentence = refusal(
        dicom(RAMP.astype(np.uint16), syntax=syntax, encoded=[b"\0" * 10])
        if syntax != "1.2.3.999"
        else _private(dicom(RAMP.astype(np.uint16)))
    )
    assert re.search(f"encoded as {name}", sentence) and "gdcmconv" in sentence


def _private(data: bytes) -> bytes:
    return data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.3.999\0\0\0\0\0\0\0\0\0\0\0")


def test_a_deflated_file_is_not_inflated():
    data = dicom(np.zeros((4000, 4000), np.uint8))
    image = dcmread(io.BytesIO(data))
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    assert len(buffer.getvalue()) < 100_000
    assert "Deflated" in refusal(buffer.getvalue())


def test_colours_that_are_not_read():
    assert "(HSV)" in refusal(dicom(colours()[0], "HSV"))


def test_sizes_are_judged_before_pixels_are_decoded():
    values = RAMP.astype(np.uint8)
    assert "megapixels" in refusal(dicom(values, Rows=60_000, Columns=60_000))
    assert "pixels a side" in refusal(dicom(values, Rows=16, Columns=20_000))
    assert "at least" in refusal(dicom(values, Rows=4, Columns=4))
    for number in ("-3", "2000000000"):
        assert "number of frames" in refusal(dicom(values, NumberOfFrames=number))
    assert "truncated" in refusal(dicom(values, NumberOfFrames="90"), frame=80)
    assert "truncated" in refusal(dicom(values, Rows=4000, Columns=4000))


def test_a_frame_of_another_size_is_not_decoded():
    buffer = io.BytesIO()
    Image.new("L", (9000, 9000)).save(buffer, "JPEG")
    values = RAMP.astype(np.uint8)
    data = dicom(values, syntax=JPEGBaseline8Bit, encoded=[buffer.getvalue()])
    assert "truncated or damaged" in refusal(data)


def test_run_lengths_do_not_swell(monkeypatch: pytest.MonkeyPatch):
    swollen = struct.pack("<16L", 1, 64, *([0] * 14)) + b"\x81\x00" * 20_000
    data = dicom(RAMP.astype(np.uint8), syntax=RLELossless, encoded=[swollen])
    assert "truncated or damaged" in refusal(data)


@pytest.mark.parametrize(
    "tags",
    [
        {"BitsAllocated": 13},
        {"BitsStored": 40},
        {"SamplesPerPixel": 7},
        {"PixelRepresentation": None},
        {"PhotometricInterpretation": None},
        {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"VOILUTSequence": [Dataset()]},
        {"ModalityLUTSequence": [Dataset()]},
    ],
)
def test_headers_that_contradict_themselves(tags: dict[str, Any]):
    refusal(dicom(RAMP.astype(np.uint16), **tags))


def test_broken_headers():
    data = dicom(RAMP.astype(np.uint16))
    assert "header" in refusal(data[:132]) or "encoded" in refusal(data[:132])
    refusal(data[:200])
    refusal(data[: len(data) - 100])
    refusal(data[:132] + b"Quillfeather" * 50)
    at = data.index(b"\x28\x00\x10\x00")
    refusal(data[:at] + b"\x28\x00\x10\x00OB\0\0\xfe\xff\xff\xff" + data[at + 10 :])


def test_damage_anywhere_ends_in_a_sentence_or_in_pixels():
    data = dicom(RAMP.astype(np.uint16), WindowCenter=200, WindowWidth=100)
    draw = np.random.default_rng(5)
    for _ in range(150):
        broken = bytearray(data)
        for at in draw.integers(132, min(len(data), 1200), 3):
            broken[at] = draw.integers(0, 256)
        said: BadImage | None = None
        try:
            decode(bytes(broken), "scan.dcm")
        except BadImage as error:
            said = error
        assert said is None or said.__context__ is None
        assert not any(secret in str(said) for secret in SECRETS)


def test_nested_sequences_end_in_a_sentence():
    item = b"\x28\x00\x10\x30SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = dicom(RAMP.astype(np.uint16))
    at = data.index(b"\x28\x00\x02\x00US")
    refusal(data[:at] + item * 5000 + data[at:])


def test_a_heavy_file_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RADAR_UPLOAD_MB", "1")
    assert "MiB" in refusal(dicom(np.zeros((1100, 1100), np.uint8)))
