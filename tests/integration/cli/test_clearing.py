"""Leaving units out of an experiment: who may, which, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from cli import experiment
from cli.clearing import CLEARED, chosen_units, leave_out
from cli.looking import look_at
from cli.settings import Settings
from contender.errors import InvalidInput, Refused
from contender.experiment.assignment import assign
from contender.values import CHALLENGER, Outcome
from tests.integration.cli.bench import PLAN, TASK, Bench, People, begun, person


def contradict(place: Bench, of_arm: Callable[[str], bool]) -> None:
    """Twelve people of such an arm get a second outcome that is not the first; nobody has looked yet."""
    begun(place, "2", planned=replace(PLAN, ramp=(), metrics=()))
    People(place).come(900)
    routing = place.routing.read(TASK)
    assert routing
    chosen = [n for n in range(900) if of_arm(assign(routing, person(n)).arm)][:12]
    again = [Outcome(f"o{n}", f"p{routing.generation}-{n}", TASK, 0, place.now()) for n in chosen]
    place.store.append([], again)


def cleared(place: Bench) -> list[str]:
    return [str(one["detail"]["reason"]) for one in place.store.audit(TASK) if one["event"] == CLEARED]


def test_nothing_is_cleared_without_a_reason(place: Bench) -> None:
    contradict(place, lambda _arm: True)
    with pytest.raises(InvalidInput, match="must say why"):
        leave_out(place, "contradictory", [], " ")
    assert cleared(place) == []


@pytest.mark.parametrize(("actor", "refused"), [("ada", True), ("grace", False)])
def test_where_approval_is_required_whoever_started_it_cannot_clear(place: Bench, actor: str, refused: bool) -> None:
    contradict(place, lambda _arm: True)
    home, slots = place.settings.home, place.settings.slots
    there = Bench(Settings(home=home, slots=slots, actor=actor, require_approval=True), TASK)
    there.ahead_s = place.ahead_s
    clear = partial(leave_out, there, "contradictory", [], "a test client")
    if refused:
        with pytest.raises(Refused, match="ada brought the experiment about"):
            clear()
        return
    assert len(clear().cleared[-1].units) == 12
    verdict = look_at(there, experiment.current(there))
    assert (verdict.health, verdict.details["without_clearing"]["rule"]) == ((), "unhealthy")
    assert cleared(there) == ["a test client"]
    there.store.close()


def test_what_is_wrong_with_one_arm_cannot_be_cleared(place: Bench) -> None:
    contradict(place, lambda arm: arm == CHALLENGER)
    with pytest.raises(Refused, match=r"not spread over the arms as people are \(champion 0, challenger 12\)"):
        leave_out(place, "contradictory", [], "a test client")
    assert cleared(place) == []
    assert experiment.current(place).left_out == frozenset()


@pytest.mark.parametrize(
    ("named", "known", "chosen"),
    [(" c-17 ", ["c-17"], "c-17"), ("c-17 ", ["c-17 "], "c-17 "), ("Zoe\u0308", ["Zo\u00eb"], "Zo\u00eb")],
)
def test_a_unit_is_named_in_whatever_form(named: str, known: list[str], chosen: str) -> None:
    assert chosen_units({"contradictory": known}, "contradictory", [named]) == (chosen,)


def test_a_unit_without_the_fault_is_refused() -> None:
    with pytest.raises(InvalidInput, match="names a unit without contradictory records"):
        chosen_units({"contradictory": ["c-17"]}, "contradictory", ["c-18"])
