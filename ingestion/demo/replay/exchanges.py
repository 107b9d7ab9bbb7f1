"""Exchanges recorded from real servers, read from `recorded/<system>/NN-name.{req,head,body}`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType

RECORDED = Path(__file__).parent / "recorded"
# the server that sends an answer writes these itself
_SENDERS = frozenset({"date", "connection", "keep-alive", "content-length", "transfer-encoding", "host"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Args:
        method: such as `GET`.
        path: without its query, decoded.
        query: decoded values by name; the last one where a name comes twice.
        headers: by name in lower case.
        body: exact bytes.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answers: `headers` without those that depend on the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def saying(self, value: object, **headers: str) -> Reply:
        """The same head with a JSON body, and headers of its own."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return Reply(self.status, self.headed(**headers).headers, body)

    def headed(self, **headers: str) -> Reply:
        """The same with these headers (`_` stands for `-`) in place of those of their names."""
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        taken = {name.lower() for name in given}
        kept = {name: text for name, text in self.headers.items() if name.lower() not in taken}
        return Reply(self.status, kept | given, self.body)

    def at(self, when: dt.datetime) -> Reply:
        """The same, given at a moment of the server's clock."""
        return self.headed(Date=format_datetime(when.astimezone(dt.UTC), usegmt=True))


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded exchange: `asked` is its request line's path and query, as sent."""

    method: str
    asked: str
    reply: Reply


@cache
def recorded(system: str) -> Mapping[str, Exchange]:
    """Exchanges of a system by their number, such as `"07"`."""
    found = {}
    for head in sorted((RECORDED / system).glob("*.head")):
        method, asked, _ = head.with_suffix(".req").read_bytes().split(b"\n", 1)[0].decode().split(" ", 2)
        status, *lines = head.read_text(encoding="latin-1").splitlines()
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        kept = {name: value for name, value in headers.items() if name.lower() not in _SENDERS}
        reply = Reply(int(status.split(" ")[1]), MappingProxyType(kept), head.with_suffix(".body").read_bytes())
        found[head.name.partition("-")[0]] = Exchange(method, asked, reply)
    return MappingProxyType(found)
