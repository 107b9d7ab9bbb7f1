"""`lakou`: what an operator types. The commands that judge, build and publish are added by `expectations.cli`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion import logs
from ingestion.backups.cli import backup, restore
from ingestion.errors import LakouError
from ingestion.health.cli import doctor, metrics, watch
from ingestion.people_commands import person
from ingestion.settings import Settings, load_settings

if TYPE_CHECKING:
    from ingestion.contracts import Contract
    from ingestion.partners import Partner
    from ingestion.receive import Preview

as_json = click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
MONTH = click.DateTime(formats=["%Y-%m"])
SHOWN_FINDINGS = 50
SECONDS_BETWEEN_LINES = 5.0
REFUSED = "REFUSÉ"


class Commands(click.Group):
    """A group whose failures are one sentence and its remedy on stderr, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an expected failure ends it without a traceback."""
        try:
            return super().invoke(ctx)
        except LakouError as error:
            fail(error.what, error.remedy)


def fail(what: str, remedy: str) -> None:
    """Say what failed and how to mend it, and exit with 1."""
    click.echo(f"lakou: {what}" + (f"\n  to mend it: {remedy}" if remedy else ""), err=True)
    sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, on stderr.")
@click.option(
    "--log-json",
    "as_json_lines",
    is_flag=True,
    envvar="LAKOU_LOG_JSON",
    help="Log a JSON object a line, with its numbers.",
)
@click.pass_context
def main(ctx: click.Context, verbose: bool, as_json_lines: bool) -> None:
    """Lakou: take in what partners deliver, build the warehouse, publish the figures."""
    logs.configure(verbose=verbose, as_json=as_json_lines)
    ctx.obj = load_settings()


main.add_command(person)
main.add_command(backup)
main.add_command(restore)
main.add_command(doctor)
main.add_command(watch)
main.add_command(metrics)


@main.command()
@as_json
@click.pass_obj
def receive(settings: Settings, is_json: bool) -> None:
    """Take in, once, what lies in the partners' folders: land, judge, load, answer, remind and mail.

    Exit code 1 if something could not be taken: it stays in the drop for the next run. A long file says how far it is.
    """
    from ingestion.receive import receive as receive_all

    summary = receive_all(settings, progress=_progress(is_json))
    if is_json:
        _print_json(dataclasses.asdict(summary))
    elif not summary.files:
        click.echo("Nothing new in the drop.")
    if summary.failures:
        count = len(summary.failures)
        fail(
            f"{count} of the steps failed: " + " | ".join(summary.failures),
            "what could not be taken stays in the drop; mend the cause and run `lakou receive` again",
        )


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--partner", "partner_code", help="Whose file it is; by default, the code in its name or its template.")
@click.option(
    "--receipt", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write the receipt into this folder."
)
@as_json
@click.pass_obj
def check(settings: Settings, file: Path, partner_code: str | None, folder: Path | None, is_json: bool) -> None:
    """Judge FILE as the drop would, and send and load nothing; a workbook of several feeds has an answer for each.

    Exit code 1 if the drop would refuse the file, or one of its feeds, as a whole. With --receipt, the page, the CSV
    and the workbook of rows to mend that the partner would get are written.
    """
    from ingestion.receive import preview

    with _elapsed(f"judging {file.name}"):
        answers = preview(settings, file, partner_code.upper() if partner_code else None)
    checked = [_checked(answer) for answer in answers]
    pages = [_write_preview(settings, folder, answer) for answer in answers] if folder else []
    if is_json:
        receipts = [{"receipt": str(page)} for page in pages] or [{} for _ in checked]
        _print_json([item | receipt for item, receipt in zip(checked, receipts, strict=True)])
    else:
        for item in checked:
            _show_checked(item)
        for page in pages:
            click.echo(f"receipt: {page}")
    if any(item["state"] == REFUSED for item in checked):
        sys.exit(1)


@main.command()
@click.argument("delivery")
@as_json
@click.pass_obj
def replay(settings: Settings, delivery: str, is_json: bool) -> None:
    """Judge DELIVERY again from the landing, if it was blocked or never judged."""
    from ingestion.receive import replay as replay_one

    with _elapsed(f"judging {delivery}"):
        done = replay_one(settings, delivery)
    if is_json:
        _print_json(dataclasses.asdict(done))
        return
    click.echo(
        f"{done.delivery_id}: {done.state}, {done.rows_received} rows = {done.rows_accepted} accepted"
        f" + {done.rows_awaiting} awaiting + {done.rows_rejected} refused"
    )


@main.command()
@click.argument("feed")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write the workbook.")
@click.option("--partner", "partner_code", help="Fill in this partner's code on its sheet « Envoi ».")
@click.option("--alone", is_flag=True, help="This feed only, without those that share its workbook.")
def template(feed: str, output: Path | None, partner_code: str | None, alone: bool) -> None:
    """Write the XLSX template of FEED (such as F02), with the feeds that share its workbook.

    Anybody can fill it in and drop it under any name: its hidden row says what it is.
    """
    from ingestion.contracts import load_contracts
    from ingestion.partners import template_name, workbooks
    from ingestion.workbook_templates import write_template

    contract = _contract(feed)
    groups = workbooks(load_contracts().values())
    group = [contract] if alone else next(group for group in groups if contract in group)
    path = output or Path(template_name(group))
    try:
        with tempfile.TemporaryDirectory() as temporary:
            made = Path(temporary) / "made.xlsx"
            write_template(group, made, partner=partner_code.upper() if partner_code else None)
            path.write_bytes(made.read_bytes())
    except OSError as error:
        raise LakouError(
            f"{path} cannot be written ({error.strerror or error})", "choose another path with -o"
        ) from error
    click.echo(str(path))


@main.group()
def partner() -> None:
    """Accounts of the partners."""


@partner.command("add")
@click.argument("code")
@click.option("--name", help="Name shown to the committee; a new account needs it.")
@click.option("--kind", help="ORGANISME_FORMATION, STARTUP, CLUSTER, EPCI, CABINET…; a new account needs it.")
@click.option("--programme", "programme_code", help="Programme of the rows that name none; a new account needs it.")
@click.option("--feeds", help="Feeds it may send, such as F01,F02,F03; a new account needs them.")
@click.option("--key", "keys", type=click.File("r"), multiple=True, help="Its public key (a .pub file); repeatable.")
@click.option("--email", help="Where receipts and reminders are sent, if mail is configured; '' for nowhere.")
@click.option("--siren", help="Its SIREN.")
@click.option("--notice-version", help="Version of the notice given to people.")
@click.option("--legal-basis", type=click.Choice(["INTERET_PUBLIC", "INTERET_LEGITIME"]))
@click.option("--processing-contract", help="Reference of the processing contract (art. 28).")
@click.option("--processing-country", help="Country of processing, with its safeguard.")
@click.option("--expect-from", type=MONTH, help="First month expected (2026-01).")
@click.option("--expect-to", type=MONTH, help="Last month expected (2026-12); by default the end of that year.")
@as_json
@click.pass_obj
def partner_add(settings: Settings, /, code: str, keys: tuple[Any, ...], is_json: bool, **options: Any) -> None:
    """Open the account CODE, or bring it up to date: key, folders, templates, connection page and deadlines.

    Of an account that exists, what is not given stays as it is. Each feed is expected at its own rhythm (month,
    quarter, half-year or year). Without notice version, legal basis, contract and country, its personal columns are
    refused.
    """
    from ingestion import partners
    from ingestion.database import connect

    first, last = options.pop("expect_from"), options.pop("expect_to")
    if last is not None and first is None:
        raise click.UsageError("--expect-to needs --expect-from")
    if first is not None and last is not None and last < first:
        raise click.UsageError("--expect-to is before --expect-from")
    given = {name: value for name, value in options.items() if value is not None}
    if "feeds" in given:
        given["feeds"] = tuple(_contract(feed.strip()).feed for feed in given["feeds"].split(",") if feed.strip())
    with connect(settings) as connection:
        known = {account.partner_code: account for account in partners.list_partners(connection)}.get(code.upper())
        account = _account(code.upper(), known, given)
        partners.add(settings, connection, account)
        expected = 0
        if first is not None:
            until = (last or first.replace(month=12)).date()
            expected = partners.expect(connection, account.partner_code, account.feeds, first.date(), until)
    added = [partners.add_key(settings, account.partner_code, key.read()) for key in keys]
    folder = settings.drop / account.partner_code
    if is_json:
        _print_json(dataclasses.asdict(account) | {"folder": folder, "expected": expected, "keys_added": sum(added)})
        return
    click.echo(f"{account.partner_code}: {'brought up to date' if known else 'opened'}, {folder}")
    if added:
        click.echo(f"{sum(added)} keys added, {len(added) - sum(added)} there already.")
    if first is not None:
        click.echo(f"{expected} deliveries more are expected.")
    if not account.has_convention:
        click.echo("Its personal columns are refused until its notice, legal basis, contract and country are given.")


@partner.command("list")
@as_json
@click.pass_obj
def partner_list(settings: Settings, is_json: bool) -> None:
    """List the accounts."""
    from ingestion.database import connect
    from ingestion.partners import list_partners

    with connect(settings) as connection:
        accounts = list_partners(connection)
    if is_json:
        _print_json([dataclasses.asdict(account) for account in accounts])
        return
    for account in accounts:
        convention = "" if account.has_convention else "  (no convention: personal columns are refused)"
        click.echo(
            f"{account.partner_code:<16} {account.programme_code:<4} {','.join(account.feeds):<16} {account.name}"
            f"{f' <{account.email}>' if account.email else ''}{convention}"
        )


@partner.command("key")
@click.argument("code")
@click.argument("public_key", type=click.File("r"))
@click.pass_obj
def partner_key(settings: Settings, code: str, public_key: Any) -> None:
    """Let CODE in with one more key: PUBLIC_KEY is the path of its .pub file, or - for stdin."""
    from ingestion.partners import add_key

    account = _partner(settings, code.upper())
    is_new = add_key(settings, account.partner_code, public_key.read())
    click.echo(f"{account.partner_code}: {'key added' if is_new else 'that key was there already'}")


@main.group()
def hold() -> None:
    """Deliveries that wait for a person: they are in no build."""


@hold.command("list")
@as_json
@click.pass_obj
def hold_list(settings: Settings, is_json: bool) -> None:
    """List what is held, and why."""
    from ingestion.database import connect

    with connect(settings) as connection:
        rows = connection.execute(
            "select hold_id, delivery_id, reason, opened_at from ops.holds where released_at is null order by hold_id"
        ).fetchall()
        questions = connection.execute(
            "select count(*) from ops.person_reviews as r where r.closed_build is null and not exists (select from"
            " ops.person_decisions as d where d.review_id = r.review_id and d.revoked_at is null)"
        ).fetchone()
    held = [dict(zip(("hold_id", "delivery_id", "reason", "opened_at"), row, strict=True)) for row in rows]
    if is_json:
        _print_json(held)
        return
    for item in held:
        click.echo(f"{item['hold_id']:>6} {item['delivery_id']}  {item['reason']}")
    if not held:
        click.echo("Nothing is held.")
    if questions and questions[0]:
        click.echo(f"{questions[0]} questions about people wait as well: see `lakou person review list`")


@hold.command("release")
@click.argument("delivery")
@click.option("--by", "released_by", required=True, help="Who decided it.")
@click.pass_obj
def hold_release(settings: Settings, delivery: str, released_by: str) -> None:
    """Let the next build take DELIVERY."""
    from ingestion.database import connect
    from ingestion.holding import release

    with connect(settings) as connection:
        release(settings, connection, delivery, released_by)
    click.echo(f"{delivery}: released; the next `lakou build` takes it")


@main.command()
@click.argument("programme")
@click.argument("period")
@click.option("--decision", "decision_id", metavar="DECISION_ID", help="Decision of the committee (G04) that dates it.")
@click.option(
    "--publication",
    "publication_id",
    type=click.IntRange(min=1),
    metavar="N",
    help="What the committee saw; by default the current publication.",
)
@click.option("--reason", default="", help="Why; needed to close a period again, which makes a new version.")
@click.option(
    "--accept-withheld", is_flag=True, help="Close though the publication kept older figures of the programme."
)
@as_json
@click.pass_obj
def close(settings: Settings, /, programme: str, period: str, is_json: bool, **options: Any) -> None:
    """Freeze the figures of PROGRAMME for PERIOD (2026-03, 2026-T1, 2026-S1 or 2026) as the committee saw them.

    What becomes known later stands beside them, explained by cause, from the next publication on. Nothing changes a
    closing: closing the period again makes a new version. The same publication again changes nothing.
    """
    from ingestion.closing import close_period

    closed = close_period(settings, programme.upper(), period, **options, progress=_progress(is_json))
    if is_json:
        _print_json(dataclasses.asdict(closed))


@main.command()
@click.argument("programme")
@click.argument("period")
@click.option("--draft", is_flag=True, help="A provisional book of a period not closed, marked so on each page.")
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="Folder; by default books/."
)
@click.option("--send", "is_sent", is_flag=True, help="Mail it to the committee ($LAKOU_COMMITTEE_EMAIL) as well.")
@as_json
@click.pass_obj
def book(settings: Settings, /, programme: str, period: str, is_sent: bool, is_json: bool, **options: Any) -> None:
    """Write the closing book of PROGRAMME for PERIOD: an accessible page and, where Chromium is there, its PDF.

    The first run keeps them with the closing; the next ones write the same bytes again.
    """
    from ingestion.book.making import write_book
    from ingestion.book.sending import send_book

    if is_sent and options["draft"]:
        raise LakouError("a draft is sent to nobody", "leave one of --draft and --send out")
    summary = write_book(settings, programme.upper(), period, **options, progress=_progress(is_json=True))
    if is_sent and not send_book(summary):
        raise LakouError("nobody is told who the committee is", "set LAKOU_SMTP_URL and LAKOU_COMMITTEE_EMAIL")
    if is_json:
        _print_json(dataclasses.asdict(summary))
        return
    for file in summary.files:
        click.echo(f"{file.path}  sha256 {file.sha256}  {'made' if file.is_new else 'as kept'}")
    if is_sent:
        click.echo("sent to the committee")


@main.command("quote")
@click.argument("reference")
@as_json
@click.pass_obj
def quote_command(settings: Settings, reference: str, is_json: bool) -> None:
    """Give the value that REFERENCE names (MQ.2026-T3.A1-01.p12), as that publication showed it."""
    from ingestion.database import connect
    from ingestion.quoting import quote

    with connect(settings, "lakou_reader") as reader:
        found = quote(reader, reference)
    if is_json:
        _print_json(dataclasses.asdict(found))
        return
    click.echo(
        f"{found.reference}: {found.value_text} ({found.indicator_label}, {found.unit}, {found.state}),"
        f" publication {found.publication_id} of {found.business_date}, definition {found.definition_hash}"
    )


@main.command("export")
@click.option(
    "-o", "--output", "folder", type=click.Path(file_okay=False, path_type=Path), help="By default open-data/."
)
@click.option("--administration", default="", help="Whom the service belongs to; by default the programme's name.")
@as_json
@click.pass_obj
def export_command(settings: Settings, folder: Path | None, administration: str, is_json: bool) -> None:
    """Write what is published as open data: the national impact schema, richer tables and a Data Package."""
    from ingestion.exporting import export

    summary = export(settings, folder=folder, administration=administration, progress=_progress(is_json=True))
    if is_json:
        _print_json(dataclasses.asdict(summary))
        return
    for file in summary.files:
        click.echo(f"{file.path}  sha256 {file.sha256}")


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@as_json
@click.pass_obj
def prune(settings: Settings, dry_run: bool, is_json: bool) -> None:
    """Take away old publications that no closing pins, and the keys of old landed files."""
    from ingestion import retention

    pruned = retention.prune(settings, dry_run=dry_run, progress=_progress(is_json))
    if is_json:
        _print_json(dataclasses.asdict(pruned))


@main.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Apply the numbered migrations of raw and ops that were not applied yet."""
    from ingestion.database import migrate as apply_migrations

    applied = apply_migrations(settings)
    click.echo("\n".join(applied) if applied else "The database is up to date.")


@main.command()
@click.argument("delivery")
@click.option("--published", is_flag=True, help="Wait until a publication contains it.")
@click.option("--timeout", type=float, default=300.0, show_default=True, help="Seconds.")
@as_json
@click.pass_obj
def wait(settings: Settings, delivery: str, published: bool, timeout: float, is_json: bool) -> None:
    """Wait until DELIVERY (its id, or the name of its file) is judged, or published; exit 1 when time is up."""
    from ingestion.database import connect

    until = time.monotonic() + timeout
    with connect(settings) as connection:
        connection.autocommit = True
        while True:
            found = connection.execute(
                "select d.delivery_id, d.state, (select max(p.publication_id) from ops.publication_deliveries as p"
                " inner join ops.publications as q using (publication_id)"
                " where p.delivery_id = d.delivery_id and q.state in ('PUBLIEE', 'PARTIELLE')) from ops.deliveries as d"
                " where d.delivery_id = %(name)s or d.file_name = %(name)s order by d.received_at desc limit 1",
                {"name": delivery},
            ).fetchone()
            if found and found[1] != "RECU" and (found[2] is not None or not published):
                break
            if time.monotonic() >= until:
                reached = f"it is {found[1]}, in no publication" if found else "it was not received"
                raise LakouError(
                    f"{delivery} was waited for during {timeout:g} s: {reached}",
                    "see `lakou status`, `lakou hold list` and the logs of ingest_drop, build_warehouse and publish",
                )
            time.sleep(0.5)
    if is_json:
        _print_json(dict(zip(("delivery_id", "state", "publication_id"), found, strict=True)))
    else:
        click.echo(f"{found[0]}: {found[1]}" + (f", in publication {found[2]}" if found[2] else ""))


@main.command()
@as_json
@click.pass_obj
def status(settings: Settings, is_json: bool) -> None:
    """What was received, what waits, the last build and the current publication."""
    from ingestion.database import business_date, connect

    with connect(settings) as connection:
        today = business_date(connection, dt.datetime.now(dt.UTC))
        deliveries = dict(connection.execute("select state, count(*) from ops.deliveries group by state").fetchall())
        numbers = connection.execute(
            "select (select count(*) from quarantine.awaiting_rows where outcome is null),"
            " (select count(*) from ops.loads where build_id is null),"
            " (select count(*) from ops.holds where released_at is null),"
            " (select count(*) from ops.mails where sent_at is null and given_up_at is null)"
        ).fetchone()
        late = connection.execute(
            "select count(*) from ops.expected_deliveries as e where e.due_on < %s and not exists"
            " (select 1 from ops.deliveries as d where d.partner_code = e.partner_code and d.feed = e.feed"
            " and d.state not in ('RECU', 'REFUSÉ') and d.period_start <= e.period_start"
            " and d.period_end >= e.period_end)",
            [today],
        ).fetchone()
        build = connection.execute(
            "select build_id, state, finished_at, loads from ops.builds order by build_id desc limit 1"
        ).fetchone()
        publication = connection.execute(
            "select publication_id, build_id, state, published_at from ops.publications"
            " where state in ('PUBLIEE', 'PARTIELLE') order by publication_id desc limit 1"
        ).fetchone()
    assert numbers is not None
    assert late is not None
    report = {
        "business_date": today,
        "deliveries": deliveries,
        "awaiting_rows": numbers[0],
        "loads_not_built": numbers[1],
        "held": numbers[2],
        "late": late[0],
        "mails_waiting": numbers[3],
        "last_build": _named(("build_id", "state", "finished_at", "loads"), build),
        "publication": _named(("publication_id", "build_id", "state", "published_at"), publication),
    }
    if is_json:
        _print_json(report)
        return
    for name, value in report.items():
        shown = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name.replace('_', ' '):<16} {'none' if shown in {None, ''} else shown}")


def _checked(answer: Preview) -> dict[str, Any]:
    """What the drop would answer to one delivery, as JSON shows it."""
    delivery = answer.delivery
    item = {
        "feed": delivery.feed,
        "period": delivery.period,
        "version": delivery.version,
        "part": delivery.part,
        "state": REFUSED if answer.blocked else delivery.state,
        "rows_received": delivery.rows_received,
        "rows_accepted": delivery.rows_accepted,
        "rows_awaiting": delivery.rows_awaiting,
        "rows_rejected": delivery.rows_rejected,
    }
    if answer.blocked is not None:
        return item | {
            "blocked": answer.blocked.rule_id,
            "message": answer.blocked.what,
            "remedy": answer.blocked.remedy,
            "findings": [],
        }
    return item | {"blocked": None, "findings": answer.judgement.findings.to_dicts() if answer.judgement else []}


def _show_checked(item: dict[str, Any]) -> None:
    name = f"{item['feed']} {item['period']} v{item['version']}" if item["feed"] else "unknown feed"
    if item["blocked"]:
        click.echo(f"{name}: {item['state']}, the whole file ({item['blocked']}): {item['message']} {item['remedy']}")
        return
    click.echo(
        f"{name}: {item['state']}, {item['rows_received']} rows = {item['rows_accepted']} accepted"
        f" + {item['rows_awaiting']} awaiting + {item['rows_rejected']} refused"
    )
    for finding in item["findings"][:SHOWN_FINDINGS]:
        place = f"line {finding['row_number']}" if finding["row_number"] else "file"
        column = f", {finding['column']}" if finding["column"] else ""
        click.echo(f"  {place}{column}: {finding['severity']} {finding['rule_id']}: {finding['message']}")
    if len(item["findings"]) > SHOWN_FINDINGS:
        counts = Counter(finding["rule_id"] for finding in item["findings"])
        click.echo("  … in all: " + ", ".join(f"{rule} x {number}" for rule, number in counts.most_common()))


def _write_preview(settings: Settings, folder: Path, answer: Preview) -> Path:
    import polars as pl

    from ingestion import receipts
    from ingestion.database import business_date, connect

    with connect(settings) as connection:
        today = business_date(connection, dt.datetime.now(dt.UTC))
    delivery, blocked = answer.delivery, answer.blocked
    if blocked is not None:
        delivery = dataclasses.replace(delivery, state=REFUSED, is_blocked=True)
        refusal = (0, "", "", blocked.rule_id, "BLOQUE", blocked.what, blocked.remedy)
        findings = pl.DataFrame([refusal], schema=receipts.FINDINGS, orient="row")
    else:
        assert answer.judgement is not None
        findings = answer.judgement.findings
    return receipts.preview(
        folder,
        contract=answer.contract,
        delivery=delivery,
        findings=findings,
        refused_source=answer.judgement.refused_source if answer.judgement else None,
        today=today,
    )


def _account(code: str, known: Partner | None, given: dict[str, Any]) -> Partner:
    """The account as it stands with what is given; an empty text takes a value away."""
    from ingestion.partners import Partner

    given = {name: value or None for name, value in given.items()}
    if known is not None:
        return dataclasses.replace(known, **given)
    missing = [name for name in ("name", "kind", "programme_code", "feeds") if not given.get(name)]
    if missing:
        options = ", ".join(f"--{name.removesuffix('_code')}" for name in missing)
        raise LakouError(f"there is no partner {code!r} yet: a new account needs {options}", "give them all")
    return Partner(partner_code=code, **given)


def _contract(feed: str) -> Contract:
    """Contract of a feed, whatever the case of its code (F05b)."""
    from ingestion.contracts import load_contract, load_contracts

    return load_contract({known.upper(): known for known in load_contracts()}.get(feed.upper(), feed))


def _partner(settings: Settings, code: str) -> Partner:
    from ingestion.database import connect
    from ingestion.partners import list_partners

    with connect(settings) as connection:
        for account in list_partners(connection):
            if account.partner_code == code:
                return account
    raise LakouError(f"there is no partner {code!r}", "see `lakou partner list`")


def _named(names: tuple[str, ...], row: tuple[Any, ...] | None) -> dict[str, Any] | None:
    return dict(zip(names, row, strict=True)) if row else None


def _progress(is_json: bool) -> Callable[[str], None]:
    def show(line: str) -> None:
        click.echo(line, err=is_json)

    return show


@contextmanager
def _elapsed(what: str) -> Iterator[None]:
    """Say on stderr, now and then, that a long work goes on."""
    done, began = threading.Event(), time.monotonic()

    def say() -> None:
        while not done.wait(SECONDS_BETWEEN_LINES):
            click.echo(f"{what}: {time.monotonic() - began:.0f} s", err=True)

    speaker = threading.Thread(target=say, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
