"""A story as its file tells it: TOML with a title and steps, each a link and a caption."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from radar_core.case.spec import CaseSpec, check_spec
from radar_core.epsilon import parse_epsilon
from radar_core.errors import BadStory, RadarError
from radar_core.settings import settings

ENDING = ".toml"
LARGEST = 200_000  # bytes
MOST_STEPS = 50
SHOWN = ("panels", "flicker", "swipe")
_PLAIN = ("data", "image", "model", "attack", "eps", "towards", "target")
_PAGE = ("view", "class", "show", "as")  # of the page, not of the case


@dataclass(frozen=True)
class Step:
    """A case of a story.

    Attributes:
        caption: what is said of it.
        link: as the case page writes it; what it leaves out is at its default.
        spec: the case that the link names.
        sweep: whether ε moves over its whole axis by itself.
        show: `panels`, `flicker` or `swipe`.
    """

    caption: str
    link: str
    spec: CaseSpec
    sweep: bool = False
    show: str = "panels"


@dataclass(frozen=True)
class Story:
    """Steps in an order.

    Attributes:
        name: of its file, without the ending.
        idle: seconds without a key after which it starts again; 0: never.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    idle: float = 120.0


def stories() -> dict[str, Path]:
    """The stories there are, by name; a file of one's own goes before one that ships."""
    folders = settings().story_paths
    return {p.stem: p for folder in folders for p in sorted(folder.glob(f"*{ENDING}"))}


def read_story(named: str | Path) -> Story:
    """The story of that name, or of that file.

    Raises:
        BadStory: there is none, it is no TOML, or a step that cannot be; which, and why.
    """
    there = stories()
    path = there.get(str(named)) or Path(named).expanduser()
    if not path.is_file():
        known = ", ".join(there) or "none so far"
        raise BadStory(f"there is no story {str(named)!r}; a file, or one of: {known}")
    try:
        if path.stat().st_size > LARGEST:
            raise BadStory(f"{path.name} is too large for a story: links and captions are short")
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadStory(f"{path.name} cannot be read as TOML: {error}") from None
    return _story(path, told)


def _story(path: Path, told: Mapping[str, Any]) -> Story:
    unknown = set(told) - {"title", "idle", "step"}
    if unknown:
        raise BadStory(f"{path.name}: {_first(unknown)!r} is not title, idle or step")
    steps = told.get("step", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(s, dict) for s in steps):
        raise BadStory(f"{path.name}: a story has steps, each beginning with [[step]]")
    if len(steps) > MOST_STEPS:
        raise BadStory(f"{path.name}: {len(steps)} steps; {MOST_STEPS} are the most")
    idle = told.get("idle", Story.idle)
    if isinstance(idle, bool) or not isinstance(idle, int | float) or not 0 <= idle < 1e6:
        raise BadStory(f"{path.name}: idle is a number of seconds, not {idle!r}")
    title = told.get("title", path.stem)
    if not isinstance(title, str):
        raise BadStory(f"{path.name}: title is text, not {title!r}")
    return Story(
        path.stem,
        title,
        tuple(_step(f"{path.name}, step {n}", step) for n, step in enumerate(steps, 1)),
        float(idle),
    )


def _step(where: str, told: Mapping[str, Any]) -> Step:
    unknown = set(told) - {"caption", "link", "sweep", "show"}
    if unknown:
        raise BadStory(f"{where}: {_first(unknown)!r} is not caption, link, sweep or show")
    link, caption = told.get("link"), told.get("caption", "")
    if not isinstance(link, str) or not isinstance(caption, str):
        raise BadStory(f"{where}: link and caption are text")
    sweep, show = told.get("sweep", False), told.get("show", "panels")
    if not isinstance(sweep, bool):
        raise BadStory(f"{where}: sweep is true or false, not {sweep!r}")
    if show not in SHOWN:
        raise BadStory(f"{where}: show is one of {', '.join(SHOWN)}, not {show!r}")
    try:
        return Step(caption, link, spec_of(link), sweep, show)
    except RadarError as error:
        raise BadStory(f"{where}: {error}") from None


def spec_of(link: str) -> CaseSpec:
    """The case that a link of the case page names.

    Raises:
        RadarError: a name that no link has, or a value that cannot be.
    """
    from radar_core.attacks import ATTACKS

    given = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    dotted = {name: value for name, value in given.items() if "." in name}
    for name in set(given) - set(dotted) - {*_PLAIN, *_PAGE, "explain", "seed"}:
        raise BadStory(f"a link has no {name!r}")
    plain: dict[str, Any] = {name: given[name] for name in _PLAIN if name in given}
    if given.get("data") == "upload":
        raise BadStory(
            "an uploaded image is not part of a link; add its folder on the page Library"
        )
    attack = given.get("attack", CaseSpec.attack)
    own = {n.partition(".")[2]: v for n, v in dotted.items() if n.partition(".")[0] == attack}
    method: Any = ATTACKS[attack]
    usual = "4/255" if method.placing == "budget" else "own"
    norm: Any = own.get("norm", method.norm)
    plain["eps"] = parse_epsilon(given.get("eps", usual), norm).text
    explain = given.get("explain", ",".join(CaseSpec.explainers))
    seed = given.get("seed", "0")
    if not seed.isdecimal() or len(seed) > 9:
        raise BadStory(f"seed is a whole number, not {seed!r}")
    spec = CaseSpec(
        **{"image": "0", **plain},
        attack_parameters=tuple(sorted(own.items())),
        explainers=tuple(id.strip() for id in explain.split(",") if id.strip() not in ("", "none")),
        explainer_parameters=tuple(
            sorted((n, v) for n, v in dotted.items() if n.partition(".")[0] != attack)
        ),
        seed=int(seed),
    )
    check_spec(spec)
    return spec


def _first(names: set[str]) -> str:
    return min(names)
