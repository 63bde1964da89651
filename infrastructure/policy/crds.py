"""The custom resources that the overlays use: pinned by commit, and each file by its sha256."""

from __future__ import annotations

from typing import Final

from infrastructure.policy.schemas import Source

SOURCES: Final = (
    Source(
        "kserve-v0.20.0",
        "kserve/kserve",
        "1fb781055dd1567164358233e1125142ca6ef1fe",
        "config/crd/full/serving.kserve.io_",
        {
            "inferenceservices": "57c3bf13f77de94678bf2ae3748056ec071ad2b9e88d6a28f44fb4710758fcff",
            "servingruntimes": "380a3e1e1444cef9b8b88819596692728868205a2147dc66423be469a4a7bbb1",
        },
    ),
    Source(
        "kserve-v0.20.0",
        "kserve/kserve",
        "1fb781055dd1567164358233e1125142ca6ef1fe",
        "config/crd/full/clusterstoragecontainer/serving.kserve.io_",
        {
            "clusterstoragecontainers": "47ec2b6caeeb0c210d8be3138ed7d391f74043e3ed779177d36ceb4aa2a5d288",
        },
    ),
    Source(
        "gateway-api-v1.5.1-standard",
        "kubernetes-sigs/gateway-api",
        "e7677b70ae75d14a4448fba94870e7deea6cf0ad",
        "config/crd/standard/gateway.networking.k8s.io_",
        {
            "gateways": "7416e8300eb4d8c0a71a23445609075bbacbe8bc80104584b019cfe1ebe77c31",
            "httproutes": "682203b109baecb18d38073a578f7bc2c17d22fe9b0c27bf030850abe014c370",
        },
    ),
    Source(
        "prometheus-operator-v0.93.0",
        "prometheus-operator/prometheus-operator",
        "f8fafd475f3d132e239432ae6172de60a6cb6516",
        "example/prometheus-operator-crd/monitoring.coreos.com_",
        {
            "servicemonitors": "a99047972c9dd7679ce2050b9968e8a08773492e671b3e17abd476d42aa78a32",
            "prometheusrules": "78be98554b9c8506ab2b4f4feb91c5f3a56e536a0a510f3a8e876a459970d56d",
        },
    ),
)
