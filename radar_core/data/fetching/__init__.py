"""Data sets from elsewhere: what can be fetched, the fetching, and what has been fetched."""

from __future__ import annotations

from radar_core.data.fetching.fetched import Fetched, fetched, find_fetched, remove_fetched
from radar_core.data.fetching.offers import Offer, Remote, offers, refused, the_offer
from radar_core.data.fetching.run import fetch

__all__ = [
    "Fetched",
    "Offer",
    "Remote",
    "fetch",
    "fetched",
    "find_fetched",
    "offers",
    "refused",
    "remove_fetched",
    "the_offer",
]
