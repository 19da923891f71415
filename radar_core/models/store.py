"""Models on disk: safetensors, or a program, with a JSON card beside. Nothing here unpickles."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.errors import BadModel, MissingWeights
from radar_core.models.zoo import ARCHITECTURES
from radar_core.settings import settings
from radar_core.writing import write_all

if TYPE_CHECKING:
    from torch import Tensor, nn

    from radar_core.models.classifier import Classifier

FORMAT = 1
REQUIRED = ("format", "name", "title", "architecture", "outputs", "class_names", "input_size")
SUFFIXES = {".safetensors": "weights", ".pt2": "export", ".torchscript": "torchscript"}
CONVERT = "take it into the list of models once: python -m radar_core adopt FILE"


@dataclass(frozen=True)
class ModelInfo:
    """A stored model as a list shows it; no weights are read.

    `card` holds what the JSON beside the weights says: architecture, class names, input size,
    normalisation, what it was trained on and how, figures, licence, hash.
    """

    name: str
    title: str
    path: Path
    card: Mapping[str, Any]


def list_models() -> list[ModelInfo]:
    """Every model with a readable card in the model folders, the shipped ones first.

    A model may also lie in a folder of its own there, as `train` leaves it. The one trained on the
    phantom, which fits the default data, leads.
    """
    found: dict[str, ModelInfo] = {}
    for folder in settings().model_paths:
        cards = [*folder.glob("*.json"), *folder.glob("*/*.json")] if folder.is_dir() else []
        for path in sorted(cards):
            if _weights_beside(path) and path.stem not in found:
                try:
                    card = _read_card(path)
                except BadModel:
                    continue  # loading it by name says what is wrong with it
                found[path.stem] = ModelInfo(path.stem, card["title"], path, card)
    return sorted(found.values(), key=lambda info: info.name != "phantom")


def _weights_beside(card: Path) -> Path | None:
    """The file that a card describes."""
    files = (card.with_name(card.stem + suffix) for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadModel(f"the model card {path} cannot be read ({error})") from None
    if not isinstance(card, dict) or (lacks := [key for key in REQUIRED if key not in card]):
        lacks = lacks if isinstance(card, dict) else list(REQUIRED)
        raise BadModel(f"the model card {path} lacks {', '.join(lacks)}")
    if card["format"] != FORMAT:
        raise BadModel(f"the model card {path} has format {card['format']!r}; this reads {FORMAT}")
    return card


def _locate(wanted: str) -> Path:
    """The weights file for a name or a path."""
    path = Path(wanted).expanduser()
    if path.suffix or len(path.parts) > 1:
        if path.is_dir():
            inside = sorted(file for suffix in SUFFIXES for file in path.glob(f"*{suffix}"))
            if len(inside) != 1:
                raise MissingWeights(
                    f"{path} holds {len(inside)} files of models; name one of them"
                )
            return inside[0]
        if not path.is_file():
            raise MissingWeights(f"no weights file at {path}; give a name or a .safetensors file")
        return path
    listed = list_models()
    for folder in settings().model_paths:
        if file := _weights_beside(folder / f"{wanted}.json"):  # listed or not: its fault is said
            return file
    for info in listed:
        if info.name == wanted and (file := _weights_beside(info.path)):
            return file
    known = ", ".join(info.name for info in listed) or "none"
    raise MissingWeights(
        f"no model is called {wanted!r} (known: {known}); give a .safetensors file, "
        f"or train one: python -m radar_core train --help"
    )


def _refuse_pickle(path: Path) -> None:
    if path.suffix in (".pt2", ".torchscript"):
        return  # read by `programs`, which opens no pickle either
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{":  # safetensors: the header's length, which may begin as a pickle does
        return
    if head[:2] == b"PK" or head[:1] == b"\x80" or path.suffix in (".pt", ".pth", ".ckpt", ".pkl"):
        raise BadModel(
            f"{path.name} is a pickle, which can run code when opened: it was not opened; {CONVERT}"
        )


_LOADED: OrderedDict[tuple[str, tuple[int, ...]], Classifier] = OrderedDict()
_LOCK = threading.Lock()
KEEP = 2


def load_model(name_or_path: str | Path) -> Classifier:
    """A stored classifier on this process's device; the last two loaded are kept.

    Args:
        name_or_path: `phantom`, the name of a model in a model folder, or a .safetensors file
            with its card beside it.

    Raises:
        MissingWeights: no such file.
        BadModel: a pickle, a damaged file, a card that does not fit, weights of another
            architecture, or a hash that is not the card's.
    """
    path = _locate(str(name_or_path))
    files = [file for file in (path, path.with_suffix(".json")) if file.is_file()]
    stats = [file.stat() for file in files]
    key = (str(path.resolve()), tuple(n for s in stats for n in (s.st_mtime_ns, s.st_size)))
    with _LOCK:
        if key not in _LOADED:
            _LOADED[key] = _load(path)
            while len(_LOADED) > KEEP:
                _LOADED.popitem(last=False)
        _LOADED.move_to_end(key)
        return _LOADED[key]


def _load(path: Path) -> Classifier:
    import torch

    from radar_core.epsilon import IMAGENET_MEAN, IMAGENET_STD
    from radar_core.models.classifier import Classifier
    from radar_core.runtime import device

    _refuse_pickle(path)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise BadModel(f"{path.name} has no card; put {beside.name} beside it (docs/models.md)")
    card = _read_card(beside)
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if card.get("sha256") not in (None, digest):
        raise BadModel(f"{path.name} is not the file its card describes (another sha256)")
    _check_card(beside, card)
    if SUFFIXES.get(path.suffix, "weights") == "weights":
        module, usual_layer = _module(path, raw, card), _usual_layer(str(card["architecture"]))
    else:
        from radar_core.models.programs import open_program

        module, usual_layer = open_program(path, SUFFIXES[path.suffix])[0], ""
    module.to(device(), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Classifier(
        module,
        card["class_names"],
        mean=card.get("mean", IMAGENET_MEAN),
        std=card.get("std", IMAGENET_STD),
        cam_layer=card.get("cam_layer", usual_layer),
        input_size=int(card["input_size"]),
        name=card["name"],
        card={**card, "sha256": digest},
        file=path,
        background=_background(card),
    )


def _usual_layer(arch: str) -> str | None:
    """The layer that Grad-CAM looks at in the zoo's architectures; None: to be guessed."""
    return ARCHITECTURES[arch].cam_layer if arch in ARCHITECTURES else None


def _check_card(path: Path, card: Mapping[str, Any]) -> None:
    """Refuse a card that contradicts itself, before anything is built."""
    names, outputs = card["class_names"], card["outputs"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadModel(f"the model card {path} has class_names {names!r}; it is a list of texts")
    if outputs != len(names) and (outputs, len(names)) != (1, 2):
        raise BadModel(
            f"the model card {path} has {len(names)} class_names for {outputs!r} outputs; it has "
            "one an output, and two for one output"
        )


def _module(path: Path, raw: bytes, card: Mapping[str, Any]) -> nn.Module:
    """The network of a card with the weights in a file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    from radar_core.models.foreign import Head, network

    try:
        weights = load(raw)
    except SafetensorError as error:
        raise BadModel(f"{path.name} is not a readable safetensors file ({error})") from None
    arch = str(card["architecture"])
    head = Head.read(card["head"]) if card.get("head") else None
    module = network(arch, int(card["outputs"]), head)
    _check_fit(path.name, arch, module.state_dict(), weights)
    full = {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    module.load_state_dict(full, assign=True)
    return module


def _background(card: Mapping[str, Any]) -> Callable[[Classifier], Tensor] | None:
    """Clean training images of a model trained on the phantom, which can be drawn anywhere."""
    if card.get("trained_on") != "phantom":
        return None

    def draw(model: Classifier) -> Tensor:
        from radar_core.data import open_data
        from radar_core.data.background import background_images

        return background_images(open_data("phantom", split="train"), model)

    return draw


def _check_fit(
    name: str, arch: str, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> None:
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    other = [k for k in expected if k in found and expected[k].shape != found[k].shape]
    if missing or extra or other:
        example = (missing or extra or other)[0]
        raise BadModel(
            f"{name} does not hold the weights of {arch}: {len(missing)} tensors missing, "
            f"{len(extra)} unknown, {len(other)} of another shape (first: {example}); "
            "name the right architecture in its card"
        )


def save_model(model: Classifier, path: str | Path, card: Mapping[str, Any]) -> Path:
    """Write weights as safetensors and the card beside; returns the weights' path.

    Args:
        model: its module must be of the architecture named in `card["architecture"]`: one of the
            zoo, `torchvision:NAME` or `timm:NAME`.
        path: ends in `.safetensors`.
        card: `architecture`, and what is known: `title`, `trained_on`, `recipe`, `figures`,
            `licence`, `head` (`models.foreign.Head`), `precision` (`float16` halves the file).

    Raises:
        BadModel: the architecture is not named or does not fit the module.
        CannotWrite: the folder cannot be written.
    """
    import torch
    from safetensors.torch import save

    from radar_core.models.foreign import Head, network

    target = Path(path)
    arch = str(card.get("architecture", ""))
    head = Head.read(card["head"]) if card.get("head") else None
    state = model.module.state_dict()
    outputs = card.get("outputs") or _outputs(state, len(model.class_names))
    _check_fit(target.name, arch, network(arch, outputs, head).state_dict(), state)
    half = card.get("precision") == "float16"

    def kept(value: Tensor) -> Tensor:
        value = value.detach().cpu().contiguous()
        return value.to(torch.float16) if half and value.is_floating_point() else value

    return write_model(
        model, target, {**card, "outputs": outputs}, save({k: kept(v) for k, v in state.items()})
    )


def write_model(model: Classifier, target: Path, card: Mapping[str, Any], raw: bytes) -> Path:
    """Write the file of a model as it is, and its card beside; both or neither.

    Args:
        model: what the file holds; class names, normalisation and layer are taken from it.
        target: its suffix is one of `SUFFIXES`.
        card: with `outputs`.
        raw: the file.

    Raises:
        CannotWrite: the folder cannot be written; what was there is untouched.
    """
    full = {
        "format": FORMAT,
        "name": target.stem,
        "title": target.stem,
        **card,
        "class_names": list(model.class_names),
        "input_size": model.input_size,
        "mean": [round(float(m), 6) for m in model.mean.flatten()],
        "std": [round(float(s), 6) for s in model.std.flatten()],
        "cam_layer": model.cam_layer_name or "",
        "parameters": sum(math.prod(v.shape) for v in model.module.parameters()),
        "sha256": hashlib.sha256(raw).hexdigest(),
    }
    text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
    write_all({target: raw, target.with_suffix(".json"): text.encode()})
    return target


def _outputs(state: Mapping[str, Tensor], classes: int) -> int:
    """The number of logits: a binary model may have one."""
    last = [value for value in state.values() if value.ndim == 1][-1]
    return 1 if classes == 2 and len(last) == 1 else classes
