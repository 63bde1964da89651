"""Bad twins of who reaches whom, who may ask, how a pod goes: one fault each, and the rule that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from infrastructure.policy.objects import Rendered
from infrastructure.policy.planting import Twin, add, drop, more, put, runtime, service, slot, transformer

EVERYBODY: Final = {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}}
WORLD: Final = {"ipBlock": {"cidr": "0.0.0.0/0"}}
ROUTE: Final = {
    "spec": {
        "parentRefs": [{"name": "contender"}],
        "rules": [
            {
                "matches": [{"method": "POST", "path": {"type": "Exact", "value": "/v1/models/job-change:predict"}}],
                "timeouts": {"request": "10s", "backendRequest": "10s"},
                "backendRefs": [{"name": "job-change-transformer", "port": 80}],
            }
        ],
    }
}
SECOND: Final = {
    "spec": {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": {"component": "transformer"}},
    }
}


def _policy(name: str, *path: Any) -> Callable[[Rendered], None]:
    return put("SecurityPolicy", name, "spec", *path)


def _provider(name: str, *path: Any) -> Callable[[Rendered], None]:
    return _policy(name, "jwt", "providers", 0, *path)


def _scopes(name: str, *scopes: str) -> Callable[[Rendered], None]:
    return _policy(name, "authorization", "rules", 0, "principal", "jwt", "scopes", list(scopes))


def _filters(name: str, *path: Any) -> Callable[[Rendered], None]:
    return put("HTTPRoute", name, "spec", "rules", 0, "filters", *path)


CREDENTIALS: Final = (
    Twin("open route", "routes-need-a-credential", drop("SecurityPolicy", "job-change")),
    Twin("second route", "routes-need-a-credential", add("HTTPRoute", "m", "gateway.networking.k8s.io/v1", ROUTE)),
    Twin("gateway that lets pass", "routes-need-a-credential", drop("SecurityPolicy", "contender")),
    Twin(
        "gateway that allows",
        "routes-need-a-credential",
        _policy("contender", "authorization", "defaultAction", "Allow"),
    ),
    Twin("token if you like", "routes-need-a-credential", _policy("job-role-outcome", "jwt", "optional", True)),
    Twin("token of anybody", "routes-need-a-credential", _provider("job-role", "issuer", None)),
    Twin("token for others", "routes-need-a-credential", _provider("job-role", "audiences", None)),
    Twin(
        "keys in the clear",
        "routes-need-a-credential",
        _provider("job-role", "remoteJWKS", {"uri": "http://keys/jwks"}),
    ),
    Twin("any scope", "routes-need-a-credential", _policy("job-change-person", "authorization", None)),
    Twin("asking opens reporting", "credentials-are-apart", _scopes("job-change-outcome", "job-change:predict")),
    Twin(
        "tokens for asking report",
        "credentials-are-apart",
        _provider("job-change-outcome", "audiences", ["contender-predict"]),
    ),
    Twin(
        "unit of the client",
        "persons-are-themselves",
        put("ClientTrafficPolicy", "contender", "spec", "headers", "earlyRequestHeaders", "remove", ["X-Unit-From"]),
    ),
    Twin("person without a claim", "persons-are-themselves", _provider("job-change-person", "claimToHeaders", None)),
    Twin("person by the body", "persons-are-themselves", _filters("job-change-person", 1, "requestHeaderModifier", {})),
    Twin(
        "claim taken away again",
        "persons-are-themselves",
        _filters("job-change-person", 1, "requestHeaderModifier", "remove", ["X-Unit-Id"]),
    ),
    Twin("route that says nothing", "persons-are-themselves", _filters("job-role", [])),
    Twin("transformer that heeds nobody", "persons-are-themselves", transformer("env", [])),
)

DRAIN: Final = (
    Twin(
        "request longer than the grace",
        "drain-fits-grace",
        put("HTTPRoute", "job-change", "spec", "rules", 0, "timeouts", {"request": "2m", "backendRequest": "2m"}),
    ),
    Twin("grace without shipping", "drain-fits-grace", service("transformer", "terminationGracePeriodSeconds", 45)),
    Twin("slot's grace", "drain-fits-grace", slot("spec", "predictor", "terminationGracePeriodSeconds", 20)),
    Twin(
        "stop before the word is round",
        "drain-fits-grace",
        runtime("containers", 0, "lifecycle", {"preStop": {"sleep": {"seconds": 2}}}),
    ),
    Twin("ready while it goes", "unready-in-time", transformer("readinessProbe", "failureThreshold", 5)),
    Twin("no drain", "unready-in-time", transformer("env", [])),
    Twin(
        "budget of all",
        "drain-goes-on",
        put("PodDisruptionBudget", "job-change-transformer", "spec", "maxUnavailable", "100%"),
    ),
    Twin(
        "budget that keeps all",
        "drain-goes-on",
        put(
            "PodDisruptionBudget",
            "job-change-blue-predictor",
            "spec",
            {
                "minAvailable": 2,
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": {"serving.kserve.io/inferenceservice": "job-change-blue"}},
            },
        ),
    ),
    Twin(
        "node kept for a broken pod",
        "drain-goes-on",
        put("PodDisruptionBudget", "job-change-transformer", "spec", "unhealthyPodEvictionPolicy", None),
    ),
    Twin("two budgets", "drain-goes-on", add("PodDisruptionBudget", "second", "policy/v1", SECOND)),
    Twin("no priority", "served-before-jobs", slot("spec", "predictor", "priorityClassName", None)),
    Twin("priority that is not there", "served-before-jobs", drop("PriorityClass", "contender-serving")),
)

NETWORK: Final = (
    Twin("slots for everybody", "edge-is-known", add("NetworkPolicy", "all", "networking.k8s.io/v1", EVERYBODY)),
    Twin(
        "transformer to the internet",
        "edge-is-known",
        more("NetworkPolicy", "to-kubernetes", "spec", "egress", 0, "to", WORLD),
    ),
    Twin(
        "metadata of the node",
        "edge-is-known",
        put("NetworkPolicy", "to-cloud-services", "spec", "egress", 0, "to", [WORLD]),
    ),
    Twin("slots cut off", "edge-is-open", drop("NetworkPolicy", "transformer-to-predictors")),
    Twin("gateway cut off", "edge-is-open", drop("NetworkPolicy", "gateway-to-transformer")),
    Twin("trainer cut off", "edge-is-open", drop("NetworkPolicy", "retraining")),
)

TWINS: Final = (*NETWORK, *CREDENTIALS, *DRAIN)
