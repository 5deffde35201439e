"""HTTP/1.1 as far as we let it in: uvicorn's httptools protocol with limits of time and size, and one reading only.

A message that two programs could read differently is refused (RFC 9112 §6.3, §11.2), and so is one that takes too
long or is too large; then the connection ends. Requests themselves are the application's business.
"""

from __future__ import annotations

import asyncio
import enum
import re
from typing import Any

import httptools
from uvicorn.protocols.http import httptools_impl

_BETWEEN = len(b": \r\n")
_HOST = re.compile(rb"(?:[A-Za-z0-9_.~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class _Part(enum.Enum):
    """What arrives next."""

    NEXT = "the first byte of a message"
    HEAD = "request line and headers"
    BODY = "body, chunk sizes and trailers"


class _RefusalError(Exception):
    """Ends the parsing; the status and the sentence are the answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class _HeadWithBody:
    """The transport for one answer: its head waits for the first of its body, so that both leave by one system call.

    By two, a small answer costs a tenth more of the server's time, and its client reads twice.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._begun = False
        self._head = b""

    def write(self, data: bytes) -> None:
        if not self._begun:
            self._begun, self._head = True, data
            self._loop.call_soon(self._let_go)  # the body may be long in coming
        elif self._head:
            self._head, whole = b"", self._head + data
            self._transport.write(whole)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._let_go()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _let_go(self) -> None:
        if self._head and not self._transport.is_closing():
            self.write(b"")


class Protocol(httptools_impl.HttpToolsProtocol):
    """One connection. Its limits are attributes of the class, in seconds and bytes."""

    HEAD_SECONDS = 10.0
    HEAD_BYTES = 16 * 1024
    HEADERS = 100
    URL_BYTES = 8 * 1024
    BODY_SECONDS = 30.0
    UNREAD_SECONDS = 60.0  # a client that takes nothing of our answer is gone
    DOORS_SECONDS = 0.3  # in which other workers too stop listening
    GOODBYE_SECONDS = 1.0  # what is still on its way when we end is heard, or thrown away

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._part = _Part.NEXT
        self._messages = 0
        self._watched = (0, _Part.NEXT)
        self._head = 0  # bytes of this message's head
        self._unfinished = 0  # bytes since anything was last complete
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._ending = False
        self._deaf = False  # nothing more is read as a request
        self._refusal: _RefusalError | None = None  # waits for the answers to earlier requests
        super().__init__(*arguments, **named)
        self.ws_protocol_class = None  # whatever uvicorn is told: there are no WebSockets here

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn narrows it
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.HEAD_SECONDS, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unfinished += len(data)  # back to nothing whenever the parser finds something whole
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # the request is answered in HTTP/1.1, but what follows it is something else
        except httptools.HttpParserError as error:
            reason = error.__context__
            if not isinstance(reason, _RefusalError):
                reason = _RefusalError(400, "The request is not well-formed HTTP/1.1.")
            self._refuse(reason)
            return
        if self._unfinished > self.HEAD_BYTES:
            self._refuse(self._too_large())
        else:
            self._watch()

    # What the parser finds

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._part = _Part.HEAD
        self._messages += 1
        self._head = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._head += len(url)
        if len(self.url) > self.URL_BYTES:
            raise _RefusalError(414, f"The address is longer than {self.URL_BYTES} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value) + _BETWEEN
        if self._head > self.HEAD_BYTES or len(self.headers) >= self.HEADERS:
            raise self._too_large()
        if self._part is _Part.HEAD:  # trailers must not pass for headers (RFC 9110 §6.5.1)
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()
        # There, what is written first goes alone.
        if self.scope["method"] != "HEAD" and not self.expect_100_continue:
            self.cycle.transport = _HeadWithBody(self.transport, self.loop)  # type: ignore[assignment]  # all it needs
        if self._ending or self.parser.should_upgrade():
            self.cycle.keep_alive = False
        self._part = _Part.BODY
        self._unfinished = 0

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unfinished = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part = _Part.NEXT
        self._unfinished = 0

    def on_response_complete(self) -> None:
        last = not self.pipeline
        super().on_response_complete()
        if last and self._refusal is not None and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._say_goodbye(self._refusal)

    def _check_head(self) -> None:
        """Raises for a head with two readings."""
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise _RefusalError(400, "This server speaks HTTP/1.1.")
        hosts: list[bytes] = []
        lengths: list[bytes] = []
        codings: list[bytes] = []
        wanted = {b"host": hosts, b"content-length": lengths, b"transfer-encoding": codings}
        for name, value in self.headers:
            if name in wanted:
                wanted[name].append(value.strip(b" \t"))
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise _RefusalError(400, "A request has exactly one Host header, with a host and perhaps a port.")
        if lengths and (codings or len(lengths) > 1 or not re.fullmatch(rb"[0-9]{1,18}", lengths[0])):
            raise _RefusalError(400, "Content-Length is one number, and goes without Transfer-Encoding.")
        if codings and (version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]):
            raise _RefusalError(400, "The only Transfer-Encoding is chunked, in HTTP/1.1.")

    # Time

    def _watch(self) -> None:
        """Starts the clock of whatever part of whichever message now arrives."""
        now = (self._messages, self._part)
        if now == self._watched:
            return
        self._watched = now
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._part is not _Part.NEXT:
            self._deadline = self.loop.call_later(self._patience(), self._late)

    def _patience(self) -> float:
        return self.BODY_SECONDS if self._part is _Part.BODY else self.HEAD_SECONDS

    def _late(self) -> None:
        if self.flow.read_paused:  # it is us who don't read
            self._deadline = self.loop.call_later(self._patience(), self._late)
        elif self._part is _Part.NEXT:
            self.transport.close()
        else:
            self._refuse(_RefusalError(408, f"The request took longer than {self._patience():.0f} seconds."))

    def timeout_keep_alive_handler(self) -> None:
        if self._part is _Part.NEXT:  # otherwise the deadline decides
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self.UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    # The end

    def shutdown(self) -> None:
        """A request that is on its way while we stop is answered still; then the connection ends.

        Not at once: a client sent away now would come to a worker that is about to close its door.
        """
        self.loop.call_later(self.DOORS_SECONDS, self._end)

    def _end(self) -> None:
        self._ending = True
        if self._answering():
            self.cycle.keep_alive = False
        elif self._part is _Part.NEXT:
            self._unset_keepalive_if_required()
            self.loop.call_later(self.GOODBYE_SECONDS, self._end_if_idle)

    def _end_if_idle(self) -> None:
        if self._part is _Part.NEXT and not self._answering():
            self.transport.close()

    def _answering(self) -> bool:
        cycle: httptools_impl.RequestResponseCycle | Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _too_large(self) -> _RefusalError:
        if self._part is _Part.BODY:
            return _RefusalError(400, "Chunk extensions and trailers are too large.")
        return _RefusalError(431, f"Headers take at most {self.HEAD_BYTES} bytes and {self.HEADERS} lines.")

    def _refuse(self, reason: _RefusalError) -> None:
        """Ends the connection with this answer, after those that earlier requests still wait for."""
        self._deaf = True
        if self._deadline is not None:
            self._deadline.cancel()
        self.logger.info("Refused a request with %d: %s", reason.status, reason.sentence)
        answering, in_body = self._answering(), self._part is _Part.BODY
        if in_body and self.pipeline:
            self.pipeline.popleft()  # the newest, which is the refused one
            self._refusal = reason
        elif answering and not in_body:
            self._refusal = reason
        elif in_body and (not answering or self.cycle.response_started):
            self.transport.close()  # it has its answer, or some of it
        else:
            if answering:
                self.cycle.disconnected = True
                self.cycle.waiting_for_100_continue = False
                self.cycle.message_event.set()
            self._say_goodbye(reason)

    def _say_goodbye(self, reason: _RefusalError) -> None:
        self._answer(reason)
        if self.transport.can_write_eof():
            # Closed with bytes unread, the system would throw away our answer with them.
            self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(self.GOODBYE_SECONDS, self.transport.close)
        else:
            self.transport.close()

    def _answer(self, reason: _RefusalError) -> None:
        body = reason.sentence.encode() + b"\n"
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        self.transport.write(b"".join([httptools_impl.STATUS_LINE[reason.status], *lines, b"\r\n", body]))
