"""Who can reach whom, read from the rendered NetworkPolicies; and the edges that there may be, no more and no fewer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from infrastructure.policy.objects import OWN, Document, Finding, Rendered, selects, space

PORTS: Final = (53, 443, 5000, 5432, 6443, 8080, 8888, 9000)
"""Every port that anything here listens on or calls; others are closed by the same policies."""


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a connection: a kind of pod, or an address outside the cluster."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


OUTSIDE: Final = (
    Party("gateway", "envoy-gateway-system", {"app.kubernetes.io/name": "envoy"}),
    Party("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    Party("pipeline step", "kubeflow", {"pipelines.kubeflow.org/v2_component": "true"}),
    Party("kubeflow", "kubeflow", {"app": "ml-pipeline"}),
    Party("pod elsewhere", "default", {}),
    Party("name server", "kube-system", {"k8s-app": "kube-dns"}),
    Party("internet", address="203.0.113.7"),
    Party("node metadata", address="169.254.169.254"),
)
INSIDE: Final = "own network"
"""Where the database and the Kubernetes API lie, and others' pods: most network plugins match them by address, too."""
CALLERS: Final = frozenset({"gateway", "prometheus", "pipeline step", "pod elsewhere"})
"""Who is looked at as the one who calls only: as the ones who answer they are not ours to close."""
SILENT: Final = frozenset({"kubeflow", "name server", "node metadata"})
"""Who never begins a connection."""

SERVED: Final = {8080}
DATABASE: Final = {5432}
KUBERNETES: Final = {443, 6443}

EDGES: Final[Mapping[tuple[str, str], set[int]]] = {
    ("gateway", "transformer"): SERVED,
    ("transformer", "slot"): SERVED,
    ("transformer", "baseline"): SERVED,
    ("release", "slot"): SERVED,
    ("release", "baseline"): SERVED,
    ("release", "transformer"): SERVED,
    ("prometheus", "transformer"): SERVED,
    ("prometheus", "slot"): SERVED,
    ("prometheus", "baseline"): SERVED,
    ("prometheus", "exporter"): SERVED,
    ("transformer", INSIDE): DATABASE | KUBERNETES,
    ("release", INSIDE): DATABASE | KUBERNETES,
    ("exporter", INSIDE): DATABASE | {443},
    ("exporter", "internet"): {443},
    ("transformer", "internet"): {443},
    ("database-setup", INSIDE): DATABASE | {443},
    ("slot", INSIDE): {443},
    ("baseline", INSIDE): {443},
    ("slot", "internet"): {443},
    ("baseline", "internet"): {443},
    ("release", "internet"): {443},
    ("database-setup", "internet"): {443},
    ("release", "mlflow"): {5000},
    ("pipeline step", "mlflow"): {5000},
    ("retraining", INSIDE): DATABASE | {443},
    ("retraining", "internet"): {443},
    ("retraining", "mlflow"): {5000},
    ("retraining", "kubeflow"): {8888},
    ("mlflow", INSIDE): DATABASE | {443},
    ("mlflow", "internet"): {443},
    **{
        (name, "name server"): {53}
        for name in (
            *("transformer", "slot", "baseline", "release", "exporter", "database-setup"),
            *("mlflow", "retraining"),
        )
    },
}
"""What must be reachable and nothing besides; a part that an overlay leaves out is left out with its edges."""

BACKENDS: Final[Mapping[tuple[str, str], set[int]]] = {
    **{(name, "postgres"): DATABASE for name in ("transformer", "release", "database-setup", "mlflow")},
    **{(name, "s3"): {9000} for name in ("slot", "baseline")},
    **{(name, "s3"): {5432, 9000} for name in ("release", "database-setup", "transformer")},
    ("mlflow", "s3"): DATABASE,
    **{("pipeline step", name): {5432, 9000} for name in ("postgres", "s3")},
}
"""Those of a cluster on a laptop, whose PostgreSQL and S3 lie inside it, behind one policy for both ports."""


def parties(overlay: Rendered) -> dict[str, Party]:
    """Everybody there is: the kinds of pods that the overlay brings about, and who is outside."""
    found: dict[str, Party] = {}
    for pod in overlay.pods():
        name = pod.labels.get("app.kubernetes.io/component") or pod.labels.get("app.kubernetes.io/name", pod.where)
        found.setdefault(name, Party(name, pod.namespace, pod.labels))
    return found | {one.name: one for one in (*OUTSIDE, Party(INSIDE, address=_inside(overlay)))}


def _inside(overlay: Rendered) -> str:
    """An address of the network that the overlay names for the Kubernetes API."""
    policy = overlay.named("NetworkPolicy", "to-kubernetes", OWN)
    if policy is None or not policy["spec"]["egress"][0]["to"]:
        return "10.0.0.9"
    return str(ipaddress.ip_network(policy["spec"]["egress"][0]["to"][0]["ipBlock"]["cidr"])[9])


def reachable(overlay: Rendered) -> dict[tuple[str, str], set[int]]:
    """The open ports from each party to each other one, where there are any and one of the two is a pod of ours."""
    known = parties(overlay)
    ours = {name for name, one in known.items() if one.namespace in _spaces(overlay)}
    found = {}
    for source in known.values():
        for target in known.values():
            if {source.name, target.name} & ours and source.name not in SILENT and target.name not in CALLERS:
                ports = {port for port in PORTS if _open(overlay, source, target, port)}
                if ports:
                    found[source.name, target.name] = ports
    return found


def _spaces(overlay: Rendered) -> set[str]:
    return {one["metadata"]["name"] for one in overlay.of("Namespace")}


def _open(overlay: Rendered, source: Party, target: Party, port: int) -> bool:
    out = _allowed(overlay, source, target, port, "Egress")
    return out and _allowed(overlay, target, source, port, "Ingress")


def _allowed(overlay: Rendered, party: Party, peer: Party, port: int, way: str) -> bool:
    """Whether the policies of `party` let it talk that way to `peer`; whom no policy selects may talk to everybody."""
    mine = [
        one["spec"]
        for one in overlay.of("NetworkPolicy")
        if party.namespace and space(one) == party.namespace and selects(one["spec"]["podSelector"], party.labels)
    ]
    mine = [spec for spec in mine if way in spec.get("policyTypes", ["Ingress"])]
    rules = [rule for spec in mine for rule in spec.get(way.lower(), [])]
    return not mine or any(
        _fits(rule, port) and _peers(overlay, rule.get("to" if way == "Egress" else "from"), peer, party)
        for rule in rules
    )


def _fits(rule: Document, port: int) -> bool:
    ports = rule.get("ports")
    return ports is None or any(one["port"] <= port <= one.get("endPort", one["port"]) for one in ports)


def _peers(overlay: Rendered, named: list[Document] | None, peer: Party, party: Party) -> bool:
    return not named or any(_peer(overlay, one, peer, party) for one in named)


def _peer(overlay: Rendered, one: Mapping[str, Any], peer: Party, party: Party) -> bool:
    if "ipBlock" in one:
        own = peer.namespace in _spaces(overlay)
        return bool(peer.address or own) and _within(one["ipBlock"], peer.address or _inside(overlay))
    if peer.address:
        return False
    spaces = {"kubernetes.io/metadata.name": peer.namespace}
    there = (
        selects(one["namespaceSelector"], spaces) if "namespaceSelector" in one else peer.namespace == party.namespace
    )
    return there and selects(one.get("podSelector", {}), peer.labels)


def _within(block: Mapping[str, Any], address: str) -> bool:
    found = ipaddress.ip_address(address)
    inside = found in ipaddress.ip_network(block["cidr"])
    return inside and not any(found in ipaddress.ip_network(hole) for hole in block.get("except", []))


def wanted(overlay: Rendered) -> dict[tuple[str, str], set[int]]:
    """The edges that there must be, between those who are there."""
    known = set(parties(overlay))
    edges = {**EDGES, **(BACKENDS if overlay.overlay == "local" else {})}
    return {pair: ports for pair, ports in edges.items() if set(pair) <= known}


def edges_are_known(overlay: Rendered) -> Iterator[Finding]:
    """Nobody reaches what the table does not name, and everybody reaches what it does."""
    seen, known = reachable(overlay), wanted(overlay)
    for pair in sorted(seen.keys() | known.keys()):
        more, fewer = seen.get(pair, set()) - known.get(pair, set()), known.get(pair, set()) - seen.get(pair, set())
        where = f"{overlay.overlay}: {pair[0]} → {pair[1]}"
        if more:
            yield Finding("edge-is-known", where, f"may connect to {sorted(more)}", "close it, or name it in EDGES")
        if fewer:
            yield Finding("edge-is-open", where, f"cannot connect to {sorted(fewer)}", "base/foundation/network.yaml")


RULES: Final = (edges_are_known,)


def table(overlays: Mapping[str, Rendered]) -> str:
    """The page on who can reach whom, one table an overlay."""
    lines = [
        "<!-- Written by `python -m infrastructure.policy reachability`; change the NetworkPolicies instead. -->",
        "",
        "# Who can reach whom",
        "",
        "Read from the rendered NetworkPolicies: the sender's and the receiver's both have to agree. Rows call,",
        f"columns answer, cells are ports. What is empty is closed. `{INSIDE}` holds the database, the Kubernetes API",
        "and the pods of other namespaces. That a network plugin enforces the policies is designed, not measured.",
    ]
    for name, overlay in overlays.items():
        lines += ["", f"## {name}", "", *_rows(reachable(overlay))]
    return "\n".join(lines) + "\n"


def _rows(edges: Mapping[tuple[str, str], set[int]]) -> Iterator[str]:
    sources, targets = sorted({one for one, _ in edges}), sorted({one for _, one in edges})
    yield f"| | {' | '.join(targets)} |"
    yield "|---" * (len(targets) + 1) + "|"
    for source in sources:
        cells = (", ".join(map(str, sorted(edges.get((source, target), set())))) for target in targets)
        yield f"| **{source}** | {' | '.join(cells)} |"
