"""Explain images as one pair or group."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from radar_core.api.inputs import Images, Names, classes, prepared
from radar_core.errors import BadModel, BadParameter
from radar_core.explainers import EXPLAINERS
from radar_core.models.classifier import Classifier
from radar_core.runtime import Progress, count_passes, generator
from radar_core.types import Explanation


@torch.inference_mode(False)
def explain(
    model: Classifier,
    images: Images,
    name: str,
    *,
    target: Names = None,
    background: Tensor | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **parameters: Any,
) -> Explanation:
    """Explain images as a pair or group: same class, background, superpixels, masks and draws.

    Args:
        model: never changed: not its mode, gradients or hooks.
        images: as `attack` takes them; the first is the reference, the clean image.
        name: a registered explainer, such as `gradcam`, `shap` or `lime`.
        target: the class to explain in all images, or in each; without one the class that the
            model reads in the first.
        background: (m, 3, h, w) clean images that stand for *no evidence*. Without them the
            model's own, else plain black, grey and white and the blurred reference; what was used
            is stated in `facts["background"]` by the methods that need one.
        seed: of every random draw.
        progress: told of each batch of model passes; may cancel.
        parameters: of the explainer, each checked.

    Returns:
        Maps on the device of the images given, at the model's input size.

    Raises:
        RadarError: an image, name, class or parameter that cannot be used, or a model that this
            explainer does not fit; `Cancelled`.
    """
    method = EXPLAINERS.create(name, **parameters)
    if method.needs_layer and model.cam_layer_name is None:
        others = [EXPLAINERS[id].title for id in EXPLAINERS if not EXPLAINERS[id].needs_layer]
        raise BadModel(
            f"{method.title} looks at a convolutional layer, and {model.name} has none; "
            f"explainers that need none: {', '.join(others)}"
        )
    batch = prepared(model, images)
    progress = progress or Progress()
    started = time.perf_counter()
    with count_passes() as passes, model.held():
        progress.step(0.0, method.title)
        if target is None:
            target = model.read(batch[:1])[0].label
        explained = classes(model, target, len(batch), "target")
        if explained is None or None in explained:
            raise BadParameter("name a class to explain for every image, or none at all")
        if method.needs_background:
            compared, stated = _background(model, background, batch[0])
        else:
            compared, stated = batch[:0], {}
        try:
            found = method.attribute(
                model,
                batch,
                torch.tensor(explained, device=batch.device),
                background=compared,
                generator=generator(seed, "explain"),
                progress=progress.part(0.02, 1.0),
            )
        except CheckpointError:
            raise BadModel(
                f"{model.name} computes parts of itself again on the way back (checkpoints), where "
                f"{method.title} cannot follow; SHAP and LIME can"
            ) from None
    progress.step(1.0, method.title)
    home = (images if isinstance(images, Tensor) else images[0]).device
    return Explanation(
        maps=found.maps.detach().float().to(home),
        explainer=name,
        title=method.title,
        signed=method.signed,
        targets=tuple(model.class_names[c] for c in explained if c is not None),
        parameters=asdict(method),  # type: ignore[call-overload]  # every method is a dataclass
        seed=seed,
        passes=passes,
        seconds=time.perf_counter() - started,
        facts={**stated, **found.facts},
    )


def _background(
    model: Classifier, given: Tensor | None, reference: Float[Tensor, "3 s s"]
) -> tuple[Tensor, dict[str, Any]]:
    """Background images at the model's input size, and a statement of what they are."""
    if given is not None:
        images = prepared(model, given)
        return images, {"background": f"{len(images)} images given"}
    if (own := model.background) is not None:
        return own, {"background": f"{len(own)} images of the model"}
    plain = torch.stack([torch.full_like(reference, value) for value in (0.0, 0.5, 1.0)])
    coarse = F.adaptive_avg_pool2d(reference[None], 8)
    blurred = F.interpolate(coarse, reference.shape[-2:], mode="bilinear")
    return torch.cat([plain, blurred]), {
        "background": "plain black, grey and white, and the blurred image; the model has no own"
    }
