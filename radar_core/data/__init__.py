"""Where cases come from: the phantom, folders, CSV files, one upload."""

from __future__ import annotations

from radar_core.data.base import DataSet, Problem

__all__ = ["DataSet", "Problem"]
