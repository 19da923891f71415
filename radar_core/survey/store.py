"""What surveys found, kept on the disk by content: of an image read once, nothing is read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radar_core.survey.types import Effect, Row

FILE = "surveys.sqlite"
PATIENCE = 5.0  # seconds that another process may take to write
TABLES = (
    "CREATE TABLE IF NOT EXISTS stamps (stamp TEXT PRIMARY KEY, sha256 TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS readings (model TEXT, sha256 TEXT, label TEXT NOT NULL, "
    "probability REAL NOT NULL, PRIMARY KEY (model, sha256))",
    "CREATE TABLE IF NOT EXISTS effects (survey TEXT, sha256 TEXT, eps TEXT NOT NULL, "
    "overlap REAL, PRIMARY KEY (survey, sha256))",
)


class SurveyStore:
    """An SQLite file: hash of the pixels → reading by a model, effect under some settings.

    Rows are written a batch at a time, each batch whole or not at all, so that an interrupted
    survey goes on where it was. Where the file cannot be used, `error` says why in one sentence,
    and nothing is kept.

    Args:
        folder: made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self.error = folder / FILE, ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._open() as database:
                for table in TABLES:
                    database.execute(table)
        except (OSError, sqlite3.Error) as error:
            self._failed(error)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection for one transaction: committed at the end, undone by an error."""
        database = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            with database:
                yield database
        finally:
            database.close()

    def _failed(self, error: Exception) -> None:
        self.error = (
            f"What is found here is not kept, since {self.path} cannot be used ({error}): make its "
            "folder writable, or remove the file if it is damaged"
        )

    def _all(self, query: str, *values: str) -> list[Any]:
        if self.error:
            return []
        try:
            with self._open() as database:
                return list(database.execute(query, values))
        except sqlite3.Error as error:
            self._failed(error)
            return []

    def _put(self, statements: Iterable[tuple[str, Iterable[tuple[object, ...]]]]) -> None:
        if self.error:
            return
        try:
            with self._open() as database:
                for statement, rows in statements:
                    database.executemany(statement, rows)
        except sqlite3.Error as error:
            self._failed(error)

    def hashes(self) -> dict[str, str]:
        """Stamp of a file → hash of its pixels, of all that were ever read."""
        return dict(self._all("SELECT stamp, sha256 FROM stamps"))

    def rows(self, model: str, survey: str) -> dict[str, Row]:
        """Hash of the pixels → what is known of them under a model and under some settings."""
        effects = {
            sha: Effect(eps, None if overlap is None else float(overlap))
            for sha, eps, overlap in self._all(
                "SELECT sha256, eps, overlap FROM effects WHERE survey = ?", survey
            )
        }
        return {
            sha: Row(sha, label, float(probability), effects.get(sha))
            for sha, label, probability in self._all(
                "SELECT sha256, label, probability FROM readings WHERE model = ?", model
            )
        }

    def keep_readings(self, model: str, rows: Iterable[Row], stamps: Mapping[str, str]) -> None:
        """Keep what a model read, and whose pixels' hash belongs to which stamp."""
        self._put(
            (
                ("INSERT OR REPLACE INTO stamps VALUES (?, ?)", stamps.items()),
                (
                    "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)",
                    [(model, row.sha256, row.reading, row.probability) for row in rows],
                ),
            )
        )

    def keep_effects(self, survey: str, rows: Iterable[Row]) -> None:
        """Keep what the attack did to some images."""
        kept = [(survey, r.sha256, r.effect.eps, r.effect.overlap) for r in rows if r.effect]
        self._put((("INSERT OR REPLACE INTO effects VALUES (?, ?, ?, ?)", kept),))
