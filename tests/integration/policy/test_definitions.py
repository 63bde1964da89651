"""Definitions of custom resources outside of this machine: downloaded once, by their checksums."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.policy import crds
from infrastructure.policy.render import Missing
from infrastructure.policy.schemas import Source, definitions

DEFINITION = b"""
spec:
  group: example.com
  names: {kind: Thing}
  versions:
    - name: v1
      schema: {openAPIV3Schema: {type: object}}
"""
PIN = hashlib.sha256(DEFINITION).hexdigest()
KNOWN = {("example.com/v1", "Thing"): {"type": "object"}}


def source(digest: str = PIN) -> Source:
    return Source("example-v1", "owner/name", "0123abc", "crd/example.com_", {"things": digest})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server's address, and the file that it serves as the definition."""
    folder = tmp_path / "site"
    served = folder / "owner" / "name" / "0123abc" / "crd" / "example.com_things.yaml"
    served.parent.mkdir(parents=True)
    served.write_bytes(DEFINITION)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", served
    server.shutdown()
    server.server_close()


def test_a_definition_is_downloaded_once(site: tuple[str, Path], tmp_path: Path) -> None:
    host, served = site
    kept = tmp_path / "kept"
    assert definitions([source()], kept=kept, host=host) == KNOWN
    served.unlink()
    assert definitions([source()], kept=kept, host=host) == KNOWN


def test_a_file_that_was_not_pinned_is_refused_and_not_kept(site: tuple[str, Path], tmp_path: Path) -> None:
    host, served = site
    kept = tmp_path / "kept"
    served.write_bytes(DEFINITION + b"# changed")
    with pytest.raises(Missing, match=rf"{host}/owner/name/0123abc/crd/example.com_things.yaml is not the file"):
        definitions([source()], kept=kept, host=host)
    served.write_bytes(DEFINITION)
    assert definitions([source()], kept=kept, host=host) == KNOWN


def test_a_copy_that_was_changed_is_refused(site: tuple[str, Path], tmp_path: Path) -> None:
    host, _ = site
    definitions([source()], kept=tmp_path, host=host)
    copy = source().place(tmp_path, "things")
    copy.write_bytes(b"spec: {}")
    with pytest.raises(Missing, match=r"things\.yaml is not the file that was pinned: remove it"):
        definitions([source()], given=tmp_path, kept=tmp_path / "other", host=host)


def test_a_file_that_is_not_there_and_a_host_that_is_away_are_told(site: tuple[str, Path], tmp_path: Path) -> None:
    host, served = site
    served.unlink()
    with pytest.raises(Missing, match=r"cannot be had: .*404.*--crds"):
        definitions([source()], kept=tmp_path, host=host)
    with pytest.raises(Missing, match=r"cannot be had: .*refused.*--crds"):
        definitions([source()], kept=tmp_path, host="http://127.0.0.1:9")


def test_what_the_overlays_use_is_pinned_by_commit_and_checksum() -> None:
    for one in crds.SOURCES:
        assert len(one.commit) == 40
        assert all(len(digest) == 64 for digest in one.files.values())
