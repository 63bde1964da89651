"""What the last look tells beside its verdict: other metrics, reviews and their price, missing outcomes, latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cli.dossier.contents import Dossier
from cli.dossier.figures import moment, percent, plain, signed, span
from cli.dossier.markup import Html, element
from cli.dossier.tables import grid
from contender.values import CHAMPION

_NO_ARMS: Final = ("price", "step", "effect")
_FATES: Final = ("units", "matured", "answered", "with_value", "missing")
_FATE_WORDS: Final = ("people", "window closed", "answered by a model", "with a value", "missing")


def secondary(dossier: Dossier) -> Html | None:
    """The metrics that inform, and those that guard."""
    reports: Mapping[str, Mapping[str, Any]] = dossier.details.get("metrics", {})
    if not reports:
        return None
    rows = [_report(name, report) for name, report in reports.items()]
    note = (
        "Secondary metrics inform and decide nothing. Few of those marked as discoveries are false (e-BH at the plan's "
        "level), and one may vanish at the next look."
    )
    columns = ("metric", CHAMPION, "challenger", "difference", "interval", "covers", "role")
    return element("div", element("p", note), grid("Other metrics", columns, rows))


def reviews(dossier: Dossier) -> Html | None:
    """How often either arm referred to a person, and how far the effect rests on what that is worth."""
    found: Mapping[str, Any] = dossier.details.get("reviews", {})
    if "price" not in found:
        return None
    step, effects = found["step"], found["effect"]
    rows = [
        (f"{plain(found['price'] + change)}", signed(effects[name]))
        for name, change in (("lower", -step), ("same", 0.0), ("higher", step))
    ]
    arms = {arm: rate for arm, rate in found.items() if arm not in _NO_ARMS}
    rates = ", ".join(f"{percent(rate)} by the {arm}" for arm, rate in arms.items())
    note = f"People whose first answer was a review: {rates}. A review earns its price; at other prices the effect is:"
    return element("div", element("p", note), grid("Effect by the price of a review", ("price", "effect"), rows))


def latency(dossier: Dossier) -> Html | None:
    """Quantiles of each person's worst latency, by arm."""
    arms: Mapping[str, Mapping[str, Any]] = dossier.details.get("latency_ms", {})
    rows = [
        (f"{arm}, {name}", plain(found["estimate_ms"]), plain(found["low_ms"]), plain(found["high_ms"]))
        for arm, quantiles in arms.items()
        for name, found in quantiles.items()
    ]
    columns = ("", "ms", "at least", "at most")
    return grid("Each person's worst latency, with always-valid bounds", columns, rows) if rows else None


def shadow(dossier: Dossier) -> Html | None:
    """How often the shadow agrees with the champion, and how sure it is against what it earned."""
    last = dossier.verdict or {}
    arms = (last, *last.get("others", {}).values())
    found = next((told for one in arms if (told := one.get("details", {}).get("shadow"))), None)
    if found is None:
        return None
    sure = found["calibration"]
    rows = [
        ("Same answer as the champion's", percent(found["agreement"]), found["units"]),
        ("Mean confidence", percent(sure["confidence"]), sure["units"]),
        ("Mean reward of its answers, by the outcomes that came", percent(sure["earned"]), sure["units"]),
    ]
    return grid("The shadow, whose answers are recorded and not returned", ("", "value", "people"), rows)


def outcomes(dossier: Dossier) -> Html | None:
    """Whose window has closed, who has a value, and what missing outcomes leave possible."""
    found: Mapping[str, Any] = dossier.details.get("outcomes", {})
    arms = {name: fates for name, fates in found.items() if isinstance(fates, Mapping) and "matured" in fates}
    if not arms:
        return None
    rows = [(name, *(fates[fate] for fate in _FATES)) for name, fates in arms.items()]
    table = grid("From people to values", ("arm", *_FATE_WORDS), rows)
    bounds: Mapping[str, Sequence[float]] = found.get("bounds", {})
    if not bounds:
        return table
    words = (
        f"Whatever the missing outcomes were, the effect lies within {span(list(bounds['manski']))} (Manski); if the "
        f"arm only adds outcomes or only loses them, within {span(list(bounds['lee']))} (Lee)."
    )
    return element("div", table, element("p", words))


def cleared(dossier: Dossier) -> Html | None:
    """Units that a person left out, and what the verdict would have been with them."""
    decisions: Sequence[Mapping[str, Any]] = dossier.experiment.get("cleared", ())
    if not decisions:
        return None
    rows = [(one["kind"], len(one["units"]), one["reason"], one["actor"], moment(one["at"])) for one in decisions]
    table = grid("Units left out by a person", ("fault", "units", "reason", "by", "when"), rows)
    whole: Mapping[str, Any] = dossier.details.get("without_clearing", {})
    words = f"With them the verdict would be: {whole['decision']}, {whole['reason']}" if whole else None
    return element("div", table, element("p", words) if words else None)


def _report(name: str, report: Mapping[str, Any]) -> tuple[object, ...]:
    shown = percent if report["type"] == "proportion" else plain
    role = f"{report['role']}, a discovery" if report["discovery"] else report["role"]
    return (
        name,
        shown(report["champion"]),
        shown(report["challenger"]),
        signed(report["effect"]),
        span(report["interval"]),
        percent(1.0 - report["level"]) if report["interval"] else None,
        role,
    )
