"""DICOM in data sets and commands, and no word of the patient in what they say or write."""

from __future__ import annotations

import io
import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from radar_core.cli import main
from radar_core.data import open_data
from radar_core.data.images import decode, decode_mask, image_size, read_image
from tests.data.dicoms import (
    PATIENT,
    RAMP,
    SECRETS,
    H,
    W,
    colours,
    dicom,
    grey,
    near,
    stack,
    stretched,
)


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
