"""`resource-api systemd`: a unit that runs the API with as few rights as it needs."""

from __future__ import annotations

import sys
from pathlib import Path

from .. import settings
from . import exits, patience

STATE = Path("/var/lib/resource-api")
# The service's user can't read these: systemd hands them over.
CREDENTIALS = ("tls_cert", "tls_key")
# The service sees nothing in these.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  nothing is written there
UNIT = """# Made by `resource-api systemd`. What can be set is set in {settings_file}.
[Unit]
Description=resource-api at {resource}
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


def write(config: settings.Settings) -> tuple[str, str]:
    """The unit, and what to do with it. Raises ConfigurationError."""
    here = Path.cwd() / ".env"
    settings_file = here if here.is_file() else Path("/etc/resource-api/.env")
    for name, path, value in (
        ("DATABASE_URL", config.sqlite_path, f"sqlite:///{STATE / 'gallery.db'}"),
        ("FILES", config.files, str(STATE / "files")),
    ):
        if path is not None and not path.is_absolute():
            raise settings.ConfigurationError(
                f"{settings.PREFIX}{name} must name its whole path, or the service and your commands would each "
                f"have their own. In {settings_file}: {settings.PREFIX}{name}={value}"
            )
    program = Path(sys.executable).with_name("resource-api")
    advice = (
        f"Settings: {settings_file}, mode 0600. Save the unit as /etc/systemd/system/resource-api.service, then: "
        "systemctl daemon-reload && systemctl enable --now resource-api"
    )
    if any(program.is_relative_to(folder) for folder in HIDDEN):
        advice += f"\nThe service can't look into {program.parent}: install resource-api below /opt instead."
    return unit(config, settings_file, program), advice


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
    writes = [config.files, *([config.sqlite_path.parent] if config.sqlite_path is not None else [])]
    rights += [f"ReadWritePaths={_word(path)}" for path in writes if not path.is_relative_to(STATE)]
    return UNIT.format(
        settings_file=_plain(settings_file),
        resource=_plain(config.resource),
        after="network-online.target" if config.is_sqlite else "network-online.target postgresql.service",
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
