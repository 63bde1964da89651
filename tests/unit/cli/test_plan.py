"""A plan's units as days at today's traffic, and terms as words of the command line."""

import pytest

from cli.experiment import _needed, _term
from contender.errors import InvalidInput
from contender.experiment.statistics.power import Duration


def test_days_are_units_at_todays_traffic() -> None:
    assert _needed(Duration(1_000, 600, 500), 200.0) == {
        "units": 1_000,
        "expected_units": 600,
        "fixed_units": 500,
        "units_per_day": 200.0,
        "days": 5.0,
        "expected_days": 3.0,
        "fixed_days": 2.5,
    }
    assert _needed(Duration(1_000, 600, 500), 0.0)["days"] is None


@pytest.mark.parametrize(
    ("words", "term"),
    [
        ("alpha=0.01", ("alpha", 0.01)),
        ("group_units=500", ("group_units", 500)),
        ("covariate=baseline", ("covariate", "baseline")),
    ],
)
def test_a_term_is_a_name_and_a_value(words: str, term: tuple[str, object]) -> None:
    assert _term(words) == term


def test_what_is_no_term_is_refused() -> None:
    with pytest.raises(InvalidInput, match="NAME=VALUE"):
        _term("alpha")
