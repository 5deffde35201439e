"""Our commands, called in this process: nine tenths of what a short one takes is Python loading what it imports."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from unittest import mock

from . import processes


def call(
    main: Callable[[], None],
    arguments: Sequence[str],
    settings: Mapping[str, str],
    folder: Path,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """What `processes.run` would give, from the function that the installed script calls. Nobody is at a terminal."""
    output, talk = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, processes.environment(settings), clear=True),
        mock.patch.object(sys, "argv", list(arguments)),
        mock.patch.object(sys, "stdin", io.StringIO(stdin)),
        mock.patch.object(gc, "set_threshold"),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(talk),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(list(arguments), code, output.getvalue(), talk.getvalue())
