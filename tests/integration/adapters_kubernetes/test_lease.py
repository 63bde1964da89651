"""One worker at a time: the same promises for a Lease of the API and for a lock on a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

from contender.adapters.lease_file import FileLease
from contender.adapters.lease_kubernetes import KubernetesLease
from contender.errors import Conflict, Unavailable
from tests.stand_ins.kubernetes_api.cluster import NAMESPACE, connected
from tests.stand_ins.kubernetes_api.objects import Key
from tests.stand_ins.kubernetes_api.server import KubernetesApi, Rule

LEASE = Key("apis/coordination.k8s.io/v1", "leases", NAMESPACE, "job")


class Lease(Protocol):
    def held(self) -> AbstractContextManager[threading.Event]: ...


Make = Callable[[str], Lease]


@pytest.fixture(params=["file", "kubernetes"])
def make(request: pytest.FixtureRequest, tmp_path: Path, api: KubernetesApi) -> Make:
    if request.param == "file":
        return lambda holder: FileLease(tmp_path / "locks" / "job", holder)
    return lambda holder: KubernetesLease(connected(api), "job", holder)


def test_it_can_be_held_again_and_again(make: Make) -> None:
    for holder in ("ada", "ada", "bob"):
        with make(holder).held() as lost:
            assert not lost.is_set()


def test_while_it_is_held_nobody_else_gets_it(make: Make) -> None:
    with make("ada").held(), pytest.raises(Conflict, match="held by ada"), make("bob").held():
        pass
    with make("bob").held():
        pass


def test_a_block_that_fails_gives_it_back(make: Make) -> None:
    with pytest.raises(ValueError, match="mine"), make("ada").held():
        raise ValueError("mine")
    with make("bob").held():
        pass


def test_of_many_at_once_one_holds_it(make: Make) -> None:
    barrier, got = threading.Barrier(5), []

    def work(holder: str) -> None:
        lease = make(holder)
        barrier.wait()
        try:
            with lease.held():
                got.append(holder)
                time.sleep(0.5)
        except Conflict:
            return

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


class TestKubernetesLease:
    """What only a Lease of the API has to do: expire, be renewed, be lost."""

    @staticmethod
    def lease(api: KubernetesApi, holder: str, now: float, seconds: int = 30) -> KubernetesLease:
        return KubernetesLease(connected(api), "job", holder, seconds=seconds, clock=lambda: now)

    def test_it_is_taken_over_once_it_has_run_out(self, api: KubernetesApi) -> None:
        self.lease(api, "ada", 1_000.0).take()
        with pytest.raises(Conflict, match="held by ada, renewed at 1970-01-01T00:16:40"):
            self.lease(api, "bob", 1_029.0).take()
        self.lease(api, "bob", 1_031.0).take()
        spec = api.objects.get(LEASE)["spec"]
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("bob", 1)

    def test_a_lease_that_was_deployed_empty_is_taken_and_keeps_its_labels(self, api: KubernetesApi) -> None:
        metadata = {"name": "job", "labels": {"app.kubernetes.io/instance": "job-change"}}
        api.objects.create(LEASE, {"kind": "Lease", "metadata": metadata, "spec": {}}, "contender-manifests")
        api.rules = {"release": (Rule(("get", "update"), "leases", ("job",)),)}
        with KubernetesLease(connected(api), "job", "ada").held():
            assert api.objects.get(LEASE)["spec"]["holderIdentity"] == "ada"
        assert api.objects.get(LEASE)["metadata"]["labels"] == metadata["labels"]

    def test_renewing_keeps_when_it_was_acquired(self, api: KubernetesApi) -> None:
        self.lease(api, "ada", 1_000.0).take()
        self.lease(api, "ada", 1_020.0).take()
        spec = api.objects.get(LEASE)["spec"]
        assert spec["acquireTime"] == "1970-01-01T00:16:40.000000Z"
        assert spec["renewTime"] == "1970-01-01T00:17:00.000000Z"
        assert spec["leaseTransitions"] == 0

    def test_it_is_renewed_while_it_is_held_and_its_loss_is_told(self, api: KubernetesApi) -> None:
        lease = KubernetesLease(connected(api), "job", "ada", seconds=1)
        with lease.held() as lost:
            first = api.objects.get(LEASE)["spec"]["renewTime"]
            end = time.monotonic() + 3
            while api.objects.get(LEASE)["spec"]["renewTime"] == first:
                assert time.monotonic() < end
                time.sleep(0.02)
            renewed = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 60))
            api.objects.merge(LEASE, {"spec": {"holderIdentity": "bob", "renewTime": renewed}}, "bob")
            assert lost.wait(3)
        assert api.objects.get(LEASE)["spec"]["holderIdentity"] == "bob"

    def test_an_api_that_is_away_at_the_end_leaves_it_to_run_out(self, api: KubernetesApi) -> None:
        with KubernetesLease(connected(api), "job", "ada").held():
            api.away = True
        with pytest.raises(Unavailable), KubernetesLease(connected(api), "job", "bob").held():
            pass
