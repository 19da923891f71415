"""What a training is to do and where its files lie; light, so that pages can plan one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from radar_core.data import DataSet
from radar_core.data.parts import counts, with_splits
from radar_core.errors import BadData
from radar_core.training.recipe import Recipe

LOCK, STATE, COURSE = "lock", "state.safetensors", "course.json"  # of the workshop


@dataclass(frozen=True)
class Plan:
    """What is trained, from what, and what its card will say.

    Attributes:
        arch: an architecture of the zoo.
        out: the folder of the model, called as the folder is; or a .safetensors file.
        recipe: how.
        pretrained: `auto`, `none` or a file; see `radar_core.training.start`.
        title, licence, note: for the card. half: weights are stored as float16.
        command: the command that does the same.
        data: what that command calls the data; a training whose data has no name can only be gone
            on with by whoever started it.
    """

    arch: str
    out: Path
    recipe: Recipe = field(default_factory=Recipe)
    pretrained: str = "auto"
    title: str = ""
    licence: str = ""
    note: str = ""
    half: bool = False
    command: str = ""
    data: str = ""

    @property
    def file(self) -> Path:
        """The weights' file."""
        folder = self.out.suffix != ".safetensors"
        return self.out / f"{self.out.name}.safetensors" if folder else self.out

    @property
    def workshop(self) -> Path:
        """The folder of the state, while there is one."""
        return self.file.with_name(f".{self.file.stem}.training")


def split_up(data: DataSet) -> tuple[DataSet, str]:
    """Data with the splits that a training reads, and a sentence on where they come from.

    Raises:
        BadData: a split or a class is missing.
    """
    split, how = with_splits(data)
    classes = split.class_names
    if len(classes) < 2:
        raise BadData(f"{data.name} has {len(classes)} class; training needs two or more")
    found = counts(split.split("train").entries)
    if lacking := [c for c in classes if c not in found]:
        raise BadData(
            f"{data.name} has no training image of {', '.join(lacking)}; "
            "add some, or leave the class out"
        )
    return split, how
