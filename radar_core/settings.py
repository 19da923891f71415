"""Frozen settings: the environment first, then `.streamlit/radar.toml`, then the defaults here."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from radar_core.errors import BadParameter

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / ".streamlit" / "radar.toml"


@dataclass(frozen=True)
class Settings:
    """What an installation decides. Each is read from `RADAR_<NAME>` or that key in the file.

    Attributes:
        device: `auto` (CUDA, then MPS, then CPU), or a torch device name such as `cpu` or `cuda:1`.
        threads: CPU threads given to torch; 0 takes the machine's cores.
        precision: `float32`, or `bfloat16` for autocast forward passes (faster, less exact).
        memory_mb: working memory that a batch of one model's passes may take, in MiB.
        cache_mb: results kept for visitors, in MiB, over all caches of finished cases.
        data: folders or CSV files offered beside the phantom, separated by `os.pathsep`.
        fetched: the folder for data sets that are fetched, and for the list of those added from
            elsewhere on this machine; `data/` here.
        stories: folders with further stories to present, likewise; what is computed ahead lies in
            `prepared/` of the first of them, or of `stories/` here.
        surveys: the folder for what surveys of data sets found, so that nothing is computed twice;
            `surveys/` here. It may be deleted.
        readers: the folder for the answers of reader studies; `readers/` here.
        experiments: the folder for experiments that are started on the page; `experiments/` here.
        models: folders with further models (`NAME.safetensors` and `NAME.json`), likewise.
        upload_mb: the largest image file accepted, in MiB.
        megapixels: the largest image accepted, judged before a pixel is decoded.
    """

    device: str = "auto"
    threads: int = 0
    precision: str = "float32"
    memory_mb: int = 800
    cache_mb: int = 256
    data: str = ""
    fetched: str = ""
    models: str = ""
    surveys: str = ""
    readers: str = ""
    experiments: str = ""
    stories: str = ""
    upload_mb: int = 20
    megapixels: int = 24

    @property
    def data_paths(self) -> tuple[Path, ...]:
        """The folders and files of `data`, as paths."""
        return _paths(self.data)

    @property
    def fetched_path(self) -> Path:
        """Where fetched data sets lie, a folder each."""
        return _paths(self.fetched)[0] if self.fetched.strip() else ROOT / "data"

    @property
    def model_paths(self) -> tuple[Path, ...]:
        """Where models lie: the shipped ones, the folders of `models`, then `models/` here."""
        return (ROOT / "assets" / "models", *_paths(self.models), ROOT / "models")

    @property
    def story_paths(self) -> tuple[Path, ...]:
        """Where stories lie: the shipped ones, the folders of `stories`, then `stories/` here."""
        return (ROOT / "assets" / "stories", *_paths(self.stories), ROOT / "stories")

    @property
    def prepared_path(self) -> Path:
        """Where what is computed ahead for stories lies."""
        return (_paths(self.stories) or (ROOT / "stories",))[0] / "prepared"

    @property
    def surveys_path(self) -> Path:
        """Where surveys keep what they found."""
        return (_paths(self.surveys) or (ROOT / "surveys",))[0]

    @property
    def readers_path(self) -> Path:
        """Where the answers of reader studies lie, a CSV file each."""
        return (_paths(self.readers) or (ROOT / "readers",))[0]

    @property
    def experiments_path(self) -> Path:
        """Where experiments lie that are started on the page, a folder each."""
        return (_paths(self.experiments) or (ROOT / "experiments",))[0]

    @property
    def trained_path(self) -> Path:
        """Where models come to lie that are trained on the page."""
        return self.model_paths[1]


def _paths(joined: str) -> tuple[Path, ...]:
    return tuple(Path(part).expanduser() for part in joined.split(os.pathsep) if part.strip())


def load_settings(environment: dict[str, str], file: Path = FILE) -> Settings:
    """Settings from an environment and a TOML file.

    Raises:
        BadParameter: a value of the wrong kind, a key that is no setting, or an unreadable file.
    """
    stored: dict[str, object] = {}
    if file.is_file():
        try:
            stored = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadParameter(
                f"{file} is not readable TOML ({error}); mend or remove it"
            ) from None
    known = {field.name: field for field in fields(Settings)}
    if unknown := sorted(set(stored) - set(known)):
        raise BadParameter(f"{file} sets {', '.join(unknown)}; settings are {', '.join(known)}")
    values: dict[str, object] = {}
    for name, field in known.items():
        raw = environment.get(f"RADAR_{name.upper()}", stored.get(name, field.default))
        if isinstance(field.default, int):
            try:
                raw = int(str(raw))
            except ValueError:
                raise BadParameter(
                    f"RADAR_{name.upper()} must be a whole number, not {raw!r}"
                ) from None
            if raw < 0:
                raise BadParameter(f"RADAR_{name.upper()} must not be negative, got {raw}")
        values[name] = raw if isinstance(field.default, int) else str(raw)
    if values["precision"] not in ("float32", "bfloat16"):
        raise BadParameter(
            f"RADAR_PRECISION must be float32 or bfloat16, not {values['precision']!r}"
        )
    return Settings(**values)  # type: ignore[arg-type]  # the loop above made each value its field's kind


def settings() -> Settings:
    """The settings of this process. The file is read once, and again where a variable changed."""
    names = (f"RADAR_{field.name.upper()}" for field in fields(Settings))
    return _settings(tuple((name, os.environ[name]) for name in names if name in os.environ))


@lru_cache(maxsize=4)
def _settings(environment: tuple[tuple[str, str], ...]) -> Settings:
    return load_settings(dict(environment))
