"""`contender cluster run` and `follow` on a stand-in whose jobs are processes: what whoever starts one gets of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from contender.adapters.kubernetes_jobs import FRAME
from infrastructure.policy.render import ROOT, overlay
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE
from tests.stand_ins.kubernetes_api.jobs import BATCH, JobController, deploy_release
from tests.stand_ins.kubernetes_api.objects import ApiError, Document, Key
from tests.stand_ins.kubernetes_api.server import Asked, KubernetesApi, Rule

MAIN = "from cli.main import main; main()"
# A command that does as it is told: words on stderr, a document on stdout, an exit code.
PROGRAM = """
import os, sys, time, pathlib
from cli.framing import framing
with framing(os.environ.pop("CONTENDER_RESULT_FRAME", "")):
    {body}
sys.exit({code})
"""


def program(body: str = "pass", code: int = 0) -> list[str]:
    return [sys.executable, "-c", PROGRAM.format(body=body, code=code)]


class Bench:
    """A namespace with the CronJobs of the manifests, and the command of somebody who reaches its API only."""

    def __init__(self, api: KubernetesApi, folder: Path) -> None:
        self.api, self.folder = api, folder
        crons = [one for one in overlay("local").of("CronJob") if one["metadata"]["name"].startswith("job-change-")]
        deploy_release(api.objects, NAMESPACE, crons)
        self.controller = JobController(api, NAMESPACE, folder / "jobs", {})

    def environment(self, who: str = "deployers") -> dict[str, str]:
        file = self.folder / f"{who}.yaml"
        cluster = {"name": "c", "cluster": {"server": self.api.url}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        user = {"name": "u", "user": {"token": who}}
        document = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "c"}
        file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **document}))
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("CONTENDER_", "KUBE"))}
        return {**bare, "CONTENDER_NAMESPACE": NAMESPACE, "KUBECONFIG": str(file), "PYTHONPATH": str(ROOT)}

    def begin(self, *arguments: str, who: str = "deployers") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN, "cluster", *arguments],
            cwd=self.folder,
            env=self.environment(who),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, who: str = "deployers") -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        process = self.begin(*arguments, who=who)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def jobs(self) -> list[Document]:
        return self.api.objects.listed(BATCH, "jobs", NAMESPACE)[0]

    def the_job(self) -> Document:
        (job,) = self.jobs()
        return job


@pytest.fixture
def bench(api: KubernetesApi, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(api, tmp_path)
    yield made
    made.controller.close()


def eventually(met: Callable[[], object], what: str, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def container_of(job: Document) -> dict[str, Any]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_stdout_is_the_commands_document_whatever_its_log_says(bench: Bench) -> None:
    body = """[print("{", file=sys.stderr) for _ in range(50)]; print('{"a": 1}'); sys.stderr.write("half a line")"""
    bench.controller.command = program(body, code=3)
    code, out, err = bench.run("run", "--", "release", "reconcile", "--task", "job-change", "--json")
    assert (code, json.loads(out)) == (3, {"a": 1}), err
    assert err.count("{\n") == 50
    assert "half a line\n" in err
    assert "contender cluster follow job-change-reconcile-" in err


def test_a_page_of_megabytes_comes_whole(bench: Bench) -> None:
    bench.controller.command = program("import random; [print(random.random()) for n in range(60000)]")
    code, out, err = bench.run("run", "--", "experiment", "report", "--out", "-")
    assert (code, len(out.splitlines())) == (0, 60_000), err[-500:]


def test_a_real_command_runs_with_the_accounts_settings(bench: Bench) -> None:
    code, out, err = bench.run("run", "--", "status", "--task", "job-role")
    assert (code, out) == (1, ""), err
    assert "there is no CronJob job-role-reconcile in hiring" in err
    code, out, err = bench.run("run", "--", "status", "--task", "job-change", "--field", "release.phase")
    assert (code, out) == (2, "")
    assert "CONTENDER_STORE_URL" in err  # the Secret's, which this container lacks


def test_arguments_reach_the_command_as_they_were_given(bench: Bench) -> None:
    odd = ["--reason", '$(CONTENDER_TASK) costs $5, it\'s "bad"; `id` $$', "--", "-x"]
    bench.controller.command = [*program("import json; print(json.dumps(sys.argv[1:]))")]
    code, out, err = bench.run("run", "--", "suspend", "--task=job-change", *odd)
    assert (code, json.loads(out)) == (0, ["suspend", "--task=job-change", *odd]), err


def test_a_job_is_nobodys_child_and_outlives_the_cronjobs_history(bench: Bench) -> None:
    bench.controller.command = program("print('{}')")
    cron = bench.api.objects.get(Key(BATCH, "cronjobs", NAMESPACE, "job-change-reconcile"))
    owner = {"kind": "CronJob", "name": "job-change-reconcile", "uid": cron["metadata"]["uid"]}
    for number in range(3):  # the CronJob's own rounds, whose history is one
        spec = cron["spec"]["jobTemplate"]["spec"]
        metadata = {"name": f"round-{number}", "ownerReferences": [owner]}
        bench.api.objects.create(Key(BATCH, "jobs", NAMESPACE, f"round-{number}"), {"metadata": metadata, "spec": spec})
    assert bench.run("run", "--", "status", "--json")[:2] == (0, "{}\n")
    eventually(lambda: len(bench.jobs()) == 2, "the CronJob's history was not applied")
    made = next(one for one in bench.jobs() if "ownerReferences" not in one["metadata"])
    assert made["spec"]["ttlSecondsAfterFinished"] == 86_400
    assert bench.run("follow", made["metadata"]["name"])[:2] == (0, "{}\n")


def test_an_approval_travels_with_the_job_and_goes_with_it(bench: Bench) -> None:
    (bench.folder / "approval.json").write_text('{"nonce": "n"}')
    bench.controller.command = program("print(pathlib.Path(sys.argv[-1]).read_text())")
    code, out, err = bench.run("run", "--", "promote", "--approval", "approval.json")
    assert (code, json.loads(out)) == (0, {"nonce": "n"}), err
    job = bench.the_job()
    name = job["metadata"]["name"]
    held = bench.api.objects.get(Key("api/v1", "configmaps", NAMESPACE, name))
    assert held["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    bench.api.objects.delete(Key(BATCH, "jobs", NAMESPACE, name))
    eventually(lambda: not bench.api.objects.listed("api/v1", "configmaps", NAMESPACE)[0], "the approval stayed")


def test_a_job_waits_suspended_for_its_files(bench: Bench) -> None:
    waiting: list[object] = []

    def look(who: str, asked: Asked) -> None:
        if asked.key.resource == "configmaps":
            waiting.append(bench.the_job()["spec"].get("suspend"))

    (bench.folder / "approval.json").write_text("{}")
    bench.api.admit = look
    bench.controller.command = program("print('{}')")
    assert bench.run("run", "--", "promote", "--approval", "approval.json")[:2] == (0, "{}\n")
    assert (waiting, bench.the_job()["spec"]["suspend"]) == ([True], False)


def test_a_job_whose_files_are_refused_is_taken_away(bench: Bench) -> None:
    def refuse(who: str, asked: Asked) -> None:
        if asked.key.resource == "configmaps":
            raise ApiError(403, "Forbidden", "configmaps is forbidden: exceeded quota")

    (bench.folder / "approval.json").write_text("{}")
    bench.api.admit = refuse
    code, out, err = bench.run("run", "--", "promote", "--approval", "approval.json", "--json")
    assert (code, bench.jobs()) == (5, [])
    assert "exceeded quota" in json.loads(out)["error"], err


def test_a_file_that_is_not_there_makes_no_job(bench: Bench) -> None:
    code, _, err = bench.run("run", "--", "promote", "--approval", "nowhere.json")
    assert (code, bench.jobs()) == (2, [])
    assert "--approval: nowhere.json cannot be read" in err


def test_what_keeps_a_pod_from_starting_is_said_and_the_wait_ends(bench: Bench) -> None:
    bench.controller.unschedulable = "0/1 nodes are available: 1 Insufficient memory."
    code, _, err = bench.run("run", "--wait", "3", "--", "status")
    assert code == 5
    assert "pending: job-change-reconcile-" in err
    assert "Insufficient memory" in err
    assert f"contender cluster follow {bench.the_job()['metadata']['name']}" in err.splitlines()[-1]


def test_a_job_that_is_deleted_meanwhile_is_said(bench: Bench) -> None:
    bench.controller.command = program("time.sleep(60)")
    process = bench.begin("run", "--", "status")
    eventually(lambda: bench.controller.containers, "the job never ran")
    bench.api.objects.delete(Key(BATCH, "jobs", NAMESPACE, bench.the_job()["metadata"]["name"]))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "there is no job" in err


def test_a_pod_that_dies_without_a_result_tells_its_code(bench: Bench) -> None:
    bench.controller.command = program("print('{}'); sys.stdout.flush(); os.kill(os.getpid(), 9)")
    code, out, err = bench.run("run", "--", "status", "--json")
    assert (code, out) == (137, "")
    assert "ended with code 137 (Error), and its log holds no result" in err


def test_a_deadline_before_the_command_ended_is_no_exit_code(bench: Bench) -> None:
    bench.controller.unschedulable = "no node"
    process = bench.begin("run", "--", "status")
    eventually(bench.jobs, "no job was made")
    name = bench.the_job()["metadata"]["name"]
    failed = {"type": "Failed", "status": "True", "message": "Job was active longer than specified deadline"}
    key = Key(BATCH, "jobs", NAMESPACE, name)
    bench.api.objects.merge(key, {"status": {"conditions": [failed]}}, "job-controller", "status")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "active longer than specified deadline" in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_the_job_and_says_how_to_follow_it(bench: Bench, number: signal.Signals, code: int) -> None:
    go = bench.folder / "go"
    wait = f"[time.sleep(0.05) for _ in iter(lambda: pathlib.Path({str(go)!r}).exists(), True)]; print('[1]')"
    bench.controller.command = program(wait, code=3)
    process = bench.begin("run", "--", "status", "--json")
    eventually(lambda: bench.controller.containers, "the job never ran")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    name = bench.the_job()["metadata"]["name"]
    assert (process.returncode, out) == (code, "")
    assert any(line.endswith(f"contender cluster follow {name}") for line in err.splitlines()[-2:])
    follower = bench.begin("follow", name)
    go.touch()
    out, err = follower.communicate(timeout=60)
    assert (follower.returncode, json.loads(out)) == (3, [1]), err


def test_an_api_that_is_away_for_a_while_does_not_lose_the_job(bench: Bench) -> None:
    go = bench.folder / "go"
    wait = f"[time.sleep(0.05) for _ in iter(lambda: pathlib.Path({str(go)!r}).exists(), True)]; print('{{}}')"
    bench.controller.command = program(wait)
    bench.api.away = True
    process = bench.begin("run", "--", "status", "--json")
    eventually(lambda: len(bench.api.calls) > 1, "the API was not asked again")
    bench.api.away = False
    eventually(lambda: bench.controller.containers, "the job never ran")
    bench.api.away = True
    calls = len(bench.api.calls)
    eventually(lambda: len(bench.api.calls) > calls + 1, "the API was not asked again")
    go.touch()
    bench.api.away = False
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "{}\n")
    assert "the job goes on; asking again" in err
    assert len(bench.jobs()) == 1


def test_an_unknown_login_is_not_asked_again(bench: Bench) -> None:
    bench.api.rules = {}
    started = time.monotonic()
    code, _, err = bench.run("run", "--", "status", who="nobody")
    assert (code, bench.jobs()) == (5, [])
    assert "is forbidden" in err
    assert time.monotonic() - started < 30


# --- what the manifests let each group do

RIGHTS = ROOT / "infrastructure" / "kubernetes" / "base" / "foundation"


def rules_of(role: str) -> tuple[Rule, ...]:
    """The Role's rules in groups.yaml, as the stand-in takes them."""
    documents = list(yaml.safe_load_all((RIGHTS / "groups.yaml").read_text()))
    (found,) = [one for one in documents if one["kind"] == "Role" and one["metadata"]["name"] == role]
    return tuple(
        Rule(tuple(rule["verbs"]), resource, tuple(rule.get("resourceNames", ())))
        for rule in found["rules"]
        for resource in rule["resources"]
    )


def admits_an_undo(job: Document) -> bool:
    """What admission.yaml's first expression says; the test below holds the two together."""
    template = job["spec"]["template"]
    pod, whose = template["spec"], template["metadata"].get("labels", {}).get("app.kubernetes.io/instance", "")
    container = pod["containers"][0]
    return (
        whose != ""
        and pod["serviceAccountName"] == f"{whose}-release"
        and "initContainers" not in pod
        and len(pod["containers"]) == 1
        and container["command"] == ["/opt/contender/bin/contender"]
        and an_undo_of(whose, container["args"])
        and "lifecycle" not in container
        and all(one["name"].startswith(("CONTENDER_", "AWS_")) for one in container["env"])
    )


def an_undo_of(whose: str, words: Sequence[str]) -> bool:
    """Whether the arguments are those of an undo of that task and of no other."""
    long = all((not one.startswith("--task") or one == "--task") and not re.match("-[^-]", one) for one in words)
    named = list(words).count("--task") == 1 and words[1] == "--task" and words[2] in ("$(CONTENDER_TASK)", whose)
    return words[0] == "undo" and long and named


EXPRESSION = (
    "variables.whose != '' && variables.pod.serviceAccountName == variables.whose + '-release' "
    "&& !has(variables.pod.initContainers) && variables.pod.containers.size() == 1 "
    "&& variables.pod.containers[0].command == ['/opt/contender/bin/contender'] "
    "&& variables.pod.containers[0].args[0] == 'undo' "
    "&& variables.pod.containers[0].args.all(one, (!one.startsWith('--task') || one == '--task') "
    "&& !one.matches('^-[^-]')) "
    "&& variables.pod.containers[0].args.filter(one, one == '--task').size() == 1 "
    "&& variables.pod.containers[0].args[1] == '--task' "
    "&& (variables.pod.containers[0].args[2] == '$(CONTENDER_TASK)' "
    "|| variables.pod.containers[0].args[2] == variables.whose) "
    "&& !has(variables.pod.containers[0].lifecycle) "
    "&& variables.pod.containers[0].env.all(one, one.name.startsWith('CONTENDER_') || one.name.startsWith('AWS_'))"
)


@pytest.fixture
def guarded(bench: Bench) -> Bench:
    """The bench with the groups' rights and the admission policy."""
    policy = next(yaml.safe_load_all((RIGHTS / "admission.yaml").read_text()))
    first = policy["spec"]["validations"][0]
    assert " ".join(first["expression"].split()) == EXPRESSION

    def admit(who: str, asked: Asked) -> None:
        if who == "rollback" and asked.key.resource == "jobs" and not admits_an_undo(asked.body):
            name = policy["metadata"]["name"]
            words = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: {first['message']}"
            raise ApiError(422, "Invalid", f'jobs.batch "x" is forbidden: {words}')

    bench.api.rules = {"rollback": rules_of("rollback"), "deployers": rules_of("deployer")}
    bench.api.admit = admit
    bench.controller.command = program("print('{}')")
    return bench


def test_the_rollback_group_undoes_and_nothing_else(guarded: Bench) -> None:
    code, out, err = guarded.run("run", "--", "undo", "--task", "job-change", "--json", who="rollback")
    assert (code, out) == (0, "{}\n"), err
    assert container_of(guarded.the_job())["args"][0] == "undo"
    code, _, err = guarded.run("run", "--", "undo", "--reason", "x", "--task", "job-change", who="rollback")
    assert code == 3, err
    code, _, err = guarded.run("run", "--", "suspend", "--task", "job-change", who="rollback")
    assert code == 3
    assert "contender:rollback may start what" in err


def test_deployers_run_and_follow_with_the_rights_they_have(guarded: Bench) -> None:
    (guarded.folder / "approval.json").write_text("{}")
    code, out, err = guarded.run("run", "--", "promote", "--approval", "approval.json", "--json")
    assert (code, out) == (0, "{}\n"), err
    job = guarded.the_job()
    assert {one["name"] for one in container_of(job)["env"] if "value" in one} >= {FRAME, "CONTENDER_BACKEND"}
    assert guarded.run("follow", job["metadata"]["name"])[:2] == (0, "{}\n")
