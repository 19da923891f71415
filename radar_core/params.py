"""Parameters that know their control: a dataclass field carries its range, step, unit and help."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from radar_core.errors import BadParameter


@dataclass(frozen=True)
class Control:
    """How a parameter is asked for, on a page and on the command line.

    `kind` is `int`, `float`, `choice` or `flag`; `low`, `high` and `step` belong to the numbers,
    `options` to the choice, and `titles` says how people read these where an id would not do.
    """

    kind: str
    default: Any
    title: str
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    options: tuple[str, ...] = ()
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)


def field_range(
    default: float,
    low: float,
    high: float,
    *,
    title: str,
    step: float | None = None,
    unit: str = "",
    help: str = "",
) -> Any:
    """A number between `low` and `high`, both included; a whole number where the default is one."""
    kind = "int" if isinstance(default, int) else "float"
    control = Control(kind, default, title, help, unit, low, high, step)
    return dataclasses.field(default=default, metadata={"control": control})


def field_choice(default: str, options: Iterable[str], *, title: str, help: str = "") -> Any:
    """One of a few named options; a mapping says beside each id how people read it."""
    titles = dict(options) if isinstance(options, Mapping) else {}
    control = Control("choice", default, title, help, options=tuple(options), titles=titles)
    return dataclasses.field(default=default, metadata={"control": control})


def field_flag(default: bool, *, title: str, help: str = "") -> Any:
    """Yes or no."""
    return dataclasses.field(
        default=default, metadata={"control": Control("flag", default, title, help)}
    )


def controls(method: type) -> dict[str, Control]:
    """The controls of a registered method, by field name."""
    return {f.name: f.metadata["control"] for f in dataclasses.fields(method)}


def coerce(name: str, control: Control, value: Any) -> Any:
    """`value` as the kind its control asks for.

    Raises:
        BadParameter: not of that kind, not finite, or outside the range.
    """
    if control.kind == "flag":
        text = str(value).strip().lower()
        if text not in ("true", "false", "1", "0", "yes", "no"):
            raise BadParameter(f"{name} is yes or no, not {value!r}")
        return text in ("true", "1", "yes")
    if control.kind == "choice":
        if str(value) not in control.options:
            raise BadParameter(f"{name} is one of {', '.join(control.options)}, not {value!r}")
        return str(value)
    if control.unit == "/255" and isinstance(value, str):
        value = value.removesuffix(control.unit)  # as ε is written elsewhere
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadParameter(f"{name} is a number, not {value!r}") from None
    if not math.isfinite(number) or (control.kind == "int" and number != int(number)):
        raise BadParameter(
            f"{name} is a {'whole' if control.kind == 'int' else 'finite'} number, not {value!r}"
        )
    assert control.low is not None and control.high is not None
    if not control.low <= number <= control.high:
        raise BadParameter(
            f"{name} lies between {control.low:g} and {control.high:g}, not {value!r}"
        )
    return int(number) if control.kind == "int" else number


def build(method: type, values: Mapping[str, Any]) -> Any:
    """An instance of a registered method with every value checked against its control.

    Raises:
        BadParameter: an unknown name, or a value its control refuses.
    """
    known = controls(method)
    if unknown := sorted(set(values) - set(known)):
        has = ", ".join(known) if known else "none"
        raise BadParameter(f"{method.__name__} has no parameter {', '.join(unknown)}; it has {has}")
    return method(**{name: coerce(name, known[name], value) for name, value in values.items()})
