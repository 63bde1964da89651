"""One worker at a time by a Lease of the Kubernetes API, taken over when its holder no longer renews it.

What is at stake is waste, not safety: a release is compared and swapped by its revision, whoever holds the lease.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from contender.adapters.kubernetes_api import Api, Document, field_of, group_path
from contender.errors import Conflict, ContenderError, NotFound

LEASES: Final = "coordination.k8s.io/v1"
_MICROSECONDS: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class KubernetesLease:
    """The lease `name`, held in the name of `holder` for `seconds` beyond its last renewal.

    `clock` gives seconds since the epoch. Two clocks may differ by less than `seconds` without harm to progress.
    """

    def __init__(
        self, api: Api, name: str, holder: str, *, seconds: int = 30, clock: Callable[[], float] = time.time
    ) -> None:
        self._api, self._name, self._holder, self._seconds, self._clock = api, name, holder, seconds, clock

    @contextmanager
    def held(self) -> Iterator[threading.Event]:
        """Hold the lease while the block runs, renewing it; yields an event that is set once it is lost.

        Raises:
            Conflict: somebody else holds it, and has renewed it lately.
        """
        self.take()
        done, lost = threading.Event(), threading.Event()
        renewing = threading.Thread(target=self._renew, args=(done, lost), daemon=True, name="lease")
        renewing.start()
        try:
            yield lost
        finally:
            done.set()
            renewing.join()
            self.release()

    def take(self) -> None:
        """Take the lease, or renew it if it is ours.

        Raises:
            Conflict: somebody else holds it, or was faster.
        """
        found = self._found()
        if found is None:
            self._api.call("POST", group_path(LEASES, self._api.namespace, "leases"), self._document({}, 0))
            return
        spec = field_of(found, "spec") or {}
        mine = spec.get("holderIdentity") == self._holder
        if not mine and not self._free(spec):
            raise Conflict(
                f"{self._name} is held by {spec['holderIdentity']}, renewed at {spec.get('renewTime')}",
                remedy=f"it is taken over {self._seconds} s after its last renewal",
            )
        self._put(found, self._document(spec, int(spec.get("leaseTransitions") or 0) + (not mine)))

    def release(self) -> None:
        """Give the lease back if it is ours; what fails is left to expire."""
        try:
            found = self._found()
            if found is not None and field_of(found, "spec", "holderIdentity") == self._holder:
                spec = {**found["spec"], "holderIdentity": ""}
                self._put(found, {**found, "spec": spec})
        except ContenderError:
            return

    def _renew(self, done: threading.Event, lost: threading.Event) -> None:
        while not done.wait(self._seconds / 3):
            try:
                self.take()
            except Conflict:
                lost.set()
                return
            except ContenderError:
                continue  # the API is away: the lease runs out by itself if that lasts

    def _free(self, spec: Document) -> bool:
        if not spec.get("holderIdentity"):
            return True
        renewed = _seconds(spec.get("renewTime"))
        return renewed is None or renewed + int(spec.get("leaseDurationSeconds") or self._seconds) < self._clock()

    def _document(self, spec: Document, transitions: int) -> Document:
        now = datetime.fromtimestamp(self._clock(), UTC).strftime(_MICROSECONDS)
        mine = spec.get("holderIdentity") == self._holder
        return {
            "apiVersion": LEASES,
            "kind": "Lease",
            "metadata": {"name": self._name},
            "spec": {
                "holderIdentity": self._holder,
                "leaseDurationSeconds": self._seconds,
                "acquireTime": spec.get("acquireTime", now) if mine else now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    def _put(self, found: Document, document: Document) -> None:
        # The metadata as it was read: its resource version makes this a compare-and-swap, its labels are others'.
        path = group_path(LEASES, self._api.namespace, "leases", self._name)
        self._api.call("PUT", path, {**document, "metadata": found["metadata"]})

    def _found(self) -> Document | None:
        try:
            return self._api.call("GET", group_path(LEASES, self._api.namespace, "leases", self._name))
        except NotFound:
            return None


def _seconds(moment: object) -> float | None:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return None
