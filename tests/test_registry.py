"""Registries: entering, looking up, helpful errors, discovery of files."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from radar_core.errors import BadParameter, RadarError, UnknownMethod
from radar_core.params import field_range
from radar_core.registry import Registry


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    """A registry over a package of its own, with one method in a file and one entered here."""
    package = tmp_path / "toymethods"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from radar_core.registry import Registry\nTOYS = Registry('toy', __name__)\n"
    )
    (package / "late.py").write_text(
        "from dataclasses import dataclass\nfrom toymethods import TOYS\n"
        "@TOYS.register('late')\n@dataclass(frozen=True)\nclass Late:\n"
        "    '''Found in its file.'''\n    title = 'Late'\n    source = 'Nobody 2000'\n"
        "    order = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    toys: Registry[Any] = importlib.import_module("toymethods").TOYS

    @toys.register("spin")
    @dataclass(frozen=True)
    class Spin:
        """Turns.

        Round and round.
        """

        title: ClassVar[str] = "Spin"
        source: ClassVar[str] = "Somebody 1999"
        order: ClassVar[int] = 5
        turns: int = field_range(3, 1, 9, title="Turns")

    yield toys  # type: ignore[misc]
    for name in [n for n in sys.modules if n.split(".")[0] == "toymethods"]:
        del sys.modules[name]


def test_files_are_found_on_the_first_look_up_in_their_order(registry: Registry[Any]):
    assert "toymethods.late" not in sys.modules
    assert list(registry) == ["late", "spin"]
    assert "toymethods.late" in sys.modules
    assert len(registry) == 2
    assert "late" in registry and "later" not in registry


def test_create_checks_the_parameters(registry: Registry[Any]):
    assert registry.create("spin", turns="4").turns == 4
    assert registry["spin"].id == "spin"
    with pytest.raises(BadParameter):
        registry.create("spin", turns=10)


def test_an_unknown_method_is_told_near_ones(registry: Registry[Any]):
    with pytest.raises(UnknownMethod, match="no toy is called 'spim'; did you mean 'spin'") as c:
        registry["spim"]
    assert "Known: late, spin" in str(c.value)
    assert isinstance(c.value, RadarError) and isinstance(c.value, KeyError)
    with pytest.raises(UnknownMethod, match="called 'xyz'"):
        registry.create("xyz")


def test_describe_is_plain_values(registry: Registry[Any]):
    row = registry.describe()[1]
    assert (row["id"], row["title"], row["about"], row["source"]) == (
        "spin",
        "Spin",
        "Turns.",
        "Somebody 1999",
    )
    assert row["parameters"]["turns"]["high"] == 9


def test_what_is_no_method_is_refused(registry: Registry[Any]):
    @dataclass(frozen=True)
    class Silent:
        title: ClassVar[str] = "Silent"
        source: ClassVar[str] = "x"

    Silent.__doc__ = None
    with pytest.raises(TypeError, match="docstring"):
        registry.register("silent")(Silent)

    @dataclass(frozen=True)
    class Nameless:
        """No title."""

    with pytest.raises(TypeError, match="title"):
        registry.register("nameless")(Nameless)

    @dataclass(frozen=True)
    class Other:
        """Another of that id."""

        title: ClassVar[str] = "Other"
        source: ClassVar[str] = "x"

    with pytest.raises(TypeError, match="two toys are registered as 'spin'"):
        registry.register("spin")(Other)
