"""Settings: what is refused, and that whoever reads the refusal knows what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from authserver import settings


def test_a_fresh_machine_needs_no_settings() -> None:
    found = settings.load()
    assert found.issuer == "http://localhost:8000"
    assert found.is_sqlite
    assert found.loopback
    assert not found.secure


def test_the_local_issuer_follows_the_port() -> None:
    assert settings.load(port=9000).issuer == "http://localhost:9000"


def test_an_option_that_was_not_given_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSERVER_PORT", "9100")
    assert settings.load(port=None).port == 9100
    assert settings.load(port=9200).port == 9200


def test_an_issuer_has_an_origin_and_may_have_a_path() -> None:
    found = settings.load(issuer="https://example.org:8443/id")
    assert (found.origin, found.path, found.secure) == ("https://example.org:8443", "/id", True)
    assert not found.loopback


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": "http://example.org"}, "AUTHSERVER_ISSUER: must be https, except on this machine"),
        ({"issuer": "https://example.org/"}, "must not end with a slash"),
        ({"issuer": "https://example.org?a=b"}, "must have no query"),
        ({"issuer": "https://example.org#"}, "must have no query"),
        ({"issuer": "https://user@example.org"}, "must have no query, fragment, user"),
        ({"issuer": "https://EXAMPLE.org"}, "lower case"),
        ({"issuer": "example.org"}, "must be an absolute https address"),
        ({"issuer": "https://example.org:port"}, "is not an address"),
        ({"host": "0.0.0.0"}, "AUTHSERVER_ISSUER must be set"),
        (
            {"database_url": "mysql://x"},
            "AUTHSERVER_DATABASE_URL: must begin with sqlite:/// or postgresql://",
        ),
        ({"database_url": "sqlite:///:memory:"}, "must name a file"),
        ({"valkey_url": "http://x"}, "AUTHSERVER_VALKEY_URL: must begin with redis://"),
        ({"port": "eighty"}, "AUTHSERVER_PORT: "),
        ({"access_token_seconds": 59}, "AUTHSERVER_ACCESS_TOKEN_SECONDS: "),
        ({"access_token_seconds": 3601}, "AUTHSERVER_ACCESS_TOKEN_SECONDS: "),
        ({"key_bits": 1024}, "AUTHSERVER_KEY_BITS: "),
        ({"key_rotation_seconds": 3600}, "AUTHSERVER_KEY_ROTATION_SECONDS: "),
        ({"registration": "maybe"}, "AUTHSERVER_REGISTRATION: "),
        ({"trusted_proxies": "10.0.0.0/8, proxy"}, "'proxy' is neither an IP address nor a network"),
        ({"tls_cert": "/cert.pem"}, "AUTHSERVER_TLS_CERT and AUTHSERVER_TLS_KEY go together"),
        ({"secret_key": "a", "secret_key_file": "b"}, "exclude each other"),
        ({"session_idle_seconds": 86400, "session_absolute_seconds": 3600}, "must not exceed"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(settings.ConfigurationError) as refused:
        settings.load(**changes)
    assert said in str(refused.value)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(settings.ConfigurationError) as refused:
        settings.load(port=0, workers=0)
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "AUTHSERVER_PORT",
        "AUTHSERVER_WORKERS",
    ]


def test_a_misspelt_variable_is_an_error_that_knows_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHSERVER_ISUER", "https://example.org")
    with pytest.raises(
        settings.ConfigurationError, match=r"AUTHSERVER_ISUER .* Did you mean AUTHSERVER_ISSUER\?"
    ):
        settings.load()


def test_the_file_dotenv_is_read_and_its_strangers_are_not_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.write_text("AUTHSERVER_PORT=9300\nRESOURCE_API_PORT=9301\n")
    assert settings.load().port == 9300
    file.write_text("AUTHSERVER_PROT=9300\n")
    with pytest.raises(settings.ConfigurationError, match="AUTHSERVER_PORT"):
        settings.load()


@pytest.mark.parametrize("text", ["10.0.0.0/8, ::1", "10.0.0.0/8 ::1", '["10.0.0.0/8", "::1"]'])
def test_addresses_are_listed_as_people_write_them(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AUTHSERVER_TRUSTED_PROXIES", text)
    assert settings.load().trusted_proxies == ("10.0.0.0/8", "::1")


def test_secrets_are_not_in_what_is_printed() -> None:
    found = settings.load(secret_key="topsecret", database_url="postgresql://u:topsecret@h/d")
    assert "topsecret" not in repr(found)
    with pytest.raises(settings.ConfigurationError) as refused:
        settings.load(port=0, valkey_url="http://:topsecret@x")
    assert "topsecret" not in str(refused.value)


def test_the_reference_tells_of_every_setting() -> None:
    table = settings.reference()
    for name, field in settings.Settings.model_fields.items():
        assert f"| `AUTHSERVER_{name.upper()}` |" in table
        assert field.description
        assert field.description in table
