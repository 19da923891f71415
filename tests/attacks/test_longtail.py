"""The long tail: the library's own results, seeded, and kept from doing harm."""

from __future__ import annotations

import copy
import math
import random
import sys
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
from radar_core.attacks.longtail import FIRST_ORDER, TABLE, methods, provided
from radar_core.attacks.longtail import guard as guarding
from radar_core.errors import AttackFailed, Cancelled
from radar_core.params import controls
from radar_core.runtime import Progress, generator
from tests import toys
from tests.test_layering import loaded_after

EPS = 1 / 32  # a float32, so that rounding does not differ
STEP = 2.5 * EPS / 5
SEED = int(torch.randint(2**31, (), generator=generator(0, "attack")))  # what seed 0 comes to
SHORT = {"steps": 5, "queries": 40}

# Each attack as one would call the library: its arguments for 5 steps at ε = 1/32.
DIRECT: dict[str, dict[str, Any]] = {
    "Square": {"norm": "Linf", "eps": EPS, "n_queries": 40, "seed": SEED},
    "FAB": {"norm": "Linf", "eps": math.inf, "steps": 5, "seed": SEED},
    "OnePixel": {"steps": 5, "popsize": 20},
    "Pixle": {"restarts": 10, "max_iterations": 5},
    "SparseFool": {"steps": 5, "lam": 3, "overshoot": 0.02},
    "Jitter": {"eps": EPS, "alpha": STEP, "steps": 5},
    "DIFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
    "TIFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
    "NIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "SINIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "VMIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "VNIFGSM": {"eps": EPS, "alpha": EPS / 5, "steps": 5},
    "EOTPGD": {"eps": EPS, "alpha": STEP, "steps": 5},
    "FFGSM": {"eps": EPS, "alpha": 1.25 * EPS},
    "RFGSM": {"eps": EPS, "alpha": STEP, "steps": 5},
}
each = pytest.mark.parametrize("declared", TABLE, ids=lambda declared: declared.id)


def attack(model: radar.Classifier, images: Tensor, name: str, **more: Any) -> Any:
    """Attack with few steps."""
    known = controls(ATTACKS[name])
    given = {key: value for key, value in SHORT.items() if key in known}
    return radar.attack(model, images, name, EPS, **{**given, **more})


def read(model: radar.Classifier, images: Tensor) -> Tensor:
    """The class read in each image."""
    return torch.tensor([model.index(reading.label) for reading in model.read(images)])


@each
def test_gives_what_the_library_gives(declared):
    square = declared.library == "Square"  # few squares do not turn a linear model
    model, images = toys.conv(seed=3) if square else toys.linear(), toys.images(3)
    result = attack(model, images, declared.id)
    compared = 0
    for image, label, ours in zip(images, read(model, images), result.images, strict=True):
        with guarding.seeded(SEED), model.held(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            direct = getattr(torchattacks, declared.library)(model, **DIRECT[declared.library])
            theirs = direct(image[None], label[None])[0]
        if not (square and torch.equal(theirs, image)):  # it gives back only what succeeded
            assert torch.allclose(ours, theirs, rtol=0, atol=1e-7)
            compared += 1
    assert compared == 3 or (square and compared)
    assert result.facts == {}, "none was stopped"


def test_reaches_a_target_as_the_library_does():
    model, images = toys.linear(), toys.images(2)
    aims = (read(model, images) + 1) % 3
    result = attack(model, images, "nifgsm", target=[model.class_names[i] for i in aims])
    direct = torchattacks.NIFGSM(model, **DIRECT["NIFGSM"])
    direct.set_mode_targeted_by_function(lambda *_: aims)
    with model.held():
        theirs = direct(images, read(model, images))
    assert torch.allclose(result.images, theirs, rtol=0, atol=1e-7)


@each
def test_another_seed_draws_anew(declared):
    model, images = toys.conv(), toys.images(2)
    first, again, other = (attack(model, images, declared.id, seed=seed) for seed in (1, 1, 2))
    draws = declared.library not in ("FAB", "SparseFool", "NIFGSM", "SINIFGSM")
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.images, other.images) != draws


def test_random_starts_are_those_of_an_image_alone():
    model = toys.linear()
    images = toys.images(1).expand(3, -1, -1, -1).clone()
    result = attack(model, images, "ffgsm")
    assert torch.equal(result.images[0], result.images[2])


def test_square_that_finds_nothing_better_than_the_image_is_no_noop():
    result = radar.attack(toys.conv(), toys.images(), "square", 1 / 8, queries=10)
    assert set(result.status) == {"held"}
    assert all(reached == pytest.approx(1 / 8) for reached in result.linf)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_gives_what_is_nearest_to_a_flip_where_there_is_none(norm):
    model, images = toys.linear(), toys.images(2)
    result = radar.attack(model, images, "square", 2 / 255, queries=30, norm=norm)
    assert result.status == ("held", "held")
    before, after = result.readings_clean, result.readings_attacked
    assert all(b.probability > a.probability for b, a in zip(before, after, strict=True)), (
        "it got somewhere"
    )
    reached = result.linf if norm == "linf" else result.l2
    assert all(0 < r <= 2 / 255 * (1 + 1e-5) for r in reached)


def test_pixle_pays_once_for_what_it_asks_twice():
    result = attack(toys.linear(), toys.images(1), "pixle", rounds=2, steps=3)
    assert result.passes.forward <= 1 + (1 + 2 * 3) + 1


def test_a_certain_model_is_a_noop_where_the_library_divides_by_zero():
    model = toys.linear()
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.mul_(1e6)
    result = attack(model, toys.images(2), "nifgsm")
    assert result.status == ("no-op", "no-op")
    assert torch.equal(result.images, result.clean)


@pytest.mark.parametrize("name", ["jitter", "nifgsm", "fab", "sparsefool"])
def test_does_not_mind_where_logits_lie(name):
    model, images = toys.linear(), toys.images(2)
    with torch.no_grad():
        model.module.head.bias -= 100
    assert radar.attack(model, images, name, "64/255").status == ("flipped", "flipped")


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
    assert result.facts["stopped"] == "FFGSM did not end by itself on 2 images"


def without_a_pass(attack: Any, images: Tensor) -> Tensor:
    while True:
        images = images + 0


def test_an_endless_loop_without_passes_is_ended(fake):
    fake(without_a_pass)
    result = attack(toys.linear(), toys.images(2), "sparsefool", most=10)
    assert result.status == ("no-op", "no-op")
    assert result.facts["stopped"] == "SparseFool did not end by itself on 2 images"


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
    assert "stopped" in bound.facts


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
    with pytest.raises(Cancelled):
        attack(model, toys.images(3), declared.id, progress=Progress(stop=stop))
    assert log == ["pass", "copied", "pass", "pass"]


def test_the_library_does_not_reach_the_model(fake):
    def rude(attack: Any, images: Tensor) -> Tensor:
        print("I was here")
        warnings.warn("and here", UserWarning, stacklevel=1)
        attack.model.train().requires_grad_(True)
        for parameter in attack.model.parameters():
            parameter.data.fill_(7)
        attack.get_logits(images.requires_grad_()).sum().backward()
        return images

    fake(rude)
    model, images = toys.disturbed(toys.conv()), toys.images(2)
    before, clean = toys.module_state(model), images.clone()
    attack(model, images, "ffgsm")
    assert toys.module_state(model) == before
    assert torch.equal(images, clean)


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
    model, images = toys.conv(), toys.images(2)
    alone = {name: attack(model, images, name).images for name in ("pixle", "vmifgsm")}
    found: dict[str, Tensor] = {}

    def run(name: str) -> None:
        found[name] = attack(toys.conv(), images, name).images

    threads = [threading.Thread(target=run, args=(name,)) for name in alone]
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


def test_lists_what_the_library_has_and_nothing_else():
    assert {declared.library for declared in TABLE} <= provided()
    assert all(hasattr(torchattacks, name) for name in provided())
    assert list(methods({"Pixle", "GN"})) == ["pixle"]
    assert methods(()) == {}
    assert {d.id for d in TABLE} <= set(ATTACKS)


def test_without_the_library_nothing_is_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert provided() == frozenset()


@each
def test_says_what_it_does_in_one_line(declared):
    method = ATTACKS[declared.id]
    first, empty, *_ = method.__doc__.splitlines()
    assert first.endswith((".", "…"))
    assert empty == ""
    assert "torchattacks" in method.__doc__
    assert "arXiv:" in method.source
    assert method.order >= FIRST_ORDER


def test_listing_attacks_does_not_load_the_library():
    assert "torchattacks" in sys.modules, "else this shows nothing"
    assert "torchattacks" not in loaded_after(
        "from radar_core.attacks import ATTACKS; len(ATTACKS)"
    )
