"""What must hold in the databases and in the folder of files, whatever was killed: asked on connections of our own."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from pathlib import Path

from PIL import Image

from authserver import credentials
from authserver.oauth import refresh_tokens

from .callers import History
from .stage import Stage


def check(stage: Stage, history: History) -> None:
    """Nothing that was confirmed is gone, nothing counts twice, nothing is half there."""
    assert history.wrong == [], "".join(each.output()[-3000:] for each in stage.services)
    _grants(stage, history)
    _pictures(stage, history)
    _credits(stage, history)


def _grants(stage: Stage, history: History) -> None:
    used = {
        row["digest"]: row["used_at"]
        for row in stage.postgres.query("authserver", "SELECT digest, used_at FROM authorization_codes")
    }
    for code in history.codes:
        assert used[credentials.digest(code)] is not None
    families = {
        row["grant_id"]: row for row in stage.postgres.query("authserver", "SELECT * FROM refresh_tokens")
    }
    for token in history.living.values():
        family = families[_family(token)]
        assert family["digest"] == credentials.digest(token)
        assert family["revoked_at"] is None
    for token in history.ended:
        assert families[_family(token)]["revoked_at"] is not None
    # A family begins with a code that was used, and with no other.
    begun = stage.postgres.query(
        "authserver", "SELECT grant_id FROM authorization_codes WHERE used_at IS NOT NULL"
    )
    assert families.keys() <= {row["grant_id"] for row in begun}


def _family(token: str) -> str:
    parsed = refresh_tokens.parse(token)
    assert parsed is not None
    return parsed.grant_id


def _pictures(stage: Stage, history: History) -> None:
    rows = {row["id"]: row for row in stage.postgres.query("gallery", "SELECT * FROM images")}
    assert rows.keys() >= {*history.images, *history.paid.values()}
    assert len(set(history.images)) == len(history.images)
    for image, row in rows.items():
        content = _file(stage.files, image)
        assert (len(content), hashlib.sha256(content).hexdigest()) == (row["size_bytes"], row["digest"])
        Image.open(io.BytesIO(_file(stage.files, f"{image}.thumbnail"))).load()
    shares = {row["id"] for row in stage.postgres.query("gallery", "SELECT id FROM shares")}
    assert shares >= set(history.shares)


def _file(folder: Path, key: str) -> bytes:
    return (folder / key[34:36] / key).read_bytes()


def _credits(stage: Stage, history: History) -> None:
    entries = stage.postgres.query("gallery", "SELECT * FROM ledger ORDER BY owner, number")
    for balance in stage.postgres.query("gallery", "SELECT * FROM balances"):
        own = [each for each in entries if each["owner"] == balance["owner"]]
        assert sum(each["amount"] for each in own) == balance["credits"] == own[-1]["balance_after"]
        assert [each["number"] for each in own] == list(range(1, balance["entries"] + 1))
    paid = Counter(each["reference"] for each in entries if each["reason"] == "image_generated")
    generated = stage.postgres.query("gallery", "SELECT id FROM images WHERE source = 'generated'")
    assert paid == Counter(row["id"] for row in generated), "one payment a picture, one picture a payment"
    answers = {
        row["key"]: json.loads(row["answer"])["id"]
        for row in stage.postgres.query("gallery", "SELECT key, answer FROM idempotent_answers")
    }
    assert set(answers.values()) == paid.keys(), "one key a picture"
    for key, image in history.paid.items():
        assert answers[key] == image
