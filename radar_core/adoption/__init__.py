"""Models from elsewhere: what a file holds, what can be guessed, and its way into the list."""

from __future__ import annotations

from radar_core.adoption.found import Found, inspect_checkpoint
from radar_core.adoption.taking import Adopted, adopt

__all__ = ["Adopted", "Found", "adopt", "inspect_checkpoint"]
