"""Settings: the environment before the file before the defaults; mistakes are named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from radar_core.errors import BadParameter
from radar_core.settings import ROOT, Settings, load_settings, settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "radar.toml"


def test_defaults_without_a_file(file: Path):
    assert load_settings({}, file) == Settings()


def test_environment_wins_over_the_file(file: Path):
    file.write_text('device = "cpu"\nthreads = 3\n')
    assert load_settings({}, file) == Settings(device="cpu", threads=3)
    found = load_settings({"RADAR_THREADS": "5", "OTHER": "x"}, file)
    assert found == Settings(device="cpu", threads=5)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"RADAR_THREADS": "two"}, "RADAR_THREADS must be a whole number, not 'two'"),
        ({"RADAR_UPLOAD_MB": "-1"}, "RADAR_UPLOAD_MB must not be negative"),
        ({"RADAR_PRECISION": "float16"}, "float32 or bfloat16, not 'float16'"),
    ],
)
def test_a_wrong_value_is_named(file: Path, environment: dict[str, str], said: str):
    with pytest.raises(BadParameter, match=said):
        load_settings(environment, file)


def test_a_wrong_file_is_named(file: Path):
    file.write_text("colour = 1")
    with pytest.raises(BadParameter, match=r"radar\.toml sets colour; settings are device"):
        load_settings({}, file)
    file.write_text("= 1")
    with pytest.raises(BadParameter, match="not readable TOML"):
        load_settings({}, file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadParameter, match="not readable TOML"):
        load_settings({}, file)


def test_paths_are_split_and_the_shipped_models_come_first():
    joined = os.pathsep.join(("/a b", "~/c", " "))
    found = Settings(data=joined, models="/m")
    assert found.data_paths == (Path("/a b"), Path.home() / "c")
    assert found.model_paths == (ROOT / "assets" / "models", Path("/m"), ROOT / "models")
    assert found.trained_path == Path("/m")
    assert Settings().trained_path == ROOT / "models"
    assert Settings().data_paths == ()


def test_a_variable_that_changes_is_seen_and_one_that_does_not_costs_nothing(monkeypatch):
    monkeypatch.setenv("RADAR_MODELS", "/here")
    assert settings().models == "/here"
    assert settings() is settings()
    monkeypatch.setenv("RADAR_MODELS", "/there")
    assert settings().models == "/there"


def test_settings_are_frozen():
    with pytest.raises(AttributeError):
        Settings().device = "cuda"  # type: ignore[misc]
