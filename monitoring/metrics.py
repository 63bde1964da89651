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
    "Further calls to the champion wanted after another arm's failed, by result: made, or denied because the retry "
    "budget was spent and the baseline was asked at once.",
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
    "header_time, header_size, body_time, body_size, unread, http_2, not_http, "
    "encoding, not_gzip (cut).",
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
ROUTING_API_UP: Final = MetricSpec(
    "contender_routing_api_up",
    "gauge",
    "On a cluster, 1 while the Kubernetes API tells of the routing; 0 while only its mounted copy does.",
    ("task",),
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
    "because the store never takes them (refused), broken lines skipped (damaged), outcomes not judged yet (settle), "
    "portions that object storage did not take (put) or give back (adopt).",
    ("task", "stage"),
)
SPOOL_OVERFLOW: Final = MetricSpec(
    "contender_spool_overflow_total",
    "counter",
    "Records that went to object storage because the store was away (put), and that came from there (adopted).",
    ("task", "way"),
)
MODEL: Final = MetricSpec(
    "contender_model_info", "gauge", "1 for the model version that this predictor serves.", ("task", "version")
)

SERVING: Final = (
    ANSWERS, FALLBACKS, REQUESTS, REFUSALS, IN_FLIGHT_LIMIT, LATENCY, ARM_LATENCY, ARM_FAILURES, EJECTED, EJECTIONS,
    RETRIES, MIRRORED, ROUTING_GENERATION, ROUTING_RELOADS, ROUTING_REFUSED, ROUTING_API_UP, OUTCOMES, SPOOL_DEPTH,
    SPOOL_AGE, SPOOL_UNWRITTEN, SPOOL_FAILURES, SPOOL_OVERFLOW, MODEL,
)  # fmt: skip
"""What servers export of themselves."""


def _watched(name: str, meaning: str, *labels: str) -> MetricSpec:
    """A gauge that the exporter reads from the records; "the last day" and the like end when it is read."""
    return MetricSpec(f"contender_{name}", "gauge", meaning, ("task", *labels))


DRIFT_VERDICT: Final = _watched(
    "drift_verdict",
    "The newest drift verdict by kind (features, prediction, confidence, reward, calibration, all): "
    "-1 not enough data, 0 ok, 1 warn, 2 drift, 3 error.",
    "kind",
)
DRIFT_COLUMNS: Final = _watched(
    "drift_columns", "Signals judged in the newest window by state: ok, warn, drift.", "state"
)
DRIFT_DISTANCE: Final = _watched(
    "drift_distance",
    "How far the newest window is from the training reference by signal; 1 is where drift begins.",
    "signal",
)
DRIFT_P: Final = _watched(
    "drift_p", "Smallest p-value of the newest window's drift tests, corrected for their number.", "kind"
)
DRIFT_ROWS: Final = _watched("drift_rows", "Rows in the newest window that was judged.")
DRIFT_AGE: Final = _watched("drift_age_seconds", "Seconds since drift was last judged.")

QUALITY_FAULTS: Final = _watched("quality_faults", "Faults in the newest file checked, by issue type.", "type")
QUALITY_ROWS: Final = _watched("quality_rows", "Rows of the newest file checked, by result: good, bad.", "result")
QUALITY_FILES: Final = _watched("quality_files", "Files checked in the last 7 days, by result: ok, faulty.", "result")
QUALITY_AGE: Final = _watched("quality_age_seconds", "Seconds since a file was last checked.")

EXPERIMENT_RUNNING: Final = _watched("experiment_running", "1 while an experiment runs, else 0.")
EXPERIMENT_INFO: Final = _watched("experiment_info", "1 for the running experiment, by its id.", "experiment")
EXPERIMENT_AGE: Final = _watched("experiment_age_seconds", "Seconds since the running experiment began.")
EXPERIMENT_UNITS: Final = _watched(
    "experiment_units",
    "Units of the running experiment by arm and stage: assigned, matured, missing, with_outcome.",
    "arm",
    "stage",
)
EXPERIMENT_REWARD: Final = _watched(
    "experiment_reward", "Mean of the plan's primary metric over the units whose window has closed, by arm.", "arm"
)
EXPERIMENT_METRIC: Final = _watched(
    "experiment_metric_mean",
    "Mean of each secondary and guardrail metric of the plan over the units whose window has closed, by arm.",
    "metric",
    "arm",
)
EXPERIMENT_SHARE: Final = _watched("experiment_share", "Share of the units that each arm gets now.", "arm")
EXPERIMENT_EFFECT: Final = _watched(
    "experiment_effect",
    "An arm minus the champion at the last look, and the ends of its always-valid interval, "
    "by bound: estimate, low, high.",
    "arm",
    "bound",
)
EXPERIMENT_RATIO_P: Final = _watched(
    "experiment_sample_ratio_p", "Always-valid p-value of the sample-ratio test at the last look."
)
EXPERIMENT_VERDICT: Final = _watched(
    "experiment_verdict",
    "1 for the last look's decision (promote, roll_back, hold, error), 0 for the others.",
    "decision",
)
EXPERIMENT_GUARDRAIL: Final = _watched(
    "experiment_guardrail_breached",
    "1 while a guardrail is breached: fallback, error, slow, review, reward or impact of a group.",
    "guardrail",
)
EXPERIMENT_GUARDRAIL_STATE: Final = _watched(
    "experiment_guardrail_state",
    "A guardrail at the last look, the worst of all arms: 0 passed, 1 open, 2 breached.",
    "guardrail",
)
EXPERIMENT_RATE: Final = _watched(
    "experiment_guardrail_rate", "The rate that a guardrail compares, by arm.", "guardrail", "arm"
)
EXPERIMENT_LOOK_AGE: Final = _watched(
    "experiment_look_age_seconds", "Seconds since the running experiment's last look."
)
EXPERIMENT_TIME_LEFT: Final = _watched(
    "experiment_time_left_seconds", "About how many more seconds a hold waits, at the rate so far."
)

RETRAINING_RUNS: Final = _watched(
    "retraining_runs",
    "Retraining runs of the last 30 days, by reason (weekly, drift, decay, asked) and result "
    "(running, challenger, refused, failed, untrained).",
    "reason",
    "result",
)
RETRAINING_FAILED: Final = _watched("retraining_failed", "1 when the newest retraining run failed, else 0.")
RETRAINING_AGE: Final = _watched("retraining_age_seconds", "Seconds since the newest retraining run began.")
RETRAINING_BUDGET: Final = _watched("retraining_budget_left", "Retraining runs that the budget still allows.")

MODEL_AGE: Final = _watched("model_age_seconds", "Seconds since the champion began to serve everyone.")
REVIEW_BACKLOG: Final = _watched(
    "review_backlog", "Predictions of the last 7 days handed to a person that have no outcome yet."
)
FUNNEL: Final = _watched(
    "funnel",
    "Predictions of the last day by arm and stage: answered, labelled (not a review), known (labelled, with an "
    "outcome), accepted (the outcome is the label).",
    "arm",
    "stage",
)
FALLBACK_SHARE: Final = _watched("fallback_share", "Share of the last day's predictions not served as assigned.")
OUTCOMES_HELD: Final = _watched("outcomes_held", "Outcomes in the store by state: pending, judged, refused.", "state")
RELEASE_STATE: Final = _watched(
    "release_state", "1 for the release's phase (idle, prepared, experimenting, promoting, promoted), else 0.", "phase"
)
RELEASE_VERSION: Final = _watched(
    "release_version_info", "1 for each version in place: its arm, slot and version.", "arm", "slot", "version"
)
RELEASE_SUSPENDED: Final = _watched("release_suspended", "1 while everybody is handed to a person, else 0.")
RELEASE_UNFINISHED: Final = _watched("release_unfinished_seconds", "Seconds that an unfinished transition has lasted.")
AUDIT_VALID: Final = _watched("audit_valid", "1 while the audit trail's chain and anchors hold, 0 once they do not.")
AUDIT_RECORDS: Final = _watched("audit_records", "Records of the audit trail that were not pruned.")
EXPORTED: Final = _watched(
    "exported",
    "1 while a part of the records could be read, 0 while it could not: release, experiment, drift, quality, "
    "retraining, traffic, audit.",
    "part",
)

WATCHED: Final = (
    DRIFT_VERDICT, DRIFT_COLUMNS, DRIFT_DISTANCE, DRIFT_P, DRIFT_ROWS, DRIFT_AGE, QUALITY_FAULTS, QUALITY_ROWS,
    QUALITY_FILES, QUALITY_AGE, EXPERIMENT_RUNNING, EXPERIMENT_INFO, EXPERIMENT_AGE, EXPERIMENT_UNITS,
    EXPERIMENT_REWARD, EXPERIMENT_METRIC, EXPERIMENT_SHARE, EXPERIMENT_EFFECT, EXPERIMENT_RATIO_P,
    EXPERIMENT_VERDICT, EXPERIMENT_GUARDRAIL, EXPERIMENT_GUARDRAIL_STATE, EXPERIMENT_RATE, EXPERIMENT_LOOK_AGE,
    EXPERIMENT_TIME_LEFT, RETRAINING_RUNS, RETRAINING_FAILED, RETRAINING_AGE, RETRAINING_BUDGET, MODEL_AGE,
    REVIEW_BACKLOG, FUNNEL, FALLBACK_SHARE, OUTCOMES_HELD, RELEASE_STATE, RELEASE_VERSION, RELEASE_SUSPENDED,
    RELEASE_UNFINISHED, AUDIT_VALID, AUDIT_RECORDS, EXPORTED,
)  # fmt: skip
"""What the exporter reads from the store; no server exports these."""


CATALOGUE: Final = (*SERVING, *WATCHED)
"""Every metric of ours."""


class Metrics:
    """The metrics of one process, `specs` of the catalogue, registered once in `registry`."""

    def __init__(self, registry: CollectorRegistry, specs: tuple[MetricSpec, ...] = SERVING) -> None:
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
