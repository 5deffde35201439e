"""Mutants of the gallery: who calls, whose it is, what of it may be written."""

from __future__ import annotations

from .mutant import Mutant

C = "tests/attacks/test_c_token_endpoint.py::"
F = "tests/attacks/test_f_scopes.py::"
M = "tests/attacks/test_m_objects.py::"
MATRIX = (
    "tests/attacks/test_m_ownership_matrix.py::test_row_107_everyone_gets_what_is_theirs_and_nothing_else"
)

MUTANTS = (
    Mutant(
        name="owner-left-out",
        file="resource_api/ownership.py",
        old="        (table.c.owner == reader, int(Access.OWN)),\n",
        new='        (table.c.owner != "", int(Access.OWN)),\n',
        hole="Everything is everybody's (OWASP API1:2023).",
        tests=(MATRIX,),
    ),
    Mutant(
        name="seeing-is-owning",
        file="resource_api/ownership.py",
        old="    if row.access < needs:\n",
        new="    if row.access < Access.READ:\n",
        hole="Whoever may look may delete (OWASP API5:2023).",
        tests=(MATRIX,),
    ),
    Mutant(
        name="readers-edit",
        file="resource_api/ownership.py",
        old='        (share.where(shares.c.access == "edit").exists(), int(Access.EDIT)),\n',
        new="        (share.exists(), int(Access.EDIT)),\n",
        hole="A share for reading permits changes (OWASP API5:2023).",
        tests=(MATRIX,),
    ),
    Mutant(
        name="shares-of-everybody",
        file="resource_api/ownership.py",
        old="sa.select(shares.c.access).where(column == table.c.id, shares.c.person == reader)",
        new="sa.select(shares.c.access).where(column == table.c.id)",
        hole="What is shared with one is shared with all (OWASP API1:2023).",
        tests=(MATRIX,),
    ),
    Mutant(
        name="foreign-images-collected",
        file="resource_api/placements.py",
        old="ownership.load(session, ownership.images, wanted.image_id, caller, Access.OWN)\n        now = ",
        new="ownership.load(session, ownership.images, wanted.image_id, caller, Access.READ)\n        now = ",
        hole="Who was shown an image shows it on to others (OWASP API1:2023).",
        tests=(M + "test_row_109_only_ones_own_images_go_into_a_gallery",),
    ),
    Mutant(
        name="list-without-owner",
        file="resource_api/images.py",
        old="        statement = statement.where(images.c.owner == caller.owner)\n    else:\n",
        new='        statement = statement.where(images.c.owner != "")\n    else:\n',
        hole="The list of one's own holds what is others' (OWASP API1:2023).",
        tests=(M + "test_row_110_a_list_holds_what_its_caller_may_see",),
    ),
    Mutant(
        name="cursor-of-anybody",
        file="resource_api/paging.py",
        old="    if len(raw) != length + _CHECK_BYTES or _write(raw[:length], place) != cursor:\n",
        new="    if len(raw) != length + _CHECK_BYTES:\n",
        hole="An edited or foreign cursor is taken for a place in the list (OWASP API3:2023).",
        tests=(M + "test_row_110_a_cursor_is_good_for_its_own_list_and_reader",),
    ),
    Mutant(
        name="unknown-members-ignored",
        file="resource_api/inputs.py",
        old='    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)\n',
        new='    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)\n',
        hole="A member that becomes one tomorrow can be written today (OWASP API3:2023).",
        tests=(M + "test_row_111_only_the_writable_members_can_be_written",),
    ),
    Mutant(
        name="share-of-another-object",
        file="resource_api/shares.py",
        old="sa.delete(shares).where(shares.c.id == share_id, _column(table) == object_id)",
        new="sa.delete(shares).where(shares.c.id == share_id)",
        hole="The owner of one object ends the shares of another (OWASP API1:2023).",
        tests=("tests/resource_api/test_shares.py::test_a_share_ends_only_at_its_own_object",),
    ),
    Mutant(
        name="images-stay-after-their-owner",
        file="resource_api/shares.py",
        old="        placements.withdraw(session, gallery, person, house.clock())\n",
        new="        assert gallery.id and person\n",
        hole="Who leaves a gallery leaves their images behind for the others (OWASP ASVS 8.2.2).",
        tests=(
            "tests/resource_api/test_shares.py::test_who_is_shut_out_of_a_gallery_takes_their_images_along",
        ),
    ),
    Mutant(
        name="one-scope-of-several",
        file="resource_api/auth.py",
        old="        if missing:\n",
        new="        if missing and len(missing) == len(needed.scopes):\n",
        hole="A token that may write spends credits too (RFC 6750 §3.1).",
        tests=(F + "test_row_57_a_route_opens_to_its_own_scopes_and_to_no_others",),
    ),
    Mutant(
        name="machines-are-people",
        file="resource_api/auth.py",
        old="        is_person=token.subject != token.client_id,\n",
        new='        is_person=token.subject != "",\n',
        hole="An application acting for itself passes for a person (RFC 9700 §4.15).",
        tests=(C + "test_row_32_a_machine_is_nobody",),
    ),
    Mutant(
        name="subject-without-issuer",
        file="resource_api/auth.py",
        old='        owner=f"{token.issuer} {token.subject}",\n',
        new='        owner=f"- {token.subject}",\n',
        hole="The same subject of another issuer is the same person (RFC 9068 §2.2).",
        tests=(
            "tests/attacks/test_f_identity.py::test_row_59_the_same_subject_of_another_issuer_is_somebody_else",
        ),
    ),
    Mutant(
        name="token-in-the-address",
        file="resource_api/auth.py",
        old='    if len(sent) > 1 or "access_token" in request.query_params:\n',
        new="    if len(sent) > 1:\n",
        hole="Tokens in addresses go unnoticed into logs (RFC 9700 §4.3.2).",
        tests=("tests/attacks/test_f_validation.py::test_row_58_a_token_stands_in_the_header_once",),
    ),
    Mutant(
        name="picture-bombs",
        file="resource_api/pictures.py",
        old='        warnings.simplefilter("error", Image.DecompressionBombWarning)\n',
        new='        warnings.simplefilter("ignore", Image.DecompressionBombWarning)\n',
        hole="A kilobyte unfolds into gigabytes of memory (OWASP API4:2023).",
        tests=(
            "tests/resource_api/test_pictures.py::test_too_many_pixels_are_refused_before_they_are_decoded",
        ),
    ),
    Mutant(
        name="place-and-camera-kept",
        file="resource_api/pictures.py",
        old='    image.info = {"transparency": transparency} if image.mode',
        new='    image.info |= {"transparency": transparency} if image.mode',
        hole="A picture tells where its owner lives (OWASP ASVS 14.2.8).",
        tests=("tests/resource_api/test_pictures.py::test_nothing_but_pixels_gets_through",),
    ),
    Mutant(
        name="room-without-end",
        file="resource_api/storage.py",
        old='set_={"bytes": total}, where=total <= limit\n',
        new='set_={"bytes": total}, where=total > 0\n',
        hole="One owner fills the disk for all (OWASP API4:2023).",
        tests=(
            "tests/attacks/test_t_storage.py::test_row_127_an_owners_room_is_never_overfilled_by_two_servers",
        ),
    ),
)
