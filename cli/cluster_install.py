"""`contender cluster install`: from a cluster that is fit to one in which everything but the first release is there."""

from __future__ import annotations

import base64
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from cli.cluster_doctor import environment as ours
from cli.cluster_doctor.checks import CHECKS
from cli.cluster_doctor.command import EnvironmentOption, ManifestsOption, manifests_of
from cli.cluster_doctor.finding import Check, Finding, Look, State, findings, value
from cli.compose import settings_from
from cli.output import JsonFlag, note, print_json
from contender.adapters.kubernetes_api import Api, Document, field_of
from contender.errors import Conflict, DeadlineExceeded, FaultFound, Unavailable
from contender.tasks.catalog import TASKS

LOCAL: Final = "local"
SHARED: Final = ("exporter", "pipelines")
OF_A_TASK: Final = ("transformer", "release")
"""Parts with a user of their own: one for all tasks, or one for each task."""

S3_NOTES: Final = {
    "serving.kserve.io/s3-endpoint": "s3.backends:9000",
    "serving.kserve.io/s3-usehttps": "0",
    "serving.kserve.io/s3-region": "us-east-1",
}
"""Where KServe finds the S3 API of `components/backends`."""

_HOST: Final = "postgres.backends"
_POLL_S: Final = 2.0
_EXEC_S: Final = 60.0
_SECRETS: Final = (Check("Secrets", ours.secrets),)

WaitOption = Annotated[float, typer.Option("--wait", min=1, help="Seconds to wait until what was applied runs.")]


@dataclass(frozen=True)
class Place:
    """A cluster, how a program is run in a pod of it with a text as its input, and how time passes."""

    look: Look
    execute: Callable[[Sequence[str], str], None]
    sleep: Callable[[float], None] = time.sleep

    @property
    def api(self) -> Api:
        """The cluster's API."""
        return self.look.api


def install(
    environment: EnvironmentOption = LOCAL,
    manifests: ManifestsOption = None,
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Make the laptop's Secrets that are not there, with new passwords.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be refused.")] = False,
    wait: WaitOption = 300.0,
    as_json: JsonFlag = False,
) -> int:
    """Install an environment: look first, then foundation, Secrets, the rest, and wait until it runs.

    May be repeated: what is there stays, and a run that died is continued by the next. No Secret is ever changed.

    Example: contender cluster install --environment local --with-secrets
    """
    from contender.adapters.kubernetes_client import connect

    if with_secrets and environment != LOCAL:
        raise FaultFound(
            "passwords are made for a laptop only", remedy="docs/cluster.md, 3: bring them from your store"
        )
    settings = settings_from(backend="local")
    look = Look(connect(settings.namespace, settings.kubeconfig), manifests_of(environment, manifests), time.time)
    place = Place(look, lambda words, text: _kubectl(settings.kubeconfig, words, text))
    applied = 0 if dry_run else installed(place, with_secrets=with_secrets, wait_s=wait)
    if dry_run:
        refuse_unfit(look)
    if as_json:
        print_json({"applied": applied, "dry_run": dry_run})
    return 0


def installed(place: Place, *, with_secrets: bool, wait_s: float) -> int:
    """Install the manifests; how many objects were stated.

    Raises:
        FaultFound: the cluster is not fit, or Secrets are missing.
        DeadlineExceeded: something does not run in time; it says what and why.
        Conflict, Unavailable: the API refuses an object.
    """
    refuse_unfit(place.look)
    first, rest = layers(place.look.manifests)
    _apply(place.look, first, "foundation")
    fresh = Look(place.api, place.look.manifests, place.look.now)
    if with_secrets:
        make_secrets(place.api)
        _until_they_run(place, [one for one in first if one["kind"] == "StatefulSet"], wait_s)
        _give_mlflow_its_database(place)
    if missing := [one for one in findings(_SECRETS, fresh) if one.state == State.FAILED]:
        raise FaultFound(
            _told(missing), remedy="make them (docs/cluster.md, 3), then install again: it goes on from here"
        )
    _apply(fresh, rest, "the rest")
    _until_they_run(place, place.look.manifests, wait_s)
    return len(first) + len(rest)


def refuse_unfit(look: Look) -> None:
    """Nothing, if the cluster lacks only what an installation makes.

    Raises:
        FaultFound: something else is wrong.
    """
    bad = [one for one in findings(CHECKS, look) if one.state == State.FAILED and not one.installed]
    if bad := [one for one in bad if not one.name.startswith("Secret ")]:
        raise FaultFound(_told(bad), remedy="contender cluster doctor tells all")


def layers(manifests: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """What an administrator applies, namespaces first, and the rest."""
    foundation = [one for one in manifests if value(one, "metadata", "labels", ours.LAYER) == ours.FOUNDATION]
    first = sorted(foundation, key=lambda one: one["kind"] != "Namespace")
    return first, [one for one in manifests if one not in foundation]


def make_secrets(api: Api) -> None:
    """Make the laptop's Secrets that are not there yet, MLflow's excepted.

    Each part has a password of its own. None is told or changed.
    """
    kept = _make(api, "backends", "postgres", {"password": secrets.token_urlsafe(24)})
    owner = base64.b64decode(kept["data"]["password"]).decode()
    _make(api, "contender", "contender-store", {part: _url(f"contender_{part}") for part in SHARED})
    for task in TASKS:
        user = f"contender_{task.replace('-', '_')}"
        _make(api, "contender", f"{task}-store", {part: _url(f"{user}_{part}") for part in OF_A_TASK})
    _make(api, "contender", "contender-store-owner", {"url": f"postgresql://postgres:{owner}@{_HOST}/postgres"})
    local = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    _make(api, "contender", "contender-s3", local, S3_NOTES)


def _give_mlflow_its_database(place: Place) -> None:
    """A user and a database of its own, and only then its Secret, with which it starts; if that is there, nothing."""
    if place.look.get("/api/v1/namespaces/mlflow/secrets/mlflow-store"):
        return
    password = secrets.token_urlsafe(24)
    place.execute(_AS_OWNER, _MLFLOW.format(password=password))
    _make(place.api, "mlflow", "mlflow-store", {"url": f"postgresql+psycopg://mlflow:{password}@{_HOST}/mlflow"})


def _url(user: str) -> str:
    return f"postgresql://{user}:{secrets.token_urlsafe(24)}@{_HOST}/postgres"


def _make(
    api: Api, namespace: str, name: str, content: Mapping[str, str], notes: Mapping[str, str] | None = None
) -> Document:
    folder = f"/api/v1/namespaces/{namespace}/secrets"
    data = {key: base64.b64encode(text.encode()).decode() for key, text in content.items()}
    metadata = {"name": name, "annotations": dict(notes or {})}
    try:
        return api.call("POST", folder, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    except Conflict:
        return api.call("GET", f"{folder}/{name}")


_AS_OWNER: Final = (
    *("--namespace=backends", "exec", "--stdin", "statefulset/postgres", "--"),
    *("psql", "--username=postgres", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"),
)
_MLFLOW: Final = """\
SELECT 'CREATE ROLE mlflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow') \\gexec
ALTER ROLE mlflow PASSWORD '{password}';
SELECT 'CREATE DATABASE mlflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mlflow') \\gexec
ALTER DATABASE mlflow OWNER TO mlflow;
"""
"""MLflow has tables of the store's names, so a database each; and no business in the other one, so a user each."""


def _kubectl(kubeconfig: str, words: Sequence[str], text: str) -> None:
    command = ["kubectl", *([f"--kubeconfig={kubeconfig}"] if kubeconfig else ()), *words]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_EXEC_S, input=text.encode())
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        words_of = said.decode(errors="replace").strip()[:300] or type(error).__name__
        raise Unavailable(f"kubectl exec failed: {words_of}", remedy="install again: it goes on from here") from error


def _apply(look: Look, documents: Sequence[Document], what: str) -> None:
    note(f"applying {what}: {len(documents)} objects")
    for one in documents:
        look.served.apply(one)


def _until_they_run(place: Place, documents: Sequence[Document], wait_s: float) -> None:
    end, said = place.look.now() + wait_s, ""
    while left := [one for one in documents if not _runs(place.look, one)]:
        names = ", ".join(f"{one['kind']} {value(one, 'metadata', 'name')}" for one in left)
        if names != said:
            note(f"waiting for {names}")
        said = names
        if place.look.now() >= end:
            raise DeadlineExceeded(f"{names}: not running after {wait_s:g} s{_why(place.look, left)}", remedy=_REMEDY)
        place.sleep(_POLL_S)


_REMEDY: Final = "see to the cause, then install again: it goes on from here"


def _runs(look: Look, stated: Document) -> bool:
    """Whether it does what it is there for; a slot does nothing before the first release and is not waited for."""
    if stated["kind"] not in ("Deployment", "StatefulSet", "Job"):
        return True
    found = look.get(look.served.path(stated))
    if stated["kind"] == "Job":
        return any(one["type"] == "Complete" and one["status"] == "True" for one in _conditions(found))
    wanted = int(field_of(found, "spec", "replicas") or 1)
    current = field_of(found, "status", "observedGeneration") == field_of(found, "metadata", "generation")
    counts = ("readyReplicas", "updatedReplicas")
    return current and all(int(field_of(found, "status", one) or 0) >= wanted for one in counts)


def _conditions(document: Any) -> Sequence[Mapping[str, Any]]:
    return field_of(document, "status", "conditions") or ()


def _why(look: Look, stated: Sequence[Document]) -> str:
    spaces = sorted({value(one, "metadata", "namespace") for one in stated})
    names = tuple(value(one, "metadata", "name") for one in stated)
    told = {why for space in spaces for why in _reasons(look, f"/api/v1/namespaces/{space}", names)}
    return "".join(f"; {one}" for one in sorted(told))


def _reasons(look: Look, space: str, names: tuple[str, ...]) -> Iterator[str]:
    """Why pods with names that begin so do not run: their own words, else the newest warning about them."""
    for pod in look.items(f"{space}/pods"):
        name = value(pod, "metadata", "name")
        if not name.startswith(names):
            continue
        own = list(_own_words(pod))
        if set(own) <= _UNTOLD and (warning := _warning(look.items(f"{space}/events"), name)):
            own = [warning]
        yield from (f"{name}: {one}" for one in own)


def _own_words(pod: Document) -> Iterator[str]:
    for one in _conditions(pod):
        if one.get("reason") == "Unschedulable":
            yield one.get("message", "no node has room")
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in field_of(pod, "status", kind) or ():
            reasons = (
                value(container, "state", "waiting", "reason"),
                value(container, "lastState", "terminated", "reason"),
            )
            yield from filter(None, reasons)


_UNTOLD: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""What a pod says of a volume, a network or an image that does not come: its events say which."""


def _warning(events: Sequence[Document], pod: str) -> str:
    """The newest warning about `pod`; empty if there is none."""
    about = [one for one in events if one.get("type") == "Warning" and value(one, "involvedObject", "name") == pod]
    newest = max(about, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""), default={})
    return ": ".join(filter(None, (str(newest.get("reason", "")), str(newest.get("message", "")))))


def _told(bad: Sequence[Finding]) -> str:
    return "; ".join(f"{one.name}: {one.found} ({one.remedy})" for one in bad)


def register(group: typer.Typer) -> None:
    """Add the command to the group `contender cluster`."""
    group.command("install")(install)
