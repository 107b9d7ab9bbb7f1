"""LimeSurvey 6.4.2 as recorded: one survey, its answers, its sessions and its lock-out."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingestion.demo.replay.exchanges import Reply, Request, recorded

SYSTEM = "limesurvey"
USER, PASSWORD = "admin", "Admin-Pass1"
SURVEY = 185393
MOST_WRONG = 3


@dataclass
class LimeSurvey:
    """A server with one survey.

    Args:
        answers: by id, as the export with codes and short answers shows them; ids are never given twice.
        fieldmap: as `get_fieldmap` gives it, by language.
        options: choices by question id and code, as `get_question_properties` is documented to give them.
        calls_a_session: after so many calls a session's key is refused; none: never.
    """

    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    fieldmap: dict[str, Any] = field(default_factory=lambda: body_of("09"))
    title: str = "Baromètre IA Martinique"
    options: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    calls_a_session: int | None = None
    password: str = PASSWORD
    is_active: bool = True
    logins: int = 0
    _wrong: int = 0
    _keys: dict[str, int] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def respond(self, request: Request) -> Reply:
        """Answer one call."""
        if request.method != "POST":
            return recorded(SYSTEM)["38"].reply
        try:
            call = json.loads(request.body)
            method, (first, *params) = call["method"], call["params"]
        except (ValueError, KeyError):
            return recorded(SYSTEM)["39"].reply
        if method == "get_session_key":
            return self._login(call, first, *params)
        if self._keys.get(first, 0) <= 0:
            return _result(call, {"status": "Invalid session key"})
        self._keys[first] -= 1
        return self._called(call, method, first, params)

    def _called(self, call: Mapping[str, Any], method: str, key: str, params: list[Any]) -> Reply:
        handler = getattr(self, f"_{method}", None)
        if handler is None:
            return recorded(SYSTEM)["38"].reply
        if method in {"release_session_key", "list_surveys"}:
            return _result(call, handler(key))
        if params[0] != SURVEY and method != "get_question_properties":
            return _result(call, {"status": "No permission"})
        if method == "export_responses":
            return self._export_responses(call, *params[1:])
        return _result(call, handler(*params))

    def add(self, fields: Mapping[str, Any]) -> int:
        """One more answer; returns its id."""
        number: int = next(self._numbers)
        self.answers[number] = {**fields, "id": number}
        return number

    def _login(self, call: Mapping[str, Any], user: str, password: str) -> Reply:
        self.logins += 1
        if self._wrong >= MOST_WRONG:
            return recorded(SYSTEM)["50"].reply
        if (user, password) != (USER, self.password):
            self._wrong += 1
            return recorded(SYSTEM)["01"].reply
        key = f"{self.logins:032d}"
        self._keys[key] = self.calls_a_session if self.calls_a_session is not None else 1_000_000_000
        return _result(call, key)

    def _release_session_key(self, key: str) -> str:
        self._keys.pop(key, None)
        return "OK"

    def _list_surveys(self, _: str) -> list[dict[str, Any]]:
        return [{"sid": SURVEY, "surveyls_title": self.title, "startdate": None, "expires": None, "active": "Y"}]

    def _get_survey_properties(self, *_: Any) -> dict[str, Any]:
        return {"language": "fr", "additional_languages": ""}

    def _get_fieldmap(self, *_: Any) -> dict[str, Any]:
        return self.fieldmap

    def _get_question_properties(self, question: int, *_: Any) -> dict[str, Any]:
        options = self.options.get(question)
        if not options:
            return {"answeroptions": "No available answer options"}
        return {
            "answeroptions": {
                code: {"answer": text, "assessment_value": 0, "scale_id": 0, "order": number}
                for number, (code, text) in enumerate(options.items())
            }
        }

    def _export_responses(self, call: Mapping[str, Any], kind: str, language: str | None = None, *more: Any) -> Reply:
        given = [*more, *[None] * (6 - len(more))]
        low, high, fields = given[3:6]
        if kind != "json":
            return recorded(SYSTEM)["30"].reply
        if language not in {None, "fr"}:
            return recorded(SYSTEM)["29"].reply
        if not self.is_active:
            return recorded(SYSTEM)["07"].reply
        if not self.answers:
            return recorded(SYSTEM)["13"].reply
        rows = [
            {name: value for name, value in row.items() if not fields or name in fields}
            for number, row in sorted(self.answers.items())
            if (low is None or number >= low) and (high is None or number <= high)
        ]
        document = json.dumps({"responses": rows}).encode()
        text = f'{{"id":{call["id"]}, "result":"{base64.b64encode(document).decode()}", "error":null}}'
        return replace(recorded(SYSTEM)["17"].reply, body=text.encode())


def body_of(name: str) -> Any:
    """The result of a recorded answer."""
    return json.loads(recorded(SYSTEM)[name].reply.body)["result"]


def answers_of(name: str) -> dict[int, dict[str, Any]]:
    """The survey's answers of a recorded export, by id."""
    document = json.loads(base64.b64decode(body_of(name)))
    return {int(row["id"]): row for row in document["responses"]}


def _result(call: Mapping[str, Any], result: Any) -> Reply:
    text = json.dumps({"id": call["id"], "result": result, "error": None}, separators=(",", ":"))
    return replace(recorded(SYSTEM)["02"].reply, body=text.encode())
