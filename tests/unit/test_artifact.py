"""The serving artifact's manifest: it survives its bytes, and everything it did not seal is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.artifact import (
    FEATURES,
    GOLDEN,
    MANIFEST,
    MAX_SIZES,
    MODEL,
    Manifest,
    SealedFile,
    check_file,
    digest,
    parse_manifest,
    seal,
)
from contender.errors import InvalidArtifact

FILES = {MODEL: b"onnx", FEATURES: b"{}", GOLDEN: b'{"requests": [], "answers": []}'}
texts = st.text(max_size=12)
manifests = st.builds(
    Manifest,
    task=texts,
    version=texts,
    schema_digest=texts,
    classes=st.lists(texts, max_size=3).map(tuple),
    thresholds=st.dictionaries(texts, st.floats(allow_nan=False), max_size=3),
    libraries=st.dictionaries(texts, texts, max_size=3),
    files=st.just(seal(FILES)),
)


def manifest() -> Manifest:
    return Manifest("job-change", "7", "abc", ("0", "1"), {"1": 0.5}, {"onnx": "1.18"}, seal(FILES))


@settings(deadline=None)
@given(manifests)
def test_a_manifest_survives_its_bytes(found: Manifest) -> None:
    assert parse_manifest(found.to_bytes()) == found


def test_the_digest_is_sha256() -> None:
    # FIPS 180-2, appendix B.1: SHA-256 of "abc".
    assert digest(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_files_are_sealed_by_digest_and_size() -> None:
    assert seal({MODEL: b"abc"}) == {MODEL: SealedFile(digest(b"abc"), 3)}


@pytest.mark.parametrize("name", FILES)
def test_exactly_the_sealed_bytes_pass(name: str) -> None:
    check_file(manifest(), name, FILES[name])
    for other in (b"", FILES[name] + b" ", FILES[name][:-1] + b"?"):
        with pytest.raises(InvalidArtifact, match="differs from what the manifest sealed") as refusal:
            check_file(manifest(), name, other)
        assert refusal.value.field == name


@pytest.mark.parametrize("name", ["extra.py", MANIFEST, "../model.onnx"])
def test_a_file_that_is_not_named_is_refused(name: str) -> None:
    with pytest.raises(InvalidArtifact, match="is not named by the manifest"):
        check_file(manifest(), name, b"")


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(manifest().to_bytes())
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "name", ["task", "version", "schema_digest", "classes", "thresholds", "libraries", "files", "format"]
)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidArtifact, match=f"manifest.json: cannot be read: KeyError.*{name}"):
        parse_manifest(changed(lambda document: document.pop(name)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.update(format=2), "has format 2, this program reads 1"),
        (lambda document: document.update(format="one"), "cannot be read"),
        (lambda document: document.update(thresholds=[1]), "cannot be read"),
        (lambda document: document.update(thresholds={"1": "high"}), "cannot be read"),
        (lambda document: document.update(classes=3), "cannot be read"),
        (lambda document: document.update(files=[]), "cannot be read"),
        (lambda document: document["files"].update({MODEL: {"size": 4}}), "cannot be read"),
        (lambda document: document["files"][MODEL].update(size=float("inf")), "cannot be read"),
        (lambda document: document.update(thresholds={"1": 10**400}), "cannot be read"),
        (lambda document: document["files"].pop(GOLDEN), "must seal exactly"),
        (lambda document: document["files"].update({"run.py": document["files"][MODEL]}), "must seal exactly"),
        (lambda document: document["files"][MODEL].update(size=-1), "may have at most"),
        (lambda document: document["files"][GOLDEN].update(size=MAX_SIZES[GOLDEN] + 1), "may have at most"),
    ],
)
def test_a_broken_manifest_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(InvalidArtifact, match=message):
        parse_manifest(changed(change))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"\xff", b"[" * 100_000, b" " * (MAX_SIZES[MANIFEST] + 1)],
    ids=["empty", "torn", "null", "list", "not text", "deep", "large"],
)
def test_what_is_not_a_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidArtifact) as refusal:
        parse_manifest(content)
    assert refusal.value.field == MANIFEST


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_no_bytes_at_all_make_the_reader_fail_otherwise(content: bytes) -> None:
    with pytest.raises(InvalidArtifact):
        parse_manifest(content)
