"""Signatures: who receives a delivery can tell that it is ours and whole.

Belongs here: the Ed25519 key (RFC 8032), signing a manifest, verifying a delivered folder. Not here: what a manifest says (`shares`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ENVIRONMENT = "GOVLAKE_SIGNING_KEY"
PRIVATE, PUBLIC = "signing.key", "signing.pub"
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"


class SigningProblem(RuntimeError):
    """The signing key cannot be used; says why and what to do, never the key."""


class NotGenuine(ValueError):
    """A delivered folder is not what was signed; says what differs."""


@dataclass(frozen=True)
class Signer:
    """The home's private key."""

    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def load(cls, keys: Path) -> Signer:
        """The key from the environment (PEM, or 32 bytes as hex or base64), else from `keys/signing.key`, made if absent (0600)."""
        given = os.environ.get(ENVIRONMENT)
        if given:
            return cls(_decoded(given.strip(), ENVIRONMENT))
        path = keys / PRIVATE
        if not path.exists():
            _put(path, _pem(Ed25519PrivateKey.generate()), replace=False)
        if path.stat().st_mode & 0o077:
            raise SigningProblem(f"{path} may be read by others; remedy: chmod 600 {path}, and rotate the key if others could read it")
        signer = cls(_decoded(path.read_text(encoding="ascii"), path.name))
        if not (keys / PUBLIC).exists():
            (keys / PUBLIC).write_bytes(signer.public_pem)
        return signer

    @property
    def public_pem(self) -> bytes:
        """The public key as receivers keep it."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public_pem)

    def sign(self, content: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self.key.sign(content)


def fingerprint(public_pem: bytes) -> str:
    """SHA-256 over the key's DER form, 64 hex digits in groups of four: what two people read to each other over the telephone."""
    der = _public(public_pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(der).hexdigest()
    return ":".join(digest[place : place + 4] for place in range(0, 64, 4))


def rotate(keys: Path) -> Signer:
    """A new key in the place of the old one. The old public key stays as `retired-<fingerprint>.pub`, so that what it signed can be verified."""
    if os.environ.get(ENVIRONMENT):
        raise SigningProblem(f"the key is given by {ENVIRONMENT}; remedy: change it there")
    old = Signer.load(keys)
    (keys / f"retired-{old.fingerprint[:9].replace(':', '')}.pub").write_bytes(old.public_pem)
    new = Signer(Ed25519PrivateKey.generate())
    _put(keys / PRIVATE, _pem(new.key), replace=True)
    (keys / PUBLIC).write_bytes(new.public_pem)
    return new


def known_keys(keys: Path) -> list[bytes]:
    """The home's public keys, the present one first, then those retired."""
    present = [Signer.load(keys).public_pem] if os.environ.get(ENVIRONMENT) or (keys / PRIVATE).exists() else []
    return [*present, *(path.read_bytes() for path in sorted(keys.glob("retired-*.pub")))]


def verify(folder: Path, trusted: Sequence[bytes]) -> tuple[Mapping[str, Any], str]:
    """The manifest of a delivered folder and the fingerprint of the key that signed it.

    NotGenuine where no trusted key signed the manifest, a file is missing, changed, or not in the manifest.
    """
    manifest, signature = folder / MANIFEST, folder / SIGNATURE
    if not manifest.is_file() or not signature.is_file():
        raise NotGenuine(f"{folder}: no {MANIFEST} or no {SIGNATURE}; remedy: name the folder of one delivery, as it was sent")
    content = manifest.read_bytes()
    signer = _signer(content, signature.read_bytes(), trusted)
    if signer is None:
        raise NotGenuine(f"{folder}: the signature is not by a key that is trusted here; remedy: ask the sender for the key's fingerprint")
    said: dict[str, Any] = json.loads(content)
    for name, expected in said["files"].items():
        path = folder / name
        if not path.is_file():
            raise NotGenuine(f"{folder}: {name} is missing; remedy: fetch the delivery again")
        if checksum(path) != expected["sha256"]:
            raise NotGenuine(f"{folder}: {name} was changed since it was signed; remedy: fetch the delivery again")
    unsigned = sorted(path.name for path in folder.iterdir() if path.name not in (*said["files"], MANIFEST, SIGNATURE))
    if unsigned:
        raise NotGenuine(f"{folder}: {', '.join(unsigned)} came with no checksum; remedy: take it out, it is not part of the delivery")
    return said, fingerprint(signer)


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _signer(content: bytes, signature: bytes, trusted: Sequence[bytes]) -> bytes | None:
    for pem in trusted:
        try:
            _public(pem).verify(signature, content)
        except InvalidSignature:
            continue
        return pem
    return None


def _public(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningProblem("this is no public key; remedy: name a PEM file as `govlake share key --output` writes it") from error
    if not isinstance(key, Ed25519PublicKey):
        raise SigningProblem("this is no Ed25519 key; remedy: name the key that govlake wrote")
    return key


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _decoded(text: str, where: str) -> Ed25519PrivateKey:
    if "PRIVATE KEY" in text:
        try:
            key = load_pem_private_key(text.encode("ascii"), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, Ed25519PrivateKey):
            return key
    for decode in (bytes.fromhex, lambda value: base64.b64decode(value, validate=True)):
        try:
            raw = decode(text.strip())
        except (ValueError, binascii.Error):
            continue
        if len(raw) == 32:
            return Ed25519PrivateKey.from_private_bytes(raw)
    raise SigningProblem(
        f"{where} holds no Ed25519 private key; remedy: give its PEM (openssl genpkey -algorithm ed25519) or 64 hex digits"
    )


def _put(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a secret whole or not at all, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # mkstemp gives 0600
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        if replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)
    except FileExistsError:
        pass  # another process was first: its key counts
    finally:
        Path(temporary).unlink(missing_ok=True)
