"""What determines the numbers of an experiment: the whole grid, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from radar_core.errors import BadParameter

Kept = Literal["none", "png", "npz"]
# The attributes by how a command line gives them; beside them stand the methods' parameters.
SINGLE = ("data", "split", "images", "chunk", "controls", "seed", "keep")
LISTS = ("models", "attacks", "eps", "explainers")
FLAGS = ("features", "transfer")


@dataclass(frozen=True)
class ExperimentSpec:
    """Models × attacks × ε × explainers × images, and everything else that decides the results.

    Attributes:
        data, split, models: as the command line names them.
        attacks: registered ones; one that seeks the nearest example, or whose strength is a
            parameter of its own, is run once, without ε.
        eps: as `radar_core.epsilon` reads them, for the attacks that keep to a budget.
        explainers: registered ones, or none; the class explained is the one first read.
        images: how many, classes in turn.
        chunk: images a cell. Other chunks are other batches, whose floats may differ in the last
            bits, so it is part of what is kept under.
        controls: benign controls an attacked image, for the noise floor; none with 0.
        seed: of every random draw.
        attack_parameters, explainer_parameters: what differs from the defaults, as (`pgd.steps`,
            40) and (`lime.samples`, 800).
        keep: attacked images and maps kept beside the numbers: `png` pictures, `npz` raw arrays.
        transfer: whether what turns one model is also tried on the others.
        features: whether the model's penultimate features are kept, for the embedding.
    """

    data: str = "phantom"
    split: str | None = None
    models: tuple[str, ...] = ("phantom",)
    attacks: tuple[str, ...] = ("fgsm", "pgd", "deepfool", "cw")
    eps: tuple[str, ...] = ("1/255", "2/255", "4/255", "8/255")
    explainers: tuple[str, ...] = ("gradcam", "shap", "lime")
    images: int = 100
    chunk: int = 4
    controls: int = 4
    seed: int = 0
    attack_parameters: tuple[tuple[str, Any], ...] = ()
    explainer_parameters: tuple[tuple[str, Any], ...] = ()
    keep: Kept = "none"
    features: bool = False
    transfer: bool = False

    def key(self) -> str:
        """Content hash of the specification."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()[:24]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dict(json.loads(json.dumps(asdict(self))))

    def parameters_of(self, method: str) -> dict[str, Any]:
        """The parameters of one attack or explainer that differ from its defaults."""
        named = (
            (*name.partition("."), value)
            for name, value in (*self.attack_parameters, *self.explainer_parameters)
        )
        return {name: value for id, _, name, value in named if id == method}

    def frames(self, attack: str) -> tuple[str, ...]:
        """The ε an attack is run at, in rising order; `own` where it is given none."""
        from radar_core.attacks import ATTACKS
        from radar_core.epsilon import parse_grid

        method = ATTACKS.create(attack, **self.parameters_of(attack))
        if method.placing != "budget":
            return ("own",)
        return tuple(eps.text for eps in parse_grid(self.eps, method.norm))


def read_spec(found: Mapping[str, Any]) -> ExperimentSpec:
    """A specification from its plain values.

    Raises:
        BadParameter: a name that this version does not know, or a value of another kind.
    """
    known = {field.name for field in fields(ExperimentSpec)}
    if unknown := sorted(set(found) - known):
        raise BadParameter(f"this version of RADAR knows no {', '.join(unknown)} of an experiment")
    values: dict[str, Any] = {
        name: tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if isinstance(value, list)
        else value
        for name, value in found.items()
    }
    usual = asdict(ExperimentSpec()) | {"split": ""}
    for name, value in values.items():
        if type(value) is not type(usual[name]) and (name, value) != ("split", None):
            raise BadParameter(f"{name} of an experiment cannot be {value!r}")
    return ExperimentSpec(**values)


def check(spec: ExperimentSpec) -> None:
    """Refuse a grid before anything is computed.

    Raises:
        UnknownMethod, BadParameter: an empty grid, or a method, parameter, ε or number that cannot
            be.
    """
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    for what in ("models", "attacks"):
        values = getattr(spec, what)
        if not values:
            raise BadParameter(f"an experiment needs at least one of {what}; this grid is empty")
        if len(set(values)) < len(values):
            raise BadParameter(f"each of {what} is named once; {', '.join(values)} repeats one")
    for name, low, high in (("images", 1, 10**6), ("chunk", 1, 256), ("controls", 0, 100)):
        if not low <= getattr(spec, name) <= high:
            raise BadParameter(
                f"{name} lies between {low:,} and {high:,}, not {getattr(spec, name)}"
            )
    if not 0 <= spec.seed < 2**31:
        raise BadParameter(f"seed is a whole number from 0 to 2147483647, not {spec.seed}")
    if spec.transfer and len(spec.models) < 2:
        raise BadParameter("transfer is from one model to others; name two models or more")
    if spec.keep not in get_args(Kept):
        raise BadParameter(f"keep is one of {', '.join(get_args(Kept))}, not {spec.keep!r}")
    for id in spec.attacks:
        method = ATTACKS.create(id, **spec.parameters_of(id))
        if method.placing == "budget" and not spec.eps:
            raise BadParameter(f"{method.title} needs an ε: give --eps 1/255,4/255")
        spec.frames(id)
    for id in spec.explainers:
        EXPLAINERS.create(id, **spec.parameters_of(id))
    _check_named("attack", spec.attack_parameters, spec.attacks)
    _check_named("explainer", spec.explainer_parameters, spec.explainers)


def _check_named(kind: str, given: tuple[tuple[str, Any], ...], used: tuple[str, ...]) -> None:
    for name, _ in given:
        id, _, parameter = name.partition(".")
        if id not in used or not parameter:
            raise BadParameter(
                f"a parameter is written ID.NAME, of an {kind} of the grid "
                f"({', '.join(used) or 'it has none'}), not {name!r}"
            )
