"""The life of a grant as the rules tell it, in a hundred lines and without a database: what the state machine believes.

Every number and every condition stands here a second time, in words of its own; nothing is read from the server.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

CODE_SECONDS = 60
CODE_KEPT_SECONDS = 3720
"""A code is known that long after it was made; later nobody need remember that it was used."""
ACCESS_SECONDS = 300
GRACE_SECONDS = 60
DAY = 86_400
IDLE_SECONDS, ABSOLUTE_SECONDS = 30 * DAY, 90 * DAY
SESSION_IDLE_SECONDS, SESSION_ABSOLUTE_SECONDS = DAY // 2, 30 * DAY
TOUCH_SECONDS = 60
SCOPES = ("images:read", "images:write", "gallery:read")


@dataclass(eq=False)
class Person:
    """Somebody with an account."""

    email: str
    id: str
    valid_from: float = 0.0
    disabled: bool = False
    failures: int = 0

    def may(self, auth_time: float) -> bool:
        """Whether what was signed in for at that time still counts."""
        return not self.disabled and self.valid_from <= auth_time


@dataclass(eq=False)
class App:
    """A client; `stopped_at` is when it was last disabled or enabled: tokens from before are over."""

    name: str
    disabled: bool = False
    stopped_at: float = 0.0


@dataclass(eq=False)
class Session:
    """One browser that somebody signed in on."""

    person: Person
    created_at: float
    seen_at: float

    def alive(self, now: float) -> bool:
        return (
            self.person.may(self.created_at)
            and self.created_at > now - SESSION_ABSOLUTE_SECONDS
            and self.seen_at > now - SESSION_IDLE_SECONDS
        )

    def look(self, now: float) -> None:
        """A page was shown: that is noted once a minute."""
        if now - self.seen_at >= TOUCH_SECONDS:
            self.seen_at = now


@dataclass(eq=False)
class Code:
    """A code that was handed out."""

    text: str
    app: App
    person: Person
    scope: frozenset[str]
    auth_time: float
    made_at: float
    used: bool = False
    family: Family | None = None

    def known(self, now: float) -> bool:
        return now < self.made_at + CODE_KEPT_SECONDS


@dataclass(eq=False)
class Family:
    """What came of one code. `tokens` are its refresh tokens, the current one last."""

    code: Code
    grant_id: str
    tokens: list[str]
    created_at: float
    rotated_at: float
    revoked: bool = False

    def alive(self, now: float) -> bool:
        return (
            not self.revoked
            and self.code.person.may(self.code.auth_time)
            and now < self.created_at + ABSOLUTE_SECONDS
            and now < self.rotated_at + IDLE_SECONDS
        )

    def current(self, token: str) -> bool:
        return token == self.tokens[-1]

    def forgiven(self, token: str, now: float) -> bool:
        """Whether this is the one before the current one, asked for again because an answer was lost."""
        before = self.tokens[-2:-1]
        return token in before and now - self.rotated_at <= GRACE_SECONDS


@dataclass(eq=False)
class Access:
    """An access token that was handed out."""

    text: str
    family: Family
    scope: frozenset[str]
    made_at: float
    revoked: bool = False

    def active(self, now: float) -> bool:
        code = self.family.code
        return (
            now < self.made_at + ACCESS_SECONDS
            and not self.revoked
            and not self.family.revoked
            and not code.app.disabled
            and self.made_at >= code.app.stopped_at
            and code.person.may(code.auth_time)
        )


@dataclass(frozen=True)
class Said:
    """What an endpoint answers: the status, and the error where it is one."""

    status: int
    error: str = ""


GOOD = Said(200)
NO_CLIENT = Said(401, "invalid_client")
NO_GRANT = Said(400, "invalid_grant")
NO_SCOPE = Said(400, "invalid_scope")


@dataclass
class Life:
    """Everybody and everything there is."""

    now: float
    people: list[Person] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    consents: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    codes: list[Code] = field(default_factory=list)
    families: list[Family] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)

    def allowed(self, person: Person, app: App) -> set[str]:
        """What this person has allowed the app so far."""
        return self.consents.setdefault((person.id, app.name), set())

    def consented(
        self, person: Person, app: App, asked: Collection[str], ticked: Collection[str]
    ) -> frozenset[str]:
        """What pressing Allow amounts to, and from now on is remembered; nothing when that is a refusal."""
        before = self.allowed(person, app)
        kept = {each for each in asked if each in ticked or each in before or len(asked) == 1}
        before |= kept
        return frozenset(kept)

    def redeem(self, code: Code, app: App, *, proven: bool) -> Said:
        """A code at the token endpoint; `proven`: with the right verifier and redirect URI."""
        if app.disabled:
            return NO_CLIENT
        if app is not code.app or not proven or not code.person.may(code.auth_time):
            return NO_GRANT
        if code.used:
            if code.family is not None:
                code.family.revoked = True
            return NO_GRANT
        if self.now >= code.made_at + CODE_SECONDS:
            return NO_GRANT
        code.used = True
        return GOOD

    def refresh(self, family: Family, token: str, app: App, scope: Collection[str] | None) -> Said:
        """A refresh token at the token endpoint. The caller notes the successor."""
        if app.disabled:
            return NO_CLIENT
        if app is not family.code.app or not family.alive(self.now):
            return NO_GRANT
        if not family.current(token) and not family.forgiven(token, self.now):
            family.revoked = True
            return NO_GRANT
        if scope is not None and not set(scope) <= family.code.scope:
            return NO_SCOPE
        return GOOD

    def revoke(self, family: Family, app: App, access: Access | None = None) -> Said:
        """A refresh token of the family, or one access token, given back."""
        if app.disabled:
            return NO_CLIENT
        if app is family.code.app:
            if access is None:
                family.revoked = True
            elif self.now < access.made_at + ACCESS_SECONDS:
                access.revoked = True
        return GOOD
