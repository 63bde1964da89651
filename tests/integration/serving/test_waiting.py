"""A slot that nothing was released into waits quietly: on a cluster it would restart for ever instead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.serving.conftest import ROOT, TASK, call, wait_for
from tests.stand_ins.ports import free_port


@contextmanager
def predictor(folder: Path, port: int, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    own = {"CONTENDER_TASK": TASK, "CONTENDER_ARTIFACT": str(folder), "CONTENDER_HTTP_PORT": str(port), **settings}
    command = [sys.executable, "-m", "serving.predictor"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def alive(port: int) -> bool:
    try:
        return call(port, "GET", "/v2/health/live").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_slot_is_alive_and_not_ready_and_says_so(tmp_path: Path, made: bool) -> None:
    folder, port = tmp_path / "models", free_port()
    if made:
        folder.mkdir()
    with predictor(folder, port, CONTENDER_WAIT_EMPTY="true") as process:
        wait_for(lambda: alive(port), "the waiting slot")
        assert call(port, "GET", "/v2/health/ready").status == 503
        assert call(port, "GET", f"/v1/models/{TASK}/version").status == 503
        refused = call(port, "POST", f"/v1/models/{TASK}:predict", {"instances": [{}]})
        assert (refused.status, refused.body) == (503, {"error": f"{TASK} serves no version here yet"})
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize("waits", ["false", "true"])
def test_what_is_there_and_no_artifact_is_refused_all_the_same(tmp_path: Path, waits: str) -> None:
    (tmp_path / "half").write_text("x")
    with predictor(tmp_path, free_port(), CONTENDER_WAIT_EMPTY=waits) as process:
        assert process.wait(60) != 0


def test_a_folder_that_is_not_there_is_refused_where_nobody_waits(tmp_path: Path) -> None:
    with predictor(tmp_path / "models", free_port()) as process:
        assert process.wait(60) != 0
