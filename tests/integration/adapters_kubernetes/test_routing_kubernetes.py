"""The routing in a ConfigMap: compared and swapped, and believed only when the transformers say so."""

from __future__ import annotations

import threading

import pytest

from contender.adapters.kubernetes_api import core_path
from contender.adapters.routing_kubernetes import KEY, RoutingConfigMap
from contender.errors import Conflict, DeadlineExceeded, InvalidRouting, Unavailable
from contender.routing import Arm, Routing
from contender.values import FallbackPolicy
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, Cluster, connected, obey, transformer_pod
from tests.stand_ins.kubernetes_api.objects import Key
from tests.stand_ins.kubernetes_api.server import Rule

MAP = Key("api/v1", "configmaps", NAMESPACE, f"{TASK}-routing")


def routing(generation: int, task: str = TASK) -> Routing:
    return Routing(task, generation, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())


@pytest.fixture
def store(cluster: Cluster) -> RoutingConfigMap:
    return RoutingConfigMap(connected(cluster.api))


def test_the_config_map_holds_the_bytes_of_the_file(cluster: Cluster, store: RoutingConfigMap) -> None:
    store.write(routing(1), expected=None)
    assert cluster.api.objects.get(MAP)["data"] == {KEY: routing(1).to_json()}


def test_a_config_map_of_somebody_elses_making_keeps_what_else_it_holds(
    cluster: Cluster, store: RoutingConfigMap
) -> None:
    cluster.api.objects.create(MAP, {"kind": "ConfigMap", "metadata": {"name": MAP.name}, "data": {"note": "x"}})
    assert store.read(TASK) is None
    store.write(routing(1), expected=None)
    assert cluster.api.objects.get(MAP)["data"] == {"note": "x", KEY: routing(1).to_json()}


def test_of_two_writers_at_the_same_moment_one_wins(cluster: Cluster, store: RoutingConfigMap) -> None:
    store.write(routing(1), expected=None)
    results: list[str] = []
    barrier = threading.Barrier(4)

    def write() -> None:
        mine = RoutingConfigMap(connected(cluster.api))
        barrier.wait()
        try:
            mine.write(routing(2), expected=1)
            results.append("won")
        except Conflict:
            results.append("lost")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["lost", "lost", "lost", "won"]


def test_a_writer_between_the_look_and_the_swap_is_noticed(cluster: Cluster, store: RoutingConfigMap) -> None:
    store.write(routing(1), expected=None)
    found = store._found(TASK)
    RoutingConfigMap(connected(cluster.api)).write(routing(2), expected=1)
    with pytest.raises(Conflict, match="has been modified"):
        store._swap(TASK, found, routing(3).to_json())
    assert store.read(TASK) == routing(2)


def test_a_broken_document_is_reported_and_may_be_written_over(cluster: Cluster, store: RoutingConfigMap) -> None:
    store.write(routing(1), expected=None)
    cluster.api.objects.merge(MAP, {"data": {KEY: "{"}})
    with pytest.raises(InvalidRouting, match="not JSON"):
        store.read(TASK)
    store.write(routing(2), expected=None)
    assert store.read(TASK) == routing(2)


def test_every_ready_transformer_is_waited_for(cluster: Cluster, store: RoutingConfigMap) -> None:
    one, two = transformer_pod(cluster, "one", 5), transformer_pod(cluster, "two", 4)
    with pytest.raises(DeadlineExceeded, match=r"generation 5 of job-change is not applied by two after 0.1 s"):
        store.wait_applied(TASK, 5, deadline_s=0.1)
    timer = threading.Timer(0.1, obey, (two, 6))
    timer.start()
    store.wait_applied(TASK, 5, deadline_s=5)
    timer.join()
    one.close()
    two.close()


def test_a_transformer_without_a_routing_is_waited_for(cluster: Cluster, store: RoutingConfigMap) -> None:
    one = transformer_pod(cluster, "one", None)
    with pytest.raises(DeadlineExceeded, match="by one"):
        store.wait_applied(TASK, 0, deadline_s=0.1)
    one.close()


def test_a_ready_transformer_that_is_silent_is_waited_for_and_one_that_leaves_is_not(
    cluster: Cluster, store: RoutingConfigMap
) -> None:
    leaving = transformer_pod(cluster, "leaving", 4, deletionTimestamp="2026-01-01T00:00:00Z")
    with pytest.raises(DeadlineExceeded, match="leaving"):
        store.wait_applied(TASK, 5, deadline_s=0.1)  # it drains, and still says that it obeys the old one
    leaving.close()
    store.wait_applied(TASK, 5, deadline_s=0.1)
    transformer_pod(cluster, "silent", 5).close()
    with pytest.raises(DeadlineExceeded, match="silent"):
        store.wait_applied(TASK, 5, deadline_s=0.1)


def test_without_the_right_to_write_it_is_said(cluster: Cluster, store: RoutingConfigMap) -> None:
    store.write(routing(1), expected=None)
    cluster.api.rules = {"reader": (Rule(("get",), "configmaps", (MAP.name,)),)}
    reader = RoutingConfigMap(connected(cluster.api, "reader"))
    assert reader.read(TASK) == routing(1)
    with pytest.raises(Unavailable, match="cannot patch"):
        reader.write(routing(2), expected=1)
    with pytest.raises(Unavailable, match="cannot list"):
        connected(cluster.api, "reader").call("GET", core_path(NAMESPACE, "configmaps"))


def test_an_api_that_is_away_is_told(cluster: Cluster, store: RoutingConfigMap) -> None:
    cluster.api.away = True
    with pytest.raises(Unavailable, match="currently unable"):
        store.read(TASK)
    cluster.api.away = False
    cluster.api.close()
    with pytest.raises(Unavailable, match="does not answer"):
        RoutingConfigMap(connected(cluster.api)).read(TASK)
