"""The attacked images of an experiment as a data set that others can use: pictures, table, card.

    README.md       the card: what was done to which images, with what, and what they are not for
    images.csv      a row a picture: file, class, attack, ε, distances, readings
    <model>/clean/<class>/<image>.png           lossless, as the model sees it
    <model>/<attack>/<ε>/<class>/<image>.png    attacked, rounded to 8 bits
    <model>/<attack>/<ε>/images.npz             the same, exact, where the run kept raw arrays

A folder of classes is what `torchvision.datasets.ImageFolder` and our own `--data` read.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radar_core.errors import BadModel, BadParameter, CannotWrite
from radar_core.experiments.keeping import safe
from radar_core.experiments.store import ExperimentStore
from radar_core.writing import write_all, write_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

    from radar_core.models.classifier import Classifier
    from radar_core.runtime import Progress

UNLABELLED = "unlabelled"
COLUMNS = (
    *("file", "image", "label", "model", "attack", "eps", "norm", "linf", "l2", "status"),
    *("first", "first_probability", "reads", "probability", "reads_rounded"),
)
BATCH = 16


@dataclass
class Adversaries:
    """What was exported.

    Attributes:
        rows: those of `images.csv`. lost: outcomes whose picture is not there.
        unread: sentences: models that could not read the rounded pictures, and why.
    """

    folder: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    lost: int = 0
    unread: list[str] = field(default_factory=list)


def export_set(folder: Path, out: Path, progress: Progress | None = None) -> Adversaries:
    """Write the attacked images of an experiment as a data set.

    Rounding to 8 bits moves a picture by up to 1/510, which can undo an attack or make one, so
    each model reads its rounded pictures again: `reads_rounded`.

    Args:
        folder: of an experiment that kept images (`--keep png` or `npz`).
        out: a new or empty folder; it comes to be there whole, or not at all.

    Raises:
        BadParameter: no experiment, one that kept no images, or `out` is in use.
        CannotWrite: no room, or no permission.
        Cancelled: the user stopped it.
    """
    from radar_core.runtime import Progress

    progress = progress or Progress()
    store = ExperimentStore(folder)
    spec, manifest = store.spec(), store.manifest()
    assert manifest is not None
    if spec.keep == "none":
        raise BadParameter(
            f"{folder} kept no images; --resume --keep png (or npz) computes them, then export"
        )
    if out.is_dir() and any(out.iterdir()):
        raise BadParameter(f"{out} is not empty; name a new folder for the images")
    outcomes = store.rows(store.wanted(), kinds=("outcome",))
    if not len(outcomes):
        raise BadParameter(f"{folder} has no results yet; finish it with --resume first")
    out = out.absolute()  # a dot has no name
    part = out.with_name(f".{out.name}.part")
    made = Adversaries(part)
    try:
        shutil.rmtree(part, ignore_errors=True)  # of one that was killed
        frames = list(_frames(outcomes))
        for number, (model, attack, eps, rows) in enumerate(frames):
            here = progress.part(0.9 * number / len(frames), 0.9 * (number + 1) / len(frames))
            _Frame(folder, made, model, attack, eps, here).write(rows, exact=spec.keep == "npz")
        for number, (model, sha256) in enumerate(manifest["models"].items()):
            count = len(manifest["models"])
            here = progress.part(0.9 + 0.1 * number / count, 0.9 + 0.1 * (number + 1) / count)
            _read_again(made, model, sha256, here)
        write_all(
            {
                part / "images.csv": _csv(made.rows),
                part / "README.md": _card(made, manifest).encode(),
            }
        )
        progress.step(1.0, "written")
        out.mkdir(parents=True, exist_ok=True)  # it may be where the user stands: it stays
        for child in part.iterdir():
            child.rename(out / child.name)
    except OSError as error:
        if isinstance(error, CannotWrite):
            raise
        raise CannotWrite(f"{out} cannot be written to ({error.strerror or error})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    made.folder = out
    return made


def _frames(outcomes: DataFrame) -> Iterator[tuple[str, str, str, DataFrame]]:
    """The model, attack and ε of every frame, with its outcomes."""
    keys = ["model", "attack", "eps"]
    for (model, attack, eps), rows in outcomes.groupby(keys, sort=False, observed=True):
        yield str(model), str(attack), str(eps), rows


@dataclass
class _Frame:
    """One model, attack and ε."""

    folder: Path
    made: Adversaries
    model: str
    attack: str
    eps: str
    progress: Progress

    def write(self, rows: DataFrame, *, exact: bool) -> None:
        """Write the pictures of all images that are kept, and what is exact of them."""
        found = [row for row in rows.to_dict("records") if self._source(row["image"]) is not None]
        self.made.lost += len(rows) - len(found)
        stack = None
        for number, row in enumerate(found):
            self.progress.step(number / len(found), f"{Path(self.model).stem}, {self.attack}")
            image = self._pixels(row["image"], safe(self.eps))
            file = self._put(row, image, safe(self.attack), _named(self.eps))
            clean = self._pixels(row["image"], "clean")
            self._put(row, clean, "clean")
            if exact:
                stack = stack or _Stack(self._place(safe(self.attack), _named(self.eps)), image)
                stack.add(row["image"], image)
            self.made.rows.append({**{n: row.get(n) for n in COLUMNS}, "file": file})
        if stack is not None:
            stack.close()

    def _place(self, *names: str) -> Path:
        return self.made.folder.joinpath(safe(self.model), *names)

    def _source(self, image: str) -> Path | None:
        """Where the kept arrays of an image are."""
        where = self.folder / "arrays" / safe(self.model) / safe(self.attack) / safe(image)
        for path in (where / "images.npz", where / f"{safe(self.eps)}.png"):
            if path.is_file():
                return path
        return None

    def _pixels(self, image: str, name: str) -> NDArray[Any]:
        """One kept image: raw (3, s, s) in [0, 1], or (s, s, 3) 8-bit pixels of a picture."""
        from PIL import Image

        path = self._source(image)
        assert path is not None
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                return np.asarray(arrays[name])
        with Image.open(path.with_name(f"{name}.png")) as picture:
            return np.asarray(picture)

    def _put(self, row: Mapping[str, Any], image: NDArray[Any], *names: str) -> str:
        """Write a picture into the folder of its class, unless it is there; its name."""
        from radar_core.pictures import to_pixels
        from radar_core.view.blob import png

        label = str(row["label"]) or UNLABELLED
        path = self._place(*names, safe(label), f"{safe(str(row['image']))}.png")
        if not path.is_file():
            write_whole(path, png(image if image.dtype == np.uint8 else to_pixels(image)))
        return path.relative_to(self.made.folder).as_posix()


def _named(eps: str) -> str:
    """An ε as the name of a folder: `4_255`, `normalised-0.01`, `own`."""
    return safe(eps.replace("/", "_").replace(":", "-"))


class _Stack:
    """Images as they come, as one array of an NPZ that is never whole in memory."""

    def __init__(self, place: Path, like: NDArray[Any]) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._raw, self._file = place / ".images.part", place / "images.npz"
        self._shape, self._names = like.shape, list[str]()
        self._out = self._raw.open("wb")

    def add(self, name: str, image: NDArray[Any]) -> None:
        """Enter one more."""
        self._names.append(name)
        self._out.write(np.ascontiguousarray(image, dtype="<f4").tobytes())

    def close(self) -> None:
        """Put the file together: `images` (n, 3, s, s) float32 and `names` (n)."""
        self._out.close()
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(self._names), *self._shape)}
        with zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
            with file.open("images.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                with self._raw.open("rb") as raw:
                    while part := raw.read(1 << 22):
                        member.write(part)
            with file.open("names.npy", "w") as member:
                np.lib.format.write_array(member, np.array(self._names), allow_pickle=False)
        self._raw.unlink()


def _read_again(made: Adversaries, name: str, sha256: str, progress: Progress) -> None:
    """Let a model read its rounded pictures, as they are in the files."""
    import torch

    from radar_core.experiments.work import Bench

    rows = [row for row in made.rows if row["model"] == name]
    try:
        model = Bench().model(name, sha256)
    except BadModel as error:
        made.unread.append(str(error))
        return
    for start in range(0, len(rows), BATCH):
        progress.step(start / len(rows), f"{Path(name).stem} reads them again")
        batch = rows[start : start + BATCH]
        images = [_loaded(made.folder / row["file"]) for row in batch]
        readings = _readings(model, torch.from_numpy(np.stack(images)))
        for row, reading in zip(batch, readings, strict=True):
            row["reads_rounded"] = reading


def _loaded(path: Path) -> NDArray[np.float32]:
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)


def _readings(model: Classifier, images: Any) -> Sequence[str]:
    return [reading.label for reading in model.read(images.to(model.device))]


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    import pandas as pd

    said: str = pd.DataFrame(list(rows), columns=list(COLUMNS)).to_csv(index=False)
    return said.encode()


def _card(made: Adversaries, manifest: Mapping[str, Any]) -> str:
    """The card, as the README of a data set."""
    import pandas as pd

    from radar_core.experiments.words import frame_title

    spec = manifest["spec"]
    rows = pd.DataFrame(made.rows, columns=list(COLUMNS))
    lines = []
    for (model, attack, eps), group in rows.groupby(["model", "attack", "eps"], sort=False):
        tried = group[group.status != "already wrong"]
        turned = int((tried.status == "flipped").sum())
        still = int((tried.reads_rounded != tried["first"]).sum())
        after = "not read again" if tried.reads_rounded.isna().all() else f"{still}"
        lines.append(
            f"| {Path(str(model)).stem} | {frame_title(str(attack), str(eps))} | {len(group)} "
            f"| {len(tried)} | {turned} | {after} |"
        )
    models = "\n".join(
        f"- {Path(name).stem}, sha256 {sha256}" for name, sha256 in manifest["models"].items()
    )
    given = ", ".join(f"{name} = {value}" for name, value in spec["attack_parameters"])
    more = f" Parameters: {given}." if given else ""
    lost = f"\nOutcomes without a picture here: {made.lost}.\n" if made.lost else ""
    unread = "".join(f"\nRounded pictures were not read again: {said}\n" for said in made.unread)
    table = "\n".join(lines)
    data = Path(str(spec["data"])).name
    return f"""# Adversarial images of {data}

{len(rows)} attacked pictures of {rows.image.nunique()} images, made with RADAR to mislead the
models below. Research material, not a medical device: the folder names the true class, and the
picture is made so that a model reads another.

They derive from the images of {data} and are under the licence and conditions of those.

| model | attack | pictures | read right before | turned | not read as before, after rounding |
| --- | --- | --- | --- | --- | --- |
{table}
{lost}{unread}
Models:

{models}

Seed {spec["seed"]}.{more} {manifest["versions"]}

    {manifest.get("command", "")}

- `images.csv`: a row a picture. `status`: *flipped*, *held*, *no-op* (nothing was changed),
  *already wrong* (read wrong before). `first`, `reads`: the readings of the clean and of the exact
  attacked image; `reads_rounded`: of the picture in the file. `linf`, `l2`: distances of the exact
  images, pixels in [0, 1].
- PNG is lossless, but has 8 bits: a picture is up to 1/510 from the exact image.
- `images.npz`, where there is one: `images` (n, 3, s, s) float32 in [0, 1], exact, and `names` (n).

```python
from torchvision.datasets import ImageFolder
attacked = ImageFolder("{_example(rows)}")
```

The settings of the whole run:

```json
{json.dumps(spec, indent=2, ensure_ascii=False)}
```
"""


def _example(rows: DataFrame) -> str:
    return str(Path(str(rows.file.iloc[0])).parent.parent.as_posix()) if len(rows) else ""
