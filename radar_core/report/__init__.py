"""The report of a case: a PDF, one HTML page that needs nothing beside it, and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radar_core.errors import BadParameter

if TYPE_CHECKING:
    from radar_core.case import CaseResult, CaseSpec, CurveResult, FloorResult
    from radar_core.report.blocks import Content

__all__ = ["Report", "report"]


@dataclass(frozen=True, eq=False)
class Report:
    """An attacked case with what is known of its noise floor and its ε curve.

    Equal results and an equal `made` give equal bytes.
    """

    result: CaseResult
    floor: FloorResult | None
    curve: CurveResult | None
    made: datetime

    @cached_property
    def content(self) -> Content:
        """What it says, before it is set."""
        from radar_core.report.content import content

        return content(self.result, self.floor, self.curve, self.made)

    def pdf(self) -> bytes:
        """On A4, for paper."""
        from radar_core.report.pdf import write_pdf

        return write_pdf(self.content, self.made)

    def html(self) -> str:
        """For a browser; it makes no request."""
        from radar_core.report.page import write_page

        return write_page(self.content)

    def json(self) -> str:
        """All numbers as plain values; a metric that is not defined is null."""
        case = self.result.as_dict()
        values: dict[str, Any] = {
            "made": self.made.isoformat(timespec="seconds"),
            "notice": "Research software, not a medical device.",
            "verdict": case["verdict"],
            "command": self.result.spec.command(),
            "hashes": case["hashes"],
            "versions": case["versions"],
            "case": case,
            "floor": self.floor.as_dict() if self.floor else None,
            "curve": self.curve.as_dict() if self.curve else None,
        }
        return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @property
    def stem(self) -> str:
        """What its files are called, up to the ending."""
        return f"radar-report-{self.result.spec.key()[:8]}"

    def save(self, folder: Path) -> dict[str, Path]:
        """Write `.pdf`, `.html` and `.json`, all of them or none; gives ending → path.

        Raises:
            CannotWrite: the folder cannot be written.
        """
        from radar_core.writing import write_all

        made = {"pdf": self.pdf(), "html": self.html().encode(), "json": self.json().encode()}
        paths = {ending: folder / f"{self.stem}.{ending}" for ending in made}
        write_all({paths[ending]: raw for ending, raw in made.items()})
        return paths


def report(
    result: CaseResult,
    floor: FloorResult | None = None,
    curve: CurveResult | None = None,
    *,
    made: datetime | None = None,
) -> Report:
    """The report of an attacked case.

    Args:
        floor, curve: of this case, as far as they are computed; the report says what is missing.
        made: the time it states; without one, now.

    Raises:
        BadParameter: a case that was not attacked; a floor or a curve of another case.
    """
    if result.attack is None:
        raise BadParameter("a report needs a case that was attacked")
    if floor is not None and floor.case.spec != result.spec:
        raise BadParameter("this noise floor belongs to another case")
    if curve is not None and _axis(curve.spec) != _axis(result.spec):
        raise BadParameter("this ε curve belongs to another case")
    return Report(result, floor, curve, made or datetime.now(UTC))


def _axis(spec: CaseSpec) -> CaseSpec:
    """What all ε of a case share; a curve may cover some of its explainers only."""
    return replace(spec, eps="own", explainers=())
