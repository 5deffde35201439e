"""Which redirect URIs may be registered, and which sent one means which registered one."""

import pytest

from authserver.oauth import redirect_uris

CB = "https://client.test/cb"


@pytest.mark.parametrize(
    "uri",
    [
        CB,
        "https://client.test",
        "https://client.test/cb?tenant=1",
        "https://client.test:8443/cb",
        "http://localhost/cb",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:7000/cb",
        "com.example.app:/callback",
        "com.example.app://callback",
        "https://xn--bcher-kva.example/cb",
    ],
)
def test_honest_uris_can_be_registered(uri: str) -> None:
    redirect_uris.check(uri)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (CB + "#f", "fragment"),
        (CB + "#", "fragment"),
        ("https://*.client.test/cb", "wildcard"),
        ("https://client.test/*", "wildcard"),
        ("http://client.test/cb", "https"),
        ("http://127.0.0.1.evil.test/cb", "https"),
        ("http://localhost.evil.test/cb", "https"),
        ("http://[::ffff:127.0.0.1]/cb", "https"),
        ("https://client.test@evil.test/cb", "'@'"),
        ("http://127.0.0.1:80@evil.test/cb", "'@'"),
        ("https://evil.test\\@client.test/cb", "backslash"),
        ("javascript:alert(1)", "private"),
        ("JaVaScRiPt:alert(1)", "private"),
        ("\tjavascript:alert(1)", "ASCII"),
        ("java\nscript:alert(1)", "ASCII"),
        ("javascript://x/%0aalert(1)", "private"),
        ("data:text/html,x", "private"),
        ("vbscript:x", "private"),
        ("blob:https://client.test/1", "private"),
        ("file:///etc/passwd", "private"),
        ("about:blank", "private"),
        ("https:evil.test", "private"),
        ("http:www.evil.test", "private"),
        ("//client.test/cb", "absolute"),
        ("/cb", "absolute"),
        ("", "absolute"),
        ("myapp:/cb", "private"),
        ("com.example.app:callback", "private"),
        ("Com.Example.App:/cb", "private"),
        (CB + " ", "ASCII"),
        (CB + "\n", "ASCII"),
        (CB + "\0", "ASCII"),
        (CB + "%zz", "ASCII"),
        ("https://bücher.example/cb", "ASCII"),
        ("https://Client.test/cb", "lower case"),
        ("https://-client.test/cb", "host"),
        ("https:///cb", "host"),
        ("https://client.test:0/cb", "port"),
        ("https://client.test:/cb", "port"),
        ("https://client.test:99999/cb", "valid"),
        ("https://client.test/x/../cb", "'..'"),
        ("https://client.test/x/%2e%2e/cb", "'..'"),
        (CB + "?code=1", "'code'"),
        (CB + "?a=1&state=2", "'state'"),
        (CB + "?%69ss=x", "'iss'"),
        (CB + "?error", "'error'"),
        (CB + "?id_token=x", "'id_token'"),
        (CB + "?response=x", "'response'"),
        ("https://client.test/" + "x" * 2000, "characters"),
    ],
)
def test_dangerous_uris_are_refused_with_the_reason(uri: str, reason: str) -> None:
    with pytest.raises(redirect_uris.RedirectUriError, match=reason):
        redirect_uris.check(uri)


def test_a_client_has_a_bounded_number_of_different_uris() -> None:
    with pytest.raises(redirect_uris.RedirectUriError, match="at most 20"):
        redirect_uris.check_all(f"https://client.test/{number}" for number in range(21))
    with pytest.raises(redirect_uris.RedirectUriError, match="twice"):
        redirect_uris.check_all([CB, CB])


@pytest.mark.parametrize(
    "sent",
    [
        CB + "/",
        CB + "/x",
        CB + "?a=1",
        CB + "#f",
        "https://client.test/x/../cb",
        "https://client.test/cb/..;/x",
        "https://client.test%2fcb",
        "https://CLIENT.test/cb",
        "https://client.test/CB",
        "http://client.test/cb",
        "https://client.test:443/cb",
        "https://client.test:444/cb",
        "https://client.test.evil.test/cb",
        "https://client.testevil.test/cb",
        "https://clientatest/cb",
        "https://client.test@evil.test/cb",
        "https://a@b@client.test/cb",
        "//client.test/cb",
        CB + "%20",
        CB + "\t",
    ],
)
def test_comparison_is_equality(sent: str) -> None:
    assert redirect_uris.match([CB], CB) == CB
    assert redirect_uris.match([CB], sent) is None


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://127.0.0.1:8080/cb"])
def test_a_loopback_literal_takes_any_port(registered: str) -> None:
    for port in (":1", ":49152", ":65535", ""):
        assert redirect_uris.match([registered], f"http://127.0.0.1{port}/cb") == registered
    for sent in (
        "http://localhost:49152/cb",
        "http://[::1]:49152/cb",
        "http://127.0.0.1.evil.test/cb",
        "http://127.0.0.1:80@evil.test/cb",
        "http://[::ffff:127.0.0.1]/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:49152/CB",
        "http://127.0.0.1:49152/cb?x=1",
        "http://127.0.0.1:49152/cb\n",
        "https://127.0.0.1:49152/cb",
        "http://127.0.0.1:49152",
    ):
        assert redirect_uris.match([registered], sent) is None


def test_localhost_takes_any_port_only_when_registered_without_one() -> None:
    assert redirect_uris.match(["http://localhost/cb"], "http://localhost:3000/cb") == "http://localhost/cb"
    assert redirect_uris.match(["http://localhost:3000/cb"], "http://localhost:3001/cb") is None
    assert not redirect_uris.takes_any_port("http://localhost:3000/cb")
    assert redirect_uris.takes_any_port("http://localhost/cb")


def test_https_never_takes_another_port() -> None:
    assert redirect_uris.match([CB], "https://client.test:8443/cb") is None


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        (CB + "?tenant=1", "https://client.test"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_the_form_action_source_is_the_uris_own_origin(uri: str, source: str) -> None:
    assert redirect_uris.origin(uri) == source


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.test/",
        "https://app.test/x",
        "app.test",
        "null",
        "*",
        "http://app.test",
        "https://u@app.test",
        "https://App.test",
        "https://app.test:443",
        "https://app.test?x",
        "https://[::1",
    ],
)
def test_only_plain_origins_can_be_registered(origin: str) -> None:
    redirect_uris.check_origin("https://app.test")
    redirect_uris.check_origin("http://localhost:5173")
    with pytest.raises(redirect_uris.RedirectUriError):
        redirect_uris.check_origin(origin)


@pytest.mark.parametrize(
    ("sent", "registered", "shown"),
    [
        ("http://127.0.0.1:4000/cb/", "http://127.0.0.1/cb", "http://127.0.0.1:4000/cb"),
        ("http://[::1]:4000/x", "http://[::1]/cb", "http://[::1]:4000/cb"),
        ("http://localhost:4000/x", "http://localhost/cb", "http://localhost:4000/cb"),
        ("http://localhost:4000/x", "http://localhost:3000/cb", "http://localhost:3000/cb"),
        ("http://localhost:4000/cb", "http://127.0.0.1/cb", "http://127.0.0.1/cb"),
        ("https://client.test:4000/cb", "https://client.test/cb", "https://client.test/cb"),
    ],
)
def test_where_any_port_would_do_the_port_is_not_shown_as_a_difference(
    sent: str, registered: str, shown: str
) -> None:
    assert redirect_uris.at_port_of(sent, registered) == shown
