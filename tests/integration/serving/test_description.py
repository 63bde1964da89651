"""What the servers describe in /openapi.json is what they do, for whatever fits or does not fit the description."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.slow
@pytest.mark.parametrize("server", ["transformer", "blue"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_operation_does_what_it_is_described_to_do(stack: Any, server: str, mode: GenerationMode) -> None:
    schema: Any = schemathesis.openapi.from_url(f"http://127.0.0.1:{stack.ports[server]}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 2
    for operation in operations:
        if mode is GenerationMode.POSITIVE or operation.body or operation.query:
            explore(operation, mode)
    assert not stack.dead(server)


def explore(operation: Any, mode: GenerationMode) -> None:
    asked = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        asked.append(case.call_and_validate(checks=CHECKS).status_code)

    ask()
    assert asked
