"""Architectures beyond the zoo, `torchvision:NAME` and `timm:NAME`, and heads of other forms.

timm is optional: it is imported where a name asks for it, and a sentence says how to install it.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from radar_core.epsilon import IMAGENET_MEAN, IMAGENET_STD
from radar_core.errors import BadModel
from radar_core.models.zoo import ARCHITECTURES, build

TIMM = "1.0.31"  # what the tests run with; see requirements-dev.txt
LIBRARIES = ("torchvision", "timm")
# Builders that warn, or make outputs that no classifier needs, where they are not told otherwise.
OPTIONS = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


@dataclass(frozen=True)
class Head:
    """Layers in place of an architecture's last one, one after another.

    Attributes:
        at: dotted name of what they replace.
        layers: of `linear IN OUT`, `batchnorm N`, `layernorm N`, `relu`; dropout does nothing
            where nothing is trained.
    """

    at: str
    layers: tuple[str, ...]

    @classmethod
    def read(cls, said: Any) -> Head:
        """A head as a card has it.

        Raises:
            BadModel: no such layers.
        """
        try:
            head = cls(str(said["at"]), tuple(str(layer) for layer in said["layers"]))
            head.module()
        except (KeyError, TypeError, ValueError, RuntimeError):
            raise BadModel(
                f"a card's head is at and layers (linear IN OUT, batchnorm N, layernorm N, relu), "
                f"not {said!r}"
            ) from None
        return head

    def module(self) -> nn.Sequential:
        """The layers, freshly initialised."""
        return nn.Sequential(*map(_layer, self.layers))

    def as_dict(self) -> dict[str, Any]:
        """As a card has it."""
        return {"at": self.at, "layers": list(self.layers)}


def _layer(said: str) -> nn.Module:
    kind, *numbers = said.split()
    sizes = [int(number) for number in numbers]
    match kind, sizes:
        case "linear", [given, out]:
            return nn.Linear(given, out)
        case "batchnorm", [width]:
            return nn.BatchNorm1d(width)
        case "layernorm", [width]:
            return nn.LayerNorm(width)
        case "relu", []:
            return nn.ReLU()
    raise ValueError(said)


@dataclass(frozen=True)
class Published:
    """How an architecture's published weights want their images."""

    input_size: int = 224
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    cam_layer: str | None = None  # known for the zoo alone


def network(architecture: str, outputs: int, head: Head | None = None) -> nn.Module:
    """A freshly initialised network of the zoo, torchvision or timm, in evaluation mode.

    Raises:
        BadModel: no such architecture, timm is not installed, or the head does not go there.
    """
    library, _, name = architecture.rpartition(":")
    if name not in (names(library) if library else ARCHITECTURES):
        raise BadModel(
            f"no architecture is called {architecture!r}; {_near(name)}; those of the zoo: "
            "python -m radar_core list architectures"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        module = build(name, outputs) if not library else _foreign(library, name, outputs)
        if head is not None:
            _put(module, head)
    return module.eval()


def shapes(architecture: str) -> dict[str, tuple[int, ...]]:
    """The tensors that a network of an architecture with 1,000 outputs has; none is allocated."""
    return {k: tuple(v.shape) for k, v in skeleton(architecture).state_dict().items()}


@lru_cache(maxsize=64)
def skeleton(architecture: str) -> nn.Module:
    """A network of 1,000 outputs whose weights have shapes and no values.

    Raises:
        BadModel: no such architecture.
    """
    with _Shapes():
        return network(architecture, 1000)


def _foreign(library: str, name: str, outputs: int) -> nn.Module:
    module: nn.Module
    with warnings.catch_warnings():  # of old names and initialisations; nothing to be done here
        warnings.simplefilter("ignore")
        if library == "timm":
            module = importlib.import_module("timm").create_model(
                name, pretrained=False, num_classes=outputs
            )
        else:
            import torchvision

            module = torchvision.models.get_model(
                name, weights=None, num_classes=outputs, **OPTIONS.get(name, {})
            )
    return module


def _near(name: str) -> str:
    """The architectures with names most alike, as a part of a sentence."""
    known = {plain: plain for plain in ARCHITECTURES}
    for library in LIBRARIES if has_timm() else LIBRARIES[:1]:
        for plain in names(library):
            known.setdefault(plain, f"{library}:{plain}")
    near = [known[plain] for plain in difflib.get_close_matches(name, known, 3)]
    return f"the nearest: {', '.join(near)}" if near else "torchvision's are torchvision:NAME"


def has_timm() -> bool:
    """Whether timm is installed."""
    return importlib.util.find_spec("timm") is not None


def names(library: str) -> Sequence[str]:
    """The architectures of a library.

    Raises:
        BadModel: no such library, or timm is not installed.
    """
    return [name for family in families(library).values() for name in family]


@lru_cache(maxsize=4)
def families(library: str) -> Mapping[str, tuple[str, ...]]:
    """The architectures of a library by the file that defines them.

    Raises:
        BadModel: no such library, or timm is not installed.
    """
    found: dict[str, list[str]] = {}
    if library == "timm":
        if not has_timm():
            raise BadModel(
                "an architecture called timm:NAME needs the package timm; install it with: "
                f"pip install timm=={TIMM}"
            )
        registry = importlib.import_module("timm.models")
        # The registry knows which file each name stands in; asking it is a tenth of a second.
        for name in registry.list_models():
            home = registry.model_entrypoint(name).__module__.rpartition(".")[2]
            found.setdefault(home, []).append(name)
    elif library == "torchvision":
        import torchvision

        for name in torchvision.models.list_models(module=torchvision.models):
            home = torchvision.models.get_model_builder(name).__module__.rpartition(".")[2]
            found.setdefault(home, []).append(name)
    else:
        raise BadModel(f"architectures come from {' or '.join(LIBRARIES)}, not {library!r}")
    return {home: tuple(sorted(inside)) for home, inside in found.items()}


def published(architecture: str) -> Published:
    """Input size and normalisation of an architecture's published weights."""
    library, _, name = architecture.rpartition(":")
    if not library:
        kind = ARCHITECTURES[name]
        return Published(kind.input_size, kind.mean, kind.std, kind.cam_layer)
    if library == "timm":
        said = importlib.import_module("timm.models").get_pretrained_cfg(name)
        if said is None:
            return Published()
        return Published(int(said.input_size[-1]), tuple(said.mean), tuple(said.std))
    import torchvision

    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    return Published(int(preset.crop_size[0]), tuple(preset.mean), tuple(preset.std))


def _put(module: nn.Module, head: Head) -> None:
    """Replace a part of a network by a head."""
    parent, _, last = head.at.rpartition(".")
    try:
        module.get_submodule(head.at)  # setting what is not there would add, not replace
        setattr(module.get_submodule(parent), last, head.module())
    except (AttributeError, TypeError):
        raise BadModel(
            f"the architecture has no part {head.at!r} to put a head in; mend the card's head"
        ) from None


class _Shapes(TorchFunctionMode):
    """New weights come without memory; small numbers that builders compute with stay real."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func in (torch.empty, torch.zeros, torch.ones) and given.get("device") is None:
            given["device"] = "meta"
        return func(*args, **given)


def last_map(module: nn.Module, images: Tensor) -> str:
    """The layer that Grad-CAM should look at: the last convolutional block that makes a map.

    One pass is watched. A block counts where it holds a convolution and gives (n, c, h, w) with
    h = w > 1; of those the one that ends last, and of those that end together the outermost. A
    transformer whose few convolutions cut the image into patches has none.

    Returns:
        Its dotted name, or "" for none.
    """
    parts = {name: part for name, part in module.named_modules() if name}
    convolutional = {
        name for name, part in parts.items() if any(map(_is_convolution, part.modules()))
    }
    if not convolutional:
        return ""
    order: list[tuple[str, bool]] = []  # as they end: name, whether it makes a map
    attended: list[int] = []
    hooks = []

    def watch(name: str, part: nn.Module) -> None:
        def ended(_: nn.Module, __: Any, output: Any) -> None:
            shape = tuple(output.shape) if isinstance(output, Tensor) else ()
            square = len(shape) == 4 and shape[2] == shape[3] > 1 and shape[1] != shape[2]
            order.append((name, square and name in convolutional))
            kind = getattr(part, "kind", type(part).__name__)  # a program's blocks say theirs
            if "attention" in str(kind).lower() and name not in convolutional:
                attended.append(len(order))

        hooks.append(part.register_forward_hook(ended))

    for name, part in parts.items():
        watch(name, part)
    try:
        with torch.no_grad():
            module(images)
    finally:
        for hook in hooks:
            hook.remove()
    maps = [(place, name) for place, (name, is_map) in enumerate(order) if is_map]
    few = sum(map(_is_convolution, parts.values())) <= 4
    if not maps or (few and attended and maps[-1][0] < attended[0]):
        return ""
    return maps[-1][1]


def _is_convolution(part: nn.Module) -> bool:
    return isinstance(part, nn.Conv2d) or getattr(part, "convolutional", False) is True
