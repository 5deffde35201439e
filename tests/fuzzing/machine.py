"""The state machine of a grant's life: its rules are what people, apps and administrators do, and time.

A model says before each step what the answer will be; after each step the database must be what the model is.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from authserver.oauth import clients
from authserver.people import users
from tests.authserver.protocol import flows

from . import life, life_database, stage

_TIMES = (
    1, 2, life.CODE_SECONDS - 2, life.CODE_SECONDS - 1, life.CODE_SECONDS, life.GRACE_SECONDS + 1, 299, 300, 3600,
    life.SESSION_IDLE_SECONDS - 1, life.SESSION_IDLE_SECONDS, life.IDLE_SECONDS - 1, life.IDLE_SECONDS, 40 * life.DAY,
)  # fmt: skip
_CHANGES = ("password", "person", "app", "enabled", "enabled", "enabled")
_scopes = st.sets(st.sampled_from(life.SCOPES), min_size=1).map(sorted)


class GrantLife(RuleBasedStateMachine):
    """One life after another on one server; each begins with empty tables."""

    sessions: Bundle[tuple[life.Session, flows.Browser]] = Bundle("sessions")
    codes: Bundle[life.Code] = Bundle("codes")
    families: Bundle[life.Family] = Bundle("families")
    access: Bundle[life.Access] = Bundle("access")

    def __init__(self, loop: stage.Loop, world: flows.World, seen: Counter[str]) -> None:
        super().__init__()
        self.seen = seen
        self.loop, self.world = loop, world
        self.began_at = world.now()
        self.life = life.Life(now=self.began_at)
        self.apps: dict[str, flows.App] = {}
        self.secrets: set[str] = {flows.PASSWORD}

    @initialize(target=sessions)
    def begin(self) -> Any:
        """Two people sign in; two apps are registered, and a third that may ask about the others' tokens."""
        self._do(self.world.write(life_database.clear))
        for email in ("ana@example.test", "bruno@example.test"):
            self.life.people.append(life.Person(email, self._do(self.world.add_person(email))))
        self.apps = {
            "confidential": self._do(self.world.add_app()),
            "public": self._do(self.world.add_app("none")),
            "watcher": self._do(self.world.add_machine(introspects=[flows.RESOURCE])),
        }
        self.life.apps = [life.App("confidential"), life.App("public")]
        self.secrets |= {app.secret for app in self.apps.values() if app.secret}
        return multiple(*(self._sign_in(person) for person in self.life.people))

    # What people do

    @rule(target=sessions, number=st.integers(0, 1))
    def sign_in(self, number: int) -> Any:
        person = self.life.people[number]
        if not person.disabled:
            return self._sign_in(person)
        if person.failures < 9:  # more would be a pause, which is another story
            person.failures += 1
            answer = self._do(self.world.browser().sign_in(person.email))
            assert answer.status_code == 422
        return multiple()

    @rule(
        target=codes,
        chosen=sessions,
        number=st.integers(0, 1),
        asked=_scopes,
        ticked=_scopes,
        refuse=st.booleans(),
    )
    def authorize(
        self,
        chosen: tuple[life.Session, flows.Browser],
        number: int,
        asked: list[str],
        ticked: list[str],
        refuse: bool,
    ) -> Any:
        code = self._authorize(chosen, self.life.apps[number], asked, ticked, refuse=refuse)
        return multiple() if code is None else code

    def _authorize(
        self,
        chosen: tuple[life.Session, flows.Browser],
        app: life.App,
        asked: list[str],
        ticked: list[str],
        *,
        refuse: bool,
    ) -> life.Code | None:
        session, browser = chosen
        person, now = session.person, self.life.now
        answer = self._do(browser.authorize(self.apps[app.name], scope=" ".join(asked)))
        if app.disabled:
            assert answer.status_code == 400
            return None
        page = answer.headers["location"]
        if not session.alive(now):
            self.seen["session over"] += 1
            assert page.startswith("/login?")
            return None
        scope = frozenset(asked)
        if not scope <= self.life.allowed(person, app):
            assert page.startswith("/consent?")
            session.look(now)
            ticked = [each for each in asked if each in ticked]
            answer = self._do(browser.decide(page, "deny" if refuse else "allow", ticked))
            scope = frozenset() if refuse else self.life.consented(person, app, asked, ticked)
        said = flows.answer_of(answer, flows.CB)
        self.seen[f"consent {'given' if scope else 'refused'}"] += 1
        if not scope:
            assert said["error"] == "access_denied"
            return None
        code = life.Code(said["code"], app, person, scope, session.created_at, now)
        self.secrets.add(code.text)
        self.life.codes.append(code)
        return code

    @rule(target=families, people=st.integers(0, 1), apps=st.integers(0, 1), scope=_scopes)
    def whole_flow(self, people: int, apps: int, scope: list[str]) -> Any:
        """From the sign-in to the tokens in one step, for everything that comes after."""
        person, app = self.life.people[people], self.life.apps[apps]
        self._enable(person, app)
        code = self._authorize(self._sign_in(person), app, scope, scope, refuse=False)
        assert code is not None
        return self._redeem(code, app, {}, self.life.redeem(code, app, proven=True))

    # What apps do

    @rule(
        target=families,
        code=codes,
        mine=st.sampled_from([True, True, True, False]),
        fault=st.sampled_from(["", "", "", "verifier", "redirect_uri"]),
    )
    def redeem(self, code: life.Code, mine: bool, fault: str) -> Any:
        if not code.known(self.life.now):
            return multiple()
        app = self._app(code.app, mine)
        wrong = {
            "verifier": {"code_verifier": "x" * 43},
            "redirect_uri": {"redirect_uri": "https://evil.test"},
        }
        replayed = code.used and code.family is not None and not code.family.revoked
        expected = self.life.redeem(code, app, proven=not fault)
        if replayed and code.family is not None and code.family.revoked:
            self.seen["code replayed"] += 1
        return self._redeem(code, app, wrong.get(fault, {}), expected)

    def _redeem(self, code: life.Code, app: life.App, wrong: dict[str, str], expected: life.Said) -> Any:
        members = self._said(self._do(self.world.redeem(self.apps[app.name], code.text, **wrong)), expected)
        return self._family(code, members) if expected == life.GOOD else multiple()

    @rule(target=families, code=codes, times=st.integers(2, 4))
    def redeem_at_once(self, code: life.Code, times: int) -> Any:
        """Of several at the same moment one gets the tokens, and the others end them."""
        if not code.known(self.life.now):
            return multiple()
        expected = [self.life.redeem(code, code.app, proven=True) for _ in range(times)]
        app = self.apps[code.app.name]
        answers = self._do(self._all([self.world.redeem(app, code.text) for _ in range(times)]))
        assert sorted(answer.status_code for answer in answers) == sorted(said.status for said in expected)
        good = [answer.json() for answer in answers if answer.status_code == 200]
        if not good:
            return multiple()
        family = self._family(code, good[0])
        family.revoked = True
        return family

    @rule(
        target=access,
        family=families,
        age=st.sampled_from([0, 0, 0, 1, 1, 2, 9]),
        mine=st.sampled_from([True, True, True, False]),
        scope=st.none() | _scopes,
    )
    def refresh(self, family: life.Family, age: int, mine: bool, scope: list[str] | None) -> Any:
        token = family.tokens[max(0, len(family.tokens) - 1 - age)]
        app, was_current = self._app(family.code.app, mine), family.current(token)
        lived = not family.revoked
        expected = self.life.refresh(family, token, app, scope)
        if lived and family.revoked:
            self.seen["refresh token reused"] += 1
        asked = {"scope": " ".join(scope)} if scope is not None else {}
        members = self._said(self._do(self.world.refresh(self.apps[app.name], token, **asked)), expected)
        if expected != life.GOOD:
            return multiple()
        self._rotated(family, was_current, members)
        return self._access(family, members, frozenset(scope) if scope is not None else family.code.scope)

    @rule(family=families, times=st.integers(1, 3), again=st.sampled_from([0, 1, 2]))
    def use(self, family: life.Family, times: int, again: int) -> None:
        """The app refreshes some times, as apps do, and then presents one it has presented before."""
        for _ in range(times):
            self.refresh(family, 0, True, None)
        self.refresh(family, again, True, None)

    @rule(family=families, times=st.integers(2, 5))
    def refresh_at_once(self, family: life.Family, times: int) -> None:
        """However many ask with the current token at the same moment, all get the same successor, or none."""
        token = family.tokens[-1]
        expected = self.life.refresh(family, token, family.code.app, None)
        app = self.apps[family.code.app.name]
        answers = self._do(self._all([self.world.refresh(app, token) for _ in range(times)]))
        members = [self._said(answer, expected) for answer in answers]
        if expected == life.GOOD:
            assert len({each["refresh_token"] for each in members}) == 1
            self._rotated(family, True, members[0])

    @rule(family=families, age=st.integers(0, 2), mine=st.sampled_from([True, False, False]))
    def revoke(self, family: life.Family, age: int, mine: bool) -> None:
        token = family.tokens[max(0, len(family.tokens) - 1 - age)]
        if self.life.now >= family.created_at + life.ABSOLUTE_SECONDS:
            return  # its row may be gone, and nobody can tell any more
        app = self._app(family.code.app, mine)
        expected = self.life.revoke(family, app)
        self._said(self._do(self.world.post("/oauth/revoke", self.apps[app.name], token=token)), expected)

    @rule(token=access, mine=st.booleans())
    def revoke_access(self, token: life.Access, mine: bool) -> None:
        app = self._app(token.family.code.app, mine)
        expected = self.life.revoke(token.family, app, token)
        self._said(
            self._do(self.world.post("/oauth/revoke", self.apps[app.name], token=token.text)), expected
        )

    @rule(family=families, age=st.integers(0, 2))
    def ask_about_refresh(self, family: life.Family, age: int) -> None:
        """The app that holds it hears the truth; the other hears nothing, and a public one may not ask."""
        token = family.tokens[max(0, len(family.tokens) - 1 - age)]
        alive = family.alive(self.life.now) and (
            family.current(token) or family.forgiven(token, self.life.now)
        )
        for app in self.life.apps:
            answer = self._do(self.world.post("/oauth/introspect", self.apps[app.name], token=token))
            if app.disabled or app.name == "public":
                assert answer.status_code == 401
            else:
                assert answer.json()["active"] is (alive and app is family.code.app)

    @rule(token=access)
    def ask_about_access(self, token: life.Access) -> None:
        self._ask(token)

    # What administrators do, and time

    @rule(number=st.integers(0, 1), change=st.sampled_from(_CHANGES))
    def administer(self, number: int, change: str) -> None:
        """One rule for all, so that ends don't come more often than beginnings."""
        person, app, now = self.life.people[number], self.life.apps[number], self.life.now
        if change == "password":
            person.valid_from = now
            digest = self._do(self.world.server.state.passwords.hash(flows.PASSWORD))
            self._write(users.set_password, person.id, digest)
        elif change == "person":
            person.valid_from, person.disabled = now, True
            self._write(users.disable, person.id)
        elif change == "app":
            app.disabled, app.stopped_at = True, now
            self._write(clients.disable, self.apps[app.name].client_id)
        else:
            self._enable(person, app)

    def _enable(self, person: life.Person, app: life.App) -> None:
        if person.disabled:
            person.disabled = False
            self._write(users.enable, person.id)
        if app.disabled:
            app.disabled, app.stopped_at = False, self.life.now
            self._write(clients.enable, self.apps[app.name].client_id)

    @rule(seconds=st.sampled_from(_TIMES))
    def wait(self, seconds: int) -> None:
        self._pass(seconds)

    @invariant()
    def the_database_agrees(self) -> None:
        if self.apps:
            self._do(
                self.world.server.state.database.read(lambda session: life_database.check(session, self.life))
            )
            self._pass(1)  # no two steps happen in the same second, so that before and after mean something

    def teardown(self) -> None:
        """At the end every access token is asked about, and every table is searched for secrets."""
        for token in self.life.access:
            self._ask(token)
        read = self.world.server.state.database.read
        self._do(read(lambda session: life_database.holds_no_secret(session, self.secrets, self.began_at)))

    # How it is done

    def _do(self, work: Any) -> Any:
        return self.loop.run(work)

    async def _all(self, work: list[Any]) -> list[Any]:
        return await asyncio.gather(*work)

    def _write(self, verb: Any, *arguments: str) -> None:
        now = self.life.now
        self._do(self.world.write(lambda session: verb(session, *arguments, now=now)))

    def _pass(self, seconds: int) -> None:
        self.world.server.clock.advance(seconds)
        self.life.now = self.world.now()

    def _app(self, own: life.App, mine: bool) -> life.App:
        return own if mine else next(app for app in self.life.apps if app is not own)

    def _sign_in(self, person: life.Person) -> tuple[life.Session, flows.Browser]:
        browser = self.world.browser()
        assert self._do(browser.sign_in(person.email)).status_code == 303
        self.secrets |= set(browser.cookies.values())
        return life.Session(person, self.life.now, self.life.now), browser

    def _said(self, answer: Any, expected: life.Said) -> dict[str, Any]:
        members: dict[str, Any] = answer.json() if answer.content else {}
        assert life.Said(answer.status_code, members.get("error", "")) == expected, answer.text
        self.seen[f"{answer.url.path} {expected.status} {expected.error}".strip()] += 1
        return members

    def _family(self, code: life.Code, members: dict[str, Any]) -> life.Family:
        grant_id = flows.claims_of(members["access_token"])["grant_id"]
        now = self.life.now
        family = life.Family(code, grant_id, [members["refresh_token"]], now, now)
        self.secrets.add(members["refresh_token"])
        code.family = family
        self.life.families.append(family)
        self._access(family, members, code.scope)
        return family

    def _rotated(self, family: life.Family, was_current: bool, members: dict[str, Any]) -> None:
        if was_current:
            assert members["refresh_token"] not in family.tokens
            family.tokens.append(members["refresh_token"])
            family.rotated_at = self.life.now
            self.secrets.add(members["refresh_token"])
        else:
            self.seen["lost answer given again"] += 1
            assert members["refresh_token"] == family.tokens[-1], "a lost answer is given again"

    def _access(self, family: life.Family, members: dict[str, Any], scope: frozenset[str]) -> life.Access:
        claims = flows.claims_of(members["access_token"])
        assert set(members["scope"].split()) == set(claims["scope"].split()) == scope <= family.code.scope
        assert claims["grant_id"] == family.grant_id
        assert claims["sub"] == family.code.person.id
        assert claims["aud"] == flows.RESOURCE
        assert claims["client_id"] == self.apps[family.code.app.name].client_id
        assert (claims["iat"], claims["exp"]) == (
            int(self.life.now),
            int(self.life.now) + life.ACCESS_SECONDS,
        )
        token = life.Access(members["access_token"], family, scope, self.life.now)
        self.secrets.add(token.text)
        self.life.access.append(token)
        return token

    def _ask(self, token: life.Access) -> None:
        said = self._do(self.world.introspect(self.apps["watcher"], token.text))
        self.seen[f"access token {'active' if said['active'] else 'over'}"] += 1
        assert said["active"] is token.active(self.life.now)
        if said["active"]:
            assert set(said["scope"].split()) == token.scope
