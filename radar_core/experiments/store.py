"""The folder of an experiment: a manifest, results as Parquet, and what is kept beside them.

    manifest.json   what was asked, of which images and models, with which versions
    parts.txt       the keys of all results that this comes to, a line each
    cells/          a Parquet file a cell, or many cells in one; each names the parts it holds and,
                    in its own name, the hash of its bytes
    arrays/, features/   what the specification keeps
    course.json     how far a run is; `pause` and `stop` beside it are wishes to that run

A file is written whole or not at all, so a run that is killed loses what it was computing and
nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from radar_core.errors import BadParameter, CannotWrite, RadarError
from radar_core.experiments.spec import ExperimentSpec, read_spec
from radar_core.writing import write_all, write_whole

if TYPE_CHECKING:
    from pandas import DataFrame
    from pyarrow import Table

PARTS = "parts.txt"
GROUP = 65_536  # rows of a file that are read or passed over together
LOOSE = 256  # files of single cells, before they are put together
PATIENCE = 1.0  # seconds: who only looks whether a run is under way holds its lock for a moment


class ExperimentStore:
    """An experiment's folder; reading needs no lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder / "cells"
        self.manifest_path = folder / "manifest.json"
        self._held: dict[str, tuple[str, ...]] = {}  # file → the parts it holds

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder, for the one run that may write to it.

        Raises:
            CannotWrite: another run has it, or it cannot be written to.
        """
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=PATIENCE):
                for left in self.cells.glob(".*.part"):
                    left.unlink()
                yield
        except Timeout:
            raise CannotWrite(
                f"{self.folder} is being written by another run; wait for it, stop it, or choose "
                "another folder"
            ) from None
        except OSError as error:
            if isinstance(error, RadarError):
                raise
            raise CannotWrite(
                f"{self.folder} cannot be written to ({error.strerror or error}); what is done is "
                "kept, and --resume goes on from there"
            ) from None

    def busy(self) -> bool:
        """Whether a run has the folder."""
        if not (self.folder / ".lock").is_file():
            return False
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                return False
        except (Timeout, OSError):
            return True

    def manifest(self) -> dict[str, Any] | None:
        """What was asked, or None where there is no experiment.

        Raises:
            BadParameter: a manifest that is none.
        """
        if not self.manifest_path.is_file():
            return None
        try:
            found = json.loads(self.manifest_path.read_text(encoding="utf-8"))
            read_spec(found["spec"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise BadParameter(
                f"{self.manifest_path} is not an experiment's manifest; choose another folder"
            ) from None
        return dict(found)

    def spec(self) -> ExperimentSpec:
        """What was asked.

        Raises:
            BadParameter: the folder holds no experiment.
        """
        found = self.manifest()
        if found is None:
            raise BadParameter(f"{self.folder} holds no experiment; give the folder of one")
        return read_spec(found["spec"])

    def write_manifest(self, content: Mapping[str, Any], parts: Iterable[str]) -> None:
        """Write what is asked, for people and for a later run, and the results it comes to."""
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        keys = "".join(f"{key}\n" for key in sorted(parts))
        write_all({self.folder / PARTS: keys.encode(), self.manifest_path: text.encode() + b"\n"})

    def wanted(self) -> set[str]:
        """The keys of all results that the experiment comes to, found or not.

        Raises:
            BadParameter: the folder holds no experiment.
        """
        try:
            return set((self.folder / PARTS).read_text(encoding="ascii").split())
        except (OSError, ValueError):
            raise BadParameter(
                f"{self.folder} holds no experiment; give the folder of one"
            ) from None

    def add(self, name: str, parquet: bytes, files: Mapping[str, bytes]) -> None:
        """Keep what a cell found; its rows come last, so that they are not there without the rest.

        Raises:
            CannotWrite: no room, or no permission.
        """
        for where, content in files.items():
            write_whole(self.folder / where, content)
        write_whole(self.cells / f"{name}-{_hash(parquet)}.parquet", parquet)

    def state(self, files: str = "cells/*.parquet") -> str:
        """What tells whether the results, or other files, are still the same: their names do."""
        names = sorted(path.name for path in self.folder.glob(files))
        try:
            asked = (self.folder / PARTS).stat().st_mtime_ns
        except OSError:
            asked = 0
        return _hash(f"{self.folder} {asked} {names}".encode())

    def known(self, *, whole: bool = False) -> set[str]:
        """The keys of all results there are.

        Args:
            whole: also read every file to its end; one whose bytes are not those that were written
                is removed, so that its cells are computed again.
        """
        found: set[str] = set()
        for path in sorted(self.cells.glob("*.parquet")):
            if whole and path.stem.rpartition("-")[2] != _hash(path.read_bytes()):
                path.unlink()
                self._held.pop(path.name, None)
                continue
            found.update(self._parts(path))
        return found

    def _parts(self, path: Path) -> tuple[str, ...]:
        """The parts that a file holds; none where it cannot be read."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if path.name not in self._held:
            try:
                said = pq.read_schema(path).metadata[b"radar.parts"]
                self._held[path.name] = tuple(json.loads(said))
            except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
                return ()
        return self._held[path.name]

    def table(
        self,
        wanted: Collection[str],
        columns: Sequence[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> Table | None:
        """The rows of some parts, each part once; None where there are none.

        Args:
            columns: those that are needed; all by default.
            kinds: the kinds of rows that are needed; all by default.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        left, tables = set(wanted), []
        names = None if columns is None else list(dict.fromkeys([*columns, "part"]))
        of_kinds = None if kinds is None else [("kind", "in", set(kinds))]
        for path in sorted(self.cells.glob("*.parquet")):
            parts = self._parts(path)
            here = left.intersection(parts)
            if not here:
                continue
            try:
                table = pq.read_table(path, columns=names, filters=of_kinds)
            except (OSError, pa.ArrowException):
                continue
            if len(here) < len(parts):
                table = table.filter(pc.is_in(table["part"], pa.array(sorted(here))))
            left -= here
            tables.append(table.replace_schema_metadata(None))
        return pa.concat_tables(tables).unify_dictionaries() if tables else None

    def rows(
        self,
        wanted: Collection[str],
        columns: Sequence[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> DataFrame:
        """`table` as a data frame; texts are categories."""
        import pandas as pd

        from radar_core.experiments.columns import NUMBERS, TEXTS

        table = self.table(wanted, columns, kinds)
        if table is None:
            return pd.DataFrame(columns=list(columns or [*TEXTS, *NUMBERS]))
        frame: DataFrame = table.to_pandas()
        return frame

    def compact(self, *, all_of_them: bool = False) -> None:
        """Put the files of many cells into one, once there are many.

        The new file is there before the old ones go; a part found twice counts once.
        """
        loose = [p for p in self.cells.glob("*.parquet") if not p.name.startswith("many-")]
        if len(loose) < (2 if all_of_them else LOOSE):
            return
        held = {path: self._parts(path) for path in loose}
        parts = sorted({key for keys in held.values() for key in keys})
        table = self.table(parts)
        if table is None:
            return
        content = _with_parts(table, parts)
        write_whole(self.cells / f"many-{_hash(content)}.parquet", content)
        for path, keys in held.items():
            if keys:
                path.unlink(missing_ok=True)
                self._held.pop(path.name, None)

    def wish(self, what: str, *, wanted: bool) -> None:
        """Tell the run that has this folder to `pause` or to `stop`, or no longer to.

        Raises:
            CannotWrite: no permission.
        """
        flag = self.folder / what
        if wanted:
            write_whole(flag, b"")
        else:
            with suppress(OSError):
                flag.unlink(missing_ok=True)

    def wished(self, what: str) -> bool:
        """Whether somebody asked to `pause` or to `stop`."""
        return (self.folder / what).is_file()


def _with_parts(table: Table, parts: Iterable[str]) -> bytes:
    import io

    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    keys = json.dumps(list(parts)).encode()
    buffer = io.BytesIO()
    # Outcomes are a small part of the rows: by themselves, the rest is not read for them.
    order = pc.sort_indices(table["kind"].cast(pa.string()))
    named = table.take(order).replace_schema_metadata({b"radar.parts": keys})
    pq.write_table(named, buffer, compression="zstd", row_group_size=GROUP)
    return buffer.getvalue()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]
