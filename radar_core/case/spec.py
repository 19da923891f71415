"""What determines the numbers of a case."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.attacks import Attack

Target = Literal["clean", "attacked", "label"]
TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "clean": "what the model first read",
        "attacked": "what it reads after the attack",
        "label": "the true label",
    }
)


@dataclass(frozen=True)
class CaseSpec:
    """Everything that determines the numbers of a case, as plain values.

    Attributes:
        data: `phantom`, a path, or `upload`.
        image: an id of that data set, or the sha256 of an upload.
        model: a model's name or file.
        attack, attack_parameters: a registered attack and what differs from its defaults.
        eps: as `radar_core.epsilon` reads it.
        towards: the class that the attack is to reach; empty: any other than the first reading.
        explainers: registered explainers, in the order they are computed.
        explainer_parameters: what differs from their defaults, as (`lime.superpixels`, 80).
        target: whose class is explained: see `TARGETS`.
        seed: of every random draw.
    """

    data: str = "phantom"
    image: str = "0"
    model: str = "phantom"
    attack: str = "pgd"
    eps: str = "4/255"
    attack_parameters: tuple[tuple[str, Any], ...] = ()
    towards: str = ""
    explainers: tuple[str, ...] = ("gradcam", "shap", "lime")
    target: Target = "clean"
    seed: int = 0
    explainer_parameters: tuple[tuple[str, Any], ...] = ()

    def key(self) -> str:
        """Content hash of the specification."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]

    def command(self) -> str:
        """The equivalent command line."""
        return shlex.join([*self._words("case"), "--json"])

    def curve_command(self) -> str:
        """The command line that gives the case at every ε."""
        return shlex.join([*self._words("curve"), "--json"])

    def floor_command(self) -> str:
        """The command line that gives the noise floor of the case."""
        return shlex.join([*self._words("floor"), "--json"])

    def defend_command(self) -> str:
        """The command line that tells what cheap defences would have made of the case."""
        return shlex.join([*self._words("defend"), "--json"])

    def report_command(self, *, floor: bool = True, curve: bool = True) -> str:
        """The command line that writes the report of the case."""
        left_out = ["--no-floor"] * (not floor) + ["--no-curve"] * (not curve)
        return shlex.join([*self._words("report"), *left_out, "--out", "report"])

    def _words(self, command: str) -> list[str]:
        image = "FILE" if self.data == "upload" else self.image
        words = ["python", "-m", "radar_core", command]
        if self.data != "upload":
            words += ["--data", self.data]
        words += ["--image", image, "--model", self.model, "--attack", self.attack]
        for name, value in self.attack_parameters:
            words += ["--param", f"{name}={value}"]
        if self.towards:
            words += ["--towards", self.towards]
        words += ["--eps", self.eps, "--explain", ",".join(self.explainers) or "none"]
        for name, value in self.explainer_parameters:
            words += ["--explain-param", f"{name}={value}"]
        return [*words, "--target", self.target, "--seed", str(self.seed)]

    def parameters_of(self, explainer: str) -> dict[str, Any]:
        """The parameters of one explainer that differ from its defaults."""
        named = ((*name.partition("."), value) for name, value in self.explainer_parameters)
        return {name: value for id, _, name, value in named if id == explainer}


def check_spec(spec: CaseSpec) -> Attack:
    """Refuse a specification before anything is computed; gives its attack.

    Raises:
        UnknownMethod, BadParameter: a method, parameter, ε, target or seed that cannot be.
    """
    from radar_core.api.attacking import check_epsilon
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    if spec.target not in TARGETS:
        raise BadParameter(f"target is one of {', '.join(TARGETS)}, not {spec.target!r}")
    if not 0 <= spec.seed < 2**31:
        raise BadParameter(f"seed is a whole number from 0 to 2147483647, not {spec.seed}")
    method = ATTACKS.create(spec.attack, **dict(spec.attack_parameters))
    check_epsilon(method, spec.eps)
    if spec.towards and not method.targetable:
        raise BadParameter(f"{method.title} cannot be told which class to reach")
    for id in spec.explainers:
        EXPLAINERS.create(id, **spec.parameters_of(id))
    for name, _ in spec.explainer_parameters:
        id, _, parameter = name.partition(".")
        if id not in EXPLAINERS or not parameter:
            raise BadParameter(f"an explainer's parameter is written lime.samples, not {name!r}")
    return method
