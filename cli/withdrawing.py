"""`contender experiment withdraw`: outcomes that should never have come are taken back, by when they arrived."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from cli import experiment
from cli.clearing import check_actor
from cli.compose import Workplace
from cli.home import at_home
from cli.looking import trail_of
from cli.output import JsonFlag, TaskOption, pairs, show
from contender.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from contender.adapters.store_sql import Span, Withdrawn

WITHDREW: Final = "withdraw outcomes"
"""The event of the audit record that says that outcomes were taken back."""

_MOMENT: Final = "such as 2026-11-28T09:30 (local time, or with an offset), or seconds since the epoch"


def withdraw(  # noqa: PLR0913, PLR0917 - options of a command
    reason: Annotated[str, typer.Option(help="Why these outcomes should never have come.")],
    since: Annotated[str, typer.Option(help="The first moment at which they arrived.")],
    until: Annotated[str, typer.Option(help="The moment before which they arrived.")],
    metric: Annotated[str, typer.Option(help="Of this metric alone; of all if left out.")] = "",
    task: TaskOption = "job-change",
    look: Annotated[bool, typer.Option("--look", help="Only show what would be taken back.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Take a wrong batch of outcomes back: all that arrived within a span of time, whosever they are.

    Rewards and running experiments are then built anew from the outcomes that stay. Send the right ones again, under
    the same names if you like: they count as far as they arrive before the values they belong to are final. The audit
    record keeps span, numbers by arm and reason. Where promotions need an approval, whoever prepared the challenger or
    started the experiment cannot take outcomes back.

    Example: contender experiment withdraw --since 2026-11-28T09:30 --until 2026-11-28T09:35 --reason "sent twice"
    """
    place = at_home(task)
    from contender.adapters.store_sql import Span

    span = Span(moment_of(since, "--since"), moment_of(until, "--until"), metric)
    found = place.store.arrived(place.task.name, span) if look else take_back(place, span, reason)
    show({"withdrawn": not look, **_detail(span, found)}, as_json, _render)
    return 0


def take_back(place: Workplace, span: Span, reason: str) -> Withdrawn:
    """Take back what arrived within the span; the audit trail says so first.

    Raises:
        InvalidInput: no reason, or a span that ends before it begins.
        Refused: nothing arrived then, or who asks brought the experiment about.
    """
    if not reason.strip():
        raise InvalidInput("--reason", "must say why")
    if not span.since < span.until:
        raise InvalidInput("--until", "must be later than --since")
    actor = place.settings.actor
    check_actor(place, actor, "take its outcomes back")
    found = place.store.arrived(place.task.name, span)
    if not found.outcomes:
        raise Refused("no outcome arrived in that span", remedy="name another --since and --until")
    detail = {**_detail(span, found), "reason": reason}
    trail_of(place).append(WITHDREW, at=time.time(), actor=actor, detail=detail)
    withdrawn = place.store.withdraw(place.task.name, span, time.time())
    place.store.settle(place.task.name, place.task.reward)
    return withdrawn


def moment_of(text: str, option: str) -> float:
    """The moment that `text` names, in seconds since the epoch.

    Raises:
        InvalidInput: it names none.
    """
    try:
        moment = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):
            moment = math.nan
    if not math.isfinite(moment):
        raise InvalidInput(option, f"must be a moment {_MOMENT}")
    return moment


def _detail(span: Span, found: Withdrawn) -> dict[str, Any]:
    named = {"metric": span.metric} if span.metric else {}
    return {"since": span.since, "until": span.until, **named, "outcomes": found.outcomes, "units": found.units}


def _render(document: Mapping[str, Any]) -> Table:
    what = "taken back" if document["withdrawn"] else "would be taken back"
    lines: dict[str, object] = {f"outcomes {what}": f"{document['outcomes']:,}"}
    for name, arms in document["units"].items():
        lines[f"people of {name}"] = ", ".join(f"{arm} {count:,}" for arm, count in arms.items())
    return pairs(lines, "withdrawn" if document["withdrawn"] else "nothing was changed")


def register(root: typer.Typer) -> None:
    """Add the command to the group `experiment`, which `root` holds already."""
    del root
    experiment.app.command()(withdraw)
