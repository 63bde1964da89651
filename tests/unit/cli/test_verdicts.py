"""A verdict as pictures and words."""

from typing import Any

import pytest

from cli.verdicts import interval_picture, verdict_lines


def verdict(**changes: Any) -> dict[str, Any]:
    guardrail = {"champion": 0.0, "challenger": 0.25, "p": 0.001, "breached": True}
    base: dict[str, Any] = {
        "decision": "hold",
        "reason": "no difference shown yet",
        "units": 900,
        "effect": 0.01,
        "interval": (-0.02, 0.04),
        "more_units": 300,
        "srm_p": 0.5,
        "guardrails": {"fallback": guardrail},
    }
    return base | changes


def test_lines_name_reason_effect_and_guardrail() -> None:
    lines = verdict_lines(verdict())
    assert lines["reason"] == "no difference shown yet"
    assert lines["effect on reward"] == "+0.0100  [-0.0200, +0.0400]"
    assert lines["fallback rate"] == "25.0% against 0.0%, breached"
    assert lines["about how many more"] == 300


def test_without_a_verdict_the_next_command_is_named() -> None:
    assert "contender experiment status" in str(verdict_lines(None)["verdict"])


@pytest.mark.parametrize("interval", [(-0.02, 0.04), (-5.0, 5.0), (0.0, 0.0)])
def test_the_picture_always_has_the_same_width(interval: tuple[float, float]) -> None:
    widths = {len(interval_picture(verdict(interval=interval)).plain), len(interval_picture(verdict()).plain)}
    assert len(widths) == 1


def test_the_picture_shows_which_side_of_zero_the_interval_is_on() -> None:
    picture = interval_picture(verdict(effect=0.05, interval=(0.02, 0.08))).plain
    assert picture.index("│") < picture.index("━")


def test_no_interval_no_bar() -> None:
    assert "━" not in interval_picture(verdict(interval=None)).plain
