"""Published numbers, each with its source, through the public functions."""

import math

import pytest

from contender.experiment.data import PairedSample, Sample
from contender.experiment.statistics import mixture, sample_ratio
from contender.experiment.statistics.bernoulli import Count, confidence_sequence, excess_p_value, log_evidence
from contender.experiment.statistics.cuped import adjust
from contender.experiment.statistics.effect import Alternative, Effect, difference, lift
from contender.experiment.statistics.fixed import chi_square, welch, z_test
from contender.experiment.statistics.moments import Estimate, mean_of, proportion_of, ratio_of
from contender.experiment.statistics.multiplicity import benjamini_hochberg, holm
from contender.experiment.statistics.sequential import always_valid, critical_value, deterioration, non_inferiority

INF = math.inf

# growthbook/growthbook (MIT), packages/stats/tests/frequentist/test_tests.py: the arms of most cases.
A_3407 = mean_of(Sample(3407, 1396.87, 52377.9767))
A_3000 = mean_of(Sample(3000, 1396.87, 52377.9767))
B_3461 = mean_of(Sample(3461, 2422.7, 134698.29))

# Same file; test class and method beside each: arms, relative, alternative, (estimate, error, low, high, p).
FIXED = [
    # TestTwoSidedTTest.test_two_sided_ttest
    (A_3407, B_3461, True, "two-sided", (0.70732, 0.37879, -0.03526, 1.44989, 0.06191)),
    # TestTwoSidedTTest.test_two_sided_ttest_absolute
    (A_3407, B_3461, False, "two-sided", (0.29, 0.12478, 0.04538, 0.53462, 0.02016)),
    # TestTwoSidedTTest.test_two_sided_ttest_binom
    (proportion_of(14, 28), proportion_of(16, 30), True, "two-sided", (0.06667, 0.2717, -0.47767, 0.61101, 0.80707)),
    # TestOneSidedGreaterTTest.test_one_sided_ttest, …_absolute
    (A_3000, B_3461, True, "greater", (0.50336, 0.33341, -0.04514, INF, 0.06558)),
    (A_3000, B_3461, False, "greater", (0.23438, 0.12983, 0.02079, INF, 0.03554)),
    # TestOneSidedLesserTTest.test_one_sided_ttest, …_absolute
    (A_3000, B_3461, True, "less", (0.50336, 0.33341, -INF, 1.05186, 0.93442)),
    (A_3000, B_3461, False, "less", (0.23438, 0.12983, -INF, 0.44796, 0.96446)),
]

# Same file: arms, relative, alternative, tuning, (estimate, low, high).
SEQUENTIAL = [
    # TestSequentialTTest.test_sequential_test_runs
    (A_3000, B_3461, True, "two-sided", 1000, (0.50336, -0.55844, 1.56516)),
    # TestSequentialTTest.test_sequential_test_runs_prop
    (proportion_of(1396, 3000), proportion_of(2422, 3461), True, "two-sided", 5000, (0.50386, 0.40098, 0.60675)),
    # TestSequentialOneSidedGreaterTTest.test_one_sided_ttest, …_absolute
    (A_3000, B_3461, True, "greater", 5000, (0.50336, -0.42356, INF)),
    (A_3000, B_3461, False, "greater", 5000, (0.23438, -0.12657, INF)),
    # TestSequentialOneSidedLesserTTest.test_one_sided_ttest, …_absolute
    (A_3000, B_3461, True, "less", 5000, (0.50336, -INF, 1.43029)),
    (A_3000, B_3461, False, "less", 5000, (0.23438, -INF, 0.59532)),
]


def effect_of(champion: Estimate, challenger: Estimate, *, relative: bool) -> Effect:
    return (lift if relative else difference)(champion, challenger)


@pytest.mark.parametrize(("champion", "challenger", "relative", "alternative", "expected"), FIXED)
def test_fixed_horizon(
    champion: Estimate, challenger: Estimate, relative: bool, alternative: Alternative, expected: tuple[float, ...]
) -> None:
    found = welch(effect_of(champion, challenger, relative=relative), alternative=alternative)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("champion", "challenger", "relative", "alternative", "tuning", "expected"), SEQUENTIAL)
def test_always_valid(
    champion: Estimate,
    challenger: Estimate,
    relative: bool,
    alternative: Alternative,
    tuning: int,
    expected: tuple[float, ...],
) -> None:
    found = always_valid(effect_of(champion, challenger, relative=relative), 0.05, tuning, alternative)
    assert (found.estimate, found.low, found.high) == pytest.approx(expected, abs=1e-5)


def test_cookie_cats() -> None:
    # Cookie Cats A/B data, 90 189 players, retention after a day; computed from the counts with statsmodels 0.15.
    champion, challenger = Count(20034, 44700), Count(20119, 45489)
    assert z_test(champion, challenger) == pytest.approx((-1.7840862247974725, 0.07440965529691913), abs=1e-9)
    found = always_valid(difference(proportion_of(*champion), proportion_of(*challenger)), 0.05, 90_000)
    assert (found.low, found.high, found.p_value) == pytest.approx(
        (-0.015951350324294376, 0.00414101074961146, 0.7277833686261078), abs=1e-6
    )


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("estimate", [-0.12, -0.03, 0.0, 0.03, 0.12])
def test_p_value_and_interval_agree(alternative: Alternative, estimate: float) -> None:
    effect = Effect(estimate, 0.01, 4000, 3998.0)
    low, high = always_valid(effect, 0.05, 5000, alternative)[2:4]
    for null in (low, high):
        if math.isfinite(null):
            p_value = always_valid(effect, 0.05, 5000, alternative, null).p_value
            assert p_value == pytest.approx(0.05, rel=1e-6)
    # `null` stands for where the effect is measured from; the interval does not move with it.
    assert always_valid(effect, 0.05, 5000, alternative, 0.01)[2:4] == (low, high)


def test_interval_is_tightest_where_it_is_tuned() -> None:
    # growthbook test_tests.py TestSequentialTTest.test_sequential_test_tuning_as_expected
    near, below, above = (critical_value(6461, 0.05, tuning) for tuning in (6461, 10, 10_000))
    assert near < above < below


def test_overwhelming_evidence_does_not_overflow() -> None:
    effect = Effect(1.0, 1e-4, 100_000, 99_998.0)
    assert always_valid(effect).p_value == 0.0
    assert always_valid(effect, alternative="greater").p_value < 1e-200
    assert always_valid(effect, alternative="less").p_value == 1.0


@pytest.mark.parametrize("effect", [Effect(0.0, 0.0, 500, INF), Effect(0.0, INF, 500, INF), Effect(0.0, 0.1, 0, INF)])
def test_an_effect_without_an_error_tells_nothing(effect: Effect) -> None:
    assert always_valid(effect)[2:] == (-INF, INF, 1.0)


def test_fixed_horizon_without_an_error_tells_nothing() -> None:
    assert welch(Effect(0.0, 0.0, 10, INF))[2:] == (-INF, INF, 1.0)


def test_welch_with_unknown_freedom_is_a_z_test() -> None:
    found = welch(Effect(1.96, 1.0, 10, INF))
    assert (found.low, found.p_value) == pytest.approx((0.0, 0.05), abs=1e-4)


def test_non_inferiority_and_deterioration_are_opposites() -> None:
    fine, bad = Effect(0.0, 0.01, 8000, 7998.0), Effect(-0.1, 0.01, 8000, 7998.0)
    assert non_inferiority(fine, 0.05).p_value < 0.05 <= non_inferiority(bad, 0.05).p_value
    assert deterioration(bad, 0.05).p_value < 0.05 <= deterioration(fine, 0.05).p_value


def test_lift_over_nothing_is_unknown() -> None:
    assert lift(Estimate(10, 0.0, 1.0), Estimate(10, 1.0, 1.0))[:2] == (0.0, INF)


def test_delta_method_variances() -> None:
    # growthbook packages/shared/test/power.test.ts, "delta method variance absolute/relative correct"
    champion, challenger = Estimate(4, 7.0, 2.0), Estimate(15, 5.0, 0.5)
    assert difference(champion, challenger).standard_error ** 2 == pytest.approx(0.53333, abs=1e-5)
    assert lift(champion, challenger).standard_error ** 2 == pytest.approx(0.00589, abs=1e-5)


def test_moments_of_too_few_units() -> None:
    assert mean_of(Sample(0, 0.0, 0.0)) == (0, 0.0, 0.0, None)
    assert mean_of(Sample(1, 0.7, 0.49)) == (1, 0.7, 0.0, None)
    assert mean_of(Sample(0, 0.0, 0.0)).squared_error == INF
    assert proportion_of(0, 0) == (0, 0.0, 0.0, None)


def test_equal_values_have_no_negative_variance() -> None:
    assert mean_of(Sample(10, 0.1 * 10, 0.01 * 10 - 1e-12)).variance == 0.0


def test_ratio_of_sums() -> None:
    # Numerators 1, 4, 4 over denominators 2, 4, 6: linearised residuals of the delta method, by hand.
    sample = PairedSample(Sample(3, 9.0, 33.0), Sample(3, 12.0, 56.0), 2.0 + 16.0 + 24.0)
    ratio, residuals = 0.75, (1 - 1.5, 4 - 3.0, 4 - 4.5)
    assert ratio_of(sample) == pytest.approx((3, ratio, sum(r * r for r in residuals) / 2 / 16.0, None))
    assert ratio_of(PairedSample(Sample(3, 9.0, 33.0), Sample(3, 0.0, 0.0), 0.0)) == (3, 0.0, 0.0, None)


def test_cuped() -> None:
    # growthbook test_tests.py TestSequentialTTest.test_sequential_test_runs_ra
    champion = PairedSample(Sample(3000, 1396.87, 52377.9767), Sample(3000, 16.87, 527.9767), 1.0)
    challenger = PairedSample(Sample(3461, 2422.7, 134698.29), Sample(3461, 22.7, 1348.29), 1.0)
    adjusted = adjust(champion, challenger)
    found = always_valid(lift(adjusted.champion, adjusted.challenger))
    assert found[:4] == pytest.approx((0.50338, 0.33341, -0.50969, 1.51646), abs=1e-5)


def test_cuped_takes_out_what_the_covariate_explains() -> None:
    # Outcomes are twice the covariates 1, 2, 3, 6 and nothing else.
    arm = PairedSample(Sample(4, 24.0, 200.0), Sample(4, 12.0, 50.0), 100.0)
    adjusted = adjust(arm, arm)
    assert (adjusted.slope, adjusted.saving) == pytest.approx((2.0, 1.0))
    assert adjusted.champion == pytest.approx((4, 0.0, 0.0, 6.0), abs=1e-12)


def test_cuped_with_a_constant_covariate_changes_nothing() -> None:
    arm = PairedSample(Sample(4, 10.0, 30.0), Sample(4, 8.0, 16.0), 20.0)
    adjusted = adjust(arm, arm)
    assert (adjusted.slope, adjusted.saving) == (0.0, 0.0)
    assert adjusted.champion.mean == 2.5


def test_cuped_of_constant_outcomes_saves_nothing() -> None:
    arm = PairedSample(Sample(4, 8.0, 16.0), Sample(4, 10.0, 30.0), 20.0)
    assert adjust(arm, arm).saving == 0.0


# growthbook/growthbook (MIT), packages/back-end/test/stats.test.ts, "calculates SRM correctly": users, weights, p.
RATIOS = [
    ([1000, 1200], [0.5, 0.5], 2.0079e-05),
    ([310, 98], [0.75, 0.25], 0.647434186),
    ([1000, 1200, 900], [0.5, 0.5, 0.0], 2.0079e-05),
    ([0, 10, 10], [0.34, 0.33, 0.33], 0.005790624),
    ([0, 0, 0], [0.34, 0.33, 0.33], 1.0),
    ([500, 500, 600], [0.34, 0.33, 0.33], 0.000592638),
    ([500, 500], [0.5, 0.5], 1.0),
]


@pytest.mark.parametrize(("counts", "weights", "expected"), RATIOS)
def test_sample_ratio_at_one_look(counts: list[int], weights: list[float], expected: float) -> None:
    assert chi_square(counts, weights) == pytest.approx(expected, abs=1e-9)


def test_sequential_sample_ratio() -> None:
    # optimizely/ssrm (Apache-2.0), ssrm_test/test_ssrm_test.py test_sequential_posteriors
    batches = [(20, 17, 9), (18, 21, 8), (4, 6, 4), (18, 19, 11)]
    alternative = [-7.028201432058012, -11.947847738358888, -15.471401950257842, -19.96484521090386]
    null = [-4.0776406466061985, -8.265946861099877, -11.610743519545139, -15.781031228536165]
    test = sample_ratio.begin((1, 1, 1))
    for counts, log_alternative, log_null in zip(batches, alternative, null, strict=True):
        test = sample_ratio.observe(test, counts, (0.4, 0.4, 0.2))
        assert (test.log_alternative, test.log_null) == pytest.approx((log_alternative, log_null), abs=1e-9)
    assert test.p_value == 1.0


def test_sequential_ratio_keeps_the_smallest_p() -> None:
    alarmed = sample_ratio.observe(sample_ratio.begin((1, 1)), (60, 20), (0.5, 0.5))
    later = sample_ratio.observe(alarmed, (100, 140), (0.5, 0.5))
    assert alarmed.p_value == later.p_value < 0.001
    assert later.log_bayes_factor < alarmed.log_bayes_factor


def test_batches_do_not_matter_but_phases_do() -> None:
    shares = (0.9, 0.1)
    test = sample_ratio.begin(sample_ratio.prior(shares, 100))
    for counts in ((900, 130), (880, 90)):
        test = sample_ratio.observe(test, counts, shares)
    test = sample_ratio.change_shares(test, sample_ratio.prior((0.5, 0.5), 100))
    test = sample_ratio.observe(test, (510, 480), (0.5, 0.5))
    at_once = sample_ratio.evidence([((1780, 220), shares), ((510, 480), (0.5, 0.5))], 100)
    assert test.log_bayes_factor == pytest.approx(at_once)


@pytest.mark.parametrize(("concentration", "expected"), [(100, 0.053), (10_000, 0.671)])
def test_the_prior_decides(concentration: float, expected: float) -> None:
    # 500 against 600 at equal shares: computed from the Dirichlet-multinomial of Lindon and Malek 2022.
    found = sample_ratio.p_value(sample_ratio.evidence([((500, 600), (0.5, 0.5))], concentration))
    assert found == pytest.approx(expected, abs=5e-4)


def test_somebody_in_an_arm_without_a_share_is_certain_evidence() -> None:
    assert sample_ratio.p_value(sample_ratio.evidence([((10, 1), (1.0, 0.0))], 100)) == 0.0
    assert sample_ratio.evidence([((10, 0), (1.0, 0.0))], 100) == pytest.approx(0.0)


def test_normal_mixture() -> None:
    # gostevehoward/confseq (MIT), test/uniform_boundaries_unittest.cpp: TestTwoSidedNormalMixture, TestOneSided…
    two, one = mixture.precision(100), mixture.precision(100, one_sided=True)
    assert two == pytest.approx(12.60056, abs=1e-5)
    assert mixture.log_evidence(10, 100, two) == pytest.approx(-0.6510052, abs=1e-5)
    assert mixture.bound(100, two) == pytest.approx(30.35209, abs=1e-5)
    assert mixture.log_evidence(10, 100, one, one_sided=True) == pytest.approx(-0.06502391, abs=1e-5)
    assert mixture.bound(100, one, one_sided=True) == pytest.approx(27.66071, abs=1e-5)


def test_beta_binomial_mixture() -> None:
    # Same file, TestTwoSidedBetaBinomialMixture: s = 10, v = 100, g = 0.2, h = 0.8 are 135 of 625 against 0.2.
    assert log_evidence(Count(135, 625), 0.2, 625) == pytest.approx(-0.6941012, abs=1e-5)


def test_beta_binomial_mixture_tuned_earlier_than_it_can_be() -> None:
    # The prior's mass r is then a thousandth of rate (1 - rate), as in confseq: Beta(0.0005, 0.0005) at one half.
    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    expected = log_beta(3.0005, 2.0005) - log_beta(0.0005, 0.0005) - 5 * math.log(0.5)
    assert log_evidence(Count(3, 5), 0.5, tuning_trials=1) == pytest.approx(expected)


# gostevehoward/confseq (MIT), test/uniform_boundaries_unittest.cpp BernoulliConfidenceIntervalTest.
BERNOULLI = [
    (700, 1000, 100, (0.651629, 0.745949)),
    (5, 50, 50, (0.013021, 0.269264)),
    (0, 1, 50, (0.0, 1.0)),
    (1, 2, 50, (0.0, 1.0)),
]


@pytest.mark.parametrize(("events", "trials", "tuning", "expected"), BERNOULLI)
def test_bernoulli_sequence(events: int, trials: int, tuning: int, expected: tuple[float, float]) -> None:
    assert confidence_sequence(Count(events, trials), 0.05, tuning) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("trials", [1, 20, 400, 10_000])
def test_bernoulli_sequence_holds_its_rate_at_the_edges(trials: int) -> None:
    none, every = confidence_sequence(Count(0, trials)), confidence_sequence(Count(trials, trials))
    assert none.low == 0.0
    assert every.high == 1.0
    assert none.high == pytest.approx(1.0 - every.low)


def test_no_trials_leave_every_rate_open() -> None:
    assert confidence_sequence(Count(0, 0)) == (0.0, 1.0)


def test_excess_is_found_and_its_margin_respected() -> None:
    champion, challenger = Count(20, 1000), Count(200, 1000)
    assert excess_p_value(champion, challenger) < 1e-20
    assert excess_p_value(champion, challenger, 0.1) < 1e-3
    assert excess_p_value(champion, challenger, 0.17) > 0.05
    assert excess_p_value(challenger, champion) == 1.0


@pytest.mark.parametrize(("champion", "challenger"), [((0, 30), (30, 30)), ((0, 50), (20, 50)), ((3, 9), (9, 9))])
def test_excess_takes_the_best_null(champion: tuple[int, int], challenger: tuple[int, int]) -> None:
    """The null's largest likelihood against a search over a fine grid."""
    margin, first, second = 0.05, Count(*champion), Count(*challenger)
    grid = [step / 100_000 for step in range(1, 95_000)]

    def likelihood(rate: float) -> float:
        logs = (c.events * math.log(r) + (c.trials - c.events) * math.log1p(-r) for c, r in pairs(rate))
        return sum(logs)

    def pairs(rate: float) -> tuple[tuple[Count, float], tuple[Count, float]]:
        return (first, rate), (second, rate + margin)

    best = max(likelihood(rate) for rate in grid)
    jeffreys = [
        math.lgamma(c.events + 0.5)
        + math.lgamma(c.trials - c.events + 0.5)
        - math.lgamma(c.trials + 1)
        - math.log(math.pi)
        for c in (first, second)
    ]
    assert excess_p_value(first, second, margin) == pytest.approx(math.exp(best - sum(jeffreys)), rel=1e-3)


def test_z_test_of_rates_that_cannot_differ() -> None:
    assert z_test(Count(0, 10), Count(0, 10)) == z_test(Count(1, 2), Count(0, 0)) == z_test(Count(0, 0), Count(0, 0))
    assert z_test(Count(0, 10), Count(0, 10)) == (0.0, 1.0)


def test_holm() -> None:
    # growthbook packages/shared/test/experiments.test.ts, "pvalue correction method" does HB procedure correctly
    found = holm([0.01, 0.04, 0.03, 0.005, 0.55, 0.6])
    assert found == pytest.approx([0.05, 0.12, 0.12, 0.03, 1.0, 1.0], abs=1e-8)


def test_corrections_agree_with_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p_values = [0.001, 0.2, 0.04, 0.04, 0.9, 0.012]
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert benjamini_hochberg(p_values) == pytest.approx(list(multipletests(p_values, method="fdr_bh")[1]))
    assert holm([]) == benjamini_hochberg([]) == ()
