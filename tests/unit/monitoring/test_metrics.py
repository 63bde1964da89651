"""The catalogue is well formed and is what a process exports."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from monitoring import metrics
from monitoring.metrics import ANSWERS, CATALOGUE, LATENCY, LATENCY_OBJECTIVE_S, SPOOL_DEPTH, Metrics, MetricSpec


def exported(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_every_metric_follows_the_naming_rules(spec: MetricSpec) -> None:
    assert re.fullmatch(r"contender(_[a-z]+)+", spec.name)
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert bool(spec.buckets) == (spec.kind == "histogram")
    assert spec.labels[0] == "task"
    assert spec.help.endswith(".")


def test_every_metric_is_in_the_catalogue_once() -> None:
    defined = [value for value in vars(metrics).values() if isinstance(value, MetricSpec)]
    assert sorted(spec.name for spec in defined) == sorted(spec.name for spec in CATALOGUE)
    assert len({spec.name for spec in CATALOGUE}) == len(CATALOGUE)


def test_the_latency_objective_is_a_bucket() -> None:
    assert LATENCY_OBJECTIVE_S in LATENCY.buckets
    assert list(LATENCY.buckets) == sorted(set(LATENCY.buckets))


def test_values_are_exported_by_label() -> None:
    registry = CollectorRegistry()
    ours = Metrics(registry)
    ours.add(ANSWERS, "t", "champion", "baseline", "label")
    ours.add(ANSWERS, "t", "champion", "baseline", "label", amount=2)
    ours.set(SPOOL_DEPTH, "t", value=7)
    ours.observe(LATENCY, "t", value=0.14)
    text = exported(registry)
    assert 'contender_answers_total{assigned_to="champion",result="label",served_by="baseline",task="t"} 3.0' in text
    assert 'contender_spool_depth{task="t"} 7.0' in text
    assert 'contender_request_seconds_bucket{le="0.15",task="t"} 1.0' in text
    assert 'contender_request_seconds_bucket{le="0.1",task="t"} 0.0' in text


def test_a_process_may_export_a_part_of_the_catalogue() -> None:
    registry = CollectorRegistry()
    Metrics(registry, (SPOOL_DEPTH,))
    assert "contender_answers" not in exported(registry)
