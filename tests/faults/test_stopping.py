"""Servers that are told to stop and started again one by one, as for an upgrade, while everybody goes on."""

from __future__ import annotations

import time

import pytest

from . import load, promises
from .stage import Stage


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_row_157_servers_are_replaced_one_by_one_and_nobody_is_cut_off(stage: Stage) -> None:
    stage.wait_until_ready()
    with load.running(stage) as history:
        time.sleep(0.5)
        for service in stage.services:
            assert service.stop() == 0
            service.start()
            service.wait_until_ready()
        time.sleep(0.5)
    assert history.cut == []
    assert history.refused == []
    assert not {"code", "refresh", "upload", "generate", "list"} - history.done.keys()
    promises.check(stage, history)
