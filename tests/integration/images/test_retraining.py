"""The component that retrains by the clock: what its jobs are told, whom they reach, and when they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import typer

from cli.main import app
from contender.tasks.catalog import TASKS
from infrastructure.policy import network, planting
from infrastructure.policy.objects import Rendered

OVERLAYS = ("staging", "production")
POLICIES = ("retraining", "mlflow-from-retraining", "to-database", "to-cloud-services")


def jobs(overlay: list[dict[str, Any]]) -> Mapping[str, dict[str, Any]]:
    """The jobs that retrain, by their task."""
    names = {f"{task}-retraining": task for task in TASKS}
    found = [one for one in overlay if one["kind"] == "CronJob" and one["metadata"]["name"] in names]
    return {names[one["metadata"]["name"]]: one for one in found}


@pytest.fixture(params=OVERLAYS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def overlay(rendered: Mapping[str, Any], name: str) -> Any:
    return rendered[name]


def test_every_task_has_its_job(overlay: Any) -> None:
    assert set(jobs(overlay)) == set(TASKS)


def test_a_job_ends_before_the_next_begins_and_waits_no_longer_than_it_may(overlay: Any) -> None:
    for job in jobs(overlay).values():
        spec, (container,) = job["spec"], job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        minute, *others = spec["schedule"].split()
        assert (minute.isdecimal(), others) == (True, ["*"] * 4), "every hour"
        (wait,) = [int(one.removeprefix("--wait=")) for one in container["args"] if one.startswith("--wait=")]
        assert wait + 600 < spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < 3600
        assert spec["concurrencyPolicy"] == "Forbid"


def test_a_job_is_told_of_this_environment(overlay: Any, name: str) -> None:
    undo = overlay.one("CronJob", "job-change-undo")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    for task, job in jobs(overlay).items():
        pod = job["spec"]["jobTemplate"]["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        plain = {one["name"]: one["value"] for one in container["env"] if "value" in one}
        assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == task
        assert plain["CONTENDER_PIPELINES_IMAGE"] == undo["containers"][0]["image"]
        assert plain["CONTENDER_MONITORING_IMAGE"] == container["image"]
        assert "/contender/monitoring@sha256:" in container["image"]
        bucket = f"s3://contender-{name}-artifacts-example"
        assert plain["ROWS"] == f"{bucket}/data/$(CONTENDER_TASK)/newest.csv"
        assert plain["CONTENDER_ARTIFACT_ROOT"] == f"{bucket}/models"
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_the_words_of_a_job_are_those_of_the_command(overlay: Any) -> None:
    (container,) = jobs(overlay)["job-role"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    group, command, *options = container["args"]
    watch = typer.main.get_command(app).commands[group].commands[command]  # type: ignore[attr-defined]  # groups
    known = {name for one in watch.params for name in one.opts}
    assert {one.partition("=")[0] for one in options} <= known


@pytest.mark.parametrize("policy", POLICIES)
def test_a_job_that_is_cut_off_is_found(overlay: Any, name: str, policy: str) -> None:
    whole = Rendered(name, overlay)
    cut = planting.planted(planting.Twin(policy, "edge-is-open", planting.drop("NetworkPolicy", policy)), whole)
    assert list(network.edges_are_known(whole)) == []
    assert any("retraining →" in one.where and one.rule == "edge-is-open" for one in network.edges_are_known(cut))
