"""How groups of people came off: impact ratios and rewards by group, for both arms."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from cli.dossier import pictures
from cli.dossier.contents import Dossier
from cli.dossier.figures import percent, plain
from cli.dossier.markup import Html, element
from cli.dossier.pictures import Bar, Caption
from cli.dossier.tables import grid, mark, section
from contender.experiment.data import ArmData
from contender.experiment.fairness import FOUR_FIFTHS, UNKNOWN, GroupRate, ImpactTable, impact_ratios
from contender.experiment.impact import selections
from contender.values import CHALLENGER, CHAMPION

LEAST_SHOWN: Final = 5
"""Groups of fewer people are not told apart: a small count can name a person."""

_FEW: Final = f"fewer than {LEAST_SHOWN}"
_COLUMNS: Final = ("group", "people", "selected", "selection rate", "impact ratio", "interval", "four fifths", "reward")
_SCORED: Final = ("group", "people with a score", "scoring rate", "impact ratio", "interval", "four fifths")


def fairness(dossier: Dossier) -> Html:
    """The fairness of champion and challenger by every protected attribute that the exposures carry."""
    attributes = _attributes(dossier)
    if not attributes:
        text = "The exposures of this experiment carry no protected attribute, so groups cannot be compared here."
        return section("fairness", "Fairness", element("p", text))
    label = dossier.plan.get("favourable_label")
    told = f"Selected are people who were answered “{label}”." if label else "The plan names no favourable answer."
    text = (
        "Impact ratio: a group's selection rate over the highest group's. Under four fifths a group counts as "
        "adversely affected (29 CFR 1607.4 D; 6 RCNY 5-301). Groups under 2 % of the people are not compared. Scoring "
        "rate: the share whose score lies above the median of all; its impact ratio is made the same way."
    )
    parts = [
        _attribute(dossier, (number, attribute), role)
        for number, attribute in enumerate(attributes, start=1)
        for role in (CHAMPION, CHALLENGER)
    ]
    return section("fairness", "Fairness", element("p", f"{text} {told}"), parts)


def under_the_line(dossier: Dossier) -> dict[str, float] | None:
    """The challenger's groups under four fifths with their impact ratios; None where nothing can be compared."""
    arm = dossier.arms.get(CHALLENGER)
    if arm is None or not dossier.plan.get("favourable_label"):
        return None
    tables = {attribute: _table(dossier, arm, attribute) for attribute in _attributes(dossier)}
    rated = [(name, row) for name, table in tables.items() for row in table.groups if row.ratio is not None]
    below = {f"{name} {row.group}": row.ratio for name, row in rated if row.below_four_fifths and row.ratio is not None}
    return below if rated else None


def _attributes(dossier: Dossier) -> list[str]:
    return sorted({name.partition("=")[0] for arm in dossier.arms.values() for name in arm.groups})


def _table(dossier: Dossier, arm: ArmData, attribute: str) -> ImpactTable:
    return impact_ratios(selections(arm.groups, attribute), dossier.terms.level, dossier.terms.tuning_units)


def _attribute(dossier: Dossier, numbered: tuple[int, str], role: str) -> list[object]:
    number, attribute = numbered
    arm = dossier.arms.get(role)
    if arm is None:
        return []
    table = _table(dossier, arm, attribute)
    title = f"{attribute}: {role}, version {dossier.experiment[role]}"
    return [
        _picture(table.groups, title, f"impact-{number}-{role}"),
        grid(title, _COLUMNS, [_judged(dossier, row) for row in _rows(table, arm, attribute)]),
        _scores(dossier, role, attribute, title),
    ]


def _judged(dossier: Dossier, row: Sequence[object]) -> Sequence[object]:
    """The row without selections where the plan names no favourable answer: nobody could be selected then."""
    group, people, *figures, reward = row
    return row if dossier.plan.get("favourable_label") else (group, people, *([None] * len(figures)), reward)


def _scores(dossier: Dossier, role: str, attribute: str, title: str) -> Html | None:
    """How often each group scores above the median of all: for models that score, and people decide later."""
    counts = dossier.scores.get(role, {}).get(attribute)
    if not counts:
        return None
    table = impact_ratios(counts, dossier.terms.level, dossier.terms.tuning_units)
    rows = [_scored(row, row.group) for row in table.groups]
    rows += [_scored(row, f"{row.group} (too small to compare)") for row in table.small]
    return grid(f"Scores, {title}", _SCORED, rows)


def _scored(row: GroupRate, name: str) -> Sequence[object]:
    if row.people.trials < LEAST_SHOWN:
        return (name, _FEW, *([None] * (len(_SCORED) - 2)))
    ratio = None if row.ratio is None else f"{row.ratio:.2f}"
    return name, row.people.trials, percent(row.people.rate), ratio, _interval(row), _line(row)


def _picture(groups: Sequence[GroupRate], title: str, name: str) -> Html | None:
    rows = [bar for group in groups if (bar := _bar(group))]
    if not rows:
        return None
    told = "; ".join(f"{row.name} {row.value:.2f}" for row in rows)
    text = f"Impact ratios, {title}, with their intervals: {told}. The line is at four fifths."
    return pictures.ratios(rows, FOUR_FIFTHS, Caption(name, f"Impact ratios by {title}", text))


def _bar(row: GroupRate) -> Bar | None:
    if row.ratio is None or row.interval is None or row.people.trials < LEAST_SHOWN:
        return None
    return Bar(row.group, row.ratio, *row.interval, kind="bad" if row.below_four_fifths else "")


def _rows(table: ImpactTable, arm: ArmData, attribute: str) -> Iterator[Sequence[object]]:
    for row in table.groups:
        yield _row(row, arm, attribute, row.group)
    for row in table.small:
        yield _row(row, arm, attribute, f"{row.group} (too small to compare)")
    yield (*_unknown(table, arm), *([None] * (len(_COLUMNS) - 2)))


def _unknown(table: ImpactTable, arm: ArmData) -> tuple[str, object]:
    """People who did not say: named so, or simply without a group of that attribute.

    Those of groups that are not told apart are counted with them: the difference would tell how many they are.
    """
    groups = [row.people.trials for row in (*table.groups, *table.small)]
    shown = sum(people for people in groups if people >= LEAST_SHOWN)
    name = f"{UNKNOWN}, or of a group too small to tell" if any(people < LEAST_SHOWN for people in groups) else UNKNOWN
    return name, _count(max(table.unknown.trials, arm.assigned - shown))


def _row(row: GroupRate, arm: ArmData, attribute: str, name: str) -> Sequence[object]:
    if row.people.trials < LEAST_SHOWN:
        return (name, _FEW, *([None] * (len(_COLUMNS) - 2)))
    value = arm.groups[f"{attribute}={row.group}"].metric.value
    return (
        name,
        row.people.trials,
        row.people.events,
        percent(row.people.rate),
        None if row.ratio is None else f"{row.ratio:.2f}",
        _interval(row),
        _line(row),
        plain(value.total / value.n) if value.n >= LEAST_SHOWN else None,
    )


def _interval(row: GroupRate) -> str | None:
    if row.interval is None:
        return None
    low, high = row.interval
    return f"{low:.2f} to {high:.2f}" if math.isfinite(high) else "cannot be told yet"


def _line(row: GroupRate) -> object:
    if row.ratio is None:
        return None
    return mark(not row.below_four_fifths, "under the line" if row.below_four_fifths else "above the line")


def _count(people: float) -> object:
    return _FEW if 0 < people < LEAST_SHOWN else people
