"""The mesh says by identity what the network policies say by label: the same callers, and no more."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from infrastructure.policy import network, render
from infrastructure.policy.objects import Document, Pod, Rendered, selects

OVERLAYS = ("staging", "production")
OUTSIDE = {"cluster.local/ns/monitoring/sa/prometheus": "prometheus"}
GATEWAY = "envoy-gateway-system"


@pytest.fixture(scope="module")
def meshed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Rendered]:
    """The overlays with the component added, rendered from a copy."""
    copy = tmp_path_factory.mktemp("mesh") / "kubernetes"
    shutil.copytree(render.ROOT / "infrastructure" / "kubernetes", copy)
    return {name: rendered(copy / "overlays" / name) for name in OVERLAYS}


def rendered(folder: Path) -> Rendered:
    file = folder / "kustomization.yaml"
    document = yaml.safe_load(file.read_text())
    document["components"].append("../../components/mesh")
    file.write_text(yaml.safe_dump(document))
    kubectl = render.tool("kubectl", "install kubectl")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return Rendered(folder.name, (one for one in yaml.safe_load_all(done.stdout) if one))


def part(pod: Pod) -> str:
    return pod.labels["app.kubernetes.io/component"]


def callers(overlay: Rendered, policy: Document) -> Iterator[str]:
    """Who a policy lets in, by the names of the reachability table; every principal must be an account of a pod."""
    for rule in policy["spec"].get("rules", []):
        for source in (one["source"] for one in rule["from"]):
            assert source.get("namespaces", [GATEWAY]) == [GATEWAY]
            yield from ["gateway"] * ("namespaces" in source)
            for principal in source.get("principals", []):
                yield from [OUTSIDE[principal]] if principal in OUTSIDE else holders(overlay, principal)


def holders(overlay: Rendered, principal: str) -> set[str]:
    trust, ns, space, sa, account = principal.split("/")
    assert (trust, ns, sa) == ("cluster.local", "ns", "sa")
    assert overlay.named("ServiceAccount", account, space), principal
    found = {part(pod) for pod in overlay.pods() if (pod.namespace, pod.spec["serviceAccountName"]) == (space, account)}
    assert found, f"no pod runs as {principal}"
    return found


def by_identity(overlay: Rendered) -> set[tuple[str, str]]:
    found = set()
    for policy in overlay.of("AuthorizationPolicy"):
        chosen = [pod for pod in overlay.pods() if pod.namespace == "contender"]
        chosen = [pod for pod in chosen if selects(policy["spec"].get("selector", {}), pod.labels)]
        assert chosen, f"{policy['metadata']['name']} selects nobody"
        found |= {(caller, part(pod)) for pod in chosen for caller in callers(overlay, policy)}
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_identities_reach_what_labels_reach(
    meshed: Mapping[str, Rendered], overlays: Mapping[str, Rendered], name: str
) -> None:
    ours = {part(pod) for pod in overlays[name].pods() if pod.namespace == "contender"}
    by_label = {pair for pair, ports in network.reachable(overlays[name]).items() if pair[1] in ours and 8080 in ports}
    assert by_label
    assert by_identity(meshed[name]) == by_label


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_task_is_reached_by_its_own_alone(meshed: Mapping[str, Rendered], name: str) -> None:
    overlay = meshed[name]
    for pod in (one for one in overlay.pods() if one.serves):
        (policy,) = [
            one
            for one in overlay.of("AuthorizationPolicy")
            if one["spec"].get("selector") and selects(one["spec"]["selector"], pod.labels)
        ]
        named = [each for rule in policy["spec"]["rules"] for one in rule["from"] for each in one["source"].items()]
        ours = {who.rpartition("/")[2] for kind, names in named for who in names if "/contender/" in who}
        task = pod.labels["app.kubernetes.io/instance"]
        assert ours == {f"{task}-{who}" for who in ("transformer", "release")[pod.part == "transformer" :]}, pod.where


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_in_the_clear_and_nobody_is_let_in_unnamed(meshed: Mapping[str, Rendered], name: str) -> None:
    overlay = meshed[name]
    space = overlay.named("Namespace", "contender")
    assert space is not None
    assert space["metadata"]["labels"]["istio.io/dataplane-mode"] == "ambient"
    (peers,) = overlay.of("PeerAuthentication")
    assert peers["spec"] == {"mtls": {"mode": "STRICT"}}
    assert [one["metadata"]["name"] for one in overlay.of("AuthorizationPolicy") if one["spec"] == {}] == ["deny-all"]
    for policy in overlay.of("AuthorizationPolicy"):
        for rule in policy["spec"].get("rules", []):
            assert rule["to"] == [{"operation": {"ports": ["8080"]}}]
            assert all("*" not in name for one in rule["from"] for names in one["source"].values() for name in names)


@pytest.mark.parametrize("name", OVERLAYS)
def test_beside_the_tunnel_the_network_stays_as_it_was(
    meshed: Mapping[str, Rendered], overlays: Mapping[str, Rendered], name: str
) -> None:
    assert network.reachable(meshed[name]) == network.reachable(overlays[name])
    servers = {part(pod) for pod in meshed[name].pods() if pod.serves} | {"release", "exporter"}
    (mesh,) = [one for one in meshed[name].of("NetworkPolicy") if one["metadata"]["name"] == "mesh"]
    assert set(mesh["spec"]["podSelector"]["matchExpressions"][0]["values"]) == servers
