from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from contender.errors import Refused
from contender.tasks.task import Metric
from pipelines.params import GateParams
from pipelines.steps.files import write_document
from pipelines.steps.gate import Floor, Measured, decide, measured_in, passed

AUC = Metric("roc_auc")
LOSS = Metric("log_loss", greater_is_better=False)
FLOOR = Floor(people=500, rare=120, chance=0.5, over_chance=0.25, baseline=0.78, over_baseline=0.04)


def test_the_first_model_passes() -> None:
    decision = decide(AUC, 0.83, Measured(0.8, FLOOR), GateParams())
    assert (decision.outcome, decision.registers) == ("passed", True)
    assert "no champion yet" in decision.reason


@pytest.mark.parametrize(
    ("changed", "outcome", "reason"),
    [
        ({"people": 49, "rare": 25}, "refused", "too few people to tell: 49 held out, 25 of them"),
        ({"people": 50, "rare": 10}, "passed", ""),
        ({"rare": 9}, "refused", "too few people to tell: 500 held out, 9 of them"),
        ({"over_chance": 0.0}, "refused", "not surely better than one answer for all: roc_auc 0.8000 against 0.5000"),
        ({"over_chance": 0.001}, "passed", ""),
        ({"over_baseline": -0.001}, "refused", "worse than the baseline fitted on the same rows"),
        ({"over_baseline": 0.0}, "passed", ""),
    ],
)
@pytest.mark.parametrize("champion", [None, 0.79])
def test_every_version_stands_on_the_floor(
    changed: dict[str, Any], outcome: str, reason: str, champion: float | None
) -> None:
    measured = Measured(0.8, replace(FLOOR, **changed), champion, None if champion is None else 0.0)
    decision = decide(AUC, 0.83, measured, GateParams())
    assert decision.outcome == outcome
    assert reason in decision.reason
    overridden = decide(AUC, 0.83, measured, GateParams(override="an old one, for a rehearsal"))
    assert overridden.registers
    assert (overridden.outcome, overridden.override) == (
        ("overridden", "an old one, for a rehearsal") if reason else ("passed", "")
    )


@pytest.mark.parametrize(
    ("low", "params", "outcome"),
    [
        (-0.019, GateParams(margin=0.02), "passed"),
        (-0.021, GateParams(margin=0.02), "refused"),
        (0.004, GateParams(min_improvement=0.005), "refused"),
        (0.006, GateParams(min_improvement=0.005), "passed"),
        (-0.019, GateParams(margin=0.02, min_improvement=0.0), "refused"),
    ],
)
def test_the_lower_bound_is_what_counts(low: float, params: GateParams, outcome: str) -> None:
    assert decide(AUC, 0.83, Measured(0.79, FLOOR, 0.78, low), params).outcome == outcome


@pytest.mark.parametrize(
    ("metric", "ceiling", "value", "outcome"),
    [
        (AUC, 0.83, 0.83, "passed"),
        (AUC, 0.83, 0.8301, "refused"),
        (LOSS, 0.2, 0.2, "passed"),
        (LOSS, 0.2, 0.19, "refused"),
    ],
)
def test_what_is_too_good_to_be_true_raises_the_leak_alarm(
    metric: Metric, ceiling: float, value: float, outcome: str
) -> None:
    decision = decide(metric, ceiling, Measured(value, FLOOR), GateParams())
    assert decision.outcome == outcome
    assert ("leak alarm" in decision.reason) == (outcome == "refused")


@pytest.mark.parametrize(
    ("metric", "ceiling", "value", "interval", "rings"),
    [
        (AUC, 0.83, 0.8423, (0.80, 0.88), False),
        (AUC, 0.83, 0.8423, (0.831, 0.85), True),
        (LOSS, 0.2, 0.19, (0.15, 0.23), False),
        (LOSS, 0.2, 0.19, (0.18, 0.199), True),
    ],
)
def test_a_value_that_luck_explains_is_no_leak(
    metric: Metric, ceiling: float, value: float, interval: tuple[float, float], rings: bool
) -> None:
    decision = decide(metric, ceiling, Measured(value, FLOOR, interval=interval), GateParams())
    assert ("leak alarm" in decision.reason) == rings


def test_the_alarm_comes_before_the_comparison() -> None:
    assert "leak alarm" in decide(AUC, 0.83, Measured(0.99, FLOOR, 0.7, 0.2), GateParams()).reason


def test_a_champion_that_cannot_be_compared_needs_a_person() -> None:
    measured = Measured(0.8, FLOOR, incomparable="version 3 answers another schema")
    assert decide(AUC, 0.83, measured, GateParams()).outcome == "refused"
    overridden = decide(AUC, 0.83, measured, GateParams(override="new schema agreed"))
    assert (overridden.outcome, overridden.override, overridden.registers) == ("overridden", "new schema agreed", True)
    assert "another schema" in overridden.reason


def test_an_override_of_what_passes_anyway_is_no_override() -> None:
    assert decide(AUC, 0.83, Measured(0.8, FLOOR), GateParams(override="in a hurry")).outcome == "passed"


def test_it_reads_the_evaluation_report() -> None:
    report = {
        "metrics": {"challenger": {"roc_auc": 0.8}, "champion": {"roc_auc": 0.79}, "baseline": {"roc_auc": 0.7}},
        "improvement": {"point": 0.01, "low": -0.001, "resamples": 80},
        "intervals": {"challenger": {"roc_auc": [0.77, 0.83]}},
        "incomparable": "",
        "floor": asdict(FLOOR),
    }
    assert measured_in(report, "roc_auc") == Measured(0.8, FLOOR, 0.79, -0.001, "", (0.77, 0.83))
    alone = report | {
        "metrics": {"challenger": {"roc_auc": 0.8}},
        "improvement": None,
        "incomparable": "why",
    }
    assert measured_in(alone, "roc_auc") == Measured(0.8, FLOOR, incomparable="why", interval=(0.77, 0.83))


@pytest.mark.parametrize("outcome", ["passed", "overridden"])
def test_a_decision_that_lets_a_model_through(tmp_path: Path, outcome: str) -> None:
    document = {"outcome": outcome, "reason": "why", "override": ""}
    write_document(tmp_path / "decision.json", document)
    assert passed(tmp_path / "decision.json") == document


def test_a_decision_that_does_not(tmp_path: Path) -> None:
    write_document(tmp_path / "decision.json", {"outcome": "refused", "reason": "leak alarm", "override": ""})
    with pytest.raises(Refused, match="leak alarm"):
        passed(tmp_path / "decision.json")
