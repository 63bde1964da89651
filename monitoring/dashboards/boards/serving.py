"""Serving: is everybody answered, in time, and by whom they should be."""

from __future__ import annotations

from typing import Final

from monitoring import metrics as m
from monitoring.dashboards.panel import YES_IS_BAD, Board, Mark, Row, lines, listed, stat
from monitoring.metrics import LATENCY_OBJECTIVE_S, MetricSpec
from monitoring.promql import equal, of_task, rate

PREDICT: Final = equal("operation", "predict")
HELPED: Final = 'reason!="low_confidence"'
"""An unsure answer is handed to a person on purpose: nothing failed."""


def by(label: str, spec: MetricSpec, *matchers: str) -> str:
    """The rate of a counter, by one or more labels."""
    return f"sum by ({label}) ({rate(of_task(spec, *matchers))})"


def quantile(share: float, spec: MetricSpec, *labels: str) -> str:
    """The time within which `share` of the calls ended."""
    kept = ", ".join(("le", *labels))
    return f"histogram_quantile({share}, sum by ({kept}) ({rate(of_task(spec, part='_bucket'))}))"


def of_process(name: str) -> str:
    """A process's own metric, of those that serve the task: they are known by what else they export."""
    servers = f"({of_task(m.ROUTING_GENERATION)} or {of_task(m.MODEL)})"
    return f"{name} and on (instance) {servers}"


ANSWERED: Final = (
    f"1 - ((sum({rate(of_task(m.REQUESTS, PREDICT, equal('outcome', 'error')))}) or vector(0)) / "
    f"sum({rate(of_task(m.REQUESTS, PREDICT))}))"
)
IN_TIME: Final = (
    f"sum({rate(of_task(m.LATENCY, equal('le', LATENCY_OBJECTIVE_S), part='_bucket'))}) / "
    f"sum({rate(of_task(m.LATENCY, part='_count'))})"
)

OBJECTIVES: Final = Row(
    "Objectives",
    (
        stat(
            "Answered",
            "Share of the requests that did not end in an error of ours.",
            (ANSWERED, "ok"),
            unit="percentunit",
        ),
        stat("In time", "Share of the requests answered within 150 ms.", (IN_TIME, "in time"), unit="percentunit"),
        stat(
            "Requests",
            "Prediction requests a second.",
            (f"sum({rate(of_task(m.REQUESTS, PREDICT))})", "rate"),
            unit="reqps",
        ),
        stat("p99", "99 of 100 requests were answered faster.", (quantile(0.99, m.LATENCY), "p99"), unit="s"),
        stat(
            "Fell back",
            "Share of the answers that did not come from whom they should have.",
            (f"(sum({rate(of_task(m.FALLBACKS, HELPED))}) or vector(0)) / sum({rate(of_task(m.ANSWERS))})", "fallback"),
            unit="percentunit",
        ),
        stat(
            "Place ejected",
            "Whether a place gets no calls because it kept failing.",
            (f"max({of_task(m.EJECTED)})", "ejected"),
            states=YES_IS_BAD,
        ),
    ),
)

TRAFFIC: Final = Row(
    "Rate and errors",
    (
        lines(
            "Requests by outcome",
            "ok, refused (4xx) or error (5xx).",
            (by("operation, outcome", m.REQUESTS), "{{operation}} {{outcome}}"),
            unit="reqps",
        ),
        lines(
            "Answers by result",
            "A model's label, or a review by a person.",
            (by("assigned_to, result", m.ANSWERS), "{{assigned_to}} {{result}}"),
            unit="ops",
        ),
        lines(
            "Turned away",
            "Clients refused before their request was taken on, by reason.",
            (by("reason", m.REFUSALS), "{{reason}}"),
            unit="ops",
        ),
    ),
)

LATENCY: Final = Row(
    "Latency",
    (
        lines(
            "Inside the transformer",
            "From a request's last byte to its reply.",
            *((quantile(share, m.LATENCY), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            unit="s",
        ),
        lines(
            "Calls to a place, p50",
            "Failed calls included.",
            (quantile(0.5, m.ARM_LATENCY, "place"), "{{place}}"),
            unit="s",
        ),
        lines(
            "Calls to a place, p99",
            "Failed calls included.",
            (quantile(0.99, m.ARM_LATENCY, "place"), "{{place}}"),
            unit="s",
        ),
    ),
)

LADDER: Final = Row(
    "Fallback ladder and breakers",
    (
        lines(
            "Answers by who served",
            "Assigned arm, champion, baseline, or none: a review made in the transformer.",
            (by("served_by", m.ANSWERS), "{{served_by}}"),
            unit="ops",
        ),
        lines(
            "Fallbacks by reason",
            "Rows not answered as assigned, or handed to a person.",
            (by("assigned_to, reason", m.FALLBACKS), "{{assigned_to}} {{reason}}"),
            unit="ops",
        ),
        lines(
            "Failed calls",
            "By place and reason.",
            (by("place, reason", m.ARM_FAILURES), "{{place}} {{reason}}"),
            unit="ops",
        ),
        lines(
            "Breakers",
            "1 while a place is ejected; ejections in the last hour beside it.",
            (of_task(m.EJECTED), "{{place}} ejected"),
            (f"sum by (place) (increase({of_task(m.EJECTIONS)}[1h]))", "{{place}} ejections, 1 h"),
        ),
        lines(
            "Retries on the champion",
            "Made, or denied because the budget was spent.",
            (by("result", m.RETRIES), "{{result}}"),
            unit="ops",
        ),
        lines(
            "Mirrored",
            "Rows put to the shadow or the baseline in the background.",
            (by("kind, result", m.MIRRORED), "{{kind}} {{result}}"),
            unit="ops",
        ),
    ),
)

RECORDS: Final = Row(
    "Records",
    (
        lines(
            "Spool depth",
            "Records on disk that are not yet in the store, and exposures that are only in memory.",
            (of_task(m.SPOOL_DEPTH), "on disk"),
            (of_task(m.SPOOL_UNWRITTEN), "in memory only"),
        ),
        lines(
            "Spool age",
            "For how long the store has taken nothing though records wait.",
            (of_task(m.SPOOL_AGE), "age"),
            unit="s",
        ),
        lines(
            "Outcomes and trouble with records",
            "Outcomes accepted; records lost, refused or damaged, by stage.",
            (f"sum({rate(of_task(m.OUTCOMES))})", "outcomes"),
            (by("stage", m.SPOOL_FAILURES), "failed: {{stage}}"),
            (by("way", m.SPOOL_OVERFLOW), "bucket: {{way}}"),
            unit="ops",
        ),
    ),
)

SATURATION: Final = Row(
    "Saturation",
    (
        lines(
            "Processor",
            "Of one core, by server.",
            (of_process("rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}"),
            unit="percentunit",
        ),
        lines(
            "Memory",
            "Resident, by server.",
            (of_process("process_resident_memory_bytes"), "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "Requests taken on at once",
            "The limit, as load allows at the moment.",
            (of_task(m.IN_FLIGHT_LIMIT), "limit"),
        ),
        listed(
            "Versions served",
            "What each predictor says it serves.",
            of_task(m.MODEL),
            "{{instance}} version {{version}}",
            width=8,
        ),
        lines("Routing generation", "What is obeyed.", (of_task(m.ROUTING_GENERATION), "generation")),
        lines(
            "Routing documents offered",
            "Applied, broken or stale; 1 while the newest is refused.",
            (by("result", m.ROUTING_RELOADS), "{{result}}"),
            (of_task(m.ROUTING_REFUSED), "refused"),
        ),
    ),
)

BOARD: Final = Board(
    "contender-serving",
    "Contender / Serving",
    "Rate, errors, latency, fallbacks, breakers, records and saturation of the servers.",
    (OBJECTIVES, TRAFFIC, LATENCY, LADDER, RECORDS, SATURATION),
    marks=(Mark("routing changed", f"changes({of_task(m.ROUTING_GENERATION)}[2m]) > 0", "blue"),),
    span="now-1h",
)
