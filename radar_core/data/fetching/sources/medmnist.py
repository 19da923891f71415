"""MedMNIST v2 and its larger sizes (MedMNIST+): eleven sets of small square images.

Addresses, checksums, classes and licences are read from the installed `medmnist` package.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from radar_core.data.arrays import MEMBERS, check_arrays
from radar_core.data.fetching.archive import Damaged, copy, in_words, members, opened
from radar_core.data.fetching.offers import Offer, Remote
from radar_core.errors import BadData
from radar_core.runtime import Progress

INSTALL = "install the package that knows them: .venv/bin/pip install medmnist==3.0.2"
NAMES: tuple[str, ...] = (
    *("pathmnist", "dermamnist", "octmnist", "pneumoniamnist", "retinamnist", "breastmnist"),
    *("bloodmnist", "tissuemnist", "organamnist", "organcmnist", "organsmnist"),
)
SIDES = (28, 64, 128, 224)
CITATION = (
    "Yang et al. 2023, MedMNIST v2, Scientific Data 10, 41, and the source of this set, which "
    "medmnist.com names"
)


def offers() -> Sequence[Offer]:
    """Every set at every size; none where the package is missing."""
    info = _info()
    return tuple(_offer(name, side, info[name]) for name in NAMES if name in info for side in SIDES)


def refused() -> Mapping[str, str]:
    """Sets that are not offered."""
    several = "its images have several labels each, and RADAR reads one"
    if _info():
        return {"chestmnist": several}
    return {"chestmnist": several, **dict.fromkeys((*NAMES, "medmnist"), INSTALL)}


def unpack(name: str, most: int, archives: Path, folder: Path, progress: Progress) -> None:
    """The arrays of an `.npz` file as `.npy` files, which are read an image at a time.

    Raises:
        Damaged: another file than expected.
    """
    with opened(archives / name) as archive:
        found = {info.filename: info for info in members(archive, most)}
        if missing := sorted(set(MEMBERS) - set(found)):
            raise Damaged(name, f"{name} lacks {', '.join(missing)}")
        total, done = sum(found[member].file_size for member in MEMBERS), 0
        for member in MEMBERS:

            def step(member: str = member, done: int = done) -> None:
                progress.step(done / max(total, 1), f"{name}: {member} of {in_words(total)}")

            copy(archive, found[member], folder / member, step)
            done += found[member].file_size
    try:
        check_arrays(folder)
    except BadData as error:
        raise Damaged(name, f"{name} is not of the MedMNIST form: {error}") from None


def _offer(name: str, side: int, info: Mapping[str, Any]) -> Offer:
    suffix = "" if side == 28 else f"_{side}"
    images = sum(info["n_samples"].values())
    raw = images * (side * side * info["n_channels"] + 8) + 10_000
    file = Remote(f"{name}{suffix}.npz", info[f"url{suffix}"], raw, raw, info[f"MD5{suffix}"])
    return Offer(
        id=name,
        side=side,
        title=f"{info['python_class']}, {side} px",
        about=info["description"].replace("\n", " "),
        size=f"at most {in_words(raw)}, and {in_words(raw)} on the disk afterwards",
        images=images,
        classes=tuple(info["label"][str(k)] for k in range(len(info["label"]))),
        licence=info["license"],
        citation=CITATION,
        homepage="https://medmnist.com",
        files=(file,),
        unpack=partial(unpack, file.name, raw * 2),
    )


@lru_cache(maxsize=1)
def _info() -> Mapping[str, Mapping[str, Any]]:
    """What the package says of its sets; empty where it is missing.

    Its table is read, not imported: the import takes torch into memory and makes a folder in the
    home directory.
    """
    found = importlib.util.find_spec("medmnist")
    if found is None or not found.origin:
        return {}
    text = (Path(found.origin).parent / "info.py").read_text(encoding="utf-8")
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "INFO":
            table: Mapping[str, Mapping[str, Any]] = ast.literal_eval(statement.value)
            return table
    return {}
