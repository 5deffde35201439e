"""`authserver systemd`: a unit that runs the server with as few rights as it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from .. import settings
from . import exits, patience, terminal

HELP = """Print a systemd unit that runs the server with as few rights as it needs.

Settings stay in a file `.env`, readable by root alone. Commands that are typed in its folder read it too.

\b
Examples:
  cd /etc/authserver && authserver systemd > /etc/systemd/system/authserver.service
  systemctl daemon-reload && systemctl enable --now authserver
"""
STATE = Path("/var/lib/authserver")
# The service's user can't read these: systemd hands them over.
CREDENTIALS = ("secret_key_file", "tls_cert", "tls_key")
# The service sees nothing in these.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  nothing is written there
UNIT = """# Made by `authserver systemd`. What can be set is set in {settings_file}.
[Unit]
Description=authserver at {issuer}
Wants=network-online.target
After={after}
# It waits for its database as long as that takes.
StartLimitIntervalSec=0

[Service]
Type=exec
EnvironmentFile={settings_file}
WorkingDirectory={state}
{commands}
Restart=on-failure
RestartSec=1
# Wrong usage and wrong settings stay wrong.
RestartPreventExitStatus={wrong}
# A migration takes as long as it takes; requests that have begun get {grace_seconds} s to end.
TimeoutStartSec=infinity
TimeoutStopSec={stop_seconds}
KillMode=mixed
LimitNOFILE=65536

DynamicUser=yes
StateDirectory={state.name}
StateDirectoryMode=0700
UMask=0077
{rights}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
PrivateTmp=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target"""

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(help=HELP)
def systemd() -> None:
    config = settings.load()
    here = Path.cwd() / ".env"
    settings_file = here if here.is_file() else Path("/etc/authserver/.env")
    if config.sqlite_path is not None and not config.sqlite_path.is_absolute():
        raise settings.ConfigurationError(
            f"{settings.PREFIX}DATABASE_URL must name a file by its whole path, or the service and your commands "
            f"would each have their own. In {settings_file}: "
            f"{settings.PREFIX}DATABASE_URL=sqlite:///{STATE / 'authserver.db'}"
        )
    program = Path(sys.executable).with_name("authserver")
    typer.echo(unit(config, settings_file, program))
    if any(program.is_relative_to(folder) for folder in HIDDEN):
        terminal.say(f"The service can't look into {program.parent}: install authserver below /opt instead.")
    terminal.say(
        f"Settings: {settings_file}, mode 0600. Save the unit as /etc/systemd/system/authserver.service, then: "
        "systemctl daemon-reload && systemctl enable --now authserver"
    )


def unit(config: settings.Settings, settings_file: Path, program: Path) -> str:
    """The unit that runs `program` with these settings, which are to be found in `settings_file`."""
    files = {name: path for name in CREDENTIALS if (path := getattr(config, name)) is not None}
    # What a settings file says wins over Environment=, so that these go in as part of the command.
    given = [f"{settings.PREFIX}{name.upper()}=%d/{name}" for name in files]
    start = " ".join([*(["/usr/bin/env", *given] if given else []), _word(program), "serve"])
    commands = [f"LoadCredential={name}:{_plain(path.absolute())}" for name, path in files.items()]
    if not config.is_sqlite:
        commands.append(f"ExecStartPre={_word(program)} migrate")
    rights = ["CapabilityBoundingSet="]
    if config.port < 1024:
        rights = ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
    if config.sqlite_path is not None and not config.sqlite_path.is_relative_to(STATE):
        rights.append(f"ReadWritePaths={_word(config.sqlite_path.parent)}")
    return UNIT.format(
        settings_file=_plain(settings_file),
        issuer=_plain(config.issuer),
        after="network-online.target"
        if config.is_sqlite
        else "network-online.target postgresql.service valkey-server.service",
        state=STATE,
        commands="\n".join([*commands, f"ExecStart={start}"]),
        rights="\n".join(rights),
        wrong=f"{exits.USAGE} {exits.CONFIGURATION}",
        grace_seconds=patience.GRACE_SECONDS,
        stop_seconds=patience.GRACE_SECONDS + 5,
    )


def _plain(value: object) -> str:
    """A value that goes to the end of its line."""
    return str(value).replace("%", "%%")


def _word(path: Path) -> str:
    """One word of a command or a list."""
    text = _plain(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if " " in text else text
