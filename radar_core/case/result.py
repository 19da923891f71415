"""What is known about a case, as far as it is computed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from radar_core.runtime import Passes, describe, versions

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.case.spec import CaseSpec
    from radar_core.types import AttackResult, Case, Explanation, Reading, Saved


@dataclass(frozen=True, eq=False)
class CaseResult:
    """A case as far as it is computed; later fields are None or empty until their stage.

    Attributes:
        clean: (3, s, s) the image as the model sees it.
        masks: `lesion`, `evidence` → (s, s) bool, cut to the same square; those there are.
        attack: a batch of one.
        saved: format → what became of the example when it was saved and opened again.
        explanations: explainer → maps of the clean (0) and the attacked (1) image.
        scores: explainer → metric → value.
        unexplained: explainer → why it gave no map for this model, in one sentence.
        evidence: explainer → mask (`lesion`, `evidence`) → measure → value in the clean and in the
            attacked image: how much of the attribution lies where it should.
        stage: what was computed last: `reading`, `attack`, `explainer:<id>`, `done`.
        notes: plain sentences the reader must know.
    """

    spec: CaseSpec
    case: Case
    clean: Tensor
    clean_reading: Reading
    model_sha256: str
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    attack: AttackResult | None = None
    saved: Mapping[str, Saved] = field(default_factory=dict)
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unexplained: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]] = field(
        default_factory=dict
    )
    stage: str = "reading"
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    passes: Passes = field(default_factory=Passes)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; a metric that is not defined is null."""
        from radar_core.verdict import sentence

        attack = self.attack
        return {
            "data": self.spec.data,
            "image": self.case.id,
            "label": self.case.label,
            "synthetic": self.case.synthetic,
            "model": self.spec.model,
            "attack": self.spec.attack,
            "parameters": dict(attack.parameters) if attack else {},
            "eps": self.spec.eps,
            "norm": attack.norm if attack else None,
            "towards": self.spec.towards or None,
            "status": attack.status[0] if attack else None,
            "verdict": sentence(self),
            "notes": list(self.notes),
            "clean": self.clean_reading.as_dict(),
            "attacked": attack.readings_attacked[0].as_dict() if attack else None,
            "distance": {
                "linf": attack.linf[0],
                "l2": attack.l2[0],
                "changed": attack.changed[0],
            }
            if attack
            else None,
            "nearest": attack.distances[0] if attack and attack.distances else None,
            "saved": {name: saved.as_dict() for name, saved in self.saved.items()},
            "margins": list(attack.history[0]) if attack and attack.history else [],
            "attack_facts": dict(attack.facts) if attack else {},
            "explained": {id: e.targets[0] for id, e in self.explanations.items()},
            "metrics": {
                id: {name: finite(value) for name, value in scores.items()}
                for id, scores in self.scores.items()
            },
            "evidence": {
                id: {
                    mask: {
                        name: {"clean": finite(pair[0]), "attacked": finite(pair[1])}
                        for name, pair in measures.items()
                    }
                    for mask, measures in masks.items()
                }
                for id, masks in self.evidence.items()
            },
            "unexplained": dict(self.unexplained),
            "facts": {id: dict(e.facts) for id, e in self.explanations.items()},
            "seed": self.spec.seed,
            "seconds": {
                "total": self.seconds,
                "attack": attack.seconds if attack else None,
                **{id: e.seconds for id, e in self.explanations.items()},
            },
            "passes": {
                "total": asdict(self.passes),
                "attack": asdict(attack.passes) if attack else None,
                **{id: asdict(e.passes) for id, e in self.explanations.items()},
            },
            "machine": describe(),
            "versions": versions(),
            "hashes": {
                "image": self.case.sha256,
                "model": self.model_sha256,
                "attacked": tensor_sha256(attack.images[0]) if attack else None,
                "spec": self.spec.key(),
            },
        }


def finite(value: float) -> float | None:
    """A value for JSON, which has no NaN."""
    return value if math.isfinite(value) else None


def tensor_sha256(values: Tensor) -> str:
    """Content hash of a float tensor, its shape included."""
    array = values.detach().cpu().contiguous().numpy()
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
