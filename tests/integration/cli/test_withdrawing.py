"""Taking a wrong batch of outcomes back: who may, which, and what the audit trail says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from cli import experiment
from cli.looking import look_at
from cli.settings import Settings
from cli.withdrawing import WITHDREW, moment_of, take_back
from contender.adapters.store_sql import Span
from contender.errors import InvalidInput, Refused
from contender.values import Outcome
from tests.integration.cli.bench import PLAN, TASK, Bench, People, begun


def tell_wrongly(place: Bench) -> Span:
    """Ninety people get a second outcome that is not the first; the span in which these arrived."""
    begun(place, "2", planned=replace(PLAN, ramp=(), metrics=()))
    People(place).come(900)
    routing = place.routing.read(TASK)
    assert routing
    since = place.now()
    wrong = [Outcome(f"w{n}", f"p{routing.generation}-{n}", TASK, 0, place.now()) for n in range(0, 900, 10)]
    place.store.append([], wrong)
    return Span(since, place.now())


def told(place: Bench) -> list[dict[str, object]]:
    return [one["detail"] for one in place.store.audit(TASK) if one["event"] == WITHDREW]


def test_after_a_wrong_batch_the_experiment_is_sound_again(place: Bench) -> None:
    span = tell_wrongly(place)
    running = experiment.current(place)
    assert "contradictory" in look_at(place, running).faults
    withdrawn = take_back(place, span, "the sender's clock was wrong")
    assert look_at(place, running).faults == ()
    (detail,) = told(place)
    assert detail["reason"] == "the sender's clock was wrong"
    assert detail["outcomes"] == withdrawn.outcomes == 90
    assert detail["units"] == {running.id: withdrawn.units[running.id]}
    assert sum(withdrawn.units[running.id].values()) == 90


@pytest.mark.parametrize(
    ("span", "reason", "error", "words"),
    [
        (Span(0.0, 1e9), " ", InvalidInput, "must say why"),
        (Span(5.0, 5.0), "why", InvalidInput, "must be later than --since"),
        (Span(5.0, 6.0), "why", Refused, "no outcome arrived"),
    ],
)
def test_what_cannot_be_taken_back_leaves_no_record(
    place: Bench, span: Span, reason: str, error: type[Exception], words: str
) -> None:
    begun(place, "2")
    with pytest.raises(error, match=words):
        take_back(place, span, reason)
    assert told(place) == []


def test_where_approval_is_required_whoever_started_it_cannot_take_outcomes_back(place: Bench) -> None:
    span = tell_wrongly(place)
    home, slots = place.settings.home, place.settings.slots
    there = Bench(Settings(home=home, slots=slots, actor="ada", require_approval=True), TASK)
    with pytest.raises(Refused, match="ada brought the experiment about and cannot take its outcomes back"):
        take_back(there, span, "why")
    there.store.close()
    assert told(place) == []


def test_a_moment_is_read_as_seconds_or_as_a_date() -> None:
    assert moment_of("1795836424.5", "--since") == 1795836424.5
    assert moment_of("2026-11-28T09:30+00:00", "--since") == 1795858200.0
    assert moment_of("2026-11-28T09:30", "--since") == datetime(2026, 11, 28, 9, 30).timestamp()  # noqa: DTZ001 - local


@pytest.mark.parametrize("text", ["yesterday", "nan", "inf", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"--since: must be a moment"):
        moment_of(text, "--since")
