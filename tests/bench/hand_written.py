"""The checks of the raw boundary as someone would write them by hand: the least that they can cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from expectations.raw import BOOLEANS, FORMS, HASH, MAIL
from ingestion.contracts import PERSON, PERSON_KEYS, Contract
from ingestion.database import connect
from ingestion.settings import Settings


def unexpected_rows(settings: Settings, contract: Contract, loads: Sequence[int]) -> int:
    """Count what breaks the contract in some loads: one pass over all columns, one for the key, one for the number."""
    counts = ", ".join(f"count(*) filter (where {condition})" for condition in _conditions(contract))
    person = "coalesce(person_key_2, person_key_1)"
    key = ", ".join(person if name == PERSON else name for name in contract.key)
    rows = f"raw.{contract.raw_table} where _load_id = any(%(loads)s)"
    statements = (
        f"select {counts} from {rows}",
        f"select count(*) from (select 1 from {rows} group by {key} having count(*) > 1) as repeated",
        f"select count(*) from (select _load_id, count(*) as rows from {rows} group by _load_id) as counted"
        " inner join ops.loads on loads.load_id = counted._load_id where loads.rows_accepted <> counted.rows",
    )
    found = 0
    with connect(settings, "lakou_dbt") as connection:
        for statement in statements:
            row = connection.execute(statement.encode(), {"loads": list(loads)}).fetchone()
            assert row is not None
            found += sum(row)
    return found


def _conditions(contract: Contract) -> Iterator[str]:
    for column in contract.columns:
        if column.name not in contract.raw_columns:
            continue
        name, values = column.name, BOOLEANS if column.type == "boolean" else column.enum
        if column.required:
            yield f"{name} is null"
        if column.is_token:
            yield f"{name} !~ '{HASH}' or length({name}) <> 64"
        elif values:
            listed = ", ".join(f"'{value}'" for value in values)
            yield f"{name} not in ({listed})"
        elif column.type in FORMS:
            yield f"{name} !~ '{FORMS[column.type][0]}'"
        else:
            yield f"{name} ~ '{MAIL}'"
        if column.max_length is not None:
            yield f"length({name}) > {column.max_length}"
        for sign, bound in (("<", column.minimum), ("<=", column.exclusive_minimum), (">", column.maximum)):
            if bound is not None and column.type in {"integer", "number"}:
                yield f"{name}::float8 {sign} {bound}"
    if contract.has_people:
        yield "person_key_1 is null and person_key_2 is null"
        yield "_hmac_key_id is null"
        yield from (f"{key} !~ '{HASH}' or length({key}) <> 64" for key in PERSON_KEYS)
