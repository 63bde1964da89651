"""A plan is settled, checked and named before the start."""

import json
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.experiment.plan import Plan, Step, digest_of, from_json, units_needed


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


OTHER: dict[str, Any] = {"leave_out_late": True, "covariate": "baseline", "ramp": (Step(0.1, 5), Step(0.5))}


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
        ("metric", 3),
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
        ("outcome_days", -1.0),
        ("leave_out_late", 1),
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


def test_a_plan_of_an_older_program_keeps_its_digest_and_its_bytes() -> None:
    terms = json.loads(OLD_TERMS)
    plan = from_json(OLD_TERMS)
    assert digest_of(terms) == plan.digest == OLD_DIGEST
    assert json.loads(plan.to_json()) == terms


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
