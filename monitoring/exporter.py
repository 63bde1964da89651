"""What the store knows, as Prometheus metrics: experiment, drift, quality, retraining, release, audit, traffic.

Servers export what they do; this exports what came of it, read when it is asked for. A part that cannot be read is
left out and says so (``contender_exported`` 0): an old figure must not look like a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from contender.adapters.store_sql import Store
from contender.errors import ContenderError
from contender.experiment.analysis import Experiment, by_role, from_document, in_roles
from contender.experiment.data import ArmData
from contender.experiment.inference import arm_mean, review_value
from contender.experiment.plan import Plan
from contender.moments import DAY_S
from contender.release import audit
from contender.release.ports import Anchors
from contender.release.state import Phase, ReleaseState
from contender.tasks.catalog import task_named
from contender.values import CHALLENGER, CHAMPION, REVIEW_LABEL, SHADOW
from monitoring import metrics
from monitoring.drift.check import NOTES as DRIFT
from monitoring.drift.verdict import KINDS, STATES
from monitoring.metrics import WATCHED, MetricSpec
from monitoring.retraining import ledger
from monitoring.retraining.triggers import BROKEN, REASONS, RESULTS, Limits, budget_left

WEEK_S: Final = 7 * DAY_S

QUALITY: Final = "quality"
ISSUES: Final = (
    "schema_drift", "missing_required", "missing_rate_shift", "type_error", "out_of_range", "unknown_category",
    "inconsistent_or_duplicate", "label_shift",
)  # fmt: skip
DECISIONS: Final = ("promote", "roll back", "hold", "error")
GUARDRAILS: Final = ("fallback", "error", "slow", "review", "reward", "impact")
"""A group's guardrail counts under its first word: who the group is, is no label."""

GUARDRAIL_CODES: Final = {"passed": 0, "open": 1, "breached": 2}
"""A guardrail's state as a number, the worst last."""

CODES: Final = {state: number for number, state in enumerate(STATES, start=-1)}
"""A drift state as a number: -1 not enough data, 0 ok, 1 warn, 2 drift, 3 error."""


class Sample(NamedTuple):
    """One figure: of which metric, the values of its labels after the task, and how much."""

    spec: MetricSpec
    labels: tuple[str, ...]
    value: float


class Records(NamedTuple):
    """The records of one task, at one moment."""

    store: Store
    task: str
    anchors: Anchors | None
    now: float


class Exporter(Collector):
    """A collector for a Prometheus registry: every figure of `tasks`, read anew at most every `every_s` seconds."""

    def __init__(
        self,
        store: Store,
        tasks: Sequence[str],
        clock: Callable[[], float],
        anchors: Anchors | None = None,
        every_s: float = 5.0,
    ) -> None:
        self._store, self._tasks, self._clock, self._anchors = store, tasks, clock, anchors
        self._every_s, self._read_at, self._samples = every_s, float("-inf"), list[tuple[str, Sample]]()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The metrics without figures: registering reads nothing."""
        return [_family(spec) for spec in WATCHED]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every metric that has a figure now."""
        now = self._clock()
        if now - self._read_at >= self._every_s:
            self._samples = [(task, sample) for task in self._tasks for sample in self._of(task, now)]
            self._read_at = now
        families = {spec.name: _family(spec) for spec in WATCHED}
        for task, sample in self._samples:
            families[sample.spec.name].add_metric([task, *sample.labels], sample.value)
        yield from (family for family in families.values() if family.samples)

    def _of(self, task: str, now: float) -> Iterator[Sample]:
        records = Records(self._store, task, self._anchors, now)
        for part, read in PARTS.items():
            try:
                found = list(read(records))
            except ContenderError:
                yield Sample(metrics.EXPORTED, (part,), 0.0)
            else:
                yield from found
                yield Sample(metrics.EXPORTED, (part,), 1.0)


def _family(spec: MetricSpec) -> GaugeMetricFamily:
    return GaugeMetricFamily(spec.name, spec.help, labels=spec.labels)


def _release(records: Records) -> Iterator[Sample]:
    document = records.store.load_release(records.task)
    state = ReleaseState.from_document(document) if document else ReleaseState(records.task)
    for phase in Phase:
        yield Sample(metrics.RELEASE_STATE, (phase.value,), float(state.phase is phase))
    yield Sample(metrics.RELEASE_SUSPENDED, (), float(state.suspended))
    yield Sample(metrics.RELEASE_UNFINISHED, (), records.now - state.change.at if state.change else 0.0)
    for arm, placed in (("champion", state.champion), ("challenger", state.challenger), ("previous", state.previous)):
        if placed is not None:
            yield Sample(metrics.RELEASE_VERSION, (arm, placed.slot, placed.version), 1.0)


def _audit(records: Records) -> Iterator[Sample]:
    trail = records.store.audit(records.task)
    kept = records.anchors.kept(records.task) if records.anchors else None
    problems = audit.verify(trail, kept, now=records.now)
    yield Sample(metrics.AUDIT_VALID, (), float(not problems))
    yield Sample(metrics.AUDIT_RECORDS, (), float(len(trail)))
    if (since := ledger.champion_since(trail)) is not None:
        yield Sample(metrics.MODEL_AGE, (), records.now - since)


def _experiment(records: Records) -> Iterator[Sample]:
    document = records.store.current_experiment(records.task)
    yield Sample(metrics.EXPERIMENT_RUNNING, (), float(document is not None))
    if document is None:
        return
    running = from_document(document)
    yield Sample(metrics.EXPERIMENT_INFO, (running.id,), 1.0)
    yield Sample(metrics.EXPERIMENT_AGE, (), records.now - running.started_at)
    yield from _arms(records, running)
    if looks := records.store.looks(running.id):
        yield Sample(metrics.EXPERIMENT_LOOK_AGE, (), records.now - float(looks[-1]["at"]))
        yield from _verdict(looks[-1]["verdict"])


def _arms(records: Records, running: Experiment) -> Iterator[Sample]:
    # Whoever exports may only read: the supervisor and the release service count.
    data = in_roles(running, records.store.counted_already(running.id, running.left_out))
    primary = running.plan.primary
    for name, arm in data.arms.items():
        yield Sample(metrics.EXPERIMENT_UNITS, (name, "assigned"), float(arm.assigned))
        seen, mean = arm.metric(primary.name), arm_mean(primary, arm.metric(primary.name), review_value(running.plan))
        yield Sample(metrics.EXPERIMENT_UNITS, (name, "matured"), float(seen.matured))
        yield Sample(metrics.EXPERIMENT_UNITS, (name, "missing"), float(seen.missing))
        yield Sample(metrics.EXPERIMENT_UNITS, (name, "with_outcome"), float(seen.value.n + seen.reviewed))
        if mean is not None:
            yield Sample(metrics.EXPERIMENT_REWARD, (name,), mean.estimate.mean)
        yield from _other_metrics(name, arm, running.plan)
    document = records.store.load_release(records.task)
    routing = ReleaseState.from_document(document).routing(task_named(records.task).policy) if document else None
    if routing:
        shares = by_role(running, routing.shares_now())
        yield from (Sample(metrics.EXPERIMENT_SHARE, (name,), share) for name, share in shares.items())


def _other_metrics(name: str, arm: ArmData, plan: Plan) -> Iterator[Sample]:
    """The arm's means of what informs and what guards; a plan names its metrics, so there are few of them."""
    for metric in plan.measured:
        if metric.role != "primary":
            mean = arm_mean(metric, arm.metric(metric.name), review_value(plan))
            if mean is not None:
                yield Sample(metrics.EXPERIMENT_METRIC, (metric.name, name), mean.estimate.mean)


def _verdict(verdict: Mapping[str, Any]) -> Iterator[Sample]:
    """The verdict that speaks for the experiment, and the figures of every arm's."""
    for decision in DECISIONS:
        yield Sample(metrics.EXPERIMENT_VERDICT, (decision.replace(" ", "_"),), float(verdict["decision"] == decision))
    yield Sample(metrics.EXPERIMENT_RATIO_P, (), verdict["srm_p"])
    if verdict.get("more_days") is not None:
        yield Sample(metrics.EXPERIMENT_TIME_LEFT, (), verdict["more_days"] * DAY_S)
    arms = {verdict.get("arm", CHALLENGER): verdict} | verdict.get("others", {})
    for arm, one in arms.items():
        yield from _effect(arm, one)
    yield from _guardrails(arms)


def _effect(arm: str, verdict: Mapping[str, Any]) -> Iterator[Sample]:
    if verdict["interval"]:
        low, high = verdict["interval"]
        bounds = {"low": low, "estimate": verdict["effect"], "high": high}
        yield from (Sample(metrics.EXPERIMENT_EFFECT, (arm, bound), value) for bound, value in bounds.items())


def _guardrails(arms: Mapping[str, Mapping[str, Any]]) -> Iterator[Sample]:
    """The worst state of all arms, and the rates of each; the champion's are those it is held against."""
    states, rates = dict[str, int](), dict[tuple[str, str], float]()
    for arm, verdict in arms.items():
        for name, guardrail in verdict["guardrails"].items():
            kind = name.split(" ")[0]
            # Looks of older versions know no other state than breached or not.
            state = "breached" if guardrail["breached"] else guardrail.get("state", "open")
            states[kind] = max(states.get(kind, 0), GUARDRAIL_CODES[state])
            if name in GUARDRAILS:
                rates |= {(name, CHAMPION): guardrail["champion"], (name, arm): guardrail["challenger"]}
    yield from (Sample(metrics.EXPERIMENT_RATE, labels, rate) for labels, rate in rates.items())
    for kind, worst in states.items():
        yield Sample(metrics.EXPERIMENT_GUARDRAIL, (kind,), float(worst == GUARDRAIL_CODES["breached"]))
        yield Sample(metrics.EXPERIMENT_GUARDRAIL_STATE, (kind,), float(worst))


def _drift(records: Records) -> Iterator[Sample]:
    newest = records.store.notes(records.task, DRIFT, limit=1)
    if not newest:
        return
    verdict = newest[0].document
    yield Sample(metrics.DRIFT_AGE, (), records.now - newest[0].at)
    yield Sample(metrics.DRIFT_ROWS, (), verdict["rows"])
    yield Sample(metrics.DRIFT_VERDICT, ("all",), CODES[verdict["state"]])
    states = Counter(signal["state"] for signal in verdict["signals"])
    for state in ("ok", "warn", "drift"):
        yield Sample(metrics.DRIFT_COLUMNS, (state,), states[state])
    for signal in verdict["signals"]:
        yield Sample(metrics.DRIFT_DISTANCE, (signal["name"],), signal["distance"])
    for kind in KINDS:
        yield Sample(metrics.DRIFT_VERDICT, (kind,), CODES[verdict["kinds"][kind]])
        if found := [signal["p"] for signal in verdict["signals"] if signal["kind"] == kind]:
            yield Sample(metrics.DRIFT_P, (kind,), min(found))


def _quality(records: Records) -> Iterator[Sample]:
    notes = records.store.notes(records.task, QUALITY, since=records.now - WEEK_S)
    results = Counter("ok" if note.document["verdict"] == "good" else "faulty" for note in notes)
    yield from (Sample(metrics.QUALITY_FILES, (result,), results[result]) for result in ("ok", "faulty"))
    newest = notes[:1] or records.store.notes(records.task, QUALITY, limit=1)
    for note in newest:
        yield Sample(metrics.QUALITY_AGE, (), records.now - note.at)
        yield from (Sample(metrics.QUALITY_FAULTS, (issue,), note.document["types"].get(issue, 0)) for issue in ISSUES)
        yield from (Sample(metrics.QUALITY_ROWS, (result,), note.document[result]) for result in ("good", "bad"))


def _retraining(records: Records) -> Iterator[Sample]:
    limits = Limits()
    runs = ledger.runs(records.store, records.task, records.now, limits)
    counted = Counter((run.reason, run.result) for run in runs)
    for reason in REASONS:
        for result in RESULTS:
            yield Sample(metrics.RETRAINING_RUNS, (reason, result), counted[reason, result])
    yield Sample(metrics.RETRAINING_BUDGET, (), budget_left(runs, records.now, limits))
    yield Sample(metrics.RETRAINING_FAILED, (), float(bool(runs) and runs[0].result in BROKEN))
    if runs:
        yield Sample(metrics.RETRAINING_AGE, (), records.now - runs[0].at)


def _traffic(records: Records) -> Iterator[Sample]:
    store, task, yesterday = records.store, records.task, records.now - DAY_S
    yield Sample(metrics.REVIEW_BACKLOG, (), store.review_backlog(task, since=records.now - WEEK_S))
    yield from (Sample(metrics.OUTCOMES_HELD, (state,), n) for state, n in store.outcome_counts(task).items())
    counts = {key: n for key, n in store.exposure_counts(task, since=yesterday).items() if key[0] != SHADOW}
    fallen = sum(n for (arm, server, reason), n in counts.items() if reason is not None and server != _meant(arm))
    if counts:
        yield Sample(metrics.FALLBACK_SHARE, (), fallen / sum(counts.values()))
    label_of = task_named(task).label_of
    known, accepted = Counter[str](), Counter[str]()
    for one in store.rewards_between(task, yesterday, records.now):
        # Of the same people as the stage before: no share of them can exceed one.
        if one.answered_at >= yesterday and one.label != REVIEW_LABEL:
            known[one.assigned_to] += 1
            accepted[one.assigned_to] += one.label == label_of(one.outcome)
    for arm, (answered, labelled) in store.answered_by_arm(task, since=yesterday).items():
        stages = {"answered": answered, "labelled": labelled, "known": known[arm], "accepted": accepted[arm]}
        yield from (Sample(metrics.FUNNEL, (arm, stage), count) for stage, count in stages.items())


def _meant(arm: str) -> str:
    """Who should have answered: those without a unit are the champion's."""
    return CHAMPION if arm == "unassigned" else arm


PARTS: Final[Mapping[str, Callable[[Records], Iterator[Sample]]]] = {
    "release": _release,
    "audit": _audit,
    "experiment": _experiment,
    "drift": _drift,
    "quality": _quality,
    "retraining": _retraining,
    "traffic": _traffic,
}
"""Each part by its name; one that fails leaves the others alone."""
