"""What was seen: rewards and their difference, over time; health; guardrails; people and requests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from cli.dossier import measures, pictures
from cli.dossier.contents import Dossier
from cli.dossier.figures import moment, percent, plain, probability, signed, span
from cli.dossier.markup import Html, element
from cli.dossier.pictures import Bar, Caption, Limit, Point
from cli.dossier.tables import facts, grid, mark, section
from contender.experiment.analysis import COVERAGE
from contender.experiment.data import ArmData, Phase
from contender.experiment.statistics.sequential import critical_value
from contender.metrics import GUARDRAIL_RATES
from contender.values import CHALLENGER, CHAMPION

_ARMS: Final = (CHAMPION, CHALLENGER)


def effect(dossier: Dossier) -> Html:
    """The primary metric: by arm, as a difference, and look by look."""
    return section(
        "effect",
        "Effect on the primary metric",
        element(
            "p",
            f"The primary metric is {dossier.terms.primary.name}. A person's value is final "
            "once the window after the first answer has closed, and counts once. Arms are compared by whom people were "
            "assigned to, whoever answered them in the end. All intervals are always valid: they may be read after "
            "every look.",
        ),
        _adjusted(dossier),
        _arms(dossier),
        _over_time(dossier),
        _looks(dossier),
        _others(dossier),
        measures.secondary(dossier),
        measures.reviews(dossier),
        measures.latency(dossier),
        measures.shadow(dossier),
    )


def health(dossier: Dossier) -> Html:
    """Whether the experiment can be believed."""
    verdict = dossier.verdict
    found = verdict["health"] if verdict else ()
    stated: dict[str, object] = {"Soundness": mark(not found, "; ".join(found) or "nothing speaks against it")}
    if verdict:
        stated["Sample ratio p (alarm at or under the plan's ratio_alpha)"] = probability(verdict["srm_p"])
        if "missing_p" in verdict["look"]:
            stated["Missing outcomes by arm, p at this look"] = probability(verdict["look"]["missing_p"])
        if dossier.plan.get("covariate"):
            stated["Covariate by arm, p (alarm at or under ratio_alpha)"] = probability(
                verdict["look"].get("covariate_p")
            )
        if "smallest_loss" in dossier.details:
            stated["Smallest loss of units that would have been found by now"] = percent(
                dossier.details["smallest_loss"]
            )
    stated |= _records(dossier)
    return section(
        "health",
        "Health of the experiment",
        facts(stated),
        measures.cleared(dossier),
        _shares(dossier),
        _traffic(dossier),
        measures.outcomes(dossier),
    )


def _records(dossier: Dossier) -> dict[str, object]:
    """Records that a sound experiment has few of, and what became of them."""
    events = dossier.events
    return {
        "Outcomes outside their window, or too late for it (not counted)": events.late,
        "People with records that contradict each other (the first counts)": events.contradictory,
        "Records that came again (counted once)": events.replayed,
    }


def guardrails(dossier: Dossier) -> Html:
    """The limits that the challenger must keep whatever the primary metric says."""
    verdict = dossier.verdict
    found: Mapping[str, Mapping[str, Any]] = verdict["guardrails"] if verdict else {}
    if not found:
        return section("guardrails", "Guardrails", element("p", "No guardrail has been judged."))
    columns = ("guardrail", CHAMPION, CHALLENGER, "margin", "p, smallest of all looks", "state")
    rows = [_guardrail_row(name, rail, dossier) for name, rail in found.items()]
    return section("guardrails", "Guardrails", _limits(found, dossier.plan), grid("Guardrails", columns, rows))


def difference(dossier: Dossier) -> Html:
    """The difference between the arms and its interval, as a picture."""
    verdict = dossier.verdict
    if verdict is None or not verdict["interval"]:
        return element("p", "There are no outcomes in both arms yet, so there is nothing to compare.")
    low, high = verdict["interval"]
    smallest = dossier.terms.primary.smallest_effect
    text = (
        f"Challenger minus champion: {signed(verdict['effect'])}, interval {span(verdict['interval'])}; "
        f"the band marks differences under {plain(smallest)}, the smallest worth having."
    )
    bar = Bar("", verdict["effect"], low, high, _kind(low, high))
    return pictures.effect(bar, smallest, Caption("difference", "Difference of rewards", text))


def _others(dossier: Dossier) -> Html | None:
    """Who else was compared with the champion at the last look: other challengers, the shadow."""
    others = (dossier.verdict or {}).get("others", {})
    rows = [
        (name, found["decision"], found["units"], signed(found["effect"]), _span(found), found["reason"])
        for name, found in others.items()
    ]
    columns = ("arm", "verdict", "units", "effect", "interval", "reason")
    return grid("Other arms at the last look", columns, rows) if rows else None


def _span(verdict: Mapping[str, Any]) -> str | None:
    return span(verdict["interval"]) if verdict["interval"] else None


def _adjusted(dossier: Dossier) -> Html | None:
    covariate = dossier.plan.get("covariate")
    if not covariate:
        return None
    saving = (dossier.details.get("adjustment") or {}).get("saving")
    known = {
        "baseline": "the baseline model's score of their first row",
        "history": "what their earlier answers earned",
    }
    spared = f" It spares {percent(saving)} of the people." if saving else ""
    return element("p", f"The difference is adjusted for {known[covariate]}, the means are not.{spared}")


def _kind(low: float, high: float) -> str:
    return "good" if low > 0.0 else "bad" if high < 0.0 else ""


def _arms(dossier: Dossier) -> Html | None:
    rows = [bar for role in _ARMS if (bar := _arm(role, dossier))]
    if not rows:
        return None
    told = "; ".join(f"{row.name} {plain(row.value)}, {plain(row.low)} to {plain(row.high)}" for row in rows)
    return pictures.bars(rows, Caption("arms", "Mean reward by arm", f"Mean reward by arm with its interval: {told}."))


def _arm(role: str, dossier: Dossier) -> Bar | None:
    """The arm's mean as it was observed, with an interval of the same construction as the difference's."""
    found, terms = dossier.mean(role), dossier.terms
    if found is None or found.n < 2:
        return None
    reach = critical_value(found.n, terms.level, terms.tuning_units) * math.sqrt(found.squared_error)
    name = f"{role}, version {dossier.experiment[role]}"
    return Bar(name, found.mean, max(0.0, found.mean - reach), min(terms.primary.cap, found.mean + reach))


def _points(dossier: Dossier) -> Iterator[Point]:
    for look in dossier.looks:
        verdict = look["verdict"]
        if verdict["interval"]:
            yield Point(verdict["units"], verdict["effect"], *verdict["interval"])


def _over_time(dossier: Dossier) -> Html | None:
    points = list(_points(dossier))
    if not points:
        return None
    text = f"{_course(points)} The line of no difference is drawn through 0."
    caption = Caption("over-time", "The difference and its always-valid interval over time", text)
    return pictures.over_time(points, dossier.terms.primary.smallest_effect, caption)


def _course(points: Sequence[Point]) -> str:
    """How the interval went, in words that hold whether it narrowed or not."""
    begun, ended = (f"{one.units:,} people ({span((one.low, one.high))})" for one in (points[0], points[-1]))
    if len(points) == 1:
        return f"At the only look so far: {ended}."
    if points[0].units == points[-1].units:
        return f"All {len(points)} looks with an interval were at the same {ended}."
    narrowed = points[-1].high - points[-1].low < points[0].high - points[0].low
    return f"The interval {'narrows' if narrowed else 'goes'} over {len(points)} looks, from {begun} to {ended}."


def _looks(dossier: Dossier) -> Html:
    rows = [
        (
            f"look {look['look']}",
            moment(look["at"]),
            look["verdict"]["units"],
            signed(look["verdict"]["effect"]),
            span(look["verdict"]["interval"]),
            probability(look["verdict"]["srm_p"]),
            look["verdict"]["decision"],
        )
        for look in dossier.looks
    ]
    columns = ("", "when", "people with a value", "difference", "interval", "sample ratio p", "verdict")
    return grid("Every look that was taken", columns, rows)


def _shares(dossier: Dossier) -> Html | None:
    rows = [
        (
            f"step {number}",
            _coverage(dossier, phase),
            *_share(phase.units, phase.shares),
            *(phase.units.get(arm, 0) for arm in _ARMS),
        )
        for number, phase in enumerate(dossier.phases, start=1)
    ]
    planned = "challenger's part of the counted, planned"
    columns = ("", "part of all people that counts", planned, "seen", *(f"people, {arm}" for arm in _ARMS))
    return grid("People by step of the ramp, each counted when first seen", columns, rows) if rows else None


def _coverage(dossier: Dossier, phase: Phase) -> str:
    """How many of all people take part in a step; under the old rule everybody did."""
    begun = [float(share) for generation, share in dossier.experiment["shares"] if generation <= phase.generation]
    if dossier.experiment.get("rule") != COVERAGE or not begun:
        return percent(None)
    return percent(begun[-1] / dossier.terms.challenger_share)


def _share(units: Mapping[str, int], shares: Mapping[str, float]) -> tuple[str, str]:
    total = sum(units.values())
    return percent(shares.get(CHALLENGER)), percent(units.get(CHALLENGER, 0) / total if total else None)


def _traffic(dossier: Dossier) -> Html:
    rows = [
        (name, arm.assigned, arm.exposures, _valued(arm, dossier), arm.fallbacks, arm.reviews)
        for name, arm in sorted(dossier.arms.items())
    ]
    columns = ("arm", "people", "requests", "people with a value", "answered by somebody else", "sent to a person")
    return grid("People and requests by the arm they were assigned to", columns, rows)


def _valued(arm: ArmData, dossier: Dossier) -> int:
    """People whose value is final, reviewed ones among them."""
    seen = arm.metric(dossier.terms.primary.name)
    return seen.value.n + seen.reviewed


def _margin(name: str, rail: Mapping[str, Any], plan: Mapping[str, Any]) -> float | None:
    stated: float | None = plan.get("group_margin" if name.startswith("reward ") else f"{name}_margin")
    return rail.get("margin", stated) if not name.startswith("impact ") else None


def _guardrail_row(name: str, found: Mapping[str, Any], dossier: Dossier) -> tuple[object, ...]:
    metric: Mapping[str, Any] = dossier.details.get("metrics", {}).get(name, {})
    shown = percent if name in GUARDRAIL_RATES or metric.get("type") == "proportion" else plain
    state = found.get("state", "breached" if found["breached"] else "open")
    words = "open, must pass" if found.get("required") else "open"
    return (
        name,
        shown(found["champion"]),
        shown(found["challenger"]),
        shown(_margin(name, found, dossier.plan)),
        probability(found["p"]),
        # An open limit is neither kept nor broken: it gets no sign.
        words if state == "open" else mark(state == "passed", state),
    )


def _limits(found: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Any]) -> Html | None:
    rows = [
        Limit(f"{name} rate", rail["champion"], rail["challenger"], _margin(name, rail, plan), rail["breached"])
        for name, rail in found.items()
        if name in GUARDRAIL_RATES
    ]
    told = "; ".join(f"{row.name} {percent(row.champion)} and {percent(row.challenger)}" for row in rows)
    text = f"Champion (ring) and challenger (dot); the bar is what the plan allows the challenger: {told}."
    return pictures.limits(rows, Caption("limits", "Guardrails", text)) if rows else None
