"""The pages people meet on the way in and out: home, sign-in, account creation, consent, sign-out."""

from __future__ import annotations

from . import consent, home, login, logout, register

ROUTERS = [home.router, login.router, register.router, consent.router, logout.router]
