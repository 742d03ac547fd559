"""What Temporal keeps of a subscription, encrypted where the settings name keys: AES-256-GCM, and keys that change.

A payload is encrypted whole, what kind it is of included; beside it stands nothing but the name of its key. The first
key encrypts, every key decrypts, and what was written before there were keys is read as it is. Search attributes, ids
and the names of workflows, activities and signals are not payloads: they stay readable, and hold no personal data.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
    PayloadConverter,
)

from engine.convert import DATA_CONVERTER
from engine.packing import plain
from settings import Encryption, InvalidSettings

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
KEY_BYTES = 32
NONCE_BYTES = 12  # drawn for each payload; a key is good for 2**32 of them (NIST SP 800-38D, 8.3)
KEYS_LIMIT = 32  # one a month for the longest life of a run, twice over
FILE_BYTES = 10_000  # 32 keys take 3,000
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
"""A key's name. It stands in clear beside each payload, and cannot be mistaken for a key: those have 44 characters."""


class UnknownKey(Exception):
    """A payload names a key that this program was not given. Nothing was done with it and nothing is lost."""


@dataclass(frozen=True, slots=True)
class Key:
    """A name, which everybody may see, and 32 random bytes."""

    name: str
    secret: bytes = field(repr=False)


def new_key(name: str) -> str:
    """A new random key as the settings take it: `name:base64`. Raises ValueError for what cannot be a name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a key; expected 1 to 32 of a-z, 0-9, dot, hyphen, underscore")
    return f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def keys_of(said: Encryption) -> tuple[Key, ...]:
    """The keys of the settings, the one that encrypts first; none where payloads are to stay plain.

    Raises InvalidSettings, which names the setting, the place in it and the rule, and never shows a key.
    """
    if said.keys and said.keys_file:
        raise InvalidSettings("encryption_keys and encryption_keys_file are both set; expected one of them")
    if not said.keys_file:
        return _read("encryption_keys", said.keys)
    source = f"encryption_keys_file {said.keys_file!r}"
    try:
        with Path(said.keys_file).open(encoding="ascii") as file:
            text = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise InvalidSettings(f"{source}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidSettings(f"{source}: expected ASCII text such as 2026-11:BASE64, one key a line") from None
    if len(text) > FILE_BYTES:
        raise InvalidSettings(f"{source}: more than {FILE_BYTES} bytes; expected one key a line")
    keys = _read(source, text)
    if not keys:  # an empty file is a secret that was not mounted, and must not switch encryption off
        raise InvalidSettings(f"{source}: holds no key; expected name:base64, one a line")
    return keys


def _read(source: str, text: str) -> tuple[Key, ...]:
    keys: list[Key] = []
    for place, entry in enumerate((each for each in re.split(r"[\s,]+", text) if each), start=1):
        at = f"{source}, key {place}"
        name, colon, encoded = entry.partition(":")
        if not colon or not NAME.fullmatch(name):
            raise InvalidSettings(
                f"{at}: expected name:base64 with a name of 1 to 32 of a-z, 0-9, dot, hyphen, underscore; what stands "
                "there is not shown. `cli.py new-encryption-key NAME` makes one"
            )
        try:
            secret = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidSettings(f"{at} ({name}): what follows the name is no Base64; it is not shown") from None
        if len(secret) != KEY_BYTES:
            raise InvalidSettings(f"{at} ({name}): {len(secret)} bytes; expected {KEY_BYTES}, as AES-256 takes them")
        if name in [known.name for known in keys]:
            raise InvalidSettings(f"{at}: {name} stands there twice; expected each name once")
        keys.append(Key(name, secret))
    if len(keys) > KEYS_LIMIT:
        raise InvalidSettings(f"{source}: {len(keys)} keys; expected at most {KEYS_LIMIT}")
    return tuple(keys)


class Codec(PayloadCodec):
    """Encrypts with the first key and decrypts with whichever is named. Without keys it encrypts nothing.

    It is there without keys, too: a worker that was not given them must stop at what is encrypted, not refuse it.
    """

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self._ciphers = {key.name: AESGCM(key.secret) for key in keys}
        self._first = keys[0].name if keys else None

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads, each encrypted with the first key; as they are where there is none."""
        return list(payloads) if self._first is None else [self._sealed(each, self._first) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The payloads, decrypted. Raises UnknownKey, upon which a workflow task fails and is tried again.

        What is not encrypted is given as it is: it was written before there were keys, or sent by hand. So is what
        its key does not open, since anybody who may signal can send that: whoever needs it will say what is wrong
        with it, and a signal is refused.
        """
        return [self._opened(each) for each in payloads]

    def readable(self, payload: Payload) -> Payload:
        """A payload decrypted and its batches unpacked, where that can be done, else as it is: for people who look."""
        try:
            opened = self._opened(payload)
        except UnknownKey:
            return payload
        kept = opened.data
        try:
            data = plain(kept)
        except ValueError:  # CannotUnpack among them; what only looks like a batch stays as it is
            return opened
        return opened if data is kept else Payload(metadata=opened.metadata, data=data)

    def _sealed(self, payload: Payload, name: str) -> Payload:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._ciphers[name].encrypt(nonce, payload.SerializeToString(), _bound(name.encode()))
        return Payload(metadata={"encoding": ENCODING, KEY_ID: name.encode()}, data=nonce + sealed)

    def _opened(self, payload: Payload) -> Payload:
        name = payload.metadata.get(KEY_ID)
        if payload.metadata.get("encoding") != ENCODING or name is None:
            return payload
        cipher = self._ciphers.get(name.decode("ascii", "replace"))
        if cipher is None:
            shown, known = name[:32].decode("ascii", "replace"), ", ".join(self._ciphers) or "none"
            raise UnknownKey(
                f"a payload is encrypted under key {shown!r}, which this program was not given (it has: {known}). "
                "Nothing was decided, nothing is lost and no money moved: it is tried again. Add that key to "
                "encryption_keys, behind the first, and start the program again."
            )
        try:
            return Payload.FromString(
                cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], _bound(name))
            )
        except (InvalidTag, DecodeError, ValueError):
            return payload


def _bound(name: bytes) -> bytes:
    """What is not encrypted but cannot be changed either: that it is encrypted, and under which key."""
    return ENCODING + b"\0" + name


class FailureConverter(DefaultFailureConverterWithEncodedAttributes):
    """Texts and stack traces of failures are encrypted as well; only that a key is missing can be read by everybody."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """The failure, its text moved to where the codec sees it."""
        if isinstance(exception, UnknownKey):
            DefaultFailureConverter().to_failure(exception, payload_converter, failure)
        else:
            super().to_failure(exception, payload_converter, failure)


def converter(keys: Sequence[Key] = ()) -> DataConverter:
    """The one converter of every party, with its codec."""
    if not keys:
        return replace(DATA_CONVERTER, payload_codec=Codec())
    return replace(DATA_CONVERTER, payload_codec=Codec(keys), failure_converter_class=FailureConverter)
