"""Whether a visitor sits at the machine that serves the page: only there may its disk be named."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import streamlit as st

# What a proxy adds. Behind one, everybody seems to come from this machine.
FORWARDED = frozenset(("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"))


def from_here(address: str | None, headers: Iterable[str]) -> bool:
    """Whether a connection comes from this machine itself, and through no proxy.

    Args:
        address: of the other end; None: this machine, as Streamlit has it.
        headers: names of the headers of its request.
    """
    if FORWARDED & {name.lower() for name in headers}:
        return False
    if address is None:
        return True
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)


def is_local() -> bool:
    """Whether this visitor does."""
    return from_here(st.context.ip_address, st.context.headers.to_dict())
