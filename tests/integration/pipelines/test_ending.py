"""How a run through kfp's local runner ends early, and that it leaves nothing running."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from contender.errors import InvalidInput
from pipelines import settings
from pipelines.local import run_training
from pipelines.params import DataParams, RegistryParams, RunParams
from pipelines.steps.progress import Progress


def params(folder: Path, file: str = "") -> RunParams:
    registry = RegistryParams(tracking_uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "files"))
    return RunParams(task="job-change", data=DataParams(rows=600, file=file), registry=registry)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files, in which a run leaves nothing however it ends; and variables of other tools."""
    scratch, here = tmp_path / "scratch", tmp_path / "here"
    for folder in (scratch, here):
        folder.mkdir()
    for name in ("contender", "mlflow", "kfp", "json", "pipelines", "sitecustomize"):
        (here / f"{name}.py").write_text("raise SystemExit('a file of the current folder ran')")
    monkeypatch.chdir(here)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("PYTHONPATH", str(here))
    monkeypatch.setenv("_KFP_RUNTIME", "true")
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield scratch
    assert list(scratch.iterdir()) == []


def test_a_broken_file_is_an_error_that_names_column_and_step(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("enrollee_id,city\n1,city_1\n")
    seen: list[Progress] = []
    with pytest.raises(InvalidInput, match=r"column is missing.*\(step validate\)"):
        run_training(params(tmp_path, str(broken)), tmp_path / "runs", seen.append)
    assert seen[-1].state == "failed"


def gone(processes: Sequence[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


def test_whatever_ends_the_call_ends_the_run(tmp_path: Path) -> None:
    started: list[psutil.Process] = []
    before = set(psutil.Process().children(recursive=True))

    def interrupt(event: Progress) -> None:
        started.extend(set(psutil.Process().children(recursive=True)) - before)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(params(tmp_path), tmp_path / "runs", interrupt)
    assert len(started) >= 1
    assert gone(started)


def test_a_run_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.local import run_training\n"
        "from pipelines.params import RunParams\n"
        "run_training(RunParams.model_validate_json(sys.argv[1]), Path(sys.argv[2]), lambda e: print(e, flush=True))"
    )
    command = [sys.executable, "-c", code, params(tmp_path).model_dump_json(), str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=settings.ROOT, env=environment) as parent:
        assert parent.stdout is not None
        assert b"ingest" in parent.stdout.readline()
        started = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(started) >= 1
    assert gone(started)
