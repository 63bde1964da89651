"""A plan is settled, checked and named before the start."""

import json
from dataclasses import FrozenInstanceError, asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.experiment.plan import Plan, from_json, units_needed


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


@given(st.sampled_from(sorted(asdict(Plan()))))
def test_every_field_is_in_the_digest(name: str) -> None:
    value = getattr(Plan(), name)
    other = (
        "baseline"
        if name == "covariate"
        else value + "x"
        if isinstance(value, str)
        else value * 2
        if isinstance(value, int)
        else value / 2 + 0.001
    )
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
