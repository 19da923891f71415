"""ISIC 2018 Task 3: seven kinds of skin lesions under the dermatoscope (HAM10000 and more)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from radar_core.data.fetching.archive import Damaged, copy, members, opened
from radar_core.data.fetching.offers import Offer, Remote
from radar_core.runtime import Progress

BASE = "https://isic-archive.s3.amazonaws.com/challenges/2018/"
SPLITS = {"Training": "train", "Validation": "val", "Test": "test"}
GROUPS = "ISIC2018_Task3_Training_LesionGroupings.csv"
CLASSES = ("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc")
MOST_LABELS = 20 * 2**20

# Rounded: the publisher gives no exact sizes and no checksums.
_IMAGES = {"Training": 2_800_000_000, "Validation": 55_000_000, "Test": 420_000_000}


def offers() -> Sequence[Offer]:
    """The set, all three splits."""
    return (
        Offer(
            id="isic2018",
            side=0,
            title="ISIC 2018 Task 3",
            about="Dermoscopic images of skin lesions, 600×450, in the challenge's own splits; "
            "images of one lesion are named as a group in the training split alone.",
            size="about 3.3 GB, and as much again while it is unpacked",
            images=10_015 + 193 + 1_512,
            classes=CLASSES,
            licence="CC BY-NC 4.0 (not for commercial use)",
            citation="Codella et al. 2019, arXiv:1902.03368; Tschandl, Rosendahl and Kittler "
            "2018, The HAM10000 dataset, Scientific Data 5, 180161",
            homepage="https://challenge.isic-archive.com/data/#2018",
            files=tuple(_files()),
            unpack=unpack,
        ),
    )


def unpack(archives: Path, folder: Path, progress: Progress) -> None:
    """`images/` and a `labels.csv` (image, label, split, group) of the challenge's files.

    Raises:
        Damaged: an archive that cannot be used.
    """
    images = folder / "images"
    images.mkdir()
    groups = _groups(archives / GROUPS)
    rows: list[tuple[str, str, str, str]] = []
    for number, (title, split) in enumerate(SPLITS.items()):
        labels = _labels(archives / _labels_name(title))
        rows += [(image, label, split, groups.get(image, "")) for image, label in labels]
        part = progress.part(number / len(SPLITS), (number + 1) / len(SPLITS))
        _extract(archives / _images_name(title), 2 * _IMAGES[title], images, folder, part)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("image", "label", "split", "group"))
        table.writerows(rows)


def _files() -> list[Remote]:
    found = [Remote(GROUPS, BASE + GROUPS, 500_000)]
    for title in SPLITS:
        labels, images = _labels_name(title), _images_name(title)
        found.append(Remote(labels, BASE + labels, 50_000))
        found.append(Remote(images, BASE + images, _IMAGES[title], _IMAGES[title]))
    return found


def _labels_name(title: str) -> str:
    return f"ISIC2018_Task3_{title}_GroundTruth.zip"


def _images_name(title: str) -> str:
    return f"ISIC2018_Task3_{title}_Input.zip"


def _extract(path: Path, most: int, images: Path, folder: Path, progress: Progress) -> None:
    """The images of an archive, side by side, and its licence."""
    with opened(path) as archive:
        found = members(archive, most)
        for number, info in enumerate(found):
            name = info.filename.rpartition("/")[2]
            if name.startswith("."):
                continue
            said = f"{path.name}: {number + 1:,} of {len(found):,} unpacked"
            if name.lower().endswith((".jpg", ".jpeg")):
                share = (number + 1) / len(found)
                copy(archive, info, images / name, lambda s=share, t=said: progress.step(s, t))  # type: ignore[misc]
            elif name in ("LICENSE.txt", "ATTRIBUTION.txt"):
                copy(archive, info, folder / name, lambda: None)


def _labels(path: Path) -> list[tuple[str, str]]:
    """Image and label of a split; an image that is not of exactly one class is left out."""
    with opened(path) as archive:
        names = {i.filename.rpartition("/")[2]: i for i in members(archive, MOST_LABELS)}
        found = [i for n, i in names.items() if n.endswith(".csv") and not n.startswith(".")]
        if len(found) != 1:
            raise Damaged(path.name, f"{path.name} holds {len(found)} CSV files, and 1 is expected")
        rows = _rows(archive.read(found[0]), path.name)
    labelled = []
    for row in rows:
        ones = [name for name in CLASSES if row.get(name.upper(), "").strip() in ("1", "1.0")]
        if len(ones) == 1:
            labelled.append((row.get("image", ""), ones[0]))
    if not labelled:
        raise Damaged(path.name, f"{path.name} has no row with an image of one of the classes")
    return labelled


def _groups(path: Path) -> dict[str, str]:
    """Image → lesion, of the training split."""
    if path.stat().st_size > MOST_LABELS:
        raise Damaged(path.name, f"{path.name} is far larger than expected")
    rows = _rows(path.read_bytes(), path.name)
    found = {row.get("image", ""): row.get("lesion_id", "") for row in rows}
    if not any(found.values()):
        raise Damaged(path.name, f"{path.name} names no lesion_id")
    return found


def _rows(content: bytes, name: str) -> list[dict[str, str]]:
    try:
        text = content.decode("utf-8-sig")
        return [
            {str(k): str(v or "") for k, v in row.items()}
            for row in csv.DictReader(io.StringIO(text, newline=""))
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Damaged(name, f"{name} is no CSV file in UTF-8 ({error})") from None
