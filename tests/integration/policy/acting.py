"""Carries a workflow's jobs out on this machine: the very `run:` lines, the conditions, the outputs between steps.

Steps that `uses` an action are passed over, and so is logging in to a cluster; everything else is run by bash as
GitHub runs it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infrastructure.policy.gate import WORKFLOWS
from infrastructure.policy.render import ROOT
from infrastructure.policy.workflows import Workflow

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
ELSEWHERE = "kubeconfig.sh"
CONTENDER = ROOT / ".venv" / "bin" / "contender"
IN_CLUSTER = f"{CONTENDER} cluster run --"


@dataclass
class Ran:
    """What became of a run: each job's result, the steps that ran, outputs, summary, and words.

    `said` are those of every step that failed, in order; of the last step where none did.
    """

    results: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    said: str = ""
    failures: str = ""


class Act:
    """One run of one workflow in a folder, with the inputs of whoever started it; `command` is its $CONTENDER."""

    def __init__(
        self,
        name: str,
        folder: Path,
        inputs: Mapping[str, str],
        environment: Mapping[str, str],
        command: str = str(CONTENDER),
    ) -> None:
        self._command = command
        self._document = Workflow(name, (WORKFLOWS / name).read_text()).document
        self._folder, self._environment = folder, environment
        declared = self._document["on"]["workflow_dispatch"]["inputs"]
        self._values = {f"inputs.{key}": inputs.get(key, str(one.get("default", ""))) for key, one in declared.items()}
        self.ran = Ran()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "infrastructure").exists():
            (folder / "infrastructure").symlink_to(ROOT / "infrastructure")

    def run(self) -> Ran:
        """The whole run, job after job."""
        for name, job in self._document["jobs"].items():
            needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            ready = all(self.ran.results.get(one) == "success" for one in needed)
            chosen = ready and self._holds(job.get("if", "success()"), failed=False)
            self.ran.results[name] = self._job(name, job) if chosen else "skipped"
        return self.ran

    def _job(self, name: str, job: Mapping[str, Any]) -> str:
        failed = False
        for step in job["steps"]:
            if self._holds(step.get("if", "success()"), failed=failed) and ELSEWHERE not in step.get("run", ELSEWHERE):
                failed |= not self._step(step, {**self._document.get("env", {}), **job.get("env", {})})
        for key, value in job.get("outputs", {}).items():
            self._values[f"needs.{name}.outputs.{key}"] = self._filled(value)
        return "failure" if failed else "success"

    def _step(self, step: Mapping[str, Any], outer: Mapping[str, str]) -> bool:
        told, summary = self._folder / "output", self._folder / "summary"
        told.write_text("")
        summary.write_text("")
        stated = {key: self._filled(str(value)) for key, value in {**outer, **step.get("env", {})}.items()}
        files = {"GITHUB_OUTPUT": str(told), "GITHUB_STEP_SUMMARY": str(summary)}
        environment = {**os.environ, **stated, **files, **self._environment, "CONTENDER": self._command}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        self.ran.steps.append(step["name"])
        words = f"{step['name']} ({done.returncode}): {done.stdout[-2000:]}{done.stderr[-2000:]}"
        if done.returncode:
            self.ran.failures += f"{words}\n"
        self.ran.said = self.ran.failures or words
        self.ran.summary += summary.read_text()
        for line in told.read_text().splitlines():
            key, _, value = line.partition("=")
            self.ran.outputs[key] = self._values[f"steps.{step['id']}.outputs.{key}"] = value
        self._values[f"steps.{step.get('id')}.outcome"] = "success" if done.returncode == 0 else "failure"
        return done.returncode == 0

    def _filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self._values.get(found[1], ""), text)

    def _holds(self, condition: str, *, failed: bool) -> bool:
        """Whether a condition holds, of those that are used: comparisons and states, joined by && and ||."""
        terms = [[one.strip() for one in part.split("&&")] for part in condition.split("||")]
        asks_state = any(one in ("failure()", "!cancelled()") for part in terms for one in part)
        met = any(all(self._term(one, failed=failed) for one in part) for part in terms)
        return met and (asks_state or not failed)

    def _term(self, term: str, *, failed: bool) -> bool:
        states = {"success()": not failed, "failure()": failed, "!cancelled()": True}
        if term in states:
            return states[term]
        left, _, right = term.partition("==")
        return self._values.get(left.strip(), "") == right.strip().strip("'")
