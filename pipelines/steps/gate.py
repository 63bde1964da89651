"""The gate: may this model be registered? A pure function of what was measured on the same untouched rows.

Every version must stand on the floor: enough people held out to tell, surely better than one answer for all, not surely
worse than the baseline. A first version has nothing else to show; a later one must not fall behind the champion either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from contender.errors import Refused
from contender.tasks.catalog import task_named
from contender.tasks.task import Metric
from pipelines.params import GateParams
from pipelines.steps.command import main
from pipelines.steps.files import read_document, write_document
from pipelines.steps.progress import reported

Outcome = Literal["passed", "refused", "overridden"]


@dataclass(frozen=True, slots=True)
class Floor:
    """What every version must show, champion or not; bounds are one-sided 95 % ones, on the same rows.

    `people` counts those held out (copies of one person once), `rare` those of them without the commonest label.
    `over_chance` is the lower bound of the improvement over one answer for all, `over_baseline` the upper bound of that
    over the baseline fitted on the same rows; `chance` and `baseline` are their values.
    """

    people: int
    rare: int
    chance: float
    over_chance: float
    baseline: float
    over_baseline: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What the gate looks at: the primary metric of challenger and champion on the same rows, and the floor.

    `interval` is the challenger's two-sided 95 % one, its value alone where it is not known.
    `improvement_low` is the one-sided 95 % lower bound of the improvement. Both are None without a champion to compare
    with; `incomparable` then says why there is one that cannot be compared, if there is one.
    """

    challenger: float
    floor: Floor
    champion: float | None = None
    improvement_low: float | None = None
    incomparable: str = ""
    interval: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says, and why; an `override` is the reason that a person gave."""

    outcome: Outcome
    reason: str
    override: str = ""

    @property
    def registers(self) -> bool:
        """Whether the model may be registered."""
        return self.outcome != "refused"


@reported("gate")
def gate(task: str, evaluation: Path, gate: GateParams, decision: Path) -> dict[str, Any]:
    """Judge ``report.json`` of the folder `evaluation` and write the decision: outcome, reason, override."""
    question = task_named(task)
    measured = measured_in(read_document(evaluation / "report.json"), question.metric.name)
    document = asdict(decide(question.metric, question.ceiling, measured, gate))
    write_document(decision, document)
    return document


def passed(decision: Path) -> dict[str, Any]:
    """The decision in the file `decision`, if it lets the model be registered.

    Raises:
        Refused: it does not.
    """
    document = read_document(decision)
    if document["outcome"] == "refused":
        raise Refused(document["reason"], remedy="give a reason with --override to register it all the same")
    return document


def measured_in(evaluation: Mapping[str, Any], metric: str) -> Measured:
    """The gate's view of an evaluation report."""
    models, comparison = evaluation["metrics"], evaluation["improvement"]
    champion = models.get("champion")
    return Measured(
        challenger=models["challenger"][metric],
        floor=Floor(**evaluation["floor"]),
        champion=champion[metric] if champion else None,
        improvement_low=comparison["low"] if comparison else None,
        incomparable=evaluation["incomparable"],
        interval=tuple(evaluation["intervals"]["challenger"][metric]),
    )


def decide(metric: Metric, ceiling: float, measured: Measured, params: GateParams) -> Decision:
    """Refuse what is too good to be true or not good enough; a stated override turns a refusal around."""
    refusal = (
        _leak(metric, ceiling, measured)
        or _below_floor(metric, measured, params)
        or _shortfall(metric, measured, params)
    )
    if not refusal:
        return Decision("passed", _praise(metric, measured, params))
    if params.override:
        return Decision("overridden", refusal, params.override)
    return Decision("refused", refusal)


def _leak(metric: Metric, ceiling: float, measured: Measured) -> str:
    """Why the data must have leaked: the value is surely, and not by the luck of few rows, beyond what is honest."""
    if any(metric.improvement(ceiling, end) <= 0.0 for end in measured.interval or (measured.challenger,)):
        return ""
    value = f"{metric.name} {measured.challenger:.4f}"
    return f"leak alarm: {value} is surely (95 %) beyond {ceiling:g}, which honest data cannot reach"


def _below_floor(metric: Metric, measured: Measured, params: GateParams) -> str:
    floor, value = measured.floor, f"{metric.name} {measured.challenger:.4f}"
    if floor.people < params.min_people or floor.rare < params.min_rare:
        return (
            f"too few people to tell: {floor.people} held out, {floor.rare} of them without the commonest label; "
            f"{params.min_people} and {params.min_rare} are needed"
        )
    if floor.over_chance <= 0.0:
        return (
            f"not surely better than one answer for all: {value} against {floor.chance:.4f}, "
            f"improvement at least {floor.over_chance:+.4f} (one-sided 95 %); above 0 is needed"
        )
    if floor.over_baseline < 0.0:
        return (
            f"worse than the baseline fitted on the same rows: {value} against {floor.baseline:.4f}, "
            f"improvement at most {floor.over_baseline:+.4f} (one-sided 95 %)"
        )
    return ""


def _shortfall(metric: Metric, measured: Measured, params: GateParams) -> str:
    if measured.incomparable:
        return f"not comparable with the champion: {measured.incomparable}"
    if measured.improvement_low is None:
        return ""
    needed = _needed(params)
    if measured.improvement_low >= needed:
        return ""
    return f"{_compared(metric, measured)}; at least {needed:+.4f} is needed"


def _praise(metric: Metric, measured: Measured, params: GateParams) -> str:
    if measured.improvement_low is None:
        floor = measured.floor
        return (
            f"there is no champion yet; {metric.name} {measured.challenger:.4f} on {floor.people} people held out, "
            f"baseline {floor.baseline:.4f}, one answer for all {floor.chance:.4f}"
        )
    kind = "not worse than" if params.min_improvement is None else "better than"
    return f"{kind} the champion: {_compared(metric, measured)}, at least {_needed(params):+.4f} was needed"


def _needed(params: GateParams) -> float:
    return -params.margin if params.min_improvement is None else params.min_improvement


def _compared(metric: Metric, measured: Measured) -> str:
    return (
        f"{metric.name} {measured.challenger:.4f} against {measured.champion:.4f}, "
        f"improvement at least {measured.improvement_low:+.4f} (one-sided 95 %)"
    )


if __name__ == "__main__":
    main(gate)
