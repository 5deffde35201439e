"""Everything secret: how our tokens look, what of them is kept, and how stored secrets are encrypted.

Knows no table. `people.passwords` hashes passwords; `keys` makes signing keys.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import os
import re
import secrets
import tempfile
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import uuid_utils
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .settings import ConfigurationError, Settings

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_TOKEN_BYTES = 32
_CHECKSUM_DIGITS = 6  # 62^6 holds 32 bits
_MAX_PAYLOAD = 256

_KEY_BYTES, _KEY_ID_BYTES, _NONCE_BYTES = 32, 4, 12
_FORMAT = b"\x01"  # of what `encrypt` returns, so that another can follow


class SealedError(Exception):
    """What was stored can't be decrypted: no key fits, it was changed, or it belongs to another row."""


def new_token(prefix: str) -> str:
    """A fresh secret of 256 bits, recognisable by its prefix and checksum, so that scanners find leaked ones."""
    return encode(prefix, secrets.token_bytes(_TOKEN_BYTES))


def encode(prefix: str, payload: bytes) -> str:
    """`prefix_`, the payload in base62, and six digits of CRC-32 over both."""
    text = f"{prefix}_{base62(payload)}"
    return text + _checksum(text)


def decode(text: str, prefix: str) -> bytes | None:
    """The payload that `encode` was given, None when the text can't be its work."""
    body = text[len(prefix) + 1 : -_CHECKSUM_DIGITS]
    if (
        not text.startswith(f"{prefix}_")
        or not body
        or len(body) > _width(_MAX_PAYLOAD)
        or not text.isascii()
    ):
        return None
    if _checksum(text[:-_CHECKSUM_DIGITS]) != text[-_CHECKSUM_DIGITS:]:
        return None
    size = _size(len(body))
    number = 0
    for digit in body:
        value = _VALUES.get(digit)
        if value is None:
            return None
        number = number * 62 + value
    try:
        return number.to_bytes(size, "big") if _width(size) == len(body) else None
    except OverflowError:
        return None


def well_formed(text: str, prefix: str) -> bool:
    """Whether the text has the form of one of our tokens; says nothing about it being genuine."""
    payload = decode(text, prefix)
    return payload is not None and len(payload) == _TOKEN_BYTES


def base62(data: bytes) -> str:
    """The bytes as digits and letters; the same length for every value of as many bytes."""
    number, pairs = int.from_bytes(data, "big"), []
    width = _width(len(data))
    for _ in range((width + 1) // 2):
        number, pair = divmod(number, 62 * 62)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))[-width:] if width else ""


def digest(token: str) -> bytes:
    """What we keep of a token: SHA-256, 32 bytes. Enough, since the token itself is random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def same(a: bytes, b: bytes) -> bool:
    """Whether two digests are equal, in a time that tells nothing."""
    return hmac.compare_digest(a, b)


def new_id(at: float | None = None) -> str:
    """An id that sorts by the time it was made (UUIDv7), which is `at` (epoch seconds) where that is given."""
    return str(uuid_utils.uuid7(nanoseconds=None if at is None else int(at * 1000) * 1_000_000))


def made_before(new_id: str, moment: float) -> bool:
    """Whether an id of `new_id` was made in an earlier millisecond than `moment`."""
    return uuid.UUID(new_id).int >> 80 < int(moment * 1000)


def new_subject() -> str:
    """An id of a person: random (UUIDv4), since it goes to apps and must not tell when the account was made."""
    return str(uuid.uuid4())


def new_secret_key() -> str:
    """A fresh key for `AUTHSERVER_SECRET_KEY`."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


class SecretKeys:
    """The operator's keys: the first encrypts, all decrypt. `path` is the file they came from, if any."""

    def __init__(self, keys: Sequence[bytes], path: Path | None = None) -> None:
        self.path = path
        self._keys = tuple(keys)
        self._ciphers = {_key_id(key): AESGCM(key) for key in reversed(self._keys)}
        self._current_id = _key_id(self._keys[0])
        self._derive = functools.cache(self._derived)

    @classmethod
    def parse(cls, text: str, path: Path | None = None) -> Self:
        """Keys written as base64, separated by commas or lines. Raises ConfigurationError."""
        parts = [part for part in re.split(r"[,\s]+", text) if part]
        keys = [_parse_key(part) for part in parts]
        where = str(path) if path else "AUTHSERVER_SECRET_KEY"
        if not keys or None in keys:
            raise ConfigurationError(
                f"{where}: every key must be 32 random bytes in base64; `openssl rand -base64 32` makes one."
            )
        return cls([key for key in keys if key is not None], path)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """The configured keys; on SQLite, else, those beside the database, made there at the first start.

        Raises ConfigurationError when there are none or they can't be read.
        """
        if settings.secret_key is not None:
            return cls.parse(settings.secret_key.get_secret_value())
        path = settings.secret_key_file
        if path is None:
            if settings.sqlite_path is None:
                raise ConfigurationError(
                    "AUTHSERVER_SECRET_KEY or AUTHSERVER_SECRET_KEY_FILE must be set on PostgreSQL: "
                    "every node needs the same key. `openssl rand -base64 32` makes one; keep it safe."
                )
            path = settings.sqlite_path.with_suffix(".secret-key")
            if not path.exists():
                _make_file(path)
        try:
            return cls.parse(path.read_text(encoding="ascii"), path)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it isn't text"
            raise ConfigurationError(f"The secret key file {path} can't be read: {reason}.") from None

    def encrypt(self, plain: bytes, *, about: str) -> bytes:
        """AES-256-GCM under the first key; `about` (the row's id) must be the same when decrypting."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._current_id].encrypt(nonce, plain, about.encode())
        return _FORMAT + self._current_id + nonce + sealed

    def decrypt(self, sealed: bytes, *, about: str) -> bytes:
        """What `encrypt` was given. Raises SealedError."""
        key_id, rest = sealed[1 : 1 + _KEY_ID_BYTES], sealed[1 + _KEY_ID_BYTES :]
        cipher = self._ciphers.get(key_id) or self._added_since(key_id)
        if sealed[:1] != _FORMAT or cipher is None:
            raise SealedError(
                "A stored secret was encrypted with a key that isn't among AUTHSERVER_SECRET_KEY[_FILE]."
            )
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], about.encode())
        except InvalidTag:
            raise SealedError("A stored secret was changed, or moved from another row.") from None

    def _added_since(self, key_id: bytes) -> AESGCM | None:
        """`secret rotate` puts a key into the file while we run: it decrypts at once, and encrypts after a restart."""
        if self.path is None:
            return None
        try:
            keys = map(_parse_key, self.path.read_text(encoding="ascii").split())
        except (OSError, UnicodeDecodeError):
            return None
        for key in keys:
            if key is not None:
                self._ciphers.setdefault(_key_id(key), AESGCM(key))
        return self._ciphers.get(key_id)

    def is_current(self, sealed: bytes) -> bool:
        """Whether this was encrypted with the first key."""
        return sealed[: 1 + _KEY_ID_BYTES] == _FORMAT + self._current_id

    def subkeys(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes for one purpose, of each of ours (HKDF-SHA256, RFC 5869); the first is current."""
        return self._derive(purpose)

    def _derived(self, purpose: str) -> tuple[bytes, ...]:
        return tuple(_hkdf(key, f"authserver {purpose}") for key in self._keys)


def prepend_key(path: Path) -> None:
    """Put a fresh key first in a key file; the others stay, to decrypt. The file is replaced in one step."""
    text = new_secret_key() + "\n" + path.read_text(encoding="ascii")
    temporary = _write_beside(path, text)
    temporary.replace(path)


def _make_file(path: Path) -> None:
    """Create the key file, complete or not at all; of several processes one wins and the others use its key."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = _write_beside(path, new_secret_key() + "\n")
    except OSError as error:
        raise ConfigurationError(f"The secret key file {path} can't be made: {error.strerror}.") from None
    try:
        os.link(temporary, path)  # unlike a rename, it fails when somebody was faster
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(f"The secret key file {path} can't be made: {error.strerror}.") from None
    finally:
        temporary.unlink()


def _write_beside(path: Path, text: str) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600, O_EXCL
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _parse_key(text: str) -> bytes | None:
    try:
        key = base64.b64decode(
            text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4), validate=True
        )
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == _KEY_BYTES else None


def _key_id(key: bytes) -> bytes:
    return _hkdf(key, "authserver key id")[:_KEY_ID_BYTES]


def _hkdf(key: bytes, info: str) -> bytes:
    return HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=info.encode()).derive(key)


def _checksum(text: str) -> str:
    return base62(zlib.crc32(text.encode("utf-8", "surrogatepass")).to_bytes(4, "big"))


@functools.cache
def _width(size: int) -> int:
    """How many base62 digits any number of `size` bytes needs."""
    width, reach = 0, 1
    while reach < 256**size:
        width, reach = width + 1, reach * 62
    return width


@functools.cache
def _size(width: int) -> int:
    """How many whole bytes fit into `width` base62 digits."""
    return (int(62**width).bit_length() - 1) // 8
