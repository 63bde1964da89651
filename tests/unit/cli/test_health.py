"""The page of model health: where each state begins, and which command comes next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.compose import Workplace
from cli.health import Finding, findings, health_document, lines
from cli.settings import Settings
from contender.adapters.store_sql import Store
from contender.errors import Unavailable
from contender.values import Exposure, Outcome
from monitoring.drift.verdict import KINDS
from monitoring.retraining.ledger import NOTES as RETRAINING
from monitoring.retraining.triggers import Run

TASK = "job-change"
NOW = 10_000_000.0
DAY_S, HOUR_S = 86_400.0, 3600.0


@pytest.fixture
def store() -> Iterator[Store]:
    kept = Store("sqlite://", clock=lambda: NOW)
    yield kept
    kept.close()


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Workplace:
    found = Workplace(Settings(home=tmp_path), TASK)
    found.store = store
    return found


def told(place: Workplace, name: str) -> Finding:
    (found,) = findings(place, NOW, (name,))
    return found


def exposure(number: int, *, label: str = "looking", fallback: str | None = None, arm: str = "champion") -> Exposure:
    return Exposure(
        prediction_id=f"p{number}",
        task=TASK,
        experiment_id=None,
        generation=1,
        unit_id=f"u{number}",
        assigned_to=arm,
        served_by="baseline" if fallback else arm,
        model_version="2",
        label=label,
        score=0.9,
        confidence=0.9,
        fallback_reason=fallback,
        latency_ms=1.0,
        at=NOW - 60.0,
    )


def verdict(state: str, **kinds: str) -> dict[str, Any]:
    return {"state": state, "reason": "because", "outcomes": 120, "kinds": {**dict.fromkeys(KINDS, "ok"), **kinds}}


def test_of_an_empty_home_nothing_is_known_and_nothing_is_bad(place: Workplace) -> None:
    states = {one.name: one.state for one in findings(place, NOW)}
    assert states == {**dict.fromkeys(states, "unknown"), "reviews": "ok", "retraining": "ok"}
    assert told(place, "quality").next.startswith("contender quality check")


@pytest.mark.parametrize(
    ("fallen", "state", "next_"),
    [(0, "ok", ""), (1, "ok", ""), (2, "warn", "contender status"), (5, "warn", "contender status"), (6, "bad", "")],
)
def test_fallbacks_warn_above_one_in_a_hundred_and_are_bad_above_five(
    place: Workplace, store: Store, fallen: int, state: str, next_: str
) -> None:
    shown = [exposure(n, fallback="timeout" if n < fallen else None) for n in range(100)]
    shadows = [exposure(100 + n, arm="shadow", fallback="timeout") for n in range(50)]
    store.append([*shown, *shadows], [])
    found = told(place, "fallback")
    assert (found.state, found.next.startswith(next_)) == (state, True)
    assert "100 predictions" in found.reason, "a shadow's answers are told to nobody"


@pytest.mark.parametrize(("answered", "state"), [(5, "ok"), (4, "warn")])
def test_reviews_warn_when_more_than_half_of_a_week_s_wait(
    place: Workplace, store: Store, answered: int, state: str
) -> None:
    handed = [exposure(n, label="Review_Required") for n in range(10)]
    outcomes = [Outcome(f"e{n}", f"p{n}", TASK, 1, NOW - 5.0) for n in range(answered)]
    store.append(handed, outcomes)
    store.settle(TASK, lambda exposure, outcome: 0.5)
    found = told(place, "reviews")
    assert found.state == state
    assert found.reason == f"{10 - answered} of 10 cases sent for human review in the last 7 days are still open"


@pytest.mark.parametrize(
    ("said", "age_s", "state"),
    [
        ("ok", 60.0, "ok"),
        ("ok", HOUR_S, "ok"),
        ("ok", HOUR_S + 1.0, "unknown"),
        ("not enough data", 60.0, "unknown"),
        ("warn", 60.0, "warn"),
        ("drift", 60.0, "bad"),
        ("drift", 5 * HOUR_S, "bad"),
        ("error", 60.0, "bad"),
    ],
)
def test_an_old_all_clear_is_worth_nothing_and_an_old_alarm_stays(
    place: Workplace, store: Store, said: str, age_s: float, state: str
) -> None:
    store.revise_note(TASK, "drift", "1", NOW - age_s, verdict(said))
    found = told(place, "drift")
    assert (found.state, bool(found.next)) == (state, state != "ok")


@pytest.mark.parametrize(
    ("reward", "calibration", "state"),
    [("ok", "ok", "ok"), ("ok", "warn", "warn"), ("drift", "ok", "bad"), ("not enough data", "ok", "unknown")],
)
def test_decay_is_the_worse_of_reward_and_calibration(
    place: Workplace, store: Store, reward: str, calibration: str, state: str
) -> None:
    store.revise_note(TASK, "drift", "1", NOW - 1.0, verdict("ok", reward=reward, calibration=calibration))
    found = told(place, "decay")
    assert (found.state, found.next) == (state, f"contender retrain --task {TASK}" if state == "bad" else "")


@pytest.mark.parametrize(
    ("verdict_", "age_s", "state"),
    [("good", 60.0, "ok"), ("good", 8 * DAY_S + 1.0, "unknown"), ("faults", 60.0, "warn"), ("held", 60.0, "warn")],
)
def test_quality_is_that_of_the_newest_file(
    place: Workplace, store: Store, verdict_: str, age_s: float, state: str
) -> None:
    document = {"file": "people.csv", "types": {"type_error": 3}, "good": 7}
    store.keep_note(TASK, "quality", "older", NOW - age_s - 1.0, {**document, "verdict": "faults"})
    store.keep_note(TASK, "quality", "newest", NOW - age_s, {**document, "verdict": verdict_})
    found = told(place, "quality")
    assert (found.state, found.next == "") == (state, state == "ok")
    assert ("people.csv" in found.reason) == (state == "warn")


@pytest.mark.parametrize(
    ("result", "age_s", "state", "next_"),
    [
        ("challenger", 60.0, "ok", f"contender experiment start --task {TASK}"),
        ("refused", 60.0, "ok", ""),
        ("failed", 60.0, "bad", f"contender retrain --task {TASK}"),
        ("running", HOUR_S, "ok", ""),
        ("running", 3 * HOUR_S, "bad", ""),
    ],
)
def test_a_retraining_run_that_failed_or_fell_silent_is_bad(
    place: Workplace, store: Store, result: Any, age_s: float, state: str, next_: str
) -> None:
    run = Run("000001", NOW - age_s, "drift", "", result, finished_at=NOW - 30.0)
    store.keep_note(TASK, RETRAINING, run.key, run.at, run.to_document())
    found = told(place, "retraining")
    assert (found.state, found.next) == (state, next_)


class Away(Store):
    """A store that answers nothing about exposures."""

    def exposure_counts(self, task: str, *, experiment_id: str | None = None, since: float = 0.0) -> Any:
        raise Unavailable("the store does not answer", remedy="start it")


def test_what_cannot_be_read_is_bad_and_hides_nothing(tmp_path: Path) -> None:
    place, store = Workplace(Settings(home=tmp_path), TASK), Away("sqlite://", clock=lambda: NOW)
    place.store = store
    document = health_document(place)
    store.close()
    found = {one["name"]: one for one in document["findings"]}
    assert document["state"] == found["fallback"]["state"] == "bad"
    assert found["fallback"]["next"] == "start it"
    assert found["reviews"]["state"] == "ok"


def test_a_status_tells_only_what_is_not_well(place: Workplace, store: Store) -> None:
    store.revise_note(TASK, "drift", "1", NOW, verdict("ok"))
    assert lines(place) == []
    store.revise_note(TASK, "drift", "2", NOW + 1.0, verdict("drift"))
    (line,) = lines(place)
    assert line.startswith("drift: drift, because")
