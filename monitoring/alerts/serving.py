"""Alerts of the servers: places, fallbacks, records, routing."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.alerts.rule import Alert, Group
from monitoring.promql import equal, risen, series

HELPED: Final = 'reason!~"low_confidence|suspended"'
"""An unsure answer is handed to a person on purpose, and a suspension has an alert of its own."""
CROWDED: Final = 'reason=~"overload|batches|connections"'
CHALLENGER: Final = 'assigned_to=~"challenger.*"'


def _per_second(selector: str, by: str = "task") -> str:
    return f"sum by ({by}) (rate({selector}[5m]))"


FALLBACK_SHARE: Final = f"{_per_second(series(m.FALLBACKS, HELPED))} / {_per_second(series(m.ANSWERS))}"
BY_ITSELF: Final = _per_second(series(m.ANSWERS, CHALLENGER, 'served_by=~"challenger.*"'), "task, assigned_to")
MEANT_FOR_IT: Final = _per_second(series(m.ANSWERS, CHALLENGER), "task, assigned_to")
LOST: Final = series(m.SPOOL_FAILURES, 'stage=~"write|refused|damaged"')

GROUP: Final = Group(
    "contender-serving",
    (
        Alert(
            "ContenderTargetDown",
            "page",
            'up{job=~"contender-(transformer|exporter)"} == 0 or up{namespace="contender"} == 0',
            "3m",
            "{{ $labels.job }} at {{ $labels.instance }} does not answer Prometheus",
            "Nothing was read of it for 3 minutes: it is down, or cannot be reached.",
        ),
        Alert(
            "ContenderPlaceEjected",
            "page",
            f"{series(m.EJECTED)} == 1",
            "2m",
            "{{ $labels.task }}: {{ $labels.place }} is ejected because it keeps failing",
            "Its people have been answered by others for 2 minutes.",
        ),
        Alert(
            "ContenderChallengerDown",
            "page",
            f"(({BY_ITSELF}) or {MEANT_FOR_IT} * 0) / ({MEANT_FOR_IT} > 0) < 0.5",
            "2m",
            "{{ $labels.task }}: {{ $labels.assigned_to }} answers less than half of its own people",
            "It answered {{ $value | humanizePercentage }} of those assigned to it; others answered the rest.",
        ),
        Alert(
            "ContenderFallbackRateHigh",
            "page",
            f"{FALLBACK_SHARE} > 0.05",
            "5m",
            "{{ $labels.task }}: too many answers do not come from whom they should",
            "{{ $value | humanizePercentage }} of the answers fell back within 5 minutes; 5 % is the limit.",
        ),
        Alert(
            "ContenderOverloaded",
            "ticket",
            f"{_per_second(series(m.REFUSALS, CROWDED))} > 1",
            "5m",
            "{{ $labels.task }}: clients are turned away because too many come at once",
            "{{ $value | humanize }} a second, for 5 minutes.",
        ),
        Alert(
            "ContenderExposureLoss",
            "page",
            risen(LOST, "15m"),
            "0m",
            "{{ $labels.task }}: records of answers were lost ({{ $labels.stage }})",
            "{{ $value | humanize }} within 15 minutes. Outcomes of these people can never be joined.",
        ),
        Alert(
            "ContenderSpoolUnwritten",
            "page",
            f"{series(m.SPOOL_UNWRITTEN)} > 0",
            "1m",
            "{{ $labels.task }}: exposures are held in memory because the disk takes no more",
            "{{ $value | humanize }} of them. A restart would lose them.",
        ),
        Alert(
            "ContenderSpoolGrowing",
            "ticket",
            f"{series(m.SPOOL_AGE)} > 300",
            "5m",
            "{{ $labels.task }}: the store has taken no records for a while",
            "Records have been waiting on disk for {{ $value | humanizeDuration }}.",
        ),
        Alert(
            "ContenderOutcomesUnsettled",
            "ticket",
            risen(series(m.SPOOL_FAILURES, equal("stage", "settle")), "1h"),
            "30m",
            "{{ $labels.task }}: outcomes cannot be judged",
            "{{ $value | humanize }} attempts failed within an hour.",
        ),
        Alert(
            "ContenderRoutingRefused",
            "page",
            f"{series(m.ROUTING_REFUSED)} == 1",
            "1m",
            "{{ $labels.task }}: the newest routing document is not obeyed",
            "{{ $labels.instance }} keeps to the last good one: a promotion or an undo has no effect there.",
        ),
        Alert(
            "ContenderRoutingApiAway",
            "ticket",
            f"{series(m.ROUTING_API_UP)} == 0",
            "5m",
            "{{ $labels.task }}: the Kubernetes API does not tell of the routing",
            "{{ $labels.instance }} reads the mounted copy: a switch takes a minute instead of a fraction of a second.",
        ),
        Alert(
            "ContenderRoutingsDisagree",
            "page",
            f"max by (task) ({series(m.ROUTING_GENERATION)}) != min by (task) ({series(m.ROUTING_GENERATION)})",
            "3m",
            "{{ $labels.task }}: transformers obey different routings",
            "Some people meet another arm than they should. The newest generation is {{ $value }}.",
        ),
    ),
)
