"""Every row of the catalogue has a test, or a reason why it has none."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from authserver import database as authserver_database
from resource_api import tables
from tests.authserver.protocol.flows import World

from . import register

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
NAME = re.compile(r"test_rows?_(\d+(?:_(?:and|to)_\d+)*)_")


@cache
def written() -> dict[str, set[str]]:
    """The tests of each file, by its path in the tree."""
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        str(path.relative_to(ROOT)): set(TEST.findall(path.read_text(encoding="utf-8"))) for path in files
    }


def rows_of(name: str) -> set[int]:
    """The rows that a test carries in its name."""
    found = NAME.match(name)
    rows: set[int] = set()
    for part in found[1].split("_and_") if found else ():
        first, _, last = part.partition("_to_")
        rows |= set(range(int(first), int(last or first) + 1))
    return rows


def test_a_name_tells_its_rows() -> None:
    assert rows_of("test_row_7_x") == {7}
    assert rows_of("test_rows_7_and_21_a_request") == {7, 21}
    assert rows_of("test_row_62_to_65_a_proof") == {62, 63, 64, 65}
    assert rows_of("test_row_119_and_123_to_125_x") == {119, 123, 124, 125}
    assert rows_of("test_a_code_works_once") == set()


def test_every_row_has_a_test_or_a_reason() -> None:
    named = {row for names in written().values() for name in names for row in rows_of(name)}
    everywhere = [*named, *register.ELSEWHERE, *register.NOT_OFFERED]
    assert sorted(set(register.ROWS) - set(everywhere)) == [], "neither a test nor a reason"
    assert [row for row, count in Counter(everywhere).items() if count > 1] == [], "both: forget the entry"
    assert set(everywhere) == set(register.ROWS) == set(range(1, 160))


def test_what_is_tested_elsewhere_is_tested_there() -> None:
    for row, found in register.ELSEWHERE.items():
        assert found, row
        for test in found:
            file, _, name = test.partition("::")
            assert name in written().get(file, ()), (row, test)


async def test_what_is_not_offered_is_not_there(world: World, gallery: Any) -> None:
    """Its words stand in no path, table, column or discovery document; what we do offer is found in the same way."""
    surface: list[str] = []
    for app in (world.server.app, gallery.app):
        surface += [route.path for route in app.router.routes]
    for metadata in (authserver_database.metadata, tables.metadata):
        for table in metadata.sorted_tables:
            surface += [table.name, *(f"{table.name}.{column.name}" for column in table.columns)]
    for client, name in ((world.client, "authorization-server"), (gallery.client, "protected-resource")):
        document = (await client.get(f"/.well-known/oauth-{name}")).json()
        for member, value in document.items():
            surface += [member, *(value if isinstance(value, list) else [str(value)])]
    for offered in ("/oauth/token", "refresh_token", "codes", "/images", "users.email", "issuer"):
        assert [where for where in surface if offered in where], offered
    for row, entry in register.NOT_OFFERED.items():
        for word in entry.absent:
            assert [where for where in surface if word in where.lower()] == [], (row, word)
