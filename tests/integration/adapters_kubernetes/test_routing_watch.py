"""The transformer's watch over the ConfigMap: told at once, resumed, begun anew on 410; the copy as the fallback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contender.adapters.kubernetes_api import Document
from contender.adapters.kubernetes_pod import RoutingSource, version_of
from contender.adapters.routing_file import RoutingFile, RoutingWatch
from contender.adapters.routing_kubernetes import RoutingConfigMap
from contender.errors import Unavailable
from contender.routing import Arm, Routing, parse
from contender.values import FallbackPolicy
from serving.transformer.routing_watch import ConfigMapWatch
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, TASK, connected
from tests.stand_ins.kubernetes_api.objects import Key
from tests.stand_ins.kubernetes_api.server import KubernetesApi, Rule

MAP = Key("api/v1", "configmaps", NAMESPACE, f"{TASK}-routing")
TRANSFORMER = (Rule(("get", "watch"), "configmaps", (MAP.name,)),)


def routing(generation: int) -> Routing:
    return Routing(TASK, generation, None, (Arm("champion", "blue", "7", 0.0, 1.0),), None, FallbackPolicy())


class Following:
    """A watch, and what it told."""

    def __init__(self, api: KubernetesApi, tmp_path: Path) -> None:
        self.api, self.up = api, [True]
        self.store = RoutingConfigMap(connected(api))
        account = tmp_path / "account"
        account.mkdir()
        (account / "namespace").write_text(NAMESPACE)
        self.token = account / "token"
        self.token.write_text("transformer\n")
        self.mounted = RoutingFile(tmp_path / "mounted")
        self.source = RoutingSource(api.url, TASK, account)
        self.watch = ConfigMapWatch(self.source, RoutingWatch(self.mounted.path(TASK)), self.up.append)

    def next(self, seconds: float = 30.0) -> int:
        """The generation that is told next."""
        return parse(self.told(seconds)).generation

    def told(self, seconds: float = 30.0) -> bytes:
        """The document that is told next."""
        end = time.monotonic() + seconds
        while (document := self.watch.changed()) is None:
            assert time.monotonic() < end, "nothing was told in time"
            time.sleep(0.005)
        return document

    def silent(self, seconds: float = 0.3) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.watch.changed() is not None:
                return False
            time.sleep(0.01)
        return True

    def watching(self) -> int:
        return sum("watch=1" in path for _, path in self.api.calls)


def until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


@pytest.fixture
def following(api: KubernetesApi, tmp_path: Path) -> Iterator[Following]:
    made = Following(api, tmp_path)
    made.store.write(routing(1), expected=None)
    made.watch.start()
    yield made
    made.watch.close()


def test_the_document_and_each_change_are_told_once(following: Following) -> None:
    assert following.next() == 1
    until(lambda: following.watching() == 1)
    for generation in (2, 3):
        following.store.write(routing(generation), expected=generation - 1)
        assert following.next() == generation
    assert following.silent()
    assert following.up == [True, False, True]


def test_get_and_watch_of_the_one_name_suffice(following: Following) -> None:
    following.next()
    following.api.rules = {"transformer": TRANSFORMER, "release": (Rule(("get", "patch"), "configmaps"),)}
    following.api.cut_watches()
    following.store.write(routing(2), expected=1)
    assert following.next() == 2


def test_a_watch_that_was_cut_resumes_without_getting_anew(following: Following) -> None:
    following.next()
    until(lambda: following.watching() == 1)
    following.api.cut_watches()
    until(lambda: following.watching() == 2)
    following.store.write(routing(2), expected=1)
    assert following.next() == 2
    gets = [path for method, path in following.api.calls if method == "GET" and path.endswith("/job-change-routing")]
    assert len(gets) == 3  # one of the watch, two of the writers


@pytest.mark.parametrize("as_status", [False, True])
def test_history_that_is_gone_is_got_anew(following: Following, as_status: bool) -> None:
    following.next()
    until(lambda: following.watching() == 1)
    following.api.gone_as_status = as_status
    following.api.away = True
    following.api.cut_watches()
    until(lambda: following.up[-1] is False)
    following.api.away = False
    following.store.write(routing(2), expected=1)
    following.api.objects.compact()
    assert following.next() == 2


def test_while_the_api_is_away_the_copy_is_told(following: Following) -> None:
    following.next()
    following.api.away = True
    following.api.cut_watches()
    until(lambda: following.up[-1] is False)
    following.mounted.write(routing(4), expected=None)
    assert following.next() == 4
    following.api.away = False
    until(lambda: following.up[-1] is True)


def test_a_copy_that_lags_behind_is_not_told(following: Following) -> None:
    following.next()
    following.store.write(routing(2), expected=1)
    assert following.next() == 2
    following.mounted.write(routing(1), expected=None)
    assert following.silent()


def test_before_there_is_a_config_map_it_is_waited_for(api: KubernetesApi, tmp_path: Path) -> None:
    following = Following(api, tmp_path)
    following.watch.start()
    until(lambda: following.up[-1] is True)
    following.store.write(routing(1), expected=None)
    assert following.next() == 1
    following.watch.close()


def test_a_config_map_that_is_deleted_takes_nothing_away(following: Following) -> None:
    following.next()
    following.api.objects.delete(MAP)
    assert following.silent()


def test_a_broken_document_is_told_for_the_keeper_to_refuse(following: Following) -> None:
    following.next()
    following.api.objects.merge(MAP, {"data": {"routing.json": "{"}})
    assert following.told() == b"{"


def test_the_token_is_read_anew_for_every_request(following: Following) -> None:
    following.api.rules = {"second": TRANSFORMER}
    following.token.write_text("second")
    assert version_of(following.source.get()) == version_of(following.api.objects.get(MAP))
    following.token.unlink()
    with pytest.raises(Unavailable, match="token cannot be read"):
        following.source.get()


def test_bookmarks_move_the_version_that_a_watch_resumes_from(following: Following) -> None:
    first = version_of(following.source.get())
    following.api.objects.create(Key("api/v1", "secrets", NAMESPACE, "x"), {"metadata": {"name": "x"}})
    marks = [version_of(document) for document in following.source.watch(first, seconds=1)]
    assert int(marks[-1]) > int(first)


class Odd:
    """A source with a defect, and then a ConfigMap."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self) -> Document:
        self.asked += 1
        if self.asked == 1:
            raise TypeError("a defect")
        return {"data": {"routing.json": routing(7).to_json()}, "metadata": {"resourceVersion": "1"}}

    def watch(self, version: str) -> Iterator[Document]:
        assert version
        threading.Event().wait(0.05)
        yield from ()


def test_a_defect_is_told_and_does_not_end_the_watch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told: list[bool] = []
    watch = ConfigMapWatch(Odd(), RoutingWatch(tmp_path / "none"), told.append)
    watch.start()
    documents: list[bytes] = []

    def heard() -> bool:
        documents.extend(filter(None, [watch.changed()]))
        return bool(documents) and told[-1]

    until(heard)
    watch.close()
    assert parse(documents[0]).generation == 7
    assert told[:3] == [False, False, True]
    assert "routing_watch_failed" in [record.message for record in caplog.records]
