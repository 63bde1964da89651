"""The verdict on an experiment at one look: promote, roll back, hold, or error, with its evidence.

Pure and cheap: aggregates in, verdict out. What speaks first is the order of `RULES`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from contender.experiment.data import ExperimentData
from contender.experiment.evidence import Evidence, Look, in_words, more_days, more_units, nothing, weigh, weigh_shadow
from contender.experiment.faults import faults
from contender.experiment.guardrails import Guardrail
from contender.experiment.plan import Plan
from contender.experiment.signals import Signals, open_guardrails, signals_of
from contender.experiment.statistics.multiplicity import holm
from contender.metrics import GUARDRAIL_RATES
from contender.values import CHALLENGER, SHADOW

Decision = Literal["promote", "roll back", "hold", "error"]


class Rule(NamedTuple):
    """A row of the table: when every signal in `when` has its value, `decision`, for `reason`."""

    name: str
    when: Mapping[str, object]
    decision: Decision
    reason: str


RULES: Final = (
    Rule("malformed", {"malformed": True}, "error", "the experiment data failed consistency checks: {faults}"),
    Rule("guardrail", {"breached": True}, "roll back", "a guardrail is breached: {breaches}"),
    Rule("unhealthy", {"unhealthy": True}, "hold", "the experiment is not sound: {health}"),
    Rule("too-few", {"enough": False}, "hold", "fewer than {min_units} units with a value in an arm{more}"),
    Rule("worse", {"direction": "worse"}, "roll back", "the challenger is {worse}: {effect}"),
    Rule(
        "guardrail-open",
        {"direction": "better", "passed": False},
        "hold",
        "the challenger is {better}, but a guardrail has not passed yet ({open}): {effect}",
    ),
    Rule("better", {"direction": "better"}, "promote", "the challenger is {better}: {effect}"),
    Rule(
        "futile",
        {"futile": True},
        "hold",
        "the effect is surely smaller than {smallest:g}, the smallest worth having: stop the experiment; {effect}",
    ),
    Rule("exhausted", {"exhausted": True}, "hold", "no detectable difference within {horizon:,} units: {effect}"),
    Rule("undecided", {}, "hold", "no difference shown yet: {effect}{more}"),
)
"""Which rule decides first: bad data, then guardrails even while the metric wins, then soundness, then the metric."""

SHADOW_BETTER: Final = Rule(
    "shadow-better", {}, "hold", "the shadow is better on the same people: {effect}; contender experiment start"
)
"""In place of ``better`` for a shadow: only people who are given its answers show what they do with them."""

SHADOW_ONLY: Final = Rule(
    "shadow",
    {},
    "hold",
    "a shadow is compared by agreement, calibration and latency: outcomes may have followed the answer that was given",
)
"""For a shadow whose task does not say that outcomes ignore answers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and all that it rests on.

    `effect` is challenger minus champion in the metric's unit with its always-valid `interval`, None before both arms
    have values. `units` have a value, `more_units` is about how many more a hold waits for (None: units will not
    help) and `more_days` how long they take at the rate so far (None also while nobody can tell). `health` lists what
    makes the experiment unsound, `faults` the kinds of that. `bounds` are the effects that outcomes missing in one arm
    leave possible. `look` goes into the next call of `judge`. `rule` names the row of `RULES`. `arm` is whose verdict
    it is; `others` are those of the other challengers and of the shadow, taken at the same look. `details` inform and
    decide nothing (`contender.experiment.details`).
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
    more_days: float | None = None
    arm: str = CHALLENGER
    others: Mapping[str, Verdict] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The verdict as plain JSON values; `arm` and `others` are left out where there is one challenger only."""
        document = asdict(replace(self, others={}))
        document |= {"guardrails": {name: guardrail._asdict() for name, guardrail in self.guardrails.items()}}
        if self.others:
            return document | {"others": {name: other.to_document() for name, other in self.others.items()}}
        del document["others"]
        if self.arm == CHALLENGER:
            del document["arm"]
        return document


def judge(data: ExperimentData, plan: Plan, look: Look | None = None, *, challenger: str = CHALLENGER) -> Verdict:
    """The verdict on `challenger` against the champion at this look.

    `look` is the previous verdict's, None at the first: the sequential tests keep the smallest p-value of all looks.
    It never raises for bad data: that is the decision ``error``.
    """
    return judge_all(data, plan, {challenger: look or Look()})[challenger]


def judge_all(data: ExperimentData, plan: Plan, looks: Mapping[str, Look]) -> dict[str, Verdict]:
    """The verdict on each challenger named in `looks`, with its previous look.

    The chance that the metric wrongly promotes or rolls back *any* of them stays under the plan's level (Holm); the
    intervals are each at that level. Of several that may be promoted, `best` says which.
    """
    wrong = {name: faults(data, name) for name in looks}
    weighed = {name: nothing(look) if wrong[name] else weigh(data, plan, look, name) for name, look in looks.items()}
    adjusted = holm([evidence.p_value for evidence in weighed.values()])
    verdicts = {}
    for (name, evidence), p_value in zip(weighed.items(), adjusted, strict=True):
        signals = Signals(malformed=True) if wrong[name] else signals_of(evidence, plan, p_value)
        verdicts[name] = replace(_verdict(rule_for(signals), plan, evidence, wrong[name]), arm=name)
    return verdicts


def judge_shadow(data: ExperimentData, plan: Plan, look: Look | None = None) -> Verdict:
    """The verdict on the shadow against the champion, on the units that both answered; never promote.

    Where the plan says that outcomes ignore answers, one that is worse is rolled back before it has served anybody, and
    one that is better may begin to serve. Otherwise it is compared, and not judged.
    """
    wrong = faults(data, SHADOW)
    evidence = nothing(look or Look()) if wrong else weigh_shadow(data, plan, look or Look())
    if wrong:
        rule = rule_for(Signals(malformed=True))
    elif not plan.outcomes_ignore_answers:
        rule = SHADOW_ONLY
    else:
        rule = rule_for(signals_of(evidence, plan, evidence.p_value))
    return replace(_verdict(SHADOW_BETTER if rule.name == "better" else rule, plan, evidence, wrong), arm=SHADOW)


def lead(verdicts: Mapping[str, Verdict]) -> str:
    """Whose verdict speaks for the experiment.

    Bad data and a breached guardrail first, whoever breached it: the ranges of several challengers are fixed, so one of
    them cannot be taken out alone. Then the best of those that may be promoted, then the first that is still open.
    """
    stopped = [name for name, verdict in verdicts.items() if verdict.rule in ("malformed", "guardrail")]
    still = [name for name, verdict in verdicts.items() if verdict.decision == "hold"]
    winner = best(verdicts)
    return [*stopped, *([winner] if winner else []), *still, *verdicts][0]


def best(verdicts: Mapping[str, Verdict]) -> str | None:
    """The challenger with the largest effect among those that may be promoted; None where none may.

    A guardrail that one of them breaches is that one's alone; an unsound experiment holds all of them.
    """
    promoted = {name: verdict.effect or 0.0 for name, verdict in verdicts.items() if verdict.decision == "promote"}
    return max(promoted, key=promoted.__getitem__, default=None)


def evidence_digest(document: Mapping[str, Any]) -> str:
    """The sha256 (hex) of a verdict's document: what a promotion, its approval and its dossier name as evidence.

    The same for `Verdict.to_document` and for that document as the store gave it back.
    """
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def rule_for(signals: Signals) -> Rule:
    """The first row of `RULES` that applies; the last applies always."""
    given = signals._asdict()
    return next(rule for rule in RULES if all(given[name] == value for name, value in rule.when.items()))


def _words(plan: Plan) -> dict[str, str]:
    margin = plan.non_inferiority_margin
    if not margin:
        return {"better": "better", "worse": "worse"}
    return {"better": f"not worse by {margin:g}", "worse": f"worse by more than {margin:g}"}


def _verdict(rule: Rule, plan: Plan, evidence: Evidence, found: tuple[str, ...]) -> Verdict:
    more = more_units(evidence, plan) if rule.name in ("too-few", "undecided") else None
    days = more_days(evidence, more)
    return Verdict(
        decision=rule.decision,
        reason=rule.reason.format(
            faults="; ".join(found),
            breaches="; ".join(_breach(name, g, plan) for name, g in evidence.guardrails.items() if g.breached),
            health=_health_words(evidence),
            open=", ".join(open_guardrails(evidence.guardrails)),
            smallest=plan.primary.smallest_effect,
            effect=in_words(evidence, plan),
            min_units=plan.min_units,
            horizon=plan.horizon_units,
            more=_more(more, days),
            **_words(plan),
        ),
        rule=rule.name,
        effect=evidence.effect,
        interval=evidence.interval,
        p_value=evidence.p_value,
        srm_p=evidence.look.srm_p,
        guardrails=evidence.guardrails,
        units=sum(evidence.units),
        more_units=more,
        health=tuple(fault.words for fault in evidence.health),
        look=evidence.look,
        more_days=days,
        faults=tuple(fault.kind for fault in evidence.health),
        bounds=(evidence.bounds.low, evidence.bounds.high) if evidence.bounds else None,
    )


def _breach(name: str, guardrail: Guardrail, plan: Plan) -> str:
    """Both arms' figures: shares of units as parts of a hundred, others in their own unit."""
    share = name in GUARDRAIL_RATES or any(one.name == name and one.type == "proportion" for one in plan.measured)
    form = ".1%" if share else ".3f"
    mine, theirs = (f"{figure or 0.0:{form}}" for figure in (guardrail.challenger, guardrail.champion))
    return f"{name} {mine} for the challenger, {theirs} for the champion"


def _health_words(evidence: Evidence) -> str:
    words = "; ".join(fault.words for fault in evidence.health)
    if evidence.bounds is None:
        return words
    low, high = evidence.bounds
    return f"{words}; the verdict depends on them: the effect may lie anywhere from {low:+.4f} to {high:+.4f}"


def _more(units: int | None, days: float | None) -> str:
    if units is None:
        return ""
    rate = "" if days is None else f", {days:,.1f} days at this rate" if days >= 0.1 else ", hours at this rate"
    return f"; about {units:,} more units are needed{rate}"
