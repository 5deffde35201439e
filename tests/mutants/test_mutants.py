"""The lists of mutants fit the code as it stands; that the tests notice them is what `make mutants` finds out."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache

import pytest

from . import mutant, witness
from .__main__ import BROKEN, KILLED, SURVIVED, verdict
from .mutant import ROOT, Mutant
from .trial import Seen, Trial

MUTANTS = [one for found in mutant.areas().values() for one in found]


@cache
def functions(file: str) -> frozenset[str]:
    """The tests that stand in this file."""
    nodes = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("one", MUTANTS, ids=lambda one: one.name)
def test_a_mutant_fits_the_code_and_names_tests_that_exist(one: Mutant) -> None:
    healthy = (ROOT / one.file).read_text(encoding="utf-8")
    opened = one.opened(healthy)
    assert opened != healthy
    if one.file.endswith(".py"):
        compile(opened, one.file, "exec")
    assert one.file.partition("/")[0] in witness.PACKAGES
    assert one.tests
    for test in one.tests:
        file, _, function = test.partition("::")
        assert function in functions(file), test


def test_every_mutant_is_one_hole_of_its_own() -> None:
    assert [name for name, count in Counter(one.name for one in MUTANTS).items() if count > 1] == []
    assert len({(one.file, one.old, one.new) for one in MUTANTS}) == len(MUTANTS)
    assert [one.name for one in MUTANTS if not one.hole.endswith(").")] == [], "a hole says who forbids it"


def test_code_that_has_moved_on_is_told() -> None:
    one = Mutant("x", "x.py", "a == b", "True", "None (none).", ())
    assert one.opened("if a == b:") == "if True:"
    for text in ("if a == c:", "a == b == a == b"):
        with pytest.raises(ValueError, match="not once"):
            one.opened(text)


@pytest.mark.parametrize(
    ("status", "asserted", "crashes", "expected"),
    [
        (0, False, 0, SURVIVED),
        (1, True, 0, KILLED),
        (1, True, 1, BROKEN),  # it failed because the server fell over
        (1, False, 0, BROKEN),  # it stumbled over something
        (2, True, 0, BROKEN),
        (4, False, 0, BROKEN),
        (None, True, 0, BROKEN),
    ],
)
def test_only_an_assertion_kills(status: int | None, asserted: bool, crashes: int, expected: str) -> None:
    seen = Seen("a.py::test_a", "failed" if status else "passed", asserted, crashes, "assert 200 == 400")
    tried = Trial(status, (seen,), 1.0, "")
    assert verdict(tried, {})[0] == expected
    if crashes:
        assert verdict(tried, {"a.py::test_a": crashes})[0] == KILLED  # it crashes without the mutant as well
