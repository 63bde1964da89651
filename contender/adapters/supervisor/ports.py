"""Ports of this machine that stay ours while the supervisor lives."""

from __future__ import annotations

import socket
import sys

from contender.errors import Refused


class PortHold:
    """A TCP port reserved for a child that comes and goes.

    On Linux a bound socket that never listens keeps the port from everybody but a server that, like every HTTP
    server, binds with SO_REUSEADDR: between two lives of a child neither another program nor an outgoing connection
    of this machine can take it. Elsewhere the port is only found free.
    """

    def __init__(self, port: int) -> None:
        """Reserve `port`, or any free one for 0.

        Raises:
            Refused: `port` is taken.
        """
        holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("", port))
        except OSError as error:
            holder.close()
            raise Refused(
                f"port {port} cannot be had: {error.strerror}",
                remedy="stop what listens there, or choose another with --port; 0 finds a free one",
            ) from error
        self.port: int = holder.getsockname()[1]
        self._holder = holder
        if sys.platform != "linux":
            holder.close()

    def close(self) -> None:
        """Let go of the port."""
        self._holder.close()
