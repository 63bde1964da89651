"""A dossier with everything in it, to be changed piece by piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from cli.dossier.contents import Dossier
from contender.experiment.analysis import Experiment
from contender.experiment.data import ArmData, ExperimentData, GroupData, MetricData, Phase, Sample
from contender.experiment.decision import evidence_digest, judge
from contender.experiment.details import details
from contender.experiment.evidence import Look
from contender.experiment.plan import Plan
from contender.metrics import PlannedMetric
from contender.release import audit
from contender.values import CHALLENGER, CHAMPION, ModelVersion

PLAN = Plan(
    tuning_units=2_000,
    min_units=200,
    favourable_label="looking",
    smallest_effect=0.01,
    review_value=0.75,
    metrics=(PlannedMetric("acceptance"),),
)
AT = 1_790_000_000.0
Trail = list[dict[str, Any]]


def rewards(n: int, mean: float) -> MetricData:
    return MetricData(n, 0, Sample(n, n * mean, n * (mean**2 + 0.02)))


def arm(n: int, mean: float) -> ArmData:
    groups = {
        "gender=Female": GroupData(n // 3, n // 9, rewards(n // 3, mean)),
        "gender=Male": GroupData(n // 2, n // 4, rewards(n // 2, mean)),
        "gender=Other": GroupData(3, 1, rewards(3, mean)),
        "gender=unknown": GroupData(n // 10, 9, rewards(n // 10, mean)),
    }
    accepted = MetricData(n, 0, Sample(n, n // 3, n // 3))
    return ArmData(
        n + 40,
        n + 90,
        3,
        20,
        2,
        15,
        metrics={"reward": rewards(n, mean), "acceptance": accepted},
        groups=groups,
        latency=(0, 0, n, 5),
    )


def seen(n: int, champion: float = 0.80, challenger: float = 0.83) -> ExperimentData:
    units = {CHAMPION: n + 40, CHALLENGER: n + 40}
    phase = Phase({CHAMPION: 0.5, CHALLENGER: 0.5}, units, {CHAMPION: 2, CHALLENGER: 2})
    return ExperimentData({CHAMPION: arm(n, champion), CHALLENGER: arm(n, challenger)}, 0, (phase,))


def experiment() -> dict[str, Any]:
    begun = Experiment("job-change-7-vs-8", "job-change", "salt", PLAN, "7", "8", AT, ((3, 0.1), (4, 0.5)))
    return begun.to_document()


def looks_at(sizes: Sequence[int], **means: float) -> list[dict[str, Any]]:
    taken: list[dict[str, Any]] = []
    before = Look()
    for number, size in enumerate(sizes, start=1):
        verdict = judge(seen(size, **means), PLAN, before)
        before = verdict.look
        told = replace(verdict, details=details(seen(size, **means), PLAN, CHALLENGER))
        document = json.loads(json.dumps(told.to_document()))
        taken.append({"look": number, "at": AT + 60 * number, "verdict": document})
    return taken


def chained(*told: tuple[str, Mapping[str, Any]]) -> Trail:
    records: Trail = []
    for number, (event, detail) in enumerate(told, start=1):
        last = records[-1] if records else None
        made = audit.record(
            last,
            at=AT + number,
            actor="anna",
            task="job-change",
            event=event,
            detail={"transition": number, **detail},
        )
        records.append(made)
    return records


@pytest.fixture
def trail() -> Callable[..., Trail]:
    return chained


@pytest.fixture
def looks() -> Callable[..., list[dict[str, Any]]]:
    return looks_at


@pytest.fixture
def dossier() -> Dossier:
    """Version 8 was promoted in place of version 7, with an approval."""
    taken = looks_at([150, 600, 2_000])
    promotion = {
        "evidence": evidence_digest(taken[-1]["verdict"]),
        "reason": "the challenger is better",
        "approval": "nonce-1",
        "approver": "berta",
    }
    start = ("start", {"experiment": "job-change-7-vs-8"})
    records = chained(("install", {}), ("prepare", {}), start, ("step", {}), ("promote", promotion))
    tags = {"git_sha": "c0ffee", "schema_digest": "5c4e", "data_digest": "da7a", "synthetic": "false", "gate": "passed"}
    old = ModelVersion("job-change", "7", "1.0.0", "file:///a", "d7", {"roc_auc": 0.79}, tags)
    new = replace(
        old, version="8", semver="1.0.1", digest="d8", metrics={"roc_auc": 0.81}, tags=tags | {"data_digest": "da7b"}
    )
    return Dossier(
        experiment=experiment(),
        looks=taken,
        models={CHAMPION: old, CHALLENGER: new},
        arms=seen(2_000).arms,
        phases=seen(2_000).phases,
        records=records,
        anchors=2,
        problems=audit.verify(records),
        made_at=AT + 999,
        made_with="abc123",
    )
