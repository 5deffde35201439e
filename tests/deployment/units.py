"""What `systemd` of both programs prints, read as systemd reads it, and run as systemd would."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import dotenv
from typer import testing

import authserver.cli
import resource_api.cli
from tests.support import processes

PROGRAMS = {"authserver": authserver.cli.app, "resource-api": resource_api.cli.app}
PREFIXES = {"authserver": "AUTHSERVER_", "resource-api": "RESOURCE_API_"}

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


def printed(program: str, folder: Path, settings: Mapping[str, str]) -> Unit:
    """The unit for these settings (names without their prefix), which lie in the folder as an operator's would."""
    lines = [f"{PREFIXES[program]}{name}={value}\n" for name, value in settings.items()]
    (folder / ".env").write_text("".join(lines))
    with contextlib.chdir(folder):
        done = testing.CliRunner().invoke(PROGRAMS[program], ["systemd"], catch_exceptions=False)
    assert f"/etc/systemd/system/{program}.service" in done.stderr
    (folder / f"{program}.service").write_text(done.stdout)
    return parse(done.stdout)


def environment(unit: Unit) -> dict[str, str]:
    """What systemd reads from the settings file."""
    (file,) = values(unit, "EnvironmentFile")
    return {name: value or "" for name, value in dotenv.dotenv_values(file).items()}


def prepare(unit: Unit, folder: Path) -> list[str]:
    """The command that the unit starts, after what comes before it: files handed over, the database migrated."""
    for line in values(unit, "LoadCredential"):
        name, _, source = line.partition(":")
        shutil.copy(source, folder / name)
    for line in values(unit, "ExecStartPre"):
        done = processes.run(shlex.split(line), environment(unit), folder)
        assert done.returncode == 0, done.stderr
    (line,) = values(unit, "ExecStart")
    return shlex.split(line.replace("%d", str(folder)).replace("%%", "%"))


def verify(*units: Path) -> None:
    """systemd too finds no fault, where there is one."""
    if (analyze := shutil.which("systemd-analyze")) is not None:
        verdict = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, check=False)
        assert (verdict.returncode, verdict.stderr) == (0, "")
