"""Folded convolutions: the same network, and its layers as they were."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import radar_core as radar
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import ARCHITECTURES, build
from tests.models.foldable import (
    answers,
    classifier,
    folded,
    images,
    lived_in,
    near,
    unfolded,
)

FOLDED = {  # convolutions whose normalisation follows them; a DenseNet's comes before most
    "resnet50": 53,
    "inception_v3": 94,
    "densenet201": 99,
    "efficientnet_b0": 49,
    "resnet18": 20,
    "mobilenet_v3_large": 46,
    "mobilenet_v3_small": 34,
    "regnet_x_400mf": 71,
    "efficientnet_lite0": 49,
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_and_gradients_are_those_of_the_network(name: str) -> None:
    side = 96
    model = classifier(lived_in(build(name, 3)), side)
    x = images(side)
    as_it_is = answers(model, x)
    with model.held():
        assert len(model._folded or ()) == FOLDED.get(name, 0)
        found = answers(model, x)
    assert near(found[0], as_it_is[0])
    # Rounding puts an activation on the other side of a rectifier's kink now and then.
    assert (found[1] - as_it_is[1]).norm() <= 0.02 * as_it_is[1].norm()
    if name in FOLDED:  # or nothing was folded at all
        assert not torch.equal(found[0], as_it_is[0])


def test_nothing_of_the_network_changes() -> None:
    model = classifier()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    kinds, digest = [type(m) for m in model.modules()], model.sha256()
    with model.held():
        model(images())
        assert model.sha256() == digest
    assert [type(m) for m in model.modules()] == kinds and model.sha256() == digest
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(key in vars(m) for m in model.modules() for key in ("forward", "__call__"))


def falsified(model: Classifier) -> Classifier:
    """Whoever computes its first convolution folded is wrong."""
    assert folded(model) > 0
    model._folded._pairs[0].weight.mul_(3)
    return model


class Blocks(nn.Module):
    """A convolution in a part of its own, something between it and its norm, then a block."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(3)
            self.part = nn.Sequential(nn.Identity(), nn.Conv2d(3, 4, 3, padding=1))
            self.between, self.norm = nn.Identity(), nn.BatchNorm2d(4)
            self.block = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
            self.head = nn.Linear(4, 3)
        lived_in(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.between(self.part(x))))
        return self.head(self.block(x).mean((2, 3)))


@pytest.mark.parametrize("layer", ["part", "part.1", "between", "norm", "block.0", "block.1"])
@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_whoever_looks_at_a_layer_sees_it_as_it_stands(layer: str, kind: str) -> None:
    def seen(model: Classifier) -> list[Tensor]:
        found: list[Tensor] = []

        def keep(_: nn.Module, *given: Any) -> None:
            tensors = [t for each in given for t in (each if isinstance(each, tuple) else (each,))]
            found.extend(t.detach() for t in tensors if t is not None)

        part = model.module.get_submodule(layer)
        with getattr(part, f"register_{kind}_hook")(keep), model.held():
            answers(model, images())
        return found

    as_it_is = seen(unfolded(Blocks()))
    found = seen(classifier(Blocks()))
    assert as_it_is and all(near(*both, 1e-5) for both in zip(found, as_it_is, strict=True))
    assert folded(classifier(Blocks())) == 2
    if not layer.startswith("block"):  # its first convolution is not computed folded
        found = seen(falsified(classifier(Blocks())))
        assert all(near(*both, 1e-5) for both in zip(found, as_it_is, strict=True))


def test_a_hook_for_all_modules_sees_them_as_they_stand() -> None:
    model, x = falsified(classifier()), images()
    as_it_is = answers(unfolded(), x)
    hook = torch.nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        with model.held():
            assert all(map(torch.equal, answers(model, x), as_it_is))
    finally:
        hook.remove()


def test_grad_cam_looks_at_a_convolution_not_at_its_normalisation() -> None:
    model = classifier(cam_layer="second")
    found = radar.explain(model, images(), "gradcam", target="a")
    other = unfolded()
    other.cam_layer_name = "second"
    plain = radar.explain(other, images(), "gradcam", target="a")
    assert torch.allclose(torch.stack(list(found)), torch.stack(list(plain)), atol=1e-5)


def test_gradients_of_the_weights_are_those_of_the_network() -> None:
    model, x = classifier(), images()
    assert folded(model) == 2
    found = []
    for hold in (False, True):
        model.zero_grad()
        with model.held() if hold else torch.enable_grad():
            model.module.requires_grad_(True)
            model(x)[:, 0].sum().backward()
        found.append([p.grad.clone() for p in model.module.parameters()])
    assert all(map(torch.equal, *found))


def test_another_thread_that_does_not_hold_it_is_left_alone() -> None:
    model, x = falsified(classifier()), images()
    with torch.no_grad():
        as_it_is = model(x)
    found: list[Tensor] = []

    def other() -> None:
        with torch.no_grad():
            found.append(model(x))

    with model.held(), torch.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert not near(model(x), as_it_is, 0.01)
    assert torch.equal(found[0], as_it_is)


def test_the_trial_runs_a_copy() -> None:
    model, calls = classifier(), []
    with model.module.head.register_forward_hook(lambda *_: calls.append(1)):
        assert folded(model) == 2 and not calls
        model.probabilities(images())
    assert len(calls) == 1


def test_memory_is_measured_on_the_network_as_it_is() -> None:
    model, other = classifier(side=32), unfolded(side=32)
    assert model.measured_batch_size() == other.measured_batch_size()
    assert model._kept_bytes == other._kept_bytes
    with model.held():
        assert model.measured_batch_size() and model._holder == threading.get_ident()
