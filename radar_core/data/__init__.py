"""Where cases come from: the phantom, folders, CSV files, one upload."""

from __future__ import annotations

from radar_core.data.base import DataSet, Problem

__all__ = ["DataSet", "Problem", "open_data"]


def open_data(name_or_path: str, split: str | None = None) -> DataSet:
    """A data set by name or path; of the phantom, the test split unless another is asked for."""
    from radar_core.data.synthetic import PhantomData

    return PhantomData(split or "test")
