"""Approvers' keys as files: made once, kept private, and one person's signature is not another's."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from contender.adapters.keys_ed25519 import create, enrol, keyring, signer, unread
from contender.errors import Conflict, InvalidInput


def test_a_signature_holds_for_its_message_and_key_only(tmp_path: Path) -> None:
    for name in ("ada", "grace"):
        enrol(tmp_path / "keys", name, create(tmp_path / name))
    ring, signature = keyring(tmp_path / "keys"), signer(tmp_path / "ada")(b"yes")
    assert ring["ada"](b"yes", signature)
    assert not ring["grace"](b"yes", signature)
    assert not ring["ada"](b"no", signature)
    assert not ring["ada"](b"yes", "not hex")


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path: Path) -> None:
    create(tmp_path / "ada")
    assert (tmp_path / "ada").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="never overwritten"):
        create(tmp_path / "ada")
    with pytest.raises(InvalidInput, match="cannot be written"):
        create(tmp_path / "nowhere" / "ada")


def test_a_name_is_enrolled_once_and_is_a_files_name(tmp_path: Path) -> None:
    public = create(tmp_path / "ada")
    enrol(tmp_path / "keys", "ada", public)
    with pytest.raises(Conflict, match="has a key already"):
        enrol(tmp_path / "keys", "ada", public)
    with pytest.raises(InvalidInput, match="approver"):
        enrol(tmp_path / "keys", "../ada", public)


def test_what_is_no_key_or_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    (tmp_path / "other").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    enrol(tmp_path / "keys", "eve", public)
    (tmp_path / "text").write_text("hello")
    for name in ("other", "text", "missing"):
        with pytest.raises(InvalidInput, match="key"):
            signer(tmp_path / name)
    with pytest.raises(InvalidInput, match="not an Ed25519 key"):
        keyring(tmp_path / "keys")


def test_files_that_are_not_read_as_keys_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert unread(folder) == []
    public = create(tmp_path / "ada")
    enrol(folder, "ada", public)
    # As Kubernetes mounts a ConfigMap: links into a folder with a date.
    (folder / "..2026_01_01").mkdir()
    (folder / "..2026_01_01" / "grace").write_bytes(public)
    (folder / "..data").symlink_to("..2026_01_01")
    (folder / "grace").symlink_to("..data/grace")
    assert set(keyring(folder)) == {"ada"}
    assert unread(folder) == ["grace"]
