"""The lines that CONTRIBUTING.md shows do what it says."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from jaxtyping import Float64
from torch import Tensor

import radar_core as radar
from radar_core.attacks import ATTACKS
from radar_core.explainers import Attribution
from radar_core.runtime import Progress, generator
from radar_core.settings import ROOT
from radar_core.ui.places import places
from tests import toys

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def block(holding: str) -> str:
    (found,) = (b for b in BLOCKS if holding in b)
    return textwrap.dedent(found)


def run(holding: str, names: dict[str, Any]) -> None:
    exec(compile(block(holding), "CONTRIBUTING.md", "exec", dont_inherit=True), names)


@pytest.fixture
def fgm() -> Iterator[str]:
    """The attack shown, registered for one test."""
    len(ATTACKS)  # the registered ones first
    run("@ATTACKS.register", {"__name__": __name__})
    yield "fgm"
    del ATTACKS._methods["fgm"]


def test_the_attack_runs_through_the_door(fgm: str):
    model, images = toys.linear(2), 0.25 + 0.5 * toys.images(2)  # no value comes near 0 or 1
    result = radar.attack(model, images, fgm, "0.5", share=0.5)
    assert result.norm == "l2"
    weights = model.module.head.weight.detach().view(2, 3, toys.SIDE, toys.SIDE) / model.std
    for change, before in zip(result.images - images, result.readings_clean, strict=True):
        read = model.index(before.label)
        best = weights[1 - read] - weights[read]
        assert torch.allclose(change, 0.25 * best / best.norm(), atol=1e-6)


def test_the_explainer_gives_the_gradient_of_the_logit():
    names: dict[str, Any] = {"torch": torch, "Attribution": Attribution}
    run("def attribute", names)
    model, images, targets = toys.linear(), toys.images(2), torch.tensor([0, 2])
    maps = names["attribute"](
        None,
        model,
        images,
        targets,
        background=images,
        generator=generator(0),
        progress=Progress(),
    ).maps
    weights = model.module.head.weight.detach().view(3, 3, toys.SIDE, toys.SIDE)
    expected = (weights / model.std).sum(1)[targets]
    assert torch.allclose(maps, expected, atol=1e-6)


def test_the_metric_compares_two_maps():
    names: dict[str, Any] = {"torch": torch, "Float64": Float64, "Tensor": Tensor}
    run("def __call__", names)
    first = torch.rand((8, 8), generator=generator(1), dtype=torch.float64)
    assert names["__call__"](None, first, 2 * first) == pytest.approx(1)
    assert names["__call__"](None, first, -first) == pytest.approx(-1)


def test_the_line_of_a_page_makes_it_a_page(tmp_path):
    (tmp_path / "new.py").write_text(block("PAGE ="), "utf-8")
    assert [place.title for place in places(tmp_path)] == ["Name"]


def test_the_places_named_are_there():
    door = (ROOT / "radar_core" / "data" / "__init__.py").read_text("utf-8")
    assert block("NameData").split('"')[0] in door


def test_the_defence_shown_gives_views():
    from types import SimpleNamespace

    names: dict[str, Any] = {"Float": Float64, "Tensor": Tensor, "torch": torch}
    run("self.gain", names)
    images = toys.images(2)
    views = names["views"](SimpleNamespace(gain=0.5), images, generator(0, "test"))
    assert torch.equal(views, 0.5 * images[None])
