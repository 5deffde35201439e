"""Forms are read strictly: nothing repeated, nothing undecodable, nothing large."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.web.kit import forms

TEXT = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=20))
def test_what_a_browser_encodes_is_read_back(items: list[tuple[str, str]]) -> None:
    assert forms.parse(urlencode(items).encode()) == items


@given(st.binary(max_size=200))
def test_junk_is_either_read_or_refused_politely(body: bytes) -> None:
    try:
        pairs = forms.parse(body)
    except forms.FormError as error:
        pairs = [("status", str(error.status))]
        assert pairs == [("status", "400")]
    assert all("\0" not in name + value for name, value in pairs)


@pytest.mark.parametrize("body", [b"a=%00", b"a=%ff", b"a=%C0%AF", b"%00=a", b"&".join([b"a=1"] * 101)])
def test_unreadable_forms_are_refused(body: bytes) -> None:
    with pytest.raises(forms.FormError) as refused:
        forms.parse(body)
    assert refused.value.status == 400


def test_a_repeated_parameter_is_refused_but_resource_is_not() -> None:
    with pytest.raises(forms.FormError, match="scope"):
        forms.single([("scope", "a"), ("scope", "b")])
    assert forms.single([("resource", "a"), ("resource", "b")]) == {"resource": "a"}
