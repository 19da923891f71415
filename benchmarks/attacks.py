"""The ε axis beside separate runs, and attacks beside torchattacks and foolbox, as JSON.

    python benchmarks/attacks.py [--model phantom|FILE] [--data phantom|PATH] [--images 12]
                                 [--only axis|rivals] [--repeat 3]

`axis`: all frames of the default grid in one call beside eleven calls, for FGSM and PGD-20; of FGSM
also the frames alone, without the readings that follow. `rivals`: wall time, images flipped and
median L2 on the same images, weights and budget. Every tool reads the images before and after; the
others are given the plain network in torch's default layout, as their users would. Ours stops an
image where it has flipped.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn

import radar_core as radar
from benchmarks.methods import Plain
from radar_core.attacks import ATTACKS
from radar_core.attacks.objective import Objective
from radar_core.epsilon import parse_grid
from radar_core.runtime import Progress, describe, generator, versions

EPS, L2 = 1 / 255, 0.5


def timed(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Median seconds, and the last result."""
    seconds, result = [], None
    for _ in range(repeat):
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def axis(model: radar.Classifier, image: Tensor, repeat: int) -> dict[str, Any]:
    """Eleven frames at once, and one by one."""
    grid = parse_grid("default", "linf")
    found: dict[str, Any] = {}
    for name in ("fgsm", "pgd"):
        rows: dict[str, list[float]] = {"at_once": [], "one_by_one": []}
        for _ in range(repeat):  # in turn: the machine's speed drifts
            at_once, _ = timed(lambda n=name: radar.attack_grid(model, image, n, grid), 1)
            rows["at_once"].append(at_once)
            each, _ = timed(lambda n=name: [radar.attack(model, image, n, e) for e in grid], 1)
            rows["one_by_one"].append(each)
        seconds = {key: round(statistics.median(values), 4) for key, values in rows.items()}
        ratio = seconds["at_once"] / seconds["one_by_one"]
        found[name] = {**seconds, "ratio": round(ratio, 3)}
    clean = model.prepare(image)
    gradient, frames = [], []
    with model.held():
        for _ in range(3 * repeat):
            started = time.perf_counter()
            leaf = clean.clone().requires_grad_()
            torch.autograd.grad(model(leaf).logsumexp(1).sum(), leaf)
            gradient.append(time.perf_counter() - started)
            started = time.perf_counter()
            objective = Objective(model, clean, [eps.radii for eps in grid])
            ATTACKS.create("fgsm").perturb(objective, generator=generator(0), progress=Progress())
            frames.append(time.perf_counter() - started)
    one, all_frames = statistics.median(gradient), statistics.median(frames)
    found["fgsm_frames"] = {
        "one_gradient_ms": round(1000 * one, 1),
        "eleven_frames_ms": round(1000 * all_frames, 1),
        "more_ms": round(1000 * (all_frames - one), 1),
    }
    return found


def rivals(model: radar.Classifier, images: Tensor, repeat: int) -> list[dict[str, Any]]:
    """Each attack beside the same attack of the others."""
    import torchattacks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import foolbox

    plain = Plain(model).eval()
    for parameter in plain.parameters():
        parameter.requires_grad_(False)
    fb = foolbox.PyTorchModel(plain, bounds=(0, 1), device=images.device)
    fa, ta, stop = foolbox.attacks, torchattacks, {"early_stop": True}
    step = 2.5 / 20
    # At its usual rate of 0.01 foolbox's ends seven times as far away: its first step is that long.
    carlini = fa.L2CarliniWagnerAttack(binary_search_steps=5, steps=20, stepsize=0.001)
    table: list[tuple[str, float | None, dict[str, Any], Any, Any]] = [
        ("fgsm", EPS, {}, lambda: ta.FGSM(plain, eps=EPS), fa.LinfFastGradientAttack()),
        (
            "bim",
            EPS,
            stop,
            lambda: ta.BIM(plain, eps=EPS, alpha=step * EPS, steps=20),
            fa.LinfBasicIterativeAttack(rel_stepsize=step, steps=20),
        ),
        (
            "pgd",
            EPS,
            stop,
            lambda: ta.PGD(plain, eps=EPS, alpha=step * EPS, steps=20),
            fa.LinfPGD(rel_stepsize=step, steps=20),
        ),
        (
            "pgd",
            L2,
            {**stop, "norm": "l2"},
            lambda: ta.PGDL2(plain, eps=L2, alpha=step * L2, steps=20),
            fa.L2PGD(rel_stepsize=step, steps=20),
        ),
        (
            "mifgsm",
            EPS,
            stop,
            lambda: ta.MIFGSM(plain, eps=EPS, alpha=EPS / 20, steps=20),
            None,
        ),
        (
            "apgd",
            EPS,
            stop,
            lambda: ta.APGD(plain, norm="Linf", eps=EPS, steps=20, n_restarts=1, loss="ce"),
            None,
        ),
        (
            "deepfool",
            None,
            {"steps": 50},
            lambda: ta.DeepFool(plain, steps=50, overshoot=0.02),
            fa.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02),
        ),
        (
            "cw",
            None,
            {"binary_steps": 5, "steps": 20},  # the same budget
            None,
            carlini,
        ),
        (
            "cw",
            None,
            {"binary_steps": 2, "steps": 10},  # no longer a distance
            None,
            carlini,
        ),
    ]
    read = torch.tensor([model.index(r.label) for r in model.read(images)], device=images.device)
    rows = []
    radar.attack(model, images, "fgsm", EPS)  # the first call of all allocates and measures
    for name, eps, parameters, make, other in table:

        def ours(name: str = name, eps: Any = eps, parameters: Any = parameters) -> Tensor:
            return radar.attack(model, images, name, eps, **parameters).images

        def torchattacks_(make: Any = make) -> Tensor:
            return read_too(plain, images, lambda: make()(images, read))

        def foolbox_(other: Any = other, eps: Any = eps) -> Tensor:
            return read_too(plain, images, lambda: other(fb, images, read, epsilons=eps)[1])

        tools: dict[str, Callable[[], Tensor]] = {"ours": ours}
        if make is not None:
            tools["torchattacks"] = torchattacks_
        if other is not None:
            tools["foolbox"] = foolbox_
        seconds: dict[str, list[float]] = {tool: [] for tool in tools}
        results: dict[str, Tensor] = {}
        for _ in range(repeat):
            for tool, work in tools.items():
                with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()):
                    torch.manual_seed(0)
                    spent, results[tool] = timed(work, 1)
                seconds[tool].append(spent)
        row: dict[str, Any] = {"attack": name, "eps": eps, "parameters": parameters}
        for tool, attacked in results.items():
            now = torch.tensor([model.index(r.label) for r in model.read(attacked)])
            flipped = now != read.cpu()
            lengths = (attacked - images).flatten(1).norm(dim=1).cpu()[flipped]
            row[tool] = {
                "seconds": round(statistics.median(seconds[tool]), 3),
                "flipped": int(flipped.sum()),
                "median_l2": round(float(lengths.median()), 4) if len(lengths) else None,
            }
            if tool != "ours":
                ratio = statistics.median(seconds[tool]) / statistics.median(seconds["ours"])
                row[tool]["times_ours"] = round(ratio, 2)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


def read_too(plain: nn.Module, images: Tensor, work: Callable[[], Tensor]) -> Tensor:
    """The attack, with the readings before and after that ours makes, too."""
    with torch.no_grad():
        plain(images)
    attacked = work().detach()
    with torch.no_grad():
        plain(attacked)
    return attacked


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--data", default="phantom")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--only", choices=("axis", "rivals"))
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    model = radar.load_model(arguments.model)
    data = radar.open_data(arguments.data, split="test")
    images = torch.cat([model.prepare(data[i].image) for i in range(arguments.images)])
    report: dict[str, Any] = {
        "model": model.name,
        "data": arguments.data,
        "images": arguments.images,
        "repeat": arguments.repeat,
    }
    if arguments.only != "rivals":
        report["axis"] = axis(model, images[0], arguments.repeat)
        print(json.dumps(report["axis"]), file=sys.stderr, flush=True)
    if arguments.only != "axis":
        report["rivals"] = rivals(model, images, arguments.repeat)
    print(json.dumps({**report, "machine": describe(), "versions": versions()}, indent=2))


if __name__ == "__main__":
    main()
