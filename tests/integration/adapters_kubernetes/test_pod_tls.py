"""A pod's reader against an API behind TLS with a certificate of its own, and a token that Kubernetes replaces."""

from __future__ import annotations

import datetime
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from contender.adapters.kubernetes_pod import RoutingSource
from contender.errors import Unavailable

SECOND = "".join(("sec", "ond"))
NOT_BEFORE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
USES = (True, False, False, False, False, True, False, False, False)
"""Of a certificate's nine: to sign answers of a server, and certificates."""
NOT_AFTER = datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC)


def authority(folder: Path, name: str, host: str = "127.0.0.1") -> Path:
    """A certificate that vouches for itself, for `host`; the file that holds it, its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), NOT_BEFORE, NOT_AFTER)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(*USES), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = folder / f"{name}.crt"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain, form = serialization.NoEncryption(), serialization.PrivateFormat.PKCS8
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return certificate


class Api:
    """An API at `url` that takes the `token` of the moment only; `seen` are those that were shown."""

    def __init__(self, certificate: Path) -> None:
        self.token, self.seen = "first", list[str]()
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                given = (self.headers.get("authorization") or "").removeprefix("Bearer ")
                api.seen.append(given)
                content = json.dumps({"metadata": {"resourceVersion": "5"}, "message": "Unauthorized"}).encode()
                self.send_response(200 if given == api.token else 401)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.url = f"https://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "namespace").write_text("hiring")
    (folder / "token").write_text("first\n")
    (folder / "ca.crt").write_bytes(authority(tmp_path, "cluster").read_bytes())
    return folder


@pytest.fixture
def api(account: Path) -> Iterator[Api]:
    made = Api(account.parent / "cluster.crt")
    yield made
    made.close()


def test_the_certificate_of_the_cluster_is_trusted_and_the_token_is_shown(api: Api, account: Path) -> None:
    assert RoutingSource(api.url, "job-change", account).get()["metadata"]["resourceVersion"] == "5"
    assert api.seen == ["first"]


def test_a_token_that_was_replaced_is_shown_at_the_next_request(api: Api, account: Path) -> None:
    source = RoutingSource(api.url, "job-change", account)
    source.get()
    api.token = SECOND
    with pytest.raises(Unavailable, match="Unauthorized"):
        source.get()
    (account / "token").write_text(SECOND)
    source.get()
    assert api.seen == ["first", "first", SECOND]


def test_a_certificate_that_was_replaced_is_taken_over(api: Api, account: Path, tmp_path: Path) -> None:
    source = RoutingSource(api.url, "job-change", account)
    (account / "ca.crt").write_bytes(authority(tmp_path, "other").read_bytes())
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        source.get()
    assert api.seen == []
    (account / "ca.crt").write_bytes((tmp_path / "cluster.crt").read_bytes())
    source.get()


def test_a_certificate_for_another_host_is_refused(account: Path, tmp_path: Path) -> None:
    elsewhere = authority(tmp_path, "elsewhere", host="192.0.2.7")
    (account / "ca.crt").write_bytes(elsewhere.read_bytes())
    api = Api(elsewhere)
    with pytest.raises(Unavailable, match="IP address mismatch"):
        RoutingSource(api.url, "job-change", account).get()
    assert api.seen == []
    api.close()


@pytest.mark.parametrize("name", ["token", "ca.crt", "namespace"])
def test_an_account_that_lacks_a_file_is_told(api: Api, account: Path, name: str) -> None:
    (account / name).unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        RoutingSource(api.url, "job-change", account).get()
