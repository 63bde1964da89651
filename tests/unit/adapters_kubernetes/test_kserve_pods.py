"""Why pods do not serve, read from their status."""

from __future__ import annotations

from typing import Any

import pytest

from contender.adapters.kserve_pods import FETCHED, Trouble, newest_of, trouble_of


def pod(name: str, *containers: dict[str, Any], at: str = "2026-01-01T00:00:00Z", **metadata: str) -> dict[str, Any]:
    told = {"name": name, "creationTimestamp": at, **metadata}
    return {"metadata": told, "status": {"containerStatuses": list(containers)}}


def container(**status: Any) -> dict[str, Any]:
    return {"name": "kserve-container", "ready": False, "restartCount": 0, "state": {}, **status}


CRASHED = container(
    restartCount=3,
    state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
    lastState={"terminated": {"exitCode": 1, "message": "refused_to_start\n"}},
)


@pytest.mark.parametrize("pods", [[], [pod("a", container(ready=True))], [pod("a", container())]])
def test_pods_that_serve_or_start_have_no_trouble(pods: list[dict[str, Any]]) -> None:
    assert trouble_of(pods) == Trouble()


@pytest.mark.parametrize("usual", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_made_is_no_trouble(usual: str) -> None:
    assert trouble_of([pod("a", container(state={"waiting": {"reason": usual}}))]) == Trouble()


def test_a_crash_is_told_with_its_code_and_last_words() -> None:
    words = "a: CrashLoopBackOff: back-off 40s: kserve-container ended with code 1: refused_to_start"
    assert trouble_of([pod("a", CRASHED)]) == Trouble(words, 3)


def test_a_restart_that_went_well_afterwards_is_no_trouble() -> None:
    assert trouble_of([pod("a", {**CRASHED, "ready": True})]) == Trouble()


def test_the_youngest_pod_in_trouble_is_told_of() -> None:
    old = pod("old", CRASHED)
    new = pod("new", container(state={"waiting": {"reason": "ErrImagePull"}}), at="2026-01-02T00:00:00Z")
    for pods in ([old, new], [new, old]):
        assert trouble_of(pods) == Trouble("new: ErrImagePull", 0)


def test_a_pod_that_is_leaving_is_not_told_of() -> None:
    assert trouble_of([pod("a", CRASHED, deletionTimestamp="2026-01-02T00:00:00Z")]) == Trouble()


def test_a_download_that_fails_is_told_from_the_init_container() -> None:
    found = pod("a", container(state={"waiting": {"reason": "PodInitializing"}}))
    ended = {"terminated": {"exitCode": 1, "message": "NoSuchKey"}}
    found["status"]["initContainerStatuses"] = [container(name="storage-initializer", state=ended)]
    assert trouble_of([found]).reason == "a: storage-initializer ended with code 1: NoSuchKey"


def test_a_pod_without_a_node_says_why() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}
    found = {"metadata": {"name": "a"}, "status": {"conditions": [condition]}}
    assert trouble_of([found]).reason == "a: not scheduled: 0/3 nodes"


def test_words_are_bounded() -> None:
    found = pod("a", container(state={"waiting": {"reason": "X", "message": "y" * 10_000}}))
    assert len(trouble_of([found]).reason) < 500


def replica_set(template: str, revision: int, artifact: str | None) -> dict[str, Any]:
    annotations = {FETCHED: artifact} if artifact else {}
    metadata = {
        "labels": {"pod-template-hash": template},
        "annotations": {"deployment.kubernetes.io/revision": str(revision)},
    }
    return {"metadata": metadata, "spec": {"template": {"metadata": {"annotations": annotations}}}}


def labelled(name: str, template: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"pod-template-hash": template}}, "status": {}}


def test_only_pods_of_the_newest_set_that_fetches_the_artifact_count() -> None:
    sets = [replica_set("a", 9, "s3://x/7"), replica_set("b", 10, "s3://x/7"), replica_set("c", 11, None)]
    pods = [labelled("old", "a"), labelled("new", "b"), labelled("empty", "c")]
    assert [one["metadata"]["name"] for one in newest_of("s3://x/7", sets, pods)] == ["new"]


def test_pods_of_before_are_no_sign_of_a_version_that_the_controller_has_not_seen() -> None:
    empty = {"metadata": {"name": "p", "labels": {}}, "status": {}}
    assert newest_of("s3://x/8", [replica_set("a", 1, "s3://x/7")], [labelled("old", "a"), empty]) == []
