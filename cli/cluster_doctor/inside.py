"""Checks that only a pod can make: the store, the anchors' bucket, the registry, approvers as they are mounted.

They run as the account and with the Secrets of a release job: ``contender cluster run -- cluster doctor --inside``.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from cli.cluster_doctor.environment import MOST_SKEW_S
from cli.cluster_doctor.finding import Finding, State
from cli.settings import Settings
from contender.adapters.client_s3 import connect
from contender.adapters.keys_ed25519 import keyring, unread
from contender.adapters.store_sql.inspection import DatabaseSeen, Inspection
from contender.adapters.store_sql.users import PARTS
from contender.errors import ContenderError

PART: Final = "release"
LEAST_POSTGRESQL: Final = 14
_MLFLOW_TABLE: Final = "registered_models"
_DEADLINE_S: Final = 10.0
_PROBE: Final = "doctor/probe"
_AUDIT: Final = "audit"


def inside(settings: Settings, now: Callable[[], float]) -> list[Finding]:
    """What a pod finds that has these settings; a service that does not answer is a finding as well."""
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("store", lambda: _store(settings.store_url, now)),
        ("anchors", lambda: anchors(settings.anchor_place, connect(settings.s3_endpoint))),
        ("registry", lambda: registry(settings.tracking_uri)),
        ("approvers", lambda: _approvers(settings)),
    )
    return [finding for name, look in checks for finding in _found(name, look)]


def _found(name: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except ContenderError as error:
        return [Finding(name, State.FAILED, error.message, error.remedy or "docs/cluster.md, 3")]


def _store(url: str, now: Callable[[], float]) -> Iterator[Finding]:
    store = Inspection(url, clock=now)
    try:
        if store.is_server:
            yield from judged(store.seen(), now())
        else:
            yield Finding("store", State.FAILED, "is no PostgreSQL", "set the Secret <task>-store, key release")
    finally:
        store.close()


def judged(seen: DatabaseSeen, now: float) -> Iterator[Finding]:
    """What is to be said of the store's database, as the release's user sees it at `now`."""
    fit = int(seen.server.partition(".")[0]) >= LEAST_POSTGRESQL
    remedy = "" if fit else f"upgrade PostgreSQL to {LEAST_POSTGRESQL} or newer"
    yield Finding("store", State.OK if fit else State.FAILED, f"PostgreSQL {seen.server} as {seen.user}", remedy)
    if _MLFLOW_TABLE in seen.foreign_tables:
        remedy = "give MLflow a database of its own (Secret mlflow-store): both have tables of one name"
        yield Finding("store: database", State.FAILED, "MLflow's tables are in the store's database", remedy)
    yield from _rights(seen)
    skew = now - seen.now
    fit = abs(skew) <= MOST_SKEW_S
    remedy = "" if fit else "let the nodes and the database follow a time server"
    yield Finding("store: clock", State.OK if fit else State.FAILED, f"{skew:+.1f} s from the database's", remedy)


def _rights(seen: DatabaseSeen) -> Iterator[Finding]:
    wanted = {table: {one.split()[0] for one in said.split(", ")} for table, said in PARTS[PART].items()}
    lacking = sorted(table for table, rights in wanted.items() if rights - seen.rights.get(table, frozenset()))
    upgrade = "run the job database-upgrade again: kubectl -n contender delete job database-upgrade, then install"
    if lacking:
        yield Finding("store: rights", State.FAILED, f"lacks rights on {', '.join(lacking)}", upgrade)
    elif seen.superuser or "UPDATE" in seen.rights[_AUDIT]:
        words = f"{seen.user} may rewrite the audit"
        yield Finding("store: rights", State.WARNING, words, "connect as a user of the part's own: Secret <task>-store")
    else:
        yield Finding("store: rights", State.OK, f"what {PART} needs, and no rewriting of the audit")


def anchors(address: str, client: Any) -> Iterator[Finding]:
    """The anchors' place, really used: put, list, be refused a deletion. The probe stays, named as no task is."""
    place = urlsplit(address)
    if place.scheme != "s3":
        yield Finding("anchors", State.WARNING, "are kept in a folder of the pod", "set CONTENDER_ANCHORS to s3://…")
        return
    key = "/".join(filter(None, (place.path.strip("/"), _PROBE)))
    remedy = "check bucket, endpoint and the role of the account <task>-release (Secret contender-s3 on a laptop)"
    if trouble := _refused(client.put_object, Bucket=place.netloc, Key=key, Body=b"probe"):
        yield Finding("anchors", State.FAILED, f"cannot be put: {trouble}", remedy)
        return
    trouble = _refused(client.list_objects_v2, Bucket=place.netloc, Prefix=key)
    found = f"cannot be listed: {trouble}" if trouble else "put and listed"
    yield Finding("anchors", State.FAILED if trouble else State.OK, found, remedy if trouble else "")
    kept = _refused(client.delete_object, Bucket=place.netloc, Key=key)
    found = "may not be deleted" if kept else "may be deleted by the account that releases"
    remedy = (
        "" if kept else "take s3:DeleteObject from its role (Terraform's does); a stand-in on a laptop has no roles"
    )
    yield Finding("anchors: deletion", State.OK if kept else State.WARNING, found, remedy)


def _refused(call: Callable[..., Any], **arguments: object) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response.get("Error", {}).get("Code", "refused"))
    except BotoCoreError as error:
        return type(error).__name__
    return ""


def registry(address: str) -> Iterator[Finding]:
    """MLflow answers under the name by which a release calls it."""
    if not address.startswith(("http://", "https://")):
        yield Finding(
            "registry", State.FAILED, "is no server", "set CONTENDER_TRACKING_URI to http://mlflow.mlflow:5000"
        )
        return
    remedy = "kubectl -n mlflow get pods; its --allowed-hosts must name what CONTENDER_TRACKING_URI names"
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=_DEADLINE_S) as reply:  # noqa: S310 - http
            status = reply.status
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
    except OSError as error:
        yield Finding("registry", State.FAILED, f"does not answer: {type(error).__name__}", remedy)
        return
    fit = status == 200
    yield Finding("registry", State.OK if fit else State.FAILED, f"answers {status}", "" if fit else remedy)


def _approvers(settings: Settings) -> Iterator[Finding]:
    names, strays = sorted(keyring(settings.approvers)), unread(settings.approvers)
    remedy = f"kubectl -n {settings.namespace} create configmap approvers --from-file=NAME.pub"
    state = State.OK if names else State.WARNING
    yield Finding("approvers", state, ", ".join(names) or "nobody may approve", "" if names else remedy)
    if strays:
        yield Finding("approvers: other keys", State.WARNING, f"not read: {', '.join(strays)}", "name each NAME.pub")
