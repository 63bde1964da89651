"""The arithmetic of leaving, on what each overlay applies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from contender.adapters.store_sql import patience
from infrastructure.policy import drain
from infrastructure.policy.objects import Rendered
from serving.transformer import shipper

OVERLAYS = ("local", "staging", "production")


def test_the_gate_counts_with_what_the_transformer_takes() -> None:
    assert (drain.SHIPPING_S, drain.STEP_S) == (shipper.DRAIN_S, patience.ANSWER_S)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_owed_fits_into_the_grace(overlays: Mapping[str, Rendered], overlay: str) -> None:
    servers = [pod for pod in overlays[overlay].pods() if pod.serves]
    assert len(servers) >= 8
    for pod in servers:
        need = drain.owed(overlays[overlay], pod)
        assert set(need.values()) >= {5.0, 10.0}
        assert sum(need.values()) == (70 if pod.part == "transformer" else 20), pod.where
        assert sum(need.values()) < pod.spec["terminationGracePeriodSeconds"], pod.where


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_node_can_always_be_drained(overlays: Mapping[str, Rendered], overlay: str) -> None:
    least = {pod.where: pod.spec["minReplicas"] for pod in overlays[overlay].pods() if pod.serves}
    assert set(least.values()) == {"local": {1}, "staging": {2}, "production": {2, 3}}[overlay]
    assert list(drain.drains_go_on(overlays[overlay])) == []


@pytest.mark.parametrize(
    ("spec", "least", "gone"),
    [
        ({"maxUnavailable": 1}, 2, 1),
        ({"maxUnavailable": "50%"}, 3, 2),
        ({"maxUnavailable": "1%"}, 1, 1),
        ({"maxUnavailable": "0%"}, 3, 0),
        ({"minAvailable": 1}, 1, 0),
        ({"minAvailable": 1}, 3, 2),
        ({"minAvailable": "50%"}, 3, 1),
        ({}, 2, 0),
    ],
)
def test_a_budget_is_counted_as_the_api_counts(spec: dict[str, Any], least: int, gone: int) -> None:
    assert drain._gone(spec, least) == gone


@pytest.mark.parametrize(
    ("text", "amount"), [("10s", 10), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("1m1ms", 60.001)]
)
def test_a_duration_is_read(text: str, amount: float) -> None:
    assert drain.seconds(text) == pytest.approx(amount)
