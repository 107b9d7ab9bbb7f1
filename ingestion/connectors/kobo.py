"""KoboToolbox, by its API version 2: built from its documentation (kpi, August 2026), not yet seen on a real server.

The documentation names no date of an edit and no feed of deletions: every pull reads all submissions, in the order of
their numbers, and what a page leaves out between its first and its last one was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from ingestion.connectors import xform
from ingestion.connectors.answers import Shape
from ingestion.connectors.asking import page_size, path, reading
from ingestion.connectors.interface import Complete, Connector, Description, Field, Page, Record, Table, Watermark
from ingestion.connectors.session import Answer, Session
from ingestion.errors import ConfigurationError, SourceError

# the most that a server gives in one page; older ones gave 30,000
PAGE = 1000
FETCHED = 100
_SYSTEM = (
    Field("_id", {}, "integer"),
    *(Field(name, {}, "text") for name in ("_uuid", "_status", "_submitted_by", "_xform_id_string", "__version__")),
    Field("_submission_time", {}, "datetime"),
    *(Field(name, {}, "text") for name in ("_attachments", "_geolocation", "_notes", "_tags", "_validation_status")),
    *(Field(name, {}, "text") for name in ("_supplementalDetails", "formhub/uuid", "meta/rootUuid")),
)
_SHAPE = Shape(is_prefixed=True, plain=frozenset(field.name for field in _SYSTEM))


def connect(session: Session, credentials: Mapping[str, str], options: Mapping[str, str]) -> Connector:
    """Connect by the API key of an account (`token`); option: `page`, rows a page.

    Raises:
        ConfigurationError: the key is missing.
    """
    if not credentials.get("token"):
        raise ConfigurationError(
            "the connection to KoboToolbox has no token", "give the API key of the account's security settings"
        )
    session.set_header("Authorization", f"Token {credentials['token']}")
    return _Kobo(session, page_size(options, PAGE))


class _Kobo:
    def __init__(self, session: Session, page: int) -> None:
        self._session = session
        self._page = page

    def entities(self) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        more = True
        while more:
            params: dict[str, str | int] = {
                "format": "json",
                "q": "asset_type:survey",
                "limit": 100,
                "offset": len(found),
            }
            with reading(self._session.get("/api/v2/assets/", params=params)) as said:
                found += [(asset["uid"], asset["name"]) for asset in said["results"]]
                more = bool(said["next"] and said["results"])
        return found

    def describe(self, entity: str) -> Description:
        form = xform.parse(self._session.get(f"{_asset(entity)}.xml").body)
        own, *repeats = form.tables
        known = {field.name for field in own.fields}
        tables = [Table(entity, own.fields + tuple(field for field in _SYSTEM if field.name not in known))]
        tables += [Table(f"{entity}.{repeat.name}", repeat.fields) for repeat in repeats]
        return Description(entity, form.title, form.version, tuple(tables))

    def pull(self, entity: str, since: Watermark) -> Iterator[Page | Complete]:
        after = int(str(since.get("after", 0)))
        while True:
            answer, records = self._submissions(entity, {"_id": {"$gt": after}})
            own = [int(record.record_id) for record in records if record.parent_id is None]
            if not own:
                break
            if own != sorted(own) or own[0] <= after:
                raise SourceError(
                    f"the answer to {answer.path} is not in the order of `_id`, which the deletions are told by",
                    "report the version of this KoboToolbox server: its API differs from the documented one",
                )
            span = (after + 1, max(own))
            after = max(own)
            yield Page(answer.body, answer.media_type, answer.path, records, span=span, watermark={"after": after})
        if "after" in since:
            # that was the end of the pull which was stopped: what it had read before may have changed
            yield from self.pull(entity, {})
            return
        # the last answer was empty: nothing is known beyond
        yield Page(answer.body, answer.media_type, answer.path, (), span=(after + 1, None))
        yield Complete({})

    def fetch(self, entity: str, record_ids: Sequence[str]) -> Iterator[Page]:
        for start in range(0, len(record_ids), FETCHED):
            wanted = [int(record_id) for record_id in record_ids[start : start + FETCHED]]
            answer, records = self._submissions(entity, {"_id": {"$in": wanted}})
            yield Page(answer.body, answer.media_type, answer.path, records)

    def close(self) -> None:
        """Nothing to give back: the key stays."""

    def _submissions(self, entity: str, query: Mapping[str, object]) -> tuple[Answer, tuple[Record, ...]]:
        params: dict[str, str | int] = {"format": "json", "limit": self._page}
        params |= {"query": json.dumps(query), "sort": json.dumps({"_id": 1})}
        answer = self._session.get(f"{_asset(entity)}/data/", params=params)
        with reading(answer) as said:
            shapes = (_SHAPE.records(row, entity, str(int(row["_id"])), None) for row in said["results"])
            return answer, tuple(record for records in shapes for record in records)


def _asset(entity: str) -> str:
    return path("api", "v2", "assets", entity)
