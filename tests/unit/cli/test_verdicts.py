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
