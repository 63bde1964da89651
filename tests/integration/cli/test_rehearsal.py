"""What a rehearsal refuses, and what is seen of it afterwards."""

from __future__ import annotations

import csv
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli import rehearsal
from cli.looking import rehearsals, trail_of
from contender.errors import InvalidInput, Refused
from contender.values import LIVE, REHEARSAL, Exposure
from tests.integration.cli.bench import PLAN, TASK, Bench, begun


def exposure(name: str, source: str) -> Exposure:
    plain: dict[str, Any] = {"label": "looking", "score": 0.7, "confidence": 0.7, "fallback_reason": None}
    who = (name, TASK, None, 1, name, "champion", "champion", "1")
    return Exposure(*who, **plain, latency_ms=3.0, at=time.time(), source=source)


def test_where_real_people_are_answered_nobody_is_played(place: Bench) -> None:
    place.store.append([exposure("p1", REHEARSAL), exposure("p2", "scheduled")], [])
    rehearsal.refuse_among_people(place)
    place.store.append([exposure("p3", LIVE)], [])
    with pytest.raises(Refused, match="real people ask") as refused:
        rehearsal.refuse_among_people(place)
    assert "--among-people" in refused.value.remedy


def test_a_window_of_days_is_not_sat_out(place: Bench) -> None:
    begun(place, "2", planned=replace(PLAN, window_s=14 * 86_400.0))
    with pytest.raises(Refused, match="nothing counts before it has closed") as refused:
        rehearsal.experiment_to_decide(place)
    assert "--window 2s" in refused.value.remedy


def test_a_short_one_is_and_without_an_experiment_there_is_none(place: Bench) -> None:
    assert rehearsal.experiment_to_decide(place) is None
    running = begun(place, "2", planned=replace(PLAN, window_s=1.0, grace_s=1.0, metrics=()))
    found = rehearsal.experiment_to_decide(place)
    assert found
    assert found.id == running.id


def test_an_experiment_knows_its_rehearsals(place: Bench) -> None:
    running = begun(place, "2")
    for named in (running.id, running.id, "another", None):
        trail_of(place).append(REHEARSAL, at=time.time(), actor="ada", detail={"experiment": named, "effect": 0.1})
    assert rehearsals(place, running.id) == 2


@pytest.mark.parametrize(
    ("rate", "effect"), [(0.0, 0.0), (1_001.0, 0.0), (10.0, 1.1), (10.0, -1.1), (10.0, float("nan"))]
)
def test_rates_and_effects_that_are_none_are_named(rate: float, effect: float) -> None:
    with pytest.raises(InvalidInput, match=r"--rate|--effect"):
        rehearsal.check(rate, effect)


def test_rows_of_a_file_keep_what_was_true_and_bad_ones_stay_at_home(place: Bench, tmp_path: Path) -> None:
    rows = place.task.generate(3, seed=1)
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows([*rows, {**rows[0], "training_hours": "many"}])
    good = rehearsal.labelled(place, str(path))
    assert [one["target"] for one in good] == [str(row["target"]) for row in rows]
    played = rehearsal.Played(good, ["city"], "target", "run")
    people = played.people()
    ids = [next(people) for _ in range(4)]
    assert [one.unit_id for one in ids] == [f"rehearsal-run-{number}" for number in range(4)]
    assert (ids[3].row, ids[3].outcome) == (ids[0].row, ids[0].outcome)
