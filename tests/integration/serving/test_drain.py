"""Stopping in order: whoever comes late is still answered."""

from __future__ import annotations

import http.client
import json
import signal
import time
from typing import Any

import pytest

PATH = "/v1/models/job-change:predict"


def body(stack: Any) -> str:
    return json.dumps({"instances": [{**stack.rows(1)[0], "unit_id": "u1"}]})


@pytest.fixture
def draining(alone: Any) -> Any:
    """A transformer that drains for a second and a half, routed, with no predictors."""
    alone.environment = {"CONTENDER_DRAIN_S": "1.5"}
    alone.start("transformer")
    alone.route()
    alone.wait_ready("transformer")
    return alone


def test_after_sigterm_it_is_not_ready_but_answers_until_the_time_is_up(draining: Any) -> None:
    kept = http.client.HTTPConnection("127.0.0.1", draining.ports["transformer"], timeout=5)
    kept.request("POST", PATH, body(draining))
    kept.getresponse().read()
    draining.signal("transformer", signal.SIGTERM)
    told = time.monotonic()
    time.sleep(0.2)
    assert draining.call("transformer", "GET", "/v2/health/ready").status == 503
    while time.monotonic() - told < 1.0:
        assert draining.one()["label"] == "Review_Required"
    kept.request("POST", PATH, body(draining))
    reply = kept.getresponse()
    assert (reply.status, reply.headers["connection"]) == (200, "close")
    kept.close()
    assert draining.processes["transformer"].wait(timeout=15) == 0
    assert time.monotonic() - told >= 1.4


def test_a_second_sigterm_cuts_the_drain_short(alone: Any) -> None:
    alone.environment = {"CONTENDER_DRAIN_S": "120"}
    alone.start("transformer")
    alone.route()
    alone.wait_ready("transformer")
    alone.signal("transformer", signal.SIGTERM)
    end = time.monotonic() + 20
    while alone.call("transformer", "GET", "/v2/health/ready").status != 503:
        assert time.monotonic() < end, "it does not drain"
        time.sleep(0.02)
    alone.signal("transformer", signal.SIGTERM)
    assert alone.processes["transformer"].wait(timeout=60) == 0


@pytest.mark.parametrize("delay_s", [0.3, 0.7, 1.0, 1.3, 1.6])
def test_sigterm_while_it_starts_is_obeyed(alone: Any, delay_s: float) -> None:
    alone.start("transformer")
    time.sleep(delay_s)
    alone.signal("transformer", signal.SIGTERM)
    assert alone.processes["transformer"].wait(timeout=15) in (0, -signal.SIGTERM)
