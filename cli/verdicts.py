"""An experiment as the command shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.output import pairs
from contender.metrics import GUARDRAIL_RATES
from contender.routing import challenger_name
from contender.values import CHALLENGER, CHAMPION

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store

WIDTH = 41
SHORTEST_DAYS = 0.1
COLOURS: Mapping[str, str] = {"promote": "green", "roll back": "red", "hold": "yellow", "error": "red"}


def summary(store: Store, task: str) -> dict[str, Any] | None:
    """The task's latest experiment with its latest verdict, as last looked at; None when there never was one."""
    known = store.experiments(task)
    if not known:
        return None
    looks = store.looks(known[-1]["id"])
    return told(known[-1], looks[-1]["verdict"] if looks else None, len(looks))


def told(
    experiment: Mapping[str, Any],
    verdict: Mapping[str, Any] | None,
    looks: int,
    ramp: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An experiment as one JSON object that always has the same keys, however many challengers it has."""
    alone = {"rivals": [], "shadow": "", "rule": "shares", "cleared": [], "holdout": False}
    return {**alone, **experiment, "looks": looks, "ramp": ramp, "verdict": _whole(verdict) if verdict else None}


def _whole(verdict: Mapping[str, Any]) -> dict[str, Any]:
    others = {name: _whole(other) for name, other in verdict.get("others", {}).items()}
    return {"arm": CHALLENGER, **verdict, "others": others}


def facts(document: Mapping[str, Any]) -> dict[str, object]:
    """An experiment's terms as names and values for a table."""
    return {
        "id": document["id"],
        "champion": f"version {document['champion']}" + (", the holdout's" if document.get("holdout") else ""),
        **_challengers(document),
        "share": f"{document['shares'][-1][1]:.0%}" if document["shares"] else "none yet",
        "status": document["status"],
        "plan": f"α {document['plan']['alpha']:g}, smallest effect {document['plan']['smallest_effect']:g}, "
        f"digest {document['plan_digest'][:12]}",
    }


def _challengers(document: Mapping[str, Any]) -> dict[str, object]:
    """Who is compared with the champion: challengers by arm, and the shadow."""
    versions = (document["challenger"], *document.get("rivals", ()))
    shadow = document.get("shadow")
    served: dict[str, object] = {
        challenger_name(number): f"version {one}" for number, one in enumerate(versions) if one != shadow
    }
    words = f"version {shadow} (shadow: answers are recorded, not returned)"
    return served | ({"shadow": words} if shadow else {})


def experiment_parts(document: Mapping[str, Any]) -> list[Any]:
    """An experiment and its verdict, ready to print."""
    verdict = document["verdict"]
    parts: list[Any] = [pairs(facts(document), "experiment")]
    if ramp := document.get("ramp"):
        parts.append(Text(f"  ramp   {ramp_text(ramp)}"))
    if verdict and verdict["interval"]:
        parts.append(interval_picture(verdict))
    others = (verdict or {}).get("others", {})
    return [*parts, pairs(verdict_lines(verdict)), *(pairs(verdict_lines(found)) for found in others.values())]


def ramp_text(ramp: Mapping[str, Any]) -> str:
    """Where the ramp is, and what the next step waits for."""
    here = f"step {ramp['step']} of {ramp['steps']} at {ramp['share']:.0%}"
    if ramp["next_share"] is None:
        return here
    waits = ramp["against"] or "may be taken: contender experiment step"
    return f"{here}, {ramp['units']:,} units seen; {ramp['next_share']:.0%} next: {waits}"


def verdict_lines(verdict: Mapping[str, Any] | None) -> dict[str, object]:
    """A verdict as names and values for a table."""
    if verdict is None:
        return {"verdict": "not looked at yet: contender experiment status"}
    arm = {"arm": verdict["arm"]} if verdict.get("others") or verdict.get("arm", CHALLENGER) != CHALLENGER else {}
    lines: dict[str, object] = arm | {
        "verdict": Text(verdict["decision"], style=f"bold {COLOURS[verdict['decision']]}"),
        "reason": verdict["reason"],
        "units with a value": verdict["units"],
    }
    if verdict["interval"]:
        lines["effect"] = interval_text(verdict)
    if verdict["more_units"]:
        lines["about how many more"] = verdict["more_units"]
    if verdict.get("more_days") is not None:
        days = verdict["more_days"]
        lines["at this rate"] = f"{days:,.1f} days" if days >= SHORTEST_DAYS else "hours"
    lines["sample ratio p"] = verdict["srm_p"]
    for name, guardrail in verdict["guardrails"].items():
        lines[f"{name} rate" if name in GUARDRAIL_RATES else name] = guardrail_text(name, guardrail, verdict)
    return lines | detail_lines(verdict.get("details", {}))


def detail_lines(details: Mapping[str, Any]) -> dict[str, object]:
    """What informs beside the verdict, a line each."""
    lines: dict[str, object] = {
        name: metric_text(report)
        for name, report in details.get("metrics", {}).items()
        if report["role"] == "secondary" and report["champion"] is not None
    }
    if effects := details.get("reviews", {}).get("effect"):
        step = details["reviews"]["step"]
        lines["effect by review price"] = (
            f"{_signed(effects['lower'])} at {step:g} less, {_signed(effects['higher'])} at {step:g} more"
        )
    fates = [one for one in details.get("outcomes", {}).values() if isinstance(one, Mapping) and "matured" in one]
    if waiting := sum(one["units"] - one["matured"] for one in fates):
        lines["waiting for their window"] = f"{waiting:,} people"
    if missing := sum(one["missing"] for one in fates):
        lines["outcomes missing"] = f"{missing:,} of {sum(one['answered'] for one in fates):,} people"
        if bounds := details["outcomes"].get("bounds"):
            low, high = bounds["lee"]
            lines["effect, whatever is missing"] = f"[{low:+.4f}, {high:+.4f}] (Lee's bounds)"
    # 1 means that no loss of units would have been found yet: nothing to tell.
    if (loss := details.get("smallest_loss", 1.0)) < 1.0:
        lines["smallest detectable loss"] = f"{loss:.1%} of the challenger's units"
    if whole := details.get("without_clearing"):
        lines["with the units left out"] = f"{whole['decision']}: {whole['reason']}"
    if shadow := details.get("shadow"):
        lines["agreement"] = f"{shadow['agreement']:.1%} of answers, {shadow['units']:,} people"
    return lines


def metric_text(report: Mapping[str, Any]) -> str:
    """A metric's means in both arms, and its interval where it has one."""
    form = ".1%" if report["type"] == "proportion" else ".3f"
    words = f"{report['challenger']:{form}} against {report['champion']:{form}}"
    if not report["interval"]:
        return words
    low, high = report["interval"]
    return f"{words}  [{low:+.4f}, {high:+.4f}]{', differs' if report['discovery'] else ''}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.4f}"


def guardrail_text(name: str, guardrail: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Challenger against champion, and the state: shares of units as parts of a hundred, other figures as they are."""
    metric = verdict.get("details", {}).get("metrics", {}).get(name, {})
    form = ".1%" if name in GUARDRAIL_RATES or metric.get("type") == "proportion" else ".3f"
    state = "breached" if guardrail["breached"] else guardrail.get("state", "ok")
    words = "open, must pass" if state == "open" and guardrail.get("required") else state
    mine, theirs = ("–" if guardrail[arm] is None else f"{guardrail[arm]:{form}}" for arm in (CHALLENGER, CHAMPION))
    return f"{mine} against {theirs}, {words}"


def interval_text(verdict: Mapping[str, Any]) -> str:
    """Effect and interval in figures."""
    low, high = verdict["interval"]
    return f"{verdict['effect']:+.4f}  [{low:+.4f}, {high:+.4f}]"


def interval_picture(verdict: Mapping[str, Any], scale: float = 0.1) -> Text:
    """The interval as a bar around zero, `scale` being the effect at either end of the picture."""
    picture = Text("  worse ", style="dim")
    if verdict["interval"]:
        low, high = (_column(bound, scale) for bound in verdict["interval"])
        middle, centre = _column(verdict["effect"], scale), _column(0.0, scale)
        colour = COLOURS[verdict["decision"]]
        for column in range(WIDTH):
            glyph = "●" if column == middle else "━" if low <= column <= high else "│" if column == centre else "·"
            picture.append(glyph, style=colour if low <= column <= high else "dim")
    return picture.append(" better", style="dim")


def _column(effect: float, scale: float) -> int:
    return round((min(max(effect, -scale), scale) / scale + 1) / 2 * (WIDTH - 1))
