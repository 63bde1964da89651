"""For every alert the series under which it fires, and those under which it must not: promtool's own notation.

``A+BxN`` begins at A and adds B at each of N further steps, of a minute if the case does not say otherwise.
What is expected is the whole of what is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = Mapping[str, str]
TASK = 'task="job-change"'
HERE = {"task": "job-change"}
STEP = 10
DAYS = 4 * 24 * 60 // STEP
"""Four days in steps of ten minutes: long windows need no finer samples, and promtool takes its time."""


@dataclass(frozen=True)
class Case:
    """An alert at minute `at`: with `firing` it fires with these `labels` and words, with `quiet` it does not."""

    alert: str
    firing: Series
    quiet: Series
    summary: str
    description: str
    labels: Mapping[str, str] = field(default_factory=lambda: HERE)
    at: int = 30
    step: int = 1


def requests(bad_per_minute: float, minutes: int) -> Series:
    """A hundred requests a minute, some of which end in an error."""
    names = {"ok": 100 - bad_per_minute, "error": bad_per_minute}
    return {
        f'contender_requests_total{{{TASK},operation="predict",outcome="{outcome}"}}': f"0+{count}x{minutes}"
        for outcome, count in names.items()
    }


def latencies(late_per_minute: float, minutes: int) -> Series:
    """A hundred answers a minute, some of which take longer than the objective."""
    return {
        f'contender_request_seconds_bucket{{{TASK},le="0.15"}}': f"0+{100 - late_per_minute}x{minutes}",
        f"contender_request_seconds_count{{{TASK}}}": f"0+100x{minutes}",
    }


def gauge(name: str, value: float, labels: str = "", minutes: int = 120) -> Series:
    """A gauge that stays where it is."""
    inside = ",".join(filter(None, (TASK, labels)))
    return {f"contender_{name}{{{inside}}}": f"{value:g}+0x{minutes}"}


def counter(name: str, per_minute: float, labels: str = "", minutes: int = 120) -> Series:
    """A counter that grows evenly."""
    inside = ",".join(filter(None, (TASK, labels)))
    return {f"contender_{name}_total{{{inside}}}": f"0+{per_minute:g}x{minutes}"}


def answers(by_itself: float, others: float) -> Series:
    """Answers a minute to those assigned to the challenger, by itself and by the champion in its place."""
    return {
        **counter("answers", by_itself, 'assigned_to="challenger",served_by="challenger",result="label"'),
        **counter("answers", others, 'assigned_to="challenger",served_by="champion",result="label"'),
    }


CASES = (
    Case(
        "ContenderErrorsBurnFast",
        requests(2, 90),
        requests(0.5, 90),
        "job-change: requests end in errors, the month's budget will be gone within days",
        "2% of the prediction requests; the objective allows 0.1%.",
        at=80,
    ),
    Case(
        "ContenderErrorsBurnSlow",
        requests(0.4, DAYS),
        requests(0.05, DAYS),
        "job-change: requests end in errors, the month's budget will not last",
        "0.4% of the prediction requests over a day or more; the objective allows 0.1%.",
        at=DAYS * STEP,
        step=STEP,
    ),
    Case(
        "ContenderLatencyBurnFast",
        latencies(20, 90),
        latencies(5, 90),
        "job-change: answers take longer than 150 ms, the month's budget will be gone within days",
        "20% of the prediction requests; the objective allows 1.0%.",
        at=80,
    ),
    Case(
        "ContenderLatencyBurnSlow",
        latencies(4, DAYS),
        latencies(0.5, DAYS),
        "job-change: answers take longer than 150 ms, the month's budget will not last",
        "4% of the prediction requests over a day or more; the objective allows 1.0%.",
        at=DAYS * STEP,
        step=STEP,
    ),
    Case(
        "ContenderTargetDown",
        {'up{job="contender-transformer",instance="a:1"}': "0+0x60"},
        {'up{job="contender-transformer",instance="a:1"}': "1+0x60", 'up{job="another"}': "0+0x60"},
        "contender-transformer at a:1 does not answer Prometheus",
        "Nothing was read of it for 3 minutes: it is down, or cannot be reached.",
        {"job": "contender-transformer", "instance": "a:1"},
    ),
    Case(
        "ContenderPlaceEjected",
        gauge("arm_ejected", 1, 'place="green"'),
        gauge("arm_ejected", 0, 'place="green"'),
        "job-change: green is ejected because it keeps failing",
        "Its people have been answered by others for 2 minutes.",
        {**HERE, "place": "green"},
    ),
    Case(
        "ContenderChallengerDown",
        answers(0, 60),
        answers(50, 10),
        "job-change: challenger answers less than half of its own people",
        "It answered 0% of those assigned to it; others answered the rest.",
        {**HERE, "assigned_to": "challenger"},
    ),
    Case(
        "ContenderFallbackRateHigh",
        {**counter("answers", 100), **counter("fallbacks", 10, 'reason="timeout"')},
        {**counter("answers", 100), **counter("fallbacks", 10, 'reason="low_confidence"')},
        "job-change: too many answers do not come from whom they should",
        "10% of the answers fell back within 5 minutes; 5 % is the limit.",
    ),
    Case(
        "ContenderOverloaded",
        counter("refusals", 120, 'reason="overload"'),
        {**counter("refusals", 30, 'reason="overload"'), **counter("refusals", 600, 'reason="body_size"')},
        "job-change: clients are turned away because too many come at once",
        "2 a second, for 5 minutes.",
    ),
    Case(
        "ContenderExposureLoss",
        {f'contender_spool_failures_total{{{TASK},stage="write"}}': "_x20 1+0x60"},
        {f'contender_spool_failures_total{{{TASK},stage="ship"}}': "0+1x60"},
        "job-change: records of answers were lost (write)",
        "1 within 15 minutes. Outcomes of these people can never be joined.",
        {**HERE, "stage": "write"},
        at=25,
    ),
    Case(
        "ContenderSpoolUnwritten",
        gauge("spool_unwritten", 3),
        gauge("spool_unwritten", 0),
        "job-change: exposures are held in memory because the disk takes no more",
        "3 of them. A restart would lose them.",
    ),
    Case(
        "ContenderSpoolGrowing",
        gauge("spool_age_seconds", 600),
        gauge("spool_age_seconds", 20),
        "job-change: the store has taken no records for a while",
        "Records have been waiting on disk for 10m 0s.",
    ),
    Case(
        "ContenderOutcomesUnsettled",
        counter("spool_failures", 1, 'stage="settle"'),
        counter("spool_failures", 0, 'stage="settle"'),
        "job-change: outcomes cannot be judged",
        "60 attempts failed within an hour.",
        {**HERE, "stage": "settle"},
        at=119,
    ),
    Case(
        "ContenderRoutingRefused",
        gauge("routing_refused", 1, 'instance="a:1"'),
        gauge("routing_refused", 0, 'instance="a:1"'),
        "job-change: the newest routing document is not obeyed",
        "a:1 keeps to the last good one: a promotion or an undo has no effect there.",
        {**HERE, "instance": "a:1"},
    ),
    Case(
        "ContenderRoutingApiAway",
        gauge("routing_api_up", 0, 'instance="a:1"'),
        gauge("routing_api_up", 1, 'instance="a:1"'),
        "job-change: the Kubernetes API does not tell of the routing",
        "a:1 reads the mounted copy: a switch takes a minute instead of a fraction of a second.",
        {**HERE, "instance": "a:1"},
    ),
    Case(
        "ContenderRoutingsDisagree",
        {**gauge("routing_generation", 8, 'instance="a:1"'), **gauge("routing_generation", 7, 'instance="b:1"')},
        {**gauge("routing_generation", 8, 'instance="a:1"'), **gauge("routing_generation", 8, 'instance="b:1"')},
        "job-change: transformers obey different routings",
        "Some people meet another arm than they should. The newest generation is 8.",
    ),
    Case(
        "ContenderSampleRatioMismatch",
        gauge("experiment_sample_ratio_p", 0.001),
        gauge("experiment_sample_ratio_p", 0.5),
        "job-change: the arms do not have the people they should have",
        "Always-valid p is 0.001. No effect of this experiment may be believed.",
    ),
    Case(
        "ContenderGuardrailBreached",
        gauge("experiment_guardrail_breached", 1, 'guardrail="fallback"'),
        gauge("experiment_guardrail_breached", 0, 'guardrail="fallback"'),
        "job-change: guardrail fallback is breached",
        "The challenger does harm by this measure: the verdict is to roll back.",
        {**HERE, "guardrail": "fallback"},
    ),
    Case(
        "ContenderVerdictWaits",
        {**gauge("experiment_running", 1), **gauge("experiment_verdict", 1, 'decision="promote"')},
        {**gauge("experiment_running", 1), **gauge("experiment_verdict", 1, 'decision="hold"')},
        "job-change: the verdict promote waits to be carried out",
        "The experiment has been going on for an hour after its verdict fell.",
        {**HERE, "decision": "promote"},
        at=100,
    ),
    Case(
        "ContenderExperimentStuck",
        {**gauge("experiment_running", 1), **gauge("experiment_look_age_seconds", 90_000)},
        {**gauge("experiment_running", 1), **gauge("experiment_look_age_seconds", 600)},
        "job-change: the experiment does not move",
        "For a day nobody has looked at it, or nobody new has come.",
    ),
    Case(
        "ContenderExperimentStuck",
        {
            **gauge("experiment_age_seconds", 200_000, minutes=DAYS),
            **gauge("experiment_units", 50, 'arm="champion",stage="assigned"', minutes=DAYS),
        },
        {
            **gauge("experiment_age_seconds", 200_000, minutes=DAYS),
            f'contender_experiment_units{{{TASK},arm="champion",stage="assigned"}}': f"0+1x{DAYS}",
        },
        "job-change: the experiment does not move",
        "For a day nobody has looked at it, or nobody new has come.",
        at=DAYS * STEP,
        step=STEP,
    ),
    Case(
        "ContenderReleaseUnfinished",
        gauge("release_unfinished_seconds", 900),
        gauge("release_unfinished_seconds", 30),
        "job-change: a transition of the release was begun and not ended",
        "It has lasted 15m 0s.",
    ),
    Case(
        "ContenderSuspended",
        gauge("release_suspended", 1),
        gauge("release_suspended", 0),
        "job-change: everybody is handed to a person",
        "The kill switch has been on for 15 minutes.",
    ),
    Case(
        "ContenderAuditBroken",
        gauge("audit_valid", 0),
        gauge("audit_valid", 1),
        "job-change: the audit trail does not hold",
        "A record was changed, removed or put in. Nothing in the trail after it can be relied on.",
    ),
    Case(
        "ContenderRecordsUnreadable",
        gauge("exported", 0, 'part="drift"'),
        gauge("exported", 1, 'part="drift"'),
        "job-change: the records of drift cannot be read",
        "Its figures are missing, and so are alerts that need them.",
        {**HERE, "part": "drift"},
    ),
    Case(
        "ContenderDrift",
        gauge("drift_verdict", 2, 'kind="features"'),
        {**gauge("drift_verdict", 1, 'kind="features"'), **gauge("drift_verdict", 2, 'kind="reward"')},
        "job-change: people or answers are no longer as when the champion was chosen (features)",
        "The newest window is beyond the limit, by a test corrected for the number of columns.",
        {**HERE, "kind": "features"},
    ),
    Case(
        "ContenderDrift",
        gauge("drift_verdict", 2, 'kind="confidence"'),
        {**gauge("drift_verdict", 1, 'kind="confidence"'), **gauge("drift_verdict", 2, 'kind="calibration"')},
        "job-change: people or answers are no longer as when the champion was chosen (confidence)",
        "The newest window is beyond the limit, by a test corrected for the number of columns.",
        {**HERE, "kind": "confidence"},
    ),
    Case(
        "ContenderDecay",
        gauge("drift_verdict", 2, 'kind="reward"'),
        {**gauge("drift_verdict", 1, 'kind="reward"'), **gauge("drift_verdict", 2, 'kind="confidence"')},
        "job-change: the champion has become worse (reward)",
        "Reward or calibration is beyond its limit: answers are worth less, or not right as often as they say.",
        {**HERE, "kind": "reward"},
    ),
    Case(
        "ContenderDriftUnmeasured",
        gauge("drift_verdict", 3, 'kind="all"'),
        {**gauge("drift_verdict", 2, 'kind="all"'), **gauge("drift_age_seconds", 3_600)},
        "job-change: nobody knows whether there is drift",
        "Measuring failed, or was last done two days ago.",
        {**HERE, "kind": "all"},
    ),
    Case(
        "ContenderDriftUnmeasured",
        gauge("drift_age_seconds", 200_000),
        gauge("drift_age_seconds", 100_000),
        "job-change: nobody knows whether there is drift",
        "Measuring failed, or was last done two days ago.",
    ),
    Case(
        "ContenderQualityFaults",
        gauge("quality_faults", 12, 'type="out_of_range"'),
        gauge("quality_faults", 0, 'type="out_of_range"'),
        "job-change: the newest file has faults (out_of_range)",
        "12 of that type. Rows at fault were set aside, or the file is held.",
        {**HERE, "type": "out_of_range"},
    ),
    Case(
        "ContenderRetrainingFailed",
        gauge("retraining_failed", 1),
        gauge("retraining_failed", 0),
        "job-change: the newest retraining run failed",
        "No challenger came of it, and a cooldown runs.",
    ),
    Case(
        "ContenderRetrainingBudgetSpent",
        gauge("retraining_budget_left", 0),
        gauge("retraining_budget_left", 2),
        "job-change: no further retraining run may begin",
        "The budget of the period is spent.",
    ),
    Case(
        "ContenderReviewBacklog",
        gauge("review_backlog", 800),
        gauge("review_backlog", 100),
        "job-change: people wait for a person to decide",
        "800 of the last 7 days have no outcome yet.",
        at=100,
    ),
    Case(
        "ContenderOutcomesPending",
        gauge("outcomes_held", 2_000, 'state="pending"'),
        {**gauge("outcomes_held", 10, 'state="pending"'), **gauge("outcomes_held", 9_000, 'state="judged"')},
        "job-change: outcomes wait for predictions that nobody knows",
        "2k of them: ids are wrong, or exposures do not arrive.",
        {**HERE, "state": "pending"},
        at=100,
    ),
    Case(
        "ContenderCertificateExpiring",
        {'certmanager_certificate_expiration_timestamp_seconds{namespace="contender",name="web"}': "612000+0x120"},
        {'certmanager_certificate_expiration_timestamp_seconds{namespace="contender",name="web"}': "2000000+0x120"},
        "a certificate expires soon (web)",
        "In 7d 0h 0m 0s. It should have been renewed by itself.",
        {"namespace": "contender", "name": "web"},
        at=120,
    ),
    Case(
        "ContenderDiskFilling",
        {
            'kubelet_volume_stats_available_bytes{namespace="contender",persistentvolumeclaim="spool"}': "200-0.2x720",
            'kubelet_volume_stats_capacity_bytes{namespace="contender",persistentvolumeclaim="spool"}': "1000+0x720",
        },
        {
            'kubelet_volume_stats_available_bytes{namespace="contender",persistentvolumeclaim="spool"}': "100+0x720",
            'kubelet_volume_stats_capacity_bytes{namespace="contender",persistentvolumeclaim="spool"}': "1000+0x720",
        },
        "a disk will be full within a day (spool)",
        "8% is free, and it falls. A full disk costs exposures.",
        {"namespace": "contender", "persistentvolumeclaim": "spool"},
        at=600,
    ),
)
