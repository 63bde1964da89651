"""What is acknowledged is never lost and never doubled; stopping and starting change nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any


def wait_for(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def stored(stack: Any) -> set[str]:
    store = stack.store
    try:
        return {exposure.prediction_id for exposure in store.predictions("job-change", limit=100_000)}
    finally:
        store.close()


def judged(stack: Any) -> dict[str, int]:
    store = stack.store
    try:
        counts: dict[str, int] = store.outcome_counts("job-change")
        return counts
    finally:
        store.close()


def test_an_exposure_reaches_the_store_as_the_client_was_told(stack: Any) -> None:
    told = stack.one("someone")
    wait_for(lambda: told["prediction_id"] in stored(stack), "shipped")
    store = stack.store
    (exposure,) = [
        e for e in store.predictions("job-change", unit_id="someone") if e.prediction_id == told["prediction_id"]
    ]
    store.close()
    for name in ("label", "score", "confidence", "assigned_to", "served_by", "model_version", "fallback_reason"):
        assert getattr(exposure, name) == told[name]
    assert (exposure.experiment_id, exposure.generation) == ("7-vs-8", stack.generation)
    assert exposure.latency_ms > 0


def test_outcomes_count_once_however_often_they_are_told(stack: Any) -> None:
    before = judged(stack)["judged"]
    told = [stack.one(f"worker {index}") for index in range(10)]
    events = [
        {"event_id": f"event-{index}", "prediction_id": one["prediction_id"], "value": index % 2}
        for index, one in enumerate(told)
    ]
    assert stack.tell({"outcomes": events}).body == {"accepted": 10}
    assert stack.tell({"outcomes": events[::-1]}).body == {"accepted": 10}
    assert stack.tell({**events[0], "at": 1_700_000_000.0}).body == {"accepted": 1}
    wait_for(lambda: judged(stack)["judged"] == before + 10, "judged")
    assert judged(stack)["refused"] == 0


def test_wrong_outcomes_are_refused_by_the_field_s_name(stack: Any) -> None:
    good = {"event_id": "e", "prediction_id": "p", "value": 1}
    for change, path in (
        ({"event_id": ""}, "outcomes[0].event_id: "),
        ({"prediction_id": 5}, "outcomes[0].prediction_id: "),
        ({"value": "secretly hired"}, "outcomes[0].value: "),
        ({"value": None}, "outcomes[0].value: "),
        ({"at": "yesterday"}, "outcomes[0].at: "),
        ({"extra": 1}, "outcomes[0]: "),
    ):
        answered = stack.tell({"outcomes": [{**good, **change}]})
        assert answered.status == 400
        assert answered.body["error"].startswith(path)
        assert "secretly" not in answered.body["error"]
    assert stack.tell({"outcomes": []}).status == 400


def test_nothing_acknowledged_is_lost_when_the_transformer_is_killed(stack: Any) -> None:
    with closing(sqlite3.connect(stack.home / "store.db", isolation_level=None)) as other:
        # While another process writes, the store takes nothing: all of it must be in the spool.
        other.execute("BEGIN IMMEDIATE")
        rows = [{**row, "unit_id": f"u{index}"} for index, row in enumerate(stack.rows(500))]
        acknowledged = {p["prediction_id"] for p in stack.ask(rows).body["predictions"]}
        acknowledged |= {stack.one(f"v{index}")["prediction_id"] for index in range(20)}
        stack.kill("transformer")
    assert not acknowledged & stored(stack)
    stack.start("transformer")
    stack.wait_ready("transformer")
    wait_for(lambda: acknowledged <= stored(stack), "replayed")


def test_the_transformer_stops_in_order_and_ships_what_it_has(stack: Any) -> None:
    acknowledged = {stack.one(f"u{index}")["prediction_id"] for index in range(20)}
    stack.signal("transformer", signal.SIGTERM)
    assert stack.processes["transformer"].wait(timeout=15) == 0
    assert acknowledged <= stored(stack)
    assert list((stack.home / "spool").glob("checkpoint.json"))


def test_with_every_place_dead_a_person_decides_and_it_goes_with_its_parent(alone: Any) -> None:
    read_end, write_end = os.pipe()
    alone.start("transformer", lifeline=read_end)
    os.close(read_end)
    wait_for(lambda: listening(alone), "listening")
    assert alone.call("transformer", "GET", "/v2/health/ready").status == 503
    assert alone.call("transformer", "GET", "/v1/models/job-change").status == 503
    assert alone.call("transformer", "GET", "/v1/models/job-change/routing").status == 404
    answer = alone.one("u1")
    assert (answer["label"], answer["served_by"], answer["assigned_to"]) == ("Review_Required", "review", "unassigned")
    assert answer["fallback_reason"] == "no_routing"
    alone.route()
    wait_for(lambda: alone.call("transformer", "GET", "/v2/health/ready").status == 200, "the first routing is applied")
    rows = [{**row, "unit_id": f"u{index}"} for index, row in enumerate(alone.rows(50))]
    for prediction in alone.ask(rows).body["predictions"]:
        assert (prediction["label"], prediction["served_by"]) == ("Review_Required", "review")
        assert (prediction["score"], prediction["model_version"]) == (None, None)
        assert prediction["assigned_to"] in ("champion", "challenger")
        assert prediction["fallback_reason"] in ("unreachable", "ejected")
    os.close(write_end)
    assert alone.processes["transformer"].wait(timeout=15) == 0


def test_logs_tell_nothing_about_persons(stack: Any) -> None:
    stack.one("a very private id")
    stack.ask([{**stack.rows(1)[0], "city": "secret place"}])
    for name in stack.processes:
        assert "private" not in stack.log(name)
        assert "secret" not in stack.log(name)


def listening(stack: Any) -> bool:
    try:
        return bool(stack.call("transformer", "GET", "/v2/health/live").status == 200)
    except OSError:
        return False
