"""What processes of ours take from the environment that they are started in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contender.adapters.process_environment import child_environment, forget_mlflow, own_environment, python, take_over

FOREIGN = (
    "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID",
    "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_WORKSPACE", "PGHOST", "PGPORT", "PGDATABASE", "PGSERVICE", "PGOPTIONS",
    "KFP_DISABLE_EXECUTION_CACHING_BY_DEFAULT", "_KFP_RUNTIME", "KF_PIPELINES_ENDPOINT", "EVIDENTLY_API_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT", "UVICORN_PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "MATPLOTLIBRC", "GIT_DIR",
)  # fmt: skip
OURS_TOO = (
    "PATH", "HOME", "LANG", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "SSL_CERT_FILE", "HTTPS_PROXY",
    "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_HTTP_REQUEST_TIMEOUT", "PGPASSFILE", "PGSSLROOTCERT",
    "CONTENDER_HOME", "KUBECONFIG",
)  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_variable_of_another_tool_steers_nothing(name: str) -> None:
    assert name not in own_environment({name: "x"})
    assert name not in child_environment({name: "x"})


@pytest.mark.parametrize("name", OURS_TOO)
def test_what_is_meant_for_us_as_well_stays(name: str) -> None:
    assert child_environment({name: "x"})[name] == "x"


@pytest.mark.parametrize(
    ("stated", "direct"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "corp.example"}, "corp.example,127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "a", "no_proxy": "b, localhost"}, "b,localhost,127.0.0.1,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_this_machine_is_asked_without_a_proxy(stated: dict[str, str], direct: str) -> None:
    told = own_environment(stated)
    assert (told["NO_PROXY"], told["no_proxy"]) == (direct, direct)


def test_a_process_takes_it_over_as_its_own() -> None:
    environment = {"MLFLOW_RUN_ID": "abc", "PATH": "/bin"}
    take_over(environment)
    assert environment == own_environment({"PATH": "/bin"})


def test_only_what_steers_mlflow_is_forgotten() -> None:
    environment = {"MLFLOW_REGISTRY_URI": "sqlite:////corp.db", "MLFLOW_TRACKING_TOKEN": "t", "PGHOST": "db"}
    forget_mlflow(environment)
    assert environment == {"MLFLOW_TRACKING_TOKEN": "t", "PGHOST": "db"}


@pytest.mark.parametrize("start", [("-c", "import json"), ("-m", "this")])
@pytest.mark.parametrize("variables", [{}, {"PYTHONPATH": "."}, {"PYTHONPATH": "", "PYTHONSAFEPATH": ""}])
def test_a_child_and_its_children_import_nothing_from_the_current_folder(
    start: tuple[str, ...], variables: dict[str, str], tmp_path: Path
) -> None:
    for name in ("json", "this", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the current folder ran')\n")
    environment = child_environment({**os.environ, **variables})
    grandchild = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, *{start!r}]))"
    for command in (python(*start), (sys.executable, "-c", grandchild)):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_account_without_a_folder_of_its_own_has_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    assert "HOME" not in own_environment({})  # its entry in the system's list of accounts tells
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    assert own_environment({})["HOME"] == "/"
    assert own_environment({"HOME": "/home/ada"})["HOME"] == "/home/ada"
