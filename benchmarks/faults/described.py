"""What the servers say of themselves in /openapi.json, held against what they do: requests made by schemathesis."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from benchmarks.chain import TRANSFORMER
from benchmarks.faults.world import Figures, World, at_least, at_most

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
SHED = 503


def described(world: World, *, quick: bool) -> Figures:
    """Requests that fit the description, and that do not, at every operation of the transformer and of a predictor."""
    examples, heard = (25 if quick else 150), Counter[str]()
    for name in (TRANSFORMER, "blue"):
        schema: Any = schemathesis.openapi.from_url(f"http://127.0.0.1:{world.ports[name]}/openapi.json")
        for operation in (result.ok() for result in schema.get_all_operations()):
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.POSITIVE or operation.body or operation.query:
                    print(f"  described: {name} {operation.label} {mode.value}", file=sys.stderr)
                    _exploring(operation, mode, examples, heard)()
        heard["fault"] += world.processes[name].poll() is not None
    return {
        "described_requests": at_least(heard.total(), "requests", 250 if quick else 1_500),
        "described_shed": at_most(heard["shed"], "replies", 0),
        "described_5xx_or_otherwise_than_described": at_most(heard["fault"], "requests", 0),
    }


def _exploring(operation: Any, mode: GenerationMode, examples: int, heard: Counter[str]) -> Callable[[], None]:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def explore(case: Any) -> None:
        heard[_outcome(case)] += 1

    return explore


def _outcome(case: Any) -> str:
    try:
        response = case.call(timeout=15)
        if response.status_code == SHED:
            return "shed"
        case.validate_response(response, checks=CHECKS)
    except (FailureGroup, OSError) as fault:
        print(f"  {type(fault).__name__}: {fault}"[:500], file=sys.stderr)
        return "fault"
    return "good"
