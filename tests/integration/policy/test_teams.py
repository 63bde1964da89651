"""Two teams on one cluster, as `examples/teams` has them: each passes the gate, and neither reaches into the other."""

from __future__ import annotations

import shutil

import pytest

from infrastructure.policy import gate, quota, render, tenancy
from infrastructure.policy.objects import Document, Rendered, space

TEAMS = {"team-a": ("job-change", "contender"), "team-b": ("job-role", "contender-team-b")}
ACCOUNTS = ("slot", "transformer", "release")


def rendered(folder: str) -> Rendered:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the examples: install kubernetes-client or kubectl")
    return render.folder(render.ROOT / "examples" / "teams" / folder, "teams")


@pytest.mark.parametrize("team", TEAMS)
def test_a_team_passes_the_gate(team: str) -> None:
    overlay = rendered(team)
    # How artifacts are fetched, and who goes first, is said once for the cluster, by team A.
    shared = [one for one in rendered("team-a").of("ClusterStorageContainer", "PriorityClass") if one not in overlay]
    assert list(gate.manifests(Rendered(overlay.overlay, [*overlay, *shared]))) == []


def test_nothing_of_two_teams_collides_or_crosses_side_by_side() -> None:
    together = rendered("")
    assert tenancy.tasks(together) == dict(TEAMS.values())
    assert [one for rule in tenancy.RULES for one in rule(together)] == []


@pytest.mark.parametrize("team", TEAMS)
def test_all_of_a_team_lies_in_its_namespace(team: str) -> None:
    task, namespace = TEAMS[team]
    overlay = rendered(team)
    assert {space(one) for one in overlay} == {namespace, ""}
    assert {one["metadata"]["name"] for one in overlay.of("Namespace")} == {namespace}
    accounts = {one["metadata"]["name"] for one in overlay.of("ServiceAccount")}
    assert {f"{task}-{part}" for part in ACCOUNTS} <= accounts
    (other,) = [one for one, _ in TEAMS.values() if one != task]
    assert other not in str(list(overlay))


def test_a_team_holds_its_own_rollback_group() -> None:
    conditions = {team: _held(rendered(team)) for team in TEAMS}
    assert "'contender:rollback'" in conditions["team-a"]
    assert "'contender-team-b:rollback'" in conditions["team-b"]
    assert "'contender:" not in conditions["team-b"]


def _held(overlay: Rendered) -> str:
    (policy,) = overlay.of("ValidatingAdmissionPolicy")
    return str(policy["spec"]["matchConditions"][0]["expression"])


def test_a_binding_that_the_namespace_directive_left_behind_is_seen() -> None:
    overlay = rendered("team-b")
    binding = overlay.named("RoleBinding", "job-role-release")
    assert binding is not None
    binding["subjects"][0]["namespace"] = "contender"
    (found,) = [one for one in tenancy.stays_in_its_namespace(overlay) if "job-role-release" in one.where]
    assert found.why == "reaches into contender"


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("2", 2.0), (3, 3.0), ("512Mi", 512 * 2.0**20), ("1.5Gi", 1.5 * 2.0**30)]
)
def test_a_quantity_is_read_in_its_base_unit(text: object, value: float) -> None:
    assert quota.amount(text) == value


@pytest.mark.parametrize("text", ["", "1G", "many", "-1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quota.amount(text)


def test_what_a_namespace_needs_is_its_pods_scaled_up_and_rolled() -> None:
    asks = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    first = {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"memory": "1Mi"}}
    overlay = Rendered("small", [_deployment(asks, first), _job(asks)])
    gib = 2.0**30
    assert quota.need(overlay, "here") == {
        "requests.cpu": 3 * 1.0 + 0.25,
        "requests.memory": 4 * gib,
        "limits.memory": 8 * gib,
        "pods": 4.0,
    }
    assert quota.need(overlay, "elsewhere")["pods"] == 0.0


def _deployment(asks: Document, first: Document) -> Document:
    spec = {"containers": [{"name": "c", "resources": asks}], "initContainers": [{"name": "i", "resources": first}]}
    template = {"metadata": {}, "spec": spec}
    return {
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "here"},
        "spec": {"replicas": 2, "template": template},
    }


def _job(asks: Document) -> Document:
    template = {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": asks}]}}
    return {"kind": "Job", "metadata": {"name": "j", "namespace": "here"}, "spec": {"template": template}}
