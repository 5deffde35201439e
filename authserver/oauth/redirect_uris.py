"""Redirect URIs: which may be registered, and which registered one a request means. Pure rules, no storage.

Comparison is string equality; nothing is normalised (RFC 9700 §2.1, §4.1.3). The one exception is the port
of a loopback address, which a native app learns only when it starts (RFC 8252 §7.3): any port on
`127.0.0.1` and `[::1]`, and on `localhost` when it was registered without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_LENGTH = 2000
MAX_COUNT = 20

# Parameters that our answers add; a URI that already holds one could be read as an answer.
_ANSWER_PARAMETERS = frozenset(
    [
        "code",
        "state",
        "iss",
        "error",
        "error_description",
        "error_uri",
        "response",
        "id_token",
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "session_state",
    ]
)
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "[::1]", "localhost"})
# RFC 3986 characters without "#" (no fragment) and without anything a browser rewrites.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*\Z")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+\Z")
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
)
_HOST_IPV6 = re.compile(r"\[[0-9a-f:.]{2,45}\]\Z")
_LOOPBACK = re.compile(
    r"http://(?P<host>127\.0\.0\.1|\[::1\]|localhost)(?::(?P<port>[0-9]{1,5}))?(?P<rest>/.*)?\Z"
)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class RedirectUriError(ValueError):
    """A redirect URI can't be registered; the message says why, what is expected and what to do."""


def check(uri: str) -> None:
    """Raise RedirectUriError unless `uri` may be registered (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1)."""
    shown = uri if len(uri) <= 100 else uri[:97] + "..."
    if len(uri) > MAX_LENGTH:
        raise RedirectUriError(
            f"A redirect URI has at most {MAX_LENGTH} characters; this one has {len(uri)}."
        )
    if "#" in uri:
        raise RedirectUriError(
            f"{shown!r} has a fragment (#). Register it without: answers come in the query."
        )
    if "*" in uri:
        raise RedirectUriError(
            f"{shown!r} has a wildcard. URIs are compared exactly; register each one you use."
        )
    if not _URI.match(uri) or _PERCENT.search(uri):
        raise RedirectUriError(
            f"{shown!r} isn't an absolute URI in plain ASCII without spaces or backslashes. "
            "Write it as https://app.example/callback, percent-encoding what needs it."
        )
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise RedirectUriError(f"{shown!r} isn't a valid URI: {error}.") from error
    if "@" in parts.netloc:
        raise RedirectUriError(f"{shown!r} has a user part before '@', which hides the real host. Remove it.")
    if parts.scheme in ("https", "http") and uri.startswith((f"{parts.scheme}://",)):
        _check_web(shown, parts.scheme, parts.netloc, port)
    elif not (_PRIVATE_SCHEME.match(uri.partition(":")[0]) and uri.partition(":")[2].startswith("/")):
        raise RedirectUriError(
            f"{shown!r} isn't https://, http:// on this machine (127.0.0.1, [::1], localhost), or a private "
            "scheme that is a domain name turned round, as in com.example.app:/callback (RFC 8252 §7.1)."
        )
    if any(unquote(segment) in (".", "..") for segment in parts.path.split("/")):
        raise RedirectUriError(
            f"{shown!r} has '.' or '..' in its path, which browsers remove. Write it resolved."
        )
    # Some apps' libraries also read ";" as a separator, as HTML 4 once advised.
    pairs = parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)
    taken = {name for name, _ in pairs} & _ANSWER_PARAMETERS
    if taken:
        raise RedirectUriError(
            f"{shown!r} already has the parameter {min(taken)!r}, which the answer itself adds. Rename it."
        )


def _check_web(shown: str, scheme: str, netloc: str, port: int | None) -> None:
    host = netloc.removesuffix(f":{port}") if port is not None else netloc
    if port == 0 or (port is None and ":" in netloc.rpartition("]")[2]):
        raise RedirectUriError(f"{shown!r} has no usable port after the colon.")
    if not (_HOST_NAME.match(host) or _HOST_IPV6.match(host)):
        raise RedirectUriError(
            f"{shown!r} has no valid host name. Write it in lower case, international names in their xn-- form."
        )
    if scheme == "http" and host not in _LOOPBACK_HOSTS:
        raise RedirectUriError(
            f"{shown!r} is http on another machine, where anyone on the way could read the answer. Use https."
        )


def check_all(uris: Iterable[str]) -> tuple[str, ...]:
    """The URIs in order, each allowed and different. Raises RedirectUriError."""
    kept = tuple(uris)
    if len(kept) > MAX_COUNT:
        raise RedirectUriError(f"A client has at most {MAX_COUNT} redirect URIs; {len(kept)} were given.")
    for uri in kept:
        check(uri)
    if len(set(kept)) != len(kept):
        raise RedirectUriError("The same redirect URI was given twice.")
    return kept


def match(registered: Iterable[str], sent: str) -> str | None:
    """The registered URI that `sent` means, or None."""
    if len(sent) > MAX_LENGTH:
        return None
    known = tuple(registered)
    if sent in known:
        return sent
    loopback = _LOOPBACK.match(sent)
    if loopback is None or not _usable(loopback["port"]):
        return None
    for uri in known:
        ours = _LOOPBACK.match(uri)
        if (
            ours is not None
            and takes_any_port(uri)
            and (ours["host"], ours["rest"]) == (loopback["host"], loopback["rest"])
        ):
            return uri
    return None


def takes_any_port(registered: str) -> bool:
    """Whether a request may choose the port: any program on the person's machine can then be the receiver."""
    loopback = _LOOPBACK.match(registered)
    return loopback is not None and (loopback["host"] != "localhost" or loopback["port"] is None)


def at_port_of(sent: str, registered: str) -> str:
    """The registered URI with the port that was sent, where any port would do: what is left differs in earnest."""
    ours = _LOOPBACK.match(registered)
    theirs = re.match(r"http://(?P<host>127\.0\.0\.1|\[::1\]|localhost):(?P<port>[0-9]{1,5})", sent)
    if ours is None or theirs is None or ours["host"] != theirs["host"] or not takes_any_port(registered):
        return registered
    return f"http://{ours['host']}:{theirs['port']}{ours['rest'] or ''}"


def is_loopback(uri: str) -> bool:
    """Whether the answer goes to a program on the person's own machine."""
    return _LOOPBACK.match(uri) is not None


def is_private_scheme(uri: str) -> bool:
    """Whether the answer goes to whichever installed app claimed the scheme."""
    return not uri.startswith(("https://", "http://"))


def origin(uri: str) -> str:
    """What a `form-action` source must name so that the browser may follow the answer: origin or scheme."""
    if is_private_scheme(uri):
        return uri.partition(":")[0] + ":"
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def check_origin(value: str) -> None:
    """Raise RedirectUriError unless `value` is a web origin whose scripts may call us (RFC 6454 §6.2)."""
    parts = None
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        port = None
    if (
        parts is None
        or parts.scheme not in ("https", "http")
        or value != f"{parts.scheme}://{parts.netloc}"
        or "@" in parts.netloc
        or not value.isascii()
    ):
        raise RedirectUriError(
            f"{value[:100]!r} isn't an origin. Write scheme and host alone: https://app.example"
        )
    _check_web(value[:100], parts.scheme, parts.netloc, port)
    if port == {"https": 443, "http": 80}[parts.scheme]:
        raise RedirectUriError(
            f"{value[:100]!r} names the scheme's own port; browsers leave it out, so must you."
        )


def _usable(port: str | None) -> bool:
    return port is None or (port[0] != "0" and int(port) <= 65535)
