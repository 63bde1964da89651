"""Rules for every test, and what tests of several rooms look at."""

import os
import shutil
from collections.abc import Mapping
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where skipping is forbidden, a skipped test is a failed one that says what it lacked."""
    report = yield
    if report.skipped and os.environ.get("CONTENDER_TEST_FORBID_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where skipping is forbidden: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def overlays() -> Mapping[str, Any]:
    """Every overlay by its name, rendered once."""
    from infrastructure.policy import render

    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the overlays: install kubernetes-client or kubectl")
    return render.overlays()
