"""A Kubernetes API with KServe's controller, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stand_ins.kubernetes_api.cluster import Cluster
from tests.stand_ins.kubernetes_api.server import KubernetesApi


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    server = KubernetesApi()
    yield server
    server.close()


@pytest.fixture
def cluster(api: KubernetesApi) -> Iterator[Cluster]:
    made = Cluster(api)
    yield made
    made.kserve.close()
