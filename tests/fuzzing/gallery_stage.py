"""The gallery as a stage: Ana's image and gallery, shared with some; and everything put back after a change."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

import requests

from tests.attacks import scenes
from tests.resource_api.callers import ANA, BRUNO, CLARA, EVERYTHING, MACHINE

from . import documented, stage

BATCH = 50
WHO = {"owner": ANA, "editor": BRUNO, "reader": CLARA, "stranger": scenes.DORA, "machine": MACHINE}


class GalleryStage:
    """One gallery. Ana's objects are fuzzed by several people; Dora's are the bystander's."""

    def __init__(self, loop: stage.Loop, gallery: Any) -> None:
        self.loop, self.gallery = loop, gallery
        self.scene: scenes.Scene = loop.run(scenes.build(gallery))
        self._before = loop.run(scenes.kept(gallery))
        self._numbers = itertools.count()
        self.mark = "mark-" + secrets.token_hex(8)
        self.secrets = {self.mark, str(gallery.settings.database_url), str(gallery.settings.files)}

    def token(self, who: str) -> str:
        sub = WHO[who]
        client_id = sub if sub.startswith("app_") else "app_web"
        return str(self.gallery.mint(sub=sub, scope=EVERYTHING, client_id=client_id))

    def ids(self) -> dict[str, str]:
        """What stands in an address of Ana's objects, by its name there."""
        ana = self.scene.ana
        return {"image_id": ana.image_id, "gallery_id": ana.gallery_id, "share_id": ana.image_share}

    def aimed(self, case: documented.Case) -> documented.Case:
        """The case, at objects that exist."""
        for name, value in self.ids().items():
            if name in case.path_parameters:
                case.path_parameters[name] = value
            if isinstance(case.body, dict) and name in case.body:
                case.body[name] = value
        return case

    def send_case(
        self, case: documented.Case, who: str
    ) -> tuple[stage.Sent, requests.PreparedRequest, stage.Answer]:
        headers = {"Authorization": f"Bearer {self.token(who)}"} if who in WHO else {}
        sent, prepared = documented.wire(case, self.gallery.settings.resource, headers, "192.0.2.1")
        return sent, prepared, self.send(sent)

    def send(self, sent: stage.Sent) -> stage.Answer:
        answer = self.loop.run(stage.exchange(self.gallery.app, sent))
        if sent.method not in ("GET", "HEAD") and answer.status < 300:
            self.loop.run(scenes.put_back(self.gallery, self._before))
        if next(self._numbers) % BATCH == BATCH - 1:
            self._rest()
        return answer

    def _rest(self) -> None:
        """Nothing has changed but what was put back, and the bystander is served."""
        given = {"Authorization": f"Bearer {self.token('stranger')}"}
        mine = self.loop.run(self.gallery.client.get("/images", headers=given))
        assert [each["id"] for each in mine.json()["items"]] == [self.scene.spare[scenes.DORA]]
        now = self.loop.run(scenes.kept(self.gallery))
        tables = ("images", "galleries", "placements", "shares", "balances", "storage")
        assert {name: now[0][name] for name in tables} == {name: self._before[0][name] for name in tables}
