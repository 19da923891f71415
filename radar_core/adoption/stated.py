"""What a person says of a model, as it is typed, and what was found, as rows to be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.adoption.found import Found


def class_list(text: str) -> tuple[str, ...]:
    """Class names that are typed with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def three_numbers(what: str, text: str | None) -> tuple[float, ...] | None:
    """A value a channel, typed with commas; None where nothing is typed.

    Args:
        what: the option or field, for the error.

    Raises:
        BadParameter: anything else than three numbers.
    """
    if not text:
        return None
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3:
        raise BadParameter(f"{what} is three numbers with commas, not {text!r}")
    return values


def numbers(values: Sequence[float]) -> str:
    """Values a channel as they are typed."""
    return ", ".join(f"{value:.4g}" for value in values)


def classes_wanted(found: Found) -> str:
    """Which class names are asked for."""
    count = max(found.outputs, 2)
    order = "the negative one first" if found.outputs == 1 else "in the order of the logits"
    return f"{count} class names, {order}"


def rows(
    found: Found,
    class_names: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    cam_layer: str | None = None,
) -> list[tuple[str, str, str]]:
    """What it is, its value and where that comes from; what is given goes before what was found."""
    yours, sources = "as you say", found.sources
    output = f"{found.outputs} logit{'s' if found.outputs != 1 else ''}"
    if found.head:
        output += f" from {found.head.at}: {', '.join(found.head.layers)}"
    names = class_names or found.class_names
    return [
        ("architecture", " or ".join(found.architectures), sources["architecture"]),
        ("output", output, ""),
        (
            "class names",
            ", ".join(names) or "?",
            yours if class_names else sources["class_names"] or "to be told",
        ),
        ("image size", f"{found.input_size} px", sources["input_size"]),
        ("mean", numbers(mean or found.mean), yours if mean else sources["mean"]),
        ("deviation", numbers(std or found.std), yours if std else sources["mean"]),
        (
            "Grad-CAM",
            cam_layer or found.cam_layer or "no layer",
            yours if cam_layer else sources["cam_layer"],
        ),
    ]
