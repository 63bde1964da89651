"""Rules for the traps of KServe in Standard mode, and for who owns which field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from contender.values import SLOTS
from infrastructure.policy.objects import Document, Finding, Rendered, Rule, label

ALWAYS_UP: Final = 2
"""Replicas of whatever answers, outside a laptop."""


def _found(rule: str, document: Document, why: str, remedy: str) -> Finding:
    return Finding(rule, label(document), why, remedy)


def _meta(service: Document, kind: str, name: str) -> str:
    return str(service["metadata"].get(kind, {}).get(name, ""))


def standard_mode(overlay: Rendered) -> Iterator[Finding]:
    """Standard mode is stated, and nothing that it ignores is."""
    for one in overlay.of("InferenceService"):
        if _meta(one, "annotations", "serving.kserve.io/deploymentMode") != "Standard":
            yield _found("standard-mode", one, "is deployed as the cluster's default says", "deploymentMode: Standard")
        if any("canaryTrafficPercent" in one["spec"].get(part, {}) for part in ("predictor", "transformer")):
            yield _found(
                "standard-mode", one, "canaryTrafficPercent is ignored in Standard mode", "arms are the routing's"
            )


def no_second_door(overlay: Rendered) -> Iterator[Finding]:
    """KServe makes no route of its own: it would show every path, and Ready would wait for it."""
    for one in overlay.of("InferenceService"):
        if _meta(one, "labels", "networking.kserve.io/visibility") != "cluster-local":
            yield _found(
                "no-second-door", one, "gets a route of KServe's", "networking.kserve.io/visibility: cluster-local"
            )


def runtime_is_versioned(overlay: Rendered) -> Iterator[Finding]:
    """A changed runtime rolls all its predictors at once: its name carries a version, and each predictor names it."""
    for runtime in overlay.of("ServingRuntime", "ClusterServingRuntime"):
        if not re.search(r"-v\d+$", runtime["metadata"]["name"]):
            yield _found("runtime-is-versioned", runtime, "an edit would roll everybody at once", "end the name in -v2")
        if any(one.get("autoSelect") for one in runtime["spec"]["supportedModelFormats"]):
            yield _found("runtime-is-versioned", runtime, "is taken by whoever names none", "autoSelect: false")
    for one in overlay.of("InferenceService"):
        model = one["spec"]["predictor"].get("model", {})
        if not overlay.named("ServingRuntime", model.get("runtime", "")):
            yield _found("runtime-is-versioned", one, "names no runtime of ours", "model.runtime")


def storage_is_named(overlay: Rendered) -> Iterator[Finding]:
    """KServe's own fetching container is refused under `restricted`; of two that match, it takes any."""
    for one in overlay.of("InferenceService"):
        if not overlay.named("ClusterStorageContainer", one["spec"]["predictor"].get("storageContainerName", "")):
            yield _found(
                "storage-is-named", one, "fetches its artifact by whatever matches", "predictor.storageContainerName"
            )


def release_owns_versions(overlay: Rendered) -> Iterator[Finding]:
    """No file states a version or a routing: applying it again would undo a promotion."""
    for one in overlay.of("InferenceService"):
        stopped = "serving.kserve.io/stop" in one["metadata"].get("annotations", {})
        if "storageUri" in one["spec"]["predictor"].get("model", {}) or stopped:
            yield _found("release-owns-versions", one, "states what is served", "leave it to `contender-release`")
    for one in overlay.of("ConfigMap"):
        if one["metadata"]["name"].endswith("-routing") and one.get("data"):
            yield _found(
                "release-owns-versions", one, "states who is routed where", "leave its data to `contender-release`"
            )


def enough_replicas(overlay: Rendered) -> Iterator[Finding]:
    """Outside a laptop every server has two replicas; nowhere none, nor a maximum below the minimum."""
    least = 1 if overlay.overlay == "local" else ALWAYS_UP
    for one in overlay.of("InferenceService"):
        for part in ("predictor", "transformer"):
            spec = one["spec"].get(part)
            if spec and not least <= spec.get("minReplicas", 0) <= spec.get("maxReplicas", 0):
                yield _found(
                    "enough-replicas", one, f"{part}: fewer than {least}, or no room", "minReplicas, maxReplicas"
                )


def probes_merge(overlay: Rendered) -> Iterator[Finding]:
    """A predictor leaves its probes to the runtime: another kind of handler there makes an invalid Deployment."""
    for one in overlay.of("InferenceService"):
        stated = {"livenessProbe", "readinessProbe", "startupProbe"} & set(one["spec"]["predictor"].get("model", {}))
        if stated:
            yield _found(
                "probes-are-the-runtimes", one, f"states {', '.join(sorted(stated))}", "state them in the runtime"
            )


def quotes_survive(overlay: Rendered) -> Iterator[Finding]:
    """Double quotes in a template's argument pass admission and then fail."""
    for runtime in overlay.of("ServingRuntime"):
        for container in runtime["spec"]["containers"]:
            if any("{{" in word and '"' in word for word in container.get("args", [])):
                yield _found("quotes-survive", runtime, "an argument has double quotes in a template", "backticks")


def one_release_at_a_time(overlay: Rendered) -> Iterator[Finding]:
    """Rounds of a release never overlap, end, and an undo is never run by the clock."""
    for job in overlay.of("CronJob"):
        spec, name = job["spec"], job["metadata"]["name"]
        limited = "activeDeadlineSeconds" in spec["jobTemplate"]["spec"]
        if spec.get("concurrencyPolicy") != "Forbid" or not limited:
            yield _found(
                "one-release-at-a-time", job, "two rounds may overlap, or one never end", "concurrencyPolicy: Forbid"
            )
        if name.endswith("-undo") and spec.get("suspend") is not True:
            yield _found("one-release-at-a-time", job, "takes back every minute", "suspend: true")
        if name.endswith("-reconcile") and not overlay.named("Lease", name):
            yield _found("one-release-at-a-time", job, "has no Lease to hold", "a Lease of its name")


def one_owner(overlay: Rendered) -> Iterator[Finding]:
    """What a person or a controller changes is stated by no manifest: the next apply would conflict with it."""
    for job in overlay.of("CronJob"):
        if job["spec"].get("suspend") is False:
            yield _found("one-owner", job, "states `suspend: false`, which a person changes", "leave suspend out")
    scalers = overlay.of("HorizontalPodAutoscaler", "ScaledObject")
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in scalers}
    for one in overlay.of("Deployment", "StatefulSet"):
        if one["metadata"]["name"] in scaled and "replicas" in one["spec"]:
            yield _found("one-owner", one, "states replicas, which its autoscaler changes", "leave replicas out")


def slots_are_wired(overlay: Rendered) -> Iterator[Finding]:
    """A slot is asked by its task's transformer, filled by its task's release jobs, and changed by a role's name."""
    changed = {
        name
        for role in overlay.of("Role")
        for rule in role["rules"]
        if "patch" in rule["verbs"]
        for name in rule.get("resourceNames", [])
    }
    for one in overlay.of("InferenceService"):
        if _meta(one, "labels", "app.kubernetes.io/component") == "slot":
            name, task = one["metadata"]["name"], _meta(one, "labels", "app.kubernetes.io/instance")
            place = name.removeprefix(f"{task}-")
            missing = [] if name in changed else ["no role of a release names it"]
            missing += [] if _asked(overlay, task, place) else [f"no CONTENDER_{place.upper()}_URL"]
            missing += [] if _filled(overlay, task, place) else ["not in CONTENDER_SLOTS of the release's jobs"]
            if missing:
                yield _found("slots-are-wired", one, "; ".join(missing), "components/more-slots")


def _asked(overlay: Rendered, task: str, place: str) -> bool:
    """Whether the transformer of `task` is told where the slot is."""
    entry = overlay.named("InferenceService", task)
    told = entry["spec"]["transformer"]["containers"][0]["env"] if entry else []
    return any(one["name"] == f"CONTENDER_{place.upper()}_URL" for one in told)


def _filled(overlay: Rendered, task: str, place: str) -> bool:
    """Whether every release job of `task` may release into the slot; the first two are the default."""
    for job in overlay.of("CronJob"):
        labels = job["metadata"].get("labels", {})
        if (labels.get("app.kubernetes.io/component"), labels.get("app.kubernetes.io/instance")) == ("release", task):
            env = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"]
            told = next((one["value"] for one in env if one["name"] == "CONTENDER_SLOTS"), ",".join(SLOTS))
            if place not in told.split(","):
                return False
    return True


def rollback_is_held(overlay: Rendered) -> Iterator[Finding]:
    """The group that needs no reviewer starts an undo in the released image, and admission denies the rest."""
    policy = next(iter(overlay.of("ValidatingAdmissionPolicy")), None)
    binding = next(iter(overlay.of("ValidatingAdmissionPolicyBinding")), None)
    group = overlay.named("Role", "rollback")
    denies = bool(policy and binding and binding["spec"]["validationActions"] == ["Deny"])
    if group and not (denies and policy and policy["spec"].get("failurePolicy") == "Fail"):
        yield _found("rollback-is-held", group, "may start any job as any account", "base/foundation/admission.yaml")
        return
    images = [
        one
        for one in (policy or {"spec": {"validations": []}})["spec"]["validations"]
        if "image ==" in one["expression"]
    ]
    for job in overlay.of("CronJob"):
        image = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"]
        if job["metadata"]["name"].endswith("-undo") and not any(f"'{image}'" in one["expression"] for one in images):
            yield _found(
                "rollback-is-held", job, f"admission knows another image than {image}", "the overlay's replacement"
            )


def monitors_select(overlay: Rendered) -> Iterator[Finding]:
    """Every ServiceMonitor asks /metrics of a part that there is."""
    parts = {pod.labels.get("app.kubernetes.io/component") for pod in overlay.pods()}
    for one in overlay.of("ServiceMonitor"):
        selector = one["spec"]["selector"]
        exact = {selector.get("matchLabels", {}).get("app.kubernetes.io/component")} - {None}
        values = {value for rule in selector.get("matchExpressions", []) for value in rule.get("values", [])}
        if not (exact | values) or not (exact | values) <= parts:
            yield _found("monitors-select", one, "asks nobody", "the labels of a part")


RULES: Final[tuple[Rule, ...]] = (
    standard_mode,
    no_second_door,
    runtime_is_versioned,
    storage_is_named,
    release_owns_versions,
    enough_replicas,
    probes_merge,
    quotes_survive,
    one_release_at_a_time,
    one_owner,
    slots_are_wired,
    rollback_is_held,
    monitors_select,
)
