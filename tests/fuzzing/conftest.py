"""How long to fuzz, and what is fuzzed.

`short` is what every run of the tests affords, the same examples each time; `make fuzz` asks for `long`
(`--hypothesis-profile long`), which is random and remembers in `.hypothesis` what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.support import databases
from tests.support.clock import ManualClock

from . import gallery_stage, oauth_stage, stage

if TYPE_CHECKING:
    from keys.signing import SigningKey

_ROOT = Path(__file__).resolve().parents[2]
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "short",
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # to make a long life shorter takes longer than a test may
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "long",
    deadline=None,
    derandomize=False,
    database=DirectoryBasedExampleDatabase(_ROOT / ".hypothesis" / "examples"),
    suppress_health_check=_SLOW,
    print_blob=True,
)


@pytest.fixture(scope="module", params=databases.KINDS)
def oauth(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[oauth_stage.OAuthStage]:
    """The authorization server with apps, two people, and a bystander, on either database."""
    from tests.support import authserver

    folder = tmp_path_factory.mktemp("oauth")
    with stage.Loop() as loop:
        url = loop.enter(databases.fresh(request.param, "authserver", authserver.build, folder))
        server = loop.enter(authserver.running(authserver.configured(url), ManualClock()))
        yield oauth_stage.OAuthStage(loop, server)


@pytest.fixture(scope="module")
def gallery(
    issuer_key: SigningKey, jwks_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[gallery_stage.GalleryStage]:
    """The resource API with five callers and what they share, on PostgreSQL, the pickier of the two."""
    from tests.support import gallery as support

    folder = tmp_path_factory.mktemp("gallery")
    with stage.Loop() as loop:
        url = loop.enter(databases.fresh("postgresql", "resource_api", support.migrate, folder))
        running = support.running(url, ManualClock(), issuer_key, jwks_url, folder / "files")
        yield gallery_stage.GalleryStage(loop, loop.enter(running))
