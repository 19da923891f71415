"""Networks that go ways that cannot be folded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tests.models.foldable import (
    Net,
    answers,
    classifier,
    folded,
    images,
    near,
)


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
