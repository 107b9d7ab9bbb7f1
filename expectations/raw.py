"""The raw boundary, from the contract: a second pair of eyes on what judging let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.contracts import PERSON_KEYS, Column, Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = {
    "date": ("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "une date"),
    "integer": ("^-?[0-9]+$", "un entier"),
    "number": (r"^-?[0-9]+([.][0-9]+)?$", "un nombre"),
}
MAIL = r"[^[:space:]@]+@[^[:space:]@]+[.][[:alpha:]][[:alpha:]]+"


def suite(contract: Contract) -> list[Any]:
    """Expectations on new rows of one feed's raw table; a critical one that fails holds the delivery.

    Args:
        contract: the feed's contract, the only source of what is expected.
    """
    from great_expectations import expectations as gxe

    kept = [column for column in contract.columns if column.name in contract.raw_columns]
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=[*contract.raw_columns, *TECHNICAL],
            exact_match=True,
            severity="critical",
            description="la table a les colonnes du contrat et aucune autre",
        ),
        *(expectation for column in kept for expectation in _column(column)),
        *_people(contract),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="select _delivery_id from {batch} group by _delivery_id, _load_id"
            " having count(*) <> (select loads.rows_accepted from ops.loads where loads.load_id = subselect._load_id)",
            severity="critical",
            description="chaque chargement a autant de lignes que son accusé en annonce",
            meta={"name": "rows_are_those_of_the_load"},
        ),
        gxe.UnexpectedRowsExpectation(
            unexpected_rows_query="select distinct _delivery_id from {batch} where "
            + " or ".join(f"{name} ~ '{MAIL}'" for name in contract.raw_columns),
            severity="critical",
            description="aucune adresse électronique n'est entrée dans l'entrepôt",
            meta={"name": "no_mail_address"},
        ),
    ]


TECHNICAL = ("_load_id", "_delivery_id", "_row_number", "_row_hash", "_loaded_at")


def _column(column: Column) -> Iterator[Any]:
    from great_expectations import expectations as gxe

    if column.required:
        yield gxe.ExpectColumnValuesToNotBeNull(
            column=column.name, severity="critical", description=f"{column.name} est toujours rempli"
        )
    if column.enum:
        yield gxe.ExpectColumnValuesToBeInSet(
            column=column.name,
            value_set=list(column.enum),
            severity="critical",
            description=f"{column.name} est une valeur de sa liste",
        )
    if column.type in FORMS:
        pattern, form = FORMS[column.type]
        yield gxe.ExpectColumnValuesToMatchRegex(
            column=column.name, regex=pattern, severity="critical", description=f"{column.name} est {form}"
        )
    if column.max_length is not None:
        yield gxe.ExpectColumnValueLengthsToBeBetween(
            column=column.name,
            max_value=column.max_length,
            severity="critical",
            description=f"{column.name} a au plus {column.max_length} caractères",
        )


def _people(contract: Contract) -> Iterator[Any]:
    from great_expectations import expectations as gxe

    if not contract.has_people:
        return
    for key in PERSON_KEYS:
        yield gxe.ExpectColumnValuesToMatchRegex(
            column=key, regex="^[0-9a-f]{64}$", severity="critical", description=f"{key} est une empreinte"
        )
    yield gxe.UnexpectedRowsExpectation(
        unexpected_rows_query="select distinct _delivery_id from {batch} where person_key_1 is null and person_key_2 is null",
        severity="critical",
        description="chaque ligne désigne une personne",
        meta={"name": "a_row_is_somebody"},
    )
    yield gxe.ExpectColumnValuesToNotBeNull(
        column="sexe" if "sexe" in contract.raw_columns else "_hmac_key_id",
        mostly=0.5,
        severity="warning",
        description="le profil est renseigné pour la moitié des lignes au moins",
    )
