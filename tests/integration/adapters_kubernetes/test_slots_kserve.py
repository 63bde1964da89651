"""Slots on a cluster: what a release may believe, and what it says when a version does not start."""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import replace

import pytest

from contender.adapters.kserve_probe import SlotProbe
from contender.adapters.kubernetes_api import MANAGER
from contender.adapters.slots_kserve import TELL_S, KServeSlots, Waiting
from contender.artifact import GOLDEN
from contender.errors import DeadlineExceeded, InvalidArtifact, InvalidInput, NotFound, Refused, Unavailable
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, Cluster
from tests.stand_ins.kubernetes_api.kserve import NEVER_READY, SERVING, STOP, crashes, not_pulled
from tests.stand_ins.kubernetes_api.objects import Key


def service(slot: str = "blue") -> Key:
    return Key(SERVING, "inferenceservices", NAMESPACE, f"{TASK}-{slot}")


def entry() -> Key:
    return Key(SERVING, "inferenceservices", NAMESPACE, TASK)


class KilledBeforeGolden(SlotProbe):
    """Its process ends when it is about to ask golden requests."""

    def golden(self, slot: str, content: bytes) -> None:
        raise KeyboardInterrupt


def test_a_prepared_slot_answers_with_its_version(cluster: Cluster) -> None:
    cluster.slots.prepare("blue", cluster.version("7"), deadline_s=10)
    assert cluster.slots.answers("blue") == "7"
    assert cluster.slots.answers("green") is None


def test_a_new_version_takes_the_place_of_the_old_one(cluster: Cluster) -> None:
    for number in ("7", "8"):
        cluster.slots.prepare("blue", cluster.version(number), deadline_s=10)
        assert cluster.slots.answers("blue") == number


def test_a_slot_that_serves_the_version_is_left_alone(cluster: Cluster) -> None:
    version = cluster.version("7")
    cluster.slots.prepare("blue", version, deadline_s=10)
    cluster.api.calls.clear()
    cluster.slots.prepare("blue", version, deadline_s=10)
    assert {method for method, _ in cluster.api.calls} == {"GET"}


def test_that_a_slot_goes_on_is_known_while_the_bucket_is_away(cluster: Cluster) -> None:
    seven, eight = cluster.version("7"), cluster.version("8")
    assert not cluster.slots.serves("blue", seven)
    cluster.slots.prepare("blue", seven, deadline_s=10)
    cluster.shelf.files.clear()
    assert cluster.slots.serves("blue", seven)
    assert not cluster.slots.serves("blue", eight)
    assert not cluster.slots.serves("blue", replace(seven, digest="0" * 64))
    cluster.slots.retire("blue")
    assert not cluster.slots.serves("blue", seven)


def test_golden_requests_are_asked_of_a_slot_whose_preparation_was_cut_off(cluster: Cluster) -> None:
    """Who is killed between the roll-out and the golden requests leaves a slot that serves and was not asked."""
    wrong = cluster.version("8", score=0.7501)
    probe = KilledBeforeGolden(TASK, cluster.slots._probe._address)
    killed = KServeSlots(cluster.slots._api, TASK, cluster.shelf, probe, cluster.slots._waiting)
    with pytest.raises(KeyboardInterrupt):
        killed.prepare("blue", wrong, deadline_s=10)
    assert cluster.slots.serves("blue", wrong)
    with pytest.raises(InvalidArtifact, match=r"golden\.json: blue answers golden request 0 otherwise"):
        cluster.slots.prepare("blue", wrong, deadline_s=10)


def test_pods_that_restart_for_want_of_a_version_do_not_speak_against_the_first(cluster: Cluster) -> None:
    """They are there until the new ones are ready; on a real cluster the first release failed twice by them."""
    before = Key("api/v1", "pods", NAMESPACE, f"{TASK}-blue-predictor-1")
    end = time.monotonic() + 5
    while not cluster.api.objects.has(before) and time.monotonic() < end:
        time.sleep(0.02)
    assert cluster.api.objects.get(before)["status"]["containerStatuses"][0]["restartCount"] > 2
    version = cluster.version("7")
    works = cluster.kserve.artifacts[version.artifact]
    cluster.kserve.artifacts[version.artifact] = NEVER_READY
    with pytest.raises(DeadlineExceeded, match="its pods give no reason"):
        cluster.slots.prepare("blue", version, deadline_s=0.6)
    cluster.kserve.artifacts[version.artifact] = works
    cluster.slots.prepare("blue", version, deadline_s=10)
    assert cluster.slots.answers("blue") == "7"


def test_who_waits_is_told_why_now_and_then_and_not_at_every_look(cluster: Cluster) -> None:
    version = cluster.version("7")
    cluster.kserve.artifacts[version.artifact] = not_pulled("ghcr.io/x")
    told: list[str] = []
    seconds = itertools.count(0.0, 0.25)
    waiting = Waiting(lambda: next(seconds), lambda pause: time.sleep(0.02), told.append)
    slots = KServeSlots(cluster.slots._api, TASK, cluster.shelf, cluster.slots._probe, waiting)
    with pytest.raises(DeadlineExceeded, match=r"ErrImagePull: ghcr\.io/x: not found"):
        slots.prepare("blue", version, deadline_s=30)
    pulls = [words for words in told if "ErrImagePull" in words]
    assert 2 <= len(pulls) <= 30 / TELL_S + 1
    assert pulls[0].startswith("waiting for blue to serve version 7: job-change-blue-predictor-")


def test_a_version_that_crashes_is_told_in_the_pods_words_though_the_service_is_ready(cluster: Cluster) -> None:
    cluster.slots.prepare("blue", good := cluster.version("7"), deadline_s=10)
    bad = cluster.version("8")
    cluster.kserve.artifacts[bad.artifact] = crashes("refused_to_start: model.onnx differs")
    with pytest.raises(Unavailable, match=r"8 does not start in blue: .*ended with code 1: refused_to_start"):
        cluster.slots.prepare("blue", bad, deadline_s=10)
    document = cluster.api.objects.get(service())
    assert document["status"]["conditions"] == [{"type": "Ready", "status": "True"}]
    assert document["spec"]["predictor"]["model"]["storageUri"] == good.artifact
    assert cluster.slots.answers("blue") == "7"


def test_a_first_version_that_fails_leaves_the_slot_stopped(cluster: Cluster) -> None:
    bad = cluster.version("7")
    cluster.kserve.artifacts[bad.artifact] = crashes("out of memory")
    with pytest.raises(Unavailable, match="out of memory"):
        cluster.slots.prepare("blue", bad, deadline_s=10)
    assert cluster.api.objects.get(service())["metadata"]["annotations"] == {STOP: "true"}


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (NEVER_READY, "it does not answer; its pods give no reason"),
        (not_pulled("ghcr.io/x"), "ErrImagePull: ghcr.io/x"),
    ],
)
def test_what_never_becomes_ready_ends_with_the_deadline(cluster: Cluster, behaviour: object, words: str) -> None:
    version = cluster.version("7")
    cluster.kserve.artifacts[version.artifact] = behaviour  # type: ignore[assignment]  # parametrised
    with pytest.raises(DeadlineExceeded, match=words):
        cluster.slots.prepare("blue", version, deadline_s=0.6)


def test_a_roll_out_that_ended_with_another_version_is_not_believed(cluster: Cluster) -> None:
    seven, eight = cluster.version("7"), cluster.version("8")
    cluster.kserve.artifacts[eight.artifact] = cluster.kserve.artifacts[seven.artifact]
    with pytest.raises(DeadlineExceeded, match="it answers as version 7"):
        cluster.slots.prepare("blue", eight, deadline_s=0.6)


def test_a_slot_that_answers_golden_requests_otherwise_is_taken_back(cluster: Cluster) -> None:
    cluster.slots.prepare("blue", cluster.version("7"), deadline_s=10)
    with pytest.raises(InvalidArtifact, match=r"golden\.json: blue answers golden request 0 otherwise"):
        cluster.slots.prepare("blue", cluster.version("8", score=0.7501), deadline_s=10)
    end = time.monotonic() + 5
    while cluster.slots.answers("blue") != "7" and time.monotonic() < end:
        time.sleep(0.02)
    assert cluster.slots.answers("blue") == "7"


@pytest.mark.parametrize("change", ["digest", "golden", "missing", "local"])
def test_an_artifact_that_is_not_the_named_one_touches_nothing(cluster: Cluster, change: str) -> None:
    version = cluster.version("7")
    if change == "digest":
        version = replace(version, digest="0" * 64)
    elif change == "golden":
        cluster.shelf.files[version.artifact][GOLDEN] = json.dumps({"requests": [], "answers": []}).encode()
    elif change == "missing":
        cluster.shelf.files.clear()
    else:
        version = replace(version, artifact="/home/me/artifacts/7")
    with pytest.raises(InvalidArtifact):
        cluster.slots.prepare("blue", version, deadline_s=1)
    assert "storageUri" not in cluster.api.objects.get(service())["spec"]["predictor"]["model"]


def test_only_the_fields_of_a_release_are_stated_and_others_stay(cluster: Cluster) -> None:
    others = {"metadata": {"labels": {"team": "a"}}, "spec": {"predictor": {"minReplicas": 2}}}
    cluster.api.objects.merge(service(), others, "kustomize")
    cluster.slots.prepare("blue", cluster.version("7"), deadline_s=10)
    document, owners = cluster.api.objects.get(service()), cluster.api.objects.managers(service())
    assert document["spec"]["predictor"]["minReplicas"] == 2
    assert owners[MANAGER] == {
        ("metadata", "annotations", STOP),
        ("spec", "predictor", "model", "modelFormat", "name"),
        ("spec", "predictor", "model", "storageUri"),
    }
    assert ("spec", "predictor", "minReplicas") in owners["kustomize"]


def test_a_retired_slot_is_stopped_and_may_be_prepared_again(cluster: Cluster) -> None:
    version = cluster.version("7")
    cluster.slots.retire("blue")
    assert "storageUri" not in cluster.api.objects.get(service())["spec"]["predictor"]["model"]
    cluster.slots.prepare("blue", version, deadline_s=10)
    for _ in range(2):
        cluster.slots.retire("blue")
        assert cluster.slots.answers("blue") is None
    cluster.slots.prepare("blue", version, deadline_s=10)
    assert cluster.slots.answers("blue") == "7"


def test_the_baseline_is_the_entrys_predictor_and_is_never_stopped(cluster: Cluster) -> None:
    cluster.slots.prepare("baseline", cluster.version("1"), deadline_s=10)
    assert cluster.slots.answers("baseline") == "1"
    assert "annotations" not in cluster.api.objects.get(entry())["metadata"]
    with pytest.raises(Refused, match="goes with its transformer"):
        cluster.slots.retire("baseline")


@pytest.mark.parametrize("name", ["", "Blue", "blue/../x", "-blue", "b" * 40])
def test_what_cannot_be_a_slots_name_is_refused(cluster: Cluster, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a part"):
        cluster.slots.answers(name)


def test_an_api_that_is_away_is_told_and_comes_back(cluster: Cluster) -> None:
    version = cluster.version("7")
    cluster.api.away = True
    with pytest.raises(Unavailable, match="currently unable"):
        cluster.slots.prepare("blue", version, deadline_s=1)
    cluster.api.away = False
    cluster.slots.prepare("blue", version, deadline_s=10)


def test_who_lost_the_slot_to_another_writer_does_not_take_it_back(cluster: Cluster) -> None:
    """Another process states a third version while this one waits for its own."""
    version, rival = cluster.version("7"), cluster.version("8")
    cluster.kserve.artifacts[version.artifact] = NEVER_READY
    uri = {"spec": {"predictor": {"model": {"storageUri": rival.artifact}}}}
    timer = threading.Timer(0.2, lambda: cluster.api.objects.merge(service(), uri, "rival"))
    timer.start()
    with pytest.raises(DeadlineExceeded):
        cluster.slots.prepare("blue", version, deadline_s=0.8)
    timer.join()
    assert cluster.api.objects.get(service())["spec"]["predictor"]["model"]["storageUri"] == rival.artifact


def test_a_slot_whose_pods_stay_is_told(cluster: Cluster) -> None:
    cluster.slots.prepare("blue", cluster.version("7"), deadline_s=10)
    cluster.kserve.close()
    ticks = iter(range(0, 1000, 50))
    waiting = Waiting(now=lambda: float(next(ticks)), sleep=lambda seconds: None)
    frozen = KServeSlots(cluster.slots._api, TASK, cluster.shelf, cluster.slots._probe, waiting)
    with pytest.raises(DeadlineExceeded, match="still has pods after 60 s"):
        frozen.retire("blue")


def test_a_slot_that_was_not_deployed_is_refused_and_not_half_made(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="job-change-violet is not deployed"):
        cluster.slots.prepare("violet", cluster.version("7"), deadline_s=1)
    assert not cluster.api.objects.has(service("violet"))
