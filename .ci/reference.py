"""Writes docs/configuration.md from the settings of both services. With --check it only says whether that is needed."""

import sys
from pathlib import Path

from authserver import settings as authserver_settings
from resource_api import settings as resource_api_settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"


def text() -> str:
    """The whole page."""
    return f"""# Configuration

Every setting is an environment variable, or a line of `.env` in the folder the program starts in. A flag of the
command wins over the environment, the environment over `.env`. A variable with one of these prefixes that is not
listed here is an error that names the nearest one; a wrong value stops the start with exit code 3 and a sentence.

This page is made by `python .ci/reference.py`; `authserver config reference` and `resource-api config reference`
print its tables.

## authserver

{authserver_settings.reference()}
## resource-api

{resource_api_settings.reference()}
## The demo

`make demo` takes the two ports from `AUTHSERVER_PORT` and `RESOURCE_API_PORT`, and keeps everything in `DEMO_DIR`
(`var`).
"""


def main() -> int:
    """0 when the page is as it should be, or was written; 1 when --check finds it old."""
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == text():
            return 0
        print(f"{PAGE.name} is old: run python .ci/reference.py", file=sys.stderr)
        return 1
    PAGE.write_text(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
