"""What has to outlast a pod, a password, and the time before the first release (ADR 28)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from infrastructure.policy.objects import Document, Finding, Rendered, Rule
from infrastructure.policy.planting import Twin, runtime, transformer

_STORES: Final = ("CONTENDER_STORE", "CONTENDER_STORE_URL")


def address_is_read_anew(overlay: Rendered) -> Iterator[Finding]:
    """What runs on has the store's address in a file: one in its environment stays until a restart."""
    for pod in overlay.pods():
        if pod.owner["kind"] not in ("Deployment", "InferenceService"):
            continue
        for container in pod.containers:
            for name in _STORES:
                stated = _env(container).get(name)
                if stated is not None and not str(stated.get("value", "")).startswith("file://"):
                    why = f"{name} is in the environment, where a rotated password does not arrive"
                    yield Finding("address-is-read-anew", pod.where, why, f"{name}: file:///… of a mounted Secret")


def records_outlast_pods(overlay: Rendered) -> Iterator[Finding]:
    """A transformer knows where its records go while the store is away: its spool goes with it."""
    for entry in overlay.of("InferenceService"):
        for container in entry["spec"].get("transformer", {}).get("containers", ()):
            if not str(_env(container).get("CONTENDER_SPOOL_BUCKET", {}).get("value", "")).startswith("s3://"):
                where = f"InferenceService/{entry['metadata']['name']}"
                yield Finding(
                    "records-outlast-pods", where, "has no bucket", "CONTENDER_SPOOL_BUCKET: s3://BUCKET/spool"
                )


def idle_is_quiet(overlay: Rendered) -> Iterator[Finding]:
    """A predictor without a version waits for its first one instead of restarting for ever."""
    for one in overlay.of("ServingRuntime"):
        for container in one["spec"]["containers"]:
            told = _env(container)
            if "CONTENDER_ARTIFACT" in told and told.get("CONTENDER_WAIT_EMPTY", {}).get("value") != "true":
                where = f"ServingRuntime/{one['metadata']['name']}"
                yield Finding(
                    "idle-is-quiet", where, "restarts until the first release", 'CONTENDER_WAIT_EMPTY: "true"'
                )


def _env(container: Document) -> Mapping[str, Document]:
    return {one["name"]: one for one in container.get("env", ())}


RULES: Final[tuple[Rule, ...]] = (address_is_read_anew, records_outlast_pods, idle_is_quiet)

_OF_A_SECRET: Final = {"secretKeyRef": {"name": "job-change-store", "key": "transformer"}}

TWINS: Final = (
    Twin(
        "a transformer that keeps its first password",
        "address-is-read-anew",
        transformer("env", [{"name": "CONTENDER_STORE", "valueFrom": _OF_A_SECRET}]),
    ),
    Twin(
        "a transformer whose records go with it",
        "records-outlast-pods",
        transformer("env", [{"name": "CONTENDER_TASK", "value": "job-change"}]),
    ),
    Twin(
        "slots that restart before the first release",
        "idle-is-quiet",
        runtime("containers", 0, "env", [{"name": "CONTENDER_ARTIFACT", "value": "/mnt/models"}]),
    ),
)
"""Faults, each with the rule that must find it."""
