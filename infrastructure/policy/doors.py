"""Rules for who may ask: outside a laptop every route wants a credential, and none lets a client speak for another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from infrastructure.policy.objects import Document, Finding, Pod, Rendered, Rule, label

UNIT: Final = "x-unit-id"
ORIGIN: Final = "x-unit-from"
SAID_BY_THE_GATEWAY: Final = frozenset({UNIT, ORIGIN})
ASKING: Final = (":predict", "/infer")
"""How the paths end at which a unit is asked about."""


def _found(rule: str, document: Document, why: str, remedy: str) -> Finding:
    return Finding(rule, label(document), why, remedy)


def _policies(overlay: Rendered, kind: str, target: Document) -> list[Document]:
    """The policies of a kind on a whole object."""
    wanted = (target["kind"], target["metadata"]["name"])
    return [
        one
        for one in overlay.of(kind)
        if any((ref["kind"], ref["name"]) == wanted and "sectionName" not in ref for ref in one["spec"]["targetRefs"])
    ]


def _providers(policy: Document) -> list[Document]:
    found: list[Document] = policy["spec"].get("jwt", {}).get("providers", [])
    return found


def _lax(policy: Document) -> str:
    """What a policy leaves open; empty when only a checked token with a stated scope passes."""
    spec, providers = policy["spec"], _providers(policy)
    if not providers or spec["jwt"].get("optional") or spec["jwt"].get("failOpen"):
        return "lets requests without a token pass"
    for one in providers:
        if not (one.get("issuer", "").startswith("https://") and one.get("audiences")):
            return "takes tokens of any issuer, or meant for others"
        if not one.get("remoteJWKS", {}).get("uri", "").startswith("https://"):
            return "takes keys that anybody can put in between"
    return _unnamed(spec.get("authorization", {}))


def _unnamed(authorization: Document) -> str:
    allowed = [one for one in authorization.get("rules", []) if one["action"] == "Allow"]
    named = all(one.get("principal", {}).get("jwt", {}).get("scopes") for one in allowed)
    return "" if authorization.get("defaultAction") == "Deny" and named else "lets every token pass, whatever its scope"


def routes_need_a_credential(overlay: Rendered) -> Iterator[Finding]:
    """A route has one policy, of tokens by issuer, audience, key and scope; a route without one answers nobody."""
    for route in _routes(overlay):
        policies = _policies(overlay, "SecurityPolicy", route)
        why = _lax(policies[0]) if len(policies) == 1 else f"has {len(policies)} policies"
        if why:
            yield _found("routes-need-a-credential", route, why, "components/jwt")
    for gateway in overlay.of("Gateway") if overlay.overlay != "local" else ():
        shut = [one["spec"].get("authorization", {}) for one in _policies(overlay, "SecurityPolicy", gateway)]
        if [(one.get("defaultAction"), one.get("rules", [])) for one in shut] != [("Deny", [])]:
            yield _found(
                "routes-need-a-credential", gateway, "answers on a route without a policy", "defaultAction: Deny on it"
            )


def credentials_are_apart(overlay: Rendered) -> Iterator[Finding]:
    """Who may ask may not report, and the reverse: a scope opens one route, an audience one kind of them."""
    seen: dict[str, Document] = {}
    for route in _routes(overlay):
        for scope in sorted(_scopes(overlay, route)):
            if scope in seen:
                yield _found("credentials-are-apart", route, f"{scope} opens another route, too", "a scope a route")
            seen[scope] = route
    kinds: dict[str, str] = {}
    for route in _routes(overlay):
        kind = route["metadata"].get("labels", {}).get("app.kubernetes.io/component", route["metadata"]["name"])
        for audience in sorted(_audiences(overlay, route)):
            if kinds.setdefault(audience, kind) != kind:
                yield _found(
                    "credentials-are-apart", route, f"takes {audience} of {kinds[audience]}", "an audience each"
                )


def _routes(overlay: Rendered) -> list[Document]:
    return overlay.of("HTTPRoute", "GRPCRoute") if overlay.overlay != "local" else []


def _audiences(overlay: Rendered, route: Document) -> set[str]:
    policies = _policies(overlay, "SecurityPolicy", route)
    return {name for one in policies for provider in _providers(one) for name in provider.get("audiences", [])}


def _scopes(overlay: Rendered, route: Document) -> set[str]:
    rules = [
        rule
        for one in _policies(overlay, "SecurityPolicy", route)
        for rule in one["spec"].get("authorization", {}).get("rules", [])
    ]
    return {name for one in rules for name in one.get("principal", {}).get("jwt", {}).get("scopes", [])}


def persons_are_themselves(overlay: Rendered) -> Iterator[Finding]:
    """The gateway alone says whose answer is asked for, and the transformer heeds it."""
    for gateway in overlay.of("Gateway") if overlay.overlay != "local" else ():
        removed = {
            name.lower()
            for one in _policies(overlay, "ClientTrafficPolicy", gateway)
            for name in one["spec"].get("headers", {}).get("earlyRequestHeaders", {}).get("remove", [])
        }
        if not removed >= SAID_BY_THE_GATEWAY:
            yield _found(
                "persons-are-themselves", gateway, "passes a client's X-Unit-Id or X-Unit-From", "earlyRequestHeaders"
            )
    for route in _routes(overlay):
        if why := _misnamed(overlay, route):
            yield _found("persons-are-themselves", route, why, "components/jwt")
    for pod in overlay.pods() if overlay.overlay != "local" else ():
        if pod.part == "transformer" and not _heeds(pod):
            yield Finding("persons-are-themselves", pod.where, "takes any unit_id", "CONTENDER_UNIT_FROM=gateway")


def _heeds(pod: Pod) -> bool:
    told = {one["name"]: one.get("value") for container in pod.containers for one in container.get("env", [])}
    return told.get("CONTENDER_UNIT_FROM") == "gateway"


def _misnamed(overlay: Rendered, route: Document) -> str:
    """What is wrong with who names the unit on a route; empty when nothing is."""
    for rule in route["spec"]["rules"]:
        asks = any(one["path"]["value"].endswith(ASKING) for one in rule.get("matches", []) if "path" in one)
        origin = _origin(rule.get("filters", []))
        claimed = UNIT in _claimed(overlay, route)
        if asks and origin not in ("header", "body"):
            return "does not say who names the unit"
        if asks and (origin == "header") is not claimed:
            return f"says {origin}, but its token {'names' if claimed else 'does not name'} the unit"
    return ""


def _origin(filters: list[Document]) -> str | None:
    """What a rule sets X-Unit-From to; None where it leaves it, or takes the unit away that the token gave."""
    found: dict[str, Any] = {}
    for one in filters:
        change = one.get("requestHeaderModifier", {})
        found |= {each["name"].lower(): each["value"] for each in change.get("set", [])}
        found |= {name.lower(): None for name in change.get("remove", [])}
    return None if UNIT in found else found.get(ORIGIN)


def _claimed(overlay: Rendered, route: Document) -> set[str]:
    providers = [one for policy in _policies(overlay, "SecurityPolicy", route) for one in _providers(policy)]
    return {each["header"].lower() for one in providers for each in one.get("claimToHeaders", [])}


RULES: Final[tuple[Rule, ...]] = (routes_need_a_credential, credentials_are_apart, persons_are_themselves)
