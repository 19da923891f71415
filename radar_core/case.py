"""One case from image to scores: the path that the page, the command line and reports share."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from radar_core.epsilon import parse_epsilon
from radar_core.errors import BadParameter
from radar_core.runtime import Passes, Progress, describe, versions
from radar_core.types import AttackResult, Case, Explanation, Reading

if TYPE_CHECKING:
    from torch import Tensor

    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier

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
        explainers: registered explainers, in the order they are computed.
        target: whose class is explained: see `TARGETS`.
        seed: of every random draw.
    """

    data: str = "phantom"
    image: str = "0"
    model: str = "phantom"
    attack: str = "pgd"
    eps: str = "4/255"
    attack_parameters: tuple[tuple[str, Any], ...] = ()
    explainers: tuple[str, ...] = ("gradcam", "shap", "lime")
    target: Target = "clean"
    seed: int = 0

    def key(self) -> str:
        """Content hash of the specification."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:24]

    def command(self) -> str:
        """The equivalent command line."""
        image = "FILE" if self.data == "upload" else self.image
        words = ["python", "-m", "radar_core", "case"]
        if self.data != "upload":
            words += ["--data", self.data]
        words += ["--image", image, "--model", self.model, "--attack", self.attack]
        for name, value in self.attack_parameters:
            words += ["--param", f"{name}={value}"]
        words += ["--eps", self.eps, "--explain", ",".join(self.explainers) or "none"]
        words += ["--target", self.target, "--seed", str(self.seed), "--json"]
        return shlex.join(words)


@dataclass(frozen=True, eq=False)
class CaseResult:
    """A case as far as it is computed; later fields are None or empty until their stage.

    Attributes:
        clean: (3, s, s) the image as the model sees it; masks are cut to the same square.
        attack: a batch of one.
        explanations: explainer → maps of the clean (0) and the attacked (1) image.
        scores: explainer → metric → value.
        stage: what was computed last: `reading`, `attack`, `explainer:<id>`, `done`.
        notes: plain sentences the reader must know.
    """

    spec: CaseSpec
    case: Case
    clean: Tensor
    clean_reading: Reading
    model_sha256: str
    lesion_mask: Tensor | None = None
    evidence_mask: Tensor | None = None
    attack: AttackResult | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
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
            "explained": {id: e.targets[0] for id, e in self.explanations.items()},
            "metrics": {
                id: {name: _finite(value) for name, value in scores.items()}
                for id, scores in self.scores.items()
            },
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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def tensor_sha256(values: Tensor) -> str:
    """Content hash of a float tensor, its shape included."""
    array = values.detach().cpu().contiguous().numpy()
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()


def check_spec(spec: CaseSpec) -> None:
    """Refuse a specification before anything is computed.

    Raises:
        UnknownMethod, BadParameter: a method, parameter, ε, target or seed that cannot be.
    """
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS

    parse_epsilon(spec.eps)
    if spec.target not in TARGETS:
        raise BadParameter(f"target is one of {', '.join(TARGETS)}, not {spec.target!r}")
    if not 0 <= spec.seed < 2**31:
        raise BadParameter(f"seed is a whole number from 0 to 2147483647, not {spec.seed}")
    ATTACKS.create(spec.attack, **dict(spec.attack_parameters))
    for id in spec.explainers:
        EXPLAINERS[id]


def run_case(
    spec: CaseSpec,
    *,
    data: DataSet | None,
    model: Classifier,
    case: Case | None = None,
    progress: Progress | None = None,
) -> Iterator[CaseResult]:
    """Compute a case, yielding what is known after the reading, the attack and each explainer.

    Args:
        data: where the image comes from; None for an upload, whose `case` is given.
        progress: stepped within each stage.

    Raises:
        RadarError: a specification, image or model that cannot be used; `Cancelled` on request.
    """
    from radar_core.api import attack, compare, explain
    from radar_core.runtime import count_passes

    check_spec(spec)
    progress = progress or Progress()
    started = time.perf_counter()
    with count_passes() as spent:
        progress.step(0.0, "reading")
        if case is None:
            if data is None:
                raise BadParameter("a case needs a data set, or an image of its own")
            case = data.case(data.find(spec.image))
        clean = model.prepare(case.image)
        result = CaseResult(
            spec=spec,
            case=case,
            clean=clean[0].cpu(),
            clean_reading=model.read(clean)[0],
            model_sha256=model.sha256(),
            lesion_mask=_fitted(model, case.lesion_mask),
            evidence_mask=_fitted(model, case.evidence_mask),
            notes=notes(case, model),
        )

    def grown(**changes: Any) -> CaseResult:
        spent_seconds = time.perf_counter() - started
        return replace(result, seconds=spent_seconds, passes=replace(spent), **changes)

    yield (result := grown())
    shares = _shares(len(spec.explainers))
    low, high = next(shares)
    with count_passes() as used:
        attacked = attack(
            model,
            clean,
            spec.attack,
            spec.eps,
            label=case.label if case.label in model.class_names else None,
            seed=spec.seed,
            progress=progress.part(low, high),
            **dict(spec.attack_parameters),
        )
    _add(spent, used)
    yield (result := grown(attack=attacked, stage="attack"))
    pair = [clean[0], attacked.images[0].to(clean.device)]
    for id in spec.explainers:
        low, high = next(shares)
        with count_passes() as used:
            maps = explain(
                model,
                pair,
                id,
                target=_target_class(result, model),
                background=_background(data, model),
                seed=spec.seed,
                progress=progress.part(low, high),
            )
        _add(spent, used)
        result = grown(
            explanations={**result.explanations, id: maps},
            scores={**result.scores, id: compare(maps[0], maps[1])},
            stage=f"explainer:{id}",
        )
        yield result
    progress.step(1.0, "done")
    yield grown(stage="done")


def _add(total: Passes, part: Passes) -> None:
    total.forward += part.forward
    total.backward += part.backward


def _shares(explainers: int) -> Iterator[tuple[float, float]]:
    """The part of the progress bar of the attack, then of each explainer."""
    step = 1 / (explainers + 1)
    for i in range(explainers + 1):
        yield i * step, (i + 1) * step


def _fitted(model: Classifier, mask: Tensor | None) -> Tensor | None:
    return None if mask is None else model.prepare_mask(mask.to(model.device)).cpu()


def _target_class(result: CaseResult, model: Classifier) -> str:
    assert result.attack is not None
    if result.spec.target == "clean":
        return result.clean_reading.label
    if result.spec.target == "attacked":
        return result.attack.readings_attacked[0].label
    if result.case.label is None or result.case.label not in model.class_names:
        raise BadParameter(
            f"{result.case.id} has no label that the model knows, so that cannot be explained; "
            "explain what the model read"
        )
    return result.case.label


def notes(case: Case, model: Classifier) -> tuple[str, ...]:
    """What a reader must know about this pair of image and model, in plain sentences."""
    said = []
    trained_on = model.card.get("trained_on")
    if trained_on == "phantom" and not case.synthetic:
        said.append(
            "This model was trained on synthetic images only: its reading of a real photograph "
            "means nothing clinically."
        )
    if trained_on not in (None, "phantom") and case.synthetic:
        said.append("This model was trained on real images; a synthetic image is foreign to it.")
    if case.label is not None and case.label not in model.class_names:
        said.append(f"The label {case.label} is not a class of this model.")
    return tuple(said)


_BACKGROUNDS: OrderedDict[tuple[str, int], Tensor] = OrderedDict()
_BACKGROUND_LOCK = threading.Lock()


def _background(data: DataSet | None, model: Classifier) -> Tensor | None:
    """Clean images of the data at hand, else the model's own; the last four sets are kept."""
    from radar_core.data.background import background_images

    if data is None or len(data) == 0:
        return model.background
    key = (data.name, model.input_size)
    with _BACKGROUND_LOCK:
        if key not in _BACKGROUNDS:
            _BACKGROUNDS[key] = background_images(data, model)
            while len(_BACKGROUNDS) > 4:
                _BACKGROUNDS.popitem(last=False)
        _BACKGROUNDS.move_to_end(key)
        return _BACKGROUNDS[key].to(model.device)
