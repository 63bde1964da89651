"""Which records belong to an experiment, and which look a promotion rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cli.dossier.contents import Dossier
from contender.experiment.decision import evidence_digest

Trail = Callable[..., list[dict[str, Any]]]
START = ("start", {"experiment": "job-change-7-vs-8"})
NEXT = ("start", {"experiment": "job-change-8-vs-9"})


def test_an_experiment_owns_the_records_up_to_the_next_start(dossier: Dossier, trail: Trail) -> None:
    records = trail(("install", {}), START, ("promote", {}), ("undo", {}), NEXT, ("abort", {}))
    changed = replace(dossier, records=records)
    assert [record["event"] for record in changed.own_records] == ["start", "promote", "undo"]
    assert [record["event"] for record in changed.decisions] == ["promote", "undo"]


def test_an_experiment_that_never_started_owns_nothing(dossier: Dossier, trail: Trail) -> None:
    assert replace(dossier, records=trail(NEXT, ("abort", {}))).own_records == ()


def test_a_promotion_that_failed_and_was_rolled_back_is_no_decision(dossier: Dossier, trail: Trail) -> None:
    records = trail(START, ("promote", {}), ("promote failed", {"undone": 2}))
    assert replace(dossier, records=records).decisions == []


def test_the_look_that_a_promotion_names_is_found(dossier: Dossier) -> None:
    assert dossier.look_of(evidence_digest(dossier.looks[1]["verdict"])) == 2
    assert dossier.look_of("0" * 64) is None
