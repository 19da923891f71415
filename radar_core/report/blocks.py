"""What a report is made of, as plain values that the PDF and the HTML page draw alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from radar_core.verdict import Part

Point = tuple[float, float]


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; `quiet` ones explain, `notice` ones must not be missed."""

    text: str
    quiet: bool = False
    notice: bool = False


@dataclass(frozen=True)
class Bullets:
    """Sentences in a list; what stands before the first `: ` of an item is its name if `named`."""

    items: Sequence[str]
    named: bool = False
    small: bool = False


@dataclass(frozen=True)
class Figure:
    """A number up front: what it is, its value, what it is to be held against."""

    title: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Strip:
    """The numbers up front, in a row."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Cell:
    """A value, and small beneath it where it stands."""

    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first column names them and is `first` times as wide as another one.

    A `dense` one is there to be looked up: on screen in small type, on paper not at all.
    """

    alt: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    first: float = 1.4
    dense: bool = False


@dataclass(frozen=True)
class Bar:
    """A class with its probabilities, each as a share and in words; `mark` sets it apart."""

    label: str
    clean: tuple[float, str]
    attacked: tuple[float, str] | None
    mark: str = ""


@dataclass(frozen=True)
class Bars:
    """The probabilities of the classes."""

    title: str
    rows: Sequence[Bar]


@dataclass(frozen=True)
class Outline:
    """A line over a picture, in shares of its width and height."""

    points: Sequence[Point]
    dashed: bool = False


@dataclass(frozen=True)
class Picture:
    """A lossless picture with its words.

    Attributes:
        name: what it shows; says it without a look at row and column.
        captions: two short ones, the first the more important.
    """

    name: str
    png: bytes
    captions: tuple[str, str] = ("", "")
    outlines: Sequence[Outline] = ()


@dataclass(frozen=True)
class Grid:
    """Pictures in rows that are named and columns with titles."""

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Picture]]]


@dataclass(frozen=True)
class Series:
    """A line of a chart: one value an x; what is not finite is left out."""

    title: str
    values: Sequence[float]


@dataclass(frozen=True)
class Chart:
    """Lines over ε.

    Attributes:
        x: in the unit that `x_title` names, in rising order.
        low, high: of the vertical axis.
        log: whether the horizontal axis is logarithmic, where all of it lies above zero.
        now: the ε of the case itself; `flip`: the smallest found to turn the reading.
    """

    title: str
    alt: str
    x_title: str
    x: Sequence[float]
    series: Sequence[Series]
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    now: float | None = None
    flip: float | None = None


@dataclass(frozen=True)
class Charts:
    """Charts side by side."""

    charts: Sequence[Chart]


@dataclass(frozen=True)
class Facts:
    """Names and values, to be looked up rather than read."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Code:
    """What is typed into a terminal."""

    text: str


Block = Paragraph | Bullets | Strip | Table | Bars | Grid | Charts | Facts | Code


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes:
        title: which image.
        tags: short words on the image, the model and the attack.
        made: when, in words.
        verdict: the one sentence; a part names whose reading it tells.
        lead: what stands under the verdict, before the sections.
    """

    title: str
    tags: Sequence[str]
    made: str
    verdict: Sequence[Part]
    lead: Sequence[Block]
    sections: Sequence[Section] = field(default_factory=tuple)
