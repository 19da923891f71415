"""What every attack and explainer costs beside the model passes it makes, as JSON.

    python benchmarks/methods.py [--model phantom|FILE|random:ARCHITECTURE] [--repeat 3] \\
        [--only ID ...]

Each method runs on one image (an attack) or a pair (an explainer), at its default parameters. The
passes it makes are recorded, in order and with their batch sizes, and made again bare right after
it, `repeat` times in turn. `ratio` is the median time of the method over that of its bare passes.
Where a method makes fewer passes than its definition asks for, `definition_ratio` is the same over
those of the definition.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.attacks.longtail import LongTail
from radar_core.explainers import EXPLAINERS
from radar_core.models import zoo
from radar_core.runtime import describe, device, versions

GOAL = 1.15
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@dataclass
class Pass:
    """One call of the model: images in it, whether it kept a graph, how often that was used."""

    images: int
    graph: bool
    backward: int = 0


# What captum makes of DeepLIFT's definition for a pair and 8 references: each image beside each of
# these, here eight at once; and a reading.
DEFINITIONS = {"deeplift": [Pass(8, graph=True, backward=1)] * 4 + [Pass(2, graph=False)]}


@contextmanager
def recorded(model: radar.Classifier) -> Iterator[list[Pass]]:
    """The passes made within the block."""
    passes: list[Pass] = []

    def note(module: nn.Module, given: tuple[Tensor, ...], logits: Tensor) -> None:
        made = Pass(len(logits), logits.requires_grad)
        passes.append(made)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: setattr(made, "backward", made.backward + 1))

    hook = model.register_forward_hook(note)
    try:
        yield passes
    finally:
        hook.remove()


def bare(model: radar.Classifier, passes: list[Pass], images: Tensor) -> None:
    """The same passes with nothing around them."""
    with model.held():
        for made in passes:
            batch = images[: made.images]
            if not made.graph:
                with torch.no_grad():
                    model(batch)
                continue
            leaf = batch.detach().requires_grad_()
            score = model(leaf).sum()
            for left in range(made.backward - 1, -1, -1):
                torch.autograd.grad(score, leaf, retain_graph=left > 0)


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes, to the end of what it put on the device."""
    started = time.perf_counter()
    work()
    if device().type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(
    model: radar.Classifier, run: Callable[[], Any], repeat: int, definition: list[Pass]
) -> dict[str, Any]:
    """Seconds of a method, of its passes, and of those of its definition if given, in turn."""
    with recorded(model) as passes:
        result = run()
    images = torch.rand(
        (max(p.images for p in passes + definition), 3, model.input_size, model.input_size),
        generator=torch.Generator().manual_seed(0),
    ).to(model.device)
    bare(model, passes, images)
    whole, raw, defined = [], [], []
    for _ in range(repeat):
        whole.append(timed(run))
        raw.append(timed(lambda: bare(model, passes, images)))
        if definition:
            defined.append(timed(lambda: bare(model, definition, images)))
    seconds = statistics.median(whole)
    over = {"ratio": raw, "definition_ratio": defined}
    return {
        "seconds": round(seconds, 4),
        "raw_seconds": round(statistics.median(raw), 4),
        **{name: round(seconds / statistics.median(of), 3) for name, of in over.items() if of},
        "passes": asdict(result.passes),
        "calls": len(passes),
        "parameters": dict(result.parameters),
    }


def load(name: str) -> radar.Classifier:
    """A stored model, or an untrained network of the zoo."""
    if not name.startswith("random:"):
        return radar.load_model(name)
    architecture = name.removeprefix("random:")
    known = zoo.architecture(architecture)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = zoo.build(architecture, len(CLASSES))
    return radar.Classifier(
        module.to(device(), memory_format=torch.channels_last),  # as stored models are loaded
        CLASSES,
        cam_layer=known.cam_layer,
        input_size=known.input_size,
        name=name,
        background=torch.rand((8, 3, 64, 64), generator=torch.Generator().manual_seed(1)),
    )


class Plain(nn.Module):
    """The network with its normalisation, in torch's default layout, and nothing of ours."""

    def __init__(self, model: radar.Classifier) -> None:
        super().__init__()
        self.register_buffer("mean", model.mean.clone())
        self.register_buffer("std", model.std.clone())
        self.module = copy.deepcopy(model.module).to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        return self.module((images - self.mean) / self.std)


def attack(model: radar.Classifier, image: Tensor, name: str) -> Callable[[], Any]:
    """An attack at its defaults; a universal one with some pattern, its fitting apart."""
    method = ATTACKS[name]
    eps = "4/255" if method.placing == "budget" else "own"
    if method.family != "universal":
        return lambda: radar.attack(model, image, name, eps)
    pattern = radar.fit(model, image, name, epochs=1)
    return lambda: radar.attack(model, image, name, eps, pattern=pattern)


def main() -> None:
    """Measure every registered method and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="phantom", help="NAME, FILE or random:ARCHITECTURE")
    parser.add_argument("--repeat", type=int, default=3, help="times each is measured")
    known = [*ATTACKS, *EXPLAINERS]
    parser.add_argument("--only", nargs="+", default=known, choices=known, metavar="ID")
    arguments = parser.parse_args()
    model = load(arguments.model)
    coarse = torch.rand((2, 3, 7, 7), generator=torch.Generator().manual_seed(2))
    pair = nn.functional.interpolate(coarse, (model.input_size,) * 2, mode="bilinear")
    image = radar.open_data("phantom")[0].image
    runs: list[tuple[str, str, Callable[[], Any]]] = [
        *(
            ("attack", id, attack(model, image, id))
            for id in ATTACKS
            if id in arguments.only and not issubclass(ATTACKS[id], LongTail)
        ),
        *(
            ("explainer", id, lambda id=id: radar.explain(model, pair, id))
            for id in EXPLAINERS
            if id in arguments.only
        ),
    ]
    methods = []
    for kind, id, run in runs:
        found = measure(model, run, arguments.repeat, DEFINITIONS.get(id, []))
        methods.append({"kind": kind, "id": id, **found})
        print(f"{id}: {methods[-1]['ratio']} times its bare passes", file=sys.stderr, flush=True)
    report = {
        "model": model.name,
        "input_size": model.input_size,
        "repeat": arguments.repeat,
        "goal": GOAL,
        "methods": methods,
        "machine": describe(),
        "versions": versions(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
