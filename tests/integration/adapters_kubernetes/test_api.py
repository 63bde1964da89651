"""The stand-in keeps the API's promises that the adapters rest on; the official client is its witness."""

from __future__ import annotations

import threading

import pytest

from contender.adapters.kubernetes_api import APPLY, MERGE, Gone, core_path, field_of, group_path, refusal
from contender.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, connected
from tests.stand_ins.kubernetes_api.objects import ApiError
from tests.stand_ins.kubernetes_api.server import JSON_PATCH, KubernetesApi, Rule

MAPS = core_path(NAMESPACE, "configmaps")
ONE = core_path(NAMESPACE, "configmaps", "one")


def config(**data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data}


def test_a_write_with_an_old_resource_version_is_a_conflict(api: KubernetesApi) -> None:
    client = connected(api)
    old = client.call("POST", MAPS, config(a="1"))
    client.call("PATCH", ONE, {"data": {"a": "2"}}, kind=MERGE)
    stale = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"a": "3"}}
    with pytest.raises(Conflict, match="has been modified"):
        client.call("PATCH", ONE, stale, kind=MERGE)
    with pytest.raises(Conflict, match="has been modified"):
        client.call("PUT", ONE, old)
    assert client.call("GET", ONE)["data"] == {"a": "2"}


def test_what_is_there_is_not_created_and_what_is_not_is_not_found(api: KubernetesApi) -> None:
    client = connected(api)
    with pytest.raises(NotFound, match='configmaps "one" not found'):
        client.call("GET", ONE)
    client.call("POST", MAPS, config())
    with pytest.raises(Conflict, match="already exists"):
        client.call("POST", MAPS, config())
    client.call("DELETE", ONE)
    with pytest.raises(NotFound):
        client.call("DELETE", ONE)


def test_a_write_that_changes_nothing_gives_no_new_version(api: KubernetesApi) -> None:
    client = connected(api)
    made = client.call("POST", MAPS, config(a="1"))
    again = client.call("PATCH", ONE, {"data": {"a": "1"}}, kind=MERGE)
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_an_apply_conflicts_with_another_manager_unless_it_is_forced(api: KubernetesApi) -> None:
    client = connected(api)
    client.call("PATCH", ONE, config(a="1", b="1"), kind=APPLY, query={"fieldManager": "kustomize"})
    with pytest.raises(Conflict, match=r'conflict with "kustomize": \.data\.a'):
        client.call("PATCH", ONE, config(a="2"), kind=APPLY, query={"fieldManager": "release"})
    client.call("PATCH", ONE, config(b="1"), kind=APPLY, query={"fieldManager": "release"})
    query = {"fieldManager": "release", "force": "true"}
    assert client.call("PATCH", ONE, config(a="2", b="1"), kind=APPLY, query=query)["data"] == {"a": "2", "b": "1"}


def test_what_a_manager_no_longer_states_goes_unless_another_states_it(api: KubernetesApi) -> None:
    client = connected(api)
    client.call("PATCH", ONE, config(a="1", b="1"), kind=APPLY, query={"fieldManager": "x"})
    client.call("PATCH", ONE, config(b="1"), kind=APPLY, query={"fieldManager": "y"})
    assert client.call("PATCH", ONE, config(), kind=APPLY, query={"fieldManager": "x"})["data"] == {"b": "1"}


def test_the_generation_grows_with_the_spec_and_not_with_the_status(api: KubernetesApi) -> None:
    client, path = connected(api), group_path("apps/v1", NAMESPACE, "deployments", "one")
    made = {"kind": "Deployment", "metadata": {"name": "one"}, "spec": {"replicas": 1}}
    client.call("POST", group_path("apps/v1", NAMESPACE, "deployments"), made)
    client.call("PATCH", f"{path}/status", {"status": {"replicas": 1}, "spec": {"replicas": 9}}, kind=MERGE)
    found = client.call("GET", path)
    assert (found["metadata"]["generation"], found["spec"]["replicas"]) == (1, 1)
    scaled = client.call("PATCH", f"{path}/scale", {"spec": {"replicas": 0}}, kind=MERGE)
    assert (scaled["metadata"]["generation"], scaled["spec"]["replicas"]) == (2, 0)


def test_a_json_patch_tests_before_it_changes(api: KubernetesApi) -> None:
    client = connected(api)
    client.call("POST", MAPS, config(a="1"))
    swap = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "2"}]
    assert client.call("PATCH", ONE, swap, kind=JSON_PATCH)["data"] == {"a": "2"}
    with pytest.raises(InvalidInput, match="testing value failed"):
        client.call("PATCH", ONE, swap, kind=JSON_PATCH)


def test_a_role_of_one_name_gets_and_watches_it_and_lists_nothing(api: KubernetesApi) -> None:
    connected(api).call("POST", MAPS, config())
    api.rules = {"narrow": (Rule(("get", "watch", "list"), "configmaps", ("one",)),)}
    client = connected(api, "narrow")
    assert client.call("GET", ONE)["kind"] == "ConfigMap"
    assert client.call("GET", MAPS, query={"fieldSelector": "metadata.name=one"})["items"]
    for path in (MAPS, core_path(NAMESPACE, "configmaps", "two")):
        with pytest.raises(Unavailable, match="is forbidden"):
            client.call("GET", path)


def test_lists_are_chosen_by_label(api: KubernetesApi) -> None:
    client = connected(api)
    for name, app in (("one", "a"), ("two", "b")):
        client.call("POST", MAPS, {"metadata": {"name": name, "labels": {"app": app}}})
    found = client.call("GET", MAPS, query={"labelSelector": "app=b"})["items"]
    assert [field_of(one, "metadata", "name") for one in found] == ["two"]


def test_history_is_bounded(api: KubernetesApi) -> None:
    client = connected(api)
    client.call("POST", MAPS, config())
    api.objects.compact()
    with pytest.raises(ApiError) as gone, api.objects.changed:
        api.objects.since(1)
    assert isinstance(refusal(gone.value.status, b"{}", "x"), Gone)


def test_many_writers_that_retry_lose_no_update(api: KubernetesApi) -> None:
    connected(api).call("POST", MAPS, config(count="0"))

    def work() -> None:
        client = connected(api)
        for _ in range(5):
            while True:
                found = client.call("GET", ONE)
                found["data"]["count"] = str(int(found["data"]["count"]) + 1)
                try:
                    client.call("PUT", ONE, found)
                    break
                except Conflict:
                    continue

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connected(api).call("GET", ONE)["data"] == {"count": "20"}
