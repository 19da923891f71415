"""What determines the numbers of a study."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.attacks import Attack
    from radar_core.case import CaseSpec


@dataclass(frozen=True)
class StudySpec:
    """Everything that determines the numbers of a study but for how many images it has.

    Attributes:
        data, split, model: as the command line names them.
        model_sha256: content hash of the model, so that other weights of that name are another
            study.
        attacks: registered ones; one that seeks the nearest example is run once, without ε.
        eps: as `radar_core.epsilon` reads them, for the attacks that keep to a budget.
        explainers: registered ones; the class explained is the one first read.
        controls: benign controls an attacked image.
        seed: of every random draw.
    """

    data: str
    model: str
    model_sha256: str
    attacks: tuple[str, ...]
    eps: tuple[str, ...]
    explainers: tuple[str, ...]
    split: str | None = None
    controls: int = 4
    seed: int = 0
    explainer_parameters: tuple[tuple[str, Any], ...] = ()

    def key(self) -> str:
        """Content hash of the specification."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]

    def case(self, attack: str) -> CaseSpec:
        """What its images share with a single case of that attack."""
        from radar_core.case import CaseSpec

        return CaseSpec(
            data=self.data,
            model=self.model,
            attack=attack,
            explainers=self.explainers,
            explainer_parameters=self.explainer_parameters,
            seed=self.seed,
        )

    def runs(self) -> tuple[tuple[str, str], ...]:
        """Each attack at each ε it is run at.

        Raises:
            UnknownMethod, BadParameter: an attack, ε, explainer or number that cannot be.
        """
        from radar_core.api.attacking import check_epsilon
        from radar_core.attacks import ATTACKS
        from radar_core.case import check_spec
        from radar_core.epsilon import parse_epsilon

        if not self.attacks or not self.explainers:
            raise BadParameter("a study needs at least one attack and one explainer")
        if not 1 <= self.controls <= 100:
            raise BadParameter(f"controls lie between 1 and 100 an image, not {self.controls}")
        check_spec(self.case("pgd"))
        found: list[tuple[str, str]] = []
        for id in self.attacks:
            method: Attack = ATTACKS.create(id)
            if method.placing != "budget":
                found.append((id, "own"))
                continue
            if not self.eps:
                raise BadParameter(f"{method.title} needs an ε: give --eps 1/255,4/255")
            for eps in self.eps:
                check_epsilon(method, eps)
                found.append((id, parse_epsilon(eps, method.norm).text))
        return tuple(dict.fromkeys(found))
