"""What runs in a cluster's pods, as processes here: model servers from S3, a transformer; Services before them."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.stand_ins.ports import free_port

ROOT = Path(__file__).parents[3]


class Process:
    """A server of ours under `url`, its log in `log`; closed by SIGTERM, then SIGKILL."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"CONTENDER_HTTP_PORT": str(self.port), "OMP_NUM_THREADS": "1", **environment}
        with log.open("wb") as file:
            command = [sys.executable, "-m", module]
            self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **own}, stdout=file, stderr=file)

    def wait_ready(self, seconds: float = 60.0) -> Process:
        end = time.monotonic() + seconds
        while not self.ready():
            assert self.process.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server is not ready in time"
            time.sleep(0.05)
        return self

    def wait_alive(self, seconds: float = 60.0) -> None:
        """Until it answers at all: a transformer is not ready before its first routing."""
        end = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < end, "the server does not listen in time"
                time.sleep(0.05)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/v2/health/ready", timeout=2) as reply:  # noqa: S310 - our own
                return bool(reply.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def fetch(s3: Any, uri: str, folder: Path) -> Path:
    """What KServe's storage initializer does: the content of `uri`, as plain files."""
    url = urlsplit(uri)
    folder.mkdir(parents=True)
    listed = s3.list_objects_v2(Bucket=url.netloc, Prefix=url.path.strip("/") + "/")
    for one in listed["Contents"]:
        s3.download_file(url.netloc, one["Key"], str(folder / Path(one["Key"]).name))
    return folder


class Service:
    """A stable port before whatever pod serves: connections are carried to `target()` as it is at the moment."""

    def __init__(self, target: Callable[[], str]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        url = urlsplit(self._target())
        try:
            with client, socket.create_connection((url.hostname or "", url.port or 80), timeout=2) as pod:
                _both_ways(client, pod)
        except OSError:
            return


def _both_ways(one: socket.socket, two: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, two)
        selector.register(two, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                content = key.fileobj.recv(65_536)  # type: ignore[union-attr]  # only sockets are registered
                if not content:
                    return
                key.data.sendall(content)
