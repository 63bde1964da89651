"""Rules for every test, and what tests of several rooms look at."""

import os
import random
import shutil
from collections.abc import Mapping
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--file-order", type=int, metavar="SEED", help="Run the files of tests in an order that the seed draws."
    )


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.getoption("--file-order")
    return None if seed is None else f"files in the order of seed {seed}: --file-order {seed} draws it again"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What one file leaves behind must not matter to another; within a file tests stay as they are written."""
    seed = config.getoption("--file-order")
    if seed is None:
        return
    files = sorted({item.path for item in items})
    random.Random(seed).shuffle(files)
    items.sort(key=lambda item: files.index(item.path))


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
