"""Rules for every pod: as whom it runs, what it may touch, how it starts and how it leaves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from infrastructure.policy.objects import Document, Finding, Pod, Rendered, Rule, image_of_ours

GRACE_OVER_S: Final = 18
"""preStop 5 s, drain 5 s and a request's 8 s: whoever serves must be given longer to leave."""
TALKS_TO_KUBERNETES: Final = frozenset({"transformer", "release"})
CREDENTIAL: Final = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE)
URL_WITH_PASSWORD: Final = re.compile(r"\w+://[^/\s:@]+:[^/\s:@]+@")
DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
TAG: Final = re.compile(r"[^/]:(?!latest$)[\w][\w.-]*$")


class Demand(NamedTuple):
    """A rule over a pod or a container of it: `breach` says what is wrong, and is empty when nothing is."""

    name: str
    remedy: str
    breach: Callable[[Pod, Document], str]


def _user(pod: Pod, container: Document) -> str:
    own, whole = container.get("securityContext", {}), pod.spec.get("securityContext", {})
    if not own.get("runAsNonRoot", whole.get("runAsNonRoot")):
        return "may run as root"
    return "runs as user 0" if own.get("runAsUser", whole.get("runAsUser")) in (None, 0) else ""


def _privileges(_pod: Pod, container: Document) -> str:
    own = container.get("securityContext", {})
    if own.get("privileged"):
        return "is privileged"
    return "" if own.get("allowPrivilegeEscalation") is False else "may gain privileges"


def _capabilities(_pod: Pod, container: Document) -> str:
    capabilities = container.get("securityContext", {}).get("capabilities", {})
    return "" if capabilities == {"drop": ["ALL"]} else "keeps capabilities"


def _root(_pod: Pod, container: Document) -> str:
    return "" if container.get("securityContext", {}).get("readOnlyRootFilesystem") else "may write to its root"


def _seccomp(pod: Pod, container: Document) -> str:
    own, whole = container.get("securityContext", {}), pod.spec.get("securityContext", {})
    profile = own.get("seccompProfile", whole.get("seccompProfile", {}))
    return "" if profile.get("type") == "RuntimeDefault" else "runs without a seccomp profile"


def _resources(_pod: Pod, container: Document) -> str:
    resources = container.get("resources", {})
    missing = [
        f"{kind}.{name}"
        for kind in ("requests", "limits")
        for name in ("cpu", "memory")
        if name not in resources.get(kind, {})
    ]
    return f"states no {', '.join(missing)}" if missing else ""


def _secret(_pod: Pod, container: Document) -> str:
    plain = [one for one in container.get("env", []) if "value" in one]
    bad = [
        one["name"]
        for one in plain
        if (CREDENTIAL.search(one["name"]) and not one["name"].endswith("_FILE"))
        or URL_WITH_PASSWORD.search(str(one["value"]))
    ]
    return f"holds a secret in {', '.join(bad)}" if bad else ""


def _image(_pod: Pod, container: Document) -> str:
    image = str(container.get("image", ""))
    return (
        ""
        if DIGEST.search(image) or TAG.search(image)
        else f"runs {image or 'no image'}, which may be another tomorrow"
    )


def _mounts(pod: Pod, container: Document) -> str:
    known = {one["name"] for one in pod.spec.get("volumes", [])} | {
        one["metadata"]["name"] for one in pod.owner.get("spec", {}).get("volumeClaimTemplates", [])
    }
    missing = [one["name"] for one in container.get("volumeMounts", []) if one["name"] not in known]
    return f"mounts {', '.join(missing)}, which no volume provides" if missing else ""


def _readiness(_pod: Pod, container: Document) -> str:
    missing = [
        name for name in ("startupProbe", "readinessProbe", "livenessProbe") if "httpGet" not in container.get(name, {})
    ]
    return f"is not asked over HTTP: {', '.join(missing)}" if missing else ""


def _readiness_path(_pod: Pod, container: Document) -> str:
    path = container.get("readinessProbe", {}).get("httpGet", {}).get("path", "")
    return "" if path.endswith("/ready") else f"is ready as soon as it is alive: asks {path}"


def _before_stop(_pod: Pod, container: Document) -> str:
    sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    return "" if sleep >= 5 else "stops while it is still being sent requests"


def _last_words(_pod: Pod, container: Document) -> str:
    ours = image_of_ours(str(container.get("image", "")))
    return "does not say why it ended" if ours and "terminationMessagePolicy" not in container else ""


CONTAINERS: Final = (
    Demand("run-as-nobody", "runAsNonRoot: true and a runAsUser above 0", _user),
    Demand("no-privileges", "allowPrivilegeEscalation: false, and no privileged", _privileges),
    Demand("no-capabilities", "capabilities: {drop: [ALL]}", _capabilities),
    Demand("read-only-root", "readOnlyRootFilesystem: true, and an emptyDir where it writes", _root),
    Demand("seccomp", "seccompProfile: {type: RuntimeDefault}", _seccomp),
    Demand("requests-and-limits", "state processor and memory, both ways", _resources),
    Demand("no-secret-in-env", "valueFrom: {secretKeyRef: …}", _secret),
    Demand("image-is-fixed", "a digest, or a tag other than latest", _image),
    Demand("mounts-exist", "name a volume of the pod", _mounts),
    Demand("last-words", "terminationMessagePolicy: FallbackToLogsOnError", _last_words),
)
SERVING: Final = (
    Demand("probes-over-http", "startup, readiness and liveness by httpGet", _readiness),
    Demand("ready-means-ready", "readinessProbe on /v2/health/ready", _readiness_path),
    Demand("prestop-drain", "lifecycle: {preStop: {sleep: {seconds: 5}}}", _before_stop),
)


def _host(_pod: Pod, spec: Document) -> str:
    shared = [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    paths = [one["name"] for one in spec.get("volumes", []) if "hostPath" in one]
    return f"shares {', '.join(shared + paths)} with its node" if shared or paths else ""


def _scratch(_pod: Pod, spec: Document) -> str:
    endless = [
        one["name"] for one in spec.get("volumes", []) if "emptyDir" in one and "sizeLimit" not in one["emptyDir"]
    ]
    return f"may fill its node's disk: {', '.join(endless)}" if endless else ""


def _token(pod: Pod, spec: Document) -> str:
    wanted = pod.labels.get("app.kubernetes.io/component") in TALKS_TO_KUBERNETES
    if spec.get("automountServiceAccountToken") is wanted:
        return ""
    return "gets no token for Kubernetes" if wanted else "gets a token for Kubernetes, which it never asks"


def _account(_pod: Pod, spec: Document) -> str:
    return "" if spec.get("serviceAccountName", "default") != "default" else "runs as the account that everybody shares"


def _links(_pod: Pod, spec: Document) -> str:
    return "" if spec.get("enableServiceLinks") is False else "takes the variables of Services for settings"


def _grace(pod: Pod, spec: Document) -> str:
    grace = spec.get("terminationGracePeriodSeconds", 30)
    return "" if not pod.serves or grace > GRACE_OVER_S else f"is killed after {grace} s, with answers under way"


def _rolls(pod: Pod, spec: Document) -> str:
    strategy = spec.get("deploymentStrategy", {}).get("rollingUpdate", {})
    return "" if not pod.serves or strategy.get("maxUnavailable") == 0 else "goes before its successor is ready"


def _spread(pod: Pod, spec: Document) -> str:
    keys = {
        one["topologyKey"]
        for one in spec.get("topologySpreadConstraints", [])
        if all(pod.labels.get(name) == value for name, value in one["labelSelector"]["matchLabels"].items())
    }
    missing = {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} - keys
    return f"may all lie in one {', '.join(sorted(missing))}" if pod.serves and missing else ""


def _one_container(_pod: Pod, spec: Document) -> str:
    return "" if spec["containers"] else "has no container: its runtime is not there"


PODS: Final = (
    Demand("no-host", "no host namespaces, no hostPath", _host),
    Demand("scratch-is-bounded", "emptyDir: {sizeLimit: …}", _scratch),
    Demand("token-where-needed", "automountServiceAccountToken for transformer and release only", _token),
    Demand("own-account", "name a ServiceAccount", _account),
    Demand("no-service-links", "enableServiceLinks: false", _links),
    Demand("grace-over-deadline", f"terminationGracePeriodSeconds over {GRACE_OVER_S}", _grace),
    Demand("max-unavailable-zero", "deploymentStrategy.rollingUpdate.maxUnavailable: 0", _rolls),
    Demand("spread", "topologySpreadConstraints by zone and by node, on the pod's own labels", _spread),
    Demand("runtime-exists", "name a ServingRuntime that is applied, too", _one_container),
)


def _rule(demand: Demand, parts: Callable[[Pod], list[tuple[str, Any]]]) -> Rule:
    def rule(overlay: Rendered) -> Iterator[Finding]:
        for pod in overlay.pods():
            for name, part in parts(pod):
                if why := demand.breach(pod, part):
                    yield Finding(demand.name, f"{pod.where}{name}", why, demand.remedy)

    rule.__name__ = demand.name
    return rule


def _each(pod: Pod) -> list[tuple[str, Any]]:
    return [(f" container {one['name']}", one) for one in pod.containers]


def _answering(pod: Pod) -> list[tuple[str, Any]]:
    return [(f" container {one['name']}", one) for one in pod.spec["containers"]] if pod.serves else []


def _whole(pod: Pod) -> list[tuple[str, Any]]:
    return [("", pod.spec)]


def _digests(overlay: Rendered) -> Iterator[Finding]:
    """Ours by digest wherever an image is pulled; on a laptop they are loaded by tag."""
    for pod in overlay.pods() if overlay.overlay != "local" else ():
        for one in pod.containers:
            image = str(one.get("image", ""))
            if image_of_ours(image) and not DIGEST.search(image):
                yield Finding("ours-by-digest", pod.where, f"runs {image}", "the build writes overlays/*/images")


RULES: Final[tuple[Rule, ...]] = (
    *(_rule(one, _each) for one in CONTAINERS),
    *(_rule(one, _answering) for one in SERVING),
    *(_rule(one, _whole) for one in PODS),
    _digests,
)
