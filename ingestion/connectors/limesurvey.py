"""LimeSurvey by RemoteControl 2, as 6.4.2 was seen to behave: every answer is a 200, errors included.

A corrected answer keeps its id and all its dates, and a deleted one leaves a hole in the ids: each pull reads every
chunk of ids again, and what it holds is compared with what was known. Chunks keep the server's time linear.
The choices of a question (`get_question_properties`) are read as its documentation says: they were not recorded.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingestion.connectors.interface import (
    Choice,
    Complete,
    Description,
    Field,
    FieldType,
    Page,
    Record,
    Table,
    Watermark,
)
from ingestion.connectors.session import Answer, Session
from ingestion.errors import ConfigurationError, SourceError, SourceMissing, SourceRefusal

PATH = "/index.php/admin/remotecontrol"
# beyond, the server's time grows faster than the number of answers
LARGEST_CHUNK = 2_000
# a session that ends in mid-pull is opened again so many times
MOST_LOGINS = 5
EXPIRED = "Invalid session key"
EMPTY = "No Data, could not get max id."
REFUSALS = ("No permission", "Invalid user name or password", "You have exceeded the number of maximum login")
MISSING = ("No Data, survey table does not exist.", "Error: Invalid survey ID")
# fields of the server's own that hold a date and time without a zone
MOMENTS = frozenset({"submitdate", "startdate", "datestamp"})
WITH_OPTIONS = frozenset({"L", "!", "O", "F", "H", "R", "1"})
TYPES: dict[str, FieldType] = {
    **dict.fromkeys(MOMENTS, "datetime"),
    **dict.fromkeys(("id", "lastpage", "seed"), "integer"),
    **dict.fromkeys(("L", "!", "O", "F", "H", "R", "1", "5", "A", "B", "C", "E", "G", "Y", "M", "P", "I"), "choice"),
    **dict.fromkeys(("N", "K"), "number"),
    "D": "datetime",
    "|": "file",
}
YES_NO = (Choice("Y", {"fr": "Oui", "en": "Yes"}), Choice("N", {"fr": "Non", "en": "No"}))
FIXED: dict[str, tuple[Choice, ...]] = {
    "Y": YES_NO,
    "M": YES_NO[:1],
    "P": YES_NO[:1],
    "G": (Choice("F", {"fr": "Femme", "en": "Female"}), Choice("M", {"fr": "Homme", "en": "Male"})),
    "5": tuple(Choice(str(number), {"": str(number)}) for number in range(1, 6)),
}
OTHER = Choice("-oth-", {"fr": "Autre", "en": "Other"})
_TAG = re.compile(r"<[^>]*>")


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> LimeSurvey:
    """A connector for one server.

    Args:
        credentials: `user` and `password`.
        options: `page`, ids asked for at once (2000 at most).

    Raises:
        ConfigurationError: one of them is missing or no number.
    """
    missing = [name for name in ("user", "password") if not credentials.get(name)]
    if missing:
        raise ConfigurationError(f"the connection has no {' and no '.join(missing)}", "LimeSurvey needs both")
    page = options.get("page", str(LARGEST_CHUNK))
    if not page.isdecimal() or not 1 <= int(page) <= LARGEST_CHUNK:
        raise ConfigurationError(f"`options: page:` is {page!r}", f"write a number of 1 to {LARGEST_CHUNK}")
    return LimeSurvey(session, credentials["user"], credentials["password"], int(page))


class LimeSurvey:
    """One pull from one server; see `interface.Connector`."""

    def __init__(self, session: Session, user: str, password: str, chunk: int) -> None:
        self._session = session
        self._user, self._password = user, password
        self._chunk = chunk
        self._key: str | None = None
        self._logins = 0
        session.add_secret(password)

    def entities(self) -> Sequence[tuple[str, str]]:
        """Surveys of the account."""
        _, surveys = self._call("list_surveys")
        return [(str(item["sid"]), _plain(item["surveyls_title"])) for item in surveys]

    def describe(self, entity: str) -> Description:
        """Questions of a survey, in all its languages."""
        survey = _survey(entity)
        _, properties = self._call("get_survey_properties", survey, ["language", "additional_languages"])
        languages = _languages(properties)
        maps = {language: self._call("get_fieldmap", survey, language)[1] for language in languages}
        first = maps[languages[0]]
        options = self._options(first, languages)
        fields = tuple(_field(name, maps, options) for name in first)
        return Description(entity, self._title(entity), "", (Table(entity, fields),))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        """Every answer, chunk by chunk: nothing but comparing tells which were corrected or deleted.

        A pull that goes on where another was stopped begins there, and ends with what that one had read.
        """
        begin, until = since.get("next"), since.get("until")
        low = begin if isinstance(begin, int) else 1
        last = until if isinstance(until, int) else None
        yield from self._range(entity, low, last)
        if last is not None:
            # what two stopped pulls had read before may have changed
            yield from self.pull(entity, {})
            return
        if low > 1:
            yield from self._range(entity, 1, low - 1)
        yield Complete({})

    def _range(self, entity: str, low: int, last: int | None) -> Iterator[Page]:
        """The answers from one id to another, or to the end."""
        survey = _survey(entity)
        while last is None or low <= last:
            high = low + self._chunk - 1 if last is None else min(low + self._chunk - 1, last)
            page = self._export(survey, entity, low, high)
            following, beyond = high + 1, high
            if not page.records and last is None:
                # an empty chunk is a hole or the end: the ids that are left tell
                left = self._ids(survey, low)
                if not left:
                    yield replace(page, span=(low, None), watermark=None)
                    return
                following, beyond = left[0], left[0] - 1
            mark: Watermark = {"next": following} if last is None else {"next": following, "until": last}
            yield replace(page, span=(low, beyond), watermark=mark)
            low = following

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        """Some answers, one request each: a pull lists all of them, so that this is for a few."""
        for record_id in record_ids:
            if record_id.isdecimal():
                page = self._export(_survey(entity), entity, int(record_id), int(record_id))
                if page.records:
                    yield page

    def close(self) -> None:
        """Give the session's key back."""
        if self._key is not None:
            key, self._key = self._key, None
            self._post("release_session_key", key, is_login=True)

    def _export(self, survey: int, entity: str, low: int, high: int) -> Page:
        answer, rows = self._responses(survey, low, high)
        records = tuple(
            Record(str(row["id"]), entity, {name: _text(value) for name, value in row.items()}) for row in rows
        )
        strange = [record.record_id for record in records if not low <= int(record.record_id) <= high]
        if strange:
            raise SourceError(
                f"LimeSurvey was asked for the answers {low} to {high} and gives {strange[0]}",
                "report it: nothing of this chunk was taken",
            )
        path = f"{answer.path}#{survey}/{low}-{high}"
        return Page(answer.body, answer.media_type, path, records, span=(low, high))

    def _ids(self, survey: int, low: int) -> list[int]:
        _, rows = self._responses(survey, low, None, ["id"])
        return sorted(int(row["id"]) for row in rows)

    def _responses(self, survey: int, *range_and_fields: Any) -> tuple[Answer, list[dict[str, Any]]]:
        """Answers of a range of ids, as `short` JSON under the questions' codes, which no rewording changes."""
        answer, result = self._call("export_responses", survey, "json", None, "all", "code", "short", *range_and_fields)
        if result == EMPTY:
            return answer, []
        try:
            # what is a number here is text in other exports: all is text, as it is written
            document = json.loads(base64.b64decode(result, validate=True), parse_float=str, parse_int=str)
            rows = document["responses"]
            return answer, [dict(row) for row in rows]
        except (binascii.Error, ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"the answers of the survey {survey} cannot be read ({type(error).__name__})",
                "see whether the export of LimeSurvey as JSON works in its own pages",
            ) from error

    def _options(self, fields: Mapping[str, Any], languages: Sequence[str]) -> dict[str, tuple[Choice, ...]]:
        """Choices of the questions that have a list of their own, by question id."""
        asked = {str(item["qid"]) for item in fields.values() if item["type"] in WITH_OPTIONS and item.get("qid")}
        found: dict[str, tuple[Choice, ...]] = {}
        for question in sorted(asked, key=int):
            labels: dict[str, dict[str, str]] = {}
            for language in languages:
                _, told = self._call("get_question_properties", int(question), ["answeroptions"], language)
                options = told.get("answeroptions")
                # without any, it is a sentence
                for code, option in options.items() if isinstance(options, dict) else ():
                    labels.setdefault(str(code), {})[language] = _plain(option["answer"])
            found[question] = tuple(Choice(code, texts) for code, texts in labels.items())
        return found

    def _title(self, entity: str) -> str:
        return dict(self.entities()).get(entity, entity)

    def _call(self, method: str, *params: Any) -> tuple[Answer, Any]:
        """The answer of a method, and its result: an error is an object with the one name `status`."""
        while True:
            if self._key is None:
                self._key = self._login()
            answer, result = self._post(method, self._key, *params)
            status = _status(result)
            if status == EXPIRED and self._logins < MOST_LOGINS:
                self._key = None
                continue
            if status is None or status == EMPTY:
                return answer, EMPTY if status == EMPTY else result
            raise _error(status, method, params[0] if params else "")

    def _login(self) -> str:
        self._logins += 1
        _, result = self._post("get_session_key", self._user, self._password, is_login=True)
        if not isinstance(result, str):
            raise _error(_status(result) or "no key", "get_session_key", self._user)
        self._session.add_secret(result)
        return result

    def _post(self, method: str, *params: Any, is_login: bool = False) -> tuple[Answer, Any]:
        # one id for all calls: the same answers are the same bytes
        answer = self._session.post(PATH, json={"method": method, "params": params, "id": 1}, is_login=is_login)
        document = answer.json()
        if not isinstance(document, dict) or document.get("error") or "result" not in document:
            said = document.get("error") if isinstance(document, dict) else None
            raise SourceError(
                f"LimeSurvey does not understand {method} ({said or 'unreadable answer'})",
                "see that its RPC interface is set to JSON, and its version (6 is known to work)",
            )
        return answer, document["result"]


def _error(status: str, method: str, about: object) -> SourceError:
    what = f"LimeSurvey answers to {method} of {about}: {status}"
    if status.startswith(REFUSALS):
        return SourceRefusal(
            what,
            "mend user, password and rights (an unknown survey is told as `No permission` too); it was tried once,"
            " and after three wrong passwords the address is refused for ten minutes",
        )
    if status.startswith(MISSING):
        return SourceMissing(what, "activate the survey, or take it out of the source's file")
    return SourceError(what, "see the survey in LimeSurvey")


def _status(result: object) -> str | None:
    if isinstance(result, dict) and isinstance(result.get("status"), str) and len(result) == 1:
        return str(result["status"])
    return None


def _survey(entity: str) -> int:
    if not entity.isdecimal():
        raise ConfigurationError(f"{entity!r} is no survey of LimeSurvey", "write its number, such as 185393")
    return int(entity)


def _languages(properties: Mapping[str, Any]) -> list[str]:
    more = str(properties.get("additional_languages") or "").split()
    return list(dict.fromkeys([str(properties["language"]), *more]))


def _field(name: str, maps: Mapping[str, Mapping[str, Any]], options: Mapping[str, tuple[Choice, ...]]) -> Field:
    first = next(iter(maps.values()))[name]
    labels = {language: _label(fields[name]) for language, fields in maps.items() if name in fields}
    kind, aid = str(first["type"]), str(first.get("aid") or "")
    if aid == "other":
        return Field(_code(name, first), labels, "text")
    if aid == "filecount":
        return Field(_code(name, first), labels, "integer")
    choices = FIXED.get(kind) or options.get(str(first.get("qid")), ())
    if choices and f"{name}other" in next(iter(maps.values())) and kind in WITH_OPTIONS:
        choices = (*choices, OTHER)
    return Field(_code(name, first), labels, TYPES.get(kind, "text"), choices)


def _code(name: str, item: Mapping[str, Any]) -> str:
    """The name that the export with codes as header gives to a field: `profil`, `profil[other]`, `percep[P1]`."""
    title, aid = str(item.get("title") or ""), str(item.get("aid") or "")
    return (f"{title}[{aid}]" if aid else title) or name


def _label(item: Mapping[str, Any]) -> str:
    parts = [_plain(item.get("question") or ""), _plain(item.get("subquestion") or "")]
    return " : ".join(part for part in parts if part)


def _plain(markup: str) -> str:
    """A label as text: they hold HTML, entities included."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split())


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
