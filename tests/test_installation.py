"""`pip install .`: what arrives in an environment that has the dependencies and not this repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from .support import processes

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("authserver", "resource_api", "keys")
SOURCES = (*PACKAGES, "pyproject.toml", "README.md", "LICENSE")


@dataclass(frozen=True)
class Installed:
    """An environment with the project installed, and what git knows of the packages."""

    folder: Path
    packages: Path
    tracked: tuple[str, ...]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the environment, far from the repository."""
        command = [str(self.folder / "bin" / arguments[0]), *arguments[1:]]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=processes.environment({}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built from the files that git knows, so that nothing else can stand in for a forgotten one."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)

    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    # The dependencies are the tests' own. A path in a .pth file brings packages, not the .pth files beside them,
    # so the repository itself stays out.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run(
        [*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", str(source)],
        check=True,
        timeout=100,
    )
    return Installed(folder, packages, tracked)


def test_the_packages_are_the_installed_ones(installed: Installed) -> None:
    for package in PACKAGES:
        told = installed.run("python", "-c", f"import {package}; print({package}.__file__)")
        assert told.stdout.strip() == str(installed.packages / package / "__init__.py"), told.stderr


def test_everything_that_belongs_to_the_packages_arrives(installed: Installed) -> None:
    for_readers = {".md"}
    wanted = {
        name
        for name in installed.tracked
        if name.partition("/")[0] in PACKAGES and Path(name).suffix not in for_readers
    } - {"keys/pyproject.toml"}
    assert {name for name in wanted if not (installed.packages / name).exists()} == set()


@pytest.mark.parametrize("command", ["authserver", "resource-api"])
def test_the_commands_say_what_they_do(installed: Installed, command: str) -> None:
    told = installed.run(command, "--help")
    assert told.returncode == 0, told.stderr
    assert command in told.stdout
    assert "serve" in told.stdout


def test_an_installed_server_makes_and_migrates_its_database(installed: Installed) -> None:
    told = installed.run("authserver", "migrate")
    assert told.returncode == 0, told.stderr
    assert (installed.folder / "var" / "authserver.db").exists()
