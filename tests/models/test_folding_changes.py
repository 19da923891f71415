"""A changed network is never computed with what was folded of it before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from radar_core.models.folding import fold
from tests.models.foldable import (
    Net,
    answers,
    classifier,
    folded,
    images,
    lived_in,
    near,
    unfolded,
)


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
