"""Fetch a set: files brought, unpacked beside, tried, and put in place in one step."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from radar_core.data.fetching.archive import Damaged
from radar_core.data.fetching.download import (
    Brought,
    begun,
    bring,
    check_room,
    discard,
    is_ours,
    written,
)
from radar_core.data.fetching.fetched import SOURCE
from radar_core.data.fetching.offers import Offer
from radar_core.errors import CannotWrite, NotFetched
from radar_core.runtime import Progress
from radar_core.settings import settings
from radar_core.writing import write_whole

DOWNLOADS = "downloads"  # below the folder of fetched sets; files may be placed here by hand
UNPACKING = 0.1  # the share of unpacking in the progress


def fetch(
    offer: Offer,
    root: Path | None = None,
    *,
    mirror: str = "",
    progress: Progress | None = None,
) -> Path:
    """Bring a set; the folder it lies in then, which `open_data` opens by path and by name.

    What was there before stays until the new set is whole. Files that were placed in
    `root/downloads/NAME/` are used and left there; what is downloaded is removed once unpacked,
    and kept where it stops before.

    Args:
        root: the folder of fetched sets; that of the settings.
        mirror: an address under which the files lie by name.
        progress: told the share that is done, with bytes, rate and time left; may stop it.

    Raises:
        NotFetched: no network, a file that is not there or damaged, or no such set in it.
        CannotWrite: no room, no permission, or another process fetches the same set.
        Cancelled: the watcher asked to stop.
    """
    root = (settings().fetched_path if root is None else root).expanduser().absolute()
    progress = progress or Progress()
    folder = downloads_of(offer, root)
    with written(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0.2)  # a page that looks holds it for a moment
    try:
        with lock:
            return _fetch(offer, root, folder, mirror, progress)
    except Timeout:
        raise CannotWrite(
            f"{offer.name} is being fetched by another process; wait for it, or stop it"
        ) from None


def downloads_of(offer: Offer, root: Path | None = None) -> Path:
    """Where a set's files come to lie, and may be placed by hand."""
    return (settings().fetched_path if root is None else root) / DOWNLOADS / offer.name


def is_running(offer: Offer, root: Path | None = None) -> bool:
    """Whether some process fetches the set now."""
    lock = downloads_of(offer, root) / ".lock"
    if not lock.is_file():
        return False
    try:
        with FileLock(lock, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def already(offer: Offer, root: Path | None = None) -> int:
    """Bytes of a set's files that are there, from an earlier try or by hand."""
    folder = downloads_of(offer, root)
    return sum(begun(remote, folder) for remote in offer.files)


def by_hand(offer: Offer, root: Path | None = None) -> str:
    """How to get a set without a network here: which files go where."""
    addresses = ", ".join(f"{remote.name} from {remote.url}" for remote in offer.files)
    noun = "this file" if len(offer.files) == 1 else f"these {len(offer.files)} files"
    return (
        f"without a network here, bring {noun} from elsewhere into "
        f"{downloads_of(offer, root).expanduser().absolute()} and run the same command again: "
        f"{addresses}"
    )


def _fetch(offer: Offer, root: Path, folder: Path, mirror: str, progress: Progress) -> Path:
    building, place = root / f".{offer.name}.unpacking", root / offer.name
    with written(place):
        _bring_back(place)
    brought = _bring_all(offer, folder, mirror, progress.part(0, 1 - UNPACKING))
    try:
        with written(place):
            shutil.rmtree(building, ignore_errors=True)
            check_room(root, sum(remote.unpacked for remote in offer.files))
            building.mkdir()
            offer.unpack(folder, building, progress.part(1 - UNPACKING, 1))
            write_whole(building / SOURCE, _source(offer, brought, mirror))
            _try(building)
            _swap(building, place)
    except Damaged as error:
        _throw_away(offer, folder, error)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    for file in brought:
        if file.ours:
            discard(file.remote, folder)
    progress.step(1, f"{offer.title} is in {place}")
    return place


def _bring_all(offer: Offer, folder: Path, mirror: str, progress: Progress) -> list[Brought]:
    sizes = [max(remote.bytes, 1) for remote in offer.files]
    brought, done = [], 0
    for remote, size in zip(offer.files, sizes, strict=True):
        part = progress.part(done / sum(sizes), (done + size) / sum(sizes))
        brought.append(bring(remote, folder, mirror=mirror, progress=part))
        done += size
    return brought


def _try(building: Path) -> None:
    """Open what was unpacked: a set that cannot be used does not take the place of an old one."""
    from radar_core.data.opening import open_path

    try:
        open_path(str(building))
    except ValueError as error:  # BadData
        raise Damaged("", f"what was unpacked cannot be used: {error}") from None


def _swap(building: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    if place.exists():
        shutil.rmtree(old, ignore_errors=True)
        place.rename(old)
    try:
        building.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _bring_back(place: Path) -> None:
    """The old set, where a kill came between its going and the new one's coming."""
    old = place.with_name(f".{place.name}.old")
    if old.exists() and not place.exists():
        old.rename(place)


def _throw_away(offer: Offer, folder: Path, error: Damaged) -> None:
    """What is damaged is thrown away if it was downloaded; other files stay for the next time."""
    guilty = [remote for remote in offer.files if remote.name == error.file]
    ours = [remote for remote in guilty if is_ours(remote, folder)]
    for remote in ours:
        discard(remote, folder)
    what = f"what was brought is kept in {folder}; take it away to have it fetched anew"
    if ours:
        what = "it was thrown away; try again later, or from a mirror with --mirror"
    elif guilty:
        what = f"put the right file into {folder}"
    raise NotFetched(f"{error}; {what}") from None


def _source(offer: Offer, brought: Sequence[Brought], mirror: str) -> bytes:
    """What `source.json` says."""
    said = {
        "format": 1,
        "name": offer.name,
        "title": offer.title,
        "about": offer.about,
        "classes": list(offer.classes),
        "licence": offer.licence,
        "citation": offer.citation,
        "homepage": offer.homepage,
        "mirror": mirror or None,
        "fetched": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "files": [
            {
                "name": file.remote.name,
                "url": file.remote.url,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "checked": "MD5 as published" if file.remote.md5 else "no published checksum",
            }
            for file in brought
        ],
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
