"""The one catalogue of metrics: names, kinds, help texts, labels, buckets.

`CATALOGUE` is data, so that dashboards, alerts and documentation are generated from it. Labels are bounded: every
value comes from a fixed set of ours (tasks, arms, reasons, results), never from what a client sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]

LATENCY_OBJECTIVE_S: Final = 0.15
"""An answer within this many seconds meets the objective; it is a bucket edge, so the share can be read exactly."""

LATENCY_BUCKETS: Final = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, LATENCY_OBJECTIVE_S, 0.2, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric as Prometheus sees it; a counter's series end in ``_total``."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


ANSWERS: Final = MetricSpec(
    "contender_answers_total",
    "counter",
    "Rows answered, by the arm they were assigned to, who answered, and whether a model's label or a review came out.",
    ("task", "assigned_to", "served_by", "result"),
)
FALLBACKS: Final = MetricSpec(
    "contender_fallbacks_total",
    "counter",
    "Rows not answered as assigned, or handed to a person, by reason.",
    ("task", "assigned_to", "reason"),
)
REQUESTS: Final = MetricSpec(
    "contender_requests_total",
    "counter",
    "Requests by operation and outcome class: ok, refused (4xx) or error (5xx).",
    ("task", "operation", "outcome"),
)
LATENCY: Final = MetricSpec(
    "contender_request_seconds",
    "histogram",
    "Time from a prediction request's last byte to its reply, inside the transformer.",
    ("task",),
    LATENCY_BUCKETS,
)
ARM_LATENCY: Final = MetricSpec(
    "contender_arm_call_seconds",
    "histogram",
    "Time of one call to a place that answers: blue, green or baseline; failed calls included.",
    ("task", "place"),
    LATENCY_BUCKETS,
)
ARM_FAILURES: Final = MetricSpec(
    "contender_arm_failures_total", "counter", "Failed calls by place and reason.", ("task", "place", "reason")
)
EJECTED: Final = MetricSpec(
    "contender_arm_ejected", "gauge", "1 while a place is ejected because it kept failing.", ("task", "place")
)
EJECTIONS: Final = MetricSpec("contender_arm_ejections_total", "counter", "Ejections by place.", ("task", "place"))
RETRIES: Final = MetricSpec(
    "contender_retries_total",
    "counter",
    "Further calls wanted after a failed one, by result: made, or denied because the retry budget was spent.",
    ("task", "result"),
)
MIRRORED: Final = MetricSpec(
    "contender_mirrored_total",
    "counter",
    "Answered rows put to the shadow or the baseline in the background, by result: agree, differ, failed, dropped.",
    ("task", "kind", "result"),
)
REFUSALS: Final = MetricSpec(
    "contender_refusals_total",
    "counter",
    "Clients turned away before their request was taken on: overload, batches, connections (503, they may come again), "
    "header_time, header_size, body_time, body_size, unread (cut).",
    ("task", "reason"),
)
IN_FLIGHT_LIMIT: Final = MetricSpec(
    "contender_in_flight_limit", "gauge", "Requests taken on at once, as load allows at the moment.", ("task",)
)
ROUTING_GENERATION: Final = MetricSpec(
    "contender_routing_generation", "gauge", "Generation of the routing in force; -1 before the first.", ("task",)
)
ROUTING_RELOADS: Final = MetricSpec(
    "contender_routing_reloads_total",
    "counter",
    "Routing documents offered, by result: applied, broken or stale.",
    ("task", "result"),
)
ROUTING_REFUSED: Final = MetricSpec(
    "contender_routing_refused", "gauge", "1 while the document last offered is one that is not obeyed.", ("task",)
)
OUTCOMES: Final = MetricSpec("contender_outcomes_total", "counter", "Outcomes accepted.", ("task",))
SPOOL_DEPTH: Final = MetricSpec(
    "contender_spool_depth", "gauge", "Records on disk that are not yet in the store.", ("task",)
)
SPOOL_AGE: Final = MetricSpec(
    "contender_spool_age_seconds", "gauge", "For how long the store has taken nothing though records wait.", ("task",)
)
SPOOL_UNWRITTEN: Final = MetricSpec(
    "contender_spool_unwritten", "gauge", "Exposures held in memory because the disk takes no more.", ("task",)
)
SPOOL_FAILURES: Final = MetricSpec(
    "contender_spool_failures_total",
    "counter",
    "Records lost because disk and memory were full (write), attempts the store refused (ship), records set aside "
    "because the store never takes them (refused), broken lines skipped (damaged), outcomes not judged yet (settle).",
    ("task", "stage"),
)
MODEL: Final = MetricSpec(
    "contender_model_info", "gauge", "1 for the model version that this predictor serves.", ("task", "version")
)

CATALOGUE: Final = (
    ANSWERS, FALLBACKS, REQUESTS, REFUSALS, IN_FLIGHT_LIMIT, LATENCY, ARM_LATENCY, ARM_FAILURES, EJECTED, EJECTIONS,
    RETRIES, MIRRORED, ROUTING_GENERATION, ROUTING_RELOADS, ROUTING_REFUSED, OUTCOMES, SPOOL_DEPTH, SPOOL_AGE,
    SPOOL_UNWRITTEN, SPOOL_FAILURES, MODEL,
)  # fmt: skip
"""Every metric of ours."""


class Metrics:
    """The catalogue's metrics of one process, registered once in `registry`."""

    def __init__(self, registry: CollectorRegistry, specs: tuple[MetricSpec, ...] = CATALOGUE) -> None:
        self._collectors = {spec.name: _collector(spec, registry) for spec in specs}
        self._series: dict[tuple[str, ...], Any] = {}

    def add(self, spec: MetricSpec, *labels: str, amount: float = 1.0) -> None:
        """Count `amount` more on the counter's series with these label values."""
        self._of(spec, labels).inc(amount)

    def set(self, spec: MetricSpec, *labels: str, value: float) -> None:
        """Set the gauge's series with these label values."""
        self._of(spec, labels).set(value)

    def observe(self, spec: MetricSpec, *labels: str, value: float) -> None:
        """Add an observation to the histogram's series with these label values."""
        self._of(spec, labels).observe(value)

    def _of(self, spec: MetricSpec, labels: tuple[str, ...]) -> Any:
        key = (spec.name, *labels)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._collectors[spec.name].labels(*labels)
        return series


def _collector(spec: MetricSpec, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if spec.kind == "counter":
        return Counter(spec.name, spec.help, spec.labels, registry=registry)
    if spec.kind == "gauge":
        return Gauge(spec.name, spec.help, spec.labels, registry=registry)
    return Histogram(spec.name, spec.help, spec.labels, registry=registry, buckets=spec.buckets)
