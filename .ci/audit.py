"""Asks the advisory service about every package that requirements.txt pins; says so when it does not answer.

Ends with 0 when nothing is known against them, 1 when something is, 2 when nobody could be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).resolve().parents[1] / "requirements.txt"


def main() -> int:
    command = [
        "pip_audit",
        "--requirement",
        str(PINS),
        "--require-hashes",
        "--disable-pip",
        "--format",
        "json",
    ]
    asked = subprocess.run(
        [sys.executable, "-m", *command, "--timeout", "15"], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = asked.stderr.strip().splitlines()[-1:] or ["no reason given"]
        print(f"Nothing was audited: the advisory service did not answer ({reason[0]})", file=sys.stderr)
        return 2
    known = [(package, each) for package in packages for each in package.get("vulns", [])]
    for package, each in known:
        mended = ", ".join(each["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {each['id']}, mended in {mended}")
    print(f"{len(packages)} packages audited, {len(known)} advisories.")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
