"""Connections to Valkey. Imported only where one is configured: its library is a sixth of what a worker holds."""

from __future__ import annotations

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.exceptions

# How long it may take to count, and how many may ask it at once.
ANSWER_SECONDS, CONNECTIONS = 1.0, 16

FAILURES: tuple[type[Exception], ...] = (redis.exceptions.RedisError, OSError)
"""What any call may raise when Valkey is not well."""

Valkey = redis.asyncio.Redis


def for_counting(url: str) -> Valkey:
    """For `limits`: many at once, and whoever waits too long is told so."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0),  # a second try would count twice
    )
    return Valkey.from_pool(pool)


def for_telling(url: str) -> Valkey:
    """For `cache`: changes are told and heard of.

    What can't be told at once isn't: everybody polls as well, and whoever stops waits for what is being told. The
    limit does not end listening, which may go on in silence.
    """
    return Valkey.from_url(
        url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS, health_check_interval=30
    )
