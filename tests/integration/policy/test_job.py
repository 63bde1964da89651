"""`job.sh` with a kubectl that only notes what it is given: the job that it makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infrastructure.policy.render import ROOT

# As `kubectl create job --from=cronjob/… --dry-run=client` prints it: a child of the CronJob.
FORM = {
    "metadata": {
        "name": "j",
        "ownerReferences": [{"kind": "CronJob", "name": "job-change-reconcile", "controller": True}],
    },
    "spec": {"ttlSecondsAfterFinished": 86400, "template": {"spec": {"containers": [{"name": "release", "args": []}]}}},
}
KUBECTL = """#!/bin/sh
case " $* " in
  *" --dry-run=client "*) cat "$HERE/form" ;;
  *" create --filename=- "*) cat >"$HERE/made" ;;
  *" get job "*) echo Complete ;;
  *" logs "*) printf '{\\n}\\n' ;;
  *" get pods "*) echo 3 ;;
esac
"""


def test_the_job_has_the_arguments_and_is_nobodys_child(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("job.sh needs jq: apt-get install jq")
    (tmp_path / "form").write_text(json.dumps(FORM))
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HERE": str(tmp_path), "TASK": "job-change"}
    arguments = ["promote", "--task", "job-change", "--bake", "75", "--json"]
    script = ROOT / "infrastructure" / "release" / "job.sh"
    done = subprocess.run(
        [script, *arguments], env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, json.loads(done.stdout)) == (3, {}), done.stderr
    made: dict[str, Any] = json.loads((tmp_path / "made").read_text())
    assert made["spec"]["template"]["spec"]["containers"][0]["args"] == arguments
    assert "ownerReferences" not in made["metadata"]
    assert made["spec"]["ttlSecondsAfterFinished"] == 86400
