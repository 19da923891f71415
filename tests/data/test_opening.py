"""Folders and CSV files: every layout found out, every bad entry named, nothing held."""

from __future__ import annotations

import os
import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radar_core.data import DataSet, files, open_data
from radar_core.data.tables import MOST_BYTES
from radar_core.errors import BadData, BadImage, NoSuchCase

CLASSES = ("mel", "nv")


def picture(path: Path, value: int = 100, size: tuple[int, int] = (20, 16)) -> Path:
    """A small one-coloured image file; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 50, 50)).save(path)
    return path


def pictures(root: Path, *names: str) -> None:
    for value, name in enumerate(names):
        picture(root / name, value)


def table(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def ids(data: DataSet) -> list[str]:
    return [entry.id for entry in data.entries]


def labels(data: DataSet) -> dict[str, str | None]:
    return {entry.id: entry.label for entry in data.entries}


def splits(data: DataSet) -> dict[str, str | None]:
    return {entry.id: entry.split for entry in data.entries}


def why(data: DataSet) -> Mapping[str, str]:
    return {problem.name: problem.why for problem in data.problems}


def refusal(path: Path | str) -> str:
    with pytest.raises(BadData) as caught:
        open_data(str(path))
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# A folder per class


def test_folder_per_class(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "nv/2.jpg", "mel/1.png", "mel/deeper/3.BMP")
    data = open_data(str(tmp_path))
    assert labels(data) == {
        "mel/1.png": "mel",
        "mel/deeper/3.BMP": "mel",
        "nv/1.png": "nv",
        "nv/2.jpg": "nv",
    }
    assert data.class_names == CLASSES
    assert data.found == "4 images, 2 classes"
    assert data[0].image.shape == (3, 16, 20)
    assert data[0].label == "mel"
    assert not data.synthetic


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [("train", "val", "test"), ("Training", "validation", "TESTING"), ("TRAIN", "Valid", "Test")],
)
def test_folder_with_splits(tmp_path: Path, train: str, val: str, test: str):
    pictures(
        tmp_path, *(f"{s}/{c}/{k}.png" for s in (train, val, test) for c in CLASSES for k in (1, 2))
    )
    data = open_data(str(tmp_path))
    assert data.found == "12 images, 2 classes, 3 splits"
    assert splits(data)[f"{val}/mel/1.png"] == "val"
    part = data.split("TESTING")
    assert ids(part) == [f"{test}/{c}/{k}.png" for c in CLASSES for k in (1, 2)]
    assert part.found == "4 images, 2 classes, test split only"
    assert len(part.split("train")) == 4, "a split leads back to the others"
    assert ids(open_data(str(tmp_path), "validation")) == ids(data.split("val"))
    with pytest.raises(BadData, match="no split 'holdout'; it has test, train, val"):
        data.split("holdout")


def test_too_few_images_to_be_split_are_said(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    with pytest.raises(BadData, match="too few images of mel to be split"):
        open_data(str(tmp_path), "test")


def test_folder_within_a_folder(tmp_path: Path):
    pictures(tmp_path, "set/data/train/nv/1.png", "set/data/train/mel/1.png")
    data = open_data(str(tmp_path))
    assert set(splits(data).values()) == {"train"}
    assert data.class_names == CLASSES


def test_folder_lists_what_lies_outside(tmp_path: Path):
    pictures(tmp_path, "train/nv/1.png", "train/mel/1.png", "train/x.png", "y.png", "odd/nv/z.png")
    (tmp_path / "train" / "nv" / "Thumbs.db").write_bytes(b"x")
    data = open_data(str(tmp_path))
    assert len(data) == 2
    assert why(data) == {
        "train/x.png": "lies in no class's folder",
        "y.png": "lies outside the folders of the splits",
        "odd/nv/z.png": "lies outside the folders of the splits",
    }
    assert data.found == "2 images, 2 classes, train split only; 3 skipped"


def test_folder_skips_empty_files_hidden_ones_and_broken_links(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png", ".git/nv/2.png", "__MACOSX/nv/3.png")
    (tmp_path / "nv" / "0.png").touch()
    (tmp_path / "nv" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    data = open_data(str(tmp_path))
    assert ids(data) == ["mel/1.png", "nv/1.png"]
    assert why(data) == {"nv/0.png": "is empty (0 bytes)", "nv/gone.png": "is a link to nothing"}


def test_folder_that_links_to_itself_ends(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    (tmp_path / "nv" / "loop").symlink_to(tmp_path)
    assert len(open_data(str(tmp_path))) == 2


def test_what_cannot_be_decoded_is_said_when_read(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    (tmp_path / "nv" / "text.png").write_text("no image")
    data = open_data(str(tmp_path))
    with pytest.raises(BadImage, match=r"text\.png is not a PNG"):
        data.case(data.find("nv/text.png"))


def test_masks_are_paired_by_name_and_way(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png", "mel/2.png", "nv/3.png", "nv/4.png")
    pictures(tmp_path, "masks/nv/1.png", "masks/2_segmentation.png", "nv/masks/3.png")
    pictures(tmp_path, "masks/nowhere.png")
    data = open_data(str(tmp_path))
    root = str(tmp_path.resolve())
    assert {e.id: e.mask and e.mask.removeprefix(root) for e in data.entries} == {
        "nv/1.png": "/masks/nv/1.png",
        "mel/1.png": None,
        "mel/2.png": "/masks/2_segmentation.png",
        "nv/3.png": "/nv/masks/3.png",
        "nv/4.png": None,
    }
    assert data.found == "5 images, 2 classes; 2 have no mask"


def test_a_mask_that_may_be_of_two_images_is_of_none(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png", "masks/1.png")
    assert all(entry.mask is None for entry in open_data(str(tmp_path)).entries)


def test_mask_is_given_at_the_size_of_its_image(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png", "mel/2.png")
    half = np.zeros((8, 10), np.uint8)
    half[:, :4] = 255
    (tmp_path / "masks").mkdir()
    picture(tmp_path / "nv" / "1.png", size=(40, 32))
    picture(tmp_path / "mel" / "2.png", size=(40, 32))
    Image.fromarray(half).resize((20, 16), Image.Resampling.NEAREST).save(tmp_path / "masks/2.png")
    (tmp_path / "masks" / "nv").mkdir()
    full = np.kron(half, np.ones((4, 4), np.uint8))
    Image.fromarray(full).save(tmp_path / "masks/nv/1.png")
    data = open_data(str(tmp_path))
    for id in ("nv/1.png", "mel/2.png"):
        mask = data.case(data.find(id)).lesion_mask
        assert mask is not None
        assert np.array_equal(mask.numpy(), full > 0)
    picture(tmp_path / "masks/2.png", size=(30, 30))
    with pytest.raises(BadImage, match=r"mask of mel/2\.png is 30×30, its image 40×32"):
        data.masks(data.find("mel/2.png"))


# CSV files


def test_table_with_image_and_label(tmp_path: Path):
    pictures(tmp_path, "a.png", "images/b.png", "other/deep/c.jpg")
    table(tmp_path / "my.csv", "Image, Label ,note\na.png,nv,x\nb,mel\nc.jpg,nv,x,extra\n")
    for path in (tmp_path, tmp_path / "my.csv"):
        data = open_data(str(path))
        assert labels(data) == {"a": "nv", "b": "mel", "c": "nv"}
        assert data.found == "3 images, 2 classes; labels from my.csv"
        assert [case.image.shape for case in data] == [(3, 16, 20)] * 3


def test_table_of_the_radar_mix_authors(tmp_path: Path):
    pictures(tmp_path, "images/1.jpg", "images/2.jpg", "images/3.jpg")
    table(
        tmp_path / "r.csv",
        "path,y,Task\nimages/1.jpg,nv,Train\nimages/2.jpg,mel,Val\nimages/3.jpg,mel,Test\n",
    )
    data = open_data(str(tmp_path))
    assert splits(data) == {"1": "train", "2": "val", "3": "test"}
    assert data.found == "3 images, 2 classes, 3 splits; labels from r.csv"


def test_table_of_the_isic_challenge(tmp_path: Path):
    names = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
    rows = [f"ISIC_{k}," + ",".join("1.0" if j == k else "0.0" for j in range(7)) for k in range(7)]
    rows += ["ISIC_7" + ",0.0" * 7, "ISIC_8" + ",1.0" * 7]
    pictures(tmp_path, *(f"ISIC2018_Task3_Training_Input/ISIC_{k}.jpg" for k in range(9)))
    table(tmp_path / "truth.csv", "\n".join([f"image,{','.join(names)}", *rows]))
    data = open_data(str(tmp_path))
    assert labels(data) == {f"ISIC_{k}": name.lower() for k, name in enumerate(names)}
    assert data.class_names == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert why(data) == {"ISIC_7": "has no label", "ISIC_8": "has no label"}


def test_table_with_masks_and_other_column_names(tmp_path: Path):
    pictures(tmp_path, "p/1.png", "p/2.png", "m/1.png", "p/3.png")
    table(
        tmp_path / "t.csv",
        "image_id;file-name;DX;mask path\n"
        "1;p/1.png;nv;m/1.png\n2;p/2.png;mel;\n3;p/3.png;nv;m/9.png\n",
    )
    data = open_data(str(tmp_path))
    assert labels(data) == {"1": "nv", "2": "mel", "3": "nv"}
    assert data.found == "3 images, 2 classes; 2 have no mask; labels from t.csv"
    assert not data.problems


def test_table_without_mask_column_takes_the_masks_folder(tmp_path: Path):
    pictures(tmp_path, "images/1.png", "images/2.png", "masks/1.png", "masks/2.png")
    table(tmp_path / "t.csv", "image,label\n1,nv\n2,mel\n")
    assert open_data(str(tmp_path)).found == (
        "2 images, 2 classes, each with a mask; labels from t.csv"
    )


def test_table_names_that_repeat_in_folders_stay_apart(tmp_path: Path):
    pictures(tmp_path, "train/1.png", "test/1.png")
    table(tmp_path / "t.csv", "path,label\ntrain/1.png,nv\ntest/1.png,mel\n")
    assert labels(open_data(str(tmp_path))) == {"train/1.png": "nv", "test/1.png": "mel"}


def test_table_skips_and_names_what_cannot_be_used(tmp_path: Path):
    pictures(tmp_path, *(f"{k}.png" for k in "abcdefgh"), "x/twin.png", "y/twin.png")
    (tmp_path / "empty.png").touch()
    table(
        tmp_path / "t.csv",
        "image,label\na,nv\nb,mel\nb,mel\nc,\nd,nv\nd,mel\nmissing,nv\nempty,nv\n,nv\n"
        "twin,nv\n../up.png,nv\n/etc/passwd,mel\nC:\\up\\e.png,mel\n",
    )
    picture(tmp_path.parent / "up.png")
    data = open_data(str(tmp_path))
    assert ids(data) == ["a", "b"]
    assert why(data) == {
        "b": "is listed twice; the first is used",
        "c": "has no label",
        "d": "is listed with different labels; none is used",
        "missing": "has no image file",
        "empty": "is empty (0 bytes)",
        "a row of t.csv": "names no image",
        "twin": "may be any of 2 files",
        "up": "lies outside the folder of its table",
        "passwd": "lies outside the folder of its table",
        "e": "lies outside the folder of its table",
        **{f"{k}.png": "has no row in t.csv" for k in "fgh"},
    }


def test_table_paths_may_be_absolute_within_its_folder(tmp_path: Path):
    pictures(tmp_path, "images/1.png", "images/2.png")
    table(
        tmp_path / "t.csv",
        f"path,label\n{tmp_path.resolve()}/images/1.png,nv\nimages\\2.png,mel\n",
    )
    assert labels(open_data(str(tmp_path))) == {"1": "nv", "2": "mel"}


def test_table_labels_are_short_plain_text(tmp_path: Path):
    pictures(tmp_path, "1.png", "2.png")
    table(tmp_path / "t.csv", f"image,label\n1,<b>\x1b[31m{'x' * 200}\n2,nv\n")
    label = labels(open_data(str(tmp_path)))["1"]
    assert label is not None
    assert len(label) == 80
    assert label.isprintable()


def test_richest_of_several_tables_is_used(tmp_path: Path):
    pictures(tmp_path, *(f"images/{k}.png" for k in range(4)), *(f"seg/{k}.png" for k in range(4)))
    table(tmp_path / "a.csv", "image,label\n0,nv\n1,mel\n2,nv\n3,nv\n")
    table(tmp_path / "b.csv", "image,label,split\n0,nv,train\n1,mel,test\n2,nv,test\n3,nv,test\n")
    assert "labels from b.csv" in open_data(str(tmp_path)).found
    rows = "\n".join(f"{k},{'nv' if k else 'mel'},train,seg/{k}.png" for k in range(4))
    table(tmp_path / "c.csv", f"image,label,split,mask\n{rows}\n")
    table(tmp_path / "d.csv", "image,label,split,mask\n0,nv,train,seg/0.png\n")
    table(tmp_path / "e.csv", "nothing,known\n1,2\n")
    assert "labels from c.csv" in open_data(str(tmp_path)).found


def test_folder_per_class_beside_a_table_that_is_none_of_labels(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    table(tmp_path / "notes.csv", "who,when\nme,now\n")
    assert open_data(str(tmp_path)).found == "2 images, 2 classes"


@pytest.mark.parametrize(
    "text", ["\ufeffimage,label\n1,nv\n2,mel\n", "image\tlabel\r\n1\tnv\r\n2\tmel"]
)
def test_table_with_byte_order_mark_tabs_and_windows_lines(tmp_path: Path, text: str):
    pictures(tmp_path, "1.png", "2.png")
    table(tmp_path / "t.csv", text)
    assert labels(open_data(str(tmp_path))) == {"1": "nv", "2": "mel"}


def test_a_bare_id_is_looked_for_nearby_first(tmp_path: Path):
    pictures(tmp_path, "1.png", "images/1.png", "images/2.png", "old/2.png", "x/3.png", "y/3.png")
    data = open_data(str(table(tmp_path / "t.csv", "image,label\n1,nv\n2,mel\n3,nv\n")))
    root = str(tmp_path.resolve())
    assert {e.id: e.source.removeprefix(root) for e in data.entries} == {
        "1": "/1.png",
        "2": "/images/2.png",
    }
    assert why(data) == {"3": "may be any of 2 files"}


# Bad input


def test_refuses_what_is_no_data_set(tmp_path: Path):
    assert "no folder or CSV file" in refusal(tmp_path / "missing")
    assert "no folder or CSV file" in refusal("a\0b")
    assert "no folder or CSV file" in refusal("x" * 5000)
    assert "neither a folder nor a CSV file" in refusal(picture(tmp_path / "a.png"))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no images" in refusal(empty)


def test_refuses_one_class_or_none(tmp_path: Path):
    pictures(tmp_path, "one/nv/1.png", "one/nv/2.png", "none/1.png", "none/2.png")
    assert "one class (nv) and two are needed" in refusal(tmp_path / "one")
    assert "no usable image" in refusal(tmp_path / "none")
    pictures(tmp_path, "csv/1.png")
    assert "one class" in refusal(table(tmp_path / "csv" / "t.csv", "image,label\n1,nv\n"))
    assert "no usable image" in refusal(table(tmp_path / "csv" / "u.csv", "image,label\n7,nv\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "is empty"),
        (b"image,label\n", "is empty"),
        (b"foo,bar\n1,2\n", "no column of images"),
        (b"image,age,sex\n1,50,male\n", "no column of labels"),
        (b"image,label\n\xff\xfe\x00,nv\n", "not UTF-8"),
        ("image,label\n1,nv\n".encode("utf-16"), "not UTF-8"),
        (b"image,label\n" + b"x" * 200_000 + b",nv\n", "no table near line"),
        (b'image,label\n"1,nv\n' + b"2,mel\n" * 50_000, "no table near line"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not UTF-8"),
    ],
)
def test_refuses_broken_tables(tmp_path: Path, content: bytes, said: str):
    pictures(tmp_path, "images/1.png")
    (tmp_path / "t.csv").write_bytes(content)
    assert said in refusal(tmp_path / "t.csv")
    assert said in refusal(tmp_path), "a folder with that table alone says the same"


def test_refuses_a_huge_table(tmp_path: Path):
    pictures(tmp_path, "1.png")
    with (tmp_path / "t.csv").open("wb") as sparse:
        sparse.truncate(MOST_BYTES + 1)
    assert "over 64 MiB" in refusal(tmp_path / "t.csv")


def test_refuses_a_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pictures(tmp_path, *(f"nv/{k}.png" for k in range(6)))
    monkeypatch.setattr(files, "MOST_FILES", 5)
    assert "over 5 files" in refusal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_refuses_a_folder_it_may_not_read(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    (tmp_path / "nv").chmod(0)
    try:
        assert "cannot be read" in refusal(tmp_path)
    finally:
        (tmp_path / "nv").chmod(0o755)


def test_no_such_image(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png")
    data = open_data(str(tmp_path))
    with pytest.raises(NoSuchCase):
        data.find("nv/9.png")
    assert data.find("1").id == "nv/1.png"


# The index


def test_index_is_kept_until_something_changes(tmp_path: Path):
    pictures(tmp_path, "nv/1.png", "mel/1.png", "t/1.png", "t/2.png")
    data = open_data(str(tmp_path))
    assert open_data(str(tmp_path)) is data
    picture(tmp_path / "nv" / "2.png")
    assert len(open_data(str(tmp_path))) == len(data) + 1
    path = table(tmp_path / "t" / "t.csv", "image,label\n1,nv\n2,mel\n")
    for named in (path, path.parent):
        assert labels(open_data(str(named)))["1"] == "nv"
    os.utime(table(path, "image,label\n1,mel\n2,nv\n"), ns=(0, time.time_ns() + 10**9))
    for named in (path, path.parent):
        assert labels(open_data(str(named)))["1"] == "mel"


def test_ten_thousand_files_are_indexed_within_two_seconds_and_none_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = ["image,label,split"]
    names = [f"ISIC_{k:07d}" for k in range(10_000)]
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for k, name in enumerate(names):
        (tmp_path / "images" / f"{name}.jpg").write_bytes(b"not read")
        if k % 2:
            (tmp_path / "masks" / f"{name}.png").write_bytes(b"not read")
        rows.append(f"{name},{('nv', 'mel', 'bcc')[k % 3]},{('train', 'test')[k % 2]}")
    table(tmp_path / "labels.csv", "\n".join(rows))

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("an image was opened")

    monkeypatch.setattr("radar_core.data.images.read_file", fail)
    tracemalloc.start()
    data = open_data(str(tmp_path))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data.found == (
        "10,000 images, 3 classes, 2 splits; 5,000 have no mask; labels from labels.csv"
    )
    assert held < 30 * 2**20
    (tmp_path / "images" / "new").mkdir()  # tracing slows: timed again, of a changed folder
    started = time.perf_counter()
    assert len(open_data(str(tmp_path))) == 10_000
    assert time.perf_counter() - started < 10  # of a loaded machine; alone 0.4
