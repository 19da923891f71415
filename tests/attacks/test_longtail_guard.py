"""The library behind the long tail is kept from doing harm: it is seeded, silent and ended."""

from __future__ import annotations

import copy
import random
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torchattacks
from torch import Tensor, nn

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.attacks.longtail import TABLE
from radar_core.attacks.longtail import guard as guarding
from radar_core.attacks.objective import Objective
from radar_core.errors import AttackFailed, Cancelled
from radar_core.params import controls
from radar_core.runtime import Progress
from tests import toys

EPS = 1 / 32
SHORT = {"steps": 5, "queries": 40}
each = pytest.mark.parametrize("declared", TABLE, ids=lambda declared: declared.id)

STOPPED = "stopped at the most passes allowed, images"


def attack(model: radar.Classifier, images: Tensor, name: str, **more: Any) -> Any:
    """Attack with few steps."""
    known = controls(ATTACKS[name])
    given = {key: value for key, value in SHORT.items() if key in known}
    return radar.attack(model, images, name, EPS, **{**given, **more})


def test_changed_in_place_is_read_anew():
    model, images = toys.linear(), toys.images(1)
    objective = Objective(model, images, [(EPS,) * 3])
    guard = guarding.Guard(
        model, objective, torch.tensor([0]), home=model.device, passes=9, progress=Progress()
    )
    first = guard(images).clone()
    images *= 0.5
    assert not torch.allclose(first, guard(images))
    assert guard.passes == 2


class Fake(torchattacks.attack.Attack):
    """An attack of the library that does what a test wants."""

    does: Any = None

    def __init__(self, model: nn.Module, **_: Any) -> None:
        super().__init__("Fake", model)

    def forward(self, images: Tensor, labels: Tensor) -> Any:
        return type(self).does(self, images)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what the library's FFGSM and SparseFool do: a function of the attack and its images."""

    def put(does: Any) -> None:
        made = type("Fake", (Fake,), {"does": staticmethod(does)})
        monkeypatch.setattr(torchattacks, "FFGSM", made)
        monkeypatch.setattr(torchattacks, "SparseFool", made)

    return put


def broken(attack: Any, images: Tensor) -> Any:
    raise IndexError("no such\nrow")


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (broken, r"^FFGSM broke in torchattacks on toy \(IndexError: no such row\); take another"),
        (lambda _, images: images * torch.nan, "^FFGSM .* pixels that are not numbers; take"),
        (lambda _, images: images[..., 1:], r"^FFGSM .* shape \(1, 3, 32, 31\) for .*; take"),
        (lambda _, images: [images], "^FFGSM .* gave back a list for .*; take"),
    ],
)
def test_a_library_that_fails_is_refused_in_a_sentence(fake, does, said):
    fake(does)
    model = toys.classifier(toys.network(), "block", name="toy")
    drawn = toys.global_random_state()
    with pytest.raises(AttackFailed, match=said) as caught:
        attack(model, toys.images(2), "ffgsm")
    assert "\n" not in str(caught.value)
    assert toys.global_random_state() == drawn


def test_an_endless_loop_of_passes_is_ended(fake):
    def endless(attack: Any, images: Tensor) -> Tensor:
        while True:
            images = (images - 0.01).clamp(0, 1)
            attack.get_logits(images)

    fake(endless)
    result = attack(toys.linear(), toys.images(2), "ffgsm")
    assert set(result.status) <= {"held", "flipped"}
    assert all(0 < reached <= EPS for reached in result.linf), "the strongest variant, cut to ε"
    assert result.facts == {STOPPED: 2}


def without_a_pass(attack: Any, images: Tensor) -> Tensor:
    while True:
        images = images + 0


def test_an_endless_loop_without_passes_is_ended(fake):
    fake(without_a_pass)
    result = attack(toys.linear(), toys.images(2), "sparsefool", most=10)
    assert result.status == ("no-op", "no-op")
    assert result.facts == {STOPPED: 2}


def test_a_loop_without_passes_can_be_cancelled(fake):
    fake(without_a_pass)
    stop, told = threading.Event(), []

    def report(fraction: float, note: str) -> None:
        told.append(fraction)
        if len(told) == 10:
            stop.set()

    with pytest.raises(Cancelled):
        attack(
            toys.linear(), toys.images(1), "sparsefool", most=100_000,
            progress=Progress(report, stop),
        )  # fmt: skip
    assert len(told) == 10


def test_sparsefool_is_stopped_where_it_would_change_everything():
    model, images = toys.conv(), toys.images(4)
    free = attack(model, images, "sparsefool", most=100_000)
    bound = attack(model, images, "sparsefool", most=2)
    moved = [round(share * toys.SIDE**2) for share in free.changed]
    assert max(moved) > 10
    for few, status in zip(bound.changed, bound.status, strict=True):
        assert few * toys.SIDE**2 <= 2 * SHORT["steps"]
        assert status in ("flipped", "held", "no-op")
    assert STOPPED in bound.facts


class Copied(nn.Module):
    """Counts passes and copies, whichever copy makes them, and stops at a pass."""

    def __init__(self, module: nn.Module, log: list[str], stop: threading.Event, at: int) -> None:
        super().__init__()
        self.module, self.log, self.stop, self.at = module, log, stop, at

    def __deepcopy__(self, memo: dict[int, Any]) -> Copied:
        self.log.append("copied")
        return Copied(copy.deepcopy(self.module, memo), self.log, self.stop, self.at)

    def forward(self, x: Tensor) -> Tensor:
        self.log.append("pass")
        if self.log.count("pass") == self.at:
            self.stop.set()
        return self.module(x)


@each
def test_works_on_a_copy_and_stops_within_one_pass(declared):
    log: list[str] = []
    stop = threading.Event()
    model = toys.classifier(Copied(toys.network(), log, stop, 3), "module.block")
    with model.held():
        log.clear()  # without the pass on which its folding is tried
    with pytest.raises(Cancelled):
        attack(model, toys.images(3), declared.id, progress=Progress(stop=stop))
    assert log == ["pass", "copied", "pass", "pass"]


@pytest.mark.parametrize("copies", [True, False])
def test_the_library_does_not_reach_the_model(fake, copies: bool):
    def rude(attack: Any, images: Tensor) -> Tensor:
        print("I was here")
        warnings.warn("and here", UserWarning, stacklevel=1)
        attack.model.train().requires_grad_(True)
        for parameter in attack.model.parameters():
            parameter.data.fill_(7)
        attack.get_logits(images.requires_grad_()).sum().backward()
        return images

    fake(rude)
    model, images = toys.conv(), toys.images(2)
    if not copies:  # it holds a lock
        model = toys.classifier(toys.Counted(toys.network()), "module.block")
    toys.disturbed(model)
    before, clean = toys.module_state(model), images.clone()
    attack(model, images, "ffgsm")
    assert toys.module_state(model) == before
    assert torch.equal(images, clean)
    if not copies:
        assert model.module.count > 2, "the library was shown this very module"


def test_the_library_is_silent(fake, capsys):
    fake(lambda _, images: print("Attack mode is changed") or images)
    attack(toys.linear(), toys.images(1), "ffgsm")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


@pytest.mark.parametrize("fails", [False, True])
def test_global_generators_are_seeded_and_put_back(fails: bool):
    def drawn() -> tuple[float, float, float]:
        return float(torch.rand(())), float(np.random.rand()), random.random()

    def states() -> tuple[Any, ...]:
        _, keys, *rest = np.random.get_state()
        return torch.get_rng_state().tolist(), keys.tolist(), rest, random.getstate()

    before, seen = states(), []
    for _ in range(2):
        try:
            with guarding.seeded(3):
                seen.append(drawn())
                torch.manual_seed(5)  # as Square and FAB do
                if fails:
                    raise KeyError
        except KeyError:
            pass
        assert states() == before
    with guarding.seeded(4):
        seen.append(drawn())
    assert seen[0] == seen[1]
    assert all(a != b for a, b in zip(seen[0], seen[2], strict=True))


def test_two_at_once_draw_as_each_alone():
    images = toys.images(2)
    models = {name: toys.conv() for name in ("pixle", "vmifgsm")}  # drawn globally: not in threads
    alone: dict[str, Tensor] = {}
    found: dict[str, Tensor] = {}

    def run(name: str, into: dict[str, Tensor]) -> None:
        into[name] = attack(models[name], images, name).images

    for name in models:  # in threads, too: their sums may round otherwise there
        thread = threading.Thread(target=run, args=(name, alone))
        thread.start()
        thread.join(60)
    threads = [threading.Thread(target=run, args=(name, found)) for name in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(torch.equal(found[name], alone[name]) for name in alone)


def test_who_waits_for_its_turn_can_be_cancelled():
    stop = threading.Event()
    stop.set()
    with guarding._turn, pytest.raises(Cancelled), guarding.library(0, Progress(stop=stop)):
        pass
