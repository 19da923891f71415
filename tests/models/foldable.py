"""Small networks to fold, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radar_core.models.classifier import Classifier

CLASSES = ("a", "b", "c")


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
