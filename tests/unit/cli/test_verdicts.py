"""A verdict as pictures and words."""

import re
from pathlib import Path
from typing import Any

import pytest

from cli.verdicts import interval_picture, told, verdict_lines
from contender.experiment.analysis import Experiment, verdict_on
from contender.experiment.data import ArmData, ExperimentData, MetricData, Sample
from contender.experiment.plan import Plan
from contender.experiment.ramp import progress


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
    assert lines["effect"] == "+0.0100  [-0.0200, +0.0400]"
    assert lines["fallback rate"] == "25.0% against 0.0%, breached"
    assert lines["about how many more"] == 300


def fates(**changes: int) -> dict[str, int]:
    return {"units": 900, "matured": 700, "answered": 600, "with_value": 690, "missing": 0} | changes


def lines_of(**details: Any) -> dict[str, object]:
    return verdict_lines(verdict(details=details))


def test_what_waits_and_what_is_missing_is_told_with_its_bounds() -> None:
    outcomes = {"champion": fates(), "challenger": fates(missing=30), "late": 2}
    assert lines_of(outcomes=outcomes)["waiting for their window"] == "400 people"
    found = lines_of(outcomes={**outcomes, "bounds": {"lee": [-0.01, 0.03], "manski": [-0.1, 0.1]}})
    assert found["outcomes missing"] == "30 of 1,200 people"
    assert found["effect, whatever is missing"] == "[-0.0100, +0.0300] (Lee's bounds)"
    assert "effect, whatever is missing" not in lines_of(outcomes=outcomes)


@pytest.mark.parametrize(("loss", "told_"), [(0.021, "2.1% of the challenger's units"), (1.0, None)])
def test_the_smallest_loss_is_told_once_there_is_one(loss: float, told_: str | None) -> None:
    assert lines_of(smallest_loss=loss).get("smallest detectable loss") == told_


def test_the_effect_is_told_at_other_prices_of_a_review() -> None:
    reviews = {"price": 0.5, "step": 0.1, "effect": {"lower": -0.01, "same": 0.01, "higher": None}}
    assert lines_of(reviews=reviews)["effect by review price"] == "-0.0100 at 0.1 less, – at 0.1 more"


@pytest.mark.parametrize(
    ("discovery", "interval", "text"),
    [
        (True, [0.01, 0.05], "33.0% against 30.0%  [+0.0100, +0.0500], differs"),
        (False, [-0.01, 0.05], "33.0% against 30.0%  [-0.0100, +0.0500]"),
        (False, None, "33.0% against 30.0%"),
    ],
)
def test_a_secondary_metric_is_one_line(discovery: bool, interval: list[float] | None, text: str) -> None:
    report = {"role": "secondary", "type": "proportion", "champion": 0.3, "challenger": 0.33}
    assert lines_of(metrics={"click": {**report, "interval": interval, "discovery": discovery}})["click"] == text


@pytest.mark.parametrize(
    ("state", "required", "words"),
    [
        ("open", True, "25.000 against 30.000, open, must pass"),
        ("open", False, "25.000 against 30.000, open"),
        ("passed", True, "25.000 against 30.000, passed"),
    ],
)
def test_a_metric_as_guardrail_is_told_in_its_own_unit_with_its_state(state: str, required: bool, words: str) -> None:
    rail = {"champion": 30.0, "challenger": 25.0, "p": 1.0, "breached": False, "state": state, "required": required}
    details = {"metrics": {"dwell": {"role": "guardrail", "type": "mean"}}}
    assert verdict_lines(verdict(guardrails={"dwell": rail}, details=details))["dwell"] == words


def test_a_verdict_fits_a_terminal_of_eighty_columns() -> None:
    outcomes = {"champion": fates(), "challenger": fates(missing=30), "bounds": {"lee": [-0.01, 0.03]}}
    reviews = {"step": 0.1, "effect": {"lower": -0.01, "same": 0.01, "higher": 0.02}}
    lines = lines_of(outcomes=outcomes, reviews=reviews, smallest_loss=0.021)
    first = max(map(len, lines))
    assert first + max(len(str(value)) for value in lines.values()) + 8 <= 80


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


def test_an_experiment_is_told_with_the_same_keys_however_many_challengers_it_has() -> None:
    alone = told({"id": "e"}, verdict(), 3, {"step": 1})
    several = told(
        {"id": "e", "rivals": ["9"], "shadow": "10"}, verdict(arm="challenger-2", others={"x": verdict()}), 3
    )
    assert alone.keys() == several.keys() == told({"id": "e"}, None, 0).keys()
    assert alone["verdict"].keys() == several["verdict"].keys() == several["verdict"]["others"]["x"].keys()
    assert (alone["rivals"], alone["shadow"], alone["ramp"], alone["verdict"]["arm"]) == (
        [],
        "",
        {"step": 1},
        "challenger",
    )
    assert (several["rivals"], several["verdict"]["arm"], several["ramp"]) == (["9"], "challenger-2", None)


def test_the_arm_is_named_only_where_there_are_several() -> None:
    assert "arm" not in verdict_lines(told({}, verdict(), 1)["verdict"])
    assert verdict_lines(told({}, verdict(others={"x": verdict()}), 1)["verdict"])["arm"] == "challenger"


def documented(beginning: str) -> list[str]:
    """The keys in the row of the documentation's table that begins so."""
    page = (Path(__file__).parents[3] / "docs" / "dossier.md").read_text()
    row = next(line for line in page.partition("## Keys")[2].splitlines() if line.startswith(f"| {beginning}"))
    return re.findall(r"`(\w+)`", row.split(" | ")[1])


def test_every_key_is_documented() -> None:
    experiment = Experiment("e", "job-change", "e", Plan(), "7", "8", 0.0, ((3, 0.5),))
    arm = ArmData(300, 300, metrics={"reward": MetricData(300, 0, Sample(300, 240.0, 200.0))})
    data = ExperimentData({"champion": arm, "challenger": arm}, 0)
    found = verdict_on(data, experiment, None)
    document = told(experiment.to_document(), found.to_document(), 1, progress(experiment, data, found).to_document())
    assert set(documented("its `experiment`")) == set(document)
    assert set(documented("their `ramp`")) == set(document["ramp"])
    assert set(documented("their `verdict`")) == set(document["verdict"])
    assert set(documented("of `guardrails`")) == set(document["verdict"]["guardrails"]["fallback"])
