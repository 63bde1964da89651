"""Who is told of what: pages at once and again, tickets once a day, what is only good to know to nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

PAGER: Final = "pager"
TICKETS: Final = "tickets"
WATCHDOG: Final = "watchdog"
NOBODY: Final = "nobody"

SILENCED: Final = (
    ("ContenderSuspended", "ContenderFallbackRateHigh|ContenderChallengerDown|ContenderReviewBacklog"),
    ("ContenderErrorsBurnFast", "ContenderErrorsBurnSlow"),
    ("ContenderLatencyBurnFast", "ContenderLatencyBurnSlow"),
    ("ContenderPlaceEjected", "ContenderFallbackRateHigh|ContenderChallengerDown"),
    ("ContenderSampleRatioMismatch", "ContenderVerdictWaits"),
    ("ContenderRecordsUnreadable", "ContenderDriftUnmeasured|ContenderExperimentStuck"),
)
"""While the first fires for a task, the others say nothing new about it."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Webhook addresses, by what is sent there; an empty one is told nothing, and Alertmanager shows all."""

    pager: str = ""
    tickets: str = ""
    watchdog: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long alerts are gathered before they are sent, and before a group that grew is sent again."""

    gather: str = "15s"
    again: str = "2m"


def alertmanager(receivers: Receivers, patience: Patience | None = None) -> dict[str, Any]:
    """The configuration of an Alertmanager."""
    waits = patience or Patience()
    urls = {PAGER: receivers.pager, TICKETS: receivers.tickets, WATCHDOG: receivers.watchdog, NOBODY: ""}
    return {
        "route": {
            "receiver": TICKETS,
            "group_by": ["task", "alertname"],
            "group_wait": waits.gather,
            "group_interval": waits.again,
            "repeat_interval": "1d",
            "routes": [
                {"receiver": WATCHDOG, "matchers": ['alertname="ContenderWatchdog"'], "repeat_interval": "5m"},
                {"receiver": PAGER, "matchers": ['severity="page"'], "repeat_interval": "1h"},
                {"receiver": NOBODY, "matchers": ['severity="info"']},
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{source}"'],
                "target_matchers": [f'alertname=~"{target}"'],
                "equal": ["task"],
            }
            for source, target in SILENCED
        ],
        "receivers": [_receiver(name, url) for name, url in urls.items()],
    }


def _receiver(name: str, url: str) -> dict[str, Any]:
    return {"name": name, **({"webhook_configs": [{"url": url, "send_resolved": True}]} if url else {})}
