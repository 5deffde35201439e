"""The page for a wrong redirect URI shows exactly where two addresses part, and says so in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.web.kit import differences

ADDRESSES = st.one_of(
    st.text(max_size=60), st.from_regex(r"https?://[a-z.]{1,12}(:[0-9]{1,4})?(/[a-zA-Z]{0,5}){0,3}")
)


@given(ADDRESSES, ADDRESSES)
def test_the_pieces_join_to_the_addresses_themselves(sent: str, registered: str) -> None:
    shown = differences.compare(sent, registered)
    assert "".join(piece.text for piece in shown.sent) == sent
    assert "".join(piece.text for piece in shown.registered) == registered


@given(ADDRESSES, ADDRESSES)
def test_what_is_not_marked_is_the_same_on_both_sides(sent: str, registered: str) -> None:
    shown = differences.compare(sent, registered)
    same = [
        "".join(piece.text for piece in side if not piece.differs) for side in (shown.sent, shown.registered)
    ]
    assert same[0] == same[1]


@given(ADDRESSES, ADDRESSES)
def test_something_is_marked_exactly_when_they_differ(sent: str, registered: str) -> None:
    shown = differences.compare(sent, registered)
    assert any(piece.differs for piece in (*shown.sent, *shown.registered)) == (sent != registered)
    assert (shown.reason == "Both addresses are the same.") == (sent == registered)


REGISTERED = "https://photoprint.example/callback"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("https://photoprint.example/callback/", "ends with a slash"),
        ("http://photoprint.example/callback", "begins with http,"),
        ("https://photoprint.example:8443/callback", "port"),
        ("https://photoprint.example/Callback", "capital"),
        ("https://www.photoprint.example/callback", "www."),
        ("https://photoprlnt.example/callback", "host differs"),
        ("http://localhost:3000/callback", "http, the registered one with https"),
        ("https://localhost/callback", "developer’s own computer"),
        ("https://photoprint.example/cb", "path"),
        ("https://photoprint.example", "no path"),
        ("https://photoprint.example/callback?x=1", "question mark"),
        ("https://photoprint.example/callback#x", "#"),
        ("https://photoprint.example/callback ", "space"),
        ("https://me@photoprint.example/callback", "user name"),
        ("com.example.app:/callback", "schemes"),
        ("https://[photoprint.example/callback", "schemes"),
    ],
)
def test_the_sentence_names_the_difference(sent: str, words: str) -> None:
    assert words in differences.reason(sent, REGISTERED)


def test_localhost_and_its_number_are_told_apart() -> None:
    assert "same computer" in differences.reason("http://localhost:3000/cb", "http://127.0.0.1:3000/cb")


def test_the_nearest_registered_address_is_compared() -> None:
    known = ("https://other.example/callback", REGISTERED, "http://localhost:3000/callback")
    assert differences.nearest(REGISTERED + "/", known) == REGISTERED
    assert differences.nearest("http://localhost:3001/callback", known) == known[2]
    assert differences.nearest(REGISTERED, ()) is None
