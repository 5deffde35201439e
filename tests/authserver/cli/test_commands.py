"""The `authserver` command as an operator meets it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from authserver import cli

from ...support import authserver, commands, processes

pytestmark = pytest.mark.processes

API = "https://gallery.test"
PASSWORD = "correct horse battery staple 7"
CHEAP = {"AUTHSERVER_PASSWORD_MEMORY_KIB": "8", "AUTHSERVER_PASSWORD_PASSES": "1"}


@dataclass(frozen=True)
class Operator:
    """Somebody at a shell, in a folder with a database of its own; nobody answers questions."""

    folder: Path

    def run(self, *words: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """By the function that the installed script calls, in this process."""
        return commands.call(
            cli.main, ["authserver", *words], {**CHEAP, **settings}, self.folder, stdin=stdin
        )

    def process(self, *words: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """By the installed script."""
        done = subprocess.run(
            [processes.command("authserver"), *words],
            cwd=self.folder,
            env=processes.environment({**CHEAP, **settings}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def data(self, *words: str, stdin: str = "") -> Any:
        done = self.run(*words, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, code: int, *words: str, **more: str) -> str:
        return self._refusal(code, self.run(*words, **more))

    def process_refused(self, code: int, *words: str, **more: str) -> str:
        return self._refusal(code, self.process(*words, **more))

    @staticmethod
    def _refusal(code: int, done: subprocess.CompletedProcess[str]) -> str:
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        return done.stderr


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def test_help_has_examples_and_the_exit_codes(operator: Operator) -> None:
    for asked in ("-h", "--help"):
        done = operator.process(asked)
        assert done.returncode == 0
        assert done.stdout.index("Examples:") < done.stdout.index("Commands:")
        for promised in ("3 configuration not valid", "7 refused or not confirmed", "130 interrupted"):
            assert promised in " ".join(done.stdout.split())


def test_a_mistyped_command_is_guessed(operator: Operator) -> None:
    assert "client" in operator.process_refused(2, "cleint", "list")


def test_a_wrong_setting_is_named_with_what_was_meant(operator: Operator) -> None:
    assert "AUTHSERVER_ISSUER" in operator.process_refused(
        3, "config", "show", AUTHSERVER_ISUER="http://localhost:1"
    )
    assert "https" in operator.refused(3, "config", "show", AUTHSERVER_ISSUER="http://id.example.org")


def test_an_app_from_its_registration_to_its_end(operator: Operator) -> None:
    operator.data("api", "create", API, "--name", "Gallery")
    operator.data(
        "scope", "add", "images:read", "--api", API, "--en", "see your images", "--fr", "voir vos images"
    )
    assert (
        "exists" in (again := operator.refused(5, "api", "create", API, "--name", "Gallery")) or API in again
    )
    made = operator.data(
        "client", "create", "--type", "machine", "--name", "Backup", "--scope", "images:read"
    )
    assert made["client_secret"].startswith("cs_")
    assert (made["auth_method"], made["grant_types"]) == ("client_secret_basic", ["client_credentials"])
    shown = operator.run("client", "show", made["client_id"])
    assert made["client_secret"] not in shown.stdout
    assert "Backup" in shown.stdout
    newer = operator.data("client", "rotate-secret", made["client_id"])
    assert newer["client_secret"] != made["client_secret"]
    assert "--yes" in operator.refused(7, "client", "disable", made["client_id"])
    assert operator.run("client", "disable", made["client_id"], "--yes").returncode == 0
    (listed,) = operator.data("client", "list")
    assert listed["disabled_at"] is not None
    assert operator.run("client", "enable", made["client_id"]).returncode == 0
    assert operator.data("client", "show", made["client_id"])["disabled_at"] is None
    assert "client list" in operator.refused(6, "client", "show", "app_nobody")
    assert "redirect" in operator.refused(2, "client", "create", "--name", "Nowhere")


def test_an_account_whose_password_is_never_an_argument(operator: Operator) -> None:
    make = ("user", "create", "ana@example.test", "--password-stdin")
    assert "--password-stdin" in operator.refused(2, *make[:3])
    assert "12" in operator.refused(2, *make, stdin="short\n")
    made = json.loads(operator.process(*make, "--json", stdin=f"{PASSWORD}\n").stdout)
    assert made["email"] == "ana@example.test"
    operator.refused(5, *make, stdin=f"{PASSWORD}\n")
    assert operator.run("user", "disable", "ana@example.test", "--yes").returncode == 0
    assert operator.data("user", "list")[0]["disabled_at"] is not None
    operator.refused(6, "user", "enable", "nobody@example.test")


def test_keys_and_the_secret_key_rotate(operator: Operator) -> None:
    with processes.authserver({}, operator.folder):
        before = operator.data("keys", "list")
        assert sorted(key["state"] for key in before) == ["active", "next"]
        assert "--emergency" in operator.refused(7, "keys", "rotate")
        assert operator.run("keys", "rotate", "--emergency").returncode == 0
        after = {key["kid"]: key["state"] for key in operator.data("keys", "list")}
        assert {after[key["kid"]] for key in before} == {"active", "retiring"}
        old = next(key["kid"] for key in before if key["state"] == "active")
        assert operator.run("keys", "revoke", old, "--yes").returncode == 0
        operator.refused(6, "keys", "revoke", "no-such-key", "--yes")
    assert operator.run("secret", "rotate", "--yes").returncode == 0
    assert len((operator.folder / "var" / "authserver.secret-key").read_text().split()) == 2
    assert len(operator.data("keys", "list")) >= 2


def test_after_a_restore_nobody_is_signed_in_and_it_is_asked_first(operator: Operator) -> None:
    assert "--yes" in operator.refused(7, "restored")
    done = operator.run("restored", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert "ended" in done.stderr


def test_it_can_be_migrated_and_cleaned_up(operator: Operator) -> None:
    assert "empty" in operator.process("migrate").stderr
    assert "already" in operator.run("migrate").stderr
    assert set(operator.data("cleanup").values()) <= {0}


async def test_an_empty_postgresql_is_refused_with_the_command_to_type(
    empty_database_url: str, operator: Operator
) -> None:
    given = {
        "AUTHSERVER_DATABASE_URL": empty_database_url,
        "AUTHSERVER_SECRET_KEY": authserver.SECRET_KEY,
        "AUTHSERVER_HOST": "0.0.0.0",
    }
    if empty_database_url.startswith("postgresql"):
        port = str(processes.free_port())
        told = operator.process_refused(
            4, "serve", "--port", port, **given | {"AUTHSERVER_HOST": "127.0.0.1"}
        )
        assert "authserver migrate" in told
        assert operator.process("migrate", **given | {"AUTHSERVER_HOST": "127.0.0.1"}).returncode == 0
    issuer = {"AUTHSERVER_ISSUER": "https://id.example.org"}
    assert "--tls-cert" in operator.process_refused(3, "serve", **given, **issuer)
