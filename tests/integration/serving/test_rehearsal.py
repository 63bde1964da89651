"""A rehearsal through the running transformer: counted and kept like people, and marked for good."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import pytest

from contender.tasks.job_change.task import JobChange
from contender.values import REHEARSAL


def asked(stack: Any, unit: str, source: str) -> None:
    task = JobChange()
    (row,) = task.generate(1, seed=2)
    instance = {**{name: row[name] for name in task.schema.model_fields}, "unit_id": unit}
    connection = http.client.HTTPConnection("127.0.0.1", stack.ports["transformer"], timeout=10)
    headers = {"content-type": "application/json", **({"X-Source": source} if source else {})}
    connection.request("POST", "/v1/models/job-change:predict", json.dumps({"instances": [instance]}), headers)
    assert connection.getresponse().status == 200
    connection.close()


def recorded(stack: Any, unit: str) -> str:
    end = time.monotonic() + 20
    store = stack.store
    try:
        while time.monotonic() < end:
            for one in store.predictions("job-change", unit_id=unit):
                return str(one.source)
            time.sleep(0.05)
    finally:
        store.close()
    message = f"{unit} was never recorded"
    raise AssertionError(message)


@pytest.mark.parametrize(
    ("source", "kept"),
    [(REHEARSAL, REHEARSAL), ("", "live"), ("live", "live"), ("preview", "live"), ("Rehearsal", "live")],
)
def test_played_people_are_marked_and_nobody_else_is(stack: Any, source: str, kept: str) -> None:
    unit = f"source-{source}"
    asked(stack, unit, source)
    assert recorded(stack, unit) == kept
