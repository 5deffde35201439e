"""Tokens, digests and the keys under which secrets are stored."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver import credentials, settings
from authserver.credentials import SecretKeys


@given(payload=st.binary(min_size=1, max_size=80))
def test_a_payload_comes_back_from_its_text(payload: bytes) -> None:
    text = credentials.encode("xy", payload)
    assert text.startswith("xy_")
    assert text[3:].isalnum()
    assert credentials.decode(text, "xy") == payload
    assert len(text) == len(credentials.encode("xy", bytes(len(payload))))


def test_one_wrong_character_is_noticed() -> None:
    token = credentials.new_token("rt")
    assert credentials.well_formed(token, "rt")
    for position in range(len(token)):
        for other in "0aZ_é\0":
            if token[position] != other:
                assert not credentials.well_formed(token[:position] + other + token[position + 1 :], "rt")


@given(text=st.text(max_size=80))
def test_any_text_may_be_asked_about(text: str) -> None:
    assert credentials.decode(text, "rt") is None
    assert credentials.decode("rt_" + text, "rt") is None
    assert len(credentials.digest(text)) == 32


def test_neither_another_kind_nor_a_longer_text_is_a_token() -> None:
    token = credentials.new_token("rt")
    for other in (token + "0", token[:-1], " " + token, token.upper(), "", "rt_", "rt_" + "0" * 100_000):
        assert not credentials.well_formed(other, "rt")
    assert not credentials.well_formed(token, "ac")


def test_tokens_and_ids_do_not_repeat() -> None:
    assert len({credentials.new_token("se") for _ in range(1000)}) == 1000
    ids = [credentials.new_id() for _ in range(1000)]
    assert ids == sorted(set(ids))
    assert uuid.UUID(ids[0]).version == 7
    assert uuid.UUID(credentials.new_subject()).version == 4


def test_what_copies_of_a_process_draw_differs() -> None:
    # Workers are forked: did they go on from what their supervisor has drawn, two of them would make the same ids.
    program = """
import os, random
from authserver import credentials
def made():
    return credentials.new_id(1.8e9)[-12:], credentials.new_token("rt"), credentials.new_subject(), random.random()
made()
for _ in range(2):
    if os.fork() == 0:
        print(*made(), flush=True)
        os._exit(0)
    os.wait()
print(*made())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    drawn = done.stdout.split()
    assert len(drawn) == len(set(drawn)) == 12


def test_what_is_sealed_opens_only_with_its_key_in_its_row() -> None:
    keys = SecretKeys.parse(credentials.new_secret_key())
    sealed = keys.encrypt(b"private", about="row-1")
    assert b"private" not in sealed
    assert sealed != keys.encrypt(b"private", about="row-1")
    assert keys.decrypt(sealed, about="row-1") == b"private"
    for other, about in ((sealed, "row-2"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "row-1"), (b"", "row-1")):
        with pytest.raises(credentials.SealedError):
            keys.decrypt(other, about=about)
    with pytest.raises(credentials.SealedError):
        SecretKeys.parse(credentials.new_secret_key()).decrypt(sealed, about="row-1")


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old, new = credentials.new_secret_key(), credentials.new_secret_key()
    sealed = SecretKeys.parse(old).encrypt(b"private", about="row")
    both = SecretKeys.parse(f"{new},\n{old}\n")
    assert both.decrypt(sealed, about="row") == b"private"
    assert not both.is_current(sealed)
    fresh = both.encrypt(b"private", about="row")
    assert both.is_current(fresh)
    assert SecretKeys.parse(new).decrypt(fresh, about="row") == b"private"


def test_each_purpose_has_a_key_of_its_own() -> None:
    old, new = credentials.new_secret_key(), credentials.new_secret_key()
    both = SecretKeys.parse(f"{new} {old}")
    assert both.subkeys("a") == SecretKeys.parse(new).subkeys("a") + SecretKeys.parse(old).subkeys("a")
    everything = {*both.subkeys("a"), *both.subkeys("b"), base64.b64decode(new), base64.b64decode(old)}
    assert len(everything) == 6
    assert {len(key) for key in everything} == {32}


@pytest.mark.parametrize("text", ["", " , ", "short", base64.b64encode(b"x" * 31).decode(), "€" * 43])
def test_a_key_that_is_none_is_refused_with_the_way_to_make_one(text: str) -> None:
    with pytest.raises(settings.ConfigurationError, match="openssl rand -base64 32"):
        SecretKeys.parse(text)


def test_sqlite_gets_its_key_at_the_first_start_and_keeps_it(tmp_path: Path) -> None:
    config = settings.load(database_url=f"sqlite:///{tmp_path}/new/authserver.db")
    first = SecretKeys.load(config)
    assert first.path == tmp_path / "new" / "authserver.secret-key"
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    assert SecretKeys.load(config).subkeys("a") == first.subkeys("a")
    assert list(first.path.parent.iterdir()) == [first.path]


def test_of_many_first_starts_one_makes_the_key(tmp_path: Path) -> None:
    config = settings.load(database_url=f"sqlite:///{tmp_path}/authserver.db")
    found: list[tuple[bytes, ...]] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        found.append(SecretKeys.load(config).subkeys("a"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_postgresql_never_gets_a_key_by_itself() -> None:
    with pytest.raises(settings.ConfigurationError, match="AUTHSERVER_SECRET_KEY"):
        SecretKeys.load(settings.load(database_url="postgresql://localhost/x"))


def test_a_key_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    missing = tmp_path / "key"
    with pytest.raises(settings.ConfigurationError, match="can't be read: No such file"):
        SecretKeys.load(settings.load(secret_key_file=missing))
    assert not missing.exists()


def test_a_key_put_in_front_is_the_current_one(tmp_path: Path) -> None:
    config = settings.load(database_url=f"sqlite:///{tmp_path}/authserver.db")
    before = SecretKeys.load(config)
    assert before.path is not None
    sealed = before.encrypt(b"private", about="row")
    credentials.prepend_key(before.path)
    after = SecretKeys.load(config)
    assert after.subkeys("a")[1:] == before.subkeys("a")
    assert after.decrypt(sealed, about="row") == b"private"
    assert stat.S_IMODE(before.path.stat().st_mode) == 0o600
