"""The S3 API of the local overlay, set as its manifest sets it, asked by the name that pods ask for."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.stand_ins.ports import free_port

MANIFEST = Path(__file__).parents[3] / "infrastructure" / "kubernetes" / "components" / "backends" / "s3.yaml"
START_S = 30


def variables() -> dict[str, str]:
    """What the manifest's container is told."""
    (deployment,) = [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"] if one["name"] != "HOME"}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    found = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(found)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env={**os.environ, **variables()}, stdout=quiet, stderr=quiet) as server:
        try:
            _listening(found)
            yield found
        finally:
            server.terminate()


def _listening(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers={"Host": "s3.backends:9000", "Authorization": "AWS local:local"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_first_part_of_its_name_is_no_bucket(port: int) -> None:
    assert ask(port, "PUT", "/contender")[0] == 200
    assert ask(port, "PUT", "/contender/models/manifest.json", b"{}")[0] == 200
    assert ask(port, "GET", "/contender/models/manifest.json") == (200, b"{}")
