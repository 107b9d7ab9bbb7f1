"""A server on 127.0.0.1 that answers as a system was recorded to, and, where asked, as a bad network would have it.

A behaviour is one system: it keeps what the system would (records, sessions, a clock) and answers one request at a time.
"""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from ingestion.demo.replay.exchanges import Reply, Request


class Behaviour(Protocol):
    """One system."""

    def respond(self, request: Request) -> Reply:
        """Answer one request; they come one at a time."""
        ...


@dataclass(frozen=True)
class Faults:
    """What goes wrong between a server and us.

    Args:
        share: of the answers that are spoilt.
        seed: the same one spoils the same answers, in the order of the requests.
        kinds: `cut` at a random byte, `502`, `429` (with Retry-After), `silence` (nothing for `silence_seconds`).
    """

    share: float
    seed: int = 1
    kinds: tuple[str, ...] = ("cut", "502", "429", "silence")
    silence_seconds: float = 1.0


@dataclass
class Replay:
    """A behaviour behind a real socket; a context manager.

    Args:
        port: 0 for any that is free.
        faults: none where the network is good.
        has_length: whether answers tell their length; where they do not, the end of the connection is their end.
        waits_seconds: before each 64 bytes of an answer.
        keeps_requests: whether `requests` keeps all that were asked so far.
        spoilt: how many requests were not answered as they should.
    """

    behaviour: Behaviour
    port: int = 0
    faults: Faults | None = None
    has_length: bool = True
    waits_seconds: float = 0.0
    keeps_requests: bool = True
    requests: list[Request] = field(default_factory=list)
    spoilt: int = 0

    @property
    def address(self) -> str:
        """Such as `http://127.0.0.1:8091`, once it is started."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start to listen, in a thread of its own."""
        self.listener = _server(self)
        self.port = self.listener.server_address[1]
        self._thread = threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.listener.shutdown()
        self.listener.server_close()
        self._thread.join()


def _server(replay: Replay) -> ThreadingHTTPServer:
    lock = threading.Lock()
    chance = random.Random(replay.faults.seed if replay.faults else 0)  # noqa: S311 - not for secrets

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "Replay"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Say nothing: a path may hold a key."""

        def _handle(self) -> None:
            url = urlsplit(self.path)
            request = Request(
                method=self.command,
                path=unquote(url.path),
                query=dict(parse_qsl(url.query, keep_blank_values=True)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            with lock:
                if replay.keeps_requests:
                    replay.requests.append(request)
                fault = _fault(replay.faults, chance)
                replay.spoilt += bool(fault)
                cut = chance.random()
                reply = replay.behaviour.respond(request) if fault in {"", "cut", "silence"} else _spoilt(fault)
            if fault == "silence" and replay.faults is not None:
                time.sleep(replay.faults.silence_seconds)
                self.close_connection = True
                return
            self._send(reply, cut if fault == "cut" else None)

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _handle  # noqa: N815 - the names are the library's

        def _send(self, reply: Reply, cut: float | None) -> None:
            has_body = reply.status not in {204, 304}
            lines = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('Unknown',))[0]}"]
            headers = {"Date": formatdate(usegmt=True), **reply.headers}
            lines += [f"{name}: {value}" for name, value in headers.items()]
            self.close_connection = self.close_connection or not replay.has_length or cut is not None
            if replay.has_length and has_body:
                lines.append(f"Content-Length: {len(reply.body)}")
            if self.close_connection:
                lines.append("Connection: close")
            head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
            data = head + (reply.body if has_body else b"")
            if cut is not None:
                data = data[: int(cut * len(data))]
            try:
                self._write(data, replay.waits_seconds)
            except OSError:
                # whoever asked has gone
                self.close_connection = True
            if cut is not None:
                self.connection.shutdown(socket.SHUT_RDWR)

        def _write(self, data: bytes, waits_seconds: float) -> None:
            if not waits_seconds:
                self.wfile.write(data)
                return
            for place in range(0, len(data), 64):
                self.wfile.write(data[place : place + 64])
                self.wfile.flush()
                time.sleep(waits_seconds)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked has gone before its answer was read: that is no failure of the server."""
            if not isinstance(sys.exception(), OSError):
                super().handle_error(request, client_address)

    return Server(("127.0.0.1", replay.port), Handler)


def _fault(faults: Faults | None, chance: random.Random) -> str:
    if faults is None or chance.random() >= faults.share:
        return ""
    return chance.choice(faults.kinds)


def _spoilt(kind: str) -> Reply:
    if kind == "429":
        said = b'{"message": "Too many requests"}'
        return Reply(429, {"Content-Type": "application/json", "Retry-After": "0"}, said)
    return Reply(502, {"Content-Type": "text/html"}, b"<html><body>502 Bad Gateway</body></html>")
