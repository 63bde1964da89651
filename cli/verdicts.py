"""An experiment as the command shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.output import pairs

if TYPE_CHECKING:
    from contender.adapters.store_sql import Store

WIDTH = 41
COLOURS: Mapping[str, str] = {"promote": "green", "roll back": "red", "hold": "yellow", "error": "red"}


def summary(store: Store, task: str) -> dict[str, Any] | None:
    """The task's latest experiment with its latest verdict, as last looked at; None when there never was one."""
    known = store.experiments(task)
    if not known:
        return None
    looks = store.looks(known[-1]["id"])
    return {**known[-1], "looks": len(looks), "verdict": looks[-1]["verdict"] if looks else None}


def facts(document: Mapping[str, Any]) -> dict[str, object]:
    """An experiment's terms as names and values for a table."""
    return {
        "id": document["id"],
        "champion": f"version {document['champion']}",
        "challenger": f"version {document['challenger']}",
        "share": f"{document['shares'][-1][1]:.0%}" if document["shares"] else "none yet",
        "status": document["status"],
        "plan": f"α {document['plan']['alpha']:g}, smallest effect {document['plan']['smallest_effect']:g}, "
        f"digest {document['plan_digest'][:12]}",
    }


def experiment_parts(document: Mapping[str, Any]) -> list[Any]:
    """An experiment and its verdict, ready to print."""
    verdict = document["verdict"]
    parts: list[Any] = [pairs(facts(document), "experiment")]
    if verdict is not None:
        parts.append(interval_picture(verdict))
    return [*parts, pairs(verdict_lines(verdict))]


def verdict_lines(verdict: Mapping[str, Any] | None) -> dict[str, object]:
    """A verdict as names and values for a table."""
    if verdict is None:
        return {"verdict": "not looked at yet: contender experiment status"}
    lines: dict[str, object] = {
        "verdict": f"[bold {COLOURS[verdict['decision']]}]{verdict['decision']}[/]",
        "reason": verdict["reason"],
        "units with an outcome": verdict["units"],
    }
    if verdict["interval"]:
        lines["effect on reward"] = interval_text(verdict)
    if verdict["more_units"]:
        lines["about how many more"] = verdict["more_units"]
    if verdict.get("more_days") is not None:
        lines["at this rate"] = f"{verdict['more_days']:,.1f} days"
    lines["sample ratio p"] = verdict["srm_p"]
    for name, guardrail in verdict["guardrails"].items():
        lines[name if " " in name else f"{name} rate"] = guardrail_text(name, guardrail)
    return lines


def guardrail_text(name: str, guardrail: Mapping[str, Any]) -> str:
    """Challenger against champion: rates as parts of a hundred, rewards and impact ratios of groups as they are."""
    form = ".3f" if " " in name else ".1%"
    mark = "breached" if guardrail["breached"] else "ok"
    return f"{guardrail['challenger']:{form}} against {guardrail['champion']:{form}}, {mark}"


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
