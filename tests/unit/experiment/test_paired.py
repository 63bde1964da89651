"""The shadow's test on the same units, and shares that follow rewards."""

import math

import numpy as np
import pytest
from scipy import stats

from contender.errors import InvalidInput
from contender.experiment.bandit import thompson_shares
from contender.experiment.data import NO_PAIRS, PairedSample, Sample
from contender.experiment.statistics.fixed import welch
from contender.experiment.statistics.paired import paired_difference
from contender.experiment.statistics.sequential import always_valid


def pairs_of(first: list[float], second: list[float]) -> PairedSample:
    one, two = np.array(first), np.array(second)
    return PairedSample(
        Sample(len(one), one.sum(), (one**2).sum()),
        Sample(len(two), two.sum(), (two**2).sum()),
        float((one * two).sum()),
    )


def test_the_fixed_answer_is_scipys_paired_t_test() -> None:
    rng = np.random.default_rng(4)
    first = rng.random(200)
    second = np.clip(first + rng.normal(0.01, 0.05, 200), 0, 1)
    found = welch(paired_difference(pairs_of(list(first), list(second))))
    assert found.p_value == pytest.approx(stats.ttest_rel(second, first).pvalue)


def test_pairs_see_more_than_two_arms_would() -> None:
    rng = np.random.default_rng(5)
    first = rng.random(2_000)
    effect = paired_difference(pairs_of(list(first), list(first + rng.normal(0.02, 0.02, 2_000))))
    assert always_valid(effect).low > 0.0
    assert effect.standard_error < 0.1 * math.sqrt(2 * first.var() / 2_000)


@pytest.mark.parametrize("pairs", [NO_PAIRS, PairedSample(Sample(1, 0.5, 0.25), Sample(1, 0.75, 0.5625), 0.375)])
def test_fewer_than_two_pairs_say_nothing(pairs: PairedSample) -> None:
    effect = paired_difference(pairs)
    assert math.isinf(effect.standard_error)
    assert always_valid(effect).p_value == 1.0


def test_shares_follow_rewards_but_never_under_the_floor() -> None:
    rewards = {"a": Sample(400, 240.0, 200.0), "b": Sample(400, 250.0, 200.0), "c": Sample(400, 100.0, 80.0)}
    shares = thompson_shares(rewards, np.random.default_rng(1), floor=0.05)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["c"] == 0.05
    assert shares["b"] > shares["a"] > 0.05
    alone = thompson_shares({"a": Sample(0, 0.0, 0.0), "b": Sample(0, 0.0, 0.0)}, np.random.default_rng(1))
    assert alone["a"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("arms", "floor"), [(0, 0.1), (2, 0.5), (2, -0.1)])
def test_floors_must_leave_something_to_give(arms: int, floor: float) -> None:
    rewards = {str(arm): Sample(1, 1.0, 1.0) for arm in range(arms)}
    with pytest.raises(InvalidInput, match="floor"):
        thompson_shares(rewards, np.random.default_rng(0), floor)
