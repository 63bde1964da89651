"""The adapters of a cluster, wired: Kubernetes API, slots, routing, lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cli.endpoint import Endpoint, endpoint_at
from cli.output import note
from cli.settings import Settings
from contender.adapters.artifacts_s3 import S3Artifacts
from contender.adapters.client_s3 import connect
from contender.adapters.kserve_probe import SlotProbe
from contender.adapters.lease_kubernetes import KubernetesLease
from contender.adapters.routing_kubernetes import RoutingConfigMap
from contender.adapters.slots_kserve import KServeSlots, Waiting, service_name
from contender.errors import InvalidInput

if TYPE_CHECKING:
    from contender.adapters.kubernetes_client import ClientApi

_LEASE_S: Final = 15
"""How long a command that was killed keeps the next one waiting."""


class Cluster:
    """One task in one namespace of the cluster that this process is logged in to."""

    def __init__(self, settings: Settings, task: str) -> None:
        self._settings, self._task = settings, task
        self.api = _api(settings)

    def slots(self) -> KServeSlots:
        """Blue, green and baseline as InferenceServices."""
        probe = SlotProbe(self._task, self._slot_url)
        artifacts = S3Artifacts(lambda: connect(self._settings.s3_endpoint))
        return KServeSlots(self.api, self._task, artifacts, probe, Waiting(tell=note))

    def routing(self) -> RoutingConfigMap:
        """The routing document in its ConfigMap."""
        return RoutingConfigMap(self.api)

    def lease(self, name: str, holder: str) -> KubernetesLease:
        """A lease that one process of the cluster holds at a time."""
        return KubernetesLease(self.api, name, holder, seconds=_LEASE_S)

    def endpoint(self) -> Endpoint:
        """A new connection to the transformer."""
        return endpoint_at(_filled(self._settings.transformer_url, self._task, self._settings.namespace), self._task)

    def _slot_url(self, slot: str) -> str:
        return _filled(self._settings.slot_url, service_name(self._task, slot), self._settings.namespace)


def _api(settings: Settings) -> ClientApi:
    from contender.adapters import kubernetes_client

    return kubernetes_client.connect(settings.namespace, settings.kubeconfig)


def _filled(template: str, service: str, namespace: str) -> str:
    try:
        return template.format(service=service, namespace=namespace)
    except (KeyError, ValueError, IndexError) as error:
        raise InvalidInput("CONTENDER_SLOT_URL", f"{template!r} may only name {{service}} and {{namespace}}") from error
