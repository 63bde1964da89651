"""A model server small enough to misbehave on command: a program, started as a child of the supervisor.

``features.json`` of its artifact names the behaviour: ``serve``, ``crash`` at start, ``mute`` (never ready),
``stubborn`` (deaf to SIGTERM). Without an artifact it stands in for a transformer.
"""

import hashlib
import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = int(sys.argv[1])
ARTIFACT = Path(sys.argv[2]) if len(sys.argv) > 2 else None
BEHAVIOUR = json.loads((ARTIFACT / "features.json").read_bytes())["behaviour"] if ARTIFACT else "serve"
MANIFEST = (ARTIFACT / "manifest.json").read_bytes() if ARTIFACT else b'{"version": null}'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        document: dict[str, object] = {"ready": True}
        if self.path.endswith("/version"):
            document = {"version": json.loads(MANIFEST)["version"], "digest": hashlib.sha256(MANIFEST).hexdigest()}
        body = json.dumps(document).encode()
        self.send_response(503 if BEHAVIOUR == "mute" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        pass


def die_with_parent() -> None:
    os.read(int(os.environ["CONTENDER_LIFELINE_FD"]), 1)
    os._exit(0)


if BEHAVIOUR == "crash":
    print("starting", file=sys.stderr)
    print("no model fits in here", file=sys.stderr)
    sys.exit(7)
if BEHAVIOUR == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
threading.Thread(target=die_with_parent, daemon=True).start()
ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
