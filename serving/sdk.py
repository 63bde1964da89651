"""KServe's SDK as a model server needs it: without its Kubernetes client and without pandas.

``import kserve`` loads both, for clients that create InferenceServices and for tensors as data frames. Neither is
used by a server of ours, and they cost half of a server's memory and start. While KServe is imported here, stand-ins
take their place; afterwards the stand-ins are gone, and whoever imports either library gets the real one.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any


class _StandIn(types.ModuleType):
    """A module in which every public name is an empty class: enough to be annotated with, inherited from, caught."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def covers(self, module: str) -> bool:
        return module.partition(".")[0] in self._names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - importlib's signature
        target: types.ModuleType | None = None,  # noqa: ARG002 - importlib's signature
    ) -> importlib.machinery.ModuleSpec | None:
        if not self.covers(fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run."""


@contextlib.contextmanager
def _without(*names: str) -> Iterator[None]:
    """Stand-ins for the packages `names` that are not loaded yet, for as long as the block runs."""
    finder = _Finder(frozenset(name for name in names if name not in sys.modules))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for module in [name for name in sys.modules if finder.covers(name)]:
            del sys.modules[module]


with _without("kubernetes", "pandas"):
    from kserve import (
        InferInput,
        InferOutput,
        InferRequest,
        InferResponse,
        Model,
        ModelRepository,
        ModelServer,
        model_server,
    )
    from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
    from kserve.protocol.dataplane import DataPlane
    from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
        add_GRPCInferenceServiceServicer_to_server as add_servicer,
    )
    from kserve.protocol.grpc.servicer import InferenceServicer
    from kserve.protocol.model_repository_extension import ModelRepositoryExtension

application: Any = model_server.app
"""The FastAPI application that every KServe server of this process answers with."""

__all__ = [
    "DataPlane",
    "InferInput",
    "InferOutput",
    "InferRequest",
    "InferResponse",
    "InferenceServicer",
    "InvalidInput",
    "Model",
    "ModelNotFound",
    "ModelNotReady",
    "ModelRepository",
    "ModelRepositoryExtension",
    "ModelServer",
    "add_servicer",
    "application",
]
