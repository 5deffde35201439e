"""Settings: what is wrong is said in a sentence that names the variable."""

from pathlib import Path
from typing import Any

import pytest

from resource_api import settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(**given: Any) -> str:
    with pytest.raises(settings.ConfigurationError) as caught:
        settings.load(**given)
    return str(caught.value)


def test_the_defaults_run_on_this_machine() -> None:
    loaded = settings.load()
    assert (loaded.issuer, loaded.resource) == ("http://localhost:8000", "http://localhost:8001")
    assert loaded.is_sqlite and not loaded.secure


def test_the_public_address_follows_the_port() -> None:
    assert settings.load(port=9001).resource == "http://localhost:9001"


def test_listening_beyond_this_machine_needs_a_public_address() -> None:
    assert "RESOURCE_API_RESOURCE must be set" in refusal(host="0.0.0.0")
    assert settings.load(host="0.0.0.0", resource="https://api.example.org").secure


def test_passwords_in_addresses_are_masked() -> None:
    shown = settings.shown(settings.load(database_url="postgresql://me:S3@C/RET@host/name"))
    assert shown["RESOURCE_API_DATABASE_URL"] == "postgresql://me:********@host/name"
    assert shown["RESOURCE_API_RESOURCE"] == "http://localhost:8001"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOURCE_API_WELCOME_CREDITS", "7")
    monkeypatch.setenv("RESOURCE_API_TRUSTED_PROXIES", '["10.0.0.0/8"]')
    loaded = settings.load()
    assert (loaded.welcome_credits, loaded.trusted_proxies) == (7, ("10.0.0.0/8",))


def test_a_file_named_env_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("RESOURCE_API_PORT=9001\nRESOURCE_API_WORKERS=2\nAUTHSERVER_PORT=9000\n")
    monkeypatch.setenv("RESOURCE_API_WORKERS", "3")
    assert (settings.load().port, settings.load().workers) == (9001, 3)


def test_a_misspelt_variable_is_named_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESOURCE_API_ISUER", "http://localhost:8000")
    assert refusal() == "RESOURCE_API_ISUER is not a setting. Did you mean RESOURCE_API_ISSUER?"


def test_a_misspelt_line_of_the_file_is_named_too() -> None:
    Path(".env").write_text("RESOURCE_API_WELCOME_CREDIT=3\n")
    assert "Did you mean RESOURCE_API_WELCOME_CREDITS?" in refusal()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("issuer", "http://auth.example.org", "https"),
        ("issuer", "https://auth.example.org/", "slash"),
        ("issuer", "https://auth.example.org?x=1", "query"),
        ("issuer", "auth.example.org", "absolute"),
        ("resource", "http://api.example.org", "https"),
        ("resource", "https://user:pw@api.example.org", "user"),
        ("database_url", "mysql://x", "sqlite:///"),
        ("database_url", "sqlite:///:memory:", "name a file"),
        ("database_url", "postgresql://me@host:port/name", "not the address"),
        ("port", 0, "1"),
        ("welcome_credits", -1, "0"),
        ("trusted_proxies", ("proxy",), "proxy"),
        ("tls_cert", Path("cert.pem"), "RESOURCE_API_TLS_KEY"),
    ],
)
def test_what_is_wrong_is_said(name: str, value: Any, said: str) -> None:
    sentence = refusal(**{name: value})
    assert said in sentence
    assert name in sentence.lower()


@pytest.mark.parametrize(
    "written", ["10.0.0.0/8, 192.0.2.1", "10.0.0.0/8,192.0.2.1", '["10.0.0.0/8", "192.0.2.1"]']
)
def test_a_list_is_written_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("RESOURCE_API_TRUSTED_PROXIES", written)
    monkeypatch.setenv("RESOURCE_API_METRICS_ALLOW", written)
    loaded = settings.load()
    assert loaded.trusted_proxies == loaded.metrics_allow == ("10.0.0.0/8", "192.0.2.1")


@pytest.mark.parametrize("written", ["10.0.0.0/8; 192.0.2.1", '["10.0.0.0/8"', "[1]", "10.0.0.0/8 /9"])
def test_a_list_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("RESOURCE_API_TRUSTED_PROXIES", written)
    assert refusal().startswith("RESOURCE_API_TRUSTED_PROXIES: ")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().port = 1  # type: ignore[misc]  # that it cannot be assigned is what is tested


def test_the_password_in_the_database_address_is_not_shown() -> None:
    assert "S3CRET" not in repr(settings.load(database_url="postgresql://me:S3CRET@host/name"))
