"""Folded convolutions: the same network, its layers as they were, and never an old one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import radar_core as radar
from radar_core.models.classifier import Classifier
from radar_core.models.folding import fold
from radar_core.models.zoo import ARCHITECTURES, build

CLASSES = ("a", "b", "c")
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


def lived_in(module: nn.Module, seed: int = 0) -> nn.Module:
    """As after training: no running mean is 0, no variance 1."""
    draws = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.copy_(torch.randn(part.num_features, generator=draws) / 10)
            part.running_var.copy_(torch.rand(part.num_features, generator=draws) + 0.5)
            with torch.no_grad():
                part.weight.copy_(torch.rand(part.num_features, generator=draws) + 0.5)
                part.bias.copy_(torch.randn(part.num_features, generator=draws) / 10)
    return module.eval()


class Net(nn.Module):
    """Two blocks; `path` may do with the layers what it likes."""

    def __init__(self, path: Callable[[Net, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(3)
            self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
            self.norm, self.after = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 3)
        self.path = path
        lived_in(self)

    def forward(self, x: Tensor) -> Tensor:
        if self.path is not None:
            return self.head(self.path(self, x).mean((2, 3)))
        x = F.relu(self.norm(self.first(x)))
        return self.head(F.relu(self.after(self.second(x))).mean((2, 3)))


def classifier(module: nn.Module | None = None, side: int = 16, **more: Any) -> Classifier:
    return Classifier(module or Net(), CLASSES, input_size=side, **more)


def images(side: int = 16, count: int = 2) -> Tensor:
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(1))


def answers(model: Classifier, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and the gradient of the first class's."""
    x = x.clone().requires_grad_()
    logits = model(x)
    return logits.detach(), torch.autograd.grad(logits[:, 0].sum(), x)[0]


def folded(model: Classifier) -> int:
    with model.held():
        return len(model._folded or ())


def near(one: Tensor, other: Tensor, within: float = 1e-4) -> bool:
    return bool((one - other).abs().max() <= within * other.abs().max())


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


@pytest.mark.parametrize("layer", ["first", "norm", "second"])
@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward", "full_backward_pre"])
def test_whoever_looks_at_a_layer_sees_it_as_it_stands(layer: str, kind: str) -> None:
    model, seen = classifier(), []

    def keep(*given: Any) -> None:
        # A layer, then what it is given, what it makes, or their gradients.
        seen.append(next(t for t in reversed(given) if t is not None and t is not given[0]))

    part = model.module.get_submodule(layer)
    assert folded(model) == 2
    with getattr(part, f"register_{kind}_hook")(keep):
        answers(model, images())
        with model.held():
            answers(model, images())
    as_it_is, found = (s[0] if isinstance(s, tuple) else s for s in seen)
    assert near(found, as_it_is, 1e-5)


def test_grad_cam_looks_at_a_convolution_not_at_its_normalisation() -> None:
    model = classifier(cam_layer="second")
    found = radar.explain(model, images(), "gradcam", target="a")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("radar_core.models.classifier.fold", lambda *_: None)
        plain = radar.explain(classifier(cam_layer="second"), images(), "gradcam", target="a")
    assert torch.allclose(torch.stack(list(found)), torch.stack(list(plain)), atol=1e-5)


def stepped(net: Net) -> None:
    optimiser = torch.optim.SGD(net.parameters(), 0.5)
    net.head(net(images()).detach().new_zeros(2, 4)).sum().backward()
    net(images()).square().sum().backward()
    optimiser.step()


def statistics_alone(net: Net) -> None:
    net.train()
    with torch.no_grad():
        net(3 * images())
    net.eval()


def behind_autograd(net: Net) -> None:
    net.first.weight.data.mul_(1.5)


def replaced(net: Net) -> None:
    net.second.weight = nn.Parameter(net.second.weight.detach() * 2)


def loaded(net: Net) -> None:
    net.load_state_dict(lived_in(Net(), 7).state_dict())


def given_other_memory(net: Net) -> None:
    net.after.running_mean.data = net.after.running_mean + 1


@pytest.mark.parametrize(
    "change",
    [stepped, statistics_alone, behind_autograd, replaced, loaded, given_other_memory],
)
def test_a_changed_network_is_folded_anew(change: Callable[[Net], None]) -> None:
    model, x = classifier(), images()
    assert folded(model) == 2
    before = model.probabilities(x)
    change(model.module)
    with torch.no_grad():
        as_it_is = model(x).softmax(1)
    assert near(model.probabilities(x), as_it_is) and not near(before, as_it_is, 1e-3)
    assert folded(model) == 2


def test_the_same_network_is_folded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []

    def counted(*given: Any) -> Any:
        times.append(1)
        return fold(*given)

    monkeypatch.setattr("radar_core.models.classifier.fold", counted)
    model = classifier()
    for _ in range(3):
        with model.held(), model.held():
            model(images())
    assert len(times) == 1


def used_before_its_norm(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    return net.norm(made) + made


def one_norm_for_two(net: Net, x: Tensor) -> Tensor:
    return net.norm(net.second(F.relu(net.norm(net.first(x)))))


def two_norms_for_one(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    return net.norm(made) + net.after(made)


def twice(net: Net, x: Tensor) -> Tensor:
    return net.norm(net.first(x)) + net.first(x.flip(3))


def something_between(net: Net, x: Tensor) -> Tensor:
    return net.norm(F.relu(net.first(x)))


def chance(net: Net, x: Tensor) -> Tensor:
    return F.dropout(net.norm(net.first(x)), 0.5, training=True)


@pytest.mark.parametrize(
    "path",
    [used_before_its_norm, one_norm_for_two, two_norms_for_one, twice, something_between, chance],
)
def test_what_cannot_be_folded_runs_as_it_is(path: Callable[[Net, Tensor], Tensor]) -> None:
    model, x = classifier(Net(path)), images()
    assert folded(model) == 0
    if path is not chance:
        as_it_is = answers(model, x)
        with model.held():
            assert all(map(torch.equal, answers(model, x), as_it_is))


def test_a_network_that_fails_on_noise_says_its_own_error() -> None:
    def fails(net: Net, x: Tensor) -> Tensor:
        raise KeyError("its own")

    model = classifier(Net(fails))
    with pytest.raises(KeyError, match="its own"), model.held():
        model(images())
    assert model._holders == 0


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
    model, x = classifier(), images()
    with torch.no_grad():
        as_it_is = model(x)
    found: list[Tensor] = []

    def other() -> None:
        with torch.no_grad():
            found.append(model.module((x - model.mean) / model.std))

    with model.held(), torch.no_grad():
        with model._folded.used():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert not torch.equal(model(x), as_it_is)
    assert near(found[0], as_it_is, 1e-6)


def test_hooks_of_somebody_are_not_called_by_the_trial() -> None:
    model, calls = classifier(), []
    hook = model.module.head.register_forward_hook(lambda *_: calls.append(1))
    assert folded(model) == 0 and not calls
    hook.remove()
    assert folded(model) == 2


def test_half_precision_runs_as_it_is() -> None:
    assert folded(classifier(Net().to(torch.bfloat16))) == 0
