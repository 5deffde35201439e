"""Mutants of credits, of an owner's room, and of requests that may be repeated."""

from __future__ import annotations

from .mutant import Mutant

N = "tests/attacks/test_n_credits.py::"
T = "tests/attacks/test_t_storage.py::"

MUTANTS = (
    Mutant(
        name="spend-what-was-read-before",
        file="resource_api/credits.py",
        old="        .values(credits=balances.c.credits - price, entries=balances.c.entries + 1)\n",
        new="        .values(credits=(find(session, owner) or 0) - price, entries=balances.c.entries + 1)\n",
        hole="Of two that pay at the same time one pays nothing (OWASP API6:2023).",
        tests=("tests/resource_api/test_credits.py::test_of_many_who_pay_at_once_each_pays",),
    ),
    Mutant(
        name="idempotency-key-of-anybody",
        file="resource_api/idempotency.py",
        old="        sa.select(answers).where(\n            answers.c.owner == key.owner,\n",
        new="        sa.select(answers).where(\n",
        hole="Whoever guesses a key is shown another person's answer (OWASP API1:2023).",
        tests=(N + "test_row_115_a_key_belongs_to_one_body_one_person_and_one_route",),
    ),
    Mutant(
        name="idempotency-key-for-any-body",
        file="resource_api/idempotency.py",
        old="    if row.fingerprint != key.fingerprint:\n",
        new="    if not row.fingerprint:\n",
        hole="A different request is answered with the first one's answer (OWASP ASVS 2.3.3).",
        tests=(N + "test_row_115_a_key_belongs_to_one_body_one_person_and_one_route",),
    ),
    Mutant(
        name="room-for-everybody-at-once",
        file="resource_api/storage.py",
        old='        index_elements=[storage.c.owner], set_={"bytes": total}, where=total <= limit\n',
        new='        index_elements=[storage.c.owner], set_={"bytes": total}\n',
        hole="Of many who upload at once all find room, and the disk is whose is fastest (OWASP API4:2023).",
        tests=(T + "test_row_127_an_owners_room_is_never_overfilled_by_two_servers",),
    ),
)
