"""A slot that nothing was released into: alive, not ready, quiet until pods of a version take its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from contender.errors import Unavailable
from serving.front import Request, Routes
from serving.sdk import InferRequest, Model


class WaitingModel(Model):
    """Answers nothing under `name`; every request is told that no version is served, and no probe finds it ready."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # KServe's server ends if its only model is not; `healthy` is what readiness goes by.
        self.ready = True

    def routes(self) -> Routes:
        """The routes of a predictor, each of which refuses."""
        base = f"models/{self.name}"
        posts = {("POST", f"/v1/{base}:predict"): self._refuse, ("POST", f"/v2/{base}/infer"): self._refuse}
        return {**posts, ("GET", f"/v1/{base}/version"): self._refuse}

    async def healthy(self) -> bool:
        """Never: an empty slot must get no traffic."""
        return False

    async def predict(
        self,
        payload: Mapping[str, Any] | InferRequest,  # noqa: ARG002 - KServe's signature
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - KServe's signature
        response_headers: Mapping[str, str] | None = None,  # noqa: ARG002 - KServe's signature
    ) -> NoReturn:
        """Refuse a request that came through KServe's own layers."""
        self._nothing()

    async def _refuse(self, request: Request) -> NoReturn:  # noqa: ARG002 - every handler gets the request
        self._nothing()

    def _nothing(self) -> NoReturn:
        raise Unavailable(f"{self.name} serves no version here yet")


def holds_nothing(folder: Path) -> bool:
    """Whether `folder` is absent or empty. One that cannot be read is neither: loading it tells why."""
    try:
        return next(folder.iterdir(), None) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False
