"""What `backup` of both programs refuses; that it copies well, test_rehearsal.py shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import testing

from . import units


@pytest.mark.parametrize("program", units.PROGRAMS)
def test_there_is_nothing_to_copy_on_postgresql_or_over_an_older_backup(program: str, tmp_path: Path) -> None:
    def refusal(code: int, target: str, database_url: str) -> str:
        given = {f"{units.PREFIXES[program]}DATABASE_URL": database_url}
        done = testing.CliRunner().invoke(
            units.PROGRAMS[program], ["backup", str(tmp_path / target)], env=given
        )
        assert getattr(done.exception, "code", None) == code
        return str(done.exception)

    here = f"sqlite:///{tmp_path}/x.db"
    assert "pg_dump" in refusal(7, "copy", "postgresql://nowhere/x")
    assert "no database" in refusal(6, "copy", here)
    (tmp_path / "x.db").write_bytes(b"")
    (tmp_path / "older").write_text("kept")
    assert "already" in refusal(5, "older", here)
    assert (tmp_path / "older").read_text() == "kept"
    assert "can't be copied" in refusal(4, "nowhere/copy", here)
    # Nothing half done is left behind.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["older", "x.db"]
