"""Architectures, torchvision's by its names: input size, Grad-CAM layer, how they are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radar_core.epsilon import IMAGENET_MEAN, IMAGENET_STD
from radar_core.errors import BadModel

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Architecture:
    """A classification network.

    Attributes:
        title: as the literature writes it.
        cam_layer: the last convolutional block, before pooling; not a layer whose output a later
            in-place activation overwrites.
        input_size: side of the square input it was designed for, in pixels.
        options: what torchvision's builder needs beside the number of classes.
        mean, std: of the images that its published weights were trained on.
    """

    title: str
    cam_layer: str
    input_size: int = 224
    options: tuple[tuple[str, Any], ...] = ()
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD


ARCHITECTURES: dict[str, Architecture] = {
    "resnet50": Architecture("ResNet-50", "layer4"),
    "vgg16": Architecture("VGG-16", "features.29"),
    "vgg19": Architecture("VGG-19", "features.35"),
    "inception_v3": Architecture(
        "Inception v3", "Mixed_7c", 299, (("aux_logits", False), ("init_weights", False))
    ),
    "densenet201": Architecture("DenseNet-201", "features.denseblock4"),
    "efficientnet_b0": Architecture("EfficientNet-B0", "features"),
    "resnet18": Architecture("ResNet-18", "layer4"),
    "mobilenet_v3_large": Architecture("MobileNetV3-Large", "features"),
    "mobilenet_v3_small": Architecture("MobileNetV3-Small", "features"),
    "regnet_x_400mf": Architecture("RegNetX-400MF", "trunk_output"),
    "efficientnet_lite0": Architecture(
        "EfficientNet-Lite0", "features", mean=(127 / 255,) * 3, std=(128 / 255,) * 3
    ),
}


def architecture(name: str) -> Architecture:
    """The architecture of a name.

    Raises:
        BadModel: not one of the zoo.
    """
    try:
        return ARCHITECTURES[name]
    except KeyError:
        raise BadModel(
            f"no architecture is called {name!r}; known: {', '.join(ARCHITECTURES)}"
        ) from None


def build(name: str, outputs: int, *, seed: int = 0) -> nn.Module:
    """A freshly initialised network with that many logits, in evaluation mode.

    torchvision initialises from torch's global generator; it is seeded for that and put back.
    """
    import torch

    options = dict(architecture(name).options)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module: nn.Module
        if name == "efficientnet_lite0":
            from radar_core.models.lite0 import EfficientNetLite0

            module = EfficientNetLite0(outputs)
        else:
            import torchvision

            module = torchvision.models.get_model(
                name, weights=None, num_classes=outputs, **options
            )
    return module.eval()
