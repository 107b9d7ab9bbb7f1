"""How connectors speak HTTP: one pooled session a source, careful with what it repeats, reads and says.

What may be repeated is tried again with waits that double and vary (urllib3's `Retry` reckons them): all requests of a
connector only read. A refusal is never repeated: three wrong passwords lock the address in some systems.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json as json_text
import logging
import re
import time
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import quote, quote_plus, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3 import Retry
from urllib3.exceptions import HTTPError, InvalidHeader, ReadTimeoutError

from ingestion.errors import ConfigurationError, SourceError, SourceMissing, SourceRefusal

log = logging.getLogger(__name__)
CHUNK = 64 << 10
MASK = "***"
# what is shorter would be masked in words that have nothing to do with it
SHORTEST_SECRET = 4
REFUSED = frozenset({401, 403})
MISSING = frozenset({404, 410})
# the server may answer better later
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTED = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 3
# of what a server says of its refusal, in characters
MOST_STATED = 200
MARKS = ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))
Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a session allows itself.

    Args:
        connect_seconds, read_seconds: how long a connection, and each read of an answer, may take.
        answer_seconds: how long one whole answer may take.
        answer_bytes: how long an answer may be, once decompressed.
        attempts: how often what may be repeated is tried in all.
        first_wait_seconds, longest_wait_seconds: of the waits between attempts, which double, and vary.
        requests_per_second: never more.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    answer_seconds: float = 300.0
    answer_bytes: int = 64 << 20
    attempts: int = 6
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 120.0
    requests_per_second: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, whole.

    Args:
        status: HTTP status.
        headers: by name, whatever its case.
        body: exact bytes, decompressed.
        path: path and query that were asked for, secrets masked.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str

    @property
    def media_type(self) -> str:
        """Such as `application/json`, without parameters, in lower case; empty where the server says none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def server_time(self) -> dt.datetime | None:
        """The server's clock (`Date`), UTC: what a watermark is made of, never our own clock."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(dt.UTC)
        except (KeyError, ValueError):
            return None

    def text(self) -> str:
        """The body as text, in the charset of its mark or header, else UTF-8.

        Raises:
            SourceError: it is not in that charset.
        """
        charset = _charset(self.headers.get("content-type", "")) or "utf-8"
        body = self.body
        for mark, name in MARKS:
            if body.startswith(mark):
                charset, body = name, body[len(mark) :]
                break
        try:
            return body.decode(charset)
        except (LookupError, UnicodeDecodeError) as error:
            raise SourceError(
                f"the answer to {self.path} is not in the charset {charset!r} that it announces",
                "have the server's encoding mended: guessing would spoil accents",
            ) from error

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            SourceError: it is none.
        """
        try:
            return json_text.loads(self.text())
        except ValueError as error:
            raise SourceError(
                f"the answer to {self.path} is no JSON, or was cut short ({len(self.body)} bytes)",
                "nothing to do if the next pull succeeds; else see what stands between us and the server",
            ) from error


class Session:
    """Requests to one server, and to no other.

    Args:
        address: such as `https://enquetes.example.org/limesurvey`; paths are appended to it. Plain http is for this
            machine only.
        headers: sent with every request (an authorization belongs here); their values are masked like `secrets`.
        limits: by default those of `Limits`.
        secrets: texts that no log, error or kept path may show; `add_secret` adds those that come later.
        sleep: waits so many seconds.

    Attributes:
        requests: how many were sent so far, repeated ones included.

    Raises:
        ConfigurationError: the address is none, has a user or a password in it, or would carry secrets in the clear.
    """

    def __init__(
        self,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        secrets: Iterable[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = checked_address(address)
        self._limits = limits or Limits()
        self._secrets: set[str] = set()
        self._sleep = sleep
        self._last = 0.0
        self._session = requests.Session()
        # a machine's .netrc must not add an account of its own
        self._session.auth = _leave
        # our account is what the headers say: a cookie would open a second one, which some systems refuse
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers["User-Agent"] = "lakou"
        self.requests = 0
        for text in secrets:
            self.add_secret(text)
        for name, value in (headers or {}).items():
            self.set_header(name, value)

    def add_secret(self, text: str) -> None:
        """Mask this text too from now on."""
        if len(text) >= SHORTEST_SECRET:
            self._secrets |= {text, quote(text, safe=""), quote_plus(text)}

    def set_header(self, name: str, value: str) -> None:
        """Send this header from now on (such as a session's token); its value is masked."""
        self.add_secret(value)
        # the token alone, too: it may come back without `Bearer`
        self.add_secret(value.rpartition(" ")[2])
        self._session.headers[name] = value

    def masked(self, text: str) -> str:
        """A text without the secrets that this session knows."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
    ) -> Answer:
        """Ask for a path, or a whole URL of which only path and query are taken: the server is always ours.

        Args:
            expect: statuses that are answers; any other is an error.

        Raises:
            SourceRefusal: 401 or 403; tried once only.
            SourceMissing: 404 or 410.
            SourceError: any other status, or none after all attempts (429, 5xx, cut, slow or truncated answers).
        """
        return self._ask("GET", path, expect, params=params, headers=headers)

    def post(
        self,
        path: str,
        *,
        json: object = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Collection[int] = (200,),
        is_login: bool = False,
    ) -> Answer:
        """Send JSON; repeated like `get` unless `is_login`: a login is sent once, whatever becomes of it."""
        return self._ask("POST", path, expect, params=params, headers=headers, json=json, is_once=is_login)

    def delete(self, path: str, *, expect: Collection[int] = (200, 204)) -> Answer:
        """Give something of ours back, such as the server's session; sent once, whatever becomes of it."""
        return self._ask("DELETE", path, expect, is_once=True)

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def _ask(
        self, method: Method, path: str, expect: Collection[int], *, is_once: bool = False, **given: Any
    ) -> Answer:
        limits = self._limits
        url = self._url(path)
        retry = Retry(
            total=None,
            backoff_factor=limits.first_wait_seconds,
            backoff_max=limits.longest_wait_seconds,
            backoff_jitter=limits.first_wait_seconds,
        )
        attempts = 1 if is_once else limits.attempts
        for attempt in range(1, attempts + 1):
            asked = 0.0
            try:
                answer = self._once(method, url, **given)
                if answer.status in expect:
                    _check_whole(answer)
                    return answer
                failure = self._failure(answer)
                if answer.status not in PASSING:
                    raise failure
                asked = _retry_after(retry, answer)
            except _PASSING_ERRORS as error:
                failure = SourceError(
                    f"{self.masked(self._shown(url))}: {_reason(error)}",
                    "see whether the server is up; what was pulled before is kept and the next pull goes on",
                )
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise failure from error
            if attempt == attempts or asked > limits.longest_wait_seconds:
                break
            retry = retry.increment(method, url, error=HTTPError("tried"))
            wait = max(asked, retry.get_backoff_time(), limits.first_wait_seconds / 2)
            log.info("%s; again in %.1f s (%d of %d)", failure.what, wait, attempt, attempts)
            self._sleep(wait)
        raise failure

    def _once(self, method: Method, url: str, **given: Any) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            self._keep_the_rate()
            self.requests += 1
            limits = self._limits
            with self._session.request(
                method, url, timeout=(limits.connect_seconds, limits.read_seconds), allow_redirects=False, stream=True,
                verify=True, **given,
            ) as response:  # fmt: skip
                if response.status_code not in REDIRECTED:
                    body = self._read(response)
                    if not body and _has_cut_head(response):
                        raise HTTPError("the head of the answer is cut short")
                    path = self.masked(self._shown(response.url))
                    return Answer(response.status_code, CaseInsensitiveDict(response.headers), body, path)
                url = self._redirected(method, response)
                given.pop("params", None)
        raise SourceError(f"{self.masked(self._shown(url))} is redirected again and again", "mend the source's address")

    def _read(self, response: requests.Response) -> bytes:
        limits, began, parts, size = self._limits, time.monotonic(), [], 0
        # what has come, whatever its length: a server that drips bytes is told from one that is busy
        while part := response.raw.read1(CHUNK, decode_content=True):
            parts.append(part)
            size += len(part)
            shown = self.masked(self._shown(response.url))
            if size > limits.answer_bytes:
                raise SourceError(
                    f"the answer to {shown} is longer than {limits.answer_bytes} bytes",
                    "ask for smaller pages (`options: page:` in the source's file)",
                )
            if time.monotonic() - began > limits.answer_seconds:
                raise _TooSlow(f"the answer was not whole after {limits.answer_seconds:.0f} s")
        return b"".join(parts)

    def _redirected(self, method: Method, response: requests.Response) -> str:
        where = response.headers.get("location", "")
        target = requests.compat.urljoin(response.url, where)
        if _server(target) != _server(self._address) or (method != "GET" and response.status_code < 307):
            raise SourceError(
                f"{self.masked(self._shown(response.url))} sends us elsewhere"
                f" ({_server(target)[1] if where else 'nowhere'}), and our key with it",
                "write the address that the server itself uses in the source's file, if it is the right one",
            )
        return target

    def _failure(self, answer: Answer) -> SourceError:
        said = f"{self._host()} answers {answer.status} to {answer.path}"
        # masked before it is cut: a part of a secret would stay
        if reason := self.masked(_stated(answer))[:MOST_STATED]:
            said += f" ({reason})"
        if answer.status in REFUSED:
            return SourceRefusal(
                f"{said}: our account is refused",
                "mend the connection (key, right to read, address allowed); it was tried once and is not tried again"
                " before, since some systems lock the address after three wrong passwords",
            )
        if answer.status in MISSING:
            return SourceMissing(said, "see whether the form, survey or entity still exists and what its address is")
        if answer.status in PASSING:
            return SourceError(said, "the server is busy or ill: the next pull goes on from here")
        return SourceError(said, "see the source's file; the server understands something else")

    def _url(self, path: str) -> str:
        """The address of a path on our server; of a URL that the server writes, its own name may be another."""
        root = urlsplit(self._address)
        if "://" in path:
            parts = urlsplit(path)
            return f"{root.scheme}://{root.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        return f"{self._address}/{path.lstrip('/')}"

    def _shown(self, url: str) -> str:
        parts = urlsplit(url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def _host(self) -> str:
        return urlsplit(self._address).netloc

    def _keep_the_rate(self) -> None:
        wait = self._last + 1 / self._limits.requests_per_second - time.monotonic()
        if wait > 0:
            self._sleep(wait)
        self._last = time.monotonic()


class _TooSlow(Exception):  # noqa: N818 - caught here
    """An answer took too long as a whole."""


_PASSING_ERRORS = (requests.RequestException, HTTPError, _TooSlow, ConnectionError, TimeoutError)


def checked_address(address: str) -> str:
    """An address without its last `/`.

    Raises:
        ConfigurationError: it is none, has a user in it, or is plain http to another machine.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"{address!r} is no address of a server", "write https://host/path")
    if parts.username or parts.password:
        raise ConfigurationError("the address of a server has an account in it", "put it into the connection")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ConfigurationError(
            f"http://{parts.netloc} would carry the key and the answers in the clear", "write https://"
        )
    return address.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _leave(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _has_cut_head(response: requests.Response) -> bool:
    """Whether the connection ended before the headers did: they would be taken for all of them."""
    original = getattr(response.raw, "_original_response", None)
    return original is not None and bool(original.msg.defects)


def _check_whole(answer: Answer) -> None:
    """A server that closes the connection instead of telling the length cuts JSON short unseen: parsing shows it."""
    if answer.media_type == "application/json" or answer.media_type.endswith("+json"):
        try:
            json_text.loads(answer.body)
        except UnicodeDecodeError as error:
            if not answer.body.rstrip().endswith((b"}", b"]")):
                raise HTTPError("the JSON of the answer is cut short") from error
            answer.text()
        except ValueError as error:
            raise HTTPError("the JSON of the answer is cut short") from error


def _retry_after(retry: Retry, answer: Answer) -> float:
    """Seconds for which the server asks us to wait, none where it does not say so in a way that we can read."""
    value = answer.headers.get("retry-after")
    try:
        return max(retry.parse_retry_after(value), 0.0) if value else 0.0
    except InvalidHeader:
        return 0.0


def _reason(error: Exception) -> str:
    """What went wrong, without the text of the error: it may quote an address with a key in it."""
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the server does not hold, or TLS fails"
    if isinstance(error, requests.Timeout | _TooSlow | ReadTimeoutError | TimeoutError):
        return "the server is too slow"
    if isinstance(error, requests.ConnectionError):
        return "the server does not answer, or cuts the connection"
    return "the answer is cut short"


def _stated(answer: Answer) -> str:
    """What the server itself says of its refusal, on one short line; empty where it says nothing, or a page."""
    said: object = answer.headers.get("x-status-reason")
    if not said:
        try:
            told = json_text.loads(answer.body)
        except (ValueError, RecursionError):
            return ""
        inner = told.get("error") if isinstance(told, dict) else None
        found = [told.get("message"), told.get("detail")] if isinstance(told, dict) else []
        found.append(inner.get("message") if isinstance(inner, dict) else inner)
        said = next((item for item in found if isinstance(item, str) and item), "")
    # it may quote what was asked for: an address would be somebody's
    plain = "".join(character if character.isprintable() else " " for character in str(said))
    return re.sub(r"\S*@\S*", MASK, " ".join(plain.split()))


def _charset(content_type: str) -> str | None:
    for item in content_type.split(";")[1:]:
        name, _, value = item.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None
