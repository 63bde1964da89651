"""Compiled graphs on Kubeflow Pipelines: submit, schedule, wait, and what became of the gate.

Speaks the six requests of the v2beta1 API that this takes, with deadlines. `kfp.Client` sends the same documents (a
test compares them), but has no timeouts, prints to stdout, asks a failing server five times with tracebacks, and waits
for ever for a run that was cancelled.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from contender.adapters.addresses import tellable
from contender.errors import ContenderError, DeadlineExceeded, InvalidInput, NotFound, Unavailable
from pipelines.terms import checked

WEEKLY: Final = "0 0 3 * * 1"
"""Mondays at three, by Kubeflow's clock: six fields, seconds first."""

_API: Final = "/apis/v2beta1"
_CALL_S: Final = 30.0
_PAUSE_S: Final = 2.0
_BLIND_LOOKS: Final = 10
_PAGE: Final = "100"
_ENDED: Final = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "ERROR", "CANCELED"})
_REGISTERS: Final = "register"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to run: a compiled graph, its parameters, and how.

    `images`, by digest, take the place of those that the graph was compiled with, each of the one that ends in the same
    name (``…/contender/pipelines``, ``…/contender/monitoring``). `caching` overrides what the graph says of its steps;
    None leaves it.
    """

    name: str
    graph: Path
    parameters: Mapping[str, Any]
    experiment: str
    images: Mapping[str, str] = field(default_factory=dict)
    caching: bool | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands: its state in Kubeflow's words, the state of each task by name, and its error if any."""

    id: str
    state: str
    tasks: Mapping[str, str]
    error: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in _ENDED

    @property
    def gate(self) -> str:
        """``passed`` when the run registered a version, ``refused`` when it ended well without, else ``unknown``."""
        if self.state != "SUCCEEDED":
            return "unknown"
        return "passed" if self.tasks.get(_REGISTERS) == "SUCCEEDED" else "refused"


class Pipelines:
    """The Kubeflow Pipelines API at `url`; `token` is sent as a bearer token, `namespace` names the profile, if any."""

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        namespace: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url, self._token, self._namespace = urlsplit(url), token, namespace
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise InvalidInput("CONTENDER_PIPELINES_URL", tellable(f"{url!r} is no http(s) address"))
        self._clock, self._sleep = clock, sleep

    def submit(self, job: Job) -> str:
        """The id of a run of `job` that has begun.

        Raises:
            InvalidInput: a parameter that the graph does not have, or of another type; nothing was sent.
            NotFound: the graph was not compiled.
            Unavailable: the API does not answer.
        """
        begun = self._call("POST", "/runs", self._body(job))
        return str(begun["run_id"])

    def schedule(self, job: Job, cron: str) -> str:
        """The id of the recurring run of `job` by `cron` (six fields); one of the same name before it is replaced."""
        body = self._body(job)
        old = self._scheduled(job.name, body["experiment_id"])
        trigger = {"cron_schedule": {"cron": cron}}
        terms = {"trigger": trigger, "mode": "ENABLE", "max_concurrency": 1, "no_catchup": True}
        made = self._call("POST", "/recurringruns", {**body, **terms})
        # The new one first: a failure in between leaves one too many, which is seen, rather than none, which is not.
        for stale in old:
            self._call("DELETE", f"/recurringruns/{quote(stale, safe='')}")
        return str(made["recurring_run_id"])

    def ping(self) -> None:
        """Come back if the API answers.

        Raises:
            Unavailable: it does not.
        """
        self._call("GET", "/healthz")

    def run(self, run_id: str) -> Run:
        """The run as it stands."""
        found = self._call("GET", f"/runs/{quote(run_id, safe='')}")
        details = (found.get("run_details") or {}).get("task_details") or ()
        tasks = {str(one.get("display_name")): str(one.get("state")) for one in details}
        error = str((found.get("error") or {}).get("message", ""))
        return Run(run_id, str(found.get("state") or "PENDING"), tasks, error)

    def wait(self, run_id: str, *, deadline_s: float, seen: Callable[[Run], None]) -> Run:
        """The run once it has ended; `seen` gets what it looks like meanwhile.

        Raises:
            DeadlineExceeded: it still runs after `deadline_s`; it goes on.
            Unavailable: the API was away for many looks in a row.
        """
        end, blind = self._clock() + deadline_s, 0
        while True:
            try:
                run, blind = self.run(run_id), 0
                seen(run)
                if run.ended:
                    return run
            except Unavailable:
                blind += 1
                if blind >= _BLIND_LOOKS:
                    raise
            if self._clock() >= end:
                raise DeadlineExceeded(f"run {run_id} has not ended after {deadline_s:g} s; it goes on")
            self._sleep(_PAUSE_S)

    def _body(self, job: Job) -> dict[str, Any]:
        spec = spec_of(job)
        checked(job.graph.stem, job.parameters)
        return {
            "experiment_id": self._experiment(job.experiment),
            "display_name": job.name,
            "pipeline_spec": spec,
            "runtime_config": {"parameters": dict(job.parameters)},
        }

    def _experiment(self, name: str) -> str:
        query = {"filter": _named(name), "namespace": self._namespace}
        found = self._call("GET", f"/experiments?{urlencode(query)}").get("experiments")
        if found:
            return str(found[0]["experiment_id"])
        namespace = {"namespace": self._namespace} if self._namespace else {}
        return str(self._call("POST", "/experiments", {"display_name": name, **namespace})["experiment_id"])

    def _scheduled(self, name: str, experiment: str) -> list[str]:
        query = {"filter": _named(name), "experiment_id": experiment, "page_size": _PAGE}
        found = self._call("GET", f"/recurringruns?{urlencode(query)}").get("recurringRuns") or ()
        return [str(one["recurring_run_id"]) for one in found if one.get("display_name") == name]

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=_CALL_S)
        headers = {"content-type": "application/json"}
        headers |= {"authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"{self._url.path.rstrip('/')}{_API}{path}", content, headers)
            response = connection.getresponse()
            return _read(response.status, response.read(), f"{method} {path.partition('?')[0]}")
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                tellable(f"Kubeflow Pipelines does not answer at {self._url.geturl()}: {error}")
            ) from error
        finally:
            connection.close()


def spec_of(job: Job) -> dict[str, Any]:
    """The compiled graph as the API takes it: with what Kubernetes is told of its steps, if that is anything.

    Raises:
        NotFound: the graph was not compiled.
        InvalidInput: an image is not named by digest.
    """
    import yaml

    for name, image in job.images.items():
        if image and "@sha256:" not in image:
            raise InvalidInput(f"CONTENDER_{name.upper()}_IMAGE", f"{image!r} is not named by digest: NAME@sha256:…")
    try:
        spec, *platform = list(yaml.safe_load_all(job.graph.read_text()))
    except OSError as error:
        raise NotFound(f"{job.graph.name} is not compiled", remedy="contender pipeline compile") from error
    for executor in spec["deploymentSpec"]["executors"].values():
        if "container" in executor:
            compiled = executor["container"]["image"]
            executor["container"]["image"] = job.images.get(_name_of(compiled)) or compiled
    if job.caching is not None:
        _set_caching(spec, enabled=job.caching)
    return {"pipeline_spec": spec, "platform_spec": platform[0]} if platform else dict(spec)


def _name_of(image: str) -> str:
    """The last word of an image's name.

    >>> _name_of("ghcr.io/contender/pipelines:0.1.0")
    'pipelines'
    """
    return image.rpartition("/")[2].partition(":")[0]


def _set_caching(spec: Mapping[str, Any], *, enabled: bool) -> None:
    graphs = [spec["root"], *spec["components"].values()]
    for task in (task for graph in graphs for task in graph.get("dag", {}).get("tasks", {}).values()):
        task["cachingOptions"] = {"enableCache": True} if enabled else {}


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": 1, "key": "display_name", "stringValue": name}]})


def _read(status: int, content: bytes, subject: str) -> dict[str, Any]:
    try:
        document = json.loads(content or b"{}")
    except ValueError as error:
        raise Unavailable(f"{subject}: Kubeflow Pipelines answers {status} without JSON") from error
    if status == http.client.OK and isinstance(document, dict):
        return document
    raise _refused(status, f"{subject}: Kubeflow Pipelines answers {status}: {_message(document)}")


def _message(document: object) -> str:
    said = document.get("message") or document.get("error") if isinstance(document, Mapping) else ""
    return str(said or "")[:500]


def _refused(status: int, said: str) -> ContenderError:
    if status == http.client.NOT_FOUND:
        return NotFound(said)
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return Unavailable(said, remedy="set CONTENDER_PIPELINES_TOKEN")
    return InvalidInput("", said) if status < http.client.INTERNAL_SERVER_ERROR else Unavailable(said)
