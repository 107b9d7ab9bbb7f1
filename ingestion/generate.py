"""What is made from the contracts: raw tables with their migrations, and the dbt source (`make contracts`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click
import yaml

from ingestion.contracts import Contract, load_contracts
from ingestion.raw_tables import (
    HEADER,
    LOADER_COLUMNS,
    MIGRATIONS,
    RECORD,
    Record,
    descriptions,
    follow,
    next_migration,
    read_record,
    written_record,
)
from ingestion.settings import CHECKOUT

SOURCES = Path("dbt_project/models/staging/drop/_drop__sources.yml")


def dbt_sources(contracts: Mapping[str, Contract], record: Record) -> str:
    """YAML of the dbt source `raw`: a table's retired columns are still read."""
    tables = [
        {
            "name": contract.raw_table,
            "description": f"{contract.feed}, {contract.title}. {contract.description}",
            "columns": [
                {
                    "name": name,
                    "description": text,
                    "data_type": LOADER_COLUMNS[name][1] if name in LOADER_COLUMNS else "text",
                }
                for name, text in descriptions(contract, record[contract.raw_table].retired).items()
            ],
        }
        for contract in contracts.values()
    ]
    source = {
        "name": "raw",
        "schema": "raw",
        "description": "Lignes acceptées des livraisons, en texte canonique ; on n'y fait qu'ajouter.",
        "loader": "lakou receive",
        "tables": tables,
    }
    body = yaml.safe_dump({"version": 2, "sources": [source]}, allow_unicode=True, sort_keys=False, width=110)
    return f"# {HEADER}\n{body}"


def generated_files(contracts: Mapping[str, Contract], checkout: Path) -> dict[Path, str]:
    """Text of every committed file that the contracts ask for now, by its path in the checkout.

    Among them is the next migration where a contract differs from what the migrations have made; those that exist are
    never written again.

    Raises:
        ConfigurationError: a contract changed and its version did not.
    """
    record, migration = follow(read_record(checkout / RECORD), contracts)
    files = {RECORD: written_record(record), SOURCES: dbt_sources(contracts, record)}
    if migration is not None:
        existing = (path.name for path in (checkout / MIGRATIONS).glob("*.sql"))
        # before the record: were the run cut short here, it would be written again
        files = {MIGRATIONS / next_migration(existing): migration, **files}
    return files


@click.command()
@click.option(
    "--check", is_flag=True, help="Change nothing; fail where a committed file is not what the contracts give."
)
def main(*, check: bool) -> None:
    """Write the files that are made from the contracts."""
    stale = []
    for path, text in generated_files(load_contracts(), CHECKOUT).items():
        target = CHECKOUT / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path))
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            click.echo(f"{path} written")
    if check and stale:
        click.echo(f"not what the contracts give: {', '.join(stale)}\n  To mend it: make contracts", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
