"""What no statistic can be made of is refused by name; what says nothing gives "nothing known"; never a NaN."""

import math
from collections.abc import Callable

import pytest

from contender.errors import InvalidInput
from contender.experiment.data import PairedSample, Sample, Stratum
from contender.experiment.fairness import impact_ratios, scoring_counts
from contender.experiment.statistics import (
    bernoulli,
    cuped,
    fixed,
    missing,
    mixture,
    moments,
    multiplicity,
    paired,
    power,
    quantiles,
    sample_ratio,
    sequential,
    strata,
)
from contender.experiment.statistics.bernoulli import Count
from contender.experiment.statistics.effect import Effect, difference, lift
from contender.experiment.statistics.missing import Observed
from contender.experiment.statistics.moments import Estimate
from contender.experiment.statistics.power import Design, Goal
from contender.experiment.statistics.strata import Stratified

NAN, INF = math.nan, math.inf
EFFECT = Effect(0.1, 0.02, 1000, 998)
PLAIN = Sample(100, 50.0, 40.0)
DESIGN = Design(0.5, 0.25, 100, 100)
Call = Callable[[], object]


def pairs(sample: Sample, products: float = 10.0) -> PairedSample:
    return PairedSample(sample, PLAIN._replace(n=sample.n), products)


SAMPLES = [
    (Sample(-5, 1.0, 1.0), "sample.n"),
    (Sample(10, NAN, 1.0), "sample.total"),
    (Sample(10, INF, 1.0), "sample.total"),
    (Sample(10, 1.0, NAN), "sample.squares"),
    (Sample(10, 1.0, -3.0), "sample"),
    (Sample(10, 5.0, 1.0), "sample"),
    (Sample(0, 1.0, 1.0), "sample"),
]


@pytest.mark.parametrize(("sample", "field"), SAMPLES)
def test_sums_that_no_values_have(sample: Sample, field: str) -> None:
    calls: list[Call] = [
        lambda: moments.mean_of(sample),
        lambda: moments.ratio_of(pairs(sample)),
        lambda: cuped.adjust(pairs(PLAIN), pairs(sample)),
        lambda: paired.paired_difference(pairs(sample)),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as refused:
            call()
        assert refused.value.field == field


LEVELS = (0.0, 1.0, -0.1, 1.5, NAN, INF)
BY_LEVEL: list[Callable[[float], object]] = [
    lambda alpha: sequential.always_valid(EFFECT, alpha),
    lambda alpha: sequential.always_valid(EFFECT, alpha / 2, alternative="greater"),
    lambda alpha: sequential.critical_value(100, alpha, 5000),
    lambda alpha: sequential.critical_value(100, alpha / 2, 5000, one_sided=True),
    lambda alpha: sequential.mixing(alpha, 5000),
    lambda alpha: fixed.welch(EFFECT, alpha),
    lambda alpha: bernoulli.confidence_sequence(Count(3, 10), alpha),
    lambda alpha: mixture.precision(100, alpha),
    lambda alpha: mixture.bound(100, 12, alpha),
    lambda alpha: power.fixed_power(DESIGN, 0.1, alpha),
    lambda alpha: power.smallest_effect(DESIGN, alpha),
    lambda alpha: power.fixed_units(0.1, 0.25, Goal(power=alpha)),
    lambda alpha: power.fixed_units(0.1, 0.25, Goal(challenger_share=alpha)),
    lambda alpha: power.last_look_units(0.1, 0.25, Goal(alpha=alpha)),
    lambda alpha: power.sequential_units(0.1, 0.25, Goal(power=alpha)),
    lambda alpha: impact_ratios({"a": Count(5, 10)}, alpha),
    lambda alpha: bernoulli.log_evidence(Count(3, 10), alpha),
]


@pytest.mark.parametrize("alpha", LEVELS)
@pytest.mark.parametrize("call", range(len(BY_LEVEL)))
def test_levels_powers_and_shares_outside_their_range(call: int, alpha: float) -> None:
    with pytest.raises(InvalidInput):
        BY_LEVEL[call](alpha)


POSITIVES: list[Callable[[float], object]] = [
    lambda value: sequential.always_valid(EFFECT, 0.05, value),
    lambda value: bernoulli.confidence_sequence(Count(3, 10), 0.05, value),
    mixture.precision,
    lambda value: mixture.bound(100, value),
    lambda value: mixture.log_evidence(10, 100, value, one_sided=True),
    lambda value: sample_ratio.begin((value, 1)),
    lambda value: sample_ratio.evidence([((5, 5), (0.5, 0.5))], value),
    lambda value: sample_ratio.prior((0.5, 0.5), value),
    lambda value: power.fixed_power(Design(0.5, value, 100, 100), 0.1),
    lambda value: power.smallest_effect(Design(0.5, value, 100, 100)),
    lambda value: power.fixed_units(0.1, value, Goal()),
    lambda value: power.sequential_units(0.1, value, Goal()),
    lambda value: power.last_look_units(0.1, value, Goal()),
    lambda value: impact_ratios({"a": Count(5, 10)}, 0.05, value),
]


@pytest.mark.parametrize("value", [0.0, -5.0, NAN, INF])
@pytest.mark.parametrize("call", range(len(POSITIVES)))
def test_what_must_be_positive_and_finite(call: int, value: float) -> None:
    with pytest.raises(InvalidInput):
        POSITIVES[call](value)


COUNTS = [(5, 3), (-1, 5), (3, -5), (NAN, 5), (5, NAN), (INF, INF)]
BY_COUNT: list[Callable[[Count], object]] = [
    bernoulli.confidence_sequence,
    lambda count: bernoulli.log_evidence(count, 0.5),
    lambda count: bernoulli.excess_p_value(count, Count(5, 10)),
    lambda count: bernoulli.excess_p_value(Count(5, 10), count, 0.2),
    lambda count: fixed.z_test(count, Count(5, 10)),
    lambda count: fixed.z_test(Count(5, 10), count),
    lambda count: moments.proportion_of(*count),
    lambda count: impact_ratios({"a": count, "b": Count(5, 10)}),
]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("call", range(len(BY_COUNT)))
def test_more_events_than_trials_and_fewer_than_none(call: int, count: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput):
        BY_COUNT[call](Count(*count))


OTHERS: list[tuple[Call, str]] = [
    (lambda: fixed.chi_square([5, 5], [1]), "shares: are 1, for 2 counts"),
    (lambda: fixed.chi_square([5, -5], [1, 1]), r"counts\[1\]: must be at least 0, is -5"),
    (lambda: fixed.chi_square([5, 5], [1, NAN]), r"shares\[1\]: must be a finite number"),
    (lambda: fixed.chi_square([5, 5], [0, 0]), "weights: none is above 0"),
    (lambda: sample_ratio.begin(()), "belief: names no arm"),
    (lambda: sample_ratio.observe(sample_ratio.begin((1, 1)), (5, 5), (0.9, 0.9)), "must sum to 1, sum to 1.8"),
    (lambda: sample_ratio.observe(sample_ratio.begin((1,)), (5, 5), (0.5, 0.5)), "are 1, for 2 counts"),
    (lambda: sample_ratio.observe(sample_ratio.begin((1, 1)), (5, -5), (0.5, 0.5)), r"counts\[1\]"),
    (lambda: sample_ratio.evidence([((5, 5), (0.5, 0.4))], 100), "must sum to 1"),
    (lambda: sample_ratio.p_value(NAN), "log_bayes_factor: must be a number"),
    (lambda: sample_ratio.p_value(1.0, 2.0), "smallest_before: must be 0 to 1, is 2"),
    (lambda: multiplicity.holm((NAN, 0.1)), r"p_values\[0\]: must be a finite number, is nan"),
    (lambda: multiplicity.benjamini_hochberg((0.1, 1.1)), r"p_values\[1\]: must be 0 to 1, is 1.1"),
    (lambda: sequential.non_inferiority(EFFECT, -0.1), "margin: must be at least 0"),
    (lambda: sequential.deterioration(EFFECT, NAN), "margin: must be a finite number"),
    (lambda: sequential.always_valid(EFFECT._replace(standard_error=-1.0)), "effect.standard_error"),
    (lambda: sequential.always_valid(EFFECT._replace(estimate=NAN)), "effect.estimate"),
    (lambda: sequential.always_valid(EFFECT._replace(n=-1)), "effect.n"),
    (lambda: sequential.always_valid(EFFECT, alternative="bigger"), "one of: two-sided, greater, less"),  # type: ignore[arg-type]
    (lambda: fixed.welch(EFFECT, alternative="bigger"), "one of: two-sided, greater, less"),  # type: ignore[arg-type]
    (lambda: bernoulli.excess_p_value(Count(1, 10), Count(2, 10), -1.0), "margin: must be above -1 and under 1"),
    (lambda: bernoulli.confidence_sequence(Count(1, 10**13)), r"count.trials: must be 0 to 1e\+12"),
    (lambda: difference(Estimate(5, 1.0, -1.0), Estimate(5, 1.0, 1.0)), "champion.variance"),
    (lambda: lift(Estimate(5, 1.0, 1.0), Estimate(5, NAN, 1.0)), "challenger.mean"),
    (lambda: moments.covariance(5, NAN, 1.0, 1.0), "first: must be a finite number"),
    (
        lambda: paired.paired_difference(PairedSample(PLAIN, Sample(99, 50.0, 40.0), 10.0)),
        "100 values are paired with 99",
    ),
    (lambda: paired.paired_difference(PairedSample(PLAIN, PLAIN, 1000.0)), "larger than the squares allow"),
    (lambda: paired.paired_difference(PairedSample(PLAIN, PLAIN, NAN)), "sample.products"),
    (lambda: paired.paired_difference(PairedSample(PLAIN, PLAIN, 1e200)), "sample"),
    (lambda: power.fixed_units(0.0, 0.25, Goal()), "too small to be seen"),
    (lambda: power.last_look_units(NAN, 0.25, Goal()), "effect: must be a finite number"),
    (lambda: power.fixed_power(Design(0.0, 0.25, 100, 100, relative=True), 0.1), "design: must be a finite number"),
    (lambda: power.fixed_power(Design(0.5, 1e300, 100, 100), 0.1), "design"),
    (lambda: scoring_counts({"a": [0.1, NAN]}), "scores.a: must be a finite number"),
    (lambda: bernoulli.excess_p_value(Count(3, 2), Count(0, 2)), "count.events: 3 of 2"),
    (lambda: bernoulli.excess_p_value(Count(0, 2), Count(0, 2), 1.0), "margin"),
    (lambda: bernoulli.difference_bounds(Count(0, 2), Count(0, 2), 1.0), "alpha"),
    (lambda: bernoulli.ratio_p_value(Count(0, 2), Count(0, 2), 0.0), "ratio"),
    (lambda: multiplicity.e_benjamini_hochberg([-1.0], 0.05), "e_values"),
    (lambda: multiplicity.e_by_level(0, 3, 0.05), "selected: must be 1 to 3"),
    (lambda: quantiles.quantile_bounds([-1], 0.5), "counts"),
    (lambda: quantiles.quantile_bounds([1], 1.0), "quantile"),
    (lambda: missing.manski_bounds(Observed(0, 0.0, 5), Observed(5, 1.0, 0)), "observed"),
    (lambda: missing.lee_bounds(Observed(5, 6.0, 0), Observed(5, 1.0, 0)), "observed"),
    (lambda: missing.lee_bounds(Observed(5, 1.0, -1), Observed(5, 1.0, 0)), "observed.missing"),
    (lambda: strata.adjust_by_strata(Stratified({}), Stratified({})), "strata.n"),
    (lambda: strata.adjust_by_strata(Stratified({Stratum(0, 1): PLAIN}, 0.0), Stratified({})), "answered_weight"),
    (lambda: sample_ratio.smallest_loss(100, (0.5, 0.5), 1, 100, 1.0), "alpha"),
    (lambda: sample_ratio.pooled_evidence([], (0.5, 0.5), 0.0), "concentration"),
]


@pytest.mark.parametrize(("call", "told"), OTHERS)
def test_everything_else_is_refused_by_name(call: Call, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        call()


def test_nothing_known_is_said_as_such() -> None:
    everything = (-INF, INF, 1.0)
    nobody, alone, equal = Sample(0, 0.0, 0.0), Sample(1, 1.0, 1.0), Sample(10, 10.0, 10.0)
    for one, other in ((nobody, PLAIN), (alone, PLAIN), (PLAIN, alone), (equal, equal)):
        for compared in (difference, lift):
            effect = compared(moments.mean_of(one), moments.mean_of(other))
            assert sequential.always_valid(effect)[2:] == everything
            assert fixed.welch(effect)[2:] == everything
    assert sequential.critical_value(0, 0.05, 5000) == INF
    assert fixed.chi_square([0, 0], [1, 1]) == fixed.chi_square([5], [1]) == 1.0
    assert bernoulli.confidence_sequence(Count(0, 0)) == (0.0, 1.0)
    assert multiplicity.holm(()) == multiplicity.benjamini_hochberg(()) == ()


def test_a_trillion_units_keep_their_digits() -> None:
    n = 10**12
    assert bernoulli.confidence_sequence(Count(n, n)).low == pytest.approx(1 - 3e-12, abs=1e-13)
    assert bernoulli.confidence_sequence(Count(0, n)).high == pytest.approx(3e-12, abs=1e-13)
    assert bernoulli.confidence_sequence(Count(n // 2, n)) == pytest.approx((0.5 - 2.794e-6, 0.5 + 2.794e-6), abs=1e-9)
    # The logarithm to 60 digits (mpmath): -11.51542542.
    found = sample_ratio.evidence([((n // 2, n // 2), (0.5, 0.5))], 100)
    assert found == pytest.approx(-11.51542542, abs=0.03)
    big = moments.mean_of(Sample(n, n / 2, n / 2))
    assert sequential.always_valid(difference(big, big)).high == pytest.approx(0.0, abs=1e-5)


def test_somebody_where_nobody_should_be_is_certain_evidence_from_then_on() -> None:
    test = sample_ratio.observe(sample_ratio.begin((1, 1)), (5, 1), (1.0, 0.0))
    assert (test.p_value, test.log_bayes_factor) == (0.0, INF)
    assert sample_ratio.observe(test, (5, 5), (0.5, 0.5)).p_value == 0.0


def test_a_sum_far_below_its_mean_is_no_evidence_above_it() -> None:
    assert mixture.log_evidence(-1000.0, 100.0, 12.0, one_sided=True) < -1.0


def test_effects_too_small_for_any_experiment() -> None:
    assert power.last_look_units(1e-300, 1.0, Goal()) == power.last_look_units(0.0, 1.0, Goal()) == 2**60
