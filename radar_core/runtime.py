"""The one place that chooses device, threads, precision and batch size; seeds; progress."""

from __future__ import annotations

import contextlib
import contextvars
import importlib.metadata
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from radar_core.errors import Cancelled, DeviceUnavailable, OutOfMemory
from radar_core.settings import settings

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
VERSIONED = ("torch", "torchvision", "captum", "lime", "torchattacks", "numpy", "streamlit")


@dataclass(frozen=True)
class Machine:
    """What computations run on; `note` says it to people, `fell_back` that no GPU was found."""

    device: str
    name: str
    threads: int
    precision: str
    fell_back: bool
    note: str


def choose_device(wanted: str, cuda: bool, mps: bool) -> tuple[str, bool]:
    """The torch device for a wish, given what the machine has, and whether it is a fall-back.

    `auto` takes CUDA, then MPS, then the CPU, the last counting as a fall-back. A device named
    outright is not replaced.

    Raises:
        DeviceUnavailable: a named device that the machine does not have.
    """
    wanted = wanted.strip().lower()
    if wanted == "auto":
        return ("cuda" if cuda else "mps" if mps else "cpu"), not (cuda or mps)
    kind = wanted.split(":")[0]
    if not {"cuda": cuda, "mps": mps, "cpu": True}.get(kind, False):
        raise DeviceUnavailable(
            f"RADAR_DEVICE asks for {wanted!r}, which this machine does not have; "
            "use auto, cpu, or install a torch build for that device"
        )
    return wanted, False


@lru_cache(maxsize=1)
def machine() -> Machine:
    """The machine of this process, chosen once; torch is told its number of threads.

    Raises:
        DeviceUnavailable: `RADAR_DEVICE` names a device that is not there.
    """
    import torch

    wish = settings()
    device, fell_back = choose_device(
        wish.device, torch.cuda.is_available(), torch.backends.mps.is_available()
    )
    try:
        torch.empty(1, device=device)
    except RuntimeError as error:
        raise DeviceUnavailable(
            f"{device} cannot be used ({error}); set RADAR_DEVICE=cpu"
        ) from None
    torch.set_num_threads(wish.threads or torch.get_num_threads())
    threads = torch.get_num_threads()
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(torch.device(device))
        note = f"Runs on the GPU {name}."
    elif device == "mps":
        name, note = "Apple GPU", "Runs on the Apple GPU (MPS)."
    else:
        name = platform.processor() or platform.machine()
        cores = f"{threads} CPU thread{'s' if threads > 1 else ''}"
        note = f"No GPU found: runs on {cores}." if fell_back else f"Runs on {cores}, as asked."
    return Machine(device, name, threads, wish.precision, fell_back, note)


def device_kind() -> str:
    """As `cpu (x86_64)` or `cuda (NVIDIA H200)`: on another kind, last digits may differ."""
    found = machine()
    return f"{found.device.split(':')[0]} ({found.name})"


def device() -> torch.device:
    """The torch device of this process."""
    import torch

    return torch.device(machine().device)


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of the libraries a number depends on."""
    from radar_core import __version__

    found = {"radar": __version__, "python": platform.python_version()}
    for name in VERSIONED:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def describe() -> dict[str, object]:
    """The machine as plain values, for every JSON."""
    return asdict(machine())


def generator(seed: int, *stream: int | str) -> torch.Generator:
    """A CPU generator for a seed and a named stream of draws; the global one is never touched.

    Draws are made on the CPU and moved, so that a seed gives the same noise on every device.
    """
    import hashlib

    import torch

    text = "/".join(str(part) for part in (seed, *stream))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


# Measured over the architectures of the zoo at 224 px (benchmarks/memory.py): activations kept for
# a backward pass take at most 350 times the input (DenseNet-201), a forward pass alone 55 (VGG-16).
BYTES_PER_INPUT_BYTE = {False: 60, True: 360}
# Beyond some 16 images of 224 px a CPU's passes get slower, not faster: what one layer writes has
# left the caches before the next one reads it (at 64 images, up to twice the time an image).
CPU_PIXELS = 16 * 224 * 224


def batch_size(height: int, width: int, *, gradients: bool, bytes_per_image: int = 0) -> int:
    """How many images of that size one pass may hold within the memory budget (at least 1).

    Args:
        bytes_per_image: what one image is known to take; without it, what the hungriest
            architecture of the zoo would.
    """
    one = bytes_per_image or 3 * height * width * 4 * BYTES_PER_INPUT_BYTE[gradients]
    budget = settings().memory_mb * 2**20
    if machine().device.startswith("cuda"):
        import torch

        budget = max(budget, torch.cuda.mem_get_info()[0] // 2)
    most = max(1, CPU_PIXELS // (height * width)) if machine().device == "cpu" else 256
    return max(1, min(budget // one, most, 256))


def halving(
    count: int, size: int, work: Callable[[int, int], T], said: Callable[[str], None]
) -> list[T]:
    """The results of `work(start, end)` over `count` items, at most `size` at a time.

    Where the device has too little memory, the size is halved and the work goes on from the item
    it had come to; what happened is said in one sentence.

    Raises:
        OutOfMemory: not even one item fits.
    """
    import torch

    done: list[T] = []
    at = 0
    while at < count:
        end = min(at + size, count)
        try:
            done.append(work(at, end))
        except torch.OutOfMemoryError:
            size = end - at
        else:
            at = end
            continue
        # Out of the handler: its traceback holds the tensors that did not fit.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size == 1:
            raise OutOfMemory(
                f"{machine().name} has too little memory for one image; take a smaller model or "
                "input size, or set RADAR_DEVICE=cpu"
            )
        size //= 2
        said(f"{machine().name} ran out of memory; went on with batches of {size}.")
    return done


@dataclass
class Passes:
    """Images that went through a model, forward and backward, while a meter was open."""

    forward: int = 0
    backward: int = 0

    def add(self, other: Passes) -> None:
        """Count those of another, too."""
        self.forward += other.forward
        self.backward += other.backward


_meter: contextvars.ContextVar[Passes | None] = contextvars.ContextVar("passes", default=None)


@contextlib.contextmanager
def count_passes() -> Iterator[Passes]:
    """Count the model passes of this thread within the block; an outer meter counts them too."""
    inner, outer = Passes(), _meter.get()
    token = _meter.set(inner)
    try:
        yield inner
    finally:
        _meter.reset(token)
        if outer is not None:
            outer.add(inner)


@contextlib.contextmanager
def uncounted() -> Iterator[None]:
    """Passes within the block are nobody's."""
    token = _meter.set(None)
    try:
        yield
    finally:
        _meter.reset(token)


def open_meter() -> Passes | None:
    """The innermost open meter of this thread."""
    return _meter.get()


class Progress:
    """What a long computation tells its watcher, and how it is told to stop.

    `report(fraction, note)` is called at each step with a fraction in [0, 1] of the whole.
    """

    def __init__(
        self,
        report: Callable[[float, str], None] | None = None,
        stop: threading.Event | None = None,
        *,
        _low: float = 0.0,
        _high: float = 1.0,
    ) -> None:
        self._report, self._stop, self._low, self._high = report, stop, _low, _high

    def step(self, fraction: float, note: str = "") -> None:
        """Say how far the work is.

        Raises:
            Cancelled: the watcher asked to stop.
        """
        if self._stop is not None and self._stop.is_set():
            raise Cancelled("cancelled")
        if self._report is not None:
            whole = self._low + (self._high - self._low) * min(max(fraction, 0.0), 1.0)
            self._report(whole, note)

    def part(self, low: float, high: float) -> Progress:
        """The progress of a part of the work, from fraction `low` to `high` of this one."""
        span = self._high - self._low
        return Progress(
            self._report, self._stop, _low=self._low + span * low, _high=self._low + span * high
        )


def torch_loaded() -> bool:
    """Whether torch is already in memory (a page may say *starting* until it is)."""
    return "torch" in sys.modules
