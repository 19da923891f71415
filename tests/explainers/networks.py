"""Networks for the explainers' tests: one that captum supports, and those of torchvision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import radar_core as radar
from radar_core.models import zoo
from tests import toys


class Plain(nn.Module):
    """As captum's hooks need it: every activation a module of its own, nothing in place.

    Nor are two such modules neighbours: captum 0.9.0 then hands the first the gradient that the
    second had before its rule, and attributions do not add up.
    """

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, 6, 3, padding=1), activation(), nn.AvgPool2d(2), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 8, 3, padding=1), activation()),
            *(nn.Flatten(), nn.Linear(8 * 8 * 8, 12), activation(), nn.Linear(12, 3)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def plain(activation: type[nn.Module] = nn.ReLU) -> radar.Classifier:
    """A seeded `Plain` at 32 px."""
    with toys.seeded(0):
        return toys.classifier(Plain(activation).eval(), "layers.4")


def calibrated(name: str, side: int = 64) -> radar.Classifier:
    """An untrained torchvision network whose batch normalisation fits: logits do not die out."""
    module = zoo.build(name, 3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    with toys.seeded(0), torch.no_grad():
        module.train()(toys.images(8, seed=7, side=side) * 4 - 2)
    layer = zoo.architecture(name).cam_layer
    return radar.Classifier(module.eval(), ("a", "b", "c"), cam_layer=layer, input_size=side)


class Detached(nn.Module):
    """A network that hands back no gradient, and no graph either."""

    def __init__(self) -> None:
        super().__init__()
        self.net = toys.network()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).detach()


class Half(nn.Module):
    """A network of 16-bit numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Plain().bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.bfloat16())
