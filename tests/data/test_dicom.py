"""DICOM: pixels as computed here by the standard's formulas."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from radar_core.data.images import decode, frames
from radar_core.errors import BadImage
from tests.data.dicoms import (
    RAMP,
    H,
    W,
    colours,
    dicom,
    grey,
    near,
    refusal,
    stack,
    stretched,
    table,
    window,
)


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
