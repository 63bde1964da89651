"""`kind.sh` with programs that only note what they are asked: what it would make of a cluster."""

from __future__ import annotations

import os
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
    """Every call of kind, helm, docker, kubectl and contender, in order."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("kind", "helm", "docker", "kubectl", "contender"):
        (folder / name).write_text(NOTE)
        (folder / name).chmod(0o755)
    notes = folder / "notes"
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "NOTES": str(notes)}
    script = ROOT / "infrastructure" / "release" / "kind.sh"
    subprocess.run([script], env=environment, check=True, capture_output=True, timeout=60)
    return [line.strip("\0").split("\0") for line in notes.read_text().splitlines()]


def test_what_is_ours_is_installed_last_and_by_the_command(asked: list[list[str]]) -> None:
    assert asked[-1] == ["contender", "cluster", "install", "--environment", "local", "--with-secrets"]
    assert [one[0] for one in asked if one[0] in ("kubectl", "contender")] == ["kubectl", "contender"]
