"""The raw boundary, from the contract: a second pair of eyes on what judging let in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ingestion.contracts import PERSON, PERSON_KEYS, Column, Contract
from ingestion.raw_tables import LOADER_COLUMNS

if TYPE_CHECKING:
    from great_expectations.expectations.row_conditions import Condition

FORMS = {
    "date": ("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "une date"),
    "datetime": ("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}$", "une date et une heure"),
    "integer": ("^-?[0-9]+$", "un entier"),
    "number": (r"^-?[0-9]+([.][0-9]+)?$", "un nombre"),
}
BOOLEANS = ("true", "false")
HASH_LENGTH = 64
# a repeated class without braces: PostgreSQL takes ten times as long over `{64}`
HASH = "^[0-9a-f]+$"
ROWS = "rows_are_those_of_the_load"
MAIL = r"[^[:space:]@]+@[^[:space:]@]+[.][[:alpha:]][[:alpha:]]+"


def suite(contract: Contract, loads: Sequence[int], retired: Sequence[str] = ()) -> list[Any]:
    """Expectations on the rows of some loads of one feed; a critical one that fails holds the delivery.

    Great Expectations bundles the plain ones in one statement, so a million rows are read a few times, not once a check.

    Args:
        contract: the feed's contract, the only source of what is expected.
        loads: the rows' `_load_id`.
        retired: columns of earlier versions of the contract, which the table keeps.
    """
    from great_expectations import expectations as gxe
    from great_expectations.expectations import row_conditions

    new_rows = row_conditions.Column("_load_id").is_in([int(load) for load in loads])
    kept = [column for column in contract.columns if column.name in contract.raw_columns]
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=[*contract.raw_columns, *retired, *LOADER_COLUMNS],
            exact_match=True,
            severity="critical",
            description="la table a les colonnes du contrat et aucune autre",
        ),
        *(expectation for column in kept for expectation in _column(column, new_rows)),
        *_people(contract, new_rows),
        *_queries(contract, f"from {{batch}} where _load_id in ({', '.join(str(int(load)) for load in loads)})"),
    ]


def _column(column: Column, new_rows: Condition) -> Iterator[Any]:
    from great_expectations import expectations as gxe

    name = column.name
    shared: dict[str, Any] = {"column": name, "severity": "critical", "row_condition": new_rows}
    values = BOOLEANS if column.type == "boolean" else column.enum
    if column.required:
        yield gxe.ExpectColumnValuesToNotBeNull(**shared, description=f"{name} est toujours rempli")
    if column.is_token:
        yield _hash(name, new_rows)
    elif values:
        yield gxe.ExpectColumnValuesToBeInSet(
            **shared, value_set=list(values), description=f"{name} est une valeur de sa liste"
        )
    elif column.type in FORMS:
        pattern, form = FORMS[column.type]
        yield gxe.ExpectColumnValuesToMatchRegex(**shared, regex=pattern, description=f"{name} est {form}")


def _hash(name: str, new_rows: Condition) -> Any:
    from great_expectations import expectations as gxe

    return gxe.ExpectColumnValuesToMatchRegex(
        column=name, regex=HASH, severity="critical", row_condition=new_rows, description=f"{name} est une empreinte"
    )


def _people(contract: Contract, new_rows: Condition) -> Iterator[Any]:
    from great_expectations import expectations as gxe

    if not contract.has_people:
        return
    for key in PERSON_KEYS:
        yield _hash(key, new_rows)
    yield gxe.ExpectColumnValuesToNotBeNull(
        column="_hmac_key_id", severity="critical", row_condition=new_rows, description="chaque ligne dit sa clé"
    )
    if "sexe" in contract.raw_columns:
        yield gxe.ExpectColumnValuesToNotBeNull(
            column="sexe",
            mostly=0.5,
            severity="warning",
            row_condition=new_rows,
            description="le profil est renseigné pour la moitié des lignes au moins",
        )


def _queries(contract: Contract, new_rows: str) -> Iterator[Any]:
    """What needs SQL of its own; each gives the deliveries concerned."""
    from expectations.single_query import ExpectNoRows

    checks = list(_rows(contract))
    counts = [f"count(*) filter (where {wrong}) as {name}" for name, _, wrong in checks]
    faults = {name: f"counted.{name} > 0" for name, _, _ in checks} | {ROWS: "counted.rows <> loads.rows_accepted"}
    # one pass over the rows, whatever the number of checks: each looks at its own figure
    query = (
        f"select counted._delivery_id, {', '.join(f'{fault} as {name}' for name, fault in faults.items())}"
        f" from (select {', '.join(['_load_id', 'min(_delivery_id) as _delivery_id', 'count(*) as rows', *counts])}"
        f" {new_rows} group by _load_id) as counted inner join ops.loads on loads.load_id = counted._load_id"
        f" where {' or '.join(faults.values())}"
    )
    reasons = {name: reason for name, reason, _ in checks}
    for name in faults:
        yield ExpectNoRows(
            unexpected_rows_query=query,
            figure=name,
            severity="critical",
            description=reasons.get(name, "chaque chargement a autant de lignes que son accusé en annonce"),
            meta={"name": name},
        )
    yield ExpectNoRows(
        unexpected_rows_query=f"select distinct _delivery_id from (select min(_delivery_id) as _delivery_id {new_rows}"
        f" group by _load_id, {', '.join(map(_key_part, contract.key))} having count(*) > 1) as repeated",
        severity="critical",
        description="deux lignes d'une livraison n'ont jamais la même clé",
        meta={"name": "the_key_is_not_repeated"},
    )


def _rows(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Checks on single rows: name, what holds where they do, and the condition of a row that is wrong."""
    texts = [
        column for column in contract.columns if column.type == "string" and not (column.enum or column.is_personal)
    ]
    # to look for the sign first costs a third of the pattern alone
    addresses = [f"strpos({text.name}, '@') > 0 and {text.name} ~ '{MAIL}'" for text in texts]
    limits = [f"length({text.name}) > {text.max_length}" for text in texts if text.max_length is not None]
    bounds = [bound for bound in map(_bounds, contract.columns) if bound is not None]
    tokens = [column.name for column in contract.columns if column.is_token]
    people = ["person_key_1 is null and person_key_2 is null", _are_cut(PERSON_KEYS)] if contract.has_people else []
    checks = (
        ("no_mail_address", "aucune adresse électronique n'est entrée dans l'entrepôt", addresses),
        ("texts_have_their_length", "aucun texte n'est plus long que le contrat ne le permet", limits),
        ("numbers_are_within_bounds", "les nombres sont dans leurs bornes", bounds),
        ("a_row_is_somebody", "chaque ligne désigne une personne, par des empreintes entières", people),
        ("tokens_are_whole", "les jetons sont des empreintes entières", [_are_cut(tokens)] if tokens else []),
    )
    for name, reason, wrong in checks:
        if wrong:
            yield name, reason, " or ".join(wrong)


def _are_cut(names: Sequence[str]) -> str:
    return " or ".join(f"octet_length({name}) <> {HASH_LENGTH}" for name in names)


def _key_part(name: str) -> str:
    return "coalesce(person_key_2, person_key_1)" if name == PERSON else name


def _bounds(column: Column) -> str | None:
    """Whether a number is out of its bounds; what is no number is told by its form, and would stop the query."""
    if column.type not in {"integer", "number"} or column.is_personal:
        return None
    value = f"{column.name}::float8"
    low = column.minimum if column.minimum is not None else column.exclusive_minimum
    if low is not None and column.maximum is not None and column.exclusive_minimum is None:
        wrong = f"{value} not between {low} and {column.maximum}"
    else:
        sides = [
            f"{value} {sign} {bound}"
            for sign, bound in (("<", column.minimum), ("<=", column.exclusive_minimum), (">", column.maximum))
            if bound is not None
        ]
        wrong = " or ".join(sides)
    return f"case when {column.name} ~ '{FORMS['number'][0]}' then {wrong} end" if wrong else None
