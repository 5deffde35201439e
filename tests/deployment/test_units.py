"""The systemd units that commands print: well formed, about things that exist, and what they start starts."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dotenv
import pytest
from typer import testing

import authserver.cli
import authserver.settings
import resource_api.cli
import resource_api.settings
from authserver.cli import patience
from tests.support import authserver as inside
from tests.support import databases, processes

PROGRAMS = {"authserver": authserver.cli.app, "resource-api": resource_api.cli.app}
PREFIXES = {"authserver": "AUTHSERVER_", "resource-api": "RESOURCE_API_"}
FIELDS = {
    "AUTHSERVER_": set(authserver.settings.Settings.model_fields),
    "RESOURCE_API_": set(resource_api.settings.Settings.model_fields),
}
# What a service that minds nobody's business has; each may stand once.
HARDENED = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "CapabilityBoundingSet": "",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter": "@system-service",
    "StateDirectoryMode": "0700",
    "KillMode": "mixed",
    "Restart": "on-failure",
}

Unit = dict[str, list[tuple[str, str]]]


def parse(text: str) -> Unit:
    """The sections of a unit, as strictly as systemd reads them."""
    sections: Unit = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            assert heading[1] not in sections
            sections[heading[1]] = []
            continue
        name, equals, value = line.partition("=")
        assert equals, line
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), line
        assert "%" not in re.sub(r"%[%d]", "", value), line
        next(reversed(sections.values())).append((name, value))
    return sections


def values(unit: Unit, name: str) -> list[str]:
    return [value for section in unit.values() for key, value in section if key == name]


def printed(program: str, folder: Path, **settings: str) -> Unit:
    """The unit for these settings, which lie in the folder as an operator's would."""
    prefix = PREFIXES[program]
    (folder / ".env").write_text("".join(f"{prefix}{name}={value}\n" for name, value in settings.items()))
    with contextlib.chdir(folder):
        done = testing.CliRunner().invoke(PROGRAMS[program], ["systemd"], catch_exceptions=False)
    assert f"/etc/systemd/system/{program}.service" in done.stderr
    (folder / f"{program}.service").write_text(done.stdout)
    return parse(done.stdout)


def verify(*units: Path) -> None:
    """systemd too finds no fault, where there is one."""
    if (analyze := shutil.which("systemd-analyze")) is not None:
        verdict = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        assert (verdict.returncode, verdict.stderr) == (0, "")


@pytest.mark.parametrize("program", PREFIXES)
def test_a_unit_is_about_things_that_exist_and_gives_few_rights(program: str, tmp_path: Path) -> None:
    files = {"FILES": "/mnt/my pictures/100%"} if program == "resource-api" else {}
    unit = printed(program, tmp_path, DATABASE_URL=f"sqlite:////var/lib/{program}/x.db", **files)
    assert list(unit) == ["Unit", "Service", "Install"]
    for name, value in HARDENED.items():
        assert values(unit, name) == [value], name
    assert values(unit, "StateDirectory") == [program]
    assert values(unit, "EnvironmentFile") == [str(tmp_path / ".env")]
    assert int(values(unit, "TimeoutStopSec")[0]) > patience.GRACE_SECONDS
    assert values(unit, "ExecStart") == [f"{processes.command(program)} serve"]
    assert Path(processes.command(program)).exists()
    # SQLite is migrated by serve itself; what lies elsewhere must be opened for writing.
    assert values(unit, "ExecStartPre") == []
    assert values(unit, "ReadWritePaths") == (['"/mnt/my pictures/100%%"'] if files else [])


@pytest.mark.parametrize("program", PREFIXES)
def test_files_are_handed_over_and_small_ports_allowed(program: str, tmp_path: Path) -> None:
    given = {"PORT": "443", "TLS_CERT": "/etc/x/chain.pem", "TLS_KEY": "/etc/x/key.pem"}
    others = {"FILES": "/var/lib/resource-api/files"} if program == "resource-api" else {}
    unit = printed(program, tmp_path, DATABASE_URL=f"sqlite:////var/lib/{program}/x.db", **given, **others)
    assert values(unit, "LoadCredential") == ["tls_cert:/etc/x/chain.pem", "tls_key:/etc/x/key.pem"]
    assert values(unit, "CapabilityBoundingSet") == values(unit, "AmbientCapabilities")
    assert values(unit, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    words = shlex.split(values(unit, "ExecStart")[0])
    assert words[0] == "/usr/bin/env"
    assert words[-2:] == [processes.command(program), "serve"]
    for word in words[1:-2]:
        name, _, value = word.partition("=")
        assert name.removeprefix(PREFIXES[program]).lower() in FIELDS[PREFIXES[program]]
        assert value == f"%d/{name.removeprefix(PREFIXES[program]).lower()}"


@pytest.mark.parametrize(
    ("program", "settings"),
    [
        ("authserver", {}),
        ("resource-api", {"RESOURCE_API_FILES": "/x"}),
        ("resource-api", {"RESOURCE_API_DATABASE_URL": "postgresql://h/x"}),
    ],
)
def test_a_path_that_depends_on_the_folder_is_refused(
    program: str, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = testing.CliRunner().invoke(PROGRAMS[program], ["systemd"], env=settings)
    assert type(done.exception).__name__ == "ConfigurationError"  # which is exit 3
    assert done.stdout == ""
    assert re.search(rf"=(sqlite:///)?/var/lib/{program}/", str(done.exception))


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """Where systemd would lay what is handed over."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    return folder


@pytest.mark.processes
async def test_what_the_units_start_gets_ready_and_stops(tmp_path: Path, credentials: Path) -> None:
    """Both services by the very lines of their units, the one on PostgreSQL, the other on SQLite."""
    ports = processes.free_port(), processes.free_port()
    issuer = f"http://localhost:{ports[0]}"
    key = tmp_path / "secret-key"
    key.write_text(inside.SECRET_KEY)
    async with databases.empty("postgresql", tmp_path) as url:
        here, there = tmp_path / "authserver", tmp_path / "gallery"
        here.mkdir()
        there.mkdir()
        first = printed(
            "authserver", here, PORT=str(ports[0]), DATABASE_URL=url, SECRET_KEY_FILE=str(key), ISSUER=issuer
        )
        second = printed(
            "resource-api",
            there,
            PORT=str(ports[1]),
            ISSUER=issuer,
            DATABASE_URL=f"sqlite:///{there / 'x.db'}",
            FILES=str(there / "files"),
        )
        verify(here / "authserver.service", there / "resource-api.service")
        for line in values(first, "LoadCredential"):
            name, _, source = line.partition(":")
            shutil.copy(source, credentials / name)
        key.unlink()
        for line in values(first, "ExecStartPre"):
            done = processes.run(shlex.split(line), environment(here), tmp_path)
            assert done.returncode == 0, done.stderr
        with processes.started(start(first, credentials), environment(here), tmp_path, issuer) as one:
            gallery = f"http://localhost:{ports[1]}"
            with processes.started(
                start(second, credentials), environment(there), tmp_path, gallery
            ) as other:
                assert other.stop() == 0
            assert one.stop() == 0


def start(unit: Unit, credentials: Path) -> list[str]:
    (line,) = values(unit, "ExecStart")
    return shlex.split(line.replace("%d", str(credentials)).replace("%%", "%"))


def environment(folder: Path) -> dict[str, str]:
    """What systemd would read from the settings file."""
    read: Iterator[tuple[str, str | None]] = iter(dotenv.dotenv_values(folder / ".env").items())
    return {name: value or "" for name, value in read}
