"""`kind.sh` with programs that only note what they are asked: what it would make of a cluster."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import pytest

from infrastructure.policy.render import ROOT

NOTE = r"""#!/bin/sh
case " $* " in *" --filename - "*) cat >/dev/null ;; esac
for one in "$(basename "$0")" "$@"; do printf '%s\0' "$one"; done >>"$NOTES"
echo >>"$NOTES"
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Every call of kind, helm, docker and kubectl, in order."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("kind", "helm", "docker", "kubectl"):
        (folder / name).write_text(NOTE)
        (folder / name).chmod(0o755)
    notes = folder / "notes"
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes)}
    script = ROOT / "infrastructure" / "release" / "kind.sh"
    subprocess.run([script], env=environment, check=True, capture_output=True, timeout=60)
    return [line.strip("\0").split("\0") for line in notes.read_text().splitlines()]


def databases(calls: list[list[str]], secret: str) -> set[str]:
    """The databases that the URLs of a Secret name."""
    (call,) = [
        one for one in calls if one[:6] == ["kubectl", "-n", one[2], "create", "secret", "generic"] and one[6] == secret
    ]
    return {found[1] for one in call if (found := re.search(r"=postgresql[^/]*://[^/]+/(\w+)$", one))}


def test_the_store_and_mlflow_have_a_database_each(asked: list[list[str]]) -> None:
    names = ("contender-store", "contender-store-owner", "job-change-store", "job-role-store")
    store = {found for name in names for found in databases(asked, name)}
    assert (store, databases(asked, "mlflow-store")) == ({"postgres"}, {"mlflow"})


def test_mlflows_database_is_made_once_postgresql_is_up_and_before_mlflow(asked: list[list[str]]) -> None:
    lines = [shlex.join(one) for one in asked]
    (ready,) = [at for at, one in enumerate(lines) if "rollout status statefulset/postgres" in one]
    (made,) = [at for at, one in enumerate(lines) if "createdb --username=postgres mlflow" in one]
    (starts,) = [at for at, one in enumerate(lines) if "secret generic mlflow-store" in one]
    assert ready < made < starts
