"""The numbers of `/metrics`, in Prometheus' own text format; labels are few and closed, never a person or a client.

With several workers, `serve` sets PROMETHEUS_MULTIPROC_DIR before they start, and any of them answers for all.
"""

from __future__ import annotations

import functools
import os

import prometheus_client
from prometheus_client import multiprocess

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One process' counters, in a registry of their own, so that two applications in one process don't meet."""

    media_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        self._logins = prometheus_client.Counter(
            "authserver_logins_total", "Tries to sign in.", ["method", "outcome"], registry=self._registry
        )
        self._tokens = prometheus_client.Counter(
            "authserver_tokens_issued_total", "Access tokens issued.", ["grant"], registry=self._registry
        )
        self._requests = prometheus_client.Counter(
            "authserver_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._duration = prometheus_client.Histogram(
            "authserver_http_request_duration_seconds",
            "Time from the request's head to the answer's last byte.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        # A series is looked up once: each time, the library takes a lock and reads all its labels again.
        self._of = functools.lru_cache(maxsize=1024)(self._series)
        self._issued = functools.lru_cache(maxsize=32)(self._tokens.labels)
        self._lost = prometheus_client.Counter(
            "authserver_audit_events_lost_total",
            "Events that never reached the audit table, because the database was away for too long.",
            registry=self._registry,
        )

    def login(self, method: str, outcome: str) -> None:
        """Counts a try to sign in; `outcome` is success, failure or throttled."""
        self._logins.labels(method, outcome).inc()

    def token_issued(self, grant: str) -> None:
        """Counts an access token; `grant` is a `grant_type` the server knows, never what a caller typed."""
        self._issued(grant).inc()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answered request under its route's template."""
        counted, timed = self._of(method, route, status)
        counted.inc()
        timed.observe(seconds)

    def _series(
        self, method: str, route: str, status: int
    ) -> tuple[prometheus_client.Counter, prometheus_client.Histogram]:
        return self._requests.labels(method, route, str(status)), self._duration.labels(method, route)

    def events_lost(self, number: int) -> None:
        """Counts audit events that had to be given up."""
        self._lost.inc(number)

    def text(self) -> bytes:
        """The exposition of this process, or of all workers when they share a folder."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return prometheus_client.generate_latest(self._registry)
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # upstream: untyped
        return prometheus_client.generate_latest(registry)
