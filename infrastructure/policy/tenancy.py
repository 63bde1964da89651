"""Rules for what belongs to one task or one team: nobody acts for another, and nothing crosses a namespace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from infrastructure.policy import quota
from infrastructure.policy.objects import Document, Finding, Pod, Rendered, Rule, label, space

NAMESPACE: Final = "kubernetes.io/metadata.name"
SHARED: Final = frozenset({"kube-system", "envoy-gateway-system", "monitoring", "mlflow", "kubeflow", "backends"})
"""Namespaces of what every team uses: they serve no task."""
INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
OF_A_TASK: Final = {"slot": "slot", "baseline": "slot", "transformer": "transformer", "release": "release"}
"""The parts that serve one task, and what their account is called after the task."""


def tasks(overlay: Rendered) -> dict[str, str]:
    """Every task that is served, by its name, and its namespace."""
    return {
        one["metadata"]["name"]: space(one)
        for one in overlay.of("InferenceService")
        if one["metadata"].get("labels", {}).get(COMPONENT) == "entry"
    }


def acts_for_its_task(overlay: Rendered) -> Iterator[Finding]:
    """A task's pods run as its own accounts and name no other task's Secrets."""
    known = tasks(overlay)
    for pod in overlay.pods():
        part = OF_A_TASK.get(pod.labels.get(COMPONENT, ""))
        if part:
            yield from _acts(pod, pod.labels.get(INSTANCE, ""), part, known)


def _acts(pod: Pod, task: str, part: str, known: dict[str, str]) -> Iterator[Finding]:
    account = pod.spec.get("serviceAccountName")
    if account != f"{task}-{part}":
        yield Finding("acts-for-its-task", pod.where, f"runs as {account}", f"the account {task}-{part}")
    for name in sorted(_secrets(pod.spec)):
        if owner(name, known) not in ("", task):
            yield Finding("acts-for-its-task", pod.where, f"reads the Secret {name}", "those of its task")


def owner(name: str, known: dict[str, str]) -> str:
    """The task that an object's name begins with, the longest such, or none."""
    return max((task for task in known if name == task or name.startswith(f"{task}-")), key=len, default="")


def _secrets(node: object) -> set[str]:
    """The names of every Secret that a document refers to."""
    if isinstance(node, list):
        return {name for one in node for name in _secrets(one)}
    if not isinstance(node, dict):
        return set()
    own = {
        str(node[reference].get("name") or node[reference].get("secretName"))
        for reference in ("secretKeyRef", "secretRef", "secret")
        if isinstance(node.get(reference), dict)
    }
    return own | {name for one in node.values() for name in _secrets(one)}


def changes_its_task(overlay: Rendered) -> Iterator[Finding]:
    """A role that an account of a task is bound to changes objects of that task only, each by its name."""
    known = tasks(overlay)
    for binding in overlay.of("RoleBinding"):
        role = overlay.named("Role", binding["roleRef"]["name"], space(binding))
        for one in binding.get("subjects", []) if role else ():
            task = owner(one["name"], known) if one["kind"] == "ServiceAccount" else ""
            strange = _strange(role, task, known) if role and task else []
            if strange:
                yield Finding(
                    "changes-its-task", label(binding), f"lets {one['name']} at {', '.join(strange)}", "resourceNames"
                )


def _strange(role: Document, task: str, known: dict[str, str]) -> list[str]:
    """What a role lets an account of `task` change, or read by name, that is not the task's."""
    named = [name for rule in role["rules"] for name in rule.get("resourceNames", [])]
    open_ = [
        f"every {resource}"
        for rule in role["rules"]
        if not rule.get("resourceNames") and not set(rule["verbs"]) <= {"get", "list", "watch"}
        for resource in rule["resources"]
    ]
    return sorted({name for name in named if owner(name, known) != task}) + open_


def stays_in_its_namespace(overlay: Rendered) -> Iterator[Finding]:
    """Nothing that serves a task in one namespace binds, admits, calls or trusts another team's."""
    served = set(tasks(overlay).values())
    for one in overlay:
        if space(one) in served:
            for strange in sorted(set(_CROSSING.get(one["kind"], _nothing)(one)) - {space(one), *SHARED}):
                yield Finding("stays-in-its-namespace", label(one), f"reaches into {strange}", "name its own namespace")
    for pod in overlay.pods():
        called = {host[1] for one in pod.containers for told in one.get("env", []) if (host := _host(told))}
        for strange in sorted(called - {pod.namespace, *SHARED} if pod.namespace in served else ()):
            yield Finding("stays-in-its-namespace", pod.where, f"calls {strange}", "$(CONTENDER_NAMESPACE)")
    for namespace in sorted(served):
        if not _held(overlay, namespace):
            yield Finding("stays-in-its-namespace", namespace, "no policy holds its rollback group", "admission.yaml")


def _nothing(document: Document) -> Iterator[str]:  # noqa: ARG001 - the table's shape
    yield from ()


def _bound(binding: Document) -> Iterator[str]:
    """The namespaces of the accounts, and those after which the groups are called."""
    for one in binding.get("subjects", []):
        yield one.get("namespace", "") if one["kind"] == "ServiceAccount" else one["name"].partition(":")[0]


def _admitted(policy: Document) -> Iterator[str]:
    """The namespaces that a network policy names; `every namespace` where it names none."""
    rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
    for peer in (peer for rule in rules for peer in (*rule.get("from", []), *rule.get("to", []))):
        if "namespaceSelector" in peer:
            yield peer["namespaceSelector"].get("matchLabels", {}).get(NAMESPACE, "every namespace")


def _routed(route: Document) -> Iterator[str]:
    ends = [*route["spec"]["parentRefs"], *(to for rule in route["spec"]["rules"] for to in rule["backendRefs"])]
    yield from (one.get("namespace", space(route)) for one in ends)


def _certified(gateway: Document) -> Iterator[str]:
    for one in gateway["spec"]["listeners"]:
        for reference in one.get("tls", {}).get("certificateRefs", []):
            yield reference.get("namespace", space(gateway))


def _host(told: Document) -> re.Match[str] | None:
    """The namespace of a Service that a variable's URL names."""
    return re.search(r"//[\w-]+\.([a-z][\w-]*)(?:\.svc[\w.]*)?(?:[:/]|$)", str(told.get("value", "")))


def _held(overlay: Rendered, namespace: str) -> bool:
    """Whether a policy for the namespace's rollback group is bound to this namespace."""
    for binding in overlay.of("ValidatingAdmissionPolicyBinding"):
        policy = overlay.named("ValidatingAdmissionPolicy", binding["spec"]["policyName"])
        selector = binding["spec"].get("matchResources", {}).get("namespaceSelector", {}).get("matchLabels", {})
        conditions = policy["spec"].get("matchConditions", []) if policy else []
        groups = {name for one in conditions for name in re.findall(r"'([\w-]+):rollback'", one["expression"])}
        if selector.get(NAMESPACE) == namespace and groups == {namespace}:
            return True
    return False


_CROSSING: Final[Mapping[str, Callable[[Document], Iterator[str]]]] = {
    "RoleBinding": _bound,
    "NetworkPolicy": _admitted,
    "HTTPRoute": _routed,
    "Gateway": _certified,
}
"""By kind, the namespaces that an object reaches into."""


def namespace_has_a_quota(overlay: Rendered) -> Iterator[Finding]:
    """Outside a laptop, a namespace that serves can ask for what its manifests need, and for little more."""
    for namespace in sorted(set(tasks(overlay).values())) if overlay.overlay != "local" else ():
        quotas = [one for one in overlay.of("ResourceQuota") if space(one) == namespace]
        limits = [one for one in overlay.of("LimitRange") if space(one) == namespace]
        if not (quotas and limits):
            yield Finding("namespace-has-a-quota", namespace, "may starve its neighbours", "components/quota")
            continue
        for name, need in quota.need(overlay, namespace).items():
            given = quota.amount(quotas[0]["spec"]["hard"].get(name, "0"))
            if not need <= given <= need * quota.AT_MOST:
                why = f"{name} is {given:g}, its manifests need {need:g} at most"
                yield Finding("namespace-has-a-quota", label(quotas[0]), why, "components/quota")


RULES: Final[tuple[Rule, ...]] = (
    acts_for_its_task,
    changes_its_task,
    stays_in_its_namespace,
    namespace_has_a_quota,
)
