"""The machine, streams of draws, batch sizes, pass counting and progress."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from radar_core import runtime
from radar_core.errors import Cancelled, DeviceUnavailable, OutOfMemory
from radar_core.runtime import (
    Passes,
    Progress,
    batch_size,
    choose_device,
    count_passes,
    describe,
    generator,
    halving,
    machine,
    open_meter,
    uncounted,
    versions,
)
from radar_core.settings import Settings
from tests import toys


@pytest.fixture
def wish(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Settings may be set here; the machine is chosen anew, and once more afterwards."""
    threads = torch.get_num_threads()
    machine.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    machine.cache_clear()
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("wanted", "cuda", "mps", "expected"),
    [
        ("auto", True, True, ("cuda", False)),
        ("auto", True, False, ("cuda", False)),
        ("auto", False, True, ("mps", False)),
        ("auto", False, False, ("cpu", True)),
        (" AUTO ", False, False, ("cpu", True)),
        ("cpu", True, True, ("cpu", False)),
        ("cuda", True, False, ("cuda", False)),
        ("cuda:1", True, False, ("cuda:1", False)),
        ("mps", False, True, ("mps", False)),
    ],
)
def test_device_for_a_wish(wanted: str, cuda: bool, mps: bool, expected: tuple[str, bool]):
    assert choose_device(wanted, cuda, mps) == expected


@pytest.mark.parametrize(
    ("wanted", "cuda", "mps"),
    [("cuda", False, True), ("cuda:0", False, False), ("mps", True, False), ("tpu", True, True)],
)
def test_a_named_device_is_not_replaced(wanted: str, cuda: bool, mps: bool):
    with pytest.raises(DeviceUnavailable, match=f"{wanted}.*does not have; use auto, cpu"):
        choose_device(wanted, cuda, mps)


def test_machine_says_what_it_runs_on(wish: pytest.MonkeyPatch):
    wish.setattr(runtime, "settings", lambda: Settings(device="cpu", threads=1))
    found = machine()
    assert (found.device, found.threads, found.fell_back) == ("cpu", 1, False)
    assert found.note == "Runs on 1 CPU thread, as asked."
    assert torch.get_num_threads() == 1
    assert describe()["device"] == "cpu"


def test_machine_says_that_no_gpu_was_found(wish: pytest.MonkeyPatch):
    wish.setattr(runtime, "settings", lambda: Settings(threads=2))
    wish.setattr(torch.cuda, "is_available", lambda: False)
    wish.setattr(torch.backends.mps, "is_available", lambda: False)
    found = machine()
    assert found.fell_back
    assert found.note == "No GPU found: runs on 2 CPU threads."


def test_a_device_that_does_not_work_is_refused(wish: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image")

    wish.setattr(runtime, "settings", lambda: Settings(device="cuda:1"))
    wish.setattr(torch.cuda, "is_available", lambda: True)
    wish.setattr(torch, "empty", broken)
    with pytest.raises(DeviceUnavailable, match=r"no kernel image.*set RADAR_DEVICE=cpu"):
        machine()


@pytest.mark.cuda
def test_cuda_is_chosen_and_computes_what_the_cpu_does(wish: pytest.MonkeyPatch):
    wish.setattr(runtime, "settings", Settings)
    found = machine()
    assert found.device == "cuda"
    assert not found.fell_back
    assert "GPU" in found.note
    assert batch_size(224, 224, gradients=True) >= 1
    on_cpu, on_gpu = toys.conv(), toys.conv().to("cuda")
    x = toys.images()
    assert torch.allclose(on_gpu.probabilities(x.cuda()).cpu(), on_cpu.probabilities(x), atol=1e-3)


def test_versions_name_what_numbers_depend_on():
    found = versions()
    assert found["torch"] == torch.__version__.split("+")[0]
    assert {"radar", "python", "numpy", "captum", "lime"} <= set(found)


def test_streams_of_a_seed_are_their_own_and_repeat():
    def draw(*stream: int | str) -> list[float]:
        return torch.rand(4, generator=generator(*stream)).tolist()  # type: ignore[arg-type]

    assert draw(0, "pgd") == draw(0, "pgd")
    assert len({tuple(draw(*s)) for s in [(0,), (1,), (0, "pgd"), (0, "lime"), (0, "pgd", 1)]}) == 5
    before = toys.global_random_state()
    draw(7)
    assert toys.global_random_state() == before


def test_batch_size_keeps_the_memory_budget(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "settings", lambda: Settings(device="cpu", memory_mb=800))
    with_gradients = batch_size(224, 224, gradients=True)
    without = batch_size(224, 224, gradients=False)
    assert 1 <= with_gradients < without <= 256
    used = with_gradients * 3 * 224 * 224 * 4 * runtime.BYTES_PER_INPUT_BYTE[True]
    assert used <= 800 * 2**20
    assert batch_size(8, 8, gradients=False) == 256
    assert batch_size(20_000, 20_000, gradients=True) == 1


def test_passes_are_counted_and_an_outer_meter_counts_the_inner():
    model = toys.conv()
    x = toys.images(3)
    assert open_meter() is None
    with count_passes() as outer:
        model(x)
        with count_passes() as inner:
            image = x.clone().requires_grad_()
            model(image).sum().backward()
        assert (inner.forward, inner.backward) == (3, 3)
        assert outer.forward == 6
        with torch.no_grad():
            model(x[:1])
    assert open_meter() is None
    assert outer == Passes(forward=7, backward=3)


def test_passes_of_another_thread_are_not_counted():
    model = toys.conv()
    with count_passes() as counted:
        thread = threading.Thread(target=lambda: model(toys.images(2)))
        thread.start()
        thread.join()
    assert counted.forward == 0


def test_a_meter_closes_after_an_error():
    model = toys.classifier(toys.Counted(toys.network(), fail=2), "module.block")

    def two_passes() -> None:
        with count_passes():
            model(toys.images(2))
            model(toys.images(2))

    with count_passes() as outer:
        with pytest.raises(RuntimeError, match="out of memory"):
            two_passes()
        assert open_meter() is outer
    assert open_meter() is None
    assert outer.forward == 2


def test_progress_of_parts_is_a_share_of_the_whole():
    seen: list[tuple[float, str]] = []
    whole = Progress(lambda fraction, note: seen.append((fraction, note)))
    part = whole.part(0.2, 0.6)
    part.step(0.5, "half")
    part.part(0.5, 1.0).step(0.5, "deeper")
    part.step(2.0)
    part.step(-1.0)
    assert [f for f, _ in seen] == pytest.approx([0.4, 0.5, 0.6, 0.2])
    assert [n for _, n in seen] == ["half", "deeper", "", ""]


def test_progress_stops_when_asked_in_every_part():
    stop = threading.Event()
    seen: list[float] = []
    whole = Progress(lambda fraction, _: seen.append(fraction), stop)
    part = whole.part(0.5, 1.0)
    part.step(0.0)
    stop.set()
    for progress in (whole, part):
        with pytest.raises(Cancelled):
            progress.step(1.0)
    assert seen == [0.5]
    Progress().step(0.3, "nobody watches")


def test_halving_goes_on_with_less_and_says_so():
    sizes: list[int] = []
    said: list[str] = []

    def work(first: int, last: int) -> list[int]:
        sizes.append(last - first)
        if last - first > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return list(range(first, last))

    found = halving(10, 8, work, said.append)
    assert [i for part in found for i in part] == list(range(10))
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    assert said[0].endswith("went on with batches of 4.")
    assert len(said) == 2


def test_halving_ends_at_one():
    def work(first: int, last: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemory, match="too little memory for one image"):
        halving(4, 4, work, lambda _: None)


def test_uncounted_passes_are_nobodys():
    from tests import toys

    model, images = toys.conv(), toys.images(2)
    with count_passes() as passes, torch.no_grad():
        model(images)
        with uncounted():
            model(images)
    assert passes.forward == 2
