"""A check: which rows and outcomes count, and that its verdict is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from contender.errors import InvalidInput, NotFound, Unavailable
from contender.tasks.job_change.task import JobChange
from monitoring.drift.check import NOTES, Span, check, failed, seconds, window
from monitoring.drift.reference import Reference
from monitoring.drift.verdict import Seen

TASK = JobChange()


class Kept(NamedTuple):
    at: float
    row: Mapping[str, Any]
    label: str
    score: float | None
    confidence: float | None
    model_version: str | None
    person: bytes | None = None


class Judged(NamedTuple):
    at: float
    assigned_to: str
    label: str = "looking"
    score: float | None = 0.9
    outcome: Any = 1
    reward: float = 0.99


@dataclass
class FakeStore:
    kept: Sequence[Kept] = ()
    judged: Sequence[Judged] = ()
    away: bool = False
    written: dict[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)

    def inputs(self, task: str, *, since: float, until: float | None = None, limit: int = 50_000) -> list[Kept]:
        if self.away:
            raise Unavailable("the store does not answer")
        return [one for one in self.kept if since <= one.at < (until or float("inf"))][:limit]

    def input_count(self, task: str, *, since: float, until: float | None = None) -> int:
        return sum(since <= one.at < (until or float("inf")) for one in self.kept)

    def rewards_between(self, task: str, since: float, until: float) -> list[Judged]:
        return [one for one in self.judged if since <= one.at < until]

    def revise_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> None:
        self.written[task, kind, key] = document


@pytest.fixture
def store(people: list[dict[str, object]], seen: Callable[[Sequence[dict[str, object]]], list[Seen]]) -> FakeStore:
    rows = [
        Kept(float(n), one.features, one.label, one.score, one.confidence, one.model_version)
        for n, one in enumerate(seen(people[1_500:2_500]))
    ]
    return FakeStore(kept=rows)


def test_a_window_is_half_open_and_as_long_as_asked(store: FakeStore) -> None:
    assert len(window(store, "job-change", Span(until=1_000.0, rows_s=300.0)).seen) == 300


def test_only_the_champion_s_own_outcomes_count(store: FakeStore) -> None:
    arms = ("champion", "unassigned", "challenger", "shadow")
    store.judged = [Judged(at, arm) for at in (100.0, 900.0) for arm in arms]
    found = window(store, "job-change", Span(until=1_000.0, champion_since=500.0))
    assert len(found.known) == 2
    assert found.known_since == 500.0


def test_the_verdict_is_kept_under_the_window_s_end(store: FakeStore, reference: Reference) -> None:
    verdict, _ = check(store, TASK, reference, Span(until=1_000.0, rows_s=1_000.0))
    assert verdict.state == "ok"
    assert store.written["job-change", NOTES, "1000.000"] == verdict.to_document()


def test_a_store_that_is_away_is_an_error_and_not_a_verdict(reference: Reference) -> None:
    with pytest.raises(Unavailable):
        check(FakeStore(away=True), TASK, reference, Span(until=1.0))


def test_a_check_that_failed_is_kept_as_an_error() -> None:
    store = FakeStore()
    verdict = failed(store, "job-change", "3", 8.0, NotFound("no reference"))
    assert store.written["job-change", NOTES, "8.000"]["state"] == verdict.state == "error"


@pytest.mark.parametrize(("text", "expected"), [("90s", 90.0), ("5m", 300.0), ("2h", 7_200.0), ("7d", 604_800.0)])
def test_lengths_of_time_are_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "nanm", "infd", "5 weeks", "1000d"])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        seconds(text)
