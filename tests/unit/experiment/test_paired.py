"""The shadow's test on the same units, and shares that follow rewards."""

import math

import numpy as np
import pytest
from scipy import stats

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
