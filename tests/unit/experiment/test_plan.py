"""A plan is settled, checked and named before the start."""

import json
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.experiment.plan import Plan, Step, digest_of, from_json, has_windows, stored_plan, units_needed
from contender.metrics import PlannedMetric


def test_a_plan_survives_being_written() -> None:
    plan = Plan(alpha=0.1, min_units=1000, review_margin=0)
    assert from_json(plan.to_json()) == plan
    assert from_json(plan.to_json().encode()) == plan
    assert from_json("{}") == Plan()


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Plan().alpha = 0.2  # type: ignore[misc]


def test_equal_plans_have_equal_digests() -> None:
    assert Plan(review_margin=0).digest == Plan(review_margin=0.0).digest
    assert len(Plan().digest) == 64


OTHER: dict[str, Any] = {
    "covariate": "baseline",
    "divide_alpha": False,
    "metrics": (PlannedMetric("acceptance"),),
    "min_confidence": 0.5,
    "outcomes_ignore_answers": True,
    "ramp": (Step(0.1, 5), Step(0.5)),
    "restarts": 2,
    "review_value": 0.5,
}


@given(st.sampled_from(sorted(asdict(Plan()))))
def test_every_field_is_in_the_digest(name: str) -> None:
    value = getattr(Plan(), name)
    if name in OTHER:
        other = OTHER[name]
    else:
        other = value + "x" if isinstance(value, str) else value * 2 if isinstance(value, int) else value / 2 + 0.001
    assert Plan(**(asdict(Plan()) | {name: other})).digest != Plan().digest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unit", ""),
        ("alpha", 0),
        ("alpha", 0.5),
        ("alpha", float("nan")),
        ("alpha", True),
        ("alpha", "0.05"),
        ("power", 1.0),
        ("smallest_effect", 0.0),
        ("challenger_share", 1.0),
        ("tuning_units", 0),
        ("tuning_units", 10.5),
        ("min_units", 99),
        ("min_units", True),
        ("horizon_units", 499),
        ("ratio_alpha", -0.1),
        ("ratio_concentration", 0.0),
        ("guardrail_alpha", 0.7),
        ("fallback_margin", -0.01),
        ("review_margin", 1.0),
        ("max_crossed_share", float("inf")),
        ("favourable_label", 3),
        ("covariate", "age"),
        ("group_units", 50),
        ("slow_ms", 0.0),
        ("window_s", 0.0),
        ("window_s", "3d"),
        ("grace_s", -1.0),
        ("review_value", 1.5),
        ("min_confidence", True),
        ("divide_alpha", 1),
        ("outcomes_ignore_answers", "no"),
        ("restarts", -1),
        ("metrics", {"name": "x"}),
        ("group_margin", 1.0),
    ],
)
def test_a_field_out_of_range_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        from_json(json.dumps({name: value}))
    assert refusal.value.field == f"plan.{name}"


@pytest.mark.parametrize("document", ["", "[1]", "3", "{", "[" * 100_000, '{"alpa": 0.05}', b"\xff\xfe\x00"])
def test_what_is_no_plan_is_refused(document: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="plan"):
        from_json(document)


def test_an_uneven_split_needs_more_units() -> None:
    even, uneven = units_needed(Plan(), 0.04), units_needed(Plan(challenger_share=0.1), 0.04)
    assert uneven.units > 2 * even.units
    assert Plan(challenger_share=0.1).goal.least_units == 2500


@pytest.mark.parametrize("variance", [0.0, -1.0, float("nan"), float("inf")])
def test_a_variance_must_be_one(variance: float) -> None:
    with pytest.raises(InvalidInput, match="variance"):
        units_needed(Plan(), variance)


# Written by the program of commit 53e41de, before plans had a ramp.
OLD_TERMS = (
    '{"alpha": 0.01, "challenger_share": 0.5, "covariate": "baseline", "error_margin": 0.005, '
    '"fallback_margin": 0.01, "favourable_label": "", "group_margin": 0.05, "group_units": 250, '
    '"guardrail_alpha": 0.01, "horizon_units": 20000, "max_contradictory_share": 0.001, '
    '"max_crossed_share": 0.0, "max_late_share": 0.05, "metric": "reward", "min_units": 250, '
    '"non_inferiority_margin": 0.0, "outcome_days": 30.0, "power": 0.8, "ratio_alpha": 0.01, '
    '"ratio_concentration": 100.0, "review_margin": 0.1, "slow_margin": 0.05, "slow_ms": 150.0, '
    '"smallest_effect": 0.02, "tuning_units": 5000, "unit": "unit_id"}'
)
OLD_DIGEST = "03a76fd842503411f237af28f808c30a8221f47e0021edcf99bfb17a1d433320"


def test_a_plan_of_an_older_program_can_be_read_and_has_no_windows() -> None:
    terms = json.loads(OLD_TERMS)
    plan = stored_plan(terms)
    assert digest_of(terms) == OLD_DIGEST
    assert (plan.alpha, plan.covariate, has_windows(terms)) == (0.01, "baseline", False)
    assert has_windows(json.loads(Plan().to_json()))
    with pytest.raises(InvalidInput, match=r"plan\.max_late_share: is not a field of a plan"):
        from_json(OLD_TERMS)


METRICS = [
    {"name": "acceptance", "window_s": 60},
    {"name": "ctr", "role": "guardrail", "type": "ratio", "margin": 0.01},
]


def test_metrics_survive_being_written() -> None:
    plan = from_json(json.dumps({"metrics": METRICS}))
    assert from_json(plan.to_json()) == plan
    assert [metric.name for metric in plan.measured] == ["reward", "acceptance", "ctr"]
    assert plan.primary == PlannedMetric("reward", "primary", "mean", default=None, smallest_effect=0.02)
    assert [metric.name for metric in plan.of_role("guardrail")] == ["ctr"]
    assert plan.final_after_s == plan.window_s + plan.grace_s
    stated = from_json(json.dumps({"metrics": [*METRICS, {"name": "hire", "role": "primary"}]}))
    assert [metric.name for metric in stated.measured] == ["hire", "acceptance", "ctr"]


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        ([3], "must be a list of objects"),
        ([{}], "must be a name"),
        ([{"name": "a", "goal": 1}], "goal: is not a field of a metric"),
        ([{"name": "a"}, {"name": "a"}], "names a metric twice"),
        ([{"name": "reward"}], "reward is the primary metric"),
        ([{"name": "a", "role": "primary"}, {"name": "b", "role": "primary"}], "one primary metric at most"),
        ([{"name": "a", "role": "goal"}], "role: must be one of"),
        ([{"name": "a", "type": "count"}], "type: must be one of"),
        ([{"name": "a", "direction": "left"}], "direction: must be one of"),
        ([{"name": "a b"}], "name: must be a name"),
        ([{"name": "a", "event": 3}], "event: must be a name"),
        ([{"name": "a", "window_s": 0}], "window_s: must be above 0"),
        ([{"name": "a", "window_s": True}], "window_s: must be a finite number"),
        ([{"name": "a", "margin": -0.1}], "margin: must be at least 0"),
        ([{"name": "a", "required": "yes"}], "required: must be true or false"),
        ([{"name": "a", "default": 2}], "default: must be at most the cap"),
        ([{"name": "a", "cap": 2}], "cap: is 1 for a proportion"),
        ([{"name": "a", "type": "ratio", "default": None}], "default: must be stated for a ratio"),
    ],
)
def test_metrics_that_are_none_are_refused(metrics: object, problem: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        from_json(json.dumps({"metrics": metrics}))
    assert problem in str(refusal.value)


def test_a_metric_says_what_it_counts_and_which_way_is_good() -> None:
    click = PlannedMetric("ctr", type="ratio", event="click", per="impression", direction="down")
    assert (click.counted_event, click.sign, click.observed, click.as_role("guardrail").role) == (
        "click", -1, False, "guardrail",
    )  # fmt: skip
    assert PlannedMetric("days", type="mean", default=None, cap=90.0).observed
    assert click.to_document()["per"] == "impression"


def test_alpha_is_divided_over_experiments_of_the_same_pair() -> None:
    """V16: each of several in a row would spend it anew."""
    assert Plan(restarts=4).level == pytest.approx(0.01)
    assert Plan(restarts=4, divide_alpha=False).level == 0.05
    assert Plan(restarts=4).digest != Plan(restarts=4, divide_alpha=False).digest


def test_a_ramp_survives_being_written() -> None:
    plan = Plan(ramp=(Step(0.01, 100), Step(0.5)))
    assert from_json(plan.to_json()) == plan
    assert json.loads(plan.to_json())["ramp"] == [[0.01, 100], [0.5, 0]]


@pytest.mark.parametrize(
    "ramp",
    [
        "[[0.1]]",
        "7",
        "[[0.1, -1], [0.5, 0]]",
        "[[0.1, 0.5], [0.5, 0]]",
        "[[0.6, 0], [0.5, 0]]",
        "[[0.1, 0]]",
        "[[0.5, 0], [0.5, 0]]",
        "[[0, 0], [0.5, 0]]",
    ],
)
def test_a_ramp_that_is_none_is_refused(ramp: str) -> None:
    with pytest.raises(InvalidInput, match=r"plan\.ramp"):
        from_json(f'{{"ramp": {ramp}}}')
