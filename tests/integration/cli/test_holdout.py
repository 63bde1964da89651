"""A promotion that keeps a holdout, from the plan to the slot that is freed: a real store, a real routing file."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from benchmarks.release_lab import FolderRegistry
from cli import experiment, holdout
from cli.dossier.contents import Sources, gather
from cli.dossier.words import meaning
from cli.reconcile import Round, Terms, round_of
from cli.verdicts import summary
from contender.errors import NotFound, Refused
from contender.experiment.analysis import RUNNING
from contender.experiment.assignment import bucket
from contender.release.state import Phase
from contender.values import HOLDOUT
from tests.integration.cli.bench import PLAN, TASK, Bench, People, begun, person

HELD = replace(PLAN, ramp=(), holdout=0.2, holdout_s=30 * 3_600.0)
HOUR_S = 3_600.0


def rounds(bench: Bench, hours: float = 0.0) -> Round:
    now = bench.now() + hours * HOUR_S
    return round_of(bench, Terms(promote=True, bake_s=0.0, now=now), threading.Event())


@pytest.fixture
def people(place: Bench) -> People:
    """The promoted version is better until it is said otherwise; two of ten people stay on the one before."""
    people = People(place, challenger=0.95)
    begun(place, "2", planned=HELD)
    people.come(900)
    assert rounds(place).did == ["promoted the challenger"]
    return people


def test_the_holdout_is_compared_until_its_time_is_over(place: Bench, people: People) -> None:
    people.scores |= {"champion": 0.95, HOLDOUT: 0.7}
    people.come(900)
    done = rounds(place)
    assert done.verdict
    assert (done.did, done.verdict.decision, done.verdict.health) == ([], "promote", ())
    assert done.waits_for.startswith("the end of the holdout in ")
    kept = summary(place.store, TASK)
    assert kept
    assert (kept["id"], kept["holdout"], kept["looks"]) == (f"{led(place)}-holdout", True, 2)
    assert rounds(place, hours=place.settings.rollback_hours + 1).did == []
    wild = rounds(place, hours=400 * 24.0)
    assert (wild.did, wild.waits_for.partition(":")[0]) == ([], "a clock that can be believed, or contender finish")
    assert rounds(place, hours=31).did == ["ended the rollback window"]
    state = place.release.state()
    assert (state.phase, state.holdout, state.previous) == (Phase.IDLE, None, None)
    assert [one["status"] for one in place.store.experiments(TASK)] == ["stopped", "stopped"]


def test_a_holdout_that_speaks_against_the_promoted_version_advises_undo(place: Bench, people: People) -> None:
    people.scores |= {"champion": 0.3, HOLDOUT: 0.9}
    people.come(900)
    done = rounds(place)
    assert done.verdict
    assert (done.verdict.decision, done.rolled_back) == ("roll back", False)
    assert "; the holdout advises contender undo: " in done.waits_for
    before = place.release.state()
    place.release.undo("the holdout is better")
    holdout.close(place, before.holdout)
    assert place.store.experiments(TASK)[-1]["status"] == "stopped"
    assert holdout.current(place) is None


def test_nothing_begins_beside_a_holdout(place: Bench, people: People) -> None:
    with pytest.raises(Refused, match=r"-holdout is running.*contender finish"):
        begun(place, "3")
    holdout.end(place)
    place.release.finish()
    assert begun(place, "3", planned=HELD).plan.restarts == 0
    place.release.abort("enough")
    assert begun(place, "1", planned=HELD).plan.restarts == 2, "the pair was compared, and once more in the holdout"
    people.come(10)


def test_a_promotion_that_died_before_its_holdout_was_noted(place: Bench) -> None:
    running = begun(place, "2", planned=HELD)
    People(place, challenger=0.95).come(900)
    place.release.promote("digest", "it wins")
    held = holdout.current(place)
    assert held
    assert (held.id, held.champion, held.challenger) == (f"{running.id}-holdout", "1", "2")
    assert holdout.current(place) == held


def test_the_dossier_is_the_experiments_and_tells_of_the_holdout(place: Bench) -> None:
    sources = Sources(place.store, FolderRegistry(place.settings.home / "aliases.json"), NoAnchors())
    people = People(place, challenger=0.95)
    begun(place, "2", planned=HELD)
    told = " ".join(meaning(gather(sources, TASK, made_at=0.0, made_with="c0ffee")))
    assert "After a promotion 20.0 % of all people stay on version 1, to compare." in told
    people.come(900)
    rounds(place)
    people.scores |= {"champion": 0.95, HOLDOUT: 0.7}
    people.come(900)
    rounds(place)
    dossier = gather(sources, TASK, made_at=0.0, made_with="c0ffee")
    assert dossier.experiment["id"] == led(place)
    told = " ".join(meaning(dossier))
    assert (
        "20.0 % of all people stayed on version 1 after the promotion: the others' reward differs from theirs by"
        in told
    )


def led(place: Bench) -> str:
    return str(place.store.experiments(TASK)[0]["id"])


class NoAnchors:
    """A trail that nobody has anchored yet."""

    def kept(self, task: str) -> list[dict[str, object]]:
        return []


def test_faults_of_a_holdout_are_found_too(place: Bench, people: People) -> None:
    people.come(10)
    watched = experiment.watched(place)
    assert (watched.id, watched.status) == (f"{led(place)}-holdout", RUNNING)
    assert place.store.faulty_units(watched.id) == {"contradictory": [], "crossed": []}
    holdout.end(place)
    with pytest.raises(NotFound):
        experiment.watched(place)


@pytest.mark.parametrize("covariate", ["", "history"])
def test_who_comes_back_because_of_the_experiment_is_no_fault_of_the_holdout(place: Bench, covariate: str) -> None:
    """A good answer keeps people away, and their history differs: only those who were the champion's are compared."""
    running = begun(place, "2", planned=replace(HELD, covariate=covariate))
    people = People(place, challenger=0.95, champion=0.7)
    people.come(1_500)
    assert rounds(place).did == ["promoted the challenger"]
    people.scores |= {"champion": 0.9, HOLDOUT: 0.9}
    people.come_back(without={person(n) for n in range(1_500) if bucket(running.salt, person(n)) >= 0.8})
    verdict = rounds(place).verdict
    assert verdict
    assert (verdict.health, verdict.decision) == ((), "hold")
    assert verdict.units > 500
