"""When a retraining begins: every cause, everything that forbids it, and who of several begins it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import pytest

from contender.moments import DAY_S
from monitoring.drift.check import NOTES as DRIFT
from monitoring.retraining import ledger
from monitoring.retraining.triggers import Limits, Reason, Result, Run, Signs, budget_left, decide, living

NOW = 100 * DAY_S
LIMITS = Limits()
DRIFTED = {"state": "drift", "decayed": False, "reason": "city moved"}
DECAYED = {"state": "drift", "decayed": True, "reason": "reward fell"}
FINE = {"state": "ok", "decayed": False, "reason": ""}


def run(ago: float, result: Result = "challenger", reason: Reason = "weekly") -> Run:
    return Run(f"{ago:.0f}", NOW - ago, reason, "", result)


def signs(*verdicts: Mapping[str, Any], since: float | None = NOW - DAY_S, asked: str = "") -> Signs:
    return Signs(verdicts, since, asked)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (signs(FINE, FINE), None),
        (signs(DRIFTED), None),
        (signs(DRIFTED, FINE), None),
        (signs(FINE, DRIFTED), None),
        (signs(DRIFTED, DRIFTED), "drift"),
        (signs(DECAYED, DRIFTED), "drift"),
        (signs(DECAYED, DECAYED), "decay"),
        (signs(since=NOW - 7 * DAY_S), "weekly"),
        (signs(since=NOW - 6.9 * DAY_S), None),
        (signs(since=None), None),
        (signs(DECAYED, DECAYED, asked="because"), "asked"),
    ],
)
def test_what_asks_for_a_run(found: Signs, reason: Reason | None) -> None:
    decision = decide(found, [], NOW)
    assert (decision.reason, decision.due) == (reason, reason is not None)


def test_an_error_is_no_drift() -> None:
    error = {"state": "error", "decayed": False, "reason": "away"}
    assert decide(signs(error, error), [], NOW).reason is None


def test_the_calendar_counts_from_the_last_run() -> None:
    old = signs(since=NOW - 90 * DAY_S)
    assert not decide(old, [run(6 * DAY_S)], NOW).due
    assert decide(old, [run(8 * DAY_S)], NOW).due


@pytest.mark.parametrize("asked", ["", "because"])
def test_no_run_beside_another(asked: str) -> None:
    decision = decide(signs(DRIFTED, DRIFTED, asked=asked), [run(60, "running")], NOW)
    assert (decision.due, "under way" in decision.why) == (False, True)


def test_a_run_that_died_forbids_nothing() -> None:
    dead = run(LIMITS.longest_s + LIMITS.cooldown_s, "running")
    assert not living(dead, NOW, LIMITS)
    assert decide(signs(DRIFTED, DRIFTED), [dead], NOW).due


def test_a_run_that_had_no_rows_costs_nothing_and_makes_no_model_younger() -> None:
    wrong = [run(DAY_S * day, "untrained") for day in range(1, 20)]
    assert budget_left(wrong, NOW, LIMITS) == LIMITS.most_runs
    assert decide(signs(asked="because"), wrong, NOW).due
    assert decide(signs(since=NOW - 8 * DAY_S), wrong, NOW).reason == "weekly"
    assert "cooldown" in decide(signs(DRIFTED, DRIFTED), [run(60, "untrained")], NOW).why


@pytest.mark.parametrize("result", ["challenger", "refused", "failed", "untrained"])
def test_the_cooldown_holds_whatever_came_of_the_last(result: Result) -> None:
    assert not decide(signs(DRIFTED, DRIFTED), [run(LIMITS.cooldown_s - 1, result)], NOW).due
    assert decide(signs(DRIFTED, DRIFTED), [run(LIMITS.cooldown_s, result)], NOW).due
    assert decide(signs(asked="because"), [run(1, result)], NOW).due


def test_the_budget_holds_for_everybody() -> None:
    spent = [run((1 + n) * DAY_S) for n in range(LIMITS.most_runs)]
    for found in (signs(DECAYED, DECAYED), signs(asked="because"), signs(since=NOW - 40 * DAY_S)):
        decision = decide(found, spent, NOW)
        assert not decision.due
    assert budget_left(spent, NOW, LIMITS) == 0
    assert "budget" in decide(signs(asked="because"), spent, NOW).why
    assert budget_left([run(31 * DAY_S), *spent[1:]], NOW, LIMITS) == 1


def test_every_decision_has_its_reason_in_words() -> None:
    states = (FINE, DRIFTED, DECAYED)
    for first, second, asked, ago in product(states, states, ("", "x"), (1.0, DAY_S, 20 * DAY_S)):
        decision = decide(signs(first, second, asked=asked), [run(ago)], NOW)
        assert decision.why
        assert not decision.due or decision.reason


class FakeNote(NamedTuple):
    key: str
    at: float
    document: dict[str, Any]


@dataclass
class FakeStore:
    kept: dict[tuple[str, str], FakeNote] = field(default_factory=dict)

    def keep_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> bool:
        if (kind, key) in self.kept:
            return False
        self.kept[kind, key] = FakeNote(key, at, dict(document))
        return True

    def revise_note(self, task: str, kind: str, key: str, at: float, document: Mapping[str, Any]) -> None:
        self.kept[kind, key] = FakeNote(key, at, dict(document))

    def notes(self, task: str, kind: str, *, since: float = 0.0, limit: int = 1000) -> Sequence[FakeNote]:
        found = [note for (of, _), note in self.kept.items() if of == kind and note.at >= since]
        return sorted(found, key=lambda note: -note.at)[:limit]


class Late(FakeStore):
    """Answers what was kept as it was before the last run began: how two who decide at once see it."""

    def notes(self, task: str, kind: str, *, since: float = 0.0, limit: int = 1000) -> Sequence[FakeNote]:
        return ()


def test_a_run_is_recorded_from_its_begin_to_its_end() -> None:
    store = FakeStore()
    decision, begun = ledger.begin(store, "t", signs(asked="because"), NOW, LIMITS)
    assert decision.due
    assert begun is not None
    assert ledger.runs(store, "t", NOW, LIMITS) == [begun]
    ended = begun.ended(NOW + 60.0, "challenger", version="5")
    ledger.record(store, "t", ended)
    assert ledger.runs(store, "t", NOW, LIMITS) == [ended]
    _, second = ledger.begin(store, "t", signs(asked="again"), NOW + 61.0, LIMITS)
    assert second is not None
    assert (begun.key, second.key) == ("000001", "000002")


def test_of_two_who_decide_at_once_one_begins() -> None:
    store = Late()
    first = ledger.begin(store, "t", signs(asked="a"), NOW, LIMITS)
    second = ledger.begin(store, "t", signs(asked="b"), NOW, LIMITS)
    assert first.run is not None
    assert second.run is None
    assert not second.decision.due


def test_verdicts_of_an_earlier_champion_and_of_too_little_data_do_not_count() -> None:
    store = FakeStore()
    for at, verdict in ((1.0, DRIFTED), (5.0, DRIFTED), (6.0, {**FINE, "state": "not enough data"}), (7.0, FINE)):
        store.revise_note("t", DRIFT, str(at), at, verdict)
    assert [one["state"] for one in ledger.signs(store, "t", 2.0, LIMITS).verdicts] == ["ok", "drift"]
    assert [one["state"] for one in ledger.signs(store, "t", 6.5, LIMITS).verdicts] == ["ok"]


def test_a_champion_serves_since_the_last_change_of_who_does() -> None:
    trail = [record("install", 1.0, "1"), record("promote", 5.0, "2"), record("finish", 9.0, "2")]
    assert ledger.champion_since(trail) == 5.0
    assert ledger.champion_since([record("install refused", 1.0, None)]) is None


def test_an_experiment_that_was_ended_leaves_the_champion_as_old_as_it_is() -> None:
    trail = [record("install", 1.0, "1"), record("start", 3.0, "1"), record("undo", 5.0, "1")]
    assert ledger.champion_since(trail) == 1.0


def test_a_promotion_that_was_given_back_makes_nobody_young_but_the_one_who_returned() -> None:
    trail = [record("install", 1.0, "1"), record("bake", 5.0, "2"), record("abort", 7.0, "1")]
    assert ledger.champion_since(trail) == 7.0
    failed = {"event": "promote failed", "at": 6.0, "detail": {"transition": 6, "undone": 5, "error": "away"}}
    assert ledger.champion_since([record("install", 1.0, "1"), record("promote", 5.0, "2"), failed]) == 1.0


def record(event: str, at: float, champion: str | None) -> dict[str, Any]:
    """An audit record as the release writes it, as far as the ledger reads it."""
    return {"event": event, "at": at, "detail": {"transition": int(at), "champion": champion}}
