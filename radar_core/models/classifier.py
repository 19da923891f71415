"""A classifier as everything else sees it: images in [0, 1] in, logits over named classes out."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from radar_core.epsilon import IMAGENET_MEAN, IMAGENET_STD
from radar_core.errors import BadModel
from radar_core.models.folding import Folded, fold
from radar_core.runtime import batch_size, machine, open_meter, uncounted
from radar_core.types import Reading


class Classifier(nn.Module):
    """Weights, class names, input size, normalisation and the layer Grad-CAM looks at.

    Normalisation happens here and nowhere else. A module with one logit and two class names (a
    binary model) gives two logits, [−z/2, z/2], whose softmax is the sigmoid of z and whose
    gradients speak for either class alike: nothing else needs to know.

    Args:
        module: any torch module from (n, 3, h, w) to (n, classes) or (n, 1) logits. It is not
            copied, and neither its mode, its gradients nor its hooks are changed for good.
        class_names: one a class, in the order of the logits.
        mean, std: of the training data, per channel, in [0, 1] pixels.
        cam_layer: dotted name of the last convolutional block, for Grad-CAM. Without one, the last
            convolution of the module; "" for a module that has none to look at, which can still be
            explained otherwise.
        input_size: side of the square input in pixels.
        name: shown on pages and in results.
        card: what is known about the weights (see `radar_core.models.store`).
        file: where they were read; its detector may lie beside it.
        background: (m, 3, h, w) clean images, or a function of the classifier giving them, that
            stand for *no evidence* in SHAP; without it an explainer states what it used instead.

    Raises:
        BadModel: no such layer, fewer than two classes, or a normalisation that cannot be.
    """

    def __init__(
        self,
        module: nn.Module,
        class_names: Sequence[str],
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        cam_layer: str | None = None,
        input_size: int = 224,
        name: str = "unnamed",
        card: dict[str, Any] | None = None,
        file: Path | None = None,
        background: Tensor | Callable[[Classifier], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if len(class_names) < 2 or len(set(class_names)) != len(class_names):
            raise BadModel(
                f"a classifier needs two or more different class names, got {class_names}"
            )
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise BadModel(f"mean and std are three numbers, std positive; got {mean} and {std}")
        if cam_layer is None:
            cam_layer = _last_convolution(module)
        elif not cam_layer:
            cam_layer = None
        elif cam_layer not in dict(module.named_modules()):
            raise BadModel(
                f"the model has no layer {cam_layer!r} for Grad-CAM; {_convolutional(module)}"
            )
        self.module = module
        self.class_names = tuple(class_names)
        self.cam_layer_name = cam_layer
        self.input_size = input_size
        self.name = name
        self.card = card or {}
        self.file = file
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(3, 1, 1))
        self._background = background
        self._lock = threading.RLock()
        self._holder: int | None = None  # the thread that may use what is folded
        self._folded: Folded | None = None
        self._kept_bytes: int | None = None
        self.mean: Tensor
        self.std: Tensor
        first = next(module.parameters(), None)
        if first is not None:
            self.to(first.device)
        self.training = module.training

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.mean.device

    @property
    def cam_layer(self) -> nn.Module:
        """The module named by `cam_layer`.

        Raises:
            BadModel: a model without a convolution.
        """
        if self.cam_layer_name is None:
            raise BadModel(f"{self.name} has no convolutional layer for Grad-CAM to look at")
        return self.module.get_submodule(self.cam_layer_name)

    @property
    def background(self) -> Tensor | None:
        """The model's own background images at its input size, or None."""
        if callable(self._background):
            self._background = self._background(self)
        return None if self._background is None else self.prepare(self._background)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Logits of images in [0, 1]; counted by an open meter."""
        logits: Tensor
        normalised = (images - self.mean) / self.std
        if images.device.type != "mps":
            normalised = normalised.contiguous(memory_format=torch.channels_last)
        own = next((p.dtype for p in self.module.parameters() if p.is_floating_point()), None)
        if own in (torch.float16, torch.bfloat16):  # weights kept as such: half the memory
            logits = self.module(normalised.to(own))
        elif machine().precision == "bfloat16":
            with torch.autocast(images.device.type, torch.bfloat16):
                logits = self.module(normalised)
        else:
            folded = self._folded if self._holder == threading.get_ident() else None
            logits = folded.run(self.module, normalised) if folded else self.module(normalised)
        logits = logits.float()
        if logits.ndim == 1:
            logits = logits[:, None]
        if logits.shape[1] == 1 and len(self.class_names) == 2:
            logits = torch.cat([-logits / 2, logits / 2], dim=1)
        if logits.shape[1] != len(self.class_names):
            raise BadModel(
                f"{self.name} gives {logits.shape[1]} logits; "
                f"it has {len(self.class_names)} class names"
            )
        meter = open_meter()
        if meter is not None:
            meter.forward += len(images)
            if logits.requires_grad:
                count = len(images)

                def counted(gradient: Tensor) -> None:
                    meter.backward += count

                logits.register_hook(counted)
        return logits

    @contextlib.contextmanager
    def held(self) -> Iterator[Classifier]:
        """Hold the model for one computation: evaluation mode, parameters without gradients.

        One thread at a time (hooks on a shared model mix two visitors' maps); every mode and
        `requires_grad` is as before afterwards, also after an error.
        """
        with self._lock:
            before, own = self._holder, threading.get_ident()
            modes = [(m, m.training) for m in self.modules()]
            wanted = [(p, p.requires_grad) for p in self.parameters()]
            try:
                self.eval()
                for parameter, _ in wanted:
                    parameter.requires_grad_(False)
                if before is None:
                    self._fold()
                    self._holder = own
                yield self
            finally:
                self._holder = before
                for module, mode in modes:
                    module.training = mode
                for parameter, wants in wanted:
                    parameter.requires_grad_(wants)

    def _fold(self) -> None:
        """Fold the network anew if it has changed; on a GPU and in few bits it runs as it is."""
        if self.device.type != "cpu" or machine().precision != "float32":
            self._folded = None
        elif self._folded is None or not self._folded.holds(self.module):
            self._folded = fold(self.module, self.input_size)

    def measured_batch_size(self, times: float = 1.0) -> int:
        """How many images a pass with gradients may hold within the memory budget.

        Unlike `runtime.batch_size`, from what this very module keeps for a backward pass, measured
        once: one image is passed forward and the tensors that autograd keeps are added up. Over
        the zoo the peak of a pass is at most 1.3 times that (benchmarks/memory.py); 1.4 is assumed.

        Args:
            times: what an image takes where more is kept than for that, as a multiple.
        """
        side = self.input_size
        if self._kept_bytes is None:
            kept: dict[int, Tensor] = {}  # by storage; held, so that no address is used twice

            def keep(value: Tensor) -> Tensor:
                kept[value.untyped_storage().data_ptr()] = value
                return value

            leaf = torch.zeros((1, 3, side, side), device=self.device, requires_grad=True)
            hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value)
            with self.held(), uncounted(), torch.enable_grad(), hooks:
                self._holder = None  # as it is: what is folded keeps less, and may fall away
                self(leaf)
            own = {v.untyped_storage().data_ptr() for v in self.state_dict().values()}
            sizes = [v.untyped_storage().nbytes() for p, v in kept.items() if p not in own]
            self._kept_bytes = int(1.4 * sum(sizes)) + 4 * leaf.nbytes
        one = int(times * self._kept_bytes)
        return batch_size(side, side, gradients=True, bytes_per_image=one)

    def prepare(self, images: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "m 3 s s"]:
        """A batch at the input size on the model's device.

        The shorter side is resized (bilinear, antialiased), the centre is kept: a lesion is never
        squashed. Images that already fit are returned unchanged.
        """
        batch = images[None] if images.ndim == 3 else images
        return self._fit(batch.to(self.device, torch.float32), "bilinear").clamp(0, 1)

    def prepare_mask(self, mask: Bool[Tensor, "h w"]) -> Bool[Tensor, "s s"]:
        """A mask cut and resized as `prepare` does its image."""
        return self._fit(mask[None, None].float(), "bilinear")[0, 0] >= 0.5

    def _fit(self, batch: Tensor, mode: str) -> Tensor:
        side = self.input_size
        height, width = batch.shape[-2:]
        if (height, width) == (side, side):
            return batch
        scale = side / min(height, width)
        size = (max(side, round(height * scale)), max(side, round(width * scale)))
        batch = F.interpolate(batch, size=size, mode=mode, align_corners=False, antialias=True)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        return batch[..., top : top + side, left : left + side].contiguous()

    @torch.no_grad()
    def probabilities(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n k"]:
        """Class probabilities of images at the input size, in batches within the memory budget."""
        step = batch_size(*images.shape[-2:], gradients=False)
        with self.held():
            parts = [self(images[i : i + step]).softmax(1) for i in range(0, len(images), step)]
        return torch.cat(parts) if parts else images.new_zeros((0, len(self.class_names)))

    def read(self, images: Float[Tensor, "n 3 h w"]) -> tuple[Reading, ...]:
        """What the model reads in each image at the input size."""
        return tuple(self.reading(row) for row in self.probabilities(images).cpu())

    def reading(self, probabilities: Float[Tensor, " k"]) -> Reading:
        """A row of probabilities as a reading."""
        values = [float(p) for p in probabilities]
        best = max(range(len(values)), key=values.__getitem__)
        named = dict(zip(self.class_names, values, strict=True))
        return Reading(self.class_names[best], values[best], named)

    @torch.no_grad()
    def features(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n f"]:
        """What the last linear layer is given: the penultimate features.

        Raises:
            BadModel: the module has no linear layer.
        """
        with self.held(), self.penultimate() as seen:
            step = batch_size(*images.shape[-2:], gradients=False)
            for i in range(0, len(images), step):
                self(images[i : i + step])
        return torch.cat(seen)

    @contextlib.contextmanager
    def penultimate(self) -> Iterator[list[Tensor]]:
        """What the last linear layer is given in each pass of the block, (n, f) each.

        Raises:
            BadModel: the module has no linear layer.
        """
        linear = [m for m in self.module.modules() if isinstance(m, nn.Linear)]
        if not linear:
            raise BadModel(f"{self.name} has no linear layer, so it has no penultimate features")
        seen: list[Tensor] = []

        def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen.append(given[0].float().flatten(1))

        hook = linear[-1].register_forward_pre_hook(keep)
        try:
            yield seen
        finally:
            hook.remove()

    def index(self, label: str) -> int:
        """The logit of a class name.

        Raises:
            BadModel: the model does not know that class.
        """
        try:
            return self.class_names.index(label)
        except ValueError:
            raise BadModel(
                f"{self.name} has no class {label!r}; its classes are {', '.join(self.class_names)}"
            ) from None

    def sha256(self) -> str:
        """Content hash: every weight and buffer, the class names, input size and normalisation."""
        digest = hashlib.sha256(repr((self.class_names, self.input_size)).encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(key.encode())
            digest.update(
                value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
        return digest.hexdigest()


def _last_convolution(module: nn.Module) -> str | None:
    found = [name for name, part in module.named_modules() if isinstance(part, nn.Conv2d)]
    return found[-1] if found else None


def _convolutional(module: nn.Module, most: int = 12) -> str:
    """The layers that Grad-CAM could look at, as the end of a sentence."""
    names = [
        name
        for name, part in module.named_modules()
        if name and any(isinstance(inner, nn.Conv2d) for inner in part.modules())
    ]
    if not names:
        return "it has no convolutional layer at all"
    more = f" and {len(names) - most} before them" if len(names) > most else ""
    return f"it has {', '.join(names[-most:])}{more}"
