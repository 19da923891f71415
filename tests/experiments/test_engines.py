"""The engines compute the same: worker processes here, Ray, kills of both; the command."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from radar_core.cli import main
from radar_core.errors import BadParameter, EngineUnavailable
from radar_core.experiments.cells import Cell, Part
from radar_core.experiments.engines import cores, open_engine
from radar_core.experiments.engines.local import LocalEngine
from radar_core.experiments.run import run_experiment
from radar_core.experiments.spec import ExperimentSpec
from radar_core.experiments.store import ExperimentStore
from radar_core.settings import ROOT
from tests.experiments.test_run import rows

NOWHERE = Cell(
    ExperimentSpec(), "no-such-model", "0" * 64, "fgsm", ("a", "b"), (Part("k", "1", ""),)
)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def command(spec: ExperimentSpec, out: Path, *more: str) -> list[str]:
    """The command that runs an experiment."""
    words = ["experiment", "--models", *spec.models, "--attacks", ",".join(spec.attacks)]
    words += ["--eps", ",".join(spec.eps), "--explainers", ",".join(spec.explainers)]
    words += ["--images", str(spec.images), "--chunk", str(spec.chunk)]
    words += ["--controls", str(spec.controls), "--seed", str(spec.seed), "--out", str(out)]
    return [sys.executable, "-m", "radar_core", *words, "--threads", "2", *more]


def test_workers_find_what_one_process_finds_though_one_is_killed(spec, whole, tmp_path):
    steps = run_experiment(spec, tmp_path, LocalEngine(workers=2, threads=2))
    assert "2 workers of 2 threads" in next(steps).engine
    next(steps)
    one, _ = [pid for pid in children(os.getpid()) if b"spawn_main" in cmdline(pid)]
    os.kill(one, signal.SIGKILL)
    *_, last = steps
    assert (last.done, last.failures) == (4, ()), "its cell is computed by another"
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole))


def cmdline(pid: int) -> bytes:
    """What a process was started with; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_worker_that_cannot_compute_says_why():
    """Its words come through the pipe of a real process."""
    cells = [NOWHERE]
    events = LocalEngine(workers=1, threads=1).run(lambda: cells.pop() if cells else None)
    event = next(e for e in events if e is not None)
    events.close()
    assert event.kind == "failed" and event.cell == NOWHERE
    assert "no-such-model" in event.error and "Traceback" in event.error


def test_ray_finds_the_same_and_outlives_a_killed_worker(spec, whole, tmp_path):
    steps = run_experiment(spec, tmp_path, open_engine("ray", workers=1, threads=2))
    killed, last = False, None
    for course in steps:
        last = course
        workers = [pid for pid in ray_workers() if b"RayWorker" in cmdline(pid)]
        if workers and not killed:
            os.kill(workers[0], signal.SIGKILL)
            killed = True
    assert killed, "a worker was there to be killed"
    assert last is not None and (last.done, last.failures) == (4, ())
    pd.testing.assert_frame_equal(rows(tmp_path), rows(whole))


def ray_workers() -> list[int]:
    """All processes below this one."""
    found, seen = [os.getpid()], []
    while found:
        try:
            more = children(found.pop())
        except OSError:
            continue
        seen += more
        found += more
    return seen


def test_no_ray_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineUnavailable, match="Ray is not installed; pip install"):
        open_engine("ray")


def test_an_address_that_does_not_answer_is_one_sentence():
    with pytest.raises(EngineUnavailable, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        open_engine("ray", address="127.0.0.1:1")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "slurm"}, "one of local, ray"),
        ({"name": "local", "workers": 0}, "workers lie between"),
        ({"name": "local", "threads": 9999}, "threads lie between"),
        ({"name": "local", "address": "auto"}, "add --engine ray"),
    ],
)
def test_an_engine_that_cannot_be(given, said):
    with pytest.raises(BadParameter, match=said):
        open_engine(**given)


def test_workers_share_the_cores():
    engine = LocalEngine()
    assert engine.workers * engine.threads <= max(cores(), engine.workers)
    assert LocalEngine(workers=1).threads == cores()


def test_killed_at_a_random_moment_it_comes_to_the_unbroken_result(spec, whole, tmp_path, capsys):
    """The command, killed with −9; its workers leave with it. The benchmark does it 20 times."""
    out = tmp_path / "out"
    asked = command(spec, out, "--workers", "1")
    process = subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_until(lambda: (out / "course.json").is_file() or process.poll())
    time.sleep(random.uniform(0, 4))
    workers = children(process.pid) if process.poll() is None else []
    process.kill()
    assert process.wait() in (-signal.SIGKILL, 0), "where it was done already, nothing is lost"
    wait_until(lambda: not any(Path(f"/proc/{w}").exists() for w in workers))
    more = ["--resume"] if (out / "manifest.json").is_file() else []
    _, _, _, *asked = command(spec, out, "--workers", "1", *more)
    assert main(asked) == 0
    assert "4 of 4 cells" in capsys.readouterr().err
    pd.testing.assert_frame_equal(rows(out), rows(whole))
    assert (out / "results" / "report.html").is_file()


def wait_until(there, seconds=60):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def test_going_on_by_command_takes_over_what_is_not_named(spec, whole, tmp_path, capsys):
    """The number of threads, too: the sums of another one differ in their last bits."""
    store = ExperimentStore(shutil.copytree(whole, tmp_path / "out"))
    asked = ["experiment", "--resume", "--out", str(tmp_path / "out"), "--workers", "1"]
    fewer = replace(spec, explainers=("gradcam",), attacks=("fgsm",))
    named = ["--explainers", "gradcam", "--attacks", "fgsm"]
    for more, now, threads in (([], spec, 2), (["--threads", "1"], spec, 1), (named, fewer, 1)):
        assert main([*asked, *more]) == 0
        assert store.spec() == now
        manifest = store.manifest()
        assert manifest is not None and manifest["threads"] == threads
    assert main([*asked[:1], *asked[2:]]) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main(["experiment", "--resume", "--out", str(tmp_path / "none")]) == 2
    assert "holds no experiment" in capsys.readouterr().err
