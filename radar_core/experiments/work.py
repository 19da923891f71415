"""The work of a cell: attack a chunk of images, explain each beside its clean self, compare."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from radar_core.case import ground
from radar_core.errors import AttackFailed, BadImage, BadModel, BadParameter
from radar_core.experiments.cells import Cell, Part
from radar_core.experiments.found import Found, Row
from radar_core.runtime import Passes, Progress, count_passes, device_kind

if TYPE_CHECKING:
    from radar_core.attacks.pattern import Pattern
    from radar_core.data import DataSet
    from radar_core.models.classifier import Classifier
    from radar_core.types import AttackResult, Case

MODELS_HELD = 4


class Bench:
    """A worker's place: the data set and the last few models stay open between cells."""

    def __init__(self) -> None:
        self._data: tuple[object, DataSet] | None = None
        self._models: OrderedDict[str, Classifier] = OrderedDict()

    def data(self, name: str, split: str | None) -> DataSet:
        """The data set, opened once."""
        from radar_core.data import open_data

        if self._data is None or self._data[0] != (name, split):
            self._data = ((name, split), open_data(name, split=split))
        return self._data[1]

    def model(self, name: str, sha256: str) -> Classifier:
        """The model, loaded once.

        Raises:
            BadModel: it is another one than when the experiment was begun.
        """
        from radar_core.models import load_model

        if sha256 not in self._models:
            model = load_model(name)
            if model.sha256() != sha256:
                raise BadModel(
                    f"{name} is not the model that this experiment began with; put it back, or "
                    "begin again with --resume"
                )
            self._models[sha256] = model
            while len(self._models) > MODELS_HELD:
                self._models.popitem(last=False)
        self._models.move_to_end(sha256)
        return self._models[sha256]

    def compute(self, cell: Cell, progress: Progress | None = None) -> Found:
        """The results of a cell. What cannot be had of it is a row that says so."""
        spec, progress = cell.spec, progress or Progress()
        data, model = self.data(spec.data, spec.split), self.model(cell.model, cell.model_sha256)
        found = Found()
        cases: list[Case] = []
        for id in cell.images:
            try:
                cases.append(data.case(data.find(id)))
            except BadImage as error:
                about = {"image": id, "attack": cell.attack, "model": cell.model}
                found.rows += [
                    {"part": p.key, "kind": "failed", **about, "eps": p.eps, "error": str(error)}
                    for p in cell.parts
                    if p.outcome
                ]
        if cases:
            _Work(cell, self, data, model, cases, found, progress).run()
        return found


@dataclass
class _Work:
    """A cell under way."""

    cell: Cell
    bench: Bench
    data: DataSet
    model: Classifier
    cases: list[Case]
    found: Found
    progress: Progress

    def run(self) -> None:
        clean = torch.cat([self.model.prepare(case.image) for case in self.cases])
        started = time.perf_counter()
        try:
            with count_passes() as passes:
                frames = self._attacked(clean)
        except (AttackFailed, BadModel, BadParameter) as error:
            for part in self.cell.parts:
                if part.outcome:
                    self._row(part, kind="failed", error=str(error))
            return
        seconds = time.perf_counter() - started
        own = [part for part in self.cell.parts if part.outcome]
        for part in own:
            for number, case in enumerate(self.cases):
                self._row(part, **_outcome(frames[part.eps], number, case))
            self._cost(part, passes, seconds, len(own))
        self._transferred(clean, frames)
        self._explained(clean, frames)
        if self.cell.spec.keep != "none":
            self._keep(clean, frames)
        if self.cell.spec.features and own:
            self._features(clean, frames)

    def _row(self, part: Part, **values: Any) -> None:
        self.found.rows.append(
            {
                "part": part.key,
                "model": self.cell.model,
                "attack": self.cell.attack,
                "eps": part.eps,
                "explainer": part.explainer,
                "tried_on": part.tried_on[0] if part.tried_on else "",
                **values,
            }
        )

    def _cost(self, part: Part, passes: Passes, seconds: float, of: int) -> None:
        """What a part took; what parts share is divided among them."""
        self._row(
            part,
            kind="cost",
            status=device_kind(),
            seconds=seconds / of,
            forward=passes.forward / of,
            backward=passes.backward / of,
        )

    def _attacked(self, clean: Tensor) -> Mapping[str, AttackResult]:
        """What the attack makes of the images at each ε that is asked for."""
        from radar_core.api import attack, attack_grid

        cell, names = self.cell, self.model.class_names
        more: dict[str, Any] = {
            "label": [case.label if case.label in names else None for case in self.cases],
            "pattern": self._pattern(),
            "seed": cell.spec.seed,
            "progress": self.progress,
            **cell.spec.parameters_of(cell.attack),
        }
        axis = list(dict.fromkeys(part.eps for part in cell.parts))
        if axis == ["own"]:
            return {"own": attack(self.model, clean, cell.attack, "own", **more)}
        return {r.eps: r for r in attack_grid(self.model, clean, cell.attack, axis, **more)}

    def _pattern(self) -> Pattern | None:
        from radar_core.attacks import ATTACKS
        from radar_core.case import CaseSpec
        from radar_core.experiments.cells import chosen

        cell = self.cell
        method = ATTACKS.create(cell.attack, **cell.spec.parameters_of(cell.attack))
        if method.family != "universal":
            return None
        given = tuple(cell.spec.parameters_of(cell.attack).items())
        case = CaseSpec(attack=cell.attack, attack_parameters=given, seed=cell.spec.seed)
        avoid = [entry.id for entry in chosen(cell.spec, self.data)]
        return ground.pattern(case, method, self.data, self.model, self.progress, avoid=avoid)

    def _transferred(self, clean: Tensor, frames: Mapping[str, AttackResult]) -> None:
        """What other models read in the same pictures, clean and attacked."""
        for part in self.cell.parts:
            if part.tried_on is None:
                continue
            other = self.bench.model(*part.tried_on)
            started = time.perf_counter()
            with count_passes() as passes:
                attacked = frames[part.eps].images.to(other.device)
                first, then = (other.read(other.prepare(each)) for each in (clean, attacked))
            for case, before, after in zip(self.cases, first, then, strict=True):
                known = case.label in other.class_names
                wrong = known and before.label != case.label
                turned = before.label != after.label
                self._row(
                    part,
                    kind="transfer",
                    image=case.id,
                    label=case.label or "",
                    status="already wrong" if wrong else "flipped" if turned else "held",
                    first=before.label,
                    reads=after.label,
                    first_probability=before.probability,
                    probability=after.probability,
                )
            self._cost(part, passes, time.perf_counter() - started, 1)

    def _explained(self, clean: Tensor, frames: Mapping[str, AttackResult]) -> None:
        """The scores of each explainer: attacked against clean, benign noise against clean."""
        for explainer in dict.fromkeys(p.explainer for p in self.cell.parts if p.explainer):
            parts = [part for part in self.cell.parts if part.explainer == explainer]
            started = time.perf_counter()
            try:
                with count_passes() as passes:
                    for number, case in enumerate(self.cases):
                        self._one(explainer, parts, number, case, clean, frames)
            except BadModel as error:  # it does not fit this model; the others may
                for part in parts:
                    self._row(part, kind="failed", error=str(error))
                continue
            for part in parts:
                self._cost(part, passes, time.perf_counter() - started, len(parts))

    def _one(
        self,
        explainer: str,
        parts: Sequence[Part],
        number: int,
        case: Case,
        clean: Tensor,
        frames: Mapping[str, AttackResult],
    ) -> None:
        """One image's scores by one explainer: all of it is explained as one group."""
        from radar_core.api import benign_controls, explain
        from radar_core.explainers import EXPLAINERS

        spec = self.cell.spec
        first = frames[parts[0].eps].readings_clean[number].label
        images, places = [clean[number]], []
        sizes: dict[tuple[str, float], list[int]] = {}
        for part in parts:
            frame = frames[part.eps]
            images.append(frame.images[number].to(clean.device))
            place, controls = len(images) - 1, []
            reached = (frame.linf if frame.norm == "linf" else frame.l2)[number]
            if reached and spec.controls:
                size = (frame.norm, float(f"{reached:.6g}"))
                if size not in sizes:  # ε at which an attack went equally far share their noise
                    made = benign_controls(frame, number, count=spec.controls, seed=spec.seed)
                    sizes[size] = list(range(len(images), len(images) + len(made)))
                    images += made.to(clean.device)
                controls = sizes[size]
            places.append((part, place, controls))
        more: dict[str, Any] = {
            "target": first,
            "background": ground.background(self.data, self.model),
            "progress": self.progress,
            **spec.parameters_of(explainer),
        }
        maps = explain(self.model, images, explainer, seed=spec.seed, **more).maps.cpu()
        masks = ground.masks(self.model, case)
        if EXPLAINERS[explainer].draws:
            again = explain(self.model, clean[number], explainer, seed=spec.seed + 1, **more)
            self._scores(parts[0], "repeat", case, scores(maps[0], again.maps[0].cpu(), masks))
        for part, place, controls in places:
            outcome = _outcome(frames[part.eps], number, case)
            about = {name: outcome[name] for name in ("norm", "status", "first", "reads")}
            said = scores(maps[0], maps[place], masks)
            self._scores(part, "attack", case, said, **about)
            for control in controls:
                said = scores(maps[0], maps[control], masks)
                self._scores(part, "control", case, said, **about)
        if spec.keep != "none":
            self._maps(explainer, case, parts, maps[[0, *(place for _, place, _ in places)]])

    def _scores(
        self, part: Part, kind: str, case: Case, said: Mapping[str, float], **about: str
    ) -> None:
        who = {"kind": kind, "image": case.id, "label": case.label or "", **about}
        for metric, value in said.items():
            self._row(part, **who, metric=metric, value=value)

    def _maps(self, explainer: str, case: Case, parts: Sequence[Part], maps: Tensor) -> None:
        from radar_core.experiments.keeping import kept_maps

        eps = [part.eps for part in parts]
        self.found.files |= kept_maps(self.cell, case.id, explainer, eps, maps)

    def _keep(self, clean: Tensor, frames: Mapping[str, AttackResult]) -> None:
        from radar_core.experiments.keeping import kept_images

        for number, case in enumerate(self.cases):
            attacked = {eps: frame.images[number].cpu() for eps, frame in frames.items()}
            self.found.files |= kept_images(self.cell, case.id, clean[number].cpu(), attacked)

    def _features(self, clean: Tensor, frames: Mapping[str, AttackResult]) -> None:
        from radar_core.experiments.keeping import kept_features

        with self.model.held(), torch.no_grad():
            values = {eps: self.model.features(f.images).cpu() for eps, f in frames.items()}
            values = {"clean": self.model.features(clean).cpu(), **values}
        ids = [case.id for case in self.cases]
        self.found.files |= kept_features(self.cell, ids, values)


def _outcome(frame: AttackResult, number: int, case: Case) -> Row:
    """What the attack did to one image."""
    first, then = frame.readings_clean[number], frame.readings_attacked[number]
    return {
        "kind": "outcome",
        "image": case.id,
        "label": case.label or "",
        "norm": frame.norm,
        "status": frame.status[number],
        "first": first.label,
        "first_probability": first.probability,
        "reads": then.label,
        "probability": then.probability,
        "linf": frame.linf[number],
        "l2": frame.l2[number],
        "changed": frame.changed[number],
        "distance": frame.distances[number] if frame.distances else None,
    }


def scores(first: Tensor, second: Tensor, masks: Mapping[str, Tensor]) -> dict[str, float]:
    """Every metric of two maps (h, w), and how far the share within each mask moved."""
    from radar_core.api import compare, localise

    found = dict(compare(first, second))
    for name, mask in masks.items():
        one, other = (localise(m, mask, ["evidence_share"]) for m in (first, second))
        found[f"{name}_share_change"] = abs(one["evidence_share"] - other["evidence_share"])
    return found
