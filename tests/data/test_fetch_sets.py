"""Whole sets: brought, unpacked, opened by name; a failure leaves what was there."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import radar_core as radar
from radar_core.cli import main
from radar_core.data import open_data
from radar_core.data.arrays import ArrayData
from radar_core.data.base import to_image
from radar_core.data.fetching import download, fetch, fetched, remove_fetched, the_offer
from radar_core.data.fetching.offers import Offer, offers, refused
from radar_core.data.fetching.run import already, by_hand, downloads_of, is_running
from radar_core.data.fetching.sources import isic2018, medmnist
from radar_core.errors import BadData, Cancelled, CannotWrite, NotFetched
from radar_core.runtime import Progress
from tests.data.served import Served, arrays, md5, npz, serving, zipped

GIVEN = arrays()
FILE = npz(**GIVEN)


def table(content: bytes, channels: int = 1) -> dict[str, Any]:
    """What the package would say of one set with that file."""
    split = {"train": 12, "val": 6, "test": 9}
    return {
        "bloodmnist": {
            "python_class": "BloodMNIST",
            "description": "Cells of the blood.",
            "url": "http://127.0.0.1:9/bloodmnist.npz",
            "MD5": md5(content),
            **{f"url_{side}": "http://127.0.0.1:9/x.npz" for side in (64, 128, 224)},
            **{f"MD5_{side}": "0" * 32 for side in (64, 128, 224)},
            "label": {"0": "lymphocyte", "1": "basophil", "2": "platelet"},
            "n_channels": channels,
            "n_samples": split,
            "license": "CC BY 4.0",
        }
    }


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(medmnist, "_info", lambda: table(FILE))
    monkeypatch.setenv("RADAR_FETCHED", str(tmp_path / "data"))


@pytest.fixture
def served() -> Iterator[Served]:
    with serving({"bloodmnist.npz": FILE}) as found:
        yield found


def blood() -> Offer:
    return the_offer("bloodmnist", 28)


def changed(monkeypatch: pytest.MonkeyPatch, served: Served, **given: np.ndarray) -> None:
    """Another file, published as such."""
    content = npz(**{**GIVEN, **given})
    served.files["bloodmnist.npz"] = content
    monkeypatch.setattr(medmnist, "_info", lambda: table(content))


def test_arrays_come_and_are_opened_by_name_and_path(served: Served, tmp_path: Path):
    place = fetch(blood(), mirror=served.url)
    assert place == tmp_path / "data" / "bloodmnist-28"

    for name in ("bloodmnist-28", str(place)):
        data = open_data(name)
        assert isinstance(data, ArrayData)
        assert data.name == name
        assert data.class_names == ("basophil", "lymphocyte", "platelet")
        assert data.found == "27 images of 28×28 pixels, 3 classes, 3 splits"
        assert [len(data.split(s)) for s in ("train", "val", "test")] == [12, 6, 9]
    entry = data.split("validation").entries[2]
    assert (entry.id, entry.label, entry.split) == ("val-000002", "platelet", "val")
    expected = np.dstack([GIVEN["val_images"][2]] * 3)
    assert np.array_equal(data.pixels(entry), expected)
    assert np.array_equal(data.case(entry).image.numpy(), to_image(expected).numpy())
    assert open_data("bloodmnist-28", "test")[0].split == "test"


def test_colour_arrays(served: Served, monkeypatch: pytest.MonkeyPatch):
    colour = arrays(colour=True)
    changed(monkeypatch, served, **colour)
    info = table(served.files["bloodmnist.npz"], channels=3)
    monkeypatch.setattr(medmnist, "_info", lambda: info)
    fetch(blood(), mirror=served.url)
    data = open_data("bloodmnist-28")
    assert np.array_equal(data.pixels(data.entries[14]), colour["val_images"][2])


def test_the_source_is_written_down(served: Served):
    place = fetch(blood(), mirror=served.url)
    said = json.loads((place / "source.json").read_text())
    assert said["licence"] == "CC BY 4.0" and "Yang" in said["citation"]
    (file,) = said["files"]
    assert file["bytes"] == len(FILE) and len(file["sha256"]) == 64
    assert file["checked"] == "MD5 as published"
    (found,) = fetched()
    assert (found.name, found.title) == ("bloodmnist-28", "BloodMNIST, 28 px")
    remove_fetched(found)
    assert fetched() == []


def test_what_was_downloaded_goes_what_was_placed_stays(served: Served):
    folder = downloads_of(blood())
    fetch(blood(), mirror=served.url)
    assert [path.name for path in folder.iterdir()] in ([], [".lock"])
    (folder / "bloodmnist.npz").write_bytes(FILE)
    assert already(blood()) == len(FILE)
    served.files.clear()
    fetch(blood())
    assert (folder / "bloodmnist.npz").is_file()


def test_a_corrupted_download_leaves_the_old_set(served: Served):
    fetch(blood(), mirror=served.url)
    served.files["bloodmnist.npz"] = FILE[:-1] + b"?"
    with pytest.raises(NotFetched, match="wrong checksum"):
        fetch(blood(), mirror=served.url)
    assert len(open_data("bloodmnist-28")) == 27
    assert already(blood()) == 0


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"train_images": np.zeros((12, 28, 28), np.float32)}, "float32"),
        ({"train_images": np.zeros((12, 4, 4), np.uint8)}, "needed"),
        ({"train_images": np.zeros((12, 28, 28, 4), np.uint8)}, "needed"),
        ({"test_labels": np.zeros((9, 14), np.uint8)}, "one whole number for each"),
        ({"val_labels": np.full((6, 1), 7, np.uint8)}, "3 names of classes"),
        ({"val_labels": np.array([{}] * 6, object)}, "no array of numbers"),
    ],
)
def test_arrays_of_another_form(
    given: dict[str, np.ndarray], why: str, served: Served, monkeypatch: pytest.MonkeyPatch
):
    fetch(blood(), mirror=served.url)
    changed(monkeypatch, served, **given)
    with pytest.raises(NotFetched, match=why) as caught:
        fetch(blood(), mirror=served.url)
    assert "\n" not in str(caught.value)
    assert len(open_data("bloodmnist-28")) == 27
    assert ("thrown away" in str(caught.value)) == (already(blood()) == 0)


def test_an_archive_without_its_arrays(served: Served, monkeypatch: pytest.MonkeyPatch):
    content = zipped({"readme.txt": b"nothing"})
    served.files["bloodmnist.npz"] = content
    monkeypatch.setattr(medmnist, "_info", lambda: table(content))
    with pytest.raises(NotFetched, match=r"lacks test_images\.npy"):
        fetch(blood(), mirror=served.url)


def test_a_set_is_fetched_once_at_a_time(served: Served):
    folder = downloads_of(blood())
    folder.mkdir(parents=True)
    assert not is_running(blood())
    with FileLock(folder / ".lock"):
        assert is_running(blood())
        with pytest.raises(CannotWrite, match="by another process"):
            fetch(blood(), mirror=served.url)
    assert served.asked == []


def test_a_kill_at_the_last_moment_loses_nothing(served: Served):
    place = fetch(blood(), mirror=served.url)
    place.rename(place.with_name(".bloodmnist-28.old"))
    (place.with_name(".bloodmnist-28.unpacking")).mkdir()
    served.files["bloodmnist.npz"] = npz(**GIVEN, more=np.zeros(3))
    with pytest.raises(NotFetched):
        fetch(blood(), mirror=served.url)
    assert len(open_data("bloodmnist-28")) == 27  # the old one is back
    served.files["bloodmnist.npz"] = FILE
    assert len(open_data(str(fetch(blood(), mirror=served.url)))) == 27
    assert sorted(p.name for p in place.parent.iterdir()) == ["bloodmnist-28", "downloads"]


def test_two_at_once_bring_it_once(served: Served):
    served.pause = 0.8
    said: list[str] = []

    def one() -> None:
        try:
            fetch(blood(), mirror=served.url)
            said.append("done")
        except CannotWrite:
            said.append("refused")

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["done", "refused"]
    assert len(open_data("bloodmnist-28")) == 27


def test_it_can_be_stopped_and_told_how_far_it_is(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(download, "EVERY", 0.0)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        fetch(blood(), mirror=served.url, progress=Progress(stop=stop))
    assert fetched() == []
    shares: list[float] = []
    fetch(blood(), mirror=served.url, progress=Progress(lambda f, n: shares.append(f)))
    assert shares == sorted(shares) and shares[-1] == 1


def test_the_registry_knows_names_sizes_and_refusals():
    assert {o.name for o in offers()} >= {"isic2018", "bloodmnist-28", "bloodmnist-224"}
    assert the_offer("bloodmnist").side == 64
    assert the_offer("bloodmnist-128").side == 128
    for name, side, why in (
        ("bloodmnist", 32, "28, 64, 128, 224 pixels"),
        ("isic2018", 64, "one size"),
        ("chestmnist", None, "several labels"),
        ("bloodmnst", None, "did you mean bloodmnist"),
        ("../etc", None, "python -m radar_core fetch"),
    ):
        with pytest.raises(BadData, match=why):
            the_offer(name, side)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(medmnist, "_info", dict)
    for name in ("bloodmnist", "bloodmnist-64", "medmnist"):
        with pytest.raises(BadData, match="pip install medmnist"):
            the_offer(name)
    assert [o.id for o in offers()] == ["isic2018"]
    assert "medmnist" in refused()


def test_the_package_names_every_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    found = medmnist.offers()
    assert len(found) == 44
    assert all(len(offer.files[0].md5) == 32 and offer.licence for offer in found)
    assert all(offer.files[0].url.startswith("https://zenodo.org/") for offer in found)


def test_a_name_that_is_not_here_yet_says_how_to_fetch_it():
    with pytest.raises(BadData, match="python -m radar_core fetch bloodmnist --size 64"):
        open_data("bloodmnist-64")


# ISIC 2018, on a small scale.


def jpeg(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (value, 100, 50)).save(buffer, "JPEG")
    return buffer.getvalue()


def isic() -> dict[str, bytes]:
    """The challenge's seven files, with a few images."""
    found: dict[str, bytes] = {}
    number = 24306
    for title, count in (("Training", 6), ("Validation", 3), ("Test", 3)):
        names = [f"ISIC_{number + k:07d}" for k in range(count)]
        number += count
        head = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
        rows = [
            f"{n},{','.join('1.0' if j == k % 3 else '0.0' for j in range(7))}"
            for k, n in enumerate(names)
        ]
        folder = f"ISIC2018_Task3_{title}"
        found[f"{folder}_GroundTruth.zip"] = zipped(
            {
                f"{folder}_GroundTruth/{folder}_GroundTruth.csv": "\n".join([head, *rows]).encode(),
                f"__MACOSX/{folder}_GroundTruth/._{folder}_GroundTruth.csv": b"\0",
            }
        )
        pictures = {f"{folder}_Input/{n}.jpg": jpeg(k * 20) for k, n in enumerate(names)}
        pictures[f"__MACOSX/._{names[0]}.jpg"] = b"not a picture"
        pictures[f"{folder}_Input/LICENSE.txt"] = b"CC BY-NC"
        found[f"{folder}_Input.zip"] = zipped(pictures)
        if title == "Training":
            lines = [f"{n},HAM_{k // 2},histopathology" for k, n in enumerate(names)]
            found[isic2018.GROUPS] = "\n".join(
                ["image,lesion_id,diagnosis_confirm_type", *lines]
            ).encode()
    return found


def test_isic_keeps_splits_labels_and_lesions(tmp_path: Path):
    with serving(isic()) as served:
        place = fetch(the_offer("isic2018"), tmp_path / "else", mirror=served.url)
    data = open_data(str(place))
    assert data.class_names == ("bcc", "mel", "nv")
    assert [len(data.split(s)) for s in ("train", "val", "test")] == [6, 3, 3]
    first = data.find("ISIC_0024306")
    assert (first.label, first.split, first.group) == ("mel", "train", "HAM_0")
    assert data.split("test").entries[0].group is None
    assert data.pixels(first).shape == (30, 40, 3)
    assert data.problems == () and (place / "LICENSE.txt").is_file()
    said = json.loads((place / "source.json").read_text())
    assert {file["checked"] for file in said["files"]} == {"no published checksum"}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("ISIC2018_Task3_Test_Input.zip", b"<html>busy</html>", "is no ZIP archive"),
        ("ISIC2018_Task3_Test_Input.zip", zipped({"../../x.jpg": b"x"}), "leads outside"),
        ("ISIC2018_Task3_Test_GroundTruth.zip", zipped({"a.txt": b""}), "0 CSV files"),
        ("ISIC2018_Task3_Test_GroundTruth.zip", zipped({"a.csv": b"\xff\xfe"}), "UTF-8"),
        ("ISIC2018_Task3_Test_GroundTruth.zip", zipped({"a.csv": b"image\nx"}), "no row"),
        (isic2018.GROUPS, b"nothing", "names no lesion_id"),
    ],
)
def test_a_damaged_file_of_isic_is_thrown_away_alone(
    name: str, content: bytes, why: str, tmp_path: Path
):
    offer = the_offer("isic2018")
    with serving(isic() | {name: content}) as served:
        with pytest.raises(NotFetched, match=why) as caught:
            fetch(offer, tmp_path, mirror=served.url)
        assert "\n" not in str(caught.value) and "thrown away" in str(caught.value)
        assert not (tmp_path / "isic2018").exists() and not (tmp_path / "x.jpg").exists()
        assert not (downloads_of(offer, tmp_path) / name).exists()
        served.files[name] = isic()[name]
        served.asked.clear()
        fetch(offer, tmp_path, mirror=served.url)
        assert [asked for asked, _ in served.asked] == [name]  # the six others were kept


# From the shell.


def test_the_command_lists_what_can_be_fetched(capsys: pytest.CaptureFixture[str]):
    assert main(["fetch"]) == 0
    said = capsys.readouterr().out
    assert "isic2018" in said and "CC BY-NC 4.0" in said
    assert "bloodmnist       BloodMNIST: 27 images, 3 classes, 28, 64, 128, 224 px" in said
    assert "chestmnist: not offered, its images have several labels" in said


def test_the_command_says_all_before_it_starts(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    words = ["fetch", "bloodmnist", "--size", "28", "--mirror", served.url]
    assert main(words) == 2
    out, err = capsys.readouterr()
    for said in ("Cells of the blood", "27, 3 classes", "CC BY 4.0", "Yang et al.", "MD5"):
        assert said in out
    assert "--yes" in err and served.asked == []
    assert main([*words, "--yes"]) == 0
    out, _ = capsys.readouterr()
    assert "bloodmnist-28: 27 images of 28×28 pixels" in out
    assert "--data bloodmnist-28" in out
    assert main([*words, "--yes"]) == 0
    assert "--again" in capsys.readouterr().out and len(served.asked) == 1
    assert main([*words, "--yes", "--to", str(tmp_path / "there")]) == 0
    assert f"--data {tmp_path / 'there' / 'bloodmnist-28'}" in capsys.readouterr().out


def test_the_command_without_a_network_says_what_to_place_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    words = ["fetch", "bloodmnist", "--size", "28", "--yes"]
    assert main(words) == 2
    err = capsys.readouterr().err
    folder = tmp_path / "data" / "downloads" / "bloodmnist-28"
    assert "no connection" in err and str(folder) in err
    assert "http://127.0.0.1:9/bloodmnist.npz" in err and by_hand(blood()) in err
    (folder / "bloodmnist.npz").write_bytes(FILE)
    assert main(words) == 0
    assert len(open_data("bloodmnist-28")) == 27


def test_what_was_fetched_is_offered_on_the_pages(served: Served):
    from radar_core.training.background import planned
    from radar_core.ui.compute import data_names, split_names

    fetch(blood(), mirror=served.url)
    assert data_names() == ["phantom", "bloodmnist-28"]
    assert split_names("bloodmnist-28") == ["train", "val", "test"]
    assert planned(Path("/models"), "mine", "bloodmnist-28", "resnet18").data == "bloodmnist-28"
    assert radar.open_data("bloodmnist-28").found.startswith("27 images")
