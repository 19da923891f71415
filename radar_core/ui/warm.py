"""What takes seconds to load is loaded once, by a thread, while the pages already paint."""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass, field

from radar_core.errors import RadarError
from radar_core.ui.jobs import BUG

log = logging.getLogger(__name__)


@dataclass
class Warmth:
    """How far the start is: `ready` once the methods can be listed, even if a model failed.

    Attributes:
        note: what is being loaded, for the page that waits.
        error: one sentence, where the start went wrong.
    """

    ready: threading.Event = field(default_factory=threading.Event)
    note: str = "loading PyTorch"
    error: str = ""


_warmth = Warmth()
_lock = threading.Lock()
_painted = threading.Event()
_started = False
PATIENCE = 1.5


def start(*, painted: bool = True) -> Warmth:
    """Start warming up unless that was done; returns how far it is.

    Args:
        painted: a page is on its way to a visitor. Otherwise the imports, which would slow that
            first page down, wait for it a moment.
    """
    global _started  # noqa: PLW0603  # one start a process
    with _lock:
        if painted:
            _painted.set()
        if not _started:
            _started = True
            threading.Thread(target=_warm, name="warm-up", daemon=True).start()
    return _warmth


def progress() -> Warmth:
    """How far it is."""
    return _warmth


def _warm() -> None:
    _painted.wait(PATIENCE)
    try:
        from radar_core.attacks import ATTACKS
        from radar_core.explainers import EXPLAINERS
        from radar_core.localisation import LOCALISATION
        from radar_core.metrics import METRICS
        from radar_core.models.store import list_models
        from radar_core.runtime import machine

        machine()
        _warmth.note = "looking up methods"
        for registry in (ATTACKS, EXPLAINERS, METRICS, LOCALISATION):
            len(registry)
        _warmth.ready.set()
        models = list_models()
        if models:
            _first_pass(models[0].name)
        gc.freeze()  # what is loaded stays: later collections need not walk over it
    except RadarError as error:
        _warmth.error = str(error)
    except Exception:
        log.exception("the warm-up failed")
        _warmth.error = BUG
    finally:
        _warmth.ready.set()


def _first_pass(name: str) -> None:
    """One forward pass, so that the first visitor does not wait for allocations."""
    import torch

    from radar_core.models.store import load_model

    model = load_model(name)
    side = model.input_size
    model.read(torch.full((1, 3, side, side), 0.5, device=model.device))
