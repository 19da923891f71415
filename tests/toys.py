"""Small classifiers with known behaviour, and images for them. All 32 px, all seeded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from radar_core.data.phantom import CLASSES
from radar_core.detection.combination import Combination
from radar_core.detection.detector import Detector
from radar_core.detection.guard import Guard
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import build

SIDE = 32


class Linear(nn.Module):
    """Logits linear in the pixels."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.keep = nn.Identity()
        self.head = nn.Linear(3 * SIDE * SIDE, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.keep(x).flatten(1))


class Net(nn.Module):
    """A small convolutional network, with in-place activations and batch normalisation."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.norm = nn.BatchNorm2d(8)
        self.block = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(16, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.block(self.norm(self.first(x))))
        return self.head(self.drop(x.mean((2, 3))))


class Steps(nn.Module):
    """Reads rounded pixels: its gradient is zero everywhere, though not absent."""

    def __init__(self) -> None:
        super().__init__()
        self.keep = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        level = self.keep((x > 0.5).float() + 0 * x).mean((1, 2, 3))
        return torch.stack([level, 1 - level], dim=1)


class Counted(nn.Module):
    """A module that counts its forward passes, and may fail or ask to stop at one of them."""

    def __init__(
        self, module: nn.Module, *, fail: int | None = None, stop_at: int | None = None
    ) -> None:
        super().__init__()
        self.module = module
        self.fail, self.stop_at = fail, stop_at
        self.count = 0
        self.stop = threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        if self.count == self.fail:
            raise RuntimeError("out of memory, say")
        if self.count == self.stop_at:
            self.stop.set()
        return self.module(x)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Weights drawn here come from this seed; the global state is put back."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed)
        yield


def network(outputs: int = 3, seed: int = 0) -> Net:
    """An untrained `Net`, scaled so that it reads noise images as different classes."""
    with seeded(seed):
        net = Net(outputs).eval()
    with torch.no_grad():
        logits = net(images(32, seed=99))
        net.head.bias -= logits.mean(0)
        net.head.weight /= logits.std(0)[:, None]
        net.head.bias /= logits.std(0)
    return net


def classifier(module: nn.Module, layer: str, classes: str = "abc", **more: object) -> Classifier:
    """A classifier at 32 px with one-letter class names."""
    return Classifier(module, tuple(classes), cam_layer=layer, input_size=SIDE, **more)  # type: ignore[arg-type]


def conv(seed: int = 0) -> Classifier:
    """Three classes, convolutional."""
    return classifier(network(3, seed), "block")


def linear(outputs: int = 3, seed: int = 0) -> Classifier:
    """Three classes, linear."""
    with seeded(seed):
        module = Linear(outputs).eval()
    return classifier(module, "keep", "abcdefg"[:outputs])


def one_logit() -> Classifier:
    """Two classes from one logit."""
    return classifier(network(1), "block", "ab")


def flat() -> Classifier:
    """Two classes and no gradient."""
    return classifier(Steps().eval(), "keep", "ab")


def images(count: int = 4, seed: int = 1, side: int = SIDE) -> Tensor:
    """Smooth colour noise with a little texture, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 4, 4), generator=generator)
    smooth = nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    return (smooth + 0.1 * torch.randn((count, 3, side, side), generator=generator)).clamp(0, 1)


def global_random_state() -> tuple[object, ...]:
    """The state of torch's and NumPy's global generators, to be compared.

    Python's own is left out: the checker of shapes draws from it while tests run.
    """
    name, keys, *rest = np.random.get_state()
    return tuple(torch.get_rng_state().tolist()), (name, tuple(keys.tolist()), *rest)


def module_state(module: nn.Module) -> dict[str, object]:
    """All that a call must leave as it was: modes, hooks, gradients, weights and buffers."""
    state: dict[str, object] = {}
    for name, part in module.named_modules():
        hooks = [v for k, v in vars(part).items() if k.endswith("_hooks") and isinstance(v, dict)]
        state[f"{name}:mode"] = part.training
        state[f"{name}:hooks"] = sum(len(h) for h in hooks)
    for name, parameter in module.named_parameters():
        gradient = None if parameter.grad is None else parameter.grad.flatten().tolist()
        state[f"{name}:grad"] = (parameter.requires_grad, gradient)
    for name, value in module.state_dict().items():
        state[f"{name}:value"] = value.flatten().tolist()
    return state


def disturbed(model: Classifier) -> Classifier:
    """The model as a careless user leaves it: training mode, stale gradients, one part frozen."""
    model.module.train()
    parameters = list(model.parameters())
    for parameter in parameters:
        parameter.grad = torch.ones_like(parameter)
    parameters[0].requires_grad_(False)
    return model


def decided(seed: int = 1) -> Classifier:
    """An untrained network for phantom pictures of 64 px that is sure of what it reads."""
    module = build("mobilenet_v3_small", 7, seed=seed)
    with torch.no_grad():  # untrained, its logits are all but equal
        module.classifier[-1].weight *= 1e7
    return Classifier(
        module, CLASSES, cam_layer="features", input_size=64, card={"trained_on": "phantom"}
    )


@torch.inference_mode(False)
def guard(model: Classifier) -> Guard:
    """A detector that was never fitted: it finds suspicious what the model is unsure of."""
    names = ("entropy", "squeezing", "noise_vote")
    none, one = torch.zeros(len(names)), torch.ones(len(names))
    combination = Combination(names, none, one, torch.cat([one, none, none[:1]]), torch.zeros(1))
    clean = {name: torch.zeros(1) for name in (*names, "suspicion")}
    about = {"model": model.name, "model_sha256": "", "seed": 0}
    return Guard(model, Detector(about, {name: {} for name in names}, clean, combination, 0.0))
