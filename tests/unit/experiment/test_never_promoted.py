"""Trying to get a promotion that must not be: one damage, or two, done to an experiment that would be promoted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.experiment.data import (
    ArmData,
    Events,
    ExperimentData,
    GroupData,
    MetricData,
    PairedSample,
    Phase,
    Sample,
    ShadowData,
    Stratum,
)
from contender.experiment.decision import Verdict, best, judge, judge_all, judge_shadow, lead
from contender.experiment.evidence import Look
from contender.experiment.inference import arm_mean
from contender.experiment.plan import Plan
from contender.values import CHALLENGER, CHAMPION

N = 2000
PLAN = Plan(favourable_label="good")


def rewards(n: int, mean: float, sd: float = 0.2) -> Sample:
    return Sample(n, n * mean, n * (mean * mean + sd * sd))


def measured(n: int, mean: float, matured: int = 0) -> MetricData:
    return MetricData(matured or n, 0, rewards(n, mean))


def arm(mean: float, selected: int = 500) -> ArmData:
    groups = {f"gender={name}": GroupData(1000, selected, measured(900, mean)) for name in ("Female", "Male")}
    strata = {Stratum(fold, number): rewards(N // 4, mean) for fold in (0, 1) for number in (3, 4)}
    return ArmData(
        N,
        N,
        metrics={"reward": measured(N, mean)},
        strata=strata,
        covariate_units={3: N // 2, 4: N // 2},
        groups=groups,
    )


def winning(**changed: Any) -> ExperimentData:
    """An experiment that is promoted, with the challenger changed."""
    return ExperimentData({CHAMPION: arm(0.8), CHALLENGER: replace(arm(0.86), **changed)}, 0, seconds=86_400.0)


def with_group(name: str, **changed: Any) -> Callable[[ExperimentData], ExperimentData]:
    def damage(data: ExperimentData) -> ExperimentData:
        groups = dict(data.arms[CHALLENGER].groups)
        groups[name] = groups[name]._replace(**changed)
        return with_challenger(groups=groups)(data)

    return damage


def with_challenger(**changed: Any) -> Callable[[ExperimentData], ExperimentData]:
    def damage(data: ExperimentData) -> ExperimentData:
        return replace(data, arms={**data.arms, CHALLENGER: replace(data.arms[CHALLENGER], **changed)})

    return damage


Damage = Callable[[ExperimentData], ExperimentData]
BREACHES: dict[str, Damage] = {
    "falls back": with_challenger(fallbacks=200, fallback_units=200),
    "answers nobody": with_challenger(error_units=100),
    "is slow": with_challenger(slow_units=300),
    "asks for review": with_challenger(reviews=600, review_units=600),
    "is worse for women": with_group("gender=Female", metric=measured(900, 0.6)),
    "selects few women": with_group("gender=Female", selected=250),
}
UNSOUND: dict[str, Damage] = {
    "more units in one arm": with_challenger(assigned=2600, exposures=2600),
    "outcomes missing in one arm": with_challenger(metrics={"reward": measured(1500, 0.86, N)}),
    "crossed units": lambda data: replace(data, crossed_units=9),
    "contradictions": lambda data: replace(data, events=Events(contradictory=50)),
    "a young challenger": with_challenger(metrics={"reward": MetricData(99, 0, rewards(99, 0.99, 0.05))}),
}
MALFORMED: dict[str, Damage] = {
    "a NaN": with_challenger(metrics={"reward": MetricData(N, 0, Sample(N, math.nan, 1000.0))}),
    "a NaN among products": with_challenger(
        metrics={"ctr": MetricData(N, 0, rewards(N, 0.8), rewards(N, 0.8), products=math.nan)}
    ),
    "other units under the line": with_challenger(
        metrics={"ctr": MetricData(9, 0, rewards(9, 0.5), rewards(8, 0.5), products=2.0)}
    ),
    "negative units": with_challenger(slow_units=-1),
    "more values than units": with_challenger(metrics={"reward": measured(N + 1, 0.86)}),
    "more selected than there are": with_group("gender=Female", selected=1001),
    "a group's impossible values": with_group("gender=Female", metric=MetricData(900, 0, Sample(900, 5000.0, 1.0))),
    "an impossible stratum": with_challenger(strata={Stratum(0, 1): Sample(9, 5000.0, 1.0)}),
    "negative events": lambda data: replace(data, events=Events(late=-1)),
    "no length": lambda data: replace(data, seconds=math.nan),
    "a phase with more slow units than units": lambda data: replace(
        data, phases=(Phase({CHAMPION: 0.5, CHALLENGER: 0.5}, {CHAMPION: 5, CHALLENGER: 5}, {}, {}, {CHALLENGER: 6}),)
    ),
}
ALL = BREACHES | UNSOUND | MALFORMED


def test_without_damage_it_is_promoted() -> None:
    assert judge(winning(), PLAN).decision == "promote"
    assert judge(winning(), replace(PLAN, covariate="baseline")).decision == "promote"


@pytest.mark.parametrize(
    ("damages", "decision"),
    [(BREACHES, "roll back"), (UNSOUND, "hold"), (MALFORMED, "error")],
    ids=["breaches", "unsound", "malformed"],
)
def test_every_damage_is_answered(damages: dict[str, Damage], decision: str) -> None:
    for name, damage in damages.items():
        verdict = judge(damage(winning()), PLAN)
        assert verdict.decision == decision, (name, verdict.reason)


def test_an_arm_that_is_gone_is_an_error() -> None:
    assert judge(replace(winning(), arms={CHAMPION: arm(0.8)}), PLAN).decision == "error"


def test_no_two_damages_cancel() -> None:
    for (one, first), (other, second) in itertools.permutations(ALL.items(), 2):
        assert judge(second(first(winning())), PLAN).decision != "promote", (one, other)


@pytest.mark.parametrize("look", [Look(srm_p=0.001), Look(covariate_p=0.001)])
def test_an_alarm_of_an_earlier_look_holds_what_looks_well_now(look: Look) -> None:
    assert judge(winning(), replace(PLAN, covariate="baseline"), look).decision == "hold"


@pytest.mark.parametrize("fewer", range(0, 400, 57))
@pytest.mark.parametrize("arm_name", [CHAMPION, CHALLENGER])
def test_under_the_least_units_of_either_arm_nothing_is_promoted(arm_name: str, fewer: int) -> None:
    sample = rewards(PLAN.min_units - 200 + fewer, 0.5 if arm_name == CHAMPION else 0.95)
    metric = {"reward": MetricData(sample.n, 0, sample)}
    arms = {**winning().arms, arm_name: replace(winning().arms[arm_name], metrics=metric)}
    verdict = judge(ExperimentData(arms, 0), PLAN)
    assert (verdict.decision == "promote") <= (sample.n >= PLAN.min_units)


SHARES = st.floats(0.0, 1.0)
RATES = st.one_of(st.just(0.0), st.floats(0.0, 0.3))


@st.composite
def arms(draw: st.DrawFn) -> ArmData:
    assigned = draw(st.integers(0, 20_000))
    units = [int(assigned * draw(RATES)) for _ in range(4)]
    n = int(assigned * draw(st.sampled_from([0.0, 0.3, 0.9, 1.0])))
    mean = draw(SHARES)
    sample = rewards(n, mean, draw(st.floats(0.0, 1.0)) * math.sqrt(mean * (1 - mean)))
    group = int(assigned * 0.5)
    groups = {
        f"gender={name}": GroupData(group, int(group * draw(SHARES)), MetricData(group, 0, rewards(group, mean, 0.0)))
        for name in "fm"
    }
    fallen, reviewed, unanswered, slow = units
    metrics = {"reward": MetricData(assigned, assigned - n if draw(st.booleans()) else 0, sample)}
    return ArmData(
        assigned, assigned, fallen, reviewed, fallen, reviewed, unanswered, slow, metrics=metrics, groups=groups
    )


PLANS = st.builds(
    Plan,
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
    min_units=st.integers(100, 1000),
    horizon_units=st.just(20_000),
    challenger_share=st.sampled_from([0.1, 0.5]),
    non_inferiority_margin=st.sampled_from([0.0, 0.02]),
    max_crossed_share=st.sampled_from([0.0, 0.01]),
    favourable_label=st.sampled_from(["", "good"]),
)
CHANCES = st.floats(1e-6, 1.0)
LOOKS = st.builds(Look, CHANCES, st.just({}), CHANCES, CHANCES)


def rightly_promoted(verdict: Verdict, data: ExperimentData, plan: Plan) -> None:
    means = [arm_mean(plan.primary, data.arms[name].metric("reward"), 0.5) for name in (CHAMPION, CHALLENGER)]
    champion, challenger = means
    assert champion is not None
    assert challenger is not None
    assert set(verdict.faults) <= {"missing"}
    assert not any(guardrail.breached for guardrail in verdict.guardrails.values())
    assert min(champion.units, challenger.units) >= plan.min_units
    assert verdict.srm_p > plan.ratio_alpha
    assert verdict.interval is not None
    assert verdict.interval[0] > -plan.non_inferiority_margin
    assert verdict.p_value <= plan.alpha
    assert challenger.estimate.mean - champion.estimate.mean > -plan.non_inferiority_margin


@settings(max_examples=300, deadline=None, derandomize=True)
@given(arms(), arms(), PLANS, LOOKS, st.integers(0, 2))
def test_whatever_is_promoted_is_sound_large_enough_and_better(
    champion: ArmData, challenger: ArmData, plan: Plan, look: Look, crossed: int
) -> None:
    data = ExperimentData({CHAMPION: champion, CHALLENGER: challenger}, crossed)
    verdict = judge(data, plan, look)
    if verdict.decision == "promote":
        rightly_promoted(verdict, data, plan)
    swapped = ExperimentData({CHAMPION: challenger, CHALLENGER: champion}, crossed)
    if plan.challenger_share == 0.5 and not plan.non_inferiority_margin:
        assert not verdict.decision == judge(swapped, plan, look).decision == "promote"


ANY_INT = st.integers(-5, 1000)
ANY_FLOAT = st.one_of(st.floats(), st.floats(0.0, 1000.0))
ANY_SAMPLE = st.builds(Sample, ANY_INT, ANY_FLOAT, ANY_FLOAT)
ANY_PAIRS = st.builds(PairedSample, ANY_SAMPLE, ANY_SAMPLE, ANY_FLOAT)
ANY_UNITS = st.dictionaries(st.sampled_from([CHAMPION, CHALLENGER, "other"]), ANY_INT, max_size=3)
ANY_PHASE = st.builds(
    Phase, st.dictionaries(st.sampled_from([CHAMPION, CHALLENGER]), ANY_FLOAT), *(ANY_UNITS for _ in range(4))
)
ANY_METRIC = st.builds(MetricData, ANY_INT, ANY_INT, ANY_SAMPLE, ANY_SAMPLE, ANY_FLOAT, ANY_FLOAT)
ANY_ARM = st.builds(
    ArmData,
    *(ANY_INT for _ in range(8)),
    metrics=st.dictionaries(st.just("reward"), ANY_METRIC),
    strata=st.dictionaries(st.builds(Stratum, st.integers(0, 1), st.integers(-1, 19), st.booleans()), ANY_SAMPLE),
    covariate_units=st.dictionaries(st.integers(-1, 19), st.integers(0, 1000)),
    groups=st.dictionaries(
        st.sampled_from(["gender=f", "gender=m"]), st.builds(GroupData, ANY_INT, ANY_INT, ANY_METRIC)
    ),
)
ANY_DATA = st.builds(
    ExperimentData,
    st.dictionaries(st.sampled_from([CHAMPION, CHALLENGER, "challenger-2"]), ANY_ARM),
    ANY_INT,
    st.lists(ANY_PHASE, max_size=2).map(tuple),
    st.dictionaries(st.just(CHAMPION), st.builds(ShadowData, ANY_SAMPLE, ANY_PAIRS, ANY_PAIRS)),
    st.builds(Events, ANY_INT, ANY_INT, ANY_INT),
    ANY_FLOAT,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ANY_DATA, st.sampled_from(["", "baseline"]))
def test_whatever_the_data_there_is_a_verdict(data: ExperimentData, covariate: str) -> None:
    plan = replace(PLAN, covariate=covariate, outcomes_ignore_answers=bool(covariate))
    verdicts = judge_all(data, plan, {CHALLENGER: Look(), "challenger-2": Look()})
    leading, winner = lead(verdicts), best(verdicts)
    assert winner is None or verdicts[winner].decision == "promote"
    assert verdicts[leading].decision in ("promote", "roll back", "hold", "error")
    assert judge_shadow(data, plan).decision != "promote"
