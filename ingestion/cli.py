"""`lakou`: what an operator types. The commands that judge, build and publish are added by `expectations.cli`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import logging
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.errors import BlockedFile, LakouError
from ingestion.settings import ROLES, Settings, load_settings

if TYPE_CHECKING:
    from ingestion.partners import Partner

as_json = click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
MONTH = click.DateTime(formats=["%Y-%m"])
LOW_DISK = 1 << 30
SHOWN_FINDINGS = 50


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
@click.pass_context
def main(ctx: click.Context, verbose: bool) -> None:
    """Lakou: take in what partners deliver, build the warehouse, publish the figures."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    ctx.obj = load_settings()


@main.command()
@as_json
@click.pass_obj
def receive(settings: Settings, is_json: bool) -> None:
    """Take in, once, what lies in the partners' folders."""
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
@click.option("--partner", "partner_code", help="Whose file it is; by default, the code in its name.")
@as_json
@click.pass_obj
def check(settings: Settings, file: Path, partner_code: str | None, is_json: bool) -> None:
    """Judge FILE as the drop would and load nothing; exit 1 if the whole file would be refused."""
    import polars as pl

    from ingestion.receive import check_file

    try:
        judgement = check_file(settings, file, partner_code)
    except BlockedFile as blocked:
        if is_json:
            _print_json({"blocked": blocked.rule_id, "message": blocked.what, "remedy": blocked.remedy})
            sys.exit(1)
        fail(f"{blocked.rule_id}: {blocked.what}", blocked.remedy)
        return
    counts = {
        "rows_received": judgement.rows_received,
        "rows_accepted": judgement.accepted.height,
        "rows_awaiting": judgement.awaiting.height,
        "rows_rejected": judgement.rejected.height,
    }
    if is_json:
        _print_json(counts | {"findings": judgement.findings.to_dicts()})
    else:
        click.echo(", ".join(f"{value} {name.removeprefix('rows_')}" for name, value in counts.items()))
        for finding in judgement.findings.head(SHOWN_FINDINGS).iter_rows(named=True):
            click.echo(
                f"  line {finding['row_number']} {finding['column']}: {finding['severity']} {finding['rule_id']}"
                f" {finding['message']}"
            )
        if judgement.findings.height > SHOWN_FINDINGS:
            rules = judgement.findings.group_by("rule_id").len().sort(pl.col("len"), descending=True).rows()
            click.echo("  … " + ", ".join(f"{rule} x {number}" for rule, number in rules))
    if counts["rows_received"] and counts["rows_rejected"] == counts["rows_received"]:
        sys.exit(1)


@main.command()
@click.argument("delivery")
@as_json
@click.pass_obj
def replay(settings: Settings, delivery: str, is_json: bool) -> None:
    """Judge DELIVERY again from the landing, if it was blocked or never judged."""
    from ingestion.receive import replay as replay_one

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
def template(feed: str, output: Path | None) -> None:
    """Write the XLSX template of FEED (such as F02)."""
    from ingestion.contracts import load_contract
    from ingestion.generate import write_template

    contract = load_contract(feed.upper())
    path = output or Path(f"{contract.feed}_{contract.name}__modele.xlsx")
    try:
        write_template([contract], path)
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
@click.option("--name", required=True, help="Name shown to the committee.")
@click.option("--kind", required=True, help="ORGANISME_FORMATION, STARTUP, CLUSTER, EPCI, CABINET…")
@click.option("--programme", required=True, help="Programme of the rows that name none.")
@click.option("--feeds", required=True, help="Feeds it may send, such as F01,F02,F03.")
@click.option("--siren", help="Its SIREN.")
@click.option("--notice-version", help="Version of the notice given to people.")
@click.option("--legal-basis", type=click.Choice(["INTERET_PUBLIC", "INTERET_LEGITIME"]))
@click.option("--processing-contract", help="Reference of the processing contract (art. 28).")
@click.option("--processing-country", help="Country of processing, with its safeguard.")
@click.option("--expect-from", type=MONTH, help="First month expected (2026-01).")
@click.option("--expect-to", type=MONTH, help="Last month expected (2026-12).")
@click.pass_obj
def partner_add(settings: Settings, /, code: str, feeds: str, programme: str, **options: Any) -> None:
    """Open the account CODE, or bring it up to date, with its folders, templates and deadlines.

    Without notice version, legal basis, contract and country, its personal columns are refused.
    """
    from ingestion import partners
    from ingestion.database import connect

    first, last = options.pop("expect_from"), options.pop("expect_to")
    if (first is None) != (last is None):
        raise click.UsageError("--expect-from and --expect-to go together")
    account = partners.Partner(
        partner_code=code.upper(),
        programme_code=programme,
        feeds=tuple(feed.strip().upper() for feed in feeds.split(",") if feed.strip()),
        **options,
    )
    with connect(settings) as connection:
        partners.add(settings, connection, account)
        if first is not None:
            expected = partners.expect(connection, account.partner_code, account.feeds, first.date(), last.date())
            click.echo(f"{expected} deliveries more are expected.")
    click.echo(f"{account.partner_code}: {settings.drop / account.partner_code}")
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
            f"{convention}"
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
    held = [dict(zip(("hold_id", "delivery_id", "reason", "opened_at"), row, strict=True)) for row in rows]
    if is_json:
        _print_json(held)
        return
    for item in held:
        click.echo(f"{item['hold_id']:>6} {item['delivery_id']}  {item['reason']}")
    if not held:
        click.echo("Nothing is held.")


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
            " (select count(*) from ops.holds where released_at is null)"
        ).fetchone()
        build = connection.execute(
            "select build_id, state, finished_at, loads from ops.builds order by build_id desc limit 1"
        ).fetchone()
        publication = connection.execute(
            "select publication_id, build_id, state, published_at from ops.publications"
            " where state in ('PUBLIEE', 'PARTIELLE') order by publication_id desc limit 1"
        ).fetchone()
    assert numbers is not None
    report = {
        "business_date": today,
        "deliveries": deliveries,
        "awaiting_rows": numbers[0],
        "loads_not_built": numbers[1],
        "held": numbers[2],
        "last_build": _named(("build_id", "state", "finished_at", "loads"), build),
        "publication": _named(("publication_id", "build_id", "state", "published_at"), publication),
    }
    if is_json:
        _print_json(report)
        return
    for name, value in report.items():
        shown = ", ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else value
        click.echo(f"{name.replace('_', ' '):<16} {'none' if shown in {None, ''} else shown}")


@main.command()
@as_json
@click.pass_obj
def doctor(settings: Settings, is_json: bool) -> None:
    """Check the database, the secrets, the keys, the disk and the drop; exit 1 if something is wrong."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("database", _check_database),
        ("secrets", _check_secrets),
        ("landing", _check_landing),
        ("keyed hashes", _check_hmac_key),
        ("disk", _check_disk),
        ("drop", _check_drop),
    ]
    found = []
    for name, look in checks:
        try:
            found.append({"check": name, "ok": True, "what": look(settings), "remedy": ""})
        except LakouError as error:
            found.append({"check": name, "ok": False, "what": error.what, "remedy": error.remedy})
    if is_json:
        _print_json(found)
    else:
        for item in found:
            click.echo(f"{'ok   ' if item['ok'] else 'WRONG'} {item['check']}: {item['what']}")
            if item["remedy"]:
                click.echo(f"      to mend it: {item['remedy']}")
    if not all(item["ok"] for item in found):
        sys.exit(1)


def _check_database(settings: Settings) -> str:
    from ingestion.database import POSTGRES_FILES, connect

    for role in ROLES[1:]:
        with connect(settings, role):
            pass
    with connect(settings, "lakou_admin") as connection:
        applied = {name for (name,) in connection.execute("select name from public.migrations")}
    missing = sorted({path.name for path in (POSTGRES_FILES / "migrations").glob("*.sql")} - applied)
    if missing:
        raise LakouError(f"these migrations are not applied: {', '.join(missing)}", "run `lakou migrate`")
    return f"{settings.pg_host}:{settings.pg_port} answers every role, {len(applied)} migrations applied"


def _check_secrets(settings: Settings) -> str:
    names = (*ROLES, "hmac.key", "landing.key")
    for name in names:
        settings.secret(name)
        if (settings.secrets / name).stat().st_mode & 0o077:
            raise LakouError(
                f"{settings.secrets / name} can be read by others than its owner",
                f"chmod 600 {settings.secrets / name}",
            )
    return f"{len(names)} files under {settings.secrets}, for their owner only"


def _check_landing(settings: Settings) -> str:
    from ingestion import landing

    landing.check(settings)
    return f"{settings.landing_url} can be written, its key is there"


def _check_hmac_key(settings: Settings) -> str:
    from ingestion.contracts import load_contracts
    from ingestion.database import connect
    from ingestion.receive import load_pseudonymiser

    key_id = load_pseudonymiser(settings).key_id
    with connect(settings) as connection:
        for contract in load_contracts().values():
            if not contract.has_people:
                continue
            row = connection.execute(
                f"select _hmac_key_id from raw.{contract.raw_table} order by _load_id desc limit 1"
            ).fetchone()
            if row is not None and row[0] != key_id:
                raise LakouError(
                    f"raw.{contract.raw_table} was last written with the key {row[0]}, and {key_id} is there now:"
                    " nobody would be recognised",
                    f"put the former key back in {settings.secrets / 'hmac.key'}",
                )
    return f"the key {key_id} is the one in use"


def _check_disk(settings: Settings) -> str:
    free = shutil.disk_usage(settings.home).free
    if free < LOW_DISK:
        raise LakouError(f"{free / LOW_DISK:.1f} GiB are left on the disk of {settings.home}", "free at least 1 GiB")
    return f"{free / LOW_DISK:.0f} GiB free"


def _check_drop(settings: Settings) -> str:
    import os

    from ingestion.database import connect
    from ingestion.drop import FOLDERS
    from ingestion.partners import list_partners

    with connect(settings) as connection:
        codes = [account.partner_code for account in list_partners(connection)]
    for code in codes:
        for name in FOLDERS:
            folder = settings.drop / code / name
            if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise LakouError(
                    f"{folder} is missing or cannot be written", f"`lakou partner add {code} …` makes it again"
                )
    return f"{len(codes)} partners' folders under {settings.drop}"


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


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
