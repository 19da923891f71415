"""The grid of the RADAR-MIX paper (Aguiar et al., CBMS 2024), corrected.

Attacks, ε, explainers, iterations and the number of images are the authors'; the models are those
of their six architectures that are in the library. What is corrected: images stay within [0, 1];
BIM and PGD step by 2.5·ε over their iterations (theirs step by 0.1 whatever ε is) and PGD starts at
random; DeepFool and C&W are placed by their own distance; a universal pattern is tested on other
images than it was fitted on; explanations are paired; success counts only images read right. Their
IoU and SSIM stand beside our metrics under the names *as in the paper*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from radar_core.errors import BadParameter
from radar_core.experiments.spec import ExperimentSpec

ARCHITECTURES = (
    *("resnet50", "vgg16", "vgg19"),
    *("inception_v3", "densenet121", "densenet201", "efficientnet_b0"),  # 121 in code, 201 in print
)
EPS = tuple(f"normalised:{value}" for value in ("0.001", "0.01", "0.05", "0.1", "0.5"))
PARAMETERS: Mapping[str, Any] = MappingProxyType(
    {
        "bim.steps": 100,
        "pgd.steps": 100,
        "deepfool.steps": 10,
        "cw.steps": 10,
        "uap.epochs": 10,
        "lime.samples": 1000,
    }
)


def paper_grid(spec: ExperimentSpec) -> ExperimentSpec:
    """That grid, on the data and models of a specification."""
    attacks = ("fgsm", "bim", "pgd", "deepfool", "uap", "cw")
    explainers = ("gradcam", "shap", "lime")
    given = {id: [] for id in ("attack", "explainer")}  # type: dict[str, list[tuple[str, Any]]]
    for name, value in PARAMETERS.items():
        kind = "explainer" if name.partition(".")[0] in explainers else "attack"
        given[kind].append((name, value))
    return replace(
        spec,
        attacks=attacks,
        eps=EPS,
        explainers=explainers,
        images=100,
        seed=43,
        attack_parameters=tuple(given["attack"]),
        explainer_parameters=tuple(given["explainer"]),
    )


def paper_models() -> tuple[str, ...]:
    """The models of the library that have one of the paper's architectures.

    Raises:
        BadParameter: there is none.
    """
    from radar_core.models.store import list_models

    found = {info.name: str(info.card.get("architecture", "")) for info in list_models()}
    known = {prefix + arch for arch in ARCHITECTURES for prefix in ("", "torchvision:")}
    names = tuple(name for name, arch in found.items() if arch in known)
    if not names:
        raise BadParameter(
            "no model of the library has one of the paper's architectures "
            f"({', '.join(ARCHITECTURES)}); name others with --models, add theirs with "
            "python -m radar_core adopt, or train one with "
            "python -m radar_core train --arch resnet50"
        )
    return names
