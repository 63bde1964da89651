"""The overlays as kubectl renders them, and Helm's own library for the chart."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from infrastructure.policy import chart
from infrastructure.policy.objects import Rendered


@pytest.fixture(scope="session")
def helm() -> None:
    if not chart.PYTHON.exists():
        pytest.skip(f"Helm's library is needed: {chart.REMEDY}")


@pytest.fixture(scope="session")
def charts(helm: None) -> Mapping[str, Rendered]:
    return {name: chart.rendered(name, chart.values(name)) for name in ("local", "staging", "production")}
