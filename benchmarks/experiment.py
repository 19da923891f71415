"""What an experiment costs beside its bare passes, and what workers, Ray and length do to it: JSON.

    python benchmarks/experiment.py --only cells|workers|ray|memory|kill [--data phantom]
        [--model phantom] [--images 40|8] [--kills 20] [--out FOLDER]

`cells`: a cell of each attack with Grad-CAM, SHAP and LIME, in this process; its passes are
recorded, in order and with their batch sizes, and made again bare right after it. `ratio` is bare
seconds over the cell's, images a second as a share of what the bare passes allow.
`workers`, `ray`: seconds of the clock for PGD and Grad-CAM, once as many cells are done as there
are workers, so that starting processes hardly counts: one worker of one thread, two, one on Ray.
`memory`: the largest resident size of coordinator and workers together at 100 images and at the
end of `--images`, FGSM at one ε with nothing explained.
`kill`: the command is killed with −9 at random moments of its length `--kills` times, resumed until
it is done, and its rows are compared with those of an unbroken run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch

from benchmarks.methods import bare, recorded, timed
from radar_core.experiments.engines import open_engine
from radar_core.experiments.run import lay_out, run_experiment
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.experiments.work import Bench
from radar_core.runtime import describe, device, versions
from radar_core.settings import ROOT

ATTACKS = ("fgsm", "pgd", "deepfool")


def cells(spec: ExperimentSpec) -> list[dict[str, Any]]:
    """Each attack's cell beside its bare passes."""
    bench, found = Bench(), []
    layout = lay_out(spec)
    model = bench.model(spec.models[0], layout.models[spec.models[0]])
    bench.compute(layout.cells[0])  # what is made once: backgrounds, warm caches
    for cell in layout.cells[: len(spec.attacks)]:
        with recorded(model) as passes:
            seconds = timed(lambda cell=cell: bench.compute(cell).parquet(cell.parts))
        side = model.input_size
        most = max(made.images for made in passes)
        images = torch.rand(most, 3, side, side, generator=torch.Generator().manual_seed(0))
        given = (model, passes, images.to(device()))
        raw = timed(lambda given=given: bare(*given))
        found.append(
            {
                "attack": cell.attack,
                "images": len(cell.images),
                "seconds": round(seconds, 2),
                "bare_seconds": round(raw, 2),
                "ratio": round(raw / seconds, 3),
            }
        )
        print(found[-1], file=sys.stderr, flush=True)
    return found


def clocked(spec: ExperimentSpec, kind: str, workers: int, folder: Path) -> dict[str, Any]:
    """A run's seconds from its first cells, as many as there are workers, to its last."""
    engine, first, last, done = open_engine(kind, workers, 1), None, 0.0, 0
    for course in run_experiment(spec, folder, engine):
        if course.done > done:
            done, last = course.done, time.perf_counter()
            if done >= workers:
                first = first or (last, done)
    if first is None or done - first[1] < 3 * workers:
        raise SystemExit(f"{done} cells are too few to time {workers} workers: more --images")
    return {
        "engine": engine.said,
        "cells": done - first[1],
        "seconds": round(last - first[0], 2),
        "cells_a_second": round((done - first[1]) / (last - first[0]), 4),
    }


def resident(pid: int) -> int:
    """Bytes in memory of a process and all below it (Linux)."""
    total, left = 0, [pid]
    while left:
        one = left.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text()
            total += next(int(x.split()[1]) for x in status.splitlines() if "VmRSS" in x) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                left += [int(word) for word in (task / "children").read_text().split()]
        except (OSError, StopIteration):
            continue
    return total


def memory(spec: ExperimentSpec, folder: Path) -> dict[str, Any]:
    """The largest resident size after 100 images, and after all."""
    peak, early, started = 0, 0, time.perf_counter()
    for course in run_experiment(spec, folder, open_engine("local", workers=1)):
        peak = max(peak, resident(os.getpid()))
        if not early and course.done * spec.chunk >= 100:
            early = peak
    return {
        "images": spec.images,
        "cells": course.cells,
        "peak_mb_at_100": early // 2**20,
        "peak_mb": peak // 2**20,
        "seconds": round(time.perf_counter() - started, 1),
    }


def words(spec: ExperimentSpec, out: Path, *more: str) -> list[str]:
    """The command of a run."""
    found = [sys.executable, "-m", "radar_core", "experiment", "--data", spec.data]
    found += ["--split", spec.split] if spec.split else []
    for name in ("models", "attacks", "eps", "explainers"):
        found += [f"--{name}", ",".join(getattr(spec, name))]
    for name in ("images", "chunk", "controls", "seed"):
        found += [f"--{name}", str(getattr(spec, name))]
    return [*found, "--out", str(out), "--workers", "1", *more]


def rows(folder: Path) -> Any:
    """What was found, in an order of its own, but for the seconds it took."""
    store = ExperimentStore(folder)
    found = store.rows(store.wanted()).drop(columns=["seconds"])
    texts = list(found.select_dtypes("category").columns)
    return found.astype(dict.fromkeys(texts, str)).sort_values([*texts, "value"], ignore_index=True)


def kill(spec: ExperimentSpec, folder: Path, kills: int) -> dict[str, Any]:
    """Kill a run again and again; whether it comes to what an unbroken one does."""
    whole, broken, draw = folder / "whole", folder / "broken", random.Random(0)
    quiet: dict[str, Any] = {"cwd": ROOT, "stderr": subprocess.DEVNULL}
    began = time.perf_counter()
    subprocess.run(words(spec, whole), check=True, **quiet)
    length = time.perf_counter() - began
    killed, at = 0, []
    while killed < kills:
        resume = ["--resume"] if (broken / "manifest.json").is_file() else []
        process = subprocess.Popen(words(spec, broken, *resume), **quiet)
        time.sleep(draw.uniform(0.2, 1.0) * length)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            killed += 1
        elif process.returncode:
            raise SystemExit(f"a run failed with {process.returncode}")
        done = len(list((broken / "cells").glob("*.parquet")))
        at.append(done)
        if process.returncode == 0:  # done before it was killed: begin anew, and go on killing
            shutil.rmtree(broken)
        time.sleep(1)  # its workers leave
    resume = ["--resume"] if (broken / "manifest.json").is_file() else []
    subprocess.run(words(spec, broken, *resume), check=True, **quiet)
    equal = bool(rows(whole).equals(rows(broken)))
    return {
        "kills": killed,
        "seconds_unbroken": round(length, 1),
        "files_there": at,
        "equal": equal,
    }


def main() -> None:
    """Print one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", required=True, choices=["cells", "workers", "ray", "memory", "kill"]
    )
    parser.add_argument("--data", default="phantom")
    parser.add_argument("--split")
    parser.add_argument("--model", default="phantom")
    parser.add_argument("--images", type=int)
    parser.add_argument("--chunk", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(2)
    clock = asked.only in ("workers", "ray")
    folder = asked.out or Path(tempfile.mkdtemp())
    spec = ExperimentSpec(
        data=asked.data,
        split=asked.split,
        models=(asked.model,),
        attacks=ATTACKS,
        eps=("1/255", "4/255"),
        images=asked.images or (40 if clock else 8),
        chunk=asked.chunk,
        controls=2,
    )
    found: Any
    if asked.only == "cells":
        found = cells(spec)
    elif clock:
        small = {"attacks": ("pgd",), "explainers": ("gradcam",), "controls": 0}
        spec = ExperimentSpec(**{**vars(spec), **small})
        engines = {"one": ("local", 1), "two": ("local", 2)}
        if asked.only == "ray":
            engines = {"local": ("local", 1), "ray": ("ray", 1)}
        found = {
            name: clocked(spec, kind, number, folder / name)
            for name, (kind, number) in engines.items()
        }
    elif asked.only == "memory":
        bare_grid = {"attacks": ("fgsm",), "eps": ("4/255",), "explainers": (), "controls": 0}
        spec = ExperimentSpec(**{**vars(spec), **bare_grid})
        found = memory(spec, folder / "memory")
    else:
        quick = {"attacks": ("fgsm", "pgd"), "explainers": ("gradcam",), "controls": 1}
        spec = ExperimentSpec(**{**vars(spec), **quick})
        found = kill(spec, folder, asked.kills)
    said = {"only": asked.only, "spec": spec.as_dict(), "found": found}
    print(json.dumps({**said, "machine": describe(), "versions": versions()}, indent=2))


if __name__ == "__main__":
    main()
