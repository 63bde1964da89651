"""The transformer obeys a new routing while it runs, and no broken one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest


def in_force(stack: Any) -> dict[str, Any]:
    document: dict[str, Any] = stack.call("transformer", "GET", "/v1/models/job-change/routing").body
    return document


def arms(stack: Any) -> list[str]:
    return [stack.one(f"u{index}")["assigned_to"] for index in range(30)]


def refusals(stack: Any, result: str) -> float:
    text = stack.call("transformer", "GET", "/metrics").body.decode()
    label = f'contender_routing_reloads_total{{result="{result}",task="job-change"}} '
    return float(next((line.removeprefix(label) for line in text.splitlines() if line.startswith(label)), 0))


def test_a_new_routing_is_obeyed_as_soon_as_it_is_acknowledged(stack: Any) -> None:
    some = arms(stack)
    assert set(some) == {"champion", "challenger"}
    stack.route(share=0.0)
    assert set(arms(stack)) == {"champion"}
    stack.route(share=0.5)
    assert arms(stack) == some
    assert in_force(stack)["generation"] == stack.generation


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "half-written": (lambda good: json.dumps(good).encode()[:100], "broken"),
    "empty": (lambda good: b"", "broken"),
    "another task": (lambda good: json.dumps({**good, "task": "job-role", "generation": 10**6}).encode(), "broken"),
    "a gap": (lambda good: json.dumps({**good, "generation": 10**6, "arms": good["arms"][:1]}).encode(), "broken"),
    "10 MB": (lambda good: b" " * 10_000_000, "broken"),
    "older": (lambda good: json.dumps({**good, "generation": good["generation"] - 1}).encode(), "stale"),
}


@pytest.mark.parametrize(("spoil", "result"), BROKEN.values(), ids=BROKEN)
def test_a_broken_routing_changes_nothing(stack: Any, spoil: Callable[[dict[str, Any]], bytes], result: str) -> None:
    good, before, counted = in_force(stack), arms(stack), refusals(stack, result)
    path = stack.home / "routing" / "job-change.routing.json"
    draft = path.with_suffix(".test")
    draft.write_bytes(spoil(good))
    draft.replace(path)
    try:
        end = time.monotonic() + 10
        while refusals(stack, result) == counted:
            assert time.monotonic() < end
        assert in_force(stack) == good
        assert arms(stack) == before
    finally:
        draft.write_text(json.dumps(good))
        draft.replace(path)
