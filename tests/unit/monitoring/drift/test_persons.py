"""Rows of one person count for one person, by id where it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from contender.tasks.job_change.task import JobChange
from monitoring.drift.reference import Reference
from monitoring.drift.shift import Shift, shifted
from monitoring.drift.verdict import MOST_COPIES, Seen, Window, effective_size, judge, thinned

Row = dict[str, object]
Make = Callable[[Sequence[Row]], list[Seen]]
TASK = JobChange()


def of(person: bytes | None, rows: Sequence[Seen]) -> list[Seen]:
    return [row._replace(person=person) for row in rows]


def each(rows: Sequence[Seen]) -> list[Seen]:
    return [row._replace(person=str(number).encode()) for number, row in enumerate(rows)]


def test_a_person_counts_for_one_however_their_rows_differ(reference: Reference, people: list[Row], seen: Make) -> None:
    rows = seen(people[1_500:1_800])
    assert effective_size(reference, of(b"one", rows)) == pytest.approx(1.0)
    assert effective_size(reference, each(rows)) == effective_size(reference, rows)


def test_the_size_is_kish_s(reference: Reference, people: list[Row], seen: Make) -> None:
    """100 persons of four rows each: ρ = 100·4·3/(400·399), so 400 rows count for 400/(1 + 399ρ) = 100."""
    rows = [row._replace(person=str(n // 4).encode()) for n, row in enumerate(seen(people[1_500:1_900]))]
    assert effective_size(reference, rows) == pytest.approx(400 / (1 + 3), rel=0.05)


def test_a_person_keeps_a_few_rows_and_strangers_all(reference: Reference, people: list[Row], seen: Make) -> None:
    rows = seen(people[1_500:1_700])
    assert len(thinned(reference, of(b"one", rows))) == MOST_COPIES
    assert len(thinned(reference, of(None, rows))) == len(rows)
    assert len(thinned(reference, each(rows))) == len(rows)


def test_one_person_of_many_rows_is_no_drift(
    reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    """Half of the window is one person whose rows all differ, and all are strange."""
    strange = seen(shifted(TASK, people[1_500:1_900], Shift("city_development_index", 1.0, -0.4), rng))
    usual = each(seen(people[2_000:2_400]))
    alone = judge(TASK, reference, Window(0.0, 300.0, [*usual, *of(b"one", strange)], ()))
    assert alone.state == "ok"
    many = judge(TASK, reference, Window(0.0, 300.0, [*usual, *(r._replace(person=None) for r in strange)], ()))
    assert "city_development_index" in many.drifted


def test_one_person_hides_no_drift_of_the_others(
    reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    usual = of(b"one", seen(people[1_500:2_300]))
    strange = each(seen(shifted(TASK, people[2_400:2_700], Shift("city_development_index", 1.0, -0.4), rng)))
    verdict = judge(TASK, reference, Window(0.0, 300.0, [*usual, *strange], ()))
    assert "city_development_index" in verdict.drifted
