"""Rules for every test."""

import os

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where skipping is forbidden, a skipped test is a failed one that says what it lacked."""
    report = yield
    if report.skipped and os.environ.get("CONTENDER_TEST_FORBID_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where skipping is forbidden: {report.longrepr}"
    return report
