"""What a dashboard is made of, before any tool's own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["lines", "stat", "table"]
Unit = Literal["short", "percentunit", "s", "ops", "reqps", "bytes", "none"]
States = Mapping[int, tuple[str, str]]
"""A number to the word it stands for and the word's colour."""

GOOD: Final = "green"
DOUBTFUL: Final = "yellow"
BAD: Final = "red"
PLAIN: Final = "text"

YES_IS_BAD: Final[States] = {0: ("no", GOOD), 1: ("yes", BAD)}
YES_IS_GOOD: Final[States] = {0: ("no", BAD), 1: ("yes", GOOD)}
YES_OR_NO: Final[States] = {0: ("no", PLAIN), 1: ("yes", "blue")}


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and a name for each of its series."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its queries, how wide of 24 and how high it is.

    `states` replaces numbers by words; `names` shows a series' name in the place of its value.
    """

    title: str
    about: str
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    unit: Unit = "short"
    width: int = 8
    height: int = 7
    states: States = field(default_factory=dict)
    names: bool = False
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """An event drawn over every picture, at each moment when `expr` has a value."""

    title: str
    expr: str
    colour: str


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. With `experiments` one can be chosen by its id; without, everything of the task is shown."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...] = ()
    experiments: bool = False
    span: str = "now-6h"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for row in self.rows for panel in row.panels)


def lines(title: str, about: str, *queries: tuple[str, str], unit: Unit = "short", width: int = 8) -> Panel:
    """A picture over time of `queries`, each an expression and its legend; shares are drawn from 0 to 1."""
    most = 1.0 if unit == "percentunit" else None
    least = None if unit == "none" else 0.0
    return Panel(title, about, _queries(queries), "lines", unit, width, least=least, most=most)


def free_lines(title: str, about: str, *queries: tuple[str, str], width: int = 8) -> Panel:
    """A picture over time whose axis goes where the values go, below zero too."""
    return Panel(title, about, _queries(queries), "lines", "short", width)


def stat(
    title: str, about: str, *queries: tuple[str, str], unit: Unit = "short", states: States | None = None
) -> Panel:
    """The newest value, large; words for its `states` if there are any."""
    return Panel(title, about, _queries(queries), "stat", unit, 4, 4, states or {})


def word(title: str, about: str, expr: str, legend: str, width: int = 4) -> Panel:
    """The names of the series that `expr` finds now, large."""
    return Panel(title, about, (Query(expr, legend),), "stat", "none", width, 4, names=True)


def listed(title: str, about: str, expr: str, legend: str, width: int = 8) -> Panel:
    """The series that `expr` finds now, as a table of their labels."""
    return Panel(title, about, (Query(expr, legend),), "table", "short", width, 7)


def _queries(pairs: tuple[tuple[str, str], ...]) -> tuple[Query, ...]:
    return tuple(Query(expr, legend) for expr, legend in pairs)
