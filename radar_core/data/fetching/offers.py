"""What can be fetched: each file of `sources/` offers one set or a family of them."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radar_core.errors import BadData
from radar_core.runtime import Progress


@dataclass(frozen=True)
class Remote:
    """One file of a set.

    Attributes:
        name: what it is called on disk and on a mirror.
        url: where its publisher has it.
        bytes: about how many it has; for the share of the progress and the room on the disk.
        unpacked: bytes that what is in it takes at most; 0 where it is no archive.
        md5: as published; empty where no checksum is.
    """

    name: str
    url: str
    bytes: int
    unpacked: int = 0
    md5: str = ""


@dataclass(frozen=True)
class Offer:
    """A set that can be fetched: all that is said of it before anything starts.

    Attributes:
        id: what it is asked for by; sets of one id differ in `side`.
        side: of its square images in pixels, where there is a choice; else 0.
        title, about: for people; what the images are.
        size: how large it is, in words.
        images: how many, over all splits.
        classes: in the publisher's order.
        licence, citation, homepage: under what terms, whom to cite, where to read more.
        files: what is brought.
        unpack: makes the set's folder of a folder with these files; may raise `Damaged`.
    """

    id: str
    side: int
    title: str
    about: str
    size: str
    images: int
    classes: tuple[str, ...]
    licence: str
    citation: str
    homepage: str
    files: tuple[Remote, ...]
    unpack: Callable[[Path, Path, Progress], None]

    @property
    def name(self) -> str:
        """The data set's name, and its folder's."""
        return f"{self.id}-{self.side}" if self.side else self.id


def offers() -> tuple[Offer, ...]:
    """Every set that can be fetched here."""
    return tuple(offer for source in _sources() for offer in source.offers())


def refused() -> Mapping[str, str]:
    """What a visitor may look for and not find, by name: why, in one sentence."""
    return {name: why for source in _sources() for name, why in source.refused().items()}


def the_offer(name: str, side: int | None = None) -> Offer:
    """The offer of an id or a name, at a size where there is a choice (`bloodmnist`, 64).

    Raises:
        BadData: nothing is called so, not in that size, or not without a package.
    """
    every = offers()
    exact = [offer for offer in every if offer.name == name]
    if exact and side in (None, exact[0].side):
        return exact[0]
    found = [offer for offer in every if offer.id == name]
    reasons = refused()
    if not found and (why := reasons.get(name) or reasons.get(name.rpartition("-")[0])):
        raise BadData(f"{name} cannot be fetched: {why}")
    if not found:
        raise BadData(_unknown(name, every))
    if side is None:
        return min(found, key=lambda offer: abs(offer.side - 64))
    for offer in found:
        if offer.side == side:
            return offer
    sides = ", ".join(str(offer.side) for offer in found)
    choice = f"comes in {sides} pixels" if found[0].side else "comes in one size; leave --size out"
    raise BadData(f"{name} {choice}, and {side} was asked for")


def _unknown(name: str, every: Sequence[Offer]) -> str:
    ids = list(dict.fromkeys(offer.id for offer in every))
    near = difflib.get_close_matches(name, [*ids, *(offer.name for offer in every)], n=1)
    hint = f"; did you mean {near[0]}?" if near else "; see python -m radar_core fetch"
    return f"no data set called {name[:60]!r} can be fetched{hint}"


def _sources() -> list[_Source]:
    from radar_core.data.fetching import sources

    found = sorted(m.name for m in pkgutil.iter_modules(sources.__path__, f"{sources.__name__}."))
    return [_Source(importlib.import_module(name)) for name in found]


class _Source:
    """A file of `sources/`: it has `offers()`, and may have `refused()`."""

    def __init__(self, module: object) -> None:
        self.offers: Callable[[], Sequence[Offer]] = module.offers  # type: ignore[attr-defined]
        self.refused: Callable[[], Mapping[str, str]] = getattr(module, "refused", dict)
