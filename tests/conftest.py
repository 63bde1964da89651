"""Rules for every test, and what tests of several rooms look at."""

import os
import random
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil
import pytest

TIMED_OUT = pytest.StashKey[bool]()
BIRTH_S = 1.02
"""What a process's time of birth may be early by: it counts from the time of boot, which is told in whole seconds."""


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
def pytest_runtest_protocol(item: pytest.Item):  # type: ignore[no-untyped-def]
    """What a test started that ran out of time is ended with it; what came to an end by itself is its own business."""
    began = time.time()
    item.stash[TIMED_OUT] = False
    result = yield
    if item.stash[TIMED_OUT]:
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.create_time() >= began - BIRTH_S:
                    child.kill()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Where skipping is forbidden, a skipped test is a failed one that says what it lacked."""
    report = yield
    if call.excinfo is not None and "from pytest-timeout" in str(call.excinfo.value):
        item.stash[TIMED_OUT] = True
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
