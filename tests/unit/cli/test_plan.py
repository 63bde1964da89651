"""A plan's units as days at today's traffic, and terms as words of the command line."""

from pathlib import Path

import pytest

from cli.terms import needed_for, steps, term, terms_of
from contender.errors import InvalidInput
from contender.experiment.plan import Plan, Step
from contender.experiment.statistics.power import Duration


def test_days_are_units_at_todays_traffic() -> None:
    assert needed_for(Duration(1_000, 600, 500), 200.0, 14.0) == {
        "units": 1_000,
        "expected_units": 600,
        "fixed_units": 500,
        "units_per_day": 200.0,
        "days": 19.0,
        "expected_days": 17.0,
        "fixed_days": 16.5,
        "window_days": 14.0,
    }
    assert needed_for(Duration(1_000, 600, 500), 0.0, 14.0)["days"] is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("alpha=0.01", ("alpha", 0.01)),
        ("group_units=500", ("group_units", 500)),
        ("covariate=baseline", ("covariate", "baseline")),
    ],
)
def test_a_term_is_a_name_and_a_value(words: str, expected: tuple[str, object]) -> None:
    assert term(words) == expected


def test_what_is_no_term_is_refused() -> None:
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        term("alpha")


def test_a_ramp_is_shares_with_least_units() -> None:
    assert steps("0.01:100,0.1:250,0.5") == (Step(0.01, 100), Step(0.1, 250), Step(0.5))
    for wrong in ("", "half", "0.1:few"):
        with pytest.raises(InvalidInput, match="not a list of shares"):
            steps(wrong)


def test_the_ramp_is_the_one_asked_for_or_the_plans_or_the_usual_one(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(Plan(challenger_share=0.3, ramp=(Step(0.2, 7), Step(0.3))).to_json())
    assert terms_of(file, "").ramp == (Step(0.2, 7), Step(0.3))
    assert terms_of(file, "0.4").challenger_share == 0.4
    assert terms_of(None, "").ramp == (Step(0.1, 100), Step(0.5))
    with pytest.raises(InvalidInput, match="cannot be read"):
        terms_of(tmp_path / "none", "")
