"""`fetch`: bring a data set from elsewhere."""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.errors import BadParameter, NotFetched
from radar_core.runtime import Progress

if TYPE_CHECKING:
    from radar_core.data.fetching import Offer

EVERY = 30.0  # seconds between two lines where no person watches


def add(commands: Any) -> None:
    """Enter the command."""
    fetch = commands.add_parser(
        "fetch", help="bring a data set from elsewhere, or list what can be"
    )
    fetch.add_argument("name", nargs="?", help="such as isic2018 or bloodmnist; without it: a list")
    fetch.add_argument("--size", type=int, help="side of the images, where there is a choice; 64")
    fetch.add_argument("--to", type=Path, help="the folder for data sets; RADAR_FETCHED, or data/")
    fetch.add_argument("--yes", action="store_true", help="do not ask: the licence is accepted")
    fetch.add_argument("--again", action="store_true", help="fetch it even if it is there")
    fetch.add_argument("--mirror", default="", metavar="URL", help="where its files lie instead")
    fetch.set_defaults(run=_fetch)


def _fetch(arguments: argparse.Namespace) -> int:
    from radar_core.data import open_data
    from radar_core.data.fetching import fetch, find_fetched, the_offer
    from radar_core.data.fetching.run import by_hand
    from radar_core.settings import settings

    if not arguments.name:
        return _list()
    offer = the_offer(arguments.name, arguments.size)
    root = (arguments.to or settings().fetched_path).expanduser().absolute()
    if find_fetched(offer.name, root) and not arguments.again:
        print(f"{offer.name} is in {root / offer.name}; --again fetches it anew")
        return 0
    _introduce(offer, root)
    if not arguments.yes and not _agreed():
        return 1
    try:
        place = fetch(offer, root, mirror=arguments.mirror, progress=_watched())
    except KeyboardInterrupt:
        print("\nradar: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except NotFetched as error:
        raise NotFetched(f"{error}\n  {by_hand(offer, root)}") from None
    name = offer.name if root == settings().fetched_path.expanduser().absolute() else str(place)
    print(f"{name}: {open_data(name).found}")
    print(f"python -m radar_core evaluate --data {name} --split test --model MODEL")
    print(f"python -m radar_core train --data {name} --out models/{offer.name}")
    return 0


def _list() -> int:
    from radar_core.data.fetching import fetched, offers, refused

    rows: dict[str, list[Offer]] = {}
    for offer in offers():
        rows.setdefault(offer.id, []).append(offer)
    here = [found.name for found in fetched()]
    for id, sizes in rows.items():
        one = sizes[0]
        sides = f"{', '.join(str(o.side) for o in sizes)} px" if one.side else one.size
        title = one.title.partition(",")[0]
        print(f"  {id:<16} {title}: {one.images:,} images, {len(one.classes)} classes, {sides}")
        print(f"  {'':<16} {one.licence}")
        if got := [offer.name for offer in sizes if offer.name in here]:
            print(f"  {'':<16} here: {', '.join(got)}")
    reasons: dict[str, list[str]] = {}
    for name, why in refused().items():
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        print(textwrap.fill(f"  {', '.join(names)}: not offered, {why}", 100))
    print("python -m radar_core fetch NAME [--size 64]")
    return 0


def _introduce(offer: Offer, root: Path) -> None:
    from radar_core.data.fetching.archive import in_words
    from radar_core.data.fetching.run import already

    checked = all(remote.md5 for remote in offer.files)
    rows = {
        "what": f"{offer.title}. {offer.about}",
        "images": f"{offer.images:,}, {len(offer.classes)} classes: {', '.join(offer.classes)}",
        "size": offer.size,
        "licence": offer.licence,
        "cite": offer.citation,
        "more": offer.homepage,
        "checked": "MD5, as published"
        if checked
        else "no published checksum: length and CRC are checked, and the SHA-256 is written down",
        "to": str(root / offer.name),
    }
    if have := already(offer, root):
        rows["there"] = f"{in_words(have)} of its files, from which it goes on"
    for word, text in rows.items():
        print(textwrap.fill(f"{word:<9}{text}", 100, subsequent_indent=" " * 9))


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise BadParameter("nobody is here to accept the licence; --yes accepts it")
    try:
        return input("Fetch it under this licence? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _watched() -> Progress:
    """One line that changes where a person watches; else a line now and then."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns

        def report(fraction: float, note: str) -> None:
            end = "\n" if fraction >= 1 else ""
            line = f"{fraction:4.0%}  {note}"[: max(width - 1, 20)]
            print(f"\r\033[K{line}", end=end, file=sys.stderr, flush=True)

        return Progress(report)
    last = [time.monotonic()]

    def now_and_then(fraction: float, note: str) -> None:
        if time.monotonic() - last[0] >= EVERY:
            last[0] = time.monotonic()
            print(f"{fraction:4.0%}  {note}", file=sys.stderr, flush=True)

    return Progress(now_and_then)
