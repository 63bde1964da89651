"""Rules for what objects say of each other: routes, Services, accounts, roles, budgets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from infrastructure.policy.objects import OWN, Document, Finding, Pod, Rendered, Rule, label, selects, space
from infrastructure.policy.tenancy import tasks

SERVING_SECRETS: Final = ("contender-store", "contender-store-owner", "contender-tls", "contender-s3")
"""Made outside in every namespace that serves."""
SECRETS: Final = {
    ("mlflow", "mlflow-store"),
    ("backends", "postgres"),
}
"""Made outside, by reference only (infrastructure/kubernetes/README.md)."""
OUTSIDE_MAPS: Final = ("approvers",)
MLFLOW_HOSTS: Final = {"mlflow.mlflow:5000", "127.0.0.1:5000", "localhost:5000"}
"""How clients name it: inside the cluster, and through a port that is forwarded."""
ESCALATING: Final = {"escalate", "bind", "impersonate", "*"}
PUBLIC_SUBJECTS: Final = {"system:masters", "system:anonymous", "system:unauthenticated", "system:authenticated"}


def route_leads_somewhere(overlay: Rendered) -> Iterator[Finding]:
    """A route's Services and Gateway exist, KServe's own (`<service>-<part>`) among them."""
    services = {one["metadata"]["name"] for one in overlay.of("Service")}
    services |= {
        f"{one['metadata']['name']}-{part}"
        for one in overlay.of("InferenceService")
        for part in ("predictor", "transformer")
        if part in one["spec"]
    }
    for route in overlay.of("HTTPRoute"):
        backends = [one["name"] for rule in route["spec"]["rules"] for one in rule.get("backendRefs", [])]
        gone = [name for name in backends if name not in services]
        gone += [one["name"] for one in route["spec"]["parentRefs"] if not overlay.named("Gateway", one["name"])]
        if gone or not backends:
            yield _found(
                "route-leads-somewhere", route, f"leads to {', '.join(gone) or 'nothing'}", "name what is applied"
            )


def route_is_narrow(overlay: Rendered) -> Iterator[Finding]:
    """Only exact paths, by POST, to a transformer: metrics and health stay inside."""
    for route in overlay.of("HTTPRoute"):
        for rule in route["spec"]["rules"]:
            matches = rule.get("matches", [])
            wide = [one for one in matches if one.get("method") != "POST" or one.get("path", {}).get("type") != "Exact"]
            other = [one["name"] for one in rule.get("backendRefs", []) if not one["name"].endswith("-transformer")]
            if wide or other or not matches:
                yield _found(
                    "route-is-narrow", route, "shows more than three paths", "Exact paths, POST, a transformer"
                )


def route_ends(overlay: Rendered) -> Iterator[Finding]:
    """A route states how long a request may take; KServe's default is a minute."""
    for route in overlay.of("HTTPRoute"):
        if any(set(rule.get("timeouts", {})) < {"request", "backendRequest"} for rule in route["spec"]["rules"]):
            yield _found("route-has-timeouts", route, "waits a minute for an answer", "timeouts: {request: 10s, …}")


def gateway_is_closed(overlay: Rendered) -> Iterator[Finding]:
    """Outside a laptop the door speaks TLS, under one name, to its own namespace."""
    for gateway in overlay.of("Gateway") if overlay.overlay != "local" else ():
        for one in gateway["spec"]["listeners"]:
            own = one.get("allowedRoutes", {}).get("namespaces", {}).get("from") == "Same"
            if one["protocol"] != "HTTPS" or not own or not one.get("hostname"):
                yield _found(
                    "gateway-speaks-tls", gateway, f"listener {one['name']} is open", "HTTPS, hostname, from: Same"
                )


def nothing_else_is_exposed(overlay: Rendered) -> Iterator[Finding]:
    """No Service reaches out of the cluster by itself."""
    for service in overlay.of("Service"):
        if service["spec"].get("type", "ClusterIP") != "ClusterIP" or service["spec"].get("externalIPs"):
            yield _found("services-stay-inside", service, f"is a {service['spec'].get('type')}", "type: ClusterIP")
    for one in overlay.of("Ingress"):
        yield _found("services-stay-inside", one, "is a second door", "the HTTPRoute is the only way in")


def budgets_protect(overlay: Rendered) -> Iterator[Finding]:
    """Every budget selects pods, every server has one, and none of them blocks a node's drain for ever."""
    pods = list(overlay.pods())
    budgets = overlay.of("PodDisruptionBudget")
    for one in budgets:
        mine = [pod for pod in pods if pod.namespace == space(one) and selects(one["spec"]["selector"], pod.labels)]
        if not mine or one["spec"].get("maxUnavailable") in (0, "0%"):
            yield _found(
                "budget-protects",
                one,
                "selects no pod, or lets none go",
                "the labels that KServe gives; maxUnavailable: 1",
            )
    for pod in pods:
        if pod.serves and not any(selects(one["spec"]["selector"], pod.labels) for one in budgets):
            yield Finding("budget-protects", pod.where, "has no budget", "a PodDisruptionBudget on its labels")


def services_select(overlay: Rendered) -> Iterator[Finding]:
    """Every Service selects a pod that listens on its port."""
    pods = list(overlay.pods())
    for service in overlay.of("Service"):
        chosen = service["spec"].get("selector", {})
        mine = [pod for pod in pods if pod.namespace == space(service) and selects({"matchLabels": chosen}, pod.labels)]
        wanted = {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]}
        open_ = {port["containerPort"] for pod in mine for one in pod.containers for port in one.get("ports", [])}
        if not wanted <= open_:
            yield _found(
                "service-selects-a-port", service, f"nobody listens on {wanted - open_}", "selector and targetPort"
            )


def accounts_exist(overlay: Rendered) -> Iterator[Finding]:
    """Every pod's account and every bound account is applied, too."""
    known = {(space(one), one["metadata"]["name"]) for one in overlay.of("ServiceAccount")}
    for pod in overlay.pods():
        if (pod.namespace, pod.spec.get("serviceAccountName")) not in known:
            yield Finding(
                "account-exists", pod.where, "runs as an account that is not there", "base/foundation/accounts.yaml"
            )
    for binding in overlay.of("RoleBinding", "ClusterRoleBinding"):
        for one in binding.get("subjects", []):
            if one["kind"] == "ServiceAccount" and (one.get("namespace"), one["name"]) not in known:
                yield _found("account-exists", binding, f"binds {one['name']}, which is not there", "name an account")


def references_exist(overlay: Rendered) -> Iterator[Finding]:
    """Every Secret and ConfigMap that a pod names is applied, or is one of those made outside."""
    maps = {(space(one), one["metadata"]["name"]) for one in overlay.of("ConfigMap")}
    known = tasks(overlay)
    served = {OWN, *known.values()}
    maps |= {(namespace, name) for namespace in served for name in OUTSIDE_MAPS}
    outside = SECRETS | {(namespace, f"{task}-store") for task, namespace in known.items()}
    outside |= {(namespace, name) for namespace in served for name in SERVING_SECRETS}
    for pod in overlay.pods():
        secrets = (("secretKeyRef", "name"), ("secretRef", "name"), ("secret", "secretName"), ("secret", "name"))
        named = {("Secret", name) for ref, key in secrets for name in _named(pod.spec, ref, key)}
        named |= {
            ("ConfigMap", name) for ref in ("configMapKeyRef", "configMap") for name in _named(pod.spec, ref, "name")
        }
        for kind, name in sorted(named):
            if (pod.namespace, name) not in (outside if kind == "Secret" else maps):
                yield Finding(
                    "references-exist", pod.where, f"names {kind} {name}, which nobody makes", "a Secret of the table"
                )


def _named(node: object, reference: str, key: str) -> set[str]:
    """The names under every `reference` in a document."""
    if isinstance(node, list):
        return {name for one in node for name in _named(one, reference, key)}
    if not isinstance(node, dict):
        return set()
    own = {node[reference][key]} if isinstance(node.get(reference), dict) and key in node[reference] else set()
    return own | {name for one in node.values() for name in _named(one, reference, key)}


def no_secret_in_files(overlay: Rendered) -> Iterator[Finding]:
    """No Secret is applied: they are made outside."""
    for one in overlay.of("Secret"):
        yield _found("no-secret-in-files", one, "would be read in the repository", "from Secrets Manager, by name")


def roles_are_narrow(overlay: Rendered) -> Iterator[Finding]:
    """No wildcard, no secrets, no way to more rights; a release and a reader change or read what is named."""
    for role in overlay.of("Role", "ClusterRole"):
        for rule in role.get("rules", []):
            everything = "*" in rule["resources"] + rule["apiGroups"] + rule["verbs"]
            if everything or "secrets" in rule["resources"] or ESCALATING & set(rule["verbs"]):
                yield _found(
                    "roles-are-narrow", role, "holds a wildcard, secrets or a way to more", "name verbs and resources"
                )
    for role in overlay.of("ClusterRole"):
        yield _found("roles-are-narrow", role, "holds in every namespace", "a Role")


def release_names_what_it_changes(overlay: Rendered) -> Iterator[Finding]:
    """The roles of a release and of a routing's reader state the names of the objects."""
    for role in overlay.of("Role"):
        if not re.search(r"-(release|routing-reader)$", role["metadata"]["name"]):
            continue
        for rule in role["rules"]:
            if not rule.get("resourceNames") or "create" in rule["verbs"] or "delete" in rule["verbs"]:
                yield _found(
                    "release-names-what-it-changes", role, "reaches objects of other tasks", "resourceNames: […]"
                )


def nobody_is_everybody(overlay: Rendered) -> Iterator[Finding]:
    """No binding to administrators, or to everyone."""
    for binding in overlay.of("RoleBinding", "ClusterRoleBinding"):
        bad = [one["name"] for one in binding.get("subjects", []) if one["name"] in PUBLIC_SUBJECTS | {"default"}]
        if bad or binding["roleRef"]["name"] in ("cluster-admin", "admin", "edit"):
            yield _found(
                "nobody-is-everybody", binding, f"binds {', '.join(bad) or 'an administrator'}", "a Role of ours"
            )
        elif binding["roleRef"]["kind"] == "Role" and not overlay.named(
            "Role", binding["roleRef"]["name"], space(binding)
        ):
            yield _found("nobody-is-everybody", binding, "binds a role that is not there", "name a Role of ours")


def namespaces_are_restricted(overlay: Rendered) -> Iterator[Finding]:
    """Every namespace that is made here is restricted and denies every connection that no policy names."""
    for one in overlay.of("Namespace"):
        name, labels = one["metadata"]["name"], one["metadata"].get("labels", {})
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield _found(
                "namespace-is-restricted",
                one,
                "admits pods that are not",
                "pod-security.kubernetes.io/enforce: restricted",
            )
        policies = [policy for policy in overlay.of("NetworkPolicy") if space(policy) == name]
        closed = [policy for policy in policies if not policy["spec"]["podSelector"]]
        if not any(set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"} for policy in closed):
            yield _found(
                "namespace-denies-by-default", one, "lets strangers in or pods out", "a default-deny, both ways"
            )


def foundation_is_complete(overlay: Rendered) -> Iterator[Finding]:
    """What an object of the foundation needs is foundation: it is applied first, and by itself."""
    for one in filter(_is_foundation, overlay):
        for kind, name, namespace in sorted(set(_needs(overlay, one))):
            needed = overlay.named(kind, name, namespace)
            if needed is not None and not _is_foundation(needed):
                yield _found(
                    "foundation-is-complete", needed, f"is needed by {label(one)}", "label contender/layer: foundation"
                )


def mlflow_only_keeps_records(overlay: Rendered) -> Iterator[Finding]:
    """MLflow runs no jobs of its own, and answers to the name and the tunnel by which it is asked."""
    for pod in overlay.pods():
        for one in pod.containers if pod.labels.get("app.kubernetes.io/name") == "mlflow" else ():
            told = {each["name"]: each.get("value") for each in one.get("env", [])}
            if told.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION") != "false":
                yield Finding(
                    "mlflow-keeps-records", pod.where, "runs jobs", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"
                )
            hosts = {host for each in one.get("args", []) for host in each.partition("--allowed-hosts=")[2].split(",")}
            if refused := MLFLOW_HOSTS - hosts:
                yield Finding(
                    "mlflow-keeps-records", pod.where, f"refuses {', '.join(sorted(refused))}", "--allowed-hosts"
                )


def _is_foundation(document: Document) -> bool:
    return bool(document["metadata"].get("labels", {}).get("contender/layer") == "foundation")


def _needs(overlay: Rendered, one: Document) -> Iterator[tuple[str, str, str]]:
    """Kind, name and namespace of what must be there for an object to be made and to work."""
    if space(one):
        yield "Namespace", space(one), ""
    if one["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        role = one["roleRef"]
        yield role["kind"], role["name"], space(one) if role["kind"] == "Role" else ""
        yield from ((who["kind"], who["name"], who.get("namespace", "")) for who in one.get("subjects", []))
    for pod in Rendered(overlay.overlay, [one]).pods():
        yield "ServiceAccount", pod.spec.get("serviceAccountName", ""), pod.namespace
        for reference in ("configMapKeyRef", "configMap", "configMapRef"):
            yield from (("ConfigMap", name, pod.namespace) for name in _named(pod.spec, reference, "name"))
        yield from _around(overlay, pod)


def _around(overlay: Rendered, pod: Pod) -> Iterator[tuple[str, str, str]]:
    """The Services that a pod is reached by, and the policies that let it be reached."""
    for kind, selector in (("Service", "selector"), ("NetworkPolicy", "podSelector")):
        for one in overlay.of(kind):
            chosen = one["spec"].get(selector, {})
            chosen = {"matchLabels": chosen} if kind == "Service" else chosen
            if space(one) == pod.namespace and selects(chosen, pod.labels):
                yield kind, one["metadata"]["name"], space(one)


def _found(rule: str, document: Document, why: str, remedy: str) -> Finding:
    return Finding(rule, label(document), why, remedy)


RULES: Final[tuple[Rule, ...]] = (
    route_leads_somewhere,
    route_is_narrow,
    route_ends,
    gateway_is_closed,
    nothing_else_is_exposed,
    budgets_protect,
    services_select,
    accounts_exist,
    references_exist,
    no_secret_in_files,
    roles_are_narrow,
    release_names_what_it_changes,
    nobody_is_everybody,
    namespaces_are_restricted,
    foundation_is_complete,
    mlflow_only_keeps_records,
)
