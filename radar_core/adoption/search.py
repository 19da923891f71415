"""Which architecture weights are of: the zoo's first, then torchvision's, then timm's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from torch import nn

from radar_core.adoption.fitting import Fit, Shapes, fit, likeness, prefixes
from radar_core.errors import BadModel
from radar_core.models.foreign import families, has_timm, shapes, skeleton
from radar_core.models.zoo import ARCHITECTURES
from radar_core.runtime import Progress

FAMILIES = 3  # files of a library whose networks are built, of those with names most alike
ALIKE = 0.5  # the least share of names, numbers left out, that makes a family worth building


@dataclass(frozen=True, eq=False)
class Searched:
    """What came of a search.

    Attributes:
        fits: by architecture; the first is the one taken.
        nearest: where none fits, the likest architectures and the share of their tensors there.
    """

    fits: Mapping[str, Fit]
    nearest: Sequence[tuple[str, float]] = ()


def fit_to(architecture: str, given: Shapes) -> Fit | None:
    """How weights are those of one architecture, or None.

    Raises:
        BadModel: no such architecture, or timm is not installed.
    """
    return fit(shapes(architecture), _last(architecture), given)


def search(given: Shapes, words: Sequence[str], progress: Progress) -> Searched:
    """The architectures that weights fit.

    Args:
        given: names and shapes of the tensors.
        words: what the file calls itself; an architecture of that name is tried first.
        progress: stepped before each network that is built.
    """
    tried: dict[str, float] = {}
    for architecture in dict.fromkeys((*_named(words, ""), *ARCHITECTURES)):
        progress.step(0.0, f"comparing with {architecture}")
        if found := _try(architecture, given, tried):
            return Searched({architecture: found})
    for library in ("torchvision", "timm") if has_timm() else ("torchvision",):
        for architecture in _named(words, library):
            if found := _try(architecture, given, tried):
                return Searched({architecture: found})
        fits: dict[str, Fit] = {}
        for name in _likely(library, given, progress):
            architecture = f"{library}:{name}"
            if name in ARCHITECTURES and library == "torchvision":
                continue
            progress.step(0.5, f"comparing with {architecture}")
            if found := _try(architecture, given, tried):
                fits[architecture] = found
        if fits:
            return Searched(fits)
    return Searched({}, sorted(tried.items(), key=lambda pair: -pair[1])[:3])


def nearest_words(nearest: Sequence[tuple[str, float]]) -> str:
    """The likest architectures, as the end of a sentence."""
    said = ", ".join(f"{name} ({share:.0%} of its tensors are there)" for name, share in nearest)
    return said or "none"


def _try(architecture: str, given: Shapes, tried: dict[str, float]) -> Fit | None:
    try:
        found = fit_to(architecture, given)
        tried[architecture] = likeness(shapes(architecture), given) if found is None else 1.0
    except BadModel:
        raise
    except Exception:  # a builder that cannot do without memory: it is passed over
        return None
    return found


def _named(words: Sequence[str], library: str) -> list[str]:
    """The architectures of a library, "" for the zoo, that words like `timm/resnet50.a1` name."""
    plain = [word.rpartition("/")[2].split(".")[0].lower().replace("-", "_") for word in words]
    if not library:
        return [name for name in plain if name in ARCHITECTURES]
    known = {name for family in families(library).values() for name in family}
    return [f"{library}:{name}" for name in plain if name in known]


@lru_cache(maxsize=128)
def _last(architecture: str) -> tuple[str, ...]:
    """The last linear layer and the parts around it that hold no convolution."""
    module = skeleton(architecture)
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        return ()
    words = linear[-1].split(".")
    around = [".".join(words[:count]) for count in range(len(words), 0, -1)]
    return tuple(
        name
        for name in around
        if not any(isinstance(inner, nn.Conv2d) for inner in module.get_submodule(name).modules())
    )


def _likely(library: str, given: Shapes, progress: Progress) -> list[str]:
    """The architectures of the files whose networks name their tensors most alike."""
    theirs = {_pattern(k[len(p) :]) for p in prefixes(given) for k in given if k.startswith(p)}
    scores: dict[str, float] = {}
    all_families = families(library)
    for place, (home, inside) in enumerate(all_families.items()):
        progress.step(0.3 * place / len(all_families), f"comparing with {library}'s {home}")
        own = _patterns(f"{library}:{min(inside, key=lambda name: (len(name), name))}")
        scores[home] = len(own & theirs) / len(own) if own else 0.0
    best = sorted(scores, key=lambda home: -scores[home])[:FAMILIES]
    return [name for home in best if scores[home] >= ALIKE for name in all_families[home]]


@lru_cache(maxsize=256)
def _patterns(architecture: str) -> frozenset[str]:
    try:
        return frozenset(map(_pattern, shapes(architecture)))
    except Exception:  # see `_try`
        return frozenset()


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)
