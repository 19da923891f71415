"""What an experiment takes, measured: a process that is asked by JSON and answers in lines of it.

`python -m radar_core.experiments.pilot` reads `spec`, `folder` and `engine` from its standard input
and writes how far it is, and in the end the rates of `radar_core.experiments.estimate`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from radar_core.errors import RadarError
from radar_core.experiments.cells import Cell
from radar_core.experiments.estimate import Rates, maps_an_image
from radar_core.experiments.found import Found
from radar_core.experiments.spec import ExperimentSpec, read_spec
from radar_core.experiments.store import ExperimentStore
from radar_core.experiments.work import Bench, scores

if TYPE_CHECKING:
    from radar_core.models.classifier import Classifier

SHORT = 2.0  # seconds: maps that are expected to take longer are not made for the estimate
BATCH = 8
ROWS = 4096
ALIKE = ("device", "name", "precision")  # of the machine; the engine names the threads
Report = Callable[[float, str], None]


@dataclass
class Earlier:
    """What earlier runs of this machine took, by content of model, method and parameters."""

    attacks: dict[tuple[Any, ...], float] = field(default_factory=dict)  # seconds a frame
    maps: dict[tuple[Any, ...], float] = field(default_factory=dict)  # seconds a map


def earlier(folder: Path, engine: str) -> Earlier:
    """What the runs in a folder of experiments took that ran as this one will."""
    from radar_core.runtime import describe

    found, here = Earlier(), describe()
    places = sorted(folder.iterdir()) if folder.is_dir() else []
    for store in map(ExperimentStore, places):
        try:
            manifest = store.manifest()
            if manifest is None:
                continue
            there = manifest.get("machine", {})
            if manifest.get("engine") == engine and all(there[n] == here[n] for n in ALIKE):
                _take_in(found, store, manifest)
        except (RadarError, KeyError, TypeError, ValueError):
            continue
    return found


def _take_in(found: Earlier, store: ExperimentStore, manifest: Mapping[str, Any]) -> None:
    from radar_core.experiments.summary import outcomes

    spec = read_spec(manifest["spec"])
    columns = ["kind", "model", "attack", "explainer", "image", "eps", "seconds"]
    rows = store.rows(store.wanted(), columns)
    frames = outcomes(rows).groupby(["model", "attack"], observed=True).size()
    spent = rows[rows.kind == "cost"].groupby(["model", "attack", "explainer"], observed=True)
    maps: dict[tuple[Any, ...], list[float]] = {}
    for (model, attack, explainer), seconds in spent.seconds.sum().items():
        count = int(frames.get((model, attack), 0))
        sha256 = manifest["models"][model]
        if not count:
            continue
        if not explainer:
            found.attacks[_key(spec, sha256, attack)] = float(seconds) / count
            continue
        made = maps_an_image(spec, attack, explainer) * count / len(spec.frames(attack))
        both = maps.setdefault(_key(spec, sha256, explainer), [0.0, 0.0])
        both[0] += float(seconds)
        both[1] += made
    found.maps |= {key: seconds / made for key, (seconds, made) in maps.items() if made}


def _key(spec: ExperimentSpec, sha256: str, method: str) -> tuple[Any, ...]:
    named = sorted((name, str(value)) for name, value in spec.parameters_of(method).items())
    return (sha256, method, *named)


def measure(spec: ExperimentSpec, known: Earlier, report: Report) -> Rates:
    """The rates of an experiment, those that are not known measured.

    Raises:
        RadarError: the experiment cannot be.
    """
    from radar_core.data import open_data
    from radar_core.experiments.cells import chosen
    from radar_core.experiments.run import lay_out

    small = replace(spec, images=1, chunk=1, explainers=(), explainer_parameters=(), controls=0)
    cells = lay_out(small).cells
    images = len(chosen(spec, open_data(spec.data, split=spec.split)))
    bench = Bench()
    todo = len(cells) + len(spec.models) * (1 + len(spec.explainers))
    done = 0
    attacks: dict[tuple[str, str], float] = {}
    fits: dict[tuple[str, str], float] = {}
    maps: dict[tuple[str, str], float] = {}
    pictures: dict[str, float] = {}
    map_bytes: dict[str, float] = {}
    features: dict[str, float] = {}
    metrics, row, taken = 0, 12.0, 0
    for name in spec.models:
        here = [cell for cell in cells if cell.model == name]
        report(done / todo, f"loading {name}")
        of_model = _Model(spec, bench, here[0], images)
        done += 1
        metrics, row = len(of_model.compared), of_model.row_bytes(here[0])
        map_bytes[name] = 0.9 * 4 * of_model.model.input_size**2  # what deflate leaves of noise
        for cell in here:
            report(done / todo, f"attacking one image of {name} with {cell.attack}")
            before = known.attacks.get(_key(spec, cell.model_sha256, cell.attack))
            if before is not None and spec.keep == "none" and not spec.features:
                attacks[name, cell.attack] = before * len(cell.parts)
                taken += 1
            else:
                found, spent, fit = of_model.attacked(cell)
                attacks[name, cell.attack], fits[name, cell.attack] = spent, fit
                frames = 1 + len(cell.parts)
                pictures[name] = _size(found, "arrays") / frames
                features[name] = _size(found, "features") / frames
            done += 1
        for explainer in spec.explainers:
            report(done / todo, f"explaining {name} with {explainer}")
            before = known.maps.get(_key(spec, here[0].model_sha256, explainer))
            taken += before is not None
            maps[name, explainer] = of_model.map(explainer) if before is None else before
            done += 1
    needed = len(cells) + len(maps)
    return Rates(
        *(images, attacks, fits, maps, metrics, row, pictures, map_bytes, features),
        earlier=(taken, needed),
    )


def _size(found: Found, where: str) -> int:
    return sum(len(data) for name, data in found.files.items() if name.startswith(f"{where}/"))


class _Model:
    """One model, the time of its passes, and one image."""

    def __init__(self, spec: ExperimentSpec, bench: Bench, cell: Cell, images: int) -> None:
        from radar_core.case import ground

        self.spec, self.bench = spec, bench
        self.model: Classifier = bench.model(cell.model, cell.model_sha256)
        self.data = bench.data(spec.data, spec.split)
        case = self.data.case(self.data.find(cell.images[0]))
        self.clean = self.model.prepare(case.image)
        masks = ground.masks(self.model, case)
        for count in (1, BATCH):
            self._pass(count)  # the first of its kind takes longer
        one, self.forward = self._pass(1), self._pass(BATCH)
        at_once = self._pass(min(spec.chunk, images))
        self.batched = min(1.0, at_once[0] / one[0])  # a chunk's images beside one alone
        first = torch.rand(self.clean.shape[-2:], generator=torch.Generator().manual_seed(0))
        scores(first, first.flip(0), masks)
        started = time.perf_counter()
        self.compared = scores(first, first.flip(0), masks)
        self.comparing = time.perf_counter() - started

    def _pass(self, count: int) -> tuple[float, float]:
        """Seconds an image of a pass forward, and of one backward, of so many at once."""
        batch = self.clean.expand(count, *self.clean.shape[1:]).clone()
        with self.model.held():
            started = time.perf_counter()
            with torch.no_grad():
                self.model(batch).sum().item()
            forward = time.perf_counter() - started
            started = time.perf_counter()
            batch.requires_grad_()
            torch.autograd.grad(self.model(batch).sum(), batch)[0].sum().item()
            both = time.perf_counter() - started
        return forward / count, max(both - forward, 0.0) / count

    def attacked(self, cell: Cell) -> tuple[Found, float, float]:
        """What an attack of one image found, its seconds, and those of a fit before."""
        from radar_core.attacks import ATTACKS

        found = self.bench.compute(cell)
        first = spent = _seconds(found)
        if ATTACKS[cell.attack].family == "universal":  # the pattern is fitted once
            spent = _seconds(self.bench.compute(cell))
        return found, spent * self.batched, first - spent

    def map(self, explainer: str) -> float:
        """Seconds of a map and of comparing it."""
        from radar_core.explainers import EXPLAINERS

        cost = EXPLAINERS.create(explainer, **self.spec.parameters_of(explainer)).cost
        forward, backward = self.forward
        expected = cost.forward * forward + cost.backward * backward
        if expected > SHORT:
            return expected + forward + self.comparing  # benign controls are read, too
        try:
            self._explain(explainer)  # what is loaded for the first one
            started = time.perf_counter()
            self._explain(explainer)
        except RadarError:  # it does not fit this model; the run says so
            return 0.0
        return (time.perf_counter() - started) / 2 + forward + self.comparing

    def _explain(self, explainer: str) -> None:
        from radar_core.api import explain
        from radar_core.case import ground

        noise = torch.randn(self.clean.shape, generator=torch.Generator().manual_seed(0))
        other = (self.clean + 0.01 * noise.to(self.clean.device)).clamp(0, 1)
        explain(
            self.model,
            [self.clean[0], other[0]],
            explainer,
            target=self.model.class_names[0],
            background=ground.background(self.data, self.model),
            seed=self.spec.seed,
            **self.spec.parameters_of(explainer),
        )

    def row_bytes(self, cell: Cell) -> float:
        """Bytes that a row of results takes in a file of many."""
        draws = torch.rand(ROWS, generator=torch.Generator().manual_seed(0)).tolist()
        names = list(self.compared)
        about = {"kind": "control", "model": cell.model, "attack": cell.attack, "status": "held"}
        rows = [
            {
                **about,
                "part": cell.parts[0].key,
                "image": f"{cell.images[0]}-{number // (8 * len(names))}",
                "metric": names[number % len(names)],
                "value": value,
            }
            for number, value in enumerate(draws)
        ]
        return (len(Found(rows).parquet(())) - len(Found().parquet(()))) / ROWS


def _seconds(found: Found) -> float:
    return sum(float(row["seconds"]) for row in found.rows if row["kind"] == "cost")


def main() -> int:
    """Answer one question."""
    asked = json.load(sys.stdin)

    def report(fraction: float, note: str) -> None:
        print(json.dumps({"fraction": fraction, "note": note}), flush=True)

    try:
        report(0.0, "looking at earlier runs")
        known = earlier(Path(asked["folder"]), asked["engine"])
        rates = measure(read_spec(asked["spec"]), known, report)
    except RadarError as error:
        print(f"radar: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"rates": rates.as_dict()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
