"""The workflow `release` on a stand-in for the Kubernetes API: its own `run:` lines, killed half-way, started again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.policy.render import overlay
from tests.integration.adapters_kubernetes.test_cluster_run import rules_of
from tests.integration.adapters_kubernetes.test_walk_through import Story, begun
from tests.integration.policy.acting import CONTENDER, IN_CLUSTER, Act, Ran
from tests.integration.policy.laptop import people_of
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK
from tests.stand_ins.kubernetes_api.jobs import JobController, deploy_release
from tests.stand_ins.kubernetes_api.kserve import crashes
from tests.stand_ins.kubernetes_api.server import Asked

# Whole workflows of some ten commands each: on a busy machine they take minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with begun(tmp_path_factory.mktemp("home")) as made:
        for alias in ("champion", "baseline"):
            made.place().registry.set_alias(TASK, alias, "1")
        up = subprocess.run([str(CONTENDER), "up", "--task", TASK, "--json"], check=False, capture_output=True)
        assert up.returncode == 0, up.stdout
        made.transformer.wait_ready()
        yield made


def act(story: Story, workflow: str, **inputs: str) -> Ran:
    folder = story.home / f"run-{len(list(story.home.glob('run-*')))}"
    given = {"environment": "staging", "task": TASK, "wait": "0", "bake": "1", "ramp": "0.5", "window": "3s", **inputs}
    return Act(workflow, folder, given, story.environment()).run()


def phase(story: Story) -> str:
    return str(story.place().release.state().phase.value)


def test_a_slot_whose_pods_crash_moves_nobody(story: Story) -> None:
    bad = story.place().version("3").artifact
    story.kserve.artifacts[bad] = crashes("refused_to_start: model.onnx is refused by onnxruntime")
    ran = act(story, "release.yml", version="3")
    del story.kserve.artifacts[bad]
    assert ran.results == {"experiment": "failure", "promote": "skipped"}
    assert "refused by onnxruntime" in ran.said
    assert (phase(story), story.serves("ada")["model_version"]) == ("idle", "1")


def test_a_promotion_whose_runner_dies_is_finished_by_the_next_run(story: Story) -> None:
    begun = act(story, "release.yml", version="2")
    assert begun.outputs["verdict"] == "hold", begun.said
    people_of(story.place(), better="challenger", seed=11)
    killed = _killed_while_it_writes_the_routing(story)
    assert killed.results["promote"] == "failure"
    ran = act(story, "release.yml", version="2")
    assert ran.results == {"experiment": "success", "promote": "success"}, ran.said
    assert (phase(story), story.serves("ada")["model_version"]) == ("promoted", "2")


def _killed_while_it_writes_the_routing(story: Story) -> Ran:
    """A run whose every process dies at its promotion's routing write, the job that would take it back among them."""
    held, go = threading.Event(), threading.Event()

    def hold(asked: Asked) -> None:
        if asked.verb == "patch" and asked.key.resource == "configmaps":
            held.set()
            go.wait(60)

    story.api.before = hold
    ended: list[Ran] = []
    thread = threading.Thread(target=lambda: ended.append(act(story, "release.yml", version="2")))
    thread.start()
    assert held.wait(600), "the promotion never wrote its routing"
    while thread.is_alive():
        for process in _commands_of(story.home):
            with contextlib.suppress(ProcessLookupError):  # it may have ended since
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)
    story.api.before = lambda asked: None
    go.set()
    return ended[0]


def _commands_of(home: Path) -> list[int]:
    """The processes of `contender` that were started from a run's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                there = (entry / "cwd").readlink().is_relative_to(home)
            except OSError:
                continue
            if there and any(word.endswith("/contender") for word in words):
                found.append(int(entry.name))
    return found


# --- the same as GitHub runs it: a runner that reaches the API only, every command a job


@pytest.fixture(scope="module")
def jobs(story: Story) -> Iterator[JobController]:
    story.api.rules = {**(story.api.rules or {}), "deployers": rules_of("deployer"), "rollback": rules_of("rollback")}
    crons = [one for one in overlay("local").of("CronJob") if one["metadata"]["name"].startswith(f"{TASK}-")]
    deploy_release(story.api.objects, NAMESPACE, crons)
    made = JobController(story.api, NAMESPACE, story.home / "jobs", story.environment())
    yield made
    made.close()


def act_as(who: str, story: Story, workflow: str, **inputs: str) -> Ran:
    """A run whose runner has the rights of a group, and nothing but the API's address."""
    file = story.home / f"{who}.yaml"
    story.environment()  # writes the kubeconfig
    file.write_text((story.home / "kubeconfig").read_text().replace("token: release", f"token: {who}"))
    runner = {
        "CONTENDER_KUBECONFIG": str(file),
        "CONTENDER_STORE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "CONTENDER_TRACKING_URI": "http://127.0.0.1:9",
    }
    given = {"environment": "staging", "task": TASK, "wait": "0", "bake": "1", **inputs}
    return Act(workflow, story.home / f"runner-{workflow}", given, runner, IN_CLUSTER).run()


def test_a_run_by_jobs_verifies_what_was_promoted(story: Story, jobs: JobController) -> None:
    assert phase(story) == "promoted"
    ran = act_as("deployers", story, "release.yml")
    assert ran.results == {"experiment": "success", "promote": "success"}, ran.said
    assert ran.outputs["verdict"] == "promote"
    assert "## job-change: promoted" in ran.summary
    page = (story.home / "runner-release.yml" / "dossier.html").read_text()
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    assert {one["spec"]["template"]["spec"]["serviceAccountName"] for one in jobs.started.values()} == {
        f"{TASK}-release"
    }


def test_one_click_brings_the_version_before_back(story: Story, jobs: JobController) -> None:
    ran = act_as("rollback", story, "rollback.yml", reason="complaints; $(touch /tmp/never) `id`")
    assert ran.results == {"undo": "success"}, ran.said
    assert story.serves("ada")["model_version"] == "1"
    assert json.loads(ran.summary)["phase"] == "prepared"
    assert any(name.startswith(f"{TASK}-undo-") for name in jobs.started)
