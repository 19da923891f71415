"""DICOM: pixels as computed here by the standard's formulas, and no word of the patient."""

from __future__ import annotations

import io
import logging
import re
import struct
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from radar_core.cli import main
from radar_core.data import open_data
from radar_core.data.images import decode, decode_mask, frames, image_size, read_image
from radar_core.errors import BadImage
from tests.data.dicoms import PATIENT, SECRETS, dicom, table

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


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless]
)
def test_eight_bits_stay_as_they_are(syntax: str):
    values = (RAMP % 199).astype(np.uint8)
    encoded = None
    if syntax == RLELossless:
        encoded = [rle(values)]
    assert np.array_equal(grey(dicom(values, syntax=syntax, encoded=encoded)), values)


def rle(values: NDArray[Any]) -> bytes:
    options = {
        "rows": values.shape[0],
        "columns": values.shape[1],
        "samples_per_pixel": 1,
        "bits_allocated": 8 * values.dtype.itemsize,
        "bits_stored": 8 * values.dtype.itemsize,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
        "number_of_frames": 1,
    }
    return RLELosslessEncoder.encode(values, encoding_plugin="pydicom", **options)


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ((RAMP * 100 + 7).astype(np.uint16), 16),
        ((RAMP * 8).astype(np.uint16), 12),
        ((RAMP - 200).astype(np.int16), 16),
        ((RAMP - 100).astype(np.int16), 12),
        (RAMP.astype(np.uint32), 32),
    ],
)
def test_wider_values_are_stretched(values: NDArray[Any], stored: int):
    assert near(grey(dicom(values, stored=stored)), stretched(values))


def test_wide_values_run_length_encoded():
    values = (RAMP * 100).astype(np.uint16)
    found = grey(dicom(values, syntax=RLELossless, encoded=[rle(values)]))
    assert near(found, stretched(values))


def test_monochrome1_is_turned_round():
    values = (RAMP % 199).astype(np.uint8)
    assert np.array_equal(grey(dicom(values, "MONOCHROME1")), 255 - values)
    wide = (RAMP * 30).astype(np.uint16)
    found = grey(dicom(wide, "MONOCHROME1", WindowCenter=5000, WindowWidth=4000))
    assert near(found, 255 - window(wide, 5000, 4000))


def test_rescaled_values_are_seen_through_the_window():
    values = (RAMP * 5).astype(np.uint16)
    tags = {"RescaleSlope": "2.5", "RescaleIntercept": "-1024"}
    found = grey(dicom(values, stored=12, WindowCenter=40, WindowWidth=400, **tags))
    assert near(found, window(values * 2.5 - 1024, 40, 400))
    # Without a window, its range; a negative slope turns it round.
    assert near(grey(dicom(values, **tags)), stretched(values * 1.0))
    tags["RescaleSlope"] = "-1"
    assert near(grey(dicom(values, **tags)), 255 - stretched(values * 1.0))
    found = grey(dicom(values, stored=12, WindowCenter=-2000, WindowWidth=900, **tags))
    assert near(found, window(-1.0 * values - 1024, -2000, 900))


def test_the_first_of_several_windows():
    values = (RAMP - 100).astype(np.int16)
    found = grey(dicom(values, WindowCenter=[50, 300], WindowWidth=[120, 30]))
    assert near(found, window(values, 50, 120))


def test_other_windows_than_linear():
    values = RAMP.astype(np.uint16)
    tags = {"WindowCenter": 200, "WindowWidth": 100}
    found = grey(dicom(values, VOILUTFunction="LINEAR_EXACT", **tags))
    assert near(found, 255 * np.clip((values - 200.0) / 100 + 0.5, 0, 1))
    found = grey(dicom(values, VOILUTFunction="SIGMOID", **tags))
    assert near(found, 255 / (1 + np.exp(-4 * (values - 200.0) / 100)))


@pytest.mark.parametrize("tags", [(0, 0), (100, -5), (100, 1), ("", ""), ("1e400", 5)])
def test_a_window_that_is_none_is_passed_over(tags: tuple[Any, Any]):
    values = RAMP.astype(np.uint16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = dicom(values, WindowCenter=tags[0], WindowWidth=tags[1])
    assert near(grey(data), stretched(values))


@pytest.mark.parametrize(("bits", "entries"), [(8, 300), (12, 300), (16, 480)])
def test_voi_tables(bits: int, entries: int):
    values = RAMP.astype(np.uint16)
    curve = np.round((2**bits - 1) * (np.arange(entries) / (entries - 1)) ** 2)
    found = grey(dicom(values, VOILUTSequence=[table(curve, 40, bits)]))
    expected = curve[np.clip(RAMP - 40, 0, entries - 1)] * 255 / (2**bits - 1)
    assert near(found, expected)


def test_a_modality_table():
    values = (RAMP % 256).astype(np.uint8)
    curve = np.arange(256)[::-1] * 100
    item = table(curve, 0, 16)
    item.ModalityLUTType = "US"
    found = grey(dicom(values, ModalityLUTSequence=[item]))
    assert near(found, stretched(curve[values]))


def test_padding_is_not_what_is_darkest():
    values = (RAMP + 1000).astype(np.int16)
    values[:5] = -2000
    found = grey(dicom(values, PixelPaddingValue=-2000))
    assert near(found[5:], stretched(values[5:])) and not found[:5].any()


def test_a_flat_image_is_black():
    assert not grey(dicom(np.full((H, W), 700, np.uint16))).any()


def colours(count: int = 1) -> NDArray[np.uint8]:
    draw = np.random.default_rng(3)
    return draw.integers(0, 256, (count, H, W, 3), np.uint8)


def test_rgb_keeps_every_pixel():
    values = colours()[0]
    assert np.array_equal(decode(dicom(values, "RGB")), values)
    planes = np.ascontiguousarray(values.transpose(2, 0, 1))
    data = dicom(values, "RGB", PixelData=planes.tobytes(), PlanarConfiguration=1)
    assert np.array_equal(decode(data), values)


def test_rgb_of_sixteen_bits():
    values = colours()[0].astype(np.uint16) * 257
    assert np.array_equal(decode(dicom(values, "RGB")), colours()[0])


def test_ybr_becomes_rgb():
    y, b, r = np.moveaxis(colours()[0].astype(float), 2, 0)
    expected = np.stack(  # PS3.3 C.7.6.3.1.2, inverted
        [
            y + 1.402 * (r - 128),
            y - 0.344136 * (b - 128) - 0.714136 * (r - 128),
            y + 1.772 * (b - 128),
        ],
        axis=2,
    )
    found = decode(dicom(colours()[0], "YBR_FULL"))
    assert np.abs(found - np.clip(expected, 0, 255)).max() <= 1.5


def test_palettes():
    values = (RAMP % 256).astype(np.uint8)
    palette = np.random.default_rng(4).integers(0, 256, (3, 256)).astype(np.uint16)
    tags: dict[str, Any] = {}
    for name, column in zip(("Red", "Green", "Blue"), palette, strict=True):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{name}PaletteColorLookupTableData"] = (column * 257).astype("<u2").tobytes()
    found = decode(dicom(values, "PALETTE COLOR", **tags))
    assert np.array_equal(found, palette.T.astype(np.uint8)[values])


@pytest.mark.parametrize("colour", [False, True])
def test_jpeg(colour: bool):
    y, x = np.mgrid[:H, :W]
    values = np.stack([x * 6, y * 10, 255 - x * 3 - y * 2], axis=2).astype(np.uint8)
    values = values if colour else values[..., 0]
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=95, subsampling=0)
    photometric = "YBR_FULL_422" if colour else "MONOCHROME2"
    data = dicom(values, photometric, syntax=JPEGBaseline8Bit, encoded=[buffer.getvalue()])
    expected = values if colour else np.dstack([values] * 3)
    assert np.abs(decode(data).astype(int) - expected).mean() < 4


def test_jpeg_2000():
    values = (RAMP % 199).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG2000", irreversible=False, no_jp2=True)
    data = dicom(values, syntax=JPEG2000Lossless, encoded=[buffer.getvalue()])
    assert np.array_equal(grey(data), values)


# Frames


def stack(count: int) -> tuple[NDArray[np.uint8], bytes]:
    values = np.stack([(RAMP + 10 * k) % 200 for k in range(count)]).astype(np.uint8)
    return values, dicom(values, frames=count)


def test_of_several_frames_the_middle_one_or_the_one_that_is_asked_for():
    values, data = stack(5)
    assert frames(data) == 5
    assert np.array_equal(grey(data), values[2])
    for number in (1, 4, 5):
        assert np.array_equal(grey(data, frame=number), values[number - 1])
    for number in (0, 6, -1):
        assert "frames 1 to 5, and frame" in refusal(data, frame=number)
    assert np.array_equal(decode(dicom(colours(4), "RGB", frames=4), frame=3), colours(4)[2])


def test_one_frame_of_a_compressed_stack():
    values, _ = stack(3)
    data = dicom(values, frames=3, syntax=RLELossless, encoded=[rle(v) for v in values])
    assert np.array_equal(grey(data, frame=3), values[2])


def test_other_formats_have_one_frame():
    buffer = io.BytesIO()
    Image.fromarray(colours()[0]).save(buffer, "PNG")
    assert frames(buffer.getvalue()) == 1
    assert np.array_equal(decode(buffer.getvalue(), frame=1), colours()[0])
    with pytest.raises(BadImage, match="has 1 frame"):
        decode(buffer.getvalue(), frame=2)


def test_each_frame_of_an_enhanced_image_has_its_own_window():
    values = np.stack([RAMP, RAMP]).astype(np.uint16)
    groups = []
    for center in (100, 300):
        lut, rescaling, group = Dataset(), Dataset(), Dataset()
        lut.WindowCenter, lut.WindowWidth = center, 120
        rescaling.RescaleSlope, rescaling.RescaleIntercept = 2, -50
        group.FrameVOILUTSequence = [lut]
        group.PixelValueTransformationSequence = [rescaling]
        groups.append(group)
    data = dicom(values, frames=2, PerFrameFunctionalGroupsSequence=groups)
    for number, center in ((1, 100), (2, 300)):
        assert near(grey(data, frame=number), window(RAMP * 2.0 - 50, center, 120))


# What is refused


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


# The patient


def test_the_patient_is_nowhere(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    data = dicom(RAMP.astype(np.uint16), WindowCenter=200, WindowWidth=100)
    assert all(text.encode() in data for text in PATIENT.values())
    (tmp_path / "scan.dcm").write_bytes(data)
    with caplog.at_level(logging.DEBUG):
        words = ["case", "--image", str(tmp_path / "scan.dcm"), "--attack", "fgsm"]
        assert main([*words, "--explain", "gradcam", "--out", str(tmp_path / "out")]) == 0
        # A value that its kind does not allow: pydicom warns of it, and quotes it.
        main(
            ["case", "--image", str(_odd(tmp_path, data)), "--attack", "fgsm", "--explain", "none"]
        )
    out, err = capsys.readouterr()
    written = [p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert written
    for secret in SECRETS:
        assert secret not in out + err + caplog.text
        assert not any(secret.encode() in content for content in written)


def _odd(folder: Path, data: bytes) -> Path:
    image = dcmread(io.BytesIO(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.RescaleIntercept = "0"
        image.RescaleSlope = "1"
    buffer = io.BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    broken = buffer.getvalue().replace(
        b"\x28\x00\x52\x10DS\x02\x000 ", b"\x28\x00\x52\x10DS\x02\x00Qx"
    )
    assert broken != buffer.getvalue()
    (folder / "odd.dcm").write_bytes(broken)
    return folder / "odd.dcm"


def test_warnings_of_the_library_stay_inside():
    data = dicom(RAMP.astype(np.uint16))
    longer = dcmread(io.BytesIO(data))
    longer.PixelData += b"\0" * 500  # pydicom warns of padding
    buffer = io.BytesIO()
    dcmwrite(buffer, longer, enforce_file_format=True)
    before = warnings.filters[:]
    assert near(grey(buffer.getvalue()), stretched(RAMP))
    assert warnings.filters == before


def test_many_at_once():
    files = [stack(3)[1], dicom(RAMP.astype(np.uint16)), dicom(colours()[0], "YBR_FULL")] * 8
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(decode, files))
    assert all(np.array_equal(a, decode(f)) for a, f in zip(together, files, strict=True))


# In data sets and by the command


def test_folders_of_dicom_files(tmp_path: Path):
    for label, photometric in (("normal", "MONOCHROME2"), ("pneumonia", "MONOCHROME1")):
        (tmp_path / label).mkdir()
        for k in range(2):
            data = dicom((RAMP % 100 + k).astype(np.uint8), photometric)
            (tmp_path / label / f"{k}.dcm").write_bytes(data)
    data = open_data(str(tmp_path))
    assert data.found == "4 images, 2 classes"
    assert data[3].image.shape == (3, H, W)
    assert image_size(tmp_path / "normal" / "0.dcm") == (H, W)
    assert np.array_equal(read_image(tmp_path / "normal" / "1.dcm")[..., 0], RAMP % 100 + 1)


def test_masks_may_be_dicom():
    bits = np.zeros((H, W), np.uint8)
    bits[5:9] = 1
    data = dicom(bits, stored=1)
    assert np.array_equal(decode_mask(data), bits > 0)


def test_the_command_takes_a_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    _, data = stack(5)
    (tmp_path / "scan.dcm").write_bytes(data)
    for name in ("scan.dcm", "scan.dcm#4"):
        words = ["case", "--image", f"{tmp_path}/{name}", "--attack", "fgsm", "--explain", "none"]
        assert main(words) == 0
        assert name in capsys.readouterr().out
    assert main(["case", "--image", f"{tmp_path}/scan.dcm#9", "--explain", "none"]) == 2
    assert "frames 1 to 5" in capsys.readouterr().err
