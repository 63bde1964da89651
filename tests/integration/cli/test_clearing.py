"""Leaving units out of an experiment: who may, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli import clearing
from cli.looking import look_at
from contender.errors import InvalidInput, Refused
from contender.values import Outcome
from tests.integration.cli.bench import PLAN, TASK, Bench, People, begun


@pytest.fixture
def faulty(place: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """An experiment that twelve people's contradictory outcomes hold."""
    monkeypatch.setattr(clearing, "workplace", lambda _task: place)
    begun(place, "2", planned=replace(PLAN, ramp=(), metrics=()))
    People(place).come(900)
    place.store.append([], [Outcome(f"again{n}", f"p{n}", TASK, 0, place.now()) for n in range(12)])
    assert "contradictory" in look_at(place, clearing.experiment.current(place)).faults
    return place


def test_nothing_is_cleared_without_a_reason(faulty: Bench) -> None:
    with pytest.raises(InvalidInput, match="must say why"):
        clearing.clear(reason=" ", task=TASK, fault="contradictory", units=None, as_json=True)
    assert [one["event"] for one in faulty.store.audit(TASK)].count(clearing.CLEARED) == 0


@pytest.mark.parametrize("actor", ["ada", "grace"])
def test_where_approval_is_required_whoever_started_it_cannot_clear(
    faulty: Bench, actor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = faulty.settings.model_copy(update={"actor": actor, "require_approval": True})
    monkeypatch.setattr(faulty, "settings", own)
    if actor == "ada":
        with pytest.raises(Refused, match="ada brought the experiment about"):
            clearing.clear(reason="a bot", task=TASK, fault="contradictory", units=None, as_json=True)
        return
    clearing.clear(reason="a bot", task=TASK, fault="contradictory", units=None, as_json=True)
    verdict = look_at(faulty, clearing.experiment.current(faulty))
    assert (verdict.health, verdict.details["without_clearing"]["rule"]) == ((), "unhealthy")
    assert faulty.store.audit(TASK)[-1]["detail"]["reason"] == "a bot"
