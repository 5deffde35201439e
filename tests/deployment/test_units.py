"""The systemd units that commands print: well formed, about things that exist, giving few rights.

What they start is started in test_rehearsal.py.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer import testing

import authserver.settings
import resource_api.settings
from authserver.cli import patience
from tests.support import processes

from . import units

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


def settings_of(program: str, **more: str) -> dict[str, str]:
    """The least that a service by systemd needs, and more."""
    least = {"DATABASE_URL": f"sqlite:////var/lib/{program}/x.db"}
    if program == "resource-api":
        least["FILES"] = "/var/lib/resource-api/files"
    return least | more


@pytest.mark.parametrize("program", units.PREFIXES)
def test_a_unit_is_about_things_that_exist_and_gives_few_rights(program: str, tmp_path: Path) -> None:
    unit = units.printed(program, tmp_path, settings_of(program))
    units.verify(tmp_path / f"{program}.service")
    assert list(unit) == ["Unit", "Service", "Install"]
    for name, value in HARDENED.items():
        assert units.values(unit, name) == [value], name
    assert units.values(unit, "StateDirectory") == [program]
    assert units.values(unit, "EnvironmentFile") == [str(tmp_path / ".env")]
    assert int(units.values(unit, "TimeoutStopSec")[0]) > patience.GRACE_SECONDS
    assert units.values(unit, "ExecStart") == [f"{processes.command(program)} serve"]
    assert Path(processes.command(program)).exists()
    # SQLite is migrated by serve itself, and lies where the service may write.
    assert units.values(unit, "ExecStartPre") == units.values(unit, "ReadWritePaths") == []


def test_what_lies_elsewhere_is_opened_for_writing(tmp_path: Path) -> None:
    pictures = units.printed(
        "resource-api", tmp_path, settings_of("resource-api", FILES="/mnt/my pictures/100%")
    )
    assert units.values(pictures, "ReadWritePaths") == ['"/mnt/my pictures/100%%"']
    unit = units.printed("authserver", tmp_path, {"DATABASE_URL": "sqlite:////srv/a/x.db"})
    assert units.values(unit, "ReadWritePaths") == ["/srv/a"]


@pytest.mark.parametrize("program", units.PREFIXES)
def test_files_are_handed_over_and_small_ports_allowed(program: str, tmp_path: Path) -> None:
    given = {"PORT": "443", "TLS_CERT": "/etc/x/chain.pem", "TLS_KEY": "/etc/x/key.pem"}
    unit = units.printed(program, tmp_path, settings_of(program, **given))
    units.verify(tmp_path / f"{program}.service")
    assert units.values(unit, "LoadCredential") == ["tls_cert:/etc/x/chain.pem", "tls_key:/etc/x/key.pem"]
    assert units.values(unit, "CapabilityBoundingSet") == units.values(unit, "AmbientCapabilities")
    assert units.values(unit, "AmbientCapabilities") == ["CAP_NET_BIND_SERVICE"]
    words = shlex.split(units.values(unit, "ExecStart")[0])
    assert words[0] == "/usr/bin/env"
    assert words[-2:] == [processes.command(program), "serve"]
    for word in words[1:-2]:
        name, _, value = word.partition("=")
        assert name.removeprefix(units.PREFIXES[program]).lower() in FIELDS[units.PREFIXES[program]]
        assert value == f"%d/{name.removeprefix(units.PREFIXES[program]).lower()}"


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
    done = testing.CliRunner().invoke(units.PROGRAMS[program], ["systemd"], env=settings)
    assert type(done.exception).__name__ == "ConfigurationError"  # which is exit 3
    assert done.stdout == ""
    assert re.search(rf"=(sqlite:///)?/var/lib/{program}/", str(done.exception))
