"""Approvers' keys: Ed25519, a private one in a file of its owner, public ones in a folder that names who counts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from contender.errors import Conflict, InvalidInput
from contender.release.approval import Sign, Verify

SUFFIX: Final = ".pub"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


def create(private: Path) -> bytes:
    """Make a new key, readable by its owner only, in the file `private`; the public half, as PEM.

    Raises:
        Conflict: the file is there already.
        InvalidInput: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{private} is there already: a key is never overwritten") from error
    except OSError as error:
        raise InvalidInput("key", f"{private} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def enrol(folder: Path, name: str, public: bytes) -> Path:
    """Let the approvals of `name` count: its public key goes to `folder`.

    Raises:
        Conflict: somebody of that name is there already.
        InvalidInput: a name that cannot be a file's.
    """
    path = place_for(folder, name)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(public)
    except FileExistsError as error:
        raise _known(name, path) from error
    return path


def place_for(folder: Path, name: str) -> Path:
    """Where the public key of `name` goes: for whoever asks before a private one is made.

    Raises:
        Conflict: somebody of that name is there already.
        InvalidInput: a name that cannot be a file's.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput("approver", f"{name!r} cannot be a file's name")
    path = folder / f"{name}{SUFFIX}"
    if path.exists():
        raise _known(name, path)
    return path


def _known(name: str, path: Path) -> Conflict:
    return Conflict(f"{name} has a key already: {path}", remedy="remove that file first")


def signer(private: Path) -> Sign:
    """What signs with the key in the file `private`.

    Raises:
        InvalidInput: the file holds no Ed25519 private key.
    """
    with _translated(private):
        key = load_pem_private_key(private.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("key", f"{private} is not an Ed25519 key")
    return lambda message: key.sign(message).hex()


def keyring(folder: Path) -> Mapping[str, Verify]:
    """Approver's name to the check of that person's signature, from every ``NAME.pub`` in `folder`.

    Raises:
        InvalidInput: a file that holds no Ed25519 public key.
    """
    return {path.name.removesuffix(SUFFIX): _verifier(path) for path in sorted(folder.glob(f"*{SUFFIX}"))}


def unread(folder: Path) -> list[str]:
    """The files in `folder` that `keyring` does not read, since their names do not end in ``.pub``.

    What Kubernetes mounts a ConfigMap by has names that begin with a dot and is left out.
    """
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(one.name for one in found if not one.name.startswith(".") and one.suffix != SUFFIX)


def _verifier(path: Path) -> Verify:
    with _translated(path):
        key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput("key", f"{path} is not an Ed25519 key")
    return lambda message, signature: _holds(key, message, signature)


def _holds(key: Ed25519PublicKey, message: bytes, signature: str) -> bool:
    try:
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput("key", f"{path} cannot be read as a key: {error}") from error
