"""What a source's file says (`ingestion/sources/<source>.yml`): which form, survey or entity feeds which feed, and how.

Every error names the file and the line. Nothing here asks a server or a database.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml

from ingestion.contracts import ANY, Contract, load_contracts
from ingestion.errors import ConfigurationError

FOLDER = Path(__file__).resolve().parents[1] / "sources"
NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
PARTNER = re.compile(r"[A-Z0-9-]{2,16}")
GRAINS = ("month", "quarter", "semester", "year")
# what a moment without a zone means, and which day an instant is of
CLOCKS = ("utc", "server", "device", "wall")
CRON = re.compile(r"([0-9*/,-]+ ){4}[0-9A-Za-z*/,#-]+")
DAILY = "0 5 * * *"
QUIET_HOURS = 72
HEADER = {
    "address", "connection", "feeds", "options", "partner", "personal", "processing", "quiet_after_hours", "schedule",
    "system", "zone",
}  # fmt: skip
FEED = {"columns", "entity", "feed", "grain", "period", "table", "when"}
COLUMN = {"clock", "codes", "constant", "default", "field", "prefix", "without"}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What gives one column of a feed.

    Args:
        field: name at the source; None where `constant` is the value of every row.
        codes: our code by the source's; a code that it lacks goes through as it is, and is reported.
        default: value where the field is empty.
        prefix: put before a value that is not empty.
        without: what is taken off the beginning of the field's values, where they begin so.
        clock: one of `CLOCKS`, for dates.
        line: in the source's file.
    """

    name: str
    field: str | None
    constant: str | None
    codes: Mapping[str, str]
    default: str
    prefix: str
    without: str
    clock: str
    line: int


@dataclass(frozen=True, slots=True)
class FeedMapping:
    """Records of one table that give the rows of one feed.

    Args:
        entity: form, survey or entity.
        table: `entity`, or one of its repeats.
        feed: code of the feed.
        period: what gives the date by which a row belongs to a file's period.
        grain: length of the period.
        when: values that fields must have (`*` any, an empty text for none) for a record to be a row.
        columns: in the order of the file.
        line: in the source's file.
    """

    entity: str
    table: str
    feed: str
    period: ColumnMapping
    grain: str
    when: tuple[tuple[str, tuple[str, ...]], ...]
    columns: tuple[ColumnMapping, ...]
    line: int

    @property
    def fields(self) -> frozenset[str]:
        """Names of the fields that rows are made of: no other is kept past the landing."""
        named = (column.field for column in (*self.columns, self.period))
        return frozenset({name for name in named if name} | {name for name, _ in self.when})


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    Args:
        name: of its file, without `.yml`.
        system: name of its connector.
        address: of its server; empty where its files are only exported by hand.
        connection: identifier of the Airflow connection, or secret file, that holds its credentials.
        partner: code of its owner, whose drop it fills.
        zone: IANA name of the server's time zone.
        options: for the connector.
        personal: fields whose values are personal.
        country, contract: country of processing, and the contract (art. 28); empty where they are not said.
        schedule: cron expression of its pulls, UTC.
        quiet_hours: without a successful pull, its owner and the operators are told.
        sha256: of the file's bytes.
    """

    name: str
    system: str
    address: str
    connection: str
    partner: str
    zone: str
    options: Mapping[str, str]
    personal: tuple[str, ...]
    country: str
    contract: str
    schedule: str
    quiet_hours: int
    feeds: tuple[FeedMapping, ...]
    file: str
    sha256: str

    @property
    def entities(self) -> tuple[str, ...]:
        """Each entity once, in the order of the file."""
        return tuple(dict.fromkeys(feed.entity for feed in self.feeds))

    @property
    def is_pulled(self) -> bool:
        """Whether there is a server to ask: the files of the others are exported by hand."""
        return bool(self.address)

    def of_table(self, entity: str, table: str) -> tuple[FeedMapping, ...]:
        """What the records of one table feed."""
        return tuple(feed for feed in self.feeds if (feed.entity, feed.table) == (entity, table))


def folder() -> Path:
    """Where people write the sources' files: `$LAKOU_SOURCES_DIR`, by default `ingestion/sources`."""
    return Path(os.environ.get("LAKOU_SOURCES_DIR") or FOLDER)


def source_files() -> tuple[Path, ...]:
    """Files of all sources, in the order of their names.

    Beside those that people write, those that a machine makes for itself, in `$LAKOU_HOME/sources`; where both have a
    name, it is people's.
    """
    found = {}
    if not os.environ.get("LAKOU_SOURCES_DIR") and os.environ.get("LAKOU_HOME"):
        found = {path.name: path for path in Path(os.environ["LAKOU_HOME"], "sources").glob("*.yml")}
    found |= {path.name: path for path in folder().glob("*.yml")}
    return tuple(found[name] for name in sorted(found))


def pulled_files() -> tuple[Path, ...]:
    """Files of the sources that are pulled; one that cannot be read is among them, so that its runs say why."""
    return tuple(path for path in source_files() if _may_be_pulled(path))


def _may_be_pulled(path: Path) -> bool:
    try:
        top = _Place(path.name, yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)).mapping()
        return "system" not in top or not {"address", "connection"}.isdisjoint(top)
    except (OSError, yaml.YAMLError, ConfigurationError):
        return True


def schedule_of(path: Path) -> str:
    """The schedule that a file says, without judging the rest of it; the daily one where it says none or is no YAML."""
    try:
        top = _Place(path.name, yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)).mapping()
        return top["schedule"].text(CRON) if "schedule" in top else DAILY
    except (OSError, yaml.YAMLError, ConfigurationError):
        return DAILY


def load_source(name: str) -> Source:
    """One source, judged against the contracts.

    Raises:
        ConfigurationError: there is none, or its file is wrong.
    """
    files = {path.stem: path for path in source_files()}
    if not NAME.fullmatch(name) or name not in files:
        known = ", ".join(files) or "none yet; `lakou source add` drafts one"
        raise ConfigurationError(f"there is no source {name!r} in {folder()}", f"known: {known}")
    source = read_source(files[name])
    check_source(source, load_contracts())
    return source


def load_pulled(name: str) -> Source:
    """One source that has a server.

    Raises:
        ConfigurationError: there is none, its file is wrong, or it has no server.
    """
    source = load_source(name)
    if not source.is_pulled:
        raise ConfigurationError(
            f"{source.file}: {source.system} is not pulled: it has no `address`",
            "drop its exported files into the partner's depot, or write `address:` and `connection:`",
        )
    return source


def load_sources() -> tuple[Source, ...]:
    """Every source, judged against the contracts and one another.

    Raises:
        ConfigurationError: a file is wrong, or two sources feed the same feed of a partner.
    """
    sources = tuple(load_source(path.stem) for path in source_files())
    owner: dict[tuple[str, str], Source] = {}
    for source in sources:
        for feed in source.feeds:
            first = owner.setdefault((source.partner, feed.feed), source)
            if first is not source:
                raise ConfigurationError(
                    f"{source.file}:{feed.line}: {feed.feed} of {source.partner} is fed by {first.file} already",
                    "a version of a period is whole: put both entities into one source's file",
                )
    return sources


def read_source(path: Path) -> Source:
    """Read one file; what it says of feeds and columns is not judged yet.

    Raises:
        ConfigurationError: the file cannot be read, or lacks what every source has.
    """
    try:
        text = path.read_bytes()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}", "mend the file") from error
    if not NAME.fullmatch(path.stem):
        raise ConfigurationError(f"{path.name} is no name of a source", "use lower case letters, digits and _")
    top = _Place(path.name, node).mapping(HEADER)
    processing = top["processing"].mapping({"contract", "country"}) if "processing" in top else {}
    hours = top["quiet_after_hours"].whole(1, 24 * 366) if "quiet_after_hours" in top else QUIET_HOURS
    place = _Place(path.name, node)
    is_pulled = "address" in top or "connection" in top
    return Source(
        name=path.stem,
        system=_needed(place, top, "system").text(re.compile(r"[a-z][a-z0-9_]*")),
        address=_needed(place, top, "address").text() if is_pulled else "",
        connection=_needed(place, top, "connection").text(re.compile(r"[A-Za-z0-9_-]{1,80}")) if is_pulled else "",
        partner=_needed(place, top, "partner").text(PARTNER),
        zone=_zone(_needed(place, top, "zone")),
        options=_texts(top.get("options")),
        personal=tuple(item.text() for item in top["personal"].items()) if "personal" in top else (),
        country=processing["country"].text() if "country" in processing else "",
        contract=processing["contract"].text() if "contract" in processing else "",
        schedule=top["schedule"].text(CRON) if "schedule" in top else DAILY,
        quiet_hours=hours,
        feeds=tuple(_feed(item) for item in _needed(place, top, "feeds").items()),
        file=path.name,
        sha256=hashlib.sha256(text).hexdigest(),
    )


def check_source(source: Source, contracts: Mapping[str, Contract]) -> None:
    """Judge a source against the contracts of its feeds.

    Raises:
        ConfigurationError: a column is unknown or missing, a code is not one of the feed's, a personal field is
            not declared, or declared without country of processing and contract.
    """
    from ingestion.connectors import systems
    from ingestion.exports.tools import tools

    if source.is_pulled and source.system not in systems():
        raise ConfigurationError(
            f"{source.file}: there is no connector for the system {source.system!r}", f"one of {', '.join(systems())}"
        )
    if not source.is_pulled and source.system not in tools():
        raise ConfigurationError(
            f"{source.file}: it has no `address`, and no exported file of {source.system!r} is recognised",
            f"write `address:` and `connection:`, or one of {', '.join(tools())}",
        )
    if not source.feeds:
        raise ConfigurationError(f"{source.file}: it feeds nothing", "write at least one item under `feeds`")
    for feed in source.feeds:
        _check_feed(source, feed, contracts[feed.feed])
    if source.personal and not (source.country and source.contract):
        raise ConfigurationError(
            f"{source.file}: it has personal fields ({', '.join(source.personal)}), and says neither where they are"
            " processed nor under which contract",
            "write `processing: {country: …, contract: …}` (art. 28), or take these fields out",
        )


def _check_feed(source: Source, feed: FeedMapping, contract: Contract) -> None:
    known = {column.name: column for column in contract.columns}
    if contract.grain not in {feed.grain, "any"}:
        raise ConfigurationError(
            f"{source.file}:{feed.line}: a file of {feed.feed} is of one {contract.grain}, not of one {feed.grain}",
            f"write `grain: {contract.grain}`",
        )
    for column in feed.columns:
        where = f"{source.file}:{column.line}"
        if column.name not in known:
            raise ConfigurationError(
                f"{where}: {feed.feed} has no column {column.name!r}", f"one of {', '.join(known)}"
            )
        wanted = known[column.name]
        given = [*column.codes.values(), *filter(None, (column.constant, column.default))]
        wrong = [value for value in given if wanted.enum and value not in wanted.enum]
        if wrong:
            raise ConfigurationError(
                f"{where}: {column.name} cannot be {wrong[0]!r}", f"one of {', '.join(wanted.enum)}"
            )
        if wanted.is_personal and column.field and column.field not in source.personal:
            raise ConfigurationError(
                f"{where}: {column.name} is personal, and the field {column.field!r} is not declared so",
                "add it to `personal:`, with `processing: {country: …, contract: …}`",
            )
    given_names = {column.name for column in feed.columns}
    missing = [
        column.name
        for column in contract.columns
        if column.required and column.default is None and column.name not in given_names
    ]
    if missing:
        raise ConfigurationError(
            f"{source.file}:{feed.line}: nothing gives the column {missing[0]!r}, which every row of {feed.feed} needs",
            f"write `{missing[0]}: <field>` or `{missing[0]}: {{constant: …}}`",
        )


class _Place:
    """A node of a YAML file, which knows where it is."""

    def __init__(self, file: str, node: yaml.Node | None) -> None:
        self._file, self._node = file, node

    @property
    def line(self) -> int:
        return self._node.start_mark.line + 1 if self._node else 1

    def error(self, what: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"{self._file}:{self.line}: {what}", remedy)

    @property
    def is_text(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode)

    def mapping(self, known: set[str] | None = None) -> dict[str, _Place]:
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error("here a mapping is expected", "write `name: value` lines")
        found: dict[str, _Place] = {}
        for key, value in self._node.value:
            place = _Place(self._file, key)
            name = place.text()
            if known is not None and name not in known:
                raise place.error(f"{name!r} is not known here", f"known: {', '.join(sorted(known))}")
            if name in found:
                raise place.error(f"{name!r} is said twice", "keep one")
            found[name] = _Place(self._file, value)
        return found

    def items(self) -> list[_Place]:
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error("here a list is expected", "write `- item` lines, or [a, b]")
        return [_Place(self._file, item) for item in self._node.value]

    def text(self, pattern: re.Pattern[str] | None = None) -> str:
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.error("here a text is expected", "write one value")
        # as it is written: 097 stays 097, and no stays no
        text = str(self._node.value)
        if pattern is not None and not pattern.fullmatch(text):
            raise self.error(f"{text!r} does not have the form expected", f"it has to match {pattern.pattern}")
        return text

    def choice(self, known: Sequence[str]) -> str:
        text = self.text()
        if text not in known:
            raise self.error(f"{text!r} is not known here", f"one of {', '.join(known)}")
        return text

    def whole(self, least: int, most: int) -> int:
        text = self.text()
        if not text.isdecimal() or not least <= int(text) <= most:
            raise self.error(f"{text!r} is no whole number of {least} to {most}", "mend it")
        return int(text)


def _needed(place: _Place, given: Mapping[str, _Place], name: str) -> _Place:
    if name not in given:
        raise place.error(f"`{name}:` is missing", f"write `{name}: …`")
    return given[name]


def _zone(place: _Place) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    text = place.text()
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise place.error(f"{text!r} is no time zone", "write such as America/Martinique or Europe/Paris") from error
    return text


def _texts(place: _Place | None) -> Mapping[str, str]:
    found = {name: item.text() for name, item in place.mapping().items()} if place else {}
    return MappingProxyType(found)


def _feed(place: _Place) -> FeedMapping:
    given = place.mapping(FEED)
    columns = {name: _column(name, item) for name, item in _needed(place, given, "columns").mapping().items()}
    entity = _needed(place, given, "entity").text()
    feed = _needed(place, given, "feed").choice(tuple(load_contracts()))
    return FeedMapping(
        entity=entity,
        table=given["table"].text() if "table" in given else entity,
        feed=feed,
        period=_period(place, given, columns, feed),
        grain=given["grain"].choice(GRAINS) if "grain" in given else _grain(feed),
        when=_conditions(given.get("when")),
        columns=tuple(columns.values()),
        line=place.line,
    )


def _grain(feed: str) -> str:
    grain = load_contracts()[feed].grain
    return grain if grain in GRAINS else "year"


def _period(
    place: _Place, given: Mapping[str, _Place], columns: Mapping[str, ColumnMapping], feed: str
) -> ColumnMapping:
    """What `period:` says, else what gives the column that the contract judges against the file's period."""
    if "period" in given:
        return _column("period", given["period"])
    dated = [column.name for column in load_contracts()[feed].columns if "period" in column.checks]
    for name in dated:
        if name in columns:
            return columns[name]
    raise place.error("nothing says of which period a record is", "write `period: <field with a date>`")


def _column(name: str, place: _Place) -> ColumnMapping:
    if place.is_text:
        if not place.text():
            raise place.error(f"{name} has no field", "name one, or take the line out")
        return ColumnMapping(name, place.text(), None, MappingProxyType({}), "", "", "", "server", place.line)
    given = place.mapping(COLUMN)
    if ("field" in given) is ("constant" in given):
        raise place.error(f"{name} needs a field or a constant, and not both", "write `field: …` or `constant: …`")
    text: Callable[[str], str] = lambda key: given[key].text() if key in given else ""  # noqa: E731
    return ColumnMapping(
        name=name,
        field=given["field"].text() if "field" in given else None,
        constant=given["constant"].text() if "constant" in given else None,
        codes=_texts(given.get("codes")),
        default=text("default"),
        prefix=text("prefix"),
        without=text("without"),
        clock=given["clock"].choice(CLOCKS) if "clock" in given else "server",
        line=place.line,
    )


def _conditions(place: _Place | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if place is None:
        return ()
    return tuple(
        (name, (item.text(),) if item.is_text else tuple(value.text() for value in item.items()))
        for name, item in place.mapping().items()
    )


def is_met(when: Sequence[tuple[str, tuple[str, ...]]], fields: Mapping[str, str | None]) -> bool:
    """Whether a record has one of the values wanted in each field."""
    return all((value := fields.get(name) or "") in wanted or (bool(value) and ANY in wanted) for name, wanted in when)
