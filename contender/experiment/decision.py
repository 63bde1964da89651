"""The verdict on an experiment at one look: promote, roll back, hold, or error, with its evidence.

Pure and cheap: aggregates in, verdict out. What speaks first is the order of `RULES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple

from contender.experiment.data import ExperimentData
from contender.experiment.evidence import Evidence, Guardrail, Look, in_words, more_units, nothing, weigh
from contender.experiment.faults import faults
from contender.experiment.plan import Plan
from contender.values import CHALLENGER

Decision = Literal["promote", "roll back", "hold", "error"]
Direction = Literal["better", "worse", "unclear"]


class Signals(NamedTuple):
    """Everything that a decision depends on, and nothing else."""

    malformed: bool = False
    breached: bool = False
    unhealthy: bool = False
    enough: bool = True
    direction: Direction = "unclear"
    exhausted: bool = False


class Rule(NamedTuple):
    """A row of the table: when every signal in `when` has its value, `decision`, for `reason`."""

    name: str
    when: Mapping[str, object]
    decision: Decision
    reason: str


RULES: Final = (
    Rule("malformed", {"malformed": True}, "error", "the data cannot be right: {faults}"),
    Rule("guardrail", {"breached": True}, "roll back", "a guardrail is breached: {breaches}"),
    Rule("unhealthy", {"unhealthy": True}, "hold", "the experiment is not sound: {health}"),
    Rule("too-few", {"enough": False}, "hold", "fewer than {min_units} units with an outcome in an arm{more}"),
    Rule("better", {"direction": "better"}, "promote", "the challenger is better: {effect}"),
    Rule("worse", {"direction": "worse"}, "roll back", "the challenger is worse: {effect}"),
    Rule("exhausted", {"exhausted": True}, "hold", "no detectable difference within {horizon:,} units: {effect}"),
    Rule("undecided", {}, "hold", "no difference shown yet: {effect}{more}"),
)
"""Who speaks first: bad data, then guardrails even while the metric wins, then soundness, then the metric."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and all that it rests on.

    `effect` is challenger minus champion in the metric's unit with its always-valid `interval`, None before both arms
    have outcomes. `units` have an outcome, `more_units` is about how many more a hold waits for (None: units will not
    help). `health` lists what makes the experiment unsound. `look` goes into the next call of `judge`. `rule` names the
    row of `RULES`.
    """

    decision: Decision
    reason: str
    rule: str
    effect: float | None
    interval: tuple[float, float] | None
    p_value: float
    srm_p: float
    guardrails: Mapping[str, Guardrail]
    units: int
    more_units: int | None
    health: tuple[str, ...]
    look: Look

    def to_document(self) -> dict[str, Any]:
        """The verdict as plain JSON values."""
        return asdict(self) | {"guardrails": {name: g._asdict() for name, g in self.guardrails.items()}}


def judge(data: ExperimentData, plan: Plan, look: Look | None = None, *, challenger: str = CHALLENGER) -> Verdict:
    """The verdict on `challenger` against the champion at this look.

    `look` is the previous verdict's, None at the first: the sequential tests keep the smallest p-value of all looks.
    It never raises for bad data: that is the decision ``error``.
    """
    before = look or Look()
    found = faults(data, challenger)
    if found:
        return _verdict(Signals(malformed=True), plan, nothing(before), found)
    evidence = weigh(data, plan, before, challenger)
    return _verdict(_signals(evidence, plan), plan, evidence, ())


def rule_for(signals: Signals) -> Rule:
    """The first row of `RULES` that applies; the last applies always."""
    given = signals._asdict()
    return next(rule for rule in RULES if all(given[name] == value for name, value in rule.when.items()))


def _signals(evidence: Evidence, plan: Plan) -> Signals:
    return Signals(
        breached=any(guardrail.breached for guardrail in evidence.guardrails.values()),
        unhealthy=bool(evidence.health),
        enough=min(evidence.units) >= plan.min_units,
        direction=_direction(evidence.interval),
        exhausted=sum(evidence.units) >= plan.horizon_units,
    )


def _direction(interval: tuple[float, float] | None) -> Direction:
    if interval is None:
        return "unclear"
    low, high = interval
    return "better" if low > 0.0 else "worse" if high < 0.0 else "unclear"


def _verdict(signals: Signals, plan: Plan, evidence: Evidence, found: tuple[str, ...]) -> Verdict:
    rule = rule_for(signals)
    more = more_units(evidence, plan) if rule.name in ("too-few", "undecided") else None
    return Verdict(
        decision=rule.decision,
        reason=rule.reason.format(
            faults="; ".join(found),
            breaches="; ".join(f"{name} {g}" for name, g in evidence.guardrails.items() if g.breached),
            health="; ".join(evidence.health),
            effect=in_words(evidence, plan),
            min_units=plan.min_units,
            horizon=plan.horizon_units,
            more="" if more is None else f"; about {more:,} more units are needed",
        ),
        rule=rule.name,
        effect=evidence.effect,
        interval=evidence.interval,
        p_value=evidence.p_value,
        srm_p=evidence.look.srm_p,
        guardrails=evidence.guardrails,
        units=sum(evidence.units),
        more_units=more,
        health=evidence.health,
        look=evidence.look,
    )
