"""Mutants of what is told and kept: records, logs, errors, accounts that look alike, backups."""

from __future__ import annotations

from .mutant import Mutant

ERRORS = "tests/attacks/test_r_errors.py::"
RECORDS = "tests/attacks/test_r_records.py::"

MUTANTS = (
    Mutant(
        name="failures-off-the-record",
        file="authserver/web/sign_in/login.py",
        old='    await _record(request, email, "failure")\n',
        new='    await _record(request, email, "failure", kept=False)\n',
        hole="Nobody can tell afterwards that an account was guessed at (OWASP ASVS 16.3.1).",
        tests=(RECORDS + "test_row_139_every_event_leaves_one_record",),
    ),
    Mutant(
        name="one-request-binds-the-next",
        file="authserver/database.py",
        old="        session.info.clear()  # what one request noted must not reach the next\n",
        new="",
        hole="A refusal commits what it had begun, because an earlier one was to be kept (OWASP ASVS 2.3.3).",
        tests=(
            "tests/authserver/base/test_database.py::test_what_one_piece_of_work_decides_binds_none_that_follows",
        ),
    ),
    Mutant(
        name="records-without-an-address",
        file="authserver/audit.py",
        old='        "ip": where.ip,\n',
        new='        "ip": "",\n',
        hole="A record doesn't say where it came from (OWASP ASVS 16.2.1).",
        tests=(RECORDS + "test_row_139_every_event_leaves_one_record",),
    ),
    Mutant(
        name="pauses-on-record-each-time",
        file="authserver/web/sign_in/login.py",
        old='    await _record(request, email, "throttled", kept=claim.over == 1)\n',
        new='    await _record(request, email, "throttled")\n',
        hole="Whoever keeps knocking fills the disk with records (OWASP API4:2023).",
        tests=(RECORDS + "test_row_139_every_event_leaves_one_record",),
    ),
    Mutant(
        name="traceback-for-the-caller",
        file="resource_api/http.py",
        old='"Something went wrong on our side; it was recorded."',
        new='__import__("traceback").format_exc()',
        hole="An error tells of files, statements and versions (OWASP ASVS 16.5.1).",
        tests=(ERRORS + "test_row_140_a_failing_gallery_tells_nothing_of_its_inside",),
    ),
    Mutant(
        name="lines-without-end",
        file="resource_api/logs.py",
        old="MAX_LENGTH = 2_000  ",
        new="MAX_LENGTH = 2_000_000  ",
        hole="One request writes a megabyte into the log (OWASP ASVS 16.4.1).",
        tests=(ERRORS + "test_row_138_whatever_the_gallery_is_sent_is_one_line_of_the_log",),
    ),
    Mutant(
        name="secrets-in-logs",
        file="authserver/logs.py",
        old="        elif value.__class__ not in _PLAIN:\n",
        new="        elif value.__class__ not in (*_PLAIN, str):\n",
        hole="A token that a line happens to hold is written out (OWASP ASVS 16.2.5).",
        tests=("tests/authserver/base/test_logs.py::test_a_token_is_hidden_wherever_it_is",),
    ),
    Mutant(
        name="refusals-repeat-what-was-sent",
        file="authserver/web/kit/problems.py",
        old='"detail": fault["msg"]}\n',
        new='"detail": fault["msg"], "input": fault.get("input")}\n',
        hole="A mistyped form is answered with the password in it (OWASP ASVS 14.2.1).",
        tests=("tests/authserver/web/test_validation.py::test_a_mistake_is_named_by_its_place_alone",),
    ),
    Mutant(
        name="addresses-in-two-alphabets",
        file="authserver/people/users.py",
        old="    if len(_scripts(checked.local_part)) > 1:\n",
        new="    if len(_scripts(checked.local_part)) > 9:\n",
        hole="An address that nobody can tell from another's is an account of its own (OWASP ASVS 6.2.1).",
        tests=(
            "tests/attacks/test_j_registration.py::test_row_95_no_spelling_of_an_address_is_a_second_account",
        ),
    ),
    Mutant(
        name="every-spelling-an-account",
        file="authserver/people/users.py",
        old="values(email_key=email_key(user.email), **values)",
        new="values(email_key=user.email, **values)",
        hole="The same address in capitals is a second account (OWASP ASVS 6.2.1).",
        tests=(
            "tests/attacks/test_j_registration.py::test_row_95_no_spelling_of_an_address_is_a_second_account",
        ),
    ),
    Mutant(
        name="backup-brings-tokens-back",
        file="authserver/oauth/deny_list.py",
        old='    for kind, subject in ((CLIENT, claims["client_id"]), (EVERYTHING, "")):\n',
        new='    for kind, subject in ((CLIENT, claims["client_id"]),):\n',
        hole="What was revoked after the backup works again (RFC 7009 §2.1).",
        tests=("tests/attacks/test_u_restore.py::test_row_158_what_was_used_since_the_backup_stays_dead",),
    ),
)
