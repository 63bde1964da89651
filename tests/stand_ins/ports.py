"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """A port that nobody listens on, below the range from which the system takes those of outgoing connections.

    One of that range may be taken by anybody's connection while the server that had it restarts.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
