"""The answers of a reader study: a CSV a plan, a line an answer, written when it is given."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from filelock import FileLock, Timeout

from radar_core.errors import BadParameter, CannotWrite
from radar_core.readers.pairs import Pair, PairPlan, Side
from radar_core.settings import settings
from radar_core.writing import write_whole

CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")
SURE = ("guessed", "fairly sure", "certain")
PATIENCE = 5.0  # seconds that another process may take to write


@dataclass(frozen=True)
class Answer:
    """What a reader said of a pair.

    Attributes:
        time: UTC, ISO 8601.
        reader: the code the reader chose; no name is asked for.
        number, image, attacked, flipped: of the pair.
        said: the side the reader took for the attacked one.
        seconds: from the pair's first sight to the answer.
        sure: one of `SURE`, or empty: the reader did not say.
    """

    time: str
    reader: str
    number: int
    image: str
    attacked: Side
    flipped: bool
    said: Side
    seconds: float
    sure: str = ""

    @property
    def right(self) -> bool:
        """Whether the reader found the attacked one."""
        return self.said == self.attacked


NAMES = [field.name for field in fields(Answer)]


def log_file(plan: PairPlan) -> Path:
    """Where the answers to a plan lie."""
    return settings().readers_path / f"{plan.key()}.csv"


def check_code(reader: str) -> str:
    """A reader's code, as it was given.

    Raises:
        BadParameter: not 1 to 32 letters, digits, - or _.
    """
    if not CODE.fullmatch(reader):
        raise BadParameter("a reader's code is 1 to 32 letters, digits, hyphens or underscores")
    return reader


def add_answer(
    plan: PairPlan,
    pair: Pair,
    reader: str,
    said: Side,
    when: str,
    seconds: float,
    sure: str = "",
) -> None:
    """Log an answer; a second one to the same pair by the same reader is left out.

    Raises:
        BadParameter: not a reader's code, or not a word for how sure. CannotWrite: no room, no
            permission, or another process holds the file.
    """
    check_code(reader)
    if sure and sure not in SURE:
        raise BadParameter(f"how sure a reader is: {', '.join(SURE)}, or nothing; not {sure!r}")
    answer = Answer(
        when,
        reader,
        pair.number,
        pair.image,
        pair.attacked,
        pair.flipped,
        said,
        round(float(seconds), 2),
        sure,
    )
    path = log_file(plan)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=PATIENCE):
            kept = answers(plan)
            if not any(a.reader == reader and a.number == pair.number for a in kept):
                _append(path, answer, kept)
    except Timeout:
        raise CannotWrite(f"another process holds {path}; answer once more") from None
    except OSError as error:
        raise CannotWrite(f"the answer could not be kept in {path} ({error.strerror})") from None


def _append(path: Path, answer: Answer, kept: Sequence[Answer]) -> None:
    """One write to the end of the file; a line that was cut off before is ended first."""
    before = path.read_bytes() if path.exists() else b""
    if before and not before.startswith(as_csv([]).encode()):  # of a version with other columns
        write_whole(path, as_csv([*kept, answer]).encode())
        return
    whole = as_csv([answer], head=not before).encode()
    if before and not before.endswith(b"\n"):
        whole = b"\n" + whole
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, whole)
        os.fsync(file)
    finally:
        os.close(file)


def answers(plan: PairPlan) -> list[Answer]:
    """All answers to a plan, in the order given; a line that was cut off is left out."""
    path = log_file(plan)
    if not path.is_file():
        return []
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return [found for row in rows if (found := _answer(row)) is not None]


def as_csv(given: Sequence[Answer], *, head: bool = True) -> str:
    """Answers as CSV, with the names of the columns as its head."""
    out = io.StringIO()
    writer = csv.DictWriter(out, NAMES, lineterminator="\n")
    if head:
        writer.writeheader()
    for answer in given:
        writer.writerow(asdict(answer))
    return out.getvalue()


def _answer(row: dict[str, str]) -> Answer | None:
    try:
        said, sure = row["said"], row.get("sure", "")
        sides = ("left", "right")
        known = row["attacked"] in sides and said in sides and sure in ("", *SURE)
        if None in row or not known:
            return None
        return Answer(
            row["time"],
            row["reader"],
            int(row["number"]),
            row["image"],
            row["attacked"],  # type: ignore[arg-type]
            row["flipped"] == "True",
            said,  # type: ignore[arg-type]
            float(row["seconds"]),
            sure,
        )
    except (KeyError, TypeError, ValueError):
        return None
