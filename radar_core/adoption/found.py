"""What a file from elsewhere is, as far as it can be told without asking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from radar_core.adoption.fitting import Fit
from radar_core.adoption.reading import Contents, Facts, Kind, kind_of, read_weights
from radar_core.adoption.search import Searched, fit_to, nearest_words, search
from radar_core.errors import BadModel, first_line
from radar_core.models.foreign import Head, Published, last_map, network, published
from radar_core.models.programs import PROGRAMS, open_program
from radar_core.runtime import Progress

HIDDEN = (
    "TorchScript hides its layers: no Grad-CAM, and DeepLIFT, which sees no activation, is no more "
    "than gradient times difference; torch.export.save keeps them.",
)
SIDES = (224, 299, 256, 384, 512, 128, 64, 32)  # tried where a program does not say its size


@dataclass(frozen=True, eq=False)
class Found:
    """A file's network, and what is known about the images it wants.

    Attributes:
        path, kind: the file, and how it is written.
        architectures: those it fits that do not read alike, the one taken first. More than one:
            nothing in the file tells them apart.
        outputs: number of logits.
        head: layers in place of the architecture's last; None: its own form.
        prefix, container: what the names of the tensors begin with, and the key they lie under.
        ignored: tensors in the file that are not the network's.
        input_size, mean, std, cam_layer: see `Classifier`; cam_layer "" is none.
        class_names: () where the file has none that fit.
        sources: where each of these comes from, in a few words.
        missing: what has to be asked: `architecture`, `class_names`.
        notes: what was assumed or left out, a sentence each.
        module: the network with its weights, in evaluation mode.
    """

    path: Path
    kind: Kind
    architectures: tuple[str, ...]
    outputs: int
    head: Head | None
    prefix: str
    container: str
    ignored: tuple[str, ...]
    input_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    cam_layer: str
    class_names: tuple[str, ...]
    sources: Mapping[str, str]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    module: nn.Module = field(repr=False)

    @property
    def architecture(self) -> str:
        """The one taken."""
        return self.architectures[0]


def inspect_checkpoint(
    path: str | Path,
    *,
    architecture: str | None = None,
    input_size: int | None = None,
    progress: Progress | None = None,
) -> Found:
    """What a file holds and what can be guessed. Nothing is written and none of its code runs.

    Args:
        path: safetensors, a checkpoint that weights-only reading takes, or a program.
        architecture: of the weights, where it is known: `resnet50`, `torchvision:…`, `timm:…`.
        input_size: side of the images, where it is known.
        progress: told what is compared.

    Raises:
        MissingWeights: no such file.
        BadModel: no model, one that would run code, or weights of no known architecture.
    """
    path = Path(path).expanduser()
    kind = kind_of(path)
    if kind in PROGRAMS:
        return _program(path, kind, architecture, input_size)
    contents = read_weights(path, kind)
    given = {name: tuple(tensor.shape) for name, tensor in contents.tensors.items()}
    searched = _searched(path, given, contents.facts, architecture, progress or Progress())
    modules = {
        name: _filled(name, fitted, contents.tensors) for name, fitted in searched.fits.items()
    }
    first = next(iter(modules))
    known, said = published(first), contents.facts
    side, side_source = _side(input_size, said, known)
    names = _different(modules, side)
    fitted = searched.fits[first]
    mean, std = said.mean, said.std
    stated = mean is not None and std is not None
    cam = known.cam_layer if known.cam_layer is not None else _cam(path, modules[first], side)
    classes = said.class_names if _suit(said.class_names, fitted.outputs) else ()
    sources = {
        "architecture": "as you say" if architecture else "by names and shapes of its tensors",
        "input_size": side_source,
        "mean": "in the file" if stated else "of the architecture's published weights",
        "cam_layer": "known" if known.cam_layer is not None else _cam_source(cam),
        "class_names": "in the file" if classes else "",
    }
    missing = ("architecture",) if len(names) > 1 else ()
    return Found(
        path=path,
        kind=kind,
        architectures=names,
        outputs=fitted.outputs,
        head=fitted.head,
        prefix=fitted.prefix,
        container=contents.container,
        ignored=fitted.ignored,
        input_size=side,
        mean=mean if stated and mean else known.mean,
        std=std if stated and std else known.std,
        cam_layer=cam,
        class_names=classes,
        sources=sources,
        missing=missing if classes else (*missing, "class_names"),
        notes=_notes(first, fitted, contents),
        module=modules[first],
    )


def _searched(
    path: Path,
    given: Mapping[str, tuple[int, ...]],
    said: Facts,
    architecture: str | None,
    progress: Progress,
) -> Searched:
    if architecture is not None:
        fitted = fit_to(architecture, given)
        if fitted is not None:
            return Searched({architecture: fitted})
    words = (*said.names, path.stem.split("-")[0], path.stem)
    searched = search(given, words, progress)
    if architecture is not None:
        likest = next(iter(searched.fits), None) or nearest_words(searched.nearest)
        raise BadModel(
            f"{path.name} does not hold the weights of {architecture}; the nearest: {likest}"
        )
    if not searched.fits:
        raise BadModel(
            f"{path.name} fits no architecture of the zoo, torchvision or timm; the nearest: "
            f"{nearest_words(searched.nearest)}; name one with --arch, or export the network with "
            "torch.export.save and adopt that file"
        )
    return searched


def _filled(architecture: str, fitted: Fit, tensors: Mapping[str, Tensor]) -> nn.Module:
    """The network with the file's weights, as float32."""
    module = network(architecture, fitted.outputs, fitted.head)
    state = {name: tensors[theirs] for name, theirs in fitted.names.items()}
    full = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    module.load_state_dict({**module.state_dict(), **full})
    return module


def _notes(architecture: str, fitted: Fit, contents: Contents) -> tuple[str, ...]:
    notes = []
    if fitted.assumed:
        notes.append(f"assumed: {fitted.assumed}.")
    if architecture.rpartition(":")[2] in ("inception_v3", "googlenet"):
        notes.append(
            "torchvision's pretrained network of this kind normalises anew inside; if yours began "
            "as one, its mean and std are 0.5, 0.5, 0.5."
        )
    if contents.others:
        said = f"the weights are those in {contents.container!r}"
        notes.append(f"{said}; not taken: {', '.join(map(repr, contents.others))}.")
    if fitted.ignored:
        more = f" and {len(fitted.ignored) - 3} more" if len(fitted.ignored) > 3 else ""
        notes.append(f"left out, not the network's: {', '.join(fitted.ignored[:3])}{more}.")
    return tuple(notes)


def _side(given: int | None, said: Facts, known: Published) -> tuple[int, str]:
    if given is not None:
        return given, "as you say"
    if said.input_size is not None:
        return said.input_size, "in the file"
    return known.input_size, "of the architecture's published weights"


def _different(modules: Mapping[str, nn.Module], side: int) -> tuple[str, ...]:
    """The architectures that read an image differently with the same weights, in their order."""
    if len(modules) == 1:
        return tuple(modules)
    image = noise(1, side)
    kept: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, module in modules.items():
            logits = module(image)
            if not any(torch.allclose(logits, other, atol=1e-5) for other in kept.values()):
                kept[name] = logits
    return tuple(kept)


def noise(count: int, side: int) -> Tensor:
    """Fixed random images (count, 3, side, side) in [0, 1]."""
    return torch.rand((count, 3, side, side), generator=torch.Generator().manual_seed(0))


def _cam(path: Path, module: nn.Module, side: int) -> str:
    try:
        return last_map(module, noise(1, side))
    except RuntimeError as error:
        raise BadModel(
            f"{path.name} does not run at {side} px ({first_line(error)}); "
            "name its size with --size"
        ) from None


def _cam_source(layer: str) -> str:
    return "the last convolutional block" if layer else "no convolutional block makes a map"


def _suit(names: tuple[str, ...], outputs: int) -> bool:
    return len(names) == max(outputs, 2) and len(set(names)) == len(names)


def _program(path: Path, kind: Kind, architecture: str | None, side: int | None) -> Found:
    """A program brings its own network; what it wants of its images is tried out."""
    if architecture is not None:
        raise BadModel(f"{path.name} is a program, which has its architecture within: no --arch")
    module, stated = open_program(path, kind)
    wanted = side or stated
    own = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)
    error: Exception | None = None
    for trial in (wanted,) if wanted else SIDES:
        try:
            with torch.no_grad():
                logits = module(noise(2, trial).to(own))
        except Exception as failed:  # a program's own; what it says is passed on
            error = error or failed
            continue
        if isinstance(logits, Tensor) and logits.ndim in (1, 2) and len(logits) == 2:
            break
        raise BadModel(
            f"{path.name} gives no table of logits (2, classes) for two images; "
            "export a network that returns its logits alone"
        )
    else:
        raise BadModel(
            f"{path.name} does not take two images of {wanted or 'any usual'} px at once "
            f"({first_line(error) if error else ''}); a program that is fixed to one batch size "
            'or image size is exported anew: dynamic_shapes={"x": {0: torch.export.Dim("n")}}, '
            "and --size names its side"
        )
    known, layer = Published(), last_map(module, noise(2, trial).to(own))
    source = "as you say" if side else "in the program" if stated else "the first it runs at"
    return Found(
        path=path,
        kind=kind,
        architectures=(PROGRAMS[kind].title,),
        outputs=1 if logits.ndim == 1 else logits.shape[1],
        head=None,
        prefix="",
        container="",
        ignored=(),
        input_size=trial,
        mean=known.mean,
        std=known.std,
        cam_layer=layer,
        class_names=(),
        sources={
            "architecture": "within",
            "input_size": source,
            "mean": "ImageNet's, assumed",
            "cam_layer": _cam_source(layer),
            "class_names": "",
        },
        missing=("class_names",),
        notes=HIDDEN if kind == "torchscript" else (),
        module=module,
    )
