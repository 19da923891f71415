"""What stands between the library and everything else: the model's passes, and the process."""

from __future__ import annotations

import contextlib
import copy
import io
import random
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from radar_core.attacks.objective import Objective
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress

CALLS_A_LOOK = 256  # calls of torch between two looks at whether to stop

_turn = threading.Lock()  # the library draws from the global generators: one attack at a time


class Endless(Exception):
    """The library goes on beyond what its algorithm asks for."""


class Guard(nn.Module):
    """What the library is given as the model: the passes of a few rows, and nothing else of it.

    Each pass is told beforehand, what does not end by itself is ended, gradients are noted, with
    what is no number as zero, and the strongest variant that was looked at is kept.

    Args:
        model: held by the caller.
        rows: of the objective, in the order in which the library is given their images.
        home: where the library works; the model's passes are made where the model is.
        passes: the most forward passes that the algorithm asks for.
        progress: of these rows.

    Attributes:
        strongest: the variant of each row that lay furthest past the decision boundary, but for
            the clean image itself, which stands here until there is one.
        flat: rows of which some gradient was zero.
        passes: made so far.
    """

    def __init__(
        self,
        model: Classifier,
        objective: Objective,
        rows: Tensor,
        *,
        home: torch.device,
        passes: int,
        progress: Progress,
    ) -> None:
        super().__init__()
        # The library works where the first parameter of its model is.
        self.home = nn.Parameter(torch.zeros((), device=home), requires_grad=False)
        self._model = (model,)  # in a tuple it is no submodule: its modes are out of reach
        self._objective, self._rows, self._progress = objective, rows, progress
        self._expected, self.passes = passes, 0
        self._last: tuple[Tensor, int, Tensor] | None = None
        self.strongest = objective.clean[rows].clone()
        self._margins = torch.full_like(self.strongest[:, 0, 0, 0], -torch.inf)
        self.flat = torch.zeros_like(self._margins, dtype=torch.bool)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, on the device of the images.

        Raises:
            Cancelled: the watcher asked to stop.
            Endless: many more passes than the algorithm asks for.
        """
        wanted = images.requires_grad and torch.is_grad_enabled()
        if self._last is not None and not wanted:
            seen, version, known = self._last
            if seen is images and version == images._version:
                return known.clone()  # Pixle asks about each variant twice
        if self.passes >= 2 * self._expected + 10:
            raise Endless
        self.look()
        self.passes += 1
        model = self._model[0]
        given = images.to(model.device)
        if wanted:
            given = given.view_as(given)
            sound = given.detach().isfinite().flatten(1).all(1)
            given.register_hook(lambda gradient: self._saw(gradient, sound))
        logits: Tensor = model(given)
        if wanted and not logits.requires_grad:
            logits = logits + 0 * given.flatten(1).sum(1, keepdim=True)
        self._keep(given.detach(), logits.detach())
        logits = logits.to(images.device)
        self._last = None if wanted else (images, images._version, logits.clone())
        return logits

    def look(self) -> None:
        """Say how far the library is.

        Raises:
            Cancelled: the watcher asked to stop.
        """
        done = min(self.passes / self._expected, 1.0)
        self._progress.step(done, f"pass {self.passes + 1}")

    def _saw(self, gradient: Tensor, sound: Tensor) -> Tensor:
        # Laid out in rows: a gradient comes as channels_last, and the library views it as a vector.
        gradient = gradient.nan_to_num(0.0).contiguous()
        if len(gradient) == len(self._rows):
            self._objective.saw(gradient, self._rows)
            self.flat |= sound & ~gradient.flatten(1).any(1)
        return gradient

    @torch.no_grad()
    def _keep(self, images: Tensor, logits: Tensor) -> None:
        rows = self._rows
        if len(rows) == 1:
            rows = rows.expand(len(images))
        if images.shape[1:] != self.strongest.shape[1:] or len(images) != len(rows):
            return
        margins = self._objective.margin(logits, rows)
        moved = (images != self._objective.clean[rows]).flatten(1).any(1)
        margins = margins.masked_fill(~moved, -torch.inf)
        if len(self._rows) == 1:  # of a whole population the best
            best = margins.argmax()[None]
            margins, images = margins[best], images[best]
        better = margins > self._margins
        self._margins[better] = margins[better]
        self.strongest[better] = images[better]


class Watched(TorchFunctionMode):
    """Looks at each call of torch, so that library code that loops without a pass can be stopped.

    Args:
        most: calls between two passes.

    Raises:
        Cancelled: the watcher asked to stop.
        Endless: more calls than that.
    """

    def __init__(self, guard: Guard, most: int) -> None:
        super().__init__()
        self._guard, self._most = guard, most
        self._passes, self._calls = 0, 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Called by torch in the place of `function`."""
        if self._passes != self._guard.passes:
            self._passes, self._calls = self._guard.passes, 0
        self._calls += 1
        if self._calls > self._most:
            raise Endless
        if self._calls % CALLS_A_LOOK == 0:
            self._guard.look()
        return function(*args, **(kwargs or {}))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """The global generators of torch, NumPy and Python start from a seed, and are put back."""
    cards = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(cards):
        try:
            torch.default_generator.manual_seed(seed)
            for card in cards:
                torch.cuda.default_generators[card].manual_seed(seed)
            np.random.set_state(np.random.RandomState(seed).get_state())
            random.setstate(random.Random(seed).getstate())
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


@contextlib.contextmanager
def library(seed: int, progress: Progress) -> Iterator[None]:
    """What the library needs of the process for one attack: seeded, silent, gradients on.

    Raises:
        Cancelled: the watcher asked to stop before it was this attack's turn.
    """
    while not _turn.acquire(timeout=0.2):
        progress.step(0.0, "waiting for another attack")
    try:
        with seeded(seed), warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    finally:
        _turn.release()


def copied(model: Classifier) -> Classifier:
    """A classifier about a copy of the module.

    A module that cannot be copied (it holds a lock, say) is taken as it is: a `Guard` shows nothing
    of it but its passes, and the caller holds it.
    """
    try:
        module = copy.deepcopy(model.module)
    except Exception:  # whatever the parts of a stranger's module raise
        return model
    return Classifier(
        module,
        model.class_names,
        mean=model.mean.flatten().tolist(),
        std=model.std.flatten().tolist(),
        cam_layer=model.cam_layer_name,
        input_size=model.input_size,
        name=model.name,
    )
