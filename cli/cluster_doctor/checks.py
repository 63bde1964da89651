"""All checks, in the order in which a person would see to them: add one here."""

from __future__ import annotations

from typing import Final

from cli.cluster_doctor import capacity, environment, platform
from cli.cluster_doctor.finding import Check

CHECKS: Final = (
    Check("Kubernetes", platform.kubernetes_version),
    Check("kinds", platform.kinds),
    Check("KServe", platform.kserve_version),
    Check("KServe mode", platform.deployment_mode),
    Check("GatewayClass", platform.gateway_classes),
    Check("metrics API", platform.metrics),
    Check("StorageClass", platform.storage_class),
    Check("network plugin", platform.network_plugin),
    Check("room", capacity.room),
    Check("clock", environment.clock),
    Check("your rights", environment.rights),
    Check("images", environment.images),
    Check("namespaces", environment.namespaces),
    Check("admission", environment.pod_security),
    Check("storage container", environment.storage_containers),
    Check("accounts", environment.accounts),
    Check("Secrets", environment.secrets),
    Check("approvers", environment.approvers),
    Check("dry run", environment.admission),
)
"""What an operator's machine can see. What only a pod can see is in `inside.py`."""
