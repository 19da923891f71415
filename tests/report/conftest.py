"""A small case with its noise floor and its curve, and others made from their classes' names."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pypdf
import pytest
import torch

from radar_core.case import (
    CaseResult,
    CaseSpec,
    CurveResult,
    FloorResult,
    run_case,
    run_curve,
    run_floor,
)
from radar_core.data.phantom import CLASSES
from radar_core.data.synthetic import PhantomData
from radar_core.models.classifier import Classifier
from radar_core.models.zoo import build

MADE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SPEC = CaseSpec(
    image="3",
    eps="3/255",
    attack_parameters=(("steps", 3),),
    explainers=("gradcam", "saliency", "lime"),  # the network gives Grad-CAM nothing to show
    explainer_parameters=(("lime.samples", 64), ("lime.superpixels", 12)),
    seed=5,
)


def classifier(names: Sequence[str], cam_layer: str = "features") -> Classifier:
    """A seeded, untrained network that reads these classes, each with some confidence."""
    module = build("mobilenet_v3_small", len(names), seed=1)
    with torch.no_grad():  # untrained, its logits are all but equal
        module.classifier[-1].weight *= 1e7
    card = {"trained_on": "phantom"}
    return Classifier(module, tuple(names), cam_layer=cam_layer, input_size=64, card=card)


@pytest.fixture(scope="session")
def data() -> PhantomData:
    return PhantomData("test", side=64)


@pytest.fixture(scope="session")
def model() -> Classifier:
    return classifier(CLASSES)


@pytest.fixture(scope="session")
def case(data: PhantomData, model: Classifier) -> CaseResult:
    *_, result = run_case(SPEC, data=data, model=model)
    return result


@pytest.fixture(scope="session")
def floor(case: CaseResult, data: PhantomData, model: Classifier) -> FloorResult:
    *_, result = run_floor(case, data=data, model=model, explainers=["gradcam", "saliency"])
    return result


@pytest.fixture(scope="session")
def curve(data: PhantomData, model: Classifier) -> CurveResult:
    spec = replace(SPEC, explainers=("saliency",))
    *_, result = run_curve(spec, data=data, model=model)
    return result


@pytest.fixture(scope="session")
def made_of(data: PhantomData) -> Callable[..., CaseResult]:
    """A quick case whose model has classes of these names."""

    def make(names: Sequence[str], **changes: object) -> CaseResult:
        layer = str(changes.pop("cam_layer", "features"))
        spec = replace(SPEC, **{"explainers": ("gradcam",), **changes})
        *_, result = run_case(spec, data=data, model=classifier(names, layer))
        return result

    return make


def opened(raw: bytes) -> pypdf.PdfReader:
    """A PDF, read back strictly."""
    return pypdf.PdfReader(io.BytesIO(raw), strict=True)


def words(raw: bytes) -> str:
    """The text of a PDF, on one line."""
    return " ".join(" ".join(page.extract_text() for page in opened(raw).pages).split())
