"""What a release relies on, whatever serves: the same tests for local and cluster slots and routing stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from contender.adapters.routing_file import RoutingFile
from contender.adapters.routing_kubernetes import RoutingConfigMap
from contender.errors import Conflict, DeadlineExceeded, InvalidArtifact, InvalidInput, InvalidRouting, Unavailable
from contender.release.ports import RoutingStore, Slots
from contender.routing import Arm, Routing
from contender.values import FallbackPolicy, ModelVersion
from tests.integration.supervisor.test_supervisor import House
from tests.stand_ins.kubernetes_api.cluster import TASK, Cluster, connected, obey, transformer_pod
from tests.stand_ins.kubernetes_api.kserve import NEVER_READY, JsonServer, crashes

BEHAVIOURS = {"crash": crashes("no model fits in here"), "mute": NEVER_READY}


@dataclass
class Places:
    """Slots, and versions for them: ``serve`` works, ``crash`` ends at its start, ``mute`` is never ready."""

    slots: Slots
    make: Callable[[str, str], ModelVersion]


@pytest.fixture(params=["local", "cluster"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    if request.param == "local":
        house = House(tmp_path)
        house.up()
        yield Places(house.slots, house.version)
        house.close()
        return
    cluster: Cluster = request.getfixturevalue("cluster")

    def make(number: str, behaviour: str) -> ModelVersion:
        version = cluster.version(number)
        if behaviour in BEHAVIOURS:
            cluster.kserve.artifacts[version.artifact] = BEHAVIOURS[behaviour]
        return version

    yield Places(cluster.slots, make)


class TestSlots:
    def test_a_prepared_slot_answers_and_the_other_does_not(self, places: Places) -> None:
        places.slots.prepare("blue", places.make("7", "serve"), deadline_s=20)
        assert (places.slots.answers("blue"), places.slots.answers("green")) == ("7", None)

    def test_slots_are_told_apart(self, places: Places) -> None:
        places.slots.prepare("blue", places.make("7", "serve"), deadline_s=20)
        places.slots.prepare("green", places.make("8", "serve"), deadline_s=20)
        assert (places.slots.answers("blue"), places.slots.answers("green")) == ("7", "8")

    def test_preparing_again_changes_nothing(self, places: Places) -> None:
        version = places.make("7", "serve")
        for _ in range(2):
            places.slots.prepare("blue", version, deadline_s=20)
            assert places.slots.answers("blue") == "7"

    def test_another_version_takes_the_slot_over(self, places: Places) -> None:
        for number in ("7", "8"):
            places.slots.prepare("blue", places.make(number, "serve"), deadline_s=20)
        assert places.slots.answers("blue") == "8"

    def test_a_version_that_crashes_is_unavailable_with_its_own_words(self, places: Places) -> None:
        with pytest.raises(Unavailable, match="no model fits in here"):
            places.slots.prepare("blue", places.make("7", "crash"), deadline_s=20)

    def test_after_a_failure_the_version_before_is_served(self, places: Places) -> None:
        good = places.make("7", "serve")
        places.slots.prepare("blue", good, deadline_s=20)
        with pytest.raises(Unavailable):
            places.slots.prepare("blue", places.make("8", "crash"), deadline_s=20)
        places.slots.prepare("blue", good, deadline_s=20)
        assert places.slots.answers("blue") == "7"

    def test_a_version_that_is_never_ready_ends_with_the_deadline(self, places: Places) -> None:
        with pytest.raises(DeadlineExceeded):
            places.slots.prepare("blue", places.make("7", "mute"), deadline_s=1)
        assert places.slots.answers("blue") is None

    def test_an_artifact_that_is_not_the_named_one_leaves_what_is_served(self, places: Places) -> None:
        places.slots.prepare("blue", places.make("7", "serve"), deadline_s=20)
        with pytest.raises(InvalidArtifact):
            places.slots.prepare("blue", replace(places.make("8", "serve"), digest="0" * 64), deadline_s=20)
        assert places.slots.answers("blue") == "7"

    def test_a_retired_slot_answers_nobody_and_may_be_retired_again(self, places: Places) -> None:
        places.slots.prepare("blue", places.make("7", "serve"), deadline_s=20)
        for _ in range(2):
            places.slots.retire("blue")
            assert places.slots.answers("blue") is None

    def test_what_cannot_be_a_slot_is_refused(self, places: Places) -> None:
        for call in (places.slots.answers, places.slots.retire):
            with pytest.raises(InvalidInput):
                call("Blue/..")


@dataclass
class Home:
    """A routing store, and a way to let a reader of it say what it obeys."""

    store: RoutingStore
    obey: Callable[[str, int], None]


@pytest.fixture(params=["local", "cluster"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    if request.param == "local":
        readers = {name: RoutingFile(tmp_path) for name in ("one", "two")}
        yield Home(RoutingFile(tmp_path), lambda name, at: readers[name].acknowledge(TASK, at, name))
        for reader in readers.values():
            reader.close()
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    servers: dict[str, JsonServer] = {}

    def tell(name: str, at: int) -> None:
        if name in servers:
            obey(servers[name], at)
        else:
            servers[name] = transformer_pod(cluster, name, at)

    yield Home(RoutingConfigMap(connected(cluster.api)), tell)
    for server in servers.values():
        server.close()


def routing(generation: int) -> Routing:
    return Routing(TASK, generation, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())


class TestRouting:
    def test_before_the_first_document_there_is_none(self, home: Home) -> None:
        assert home.store.read(TASK) is None

    def test_what_was_written_is_read(self, home: Home) -> None:
        for generation in (1, 2):
            home.store.write(routing(generation), expected=generation - 1 or None)
            assert home.store.read(TASK) == routing(generation)

    @pytest.mark.parametrize(("there", "expected"), [(None, 1), (1, None), (2, 1), (1, 2)])
    def test_a_swap_of_another_generation_is_lost(self, home: Home, there: int | None, expected: int | None) -> None:
        if there:
            home.store.write(routing(there), expected=None)
        with pytest.raises(Conflict, match=f"at generation {there}, not {expected}"):
            home.store.write(routing(9), expected=expected)
        assert home.store.read(TASK) == (routing(there) if there else None)

    def test_a_generation_that_does_not_grow_is_refused(self, home: Home) -> None:
        home.store.write(routing(2), expected=None)
        with pytest.raises(InvalidRouting, match="must grow beyond 2"):
            home.store.write(routing(2), expected=2)

    def test_a_document_that_could_not_be_read_back_is_never_written(self, home: Home) -> None:
        with pytest.raises(InvalidRouting, match="arms"):
            home.store.write(replace(routing(1), arms=()), expected=None)
        assert home.store.read(TASK) is None

    def test_without_readers_nobody_is_waited_for(self, home: Home) -> None:
        home.store.wait_applied(TASK, 5, deadline_s=0.0)

    def test_every_reader_is_waited_for(self, home: Home) -> None:
        home.obey("one", 5)
        home.obey("two", 4)
        with pytest.raises(DeadlineExceeded, match="is not applied by two"):
            home.store.wait_applied(TASK, 5, deadline_s=0.1)
        home.obey("two", 6)
        home.store.wait_applied(TASK, 5, deadline_s=0.5)
