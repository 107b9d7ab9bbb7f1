"""The contracts of the feeds, read from `ingestion/feeds/*.yml` (Frictionless Table Schemas with a delivery header)."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from ingestion.errors import ConfigurationError

FEEDS = Path(__file__).resolve().parent / "feeds"
TYPES = ("string", "integer", "number", "boolean", "date", "datetime")
DATES = ("date", "datetime")
GRAINS = ("month", "quarter", "semester", "year", "any")
MEASURES = ("count", "sum", "distinct")
SEVERITIES = ("REFUSE", "AVERTISSEMENT")
# `required_when` and other conditions: any value written
ANY = "*"
TREATMENTS = ("keep", "hmac", "coarsen", "drop")
CHECKS = frozenset(
    {
        "action",
        "age",
        "always",
        "commune_cog",
        "commune_perimetre",
        "email",
        "country",
        "end_of_elearning",
        "epci",
        "free_text",
        "funding_scheme",
        "indicator",
        "naf",
        "not_email",
        "period",
        "person",
        "planned_duration",
        "programme",
        "programme_start",
        "siren",
        "siren_list",
        "siret",
        "upper",
        "url",
    }
)
CONSTRAINTS = {"required", "enum", "minimum", "maximum", "maxLength", "pattern"}
CUSTOM = {
    "aliases",
    "at_most",
    "checks",
    "default",
    "differs_from",
    "exclusive_minimum",
    "is_secret",
    "name_column",
    "not_after",
    "not_before",
    "references",
    "required_when",
    "treatment",
}
HEADER = {
    "cadence",
    "due_days",
    "emitters",
    "feed",
    "grain",
    "hierarchy",
    "identifier",
    "key",
    "measures",
    "milestones",
    "object_dates",
    "optional_key",
    "owner",
    "sums",
    "transitions",
    "version",
    "workbook",
}
# what the key of a contract calls the person: a keyed hash, made from several columns
PERSON = "personne"
PERSON_KEYS = ("person_key_1", "person_key_2", "person_key_3")


# column names and the values, one of which a row must have in each; `ANY` is any value written
Condition = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Feeds in which the value of a column must be known.

    Args:
        feeds: pairs of a value of the column `by` and a feed; one pair, whose value is empty, without `by`.
        by: column of the same row that says which feed is meant.
    """

    feeds: tuple[tuple[str, str], ...]
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectDate:
    """A date judged against a date of the row that is referred to.

    Args:
        column: date of this feed.
        of: date column of the feed of the first reference.
        minimum_days, maximum_days: bounds of `column` less `of`, inclusive.
        when: rows that it is about; all where empty.
        severity: one of `SEVERITIES`.
    """

    column: str
    of: str
    minimum_days: int | None
    maximum_days: int | None
    when: Condition
    severity: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Values of `column` add up to `equals`, give or take `tolerance`, over the rows that share `by`."""

    column: str
    by: str
    equals: float
    tolerance: float


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of the partner's own, shown before and after in the receipt.

    Args:
        title: in French.
        unit: in French, plural.
        kind: one of `MEASURES`.
        column: what is added or told apart; `personne` is the person's key.
        when: rows that count; all where empty.
    """

    title: str
    unit: str
    kind: str
    column: str | None = None
    when: Condition = ()


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
        exclusive_minimum: bound that a number must pass.
        treatment: what becomes of the value: one of `TREATMENTS`.
        checks: rules beyond the value's form, some of `CHECKS`.
        not_before, not_after: date column of the same row that bounds this one.
        name_column: column that names the commune of this code.
        default: value of an empty cell.
        aliases: other names understood in a header, such as the column's former one.
        at_most: column of the same row that this number may not exceed.
        differs_from: column of the same row that may not hold the same value.
        references: feeds in which the value must be known.
        is_secret: a trade secret: shown to nobody but the partner and engineers.
    """

    name: str
    title: str
    description: str
    type: str
    example: str
    required: bool = False
    required_when: Condition = ()
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
    exclusive_minimum: float | None = None
    aliases: tuple[str, ...] = ()
    at_most: str | None = None
    differs_from: str | None = None
    references: Reference | None = None
    is_secret: bool = False

    @property
    def is_personal(self) -> bool:
        """Whether the value itself may be shown or stored nowhere past the encrypted landing."""
        return self.treatment != "keep"

    @property
    def is_token(self) -> bool:
        """Whether raw keeps, under the column's own name, the keyed hash of the trimmed text."""
        return self.treatment == "hmac" and "person" not in self.checks


@dataclass(frozen=True)
class Contract:
    """What one feed may carry.

    Args:
        feed: code, such as `F02`.
        name: such as `participations`.
        due_days: days after the period's end by which its file is due; none where it is sent as need be.
        grain: length of a file's period, one of `GRAINS`.
        key: columns (and `personne`) that tell two rows of a partner apart.
        optional_key: parts of the key that may be empty, compared as the empty text.
        identifier: column by which other feeds refer to a row.
        milestones: date columns that follow one another.
        sums, object_dates: rules over several rows, and against the row referred to.
        hierarchy: columns of a row's identifier, of its parent's, and of the amount: children sum to at most the parent.
        transitions: column, its values in order, date column, and the columns that share one course.
        measures: the partner's own figures.
        workbook: feeds of one template share it.
    """

    feed: str
    name: str
    title: str
    description: str
    version: str
    cadence: str
    due_days: int | None
    owner: str
    emitters: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    grain: str = "month"
    optional_key: tuple[str, ...] = ()
    identifier: str | None = None
    milestones: tuple[str, ...] = ()
    sums: tuple[Sum, ...] = ()
    object_dates: tuple[ObjectDate, ...] = ()
    hierarchy: tuple[str, str, str] | None = None
    transitions: tuple[str, tuple[str, ...], str, tuple[str, ...]] | None = None
    measures: tuple[Measure, ...] = ()
    workbook: str = ""

    @property
    def raw_table(self) -> str:
        """Name of the table of schema `raw`."""
        return f"{self.feed.lower()}_{self.name}"

    @cached_property
    def has_people(self) -> bool:
        """Whether a row is about a person who is named: keys are made of the names."""
        return any("person" in column.checks for column in self.columns)

    @cached_property
    def has_personal(self) -> bool:
        """Whether a column is personal: sending it needs the account's convention."""
        return any(column.is_personal for column in self.columns)

    @cached_property
    def reference(self) -> Column | None:
        """The first column that names what must exist in another feed, if any."""
        return next((column for column in self.columns if column.references), None)

    @cached_property
    def references_feeds(self) -> tuple[str, ...]:
        """Feeds that the columns refer to, each once, in the order of the columns."""
        named = (feed for column in self.columns if column.references for _, feed in column.references.feeds)
        return tuple(dict.fromkeys(named))

    @cached_property
    def raw_columns(self) -> tuple[str, ...]:
        """Columns of the raw table, in order, less the loader's (`_load_id`, `_delivery_id`, `_loaded_at`…)."""
        kept = tuple(column.name for column in self.columns if column.is_token or not column.is_personal)
        people = ("tranche_age", *PERSON_KEYS) if self.has_people else ()
        key = ("_hmac_key_id",) if self.has_people or any(column.is_token for column in self.columns) else ()
        return kept + people + key + (("_object_partner_code",) if self.reference else ())

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
    check_references(contracts)
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


def feed_order() -> tuple[str, ...]:
    """Codes of the feeds, each after those that it refers to.

    Raises:
        ConfigurationError: a contract is wrong, or feeds refer to one another in a circle.
    """
    return order_by_references(load_contracts())


def order_by_references(contracts: Mapping[str, Contract]) -> tuple[str, ...]:
    """Codes of these feeds, each after those that it refers to (see `feed_order`)."""
    graph = {feed: sorted(contract.references_feeds) for feed, contract in contracts.items()}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ConfigurationError(
            f"the feeds {' → '.join(error.args[1])} refer to one another", "take one of the `references` out"
        ) from error


def check_references(contracts: Mapping[str, Contract]) -> None:
    """Judge what the contracts say of one another.

    Raises:
        ConfigurationError: a reference to a feed or a date that does not exist, a circle, a workbook of two grains.
    """
    for contract in contracts.values():
        for feed in contract.references_feeds:
            if feed not in contracts or contracts[feed].identifier is None:
                raise ConfigurationError(
                    f"{contract.raw_table}.yml: it refers to the feed {feed!r}, which has no `lakou.identifier`",
                    "name a feed whose rows have one",
                )
            for rule in contract.object_dates:
                dates = {column.name for column in contracts[feed].columns if column.type in DATES}
                if rule.of not in dates:
                    raise ConfigurationError(
                        f"{contract.raw_table}.yml: `lakou.object_dates` of {rule.column!r} names {rule.of!r}, no date of"
                        f" {feed}",
                        "name a date of the feed that is referred to",
                    )
    grains: dict[str, str] = {}
    for contract in contracts.values():
        if grains.setdefault(contract.workbook, contract.grain) != contract.grain:
            raise ConfigurationError(
                f"{contract.raw_table}.yml: the workbook {contract.workbook!r} has feeds of two grains",
                "one workbook is of one period: give the feed a workbook of its own",
            )
    order_by_references(contracts)


def read_contract(path: Path) -> Contract:
    """Read one contract file.

    Raises:
        ConfigurationError: the file is not one; the error names it and the field.
    """
    try:
        # libyaml's: ten times the speed of the loader in Python
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}", "mend the file") from error
    if not isinstance(document, dict) or not isinstance(document.get("fields"), list) or not document["fields"]:
        raise ConfigurationError(f"{path.name}: `fields` is missing", "write a Table Schema, see the other feeds")
    header = document.get("lakou")
    if not isinstance(header, dict):
        raise ConfigurationError(f"{path.name}: the delivery header `lakou` is missing", "see the other feeds")
    if set(header) - HEADER:
        raise ConfigurationError(
            f"{path.name}: `lakou` has the unknown property {min(set(header) - HEADER)!r}", f"known: {sorted(HEADER)}"
        )
    columns = tuple(_column(path.name, index, item) for index, item in enumerate(document["fields"]))
    contract = Contract(
        feed=_text(path.name, "lakou", header, "feed"),
        name=_text(path.name, "schema", document, "name"),
        title=_text(path.name, "schema", document, "title"),
        description=_text(path.name, "schema", document, "description"),
        version=_text(path.name, "lakou", header, "version"),
        cadence=_text(path.name, "lakou", header, "cadence"),
        due_days=_days(path.name, header.get("due_days")),
        owner=_text(path.name, "lakou", header, "owner"),
        emitters=_text(path.name, "lakou", header, "emitters"),
        key=_names(path.name, "lakou.key", header.get("key")),
        columns=columns,
        grain=_choice(path.name, "lakou.grain", header.get("grain"), GRAINS),
        optional_key=_names(path.name, "lakou.optional_key", header.get("optional_key")),
        identifier=header.get("identifier"),
        milestones=_names(path.name, "lakou.milestones", header.get("milestones")),
        sums=tuple(_sum(path.name, item) for item in _items(path.name, "lakou.sums", header)),
        object_dates=tuple(_object_date(path.name, item) for item in _items(path.name, "lakou.object_dates", header)),
        hierarchy=_hierarchy(path.name, header.get("hierarchy")),
        transitions=_transitions(path.name, header.get("transitions")),
        measures=tuple(_measure(path.name, item) for item in _items(path.name, "lakou.measures", header)),
        workbook=_text(path.name, "lakou", header, "workbook"),
    )
    if not re.fullmatch(r"[FG][0-9]{2}[a-z]?", contract.feed) or path.stem != contract.raw_table:
        raise ConfigurationError(
            f"{path.name}: the feed {contract.feed!r} named {contract.name!r} does not fit the file's name",
            "name the file <feed>_<name>.yml in lower case",
        )
    if not re.fullmatch(r"[0-9]+\.[0-9]+", contract.version):
        raise ConfigurationError(f"{path.name}: `lakou.version` is no version", 'write two numbers, such as "1.0"')
    _check_names(path.name, contract)
    _check_mentions(path.name, contract)
    _check_types(path.name, contract)
    return contract


def _check_names(file: str, contract: Contract) -> None:
    """Two columns are never called alike, whatever the case and the accents of the header."""
    names = [column.name for column in contract.columns]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"{file}: a field is named twice", "give each field a name of its own")
    made = [name for name, times in Counter(contract.raw_columns).items() if times > 1]
    if made:
        raise ConfigurationError(f"{file}: the field {made[0]!r} is made by Lakou", "name it otherwise")
    spoken: dict[str, str] = {}
    for column in contract.columns:
        for label in {_plain(label) for label in (column.name, column.title, *column.aliases)}:
            if spoken.setdefault(label, column.name) != column.name:
                raise ConfigurationError(
                    f"{file}: the fields {spoken[label]!r} and {column.name!r} are both called {label!r}",
                    "give each its own name, title and aliases",
                )


def _plain(label: str) -> str:
    bare = unicodedata.normalize("NFKD", label.casefold())
    return re.sub(r"[^a-z0-9]+", "", "".join(sign for sign in bare if not unicodedata.combining(sign)))


def _check_mentions(file: str, contract: Contract) -> None:
    known = {column.name: column for column in contract.columns}

    def mention(where: str, *names: str | None) -> None:
        unknown = [name for name in names if name is not None and name not in known]
        if unknown:
            raise ConfigurationError(
                f"{file}: {where} names {unknown[0]!r}, no field of it", "name a field of the feed"
            )

    def condition(where: str, when: Condition) -> None:
        mention(where, *dict(when))
        for name, values in when:
            if known[name].enum and not set(values) <= {*known[name].enum, ANY}:
                raise ConfigurationError(f"{file}: {where} waits for a value that {name!r} cannot have", "use its enum")

    if not contract.key:
        raise ConfigurationError(f"{file}: `lakou.key` is missing", "name the fields that tell two rows apart")
    mention("`lakou.key`", *(name for name in contract.key if not (name == PERSON and contract.has_people)))
    if set(contract.optional_key) - set(contract.key):
        raise ConfigurationError(f"{file}: `lakou.optional_key` names a field that is not of the key", "mend it")
    mention("`lakou.identifier`", contract.identifier)
    mention("`lakou.milestones`", *contract.milestones)
    mention("`lakou.hierarchy`", *(contract.hierarchy or ()))
    for rule in contract.sums:
        mention("`lakou.sums`", rule.column, rule.by)
    for dated in contract.object_dates:
        mention("`lakou.object_dates`", dated.column)
        condition("`lakou.object_dates`", dated.when)
        if contract.reference is None:
            raise ConfigurationError(f"{file}: `lakou.object_dates` without a field that refers to a feed", "mend it")
    if contract.transitions is not None:
        step, order, date, course = contract.transitions
        mention("`lakou.transitions`", step, date, *course)
        condition("`lakou.transitions`", ((step, order),))
    for measure in contract.measures:
        if not (measure.column == PERSON and contract.has_people):
            mention("`lakou.measures`", measure.column)
        condition("`lakou.measures`", measure.when)
    for column in contract.columns:
        where = f"field {column.name!r}"
        mention(where, column.not_before, column.not_after, column.name_column, column.at_most, column.differs_from)
        condition(where, column.required_when)
        if column.default is not None and column.enum and column.default not in column.enum:
            raise ConfigurationError(f"{file}: {where} has a default that is not in its enum", "use its enum")
        if column.references is not None and column.references.by is not None:
            mention(where, column.references.by)
            condition(where, ((column.references.by, tuple(value for value, _ in column.references.feeds)),))


def _check_types(file: str, contract: Contract) -> None:
    """Rules about numbers name numbers, rules about dates name dates."""
    numbers = [
        *(name for column in contract.columns if column.at_most for name in (column.name, column.at_most)),
        *(rule.column for rule in contract.sums),
        *((contract.hierarchy[2],) if contract.hierarchy else ()),
        *(measure.column for measure in contract.measures if measure.kind == "sum"),
    ]
    dates = [
        *(name for column in contract.columns if column.not_before for name in (column.name, column.not_before)),
        *(name for column in contract.columns if column.not_after for name in (column.name, column.not_after)),
        *contract.milestones,
        *(rule.column for rule in contract.object_dates),
        *((contract.transitions[2],) if contract.transitions else ()),
    ]
    for names, types, kind in ((numbers, ("integer", "number"), "number"), (dates, DATES, "date")):
        for name in names:
            if name is None or contract.column(name).type not in types:
                raise ConfigurationError(
                    f"{file}: a rule takes the field {name!r} for a {kind}", f"mend the rule, or make it a {kind}"
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
    for key, mapping, allowed in (("constraints", limits, CONSTRAINTS), ("lakou", custom, CUSTOM)):
        if not isinstance(mapping, dict) or set(mapping) - allowed:
            raise ConfigurationError(f"{file}: {where} has an unknown property in `{key}`", f"known: {sorted(allowed)}")
    treatment = custom.get("treatment", "keep")
    checks = _names(file, f"{where}, `checks`", custom.get("checks"))
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
        type=_choice(file, f"{where}, `type`", item.get("type"), TYPES),
        example=_text(file, where, item, "example"),
        required=limits.get("required", False) is True,
        required_when=_condition(file, where, custom.get("required_when")),
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
        exclusive_minimum=custom.get("exclusive_minimum"),
        aliases=_names(file, f"{where}, `aliases`", custom.get("aliases")),
        at_most=custom.get("at_most"),
        differs_from=custom.get("differs_from"),
        references=_reference(file, where, custom.get("references")),
        is_secret=custom.get("is_secret", False) is True,
    )


def _reference(file: str, where: str, value: Any) -> Reference | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Reference((("", value),))
    if isinstance(value, dict) and isinstance(value.get("by"), str) and len(value) > 1:
        feeds = tuple((str(key), str(feed)) for key, feed in value.items() if key != "by")
        return Reference(feeds, value["by"])
    raise ConfigurationError(
        f"{file}: {where} has unreadable `references`", "write `F01`, or `{by: column, VALUE: F01}`"
    )


def _condition(file: str, where: str, value: Any) -> Condition:
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(values, list) and values for values in value.values()):
        raise ConfigurationError(f"{file}: {where} has an unreadable condition", "write `{column: [VALUE, …]}`")
    return tuple((str(name), tuple(str(item) for item in values)) for name, values in value.items())


def _object_date(file: str, item: dict[str, Any]) -> ObjectDate:
    where = "`lakou.object_dates`"
    bounds = [item.get("minimum_days"), item.get("maximum_days")]
    if bounds == [None, None] or not all(bound is None or isinstance(bound, int) for bound in bounds):
        raise ConfigurationError(f"{file}: {where} has no bound in days", "write `minimum_days:` or `maximum_days:`")
    return ObjectDate(
        column=_text(file, where, item, "column"),
        of=_text(file, where, item, "of"),
        minimum_days=bounds[0],
        maximum_days=bounds[1],
        when=_condition(file, where, item.get("when")),
        severity=_choice(file, f"{where}, `severity`", item.get("severity"), SEVERITIES),
    )


def _sum(file: str, item: dict[str, Any]) -> Sum:
    numbers = [item.get(name) for name in ("equals", "tolerance")]
    if not all(isinstance(number, int | float) for number in numbers):
        raise ConfigurationError(f"{file}: `lakou.sums` lacks `equals` or `tolerance`", "write two numbers")
    column, by = (_text(file, "`lakou.sums`", item, name) for name in ("column", "by"))
    return Sum(column, by, float(item["equals"]), float(item["tolerance"]))


def _measure(file: str, item: dict[str, Any]) -> Measure:
    where = "`lakou.measures`"
    measure = Measure(
        title=_text(file, where, item, "title"),
        unit=_text(file, where, item, "unit"),
        kind=_choice(file, f"{where}, `kind`", item.get("kind"), MEASURES),
        column=item.get("column"),
        when=_condition(file, where, item.get("when")),
    )
    if (measure.kind == "count") is (measure.column is not None):
        raise ConfigurationError(
            f"{file}: the measure {measure.title!r} needs a column, or has one too many",
            "`sum` and `distinct` have a `column:`, `count` has none",
        )
    return measure


def _hierarchy(file: str, value: Any) -> tuple[str, str, str] | None:
    if value is None:
        return None
    where = "`lakou.hierarchy`"
    if not isinstance(value, dict):
        raise ConfigurationError(f"{file}: {where} is not a mapping", "write `{id: , parent: , amount: }`")
    return _text(file, where, value, "id"), _text(file, where, value, "parent"), _text(file, where, value, "amount")


def _transitions(file: str, value: Any) -> tuple[str, tuple[str, ...], str, tuple[str, ...]] | None:
    if value is None:
        return None
    where = "`lakou.transitions`"
    if not isinstance(value, dict):
        raise ConfigurationError(f"{file}: {where} is not a mapping", "write `{column: , order: [], date: , by: []}`")
    order, by = (_names(file, f"{where}, `{name}`", value.get(name)) for name in ("order", "by"))
    if not order or not by:
        raise ConfigurationError(f"{file}: {where} lacks `order` or `by`", "write two lists")
    return _text(file, where, value, "column"), order, _text(file, where, value, "date"), by


def _items(file: str, where: str, header: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = header.get(where.removeprefix("lakou.")) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ConfigurationError(f"{file}: `{where}` is not a list of mappings", "see the other feeds")
    return items


def _names(file: str, where: str, value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigurationError(f"{file}: {where} is not a list of texts", "write `[a, b]`")
    return tuple(value)


def _choice(file: str, where: str, value: Any, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise ConfigurationError(f"{file}: {where} is {value!r}", f"use one of {', '.join(known)}")
    return value


def _text(file: str, where: str, mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(
            f"{file}: {where} lacks the text `{key}`", f"write `{key}:` (between quotes if digits)"
        )
    return value


def _days(file: str, value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or not 1 <= value <= 90:
        raise ConfigurationError(
            f"{file}: `lakou.due_days` is not a number of days of 1 to 90", "write the days after the period's end"
        )
    return value
