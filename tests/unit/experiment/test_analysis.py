"""From the store's aggregates to a verdict that is kept, with a store of a few numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from contender.errors import InvalidInput
from contender.experiment.analysis import Experiment, from_document, look, observe
from contender.experiment.data import (
    NO_PAIRS,
    NOTHING,
    ArmData,
    ExperimentData,
    GroupData,
    PairedSample,
    PhaseCount,
    Sample,
)
from contender.experiment.plan import Plan
from contender.values import BASELINE, CHALLENGER, CHAMPION

EXPERIMENT = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.1), (5, 0.5)))


def arm(n: int, mean: float = 0.8) -> ArmData:
    reward = Sample(n, n * mean, n * (mean * mean + 0.04))
    paired = PairedSample(reward, reward, reward.squares)
    groups = {"gender=Female": GroupData(n, 0, reward)}
    return ArmData(n, n, 0, 0, reward, 0, 0, outcome_units=n, baseline=paired, groups=groups)


class FewNumbers:
    """A store whose whole is 1000 units of each arm and whose last step is 600."""

    def __init__(self, mean: float = 0.8) -> None:
        self.kept: list[dict[str, Any]] = []
        self._mean = mean

    def experiment_data(self, experiment_id: str, since_generation: int | None = None) -> ExperimentData:
        n = 600 if since_generation == 5 else 1000
        return ExperimentData({CHAMPION: arm(n), CHALLENGER: arm(n, self._mean)}, 1000 - n, seconds=60.0)

    def phase_counts(self, experiment_id: str) -> Sequence[PhaseCount]:
        half = {CHAMPION: 1000, CHALLENGER: 1000}
        return [PhaseCount(1, {CHAMPION: 3}, {}), PhaseCount(6, half, {}, outcome_units=half)]

    def looks(self, experiment_id: str) -> Sequence[Mapping[str, Any]]:
        return self.kept

    def save_look(self, experiment_id: str, look: int, verdict: Mapping[str, Any]) -> None:
        self.kept.append({"look": look, "verdict": verdict})


def test_rewards_and_crossings_count_from_the_last_step_on() -> None:
    data = observe(FewNumbers(), EXPERIMENT)
    assert (data.arms[CHALLENGER].assigned, data.arms[CHALLENGER].reward.n, data.crossed_units) == (1000, 600, 400)
    assert (data.arms[CHALLENGER].baseline.first.n, data.arms[CHALLENGER].groups["gender=Female"].reward.n) == (
        600,
        600,
    )
    assert data.seconds == 60.0
    assert [phase.shares[CHALLENGER] for phase in data.phases] == [0.0, 0.5]


def test_before_the_planned_share_no_reward_counts() -> None:
    young = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ((2, 0.1),))
    found = observe(FewNumbers(), young).arms[CHALLENGER]
    assert (found.reward, found.baseline, found.groups["gender=Female"].reward) == (NOTHING, NO_PAIRS, NOTHING)
    unstarted = Experiment("e1", "job-change", "e1", Plan(), "7", "8", 0.0, ())
    assert observe(FewNumbers(), unstarted).arms[CHALLENGER].reward == NOTHING


def test_looks_are_numbered_and_carry_the_smallest_p() -> None:
    store = FewNumbers(0.9)
    plan = Plan(max_crossed_share=0.5)
    running = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, EXPERIMENT.shares)
    assert [look(store, running).decision, look(store, running).decision] == ["promote", "promote"]
    assert [kept["look"] for kept in store.kept] == [1, 2]
    store.kept[-1]["verdict"]["look"]["srm_p"] = 0.001
    assert look(store, running).rule == "unhealthy"


def test_with_a_covariate_the_adjusted_rewards_are_compared() -> None:
    plan = Plan(max_crossed_share=0.5, covariate=BASELINE)
    running = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, EXPERIMENT.shares)
    # The covariate tells everything, so nothing is left to differ.
    assert look(FewNumbers(0.9), running).effect == pytest.approx(0.0)
    young = Experiment("e1", "job-change", "e1", plan, "7", "8", 0.0, ((2, 0.1),))
    assert look(FewNumbers(0.9), young).effect is None


def test_a_step_is_a_new_share() -> None:
    assert EXPERIMENT.stepped(9, 0.5) is EXPERIMENT
    assert EXPERIMENT.stepped(5, 0.7) is EXPERIMENT
    assert EXPERIMENT.stepped(9, 0.7).shares[-1] == (9, 0.7)
    assert EXPERIMENT.at_full_share
    assert EXPERIMENT.stopped().status == "stopped"


def test_an_experiment_survives_being_written_but_not_a_changed_plan() -> None:
    document = EXPERIMENT.to_document()
    assert from_document(document) == EXPERIMENT
    with pytest.raises(InvalidInput, match="changed after the start"):
        from_document(document | {"plan": {"alpha": 0.2}})
