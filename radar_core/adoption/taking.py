"""Taking a file into the list of models: tried out, written whole, read back and compared."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radar_core.adoption.found import Found, inspect_checkpoint
from radar_core.adoption.trial import try_out
from radar_core.errors import BadModel, BadParameter
from radar_core.models import list_models, load_model, save_model
from radar_core.models.classifier import Classifier
from radar_core.models.own import checked_name
from radar_core.models.programs import PROGRAMS
from radar_core.models.store import SUFFIXES, write_model
from radar_core.runtime import Progress
from radar_core.settings import settings


@dataclass(frozen=True)
class Adopted:
    """A model that was taken in.

    Attributes:
        path: of its weights or program; the card lies beside.
        difference: the largest between its logits before it was written and after it was read
            back, on fixed images; 0 where nothing was lost.
    """

    path: Path
    difference: float


def adopt(
    path: str | Path,
    *,
    name: str,
    class_names: Sequence[str] | None = None,
    architecture: str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    input_size: int | None = None,
    cam_layer: str | None = None,
    trained_on: str | None = None,
    licence: str | None = None,
    title: str | None = None,
    out: str | Path | None = None,
    replace: bool = False,
    found: Found | None = None,
    progress: Progress | None = None,
) -> Adopted:
    """Write a file from elsewhere as a model that pages and commands find.

    Args:
        path: see `inspect_checkpoint`.
        name: of letters, digits, `-` and `_`.
        class_names: in the order of the logits; None: those in the file.
        architecture, mean, std, input_size, cam_layer: None: as guessed; layer "none": none.
        trained_on, licence, title: for the card.
        out: a folder; None: the first folder of models.
        replace: write over a model of that name.
        found: what `inspect_checkpoint` gave for this file, so that it is not looked at again;
            what else is given here goes before what was found.
        progress: see `inspect_checkpoint`.

    Raises:
        MissingWeights, BadModel: see `inspect_checkpoint` and `try_out`; class names that do not
            fit; an architecture that cannot be told.
        BadParameter: no name for a model, or one that is taken.
        CannotWrite: no room or no permission; what was there is untouched.
    """
    folder = Path(out).expanduser() if out is not None else settings().trained_path
    _check_name(name, folder, replace)
    known = found
    if known is None or architecture not in (None, known.architecture):
        known = inspect_checkpoint(
            path, architecture=architecture, input_size=input_size, progress=progress
        )
    if architecture is None and len(known.architectures) > 1:
        raise BadModel(
            f"{known.path.name} fits {', '.join(known.architectures)}, which read images "
            "differently; say which with --arch"
        )
    model = _classifier(known, name, class_names, mean, std, cam_layer, input_size)
    before = try_out(model)
    target = folder / f"{name}{_suffix(known)}"
    card = _card(known, title or name, trained_on, licence)
    if known.kind in PROGRAMS:
        write_model(model, target, card, known.path.read_bytes())
    else:
        save_model(model, target, card)
    for suffix in SUFFIXES:  # a replaced model of another kind
        if suffix != target.suffix:
            with contextlib.suppress(OSError):
                (folder / f"{name}{suffix}").unlink()
    after = try_out(load_model(target))
    difference = float((before.cpu() - after.cpu()).abs().max())
    if difference > 1e-3 * max(1.0, float(before.abs().max())):
        raise BadModel(
            f"{target} does not give the logits of {known.path.name} (they differ by "
            f"{difference:.2g}); do not use it, and report this"
        )
    return Adopted(target, difference)


def _check_name(name: str, folder: Path, replace: bool) -> None:
    checked_name(name)
    taken = {info.name: info.path for info in list_models()}
    own = folder / f"{name}.json"
    if name in taken and taken[name].resolve() != own.resolve():
        raise BadParameter(f"there is a model called {name} at {taken[name]}; choose another name")
    if own.exists() and not replace:
        raise BadParameter(f"there is a model called {name}; choose another name, or --replace it")


def _classifier(
    found: Found,
    name: str,
    class_names: Sequence[str] | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    cam_layer: str | None,
    input_size: int | None,
) -> Classifier:
    from radar_core.runtime import device

    names = tuple(class_names) if class_names is not None else found.class_names
    wanted = max(found.outputs, 2)
    if len(names) != wanted:
        rule = "two class names, the negative first" if found.outputs == 1 else "one each"
        given = f"{len(names)} class names ({', '.join(names)})" if names else "no class names"
        plural = "s" if found.outputs != 1 else ""
        raise BadModel(
            f"{found.path.name} gives {found.outputs} logit{plural}, which wants {rule}; got "
            f"{given}; name them in the order of the logits with --classes a,b,…"
        )
    layer = found.cam_layer if cam_layer is None else "" if cam_layer == "none" else cam_layer
    return Classifier(
        found.module.to(device()),
        names,
        mean=mean if mean is not None else found.mean,
        std=std if std is not None else found.std,
        cam_layer=layer,
        input_size=input_size or found.input_size,
        name=name,
    )


def _suffix(found: Found) -> str:
    return PROGRAMS[found.kind].suffix if found.kind in PROGRAMS else ".safetensors"


def _card(found: Found, title: str, trained_on: str | None, licence: str | None) -> dict[str, Any]:
    card: dict[str, Any] = {
        "title": title,
        "architecture": found.architecture,
        "outputs": found.outputs,
        "adopted": {"file": found.path.name, "notes": list(found.notes)},
    }
    if found.head is not None:
        card["head"] = found.head.as_dict()
    if trained_on:
        card["trained_on"] = trained_on
    if licence:
        card["licence"] = licence
    return card
