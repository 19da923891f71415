"""What every registered method keeps to; being registered is being tested."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from radar_core.attacks import ATTACKS
from radar_core.defences import DEFENCES
from radar_core.detection import DETECTORS
from radar_core.errors import BadParameter
from radar_core.explainers import EXPLAINERS
from radar_core.localisation import LOCALISATION
from radar_core.metrics import METRICS


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (registry, name)
        for registry in (ATTACKS, EXPLAINERS, METRICS, LOCALISATION, DETECTORS, DEFENCES)
        for name in registry
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_declares_itself(registry: Any, name: str):
    method = registry[name]
    assert method.title
    assert method.source
    assert isinstance(method.order, int)
    assert method.__dataclass_params__.frozen
    for field in dataclasses.fields(method):
        control = field.metadata["control"]
        assert control.title
        if control.kind in ("int", "float"):
            assert control.low <= control.default <= control.high
            with pytest.raises(BadParameter):
                registry.create(name, **{field.name: control.high + 1})
