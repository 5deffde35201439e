"""What the process holds open while it runs, built once by `app.py` and handed to every route."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from keys.verifier import Verifier

from .clock import Clock
from .database import Database
from .files import Files
from .settings import Settings
from .studio import Studio


@dataclass(frozen=True)
class State:
    """The service's long-lived parts."""

    settings: Settings
    clock: Clock
    database: Database
    verifier: Verifier
    files: Files
    studio: Studio


def of(request: Request) -> State:
    """The state of the app that answers this request."""
    state: State = request.app.state.resource_api
    return state


async def _house(request: Request) -> State:
    return of(request)  # `async`, or FastAPI would ask a thread of its pool for it at every request


House = Annotated[State, Depends(_house)]
