"""The contracts of the feeds, read from `ingestion/feeds/*.yml` (Frictionless Table Schemas with a delivery header)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml

from ingestion.errors import ConfigurationError

FEEDS = Path(__file__).resolve().parent / "feeds"
TYPES = ("string", "integer", "number", "date")
TREATMENTS = ("keep", "hmac", "coarsen", "drop")
CHECKS = frozenset(
    {
        "action",
        "age",
        "always",
        "commune_cog",
        "commune_perimetre",
        "email",
        "end_of_elearning",
        "free_text",
        "period",
        "person",
        "planned_duration",
        "programme",
        "programme_start",
        "reference",
        "siren",
        "siren_list",
        "upper",
    }
)
# what the key of a contract calls the person: a keyed hash, made from several columns
PERSON = "personne"
PERSON_KEYS = ("person_key_1", "person_key_2", "person_key_3")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a feed.

    Args:
        name: as the header spells it.
        title: French label, understood in a header as well.
        type: one of `TYPES`.
        required: every row needs a value.
        required_when: a row needs a value where all these columns have one of these values.
        minimum, maximum: bounds of a number, inclusive.
        treatment: what becomes of the value: one of `TREATMENTS`.
        checks: rules beyond the value's form, some of `CHECKS`.
        not_before, not_after: date column of the same row that bounds this one.
        name_column: column that names the commune of this code.
        default: value of an empty cell.
    """

    name: str
    title: str
    description: str
    type: str
    example: str
    required: bool = False
    required_when: tuple[tuple[str, tuple[str, ...]], ...] = ()
    enum: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    treatment: str = "keep"
    checks: tuple[str, ...] = ()
    not_before: str | None = None
    not_after: str | None = None
    name_column: str | None = None
    default: str | None = None

    @property
    def is_personal(self) -> bool:
        """Whether the value itself may be shown or stored nowhere past the encrypted landing."""
        return self.treatment != "keep"


@dataclass(frozen=True)
class Contract:
    """What one feed may carry.

    Args:
        feed: code, such as `F02`.
        name: such as `participations`.
        due_day: day of the next month by which a month's file is due.
        key: columns (and `personne`) that tell two rows of a partner apart.
    """

    feed: str
    name: str
    title: str
    description: str
    version: str
    cadence: str
    due_day: int
    owner: str
    emitters: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def raw_table(self) -> str:
        """Name of the table of schema `raw`."""
        return f"{self.feed.lower()}_{self.name}"

    @cached_property
    def has_people(self) -> bool:
        """Whether a row is about a person, whose values are personal data."""
        return any(column.is_personal for column in self.columns)

    @cached_property
    def reference(self) -> Column | None:
        """The column that names what must exist in another feed, if any."""
        return next((column for column in self.columns if "reference" in column.checks), None)

    @cached_property
    def raw_columns(self) -> tuple[str, ...]:
        """Columns of the raw table, in order, less the loader's (`_load_id`, `_delivery_id`, `_loaded_at`…)."""
        kept = tuple(column.name for column in self.columns if not column.is_personal)
        people = ("tranche_age", *PERSON_KEYS, "_hmac_key_id") if self.has_people else ()
        return kept + people + (("_object_partner_code",) if self.reference else ())

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: the contract has no such column.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}


@lru_cache(maxsize=1)
def load_contracts() -> Mapping[str, Contract]:
    """Every contract by its feed code, in the order of the codes.

    Raises:
        ConfigurationError: a file is wrong; the error names it and the field.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(FEEDS.glob("*.yml")):
        contract = read_contract(path)
        if contract.feed in contracts:
            raise ConfigurationError(
                f"{path.name}: feed {contract.feed} has a contract already", "keep one file a feed"
            )
        contracts[contract.feed] = contract
    return contracts


def load_contract(feed: str) -> Contract:
    """Contract of one feed, by its code (`F02`).

    Raises:
        ConfigurationError: there is none.
    """
    contracts = load_contracts()
    if feed not in contracts:
        raise ConfigurationError(f"no contract for the feed {feed!r}", f"known feeds: {', '.join(contracts)}")
    return contracts[feed]


def read_contract(path: Path) -> Contract:
    """Read one contract file.

    Raises:
        ConfigurationError: the file is not one; the error names it and the field.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}", "mend the file") from error
    if not isinstance(document, dict) or not isinstance(document.get("fields"), list) or not document["fields"]:
        raise ConfigurationError(f"{path.name}: `fields` is missing", "write a Table Schema, see the other feeds")
    header = document.get("lakou")
    if not isinstance(header, dict):
        raise ConfigurationError(f"{path.name}: the delivery header `lakou` is missing", "see the other feeds")
    columns = tuple(_column(path.name, index, item) for index, item in enumerate(document["fields"]))
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{path.name}: a field is named twice", "give each field a name of its own")
    contract = Contract(
        feed=_text(path.name, "lakou", header, "feed"),
        name=_text(path.name, "schema", document, "name"),
        title=_text(path.name, "schema", document, "title"),
        description=_text(path.name, "schema", document, "description"),
        version=_text(path.name, "lakou", header, "version"),
        cadence=_text(path.name, "lakou", header, "cadence"),
        due_day=_day(path.name, header.get("due_day")),
        owner=_text(path.name, "lakou", header, "owner"),
        emitters=_text(path.name, "lakou", header, "emitters"),
        key=tuple(header.get("key") or ()),
        columns=columns,
    )
    if not re.fullmatch(r"[FG][0-9]{2}[a-z]?", contract.feed) or path.stem != contract.raw_table:
        raise ConfigurationError(
            f"{path.name}: the feed {contract.feed!r} named {contract.name!r} does not fit the file's name",
            "name the file <feed>_<name>.yml in lower case",
        )
    _check_mentions(path.name, contract)
    return contract


def _check_mentions(file: str, contract: Contract) -> None:
    known = {column.name: column for column in contract.columns}
    for name in contract.key:
        if name not in known and not (name == PERSON and contract.has_people):
            raise ConfigurationError(f"{file}: the key names {name!r}, no field of it", "name a field in `lakou.key`")
    if not contract.key:
        raise ConfigurationError(f"{file}: `lakou.key` is missing", "name the fields that tell two rows apart")
    for column in contract.columns:
        mentioned = (*dict(column.required_when), column.not_before, column.not_after, column.name_column)
        unknown = [name for name in mentioned if name is not None and name not in known]
        if unknown:
            raise ConfigurationError(f"{file}: field {column.name!r} names {unknown[0]!r}, no field of it", "mend it")
        for name, values in column.required_when:
            if known[name].enum and not set(values) <= set(known[name].enum):
                raise ConfigurationError(
                    f"{file}: field {column.name!r} waits for a value that {name!r} cannot have", "use its enum"
                )


def _column(file: str, index: int, item: Any) -> Column:
    where = f"field {index + 1}"
    if not isinstance(item, dict):
        raise ConfigurationError(f"{file}: {where} is not a mapping", "write name, title, description, type, example")
    name = _text(file, where, item, "name")
    where = f"field {name!r}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigurationError(f"{file}: {where} is not a column name", "use lower case letters, digits and _")
    limits = item.get("constraints") or {}
    custom = item.get("lakou") or {}
    for key, mapping, allowed in (
        ("constraints", limits, {"required", "enum", "minimum", "maximum", "maxLength", "pattern"}),
        (
            "lakou",
            custom,
            {"checks", "treatment", "required_when", "not_before", "not_after", "name_column", "default"},
        ),
    ):
        if not isinstance(mapping, dict) or set(mapping) - allowed:
            raise ConfigurationError(f"{file}: {where} has an unknown property in `{key}`", f"known: {sorted(allowed)}")
    kind = _text(file, where, item, "type")
    treatment = custom.get("treatment", "keep")
    checks = tuple(custom.get("checks") or ())
    if kind not in TYPES:
        raise ConfigurationError(f"{file}: {where} has the type {kind!r}", f"use one of {', '.join(TYPES)}")
    if treatment not in TREATMENTS:
        raise ConfigurationError(f"{file}: {where} has the treatment {treatment!r}", f"one of {', '.join(TREATMENTS)}")
    if set(checks) - CHECKS:
        raise ConfigurationError(f"{file}: {where} has an unknown check", f"known: {', '.join(sorted(CHECKS))}")
    enum = tuple(limits.get("enum") or ())
    if not all(isinstance(value, str) for value in enum):
        raise ConfigurationError(f"{file}: {where} has an enum value that is not text", "put it between quotes")
    pattern = limits.get("pattern")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigurationError(f"{file}: {where} has a wrong pattern ({error})", "mend it") from error
    return Column(
        name=name,
        title=_text(file, where, item, "title"),
        description=_text(file, where, item, "description"),
        type=kind,
        example=_text(file, where, item, "example"),
        required=limits.get("required", False) is True,
        required_when=tuple((key, tuple(values)) for key, values in (custom.get("required_when") or {}).items()),
        enum=enum,
        minimum=limits.get("minimum"),
        maximum=limits.get("maximum"),
        max_length=limits.get("maxLength"),
        pattern=pattern,
        treatment=treatment,
        checks=checks,
        not_before=custom.get("not_before"),
        not_after=custom.get("not_after"),
        name_column=custom.get("name_column"),
        default=custom.get("default"),
    )


def _text(file: str, where: str, mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"{file}: {where} lacks the text `{key}`", f"write `{key}:` (between quotes if digits)"
        )
    return value


def _day(file: str, value: Any) -> int:
    if not isinstance(value, int) or not 1 <= value <= 28:
        raise ConfigurationError(f"{file}: `lakou.due_day` is not a day of 1 to 28", "write the day of the month")
    return value
