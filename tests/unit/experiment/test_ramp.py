"""When a ramp may take its next step."""

import pytest

from contender.experiment.analysis import Experiment
from contender.experiment.data import ArmData, ExperimentData, Phase
from contender.experiment.decision import Verdict, judge
from contender.experiment.plan import Plan, Step
from contender.experiment.ramp import progress
from contender.values import CHALLENGER, CHAMPION

PLAN = Plan(ramp=(Step(0.01, 100), Step(0.1, 250), Step(0.5)))


def data(share: float, units: int, *, reviews: int = 0, crossed: int = 0) -> ExperimentData:
    half = {CHAMPION: 0.5, CHALLENGER: 0.5}
    counts = {CHAMPION: units, CHALLENGER: units}
    now = {0.01: 2, 0.1: 3, 0.5: 4}[share]
    phases = (Phase(half, {CHAMPION: 5, CHALLENGER: 5}, generation=1), Phase(half, counts, generation=now))
    arms = {
        name: ArmData(n, n, review_units=reviews if name == CHALLENGER else 0, reviews=reviews)
        for name, n in counts.items()
    }
    return ExperimentData(arms, crossed, phases)


def running(*shares: float) -> Experiment:
    steps = tuple((2 + number, share) for number, share in enumerate(shares))
    return Experiment("e1", "job-change", "e1", PLAN, "7", "8", 0.0, steps)


def looked(found: ExperimentData) -> Verdict:
    return judge(found, PLAN)


@pytest.mark.parametrize(
    ("shares", "units", "step", "following", "ready"),
    [
        ((0.01,), 99, 1, 0.1, False),
        ((0.01,), 100, 1, 0.1, True),
        ((0.01, 0.1), 249, 2, 0.5, False),
        ((0.01, 0.1), 250, 2, 0.5, True),
        ((0.01, 0.1, 0.5), 900, 3, None, False),
    ],
)
def test_each_step_waits_for_its_units(
    shares: tuple[float, ...], units: int, step: int, following: float | None, ready: bool
) -> None:
    found = data(shares[-1], units)
    at = progress(running(*shares), found, looked(found))
    assert (at.step, at.steps, at.units, at.next_share, at.ready) == (step, 3, units, following, ready)
    assert at.to_document()["ready"] is ready


def test_units_missing_are_said() -> None:
    found = data(0.01, 40)
    assert progress(running(0.01), found, looked(found)).against == "40 of 100 units seen in this step"


def test_a_breached_guardrail_or_an_unsound_experiment_stops_the_ramp() -> None:
    for found, reason in ((data(0.1, 400, reviews=400), "review"), (data(0.1, 400, crossed=9), "two arms")):
        at = progress(running(0.01, 0.1), found, looked(found))
        assert not at.ready
        assert reason in at.against


def test_a_plan_without_a_ramp_has_one_step_and_a_ramp_may_not_have_begun() -> None:
    bare = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.5),))
    found = data(0.5, 10)
    at = progress(bare, found, looked(found))
    assert (at.step, at.steps, at.next_share, at.needed) == (1, 1, None, 0)
    assert progress(running(), found, looked(found)).share == 0.0
