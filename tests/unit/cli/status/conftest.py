"""A status document of a healthy experiment, to be changed piece by piece."""

from __future__ import annotations

from typing import Any

import pytest


def placed(version: str, slot: str) -> dict[str, Any]:
    model = {"task": "job-change", "version": version, "semver": f"1.0.{version}", "artifact": "a", "digest": "d"}
    return {"slot": slot, "model": model}


def process(name: str, version: str | None) -> dict[str, Any]:
    slot = None if name == "transformer" else name
    return {
        "name": name, "role": "predictor", "slot": slot, "pid": 7, "port": 8080, "ready": True, "restarts": 0,
        "version": version, "digest": "d", "started_at": 1.0, "last_exit": None, "reason": None,
    }  # fmt: skip


@pytest.fixture
def document() -> dict[str, Any]:
    rail = {"champion": 0.01, "challenger": 0.02, "p": 1.0, "breached": False}
    verdict = {
        "decision": "hold", "reason": "no difference shown yet", "rule": "undecided", "effect": 0.01,
        "interval": [-0.02, 0.04], "units": 900, "srm_p": 1.0, "health": [],
        "guardrails": {"fallback": rail, "reward gender=Female": rail | {"champion": 0.8, "challenger": 0.81}},
    }  # fmt: skip
    arms = [
        {"name": "champion", "slot": "blue", "version": "1", "range": [0.0, 0.75]},
        {"name": "challenger", "slot": "green", "version": "2", "range": [0.75, 1.0]},
    ]
    return {
        "task": "job-change",
        "home": "/home/of/it",
        "url": "http://127.0.0.1:8080/v1/models/job-change",
        "processes": [
            process("blue", "1"),
            process("green", "2"),
            process("baseline", "9"),
            process("transformer", None),
        ],
        "routing": {"task": "job-change", "generation": 4, "arms": arms, "shadow": None},
        "shares": {"champion": 0.75, "challenger": 0.25},
        "experiment": {"id": "job-change-1-vs-2", "status": "running", "verdict": verdict},
        "release": {
            "phase": "experimenting", "generation": 4, "champion": placed("1", "blue"),
            "challenger": placed("2", "green"), "previous": None, "suspended": False, "change": None,
        },
        "traffic": {"window_seconds": 300, "arms": {"champion": {"requests": 1500, "fallbacks": 15}}},
    }  # fmt: skip
