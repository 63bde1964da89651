"""What of a transformer the outside reaches: every path it serves is on one route, or is named here as internal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import prometheus_client
import pytest
import yaml

from contender.tasks.catalog import task_named
from infrastructure.policy import gate, render, schemas
from infrastructure.policy.objects import Document, Rendered
from monitoring.metrics import SERVING, Metrics
from serving.front import Routes
from serving.transformer.bootstrap import Life
from serving.transformer.listing import Listing
from serving.transformer.model import Clock, Parts, Transformer
from serving.transformer.preview import Previews
from serving.transformer.settings import Settings

TASKS = ("job-change", "job-role")
INTERNAL = {
    ("GET", "/v1/models/{}/predictions"): "what was answered to whom; for operators, through a forwarded port",
    ("GET", "/v1/models/{}/routing"): "the release asks it",
    ("GET", "/openapi.json"): "describes the other two as well",
}


def served(task: str, home: Path) -> Routes:
    """The routes of a transformer as `bootstrap` puts it together."""
    url = "http://127.0.0.1:9"
    settings = Settings(
        task=task, routing=home / "routing", spool=home / "spool", store=f"sqlite:///{home}/store.db",
        blue_url=url, green_url=url, baseline_url=url,
    )  # fmt: skip
    metrics = Metrics(prometheus_client.CollectorRegistry(), SERVING)
    life = Life(settings, task_named(task), metrics, settings.guard(lambda _: None))
    clock = Clock(time.time, time.monotonic)
    work = (life.keeper, life.answering, life.recorder, life.mirror)
    listing, previews = Listing(task, life.store), Previews(task, None, time.time)
    try:
        return Transformer(task, Parts(task_named(task), *work, metrics, clock, listing, previews)).routes()
    finally:
        life.store.close()
        life.spool.close()


def behind(route: Document) -> set[tuple[str, str]]:
    """Method and path of what a route reaches, as the transformer sees them."""
    found = set()
    for rule in route["spec"]["rules"]:
        rewritten = [
            one["urlRewrite"]["path"]["replaceFullPath"] for one in rule.get("filters", []) if "urlRewrite" in one
        ]
        for one in rule["matches"]:
            found |= {(one["method"], path) for path in rewritten or [one["path"]["value"]]}
    return found


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
@pytest.mark.parametrize("task", TASKS)
def test_every_path_is_on_one_route_or_internal(
    overlays: Mapping[str, Rendered], overlay: str, task: str, tmp_path: Path
) -> None:
    routes = [one for one in overlays[overlay].of("HTTPRoute") if one["metadata"]["name"].startswith(task)]
    persons = [one for one in routes if one["metadata"]["labels"]["app.kubernetes.io/component"] == "person"]
    systems = [pair for one in routes if one not in persons for pair in behind(one)]
    internal = {(method, path.format(task)) for method, path in INTERNAL}
    assert len(systems) == len(set(systems))
    assert set(systems) | internal == set(served(task, tmp_path))
    assert not set(systems) & internal
    assert all(behind(one) == {("POST", f"/v1/models/{task}:predict")} for one in persons)


@pytest.mark.parametrize("overlay", ["local", "staging", "production"])
def test_grpc_is_not_exposed(overlays: Mapping[str, Rendered], overlay: str) -> None:
    assert not overlays[overlay].of("GRPCRoute")
    for pod in overlays[overlay].pods():
        assert "CONTENDER_GRPC_PORT" not in {one["name"] for c in pod.containers for one in c.get("env", [])}


def test_each_task_and_use_has_a_scope_of_its_own(overlays: Mapping[str, Rendered]) -> None:
    scopes = {
        one["metadata"]["name"]: one["spec"]["authorization"]["rules"][0]["principal"]["jwt"]["scopes"]
        for one in overlays["production"].of("SecurityPolicy")
        if one["metadata"]["name"] != "contender"
    }
    uses = {"": "predict", "-outcome": "outcome", "-person": "person"}
    assert scopes == {f"{task}{end}": [f"{task}:{use}"] for task in TASKS for end, use in uses.items()}


def test_a_token_comes_from_where_the_environment_says(overlays: Mapping[str, Rendered]) -> None:
    for name in ("staging", "production"):
        file = render.ROOT / "infrastructure" / "kubernetes" / "overlays" / name / "environment.yaml"
        wanted = yaml.safe_load(file.read_text())["spec"]
        for policy in overlays[name].of("SecurityPolicy"):
            for one in policy["spec"].get("jwt", {}).get("providers", []):
                assert (one["issuer"], one["remoteJWKS"]["uri"]) == (wanted["issuer"], wanted["jwks"])
                claims = one.get("claimToHeaders", [])
                assert claims in ([], [{"claim": wanted["claim"], "header": "X-Unit-Id"}])


def test_the_gateways_own_kinds_are_held_to_their_schema(overlays: Mapping[str, Rendered]) -> None:
    known = schemas.kept(gate.ENVOY)
    policies = [one for one in overlays["production"] if one["apiVersion"].startswith("gateway.envoyproxy.io/")]
    assert {one["kind"] for one in policies} == {kind for _, kind in known}
    bad = {**policies[0], "spec": {**policies[0]["spec"], "targetReff": []}}
    found = list(schemas.custom(Rendered("x", [*policies, bad]), known))
    assert [one.why for one in found] == [".spec.targetReff: is unknown"]
