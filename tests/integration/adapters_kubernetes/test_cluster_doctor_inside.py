"""What a pod finds: a bucket on a real S3 API, a registry that refuses a name, approvers as they are mounted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from cli.cluster_doctor.finding import Finding, State
from cli.cluster_doctor.inside import anchors, inside, registry
from cli.settings import Settings
from contender.adapters import keys_ed25519
from contender.adapters.client_s3 import connect
from tests.stand_ins.kubernetes_api.kserve import JsonServer
from tests.stand_ins.s3 import s3_api

PLACE = "s3://evidence/anchors"


class Body:
    """What a refusal is read from."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield b"<Error><Code>AccessDenied</Code></Error>"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_api("evidence") as url:
        yield url


def by_name(found: Iterator[Finding] | list[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in found}


def refusing(client: Any, operation: str) -> Any:
    def deny(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 403, {}, Body())

    client.meta.events.register(f"before-send.s3.{operation}", deny)
    return client


def test_anchors_that_may_be_put_and_not_deleted_are_fit(s3: str) -> None:
    found = by_name(anchors(PLACE, refusing(connect(s3), "DeleteObject")))
    assert {one.state for one in found.values()} == {State.OK}


def test_anchors_that_may_be_deleted_are_warned_of(s3: str) -> None:
    found = by_name(anchors(PLACE, connect(s3)))["anchors: deletion"]
    assert (found.state, "s3:DeleteObject" in found.remedy) == (State.WARNING, True)


@pytest.mark.parametrize("operation", ["PutObject", "ListObjectsV2"])
def test_a_bucket_that_refuses_is_a_fault(s3: str, operation: str) -> None:
    found = by_name(anchors(PLACE, refusing(connect(s3), operation)))["anchors"]
    assert (found.state, "AccessDenied" in found.found) == (State.FAILED, True)


def test_a_bucket_that_is_not_there_is_named_as_such(s3: str) -> None:
    found = by_name(anchors("s3://nowhere/anchors", connect(s3)))["anchors"]
    assert (found.state, "NoSuchBucket" in found.found) == (State.FAILED, True)


def test_a_folder_of_a_pod_is_no_place_for_anchors(s3: str) -> None:
    assert by_name(anchors("folder", connect(s3)))["anchors"].state == State.WARNING


def test_a_registry_that_refuses_our_name_is_told_of_allowed_hosts() -> None:
    server = JsonServer({("GET", "/health"): (403, {})})
    found = by_name(registry(f"http://127.0.0.1:{server.port}"))["registry"]
    assert (found.state, "--allowed-hosts" in found.remedy) == (State.FAILED, True)
    server.replies["GET", "/health"] = (200, {})
    assert by_name(registry(f"http://127.0.0.1:{server.port}"))["registry"].state == State.OK
    server.close()
    assert by_name(registry(f"http://127.0.0.1:{server.port}"))["registry"].state == State.FAILED


def test_one_service_that_is_away_hides_no_other(tmp_path: Path, s3: str) -> None:
    (tmp_path / "approvers").mkdir()
    keys_ed25519.enrol(tmp_path / "approvers", "ada", keys_ed25519.create(tmp_path / "ada"))
    (tmp_path / "approvers" / "bob").write_text("x")
    settings = Settings(home=tmp_path, store_url="postgresql://u:hunter2@127.0.0.1:9/x", anchors=PLACE, s3_endpoint=s3)
    found = by_name(inside(settings, lambda: 0.0))
    assert found["store"].state == found["registry"].state == State.FAILED
    assert (found["approvers"].found, found["approvers: other keys"].found) == ("ada", "not read: bob")
    assert "hunter2" not in str(found)
    (tmp_path / "approvers" / "ada.pub").write_text("x")
    assert by_name(inside(settings, lambda: 0.0))["approvers"].state == State.FAILED


def test_a_store_in_a_file_is_no_store_of_a_cluster(tmp_path: Path, s3: str) -> None:
    found = by_name(inside(Settings(home=tmp_path, anchors=PLACE, s3_endpoint=s3), lambda: 0.0))
    assert found["store"].state == State.FAILED
    assert found["approvers"].state == State.WARNING
