"""Models and images out of the ordinary: a clear sentence or a right map."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import radar_core as radar
from radar_core.errors import BadModel, BadParameter
from radar_core.explainers import EXPLAINERS
from radar_core.params import controls
from tests import toys

WITH_LAYER = [id for id in EXPLAINERS if EXPLAINERS[id].needs_layer]
WITHOUT = [id for id in EXPLAINERS if not EXPLAINERS[id].needs_layer]
SHORT = {"samples": 40, "steps": 4, "references": 2, "positions": 4}


def explain(model: radar.Classifier, images: Any, name: str, **more: Any) -> Any:
    short = {k: v for k, v in SHORT.items() if k in controls(EXPLAINERS[name])}
    return radar.explain(model, images, name, **{**short, **more})


def flat_model() -> radar.Classifier:
    return radar.Classifier(
        toys.linear().module.eval(), ("a", "b", "c"), input_size=toys.SIDE, name="flat"
    )


def test_there_is_one_of_each():
    assert len(EXPLAINERS) == 12
    assert WITH_LAYER == ["gradcam", "gradcampp", "guided_gradcam"]


@pytest.mark.parametrize("name", WITH_LAYER)
def test_model_without_a_convolution_says_which_explainers_apply(name):
    with pytest.raises(BadModel, match=r"has none; explainers that need none: .*LIME") as said:
        explain(flat_model(), toys.images(1), name)
    for other in WITHOUT:
        assert EXPLAINERS[other].title in str(said.value)


@pytest.mark.parametrize("name", WITHOUT)
def test_model_without_a_convolution_is_explained_otherwise(name):
    assert bool(explain(flat_model(), toys.images(2), name).maps.any())


def test_layer_is_guessed_and_one_that_is_not_there_is_answered_with_those_that_are():
    module = toys.network()
    assert radar.Classifier(module, tuple("abc"), input_size=toys.SIDE).cam_layer_name == "block"
    with pytest.raises(BadModel, match=r"no layer 'last' for Grad-CAM; it has first, first\.0, bl"):
        toys.classifier(module, "last")
    with pytest.raises(BadModel, match="no convolutional layer at all"):
        toys.classifier(toys.linear().module, "last")


@pytest.mark.parametrize("name", list(EXPLAINERS))
@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0])
def test_image_of_one_colour(name, colour):
    found = explain(toys.conv(), torch.full((2, 3, toys.SIDE, toys.SIDE), colour), name)
    assert bool(found.maps.isfinite().all())
    assert torch.allclose(found[0], found[1], atol=1e-6)


@pytest.mark.parametrize("name", ["lime", "kernelshap"])
def test_one_superpixel_is_the_whole_image(name, monkeypatch):
    from radar_core.explainers import superpixels

    monkeypatch.setattr(
        superpixels, "superpixels", lambda image, wanted: torch.zeros(image.shape[1:]).long()
    )
    found = explain(toys.conv(), toys.images(2), name)
    assert found.facts["superpixels"] == 1
    assert found.facts["halves_agree"] == [1.0, 1.0]
    for one in found.maps:
        assert bool((one == one[0, 0]).all()) and bool(one.isfinite().all())


@pytest.mark.parametrize("name", list(EXPLAINERS))
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_model_in_half_precision(name, dtype):
    images = toys.images(2)
    full = toys.conv()
    target = full.read(images)[0].label
    expected = explain(full, images, name, target=target).maps
    half = toys.classifier(toys.network().to(dtype), "block")
    found = explain(half, images, name, target=target).maps
    assert found.dtype == torch.float32
    assert bool(found.isfinite().all())
    overlap = torch.cosine_similarity(found.flatten(1), expected.flatten(1))
    assert float(overlap.min()) > 0.8, "the same map, up to rounding"
    attacked = radar.attack(half, images, "fgsm", "4/255")
    assert attacked.images.dtype == torch.float32


@pytest.mark.parametrize("shape", [(40, 90), (1024, 1024), (7, 5)])
@pytest.mark.parametrize("name", ["gradcam", "lime", "occlusion", "rise", "deeplift"])
def test_other_sizes_are_explained_as_the_model_sees_them(name, shape):
    model, image = toys.conv(), torch.rand((3, *shape), generator=torch.Generator().manual_seed(1))
    found = explain(model, image, name)
    assert found.maps.shape == (1, toys.SIDE, toys.SIDE)
    assert torch.equal(found.maps, explain(model, model.prepare(image), name).maps)


def test_class_out_of_range():
    with pytest.raises(BadModel, match="no class 'z'; its classes are a, b, c"):
        explain(toys.conv(), toys.images(1), "saliency", target="z")
    with pytest.raises(BadParameter, match="by its name, not by a number"):
        explain(toys.conv(), toys.images(1), "saliency", target=3)


def test_map_of_one_cell_is_refused():
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.head = nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.pool(self.conv(x)).flatten(1))

    with toys.seeded(0):
        model = toys.classifier(Pooled().eval(), "pool")
    for name in WITH_LAYER:
        with pytest.raises(BadModel, match="one cell"):
            explain(model, toys.images(1), name)
