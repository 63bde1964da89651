"""A Kubernetes API with KServe's controller, over real sockets, and the examples as their controllers render them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.stand_ins.kubernetes_api.cluster import Cluster
from tests.stand_ins.kubernetes_api.server import KubernetesApi


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl renders the overlays: install kubernetes-client or kubectl")
    server = KubernetesApi()
    made = Cluster(server)
    yield made
    made.kserve.close()
    server.close()
