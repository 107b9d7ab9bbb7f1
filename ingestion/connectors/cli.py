"""`lakou source` and `lakou pull`: the systems that are pulled."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from ingestion.errors import LakouError
from ingestion.settings import Settings

if TYPE_CHECKING:
    from ingestion.connectors.trying import Trial

as_json = click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
SHOWN_FINDINGS = 20


@click.group()
def source() -> None:
    """Systems that are pulled: forms, surveys, CRM, events."""


@source.command("list")
@as_json
@click.pass_obj
def source_list(settings: Settings, is_json: bool) -> None:
    """List the sources, and when each was last pulled to its end."""
    from ingestion.connectors.mapping import load_sources
    from ingestion.database import connect

    sources = load_sources()
    with connect(settings) as connection:
        rows = connection.execute(
            "select s.source_name, s.pulled_at, p.state, p.error from ops.sources as s left join lateral ("
            "select state, error from ops.source_pulls where source_name = s.source_name order by pull_id desc limit 1"
            ") as p on true"
        ).fetchall()
    books = {name: rest for name, *rest in rows}
    listed = [
        {
            "source": item.name,
            "system": item.system,
            "partner": item.partner,
            "feeds": list(dict.fromkeys(feed.feed for feed in item.feeds)),
            "pulled_at": books.get(item.name, [None])[0],
            "is_pulled": item.is_pulled,
            "state": books.get(item.name, [None] * 2)[1],
            "error": books.get(item.name, [None] * 3)[2],
        }
        for item in sources
    ]
    if is_json:
        click.echo(json.dumps(listed, ensure_ascii=False, indent=2, default=str))
        return
    for line in listed:
        when = "never pulled" if line["is_pulled"] else "exported by hand"
        if line["pulled_at"]:
            when = f"{line['pulled_at']:%Y-%m-%d %H:%M}"
        click.echo(
            f"{line['source']:<20} {line['system']:<11} {line['partner']:<16} {','.join(line['feeds']):<12} {when}"
            f"{'  ' + line['error'] if line['error'] else ''}"
        )
    if not listed:
        click.echo("There is no source yet: `lakou source add` drafts one.")


@source.command("add")
@click.argument("name")
@click.option("--system", required=True, help="limesurvey, odk, kobo, dolibarr, espocrm or pretix.")
@click.option("--address", required=True, help="Of the server, such as https://enquetes.example.org.")
@click.option("--connection", required=True, help="Airflow connection, or secret file, that holds the credentials.")
@click.option("--partner", required=True, help="Whose drop it fills.")
@click.option("--feed", required=True, help="Feed that its records give, such as F04.")
@click.option("--entity", help="Form, survey or entity; without it, those of the account are listed.")
@click.option("--table", help="A repeat of it, where the rows are of one.")
@click.option("--zone", default="America/Martinique", show_default=True, help="Time zone of the server.")
@click.pass_obj
def source_add(
    settings: Settings, /, name: str, feed: str, entity: str | None, table: str | None, **header: str
) -> None:
    """Draft the file of source NAME from what the server says of itself; name the columns in it, then try it."""
    from ingestion import connectors
    from ingestion.connectors.credentials import read_credentials
    from ingestion.connectors.drafting import draft
    from ingestion.connectors.mapping import NAME, folder
    from ingestion.connectors.session import Session
    from ingestion.contracts import load_contract
    from ingestion.drop import write_atomically

    path = folder() / f"{name}.yml"
    if not NAME.fullmatch(name):
        raise LakouError(f"{name!r} is no name of a source", "use lower case letters, digits and _")
    if path.exists():
        raise LakouError(f"{path} is there already", "change it, or choose another name")
    credentials = read_credentials(settings, header["connection"])
    contract = load_contract(feed)
    session = Session(header["address"], secrets=[text for key, text in credentials.items() if key != "user"])
    try:
        connector = connectors.connect(header["system"], session, credentials, {})
        if entity is None:
            for identifier, title in connector.entities():
                click.echo(f"{identifier:<40} {title}")
            connector.close()
            raise LakouError("which one?", "say it again with --entity, one of those above")
        description = connector.describe(entity)
        connector.close()
    finally:
        session.close()
    tables = {item.name: item for item in description.tables}
    if table is not None and table not in tables:
        raise LakouError(f"{entity} has no table {table!r}", f"one of {', '.join(tables)}")
    write_atomically(path, draft(header, description, contract, tables[table] if table else None).encode())
    click.echo(f"{path}: drafted, {len(description.tables[0].fields)} fields are listed in it.")
    click.echo(f"Name the columns, then `lakou source test {name}`.")


@source.command("test")
@click.argument("name")
@as_json
@click.pass_obj
def source_test(settings: Settings, name: str, is_json: bool) -> None:
    """Pull one page of source NAME and show what would be loaded and refused; nothing is kept."""
    from ingestion.connectors.credentials import read_credentials
    from ingestion.connectors.mapping import load_pulled
    from ingestion.connectors.trying import try_source

    item = load_pulled(name)
    trial = try_source(settings, item, read_credentials(settings, item.connection))
    shown = _shown(trial)
    if is_json:
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2, default=str))
        return
    _show(shown)


@source.command("pull")
@click.argument("name")
@click.option(
    "--full", "is_full", is_flag=True, help="Everything, whatever was pulled before; what is known is compared."
)
@as_json
@click.pass_obj
def source_pull(settings: Settings, name: str, is_full: bool, is_json: bool) -> None:
    """Pull source NAME once; `lakou receive` takes the files that it puts into its owner's drop."""
    from ingestion.connectors.credentials import read_credentials
    from ingestion.connectors.mapping import load_pulled
    from ingestion.connectors.pulling import pull

    item = load_pulled(name)

    def show(line: str) -> None:
        click.echo(line, err=is_json)

    summary = pull(settings, item, read_credentials(settings, item.connection), is_full=is_full, progress=show)
    if is_json:
        click.echo(json.dumps(dataclasses.asdict(summary), ensure_ascii=False, indent=2, default=str))


def _shown(trial: Trial) -> dict[str, Any]:
    feeds = []
    for answer in trial.answers:
        delivery = answer.delivery
        findings = answer.judgement.findings.to_dicts() if answer.judgement else []
        feeds.append(
            {
                "feed": delivery.feed,
                "period": delivery.period,
                "rows_received": delivery.rows_received,
                "rows_accepted": delivery.rows_accepted,
                "rows_awaiting": delivery.rows_awaiting,
                "rows_rejected": delivery.rows_rejected,
                "blocked": f"{answer.blocked.what} {answer.blocked.remedy}" if answer.blocked else None,
                "findings": findings,
            }
        )
    return {
        "records": trial.records,
        "left_out": trial.left_out,
        "undated": trial.undated,
        "unknown": [list(pair) for pair in trial.unknown],
        "feeds": feeds,
    }


def _show(shown: dict[str, Any]) -> None:
    from ingestion.pages import plural

    click.echo(plural(shown["records"], "enregistrement lu", "enregistrements lus") + ", rien n'est gardé.")
    if shown["left_out"]:
        click.echo(
            "  " + plural(shown["left_out"], "n'est pas retenu", "ne sont pas retenus") + " par la fiche (when)."
        )
    if shown["undated"]:
        click.echo("  " + plural(shown["undated"], "n'a pas de date lisible", "n'ont pas de date lisible") + ".")
    for feed in shown["feeds"]:
        name = f"{feed['feed']} {feed['period']}"
        if feed["blocked"]:
            click.echo(f"{name} : fichier refusé. {feed['blocked']}")
            continue
        click.echo(
            f"{name} : {plural(feed['rows_accepted'], 'ligne serait chargée', 'lignes seraient chargées')},"
            f" {plural(feed['rows_awaiting'], 'en attente', 'en attente')},"
            f" {plural(feed['rows_rejected'], 'refusée', 'refusées')}"
        )
        for finding in feed["findings"][:SHOWN_FINDINGS]:
            column = f", {finding['column']}" if finding["column"] else ""
            click.echo(f"  ligne {finding['row_number']}{column} : {finding['message']} {finding['remedy']}")
        if len(feed["findings"]) > SHOWN_FINDINGS:
            click.echo(f"  … et {plural(len(feed['findings']) - SHOWN_FINDINGS, 'autre', 'autres')}")
    for field, value in shown["unknown"]:
        click.echo(f"Sans équivalent dans la fiche : {field} = {value}")
