"""Tools of Prometheus, or the reason why there are none."""

from __future__ import annotations

import shutil

import pytest

NEEDED = ("prometheus", "promtool", "amtool", "prometheus-alertmanager")


@pytest.fixture(autouse=True, scope="session")
def tools() -> None:
    if lacking := [name for name in NEEDED if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(lacking)} (apt-get install prometheus prometheus-alertmanager)")
