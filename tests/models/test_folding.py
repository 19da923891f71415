"""Folded convolutions: the same network, its layers as they were, and never an old one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

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


class Unfolded(Classifier):
    def _fold(self) -> None:
        pass


def unfolded(module: nn.Module | None = None, side: int = 16) -> Classifier:
    """A classifier of which nothing is ever folded."""
    return Unfolded(module or Net(), CLASSES, input_size=side)


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


def tuned(net: Net) -> None:
    """The normalisations alone, by a fused optimiser, which autograd does not hear of."""
    own = [*net.norm.parameters(), *net.after.parameters()]
    optimiser = torch.optim.AdamW(own, 0.5, fused=True)
    net(images()).square().sum().backward()
    optimiser.step()
    net.zero_grad()


def shifted(net: Net) -> None:
    net.norm.bias.data.add_(1)


def scaled(net: Net) -> None:
    net.norm.weight.data[1] *= 3


def spread(net: Net) -> None:
    net.norm.running_var.data[-1:] = 9


def convolution_shifted(net: Net) -> None:
    net.second.bias.data[2] += 1


def steadied(net: Net) -> None:
    net.norm.eps = 0.5


def another_norm(net: Net) -> None:
    net.norm = nn.BatchNorm2d(4).eval()


CHANGES = (
    *(stepped, statistics_alone, behind_autograd, replaced, loaded, given_other_memory, tuned),
    *(shifted, scaled, spread, convolution_shifted, steadied, another_norm),
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_network_is_folded_anew(change: Callable[[Net], None]) -> None:
    model, x = classifier(), images()
    assert folded(model) == 2
    before = model.probabilities(x)
    change(model.module)
    with torch.no_grad():
        as_it_is = model(x).softmax(1)
    assert near(model.probabilities(x), as_it_is) and not near(before, as_it_is, 1e-3)
    assert folded(model) == 2


def test_a_norm_taken_out_is_not_computed() -> None:
    model, x = classifier(), images()
    assert folded(model) == 2
    model.module.norm = nn.Identity()
    as_it_is = model.module((x - model.mean) / model.std).softmax(1)
    assert near(model.probabilities(x), as_it_is) and folded(model) == 1


def test_another_network_is_folded_as_itself() -> None:
    model, x = classifier(), images()
    before = model.probabilities(x)
    model.module = lived_in(Net(), 5)
    assert near(model.probabilities(x), classifier(lived_in(Net(), 5)).probabilities(x))
    assert not near(model.probabilities(x), before, 1e-3) and folded(model) == 2


def test_weights_changed_while_it_is_held_are_seen() -> None:
    model, x = classifier(), images()
    with model.held(), torch.no_grad():
        before = model(x)
        model.module.norm.weight.mul_(2)
        as_it_is = model.module((x - model.mean) / model.std)
        assert near(model(x), as_it_is, 1e-5) and not near(before, as_it_is, 1e-3)


def test_whether_it_is_folded_does_not_hang_on_its_past() -> None:
    few, broken = classifier(Net().to(torch.bfloat16)), classifier()
    assert folded(few) == 0
    few.module.float()
    assert folded(few) == 2
    with torch.no_grad():
        kept = broken.module.norm.weight.clone()
        broken.module.norm.weight.fill_(float("nan"))
        assert folded(broken) == 0
        broken.module.norm.weight.copy_(kept)
    assert folded(broken) == 2
    looked_at = classifier()
    with looked_at.module.norm.register_forward_hook(lambda *_: None):
        assert folded(looked_at) == 2


def test_first_held_in_inference_mode() -> None:
    model, x = classifier(), images()
    with torch.inference_mode():
        model.probabilities(x)
    with model.held():
        assert near(answers(model, x)[1], answers(unfolded(), x)[1]) and len(model._folded) == 2


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


def in_place_between(net: Net, x: Tensor) -> Tensor:
    return net.norm(F.relu_(net.first(x)))


def hardly_any(net: Net, x: Tensor) -> Tensor:
    return 1e-6 * net.norm(F.relu_(net.first(x)))


def saturated(net: Net, x: Tensor) -> Tensor:
    return (1e4 * net.norm(F.relu_(net.first(x)))).softmax(1)


def by_a_view(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    made[:, :2] *= 2
    return net.norm(made)


def seen_elsewhere(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    return net.norm(made) + torch.cat([made[:, :2], net.second(made)[:, 2:]], 1)


def chance(net: Net, x: Tensor) -> Tensor:
    return F.dropout(net.norm(net.first(x)), 0.5, training=True)


def computed_again(net: Net, x: Tensor) -> Tensor:
    return checkpoint(lambda y: net.norm(net.first(y)), x, use_reentrant=False)


def computed_again_at_once(net: Net, x: Tensor) -> Tensor:
    return checkpoint(lambda y: net.norm(net.first(y)), x, use_reentrant=True)


STRANGE = (
    *(used_before_its_norm, one_norm_for_two, two_norms_for_one, twice, something_between),
    *(in_place_between, hardly_any, saturated, by_a_view, seen_elsewhere, chance),
    *(computed_again, computed_again_at_once),
)


@pytest.mark.parametrize("path", STRANGE)
def test_what_cannot_be_folded_runs_as_it_is(path: Callable[[Net, Tensor], Tensor]) -> None:
    model, x = classifier(Net(path)), images()
    before = torch.get_rng_state()
    assert folded(model) == 0 and torch.equal(torch.get_rng_state(), before)
    if path not in (chance, computed_again_at_once):
        as_it_is = answers(model, x)
        with model.held():
            assert all(map(torch.equal, answers(model, x), as_it_is))


def by_number(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    return net.norm(made) if len(x) < 3 else made


def by_need(net: Net, x: Tensor) -> Tensor:
    made = net.first(x)
    return net.norm(made if len(x) < 3 else made + 1)


@pytest.mark.parametrize("path", [by_number, by_need])
def test_a_network_that_goes_another_way_than_when_it_was_tried(
    path: Callable[[Net, Tensor], Tensor],
) -> None:
    model, x = classifier(Net(path)), images(count=4)
    as_it_is = answers(model, x)
    assert folded(model) == 1
    with model.held():
        assert all(map(torch.equal, answers(model, x), as_it_is))


@pytest.mark.parametrize("layers", ["first", "norm", ""])
def test_weights_given_for_one_call_are_those_that_count(layers: str) -> None:
    model, x = classifier(), images()
    named = {n: v for n, v in model.named_parameters() if layers in n}
    others = {name: 2 * value.detach() for name, value in named.items()}
    as_it_is = torch.func.functional_call(model, others, (x,))
    with model.held():
        assert near(torch.func.functional_call(model, others, (x,)), as_it_is.detach(), 1e-5)
    assert not near(model(x).detach(), as_it_is.detach(), 0.01)


def test_a_network_that_fails_says_its_own_error() -> None:
    def fails(net: Net, x: Tensor) -> Tensor:
        raise KeyError("its own")

    model = classifier(Net(fails))
    with pytest.raises(KeyError, match="its own"), model.held():
        model(images())
    assert model._holder is None


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
