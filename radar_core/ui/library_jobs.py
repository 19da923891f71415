"""What the jobs of the page Library do: fetch a set, look into a model's file, take it in.

No Streamlit here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radar_core.errors import CannotWrite
from radar_core.runtime import Progress
from radar_core.ui.compute import reopen

if TYPE_CHECKING:
    from radar_core.adoption import Adopted, Found
    from radar_core.data.fetching import Offer
    from radar_core.ui.jobs import Steps

# What the commands call an option is a field of the page.
FIELDS = (
    (", or --replace it", ", or remove that one first"),
    ("--classes a,b,…", "the field Class names"),
    ("--classes", "the field Class names"),
    ("--arch", "the field Architecture"),
    ("--size", "the field Image size"),
    (", or from a mirror with --mirror", ", or from a mirror"),
    ("choose another folder with --to", "set another folder with RADAR_FETCHED"),
)


def for_the_page(error: str) -> str:
    """An error's words with the fields of the page in place of a command's options."""
    for option, field in FIELDS:
        error = error.replace(option, field)
    return error


@dataclass(frozen=True, eq=False)
class Delivery:
    """A file of a model: dropped on the page, or lying on this machine.

    Attributes:
        name: as it was called.
        data: what was dropped; None: it lies at `path`.
    """

    name: str
    data: bytes | None = None
    path: Path | None = None

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """A path to it. What was dropped is a file for only so long."""
        if self.data is None:
            assert self.path is not None
            yield self.path
            return
        called = re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).lstrip(".-")[-80:] or "model"
        try:
            folder = tempfile.TemporaryDirectory(prefix="radar-")
        except OSError as error:
            raise _no_room(error) from None
        with folder as place:
            path = Path(place) / called
            try:
                path.write_bytes(self.data)
            except OSError as error:
                raise _no_room(error) from None
            yield path


def _no_room(error: OSError) -> CannotWrite:
    return CannotWrite(
        f"{tempfile.gettempdir()} does not take the file ({error.strerror}); make room there, or "
        "name the file's path instead of dropping it"
    )


@dataclass(frozen=True)
class Chosen:
    """What is said of a model beyond what its file says; None: as guessed."""

    name: str
    class_names: tuple[str, ...]
    architecture: str
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    cam_layer: str
    trained_on: str
    licence: str


def fetch_steps(offer: Offer, mirror: str = "") -> Steps:
    """A set from elsewhere; one step, as long as it takes."""

    def steps(progress: Progress) -> Iterator[Path]:
        from radar_core.data.fetching import fetch

        place = fetch(offer, mirror=mirror, progress=progress)
        reopen()
        yield place

    return steps


def inspection_steps(
    given: Delivery, architecture: str | None = None, input_size: int | None = None
) -> Steps:
    """What a file holds and what can be guessed."""

    def steps(progress: Progress) -> Iterator[Found]:
        from radar_core.adoption import inspect_checkpoint

        progress.step(0.0, "reading the file")
        with given.at_hand() as path:
            found = inspect_checkpoint(
                path, architecture=architecture, input_size=input_size, progress=progress
            )
        yield found

    return steps


def adoption_steps(given: Delivery, found: Found, chosen: Chosen) -> Steps:
    """The file as a model of the list."""

    def steps(progress: Progress) -> Iterator[Adopted]:
        from radar_core.adoption import adopt

        progress.step(0.0, "trying it out")
        # Another size or architecture is another network: it is looked at anew.
        same = chosen.input_size == found.input_size and found.architectures == (
            chosen.architecture,
        )
        program = found.kind in ("torchscript", "export")
        with given.at_hand() as path:
            done = adopt(
                path,
                name=chosen.name,
                class_names=chosen.class_names,
                architecture=None if same or program else chosen.architecture,
                input_size=None if same else chosen.input_size,
                mean=chosen.mean,
                std=chosen.std,
                cam_layer=chosen.cam_layer or "none",
                trained_on=chosen.trained_on or None,
                licence=chosen.licence or None,
                found=replace(found, path=path) if same else None,
                progress=progress,
            )
        yield done

    return steps
