"""`lakou backup` and `lakou restore`, as an operator types them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from ingestion.errors import LakouError
from ingestion.settings import Settings

as_json = click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
place = click.option("--from", "url", help="Place of the backups, any fsspec URL; by default $LAKOU_BACKUP_URL.")


@click.group(invoke_without_command=True)
@click.option("--to", "url", help="Place of the backups, any fsspec URL; by default $LAKOU_BACKUP_URL, else backups/.")
@click.option("--keep-days", type=click.IntRange(1), default=14, show_default=True, help="Daily backups kept.")
@click.option("--keep-weeks", type=click.IntRange(0), default=8, show_default=True, help="Weekly backups kept.")
@click.option("--keep-months", type=click.IntRange(0), default=12, show_default=True, help="Monthly backups kept.")
@as_json
@click.pass_context
def backup(
    ctx: click.Context, *, url: str | None, keep_days: int, keep_weeks: int, keep_months: int, is_json: bool
) -> None:
    """Save the warehouse, the landing, the drop and the databases of Airflow and Superset, encrypted, while all work.

    Only what the place of backups lacks is copied of the landing. The keys are not in it: `lakou backup keys`.
    """
    if ctx.invoked_subcommand is not None:
        return
    from ingestion.backups.making import back_up
    from ingestion.backups.retaining import Kept

    settings: Settings = ctx.obj
    is_new = not (settings.secrets / "backup.key").exists() and "LAKOU_BACKUP_RECIPIENT" not in os.environ
    summary = back_up(settings, url or settings.backup_url, Kept(keep_days, keep_weeks, keep_months), _say)
    if is_json:
        _print(summary)
    else:
        click.echo(
            f"{summary.backup_id} in {summary.url}: {summary.archive_bytes:,} bytes of archives,"
            f" {summary.landed_files} landed files ({summary.copied_files} new), {summary.seconds:.1f} s;"
            f" {summary.deleted} older backups deleted"
        )
        for part, why in summary.left_out.items():
            click.echo(f"not in it: {part} ({why})")
    if is_new:
        _say("a backup key was made: hand the keys to a custodian now, `lakou backup keys --help` says how")
    if summary.missing:
        raise LakouError(
            f"the landing has lost {len(summary.missing)} files that the warehouse names, such as {summary.missing[0]}",
            "the backup is whole but for them: put them back from an older one, or ask their partners again",
        )


@backup.command("list")
@place
@as_json
@click.pass_obj
def list_backups(settings: Settings, url: str | None, is_json: bool) -> None:
    """List the whole backups, the oldest first."""
    from ingestion.backups.store import Store

    found = Store(url or settings.backup_url).manifests()
    if is_json:
        rows = [(item.backup_id, item.snapshot_at, item.lakou, item.last, item.left_out) for item in found]
        names = ("backup_id", "snapshot_at", "lakou", "last", "left_out")
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False, indent=2))
        return
    for item in found:
        size = sum(archive.size for archive in item.archives.values())
        click.echo(
            f"{item.backup_id}  build {item.last['build']}, publication {item.last['publication']},"
            f" {len(item.last['closings'])} closings, {item.last['deliveries']} deliveries, {size:,} bytes"
        )
    if not found:
        click.echo("There is none.")


@backup.command("verify")
@click.argument("backup_id", metavar="BACKUP", default="last")
@place
@as_json
@click.pass_obj
def verify_backup(settings: Settings, backup_id: str, url: str | None, is_json: bool) -> None:
    """Read all of BACKUP (by default the last): decrypt it, compare its sums, read its tables of contents."""
    from ingestion.backups.restoring import read_manifest, verify

    where = url or settings.backup_url
    found = verify(settings, where, read_manifest(settings, where, backup_id), _say)
    if is_json:
        _print(found)
    else:
        click.echo(f"{found.backup_id}: {found.archives} archives, {found.landed_files} landed files, all as written")


@backup.command("base")
@click.option("--to", "url", help="Place of the backups; by default $LAKOU_BACKUP_URL.")
@as_json
@click.pass_obj
def copy_base(settings: Settings, url: str | None, is_json: bool) -> None:
    """Copy the whole PostgreSQL server and keep its journal from now on, to go back to any moment (`restore --as-of`)."""
    from ingestion.backups import journal

    piece = journal.copy_base(settings, url or settings.backup_url, _say)
    if is_json:
        _print(piece)
    else:
        click.echo(f"{piece.name}: {piece.size:,} bytes; any moment after {piece.at} can be gone back to")


@backup.command("wal")
@click.option("--to", "url", help="Place of the backups; by default $LAKOU_BACKUP_URL.")
@click.pass_obj
def fetch_journal(settings: Settings, url: str | None) -> None:
    """Store the journal of PostgreSQL up to now, after `lakou backup base`."""
    from ingestion.backups import journal

    click.echo(f"{journal.fetch(settings, url or settings.backup_url, _say)} pieces of the journal stored")


@backup.command("keys")
@click.option(
    "--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to write to."
)
@click.option("--custodian", required=True, help="Who keeps them: somebody else than whoever keeps the backups.")
@click.option("--recipient", "public_key", help="The custodian's public age key (age1…), instead of a passphrase.")
@as_json
@click.pass_obj
def hand_over_keys(settings: Settings, folder: Path, custodian: str, public_key: str | None, is_json: bool) -> None:
    """Write the HMAC key, the landing key, the backup key and what else cannot be made again, for a custodian.

    Encrypted for the custodian's key, or for a passphrase that is asked for ($LAKOU_KEYS_PASSPHRASE in a program).
    """
    from ingestion.backups.keys import hand_over

    where = settings.backup_url.removeprefix("file://")
    if folder.absolute().is_relative_to(where) or folder.absolute().is_relative_to(settings.home):
        raise LakouError(
            f"{folder} is with the platform or its backups", "the keys are kept apart: choose another folder"
        )
    passphrase = None if public_key else _passphrase(confirm=True)
    package = hand_over(settings, folder, custodian=custodian, passphrase=passphrase, public_key=public_key)
    if is_json:
        _print(package)
    else:
        click.echo(f"{package.path}: {', '.join(package.names)}; noted that {custodian} has them")


@backup.command("put-back")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--identity", type=click.File("r"), help="The custodian's private age key, instead of a passphrase.")
@click.option("--replace", is_flag=True, help="Replace the keys that a new platform has just made for itself.")
@click.pass_obj
def put_keys_back(settings: Settings, file: Path, identity: Any, replace: bool) -> None:
    """Put the keys of a custodian's FILE back among the secrets, before a restoration."""
    from ingestion.backups import contents
    from ingestion.backups.keys import put_back
    from ingestion.database import connect

    if replace:
        with connect(settings, "lakou_admin") as connection:
            if not contents.is_empty(connection):
                raise LakouError(
                    "this platform holds data made with its own keys", "--replace is for one that holds nothing yet"
                )
    private = None if identity is None else _private_key(identity.read())
    written = put_back(
        settings, file, passphrase=None if private else _passphrase(confirm=False), private_key=private, replace=replace
    )
    click.echo(f"put back: {', '.join(written)}" if written else "all of them were there already")


@click.command()
@click.argument("backup_id", metavar="[BACKUP]", default="")
@place
@click.option("--as-of", help="A moment (2026-11-22T14:05:00+00:00, UTC where no zone is given), instead of BACKUP.")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), help="New folder, with --as-of.")
@click.option("--replace", is_flag=True, help="Take away what the warehouse holds; asks for the backup's name first.")
@click.option(
    "--with-metadata", is_flag=True, help="Also the databases of Airflow and Superset; stop their services first."
)
@click.option(
    "--no-migrate", is_flag=True, help="Leave the tables as the version that saved them wants them: the way back to it."
)
@as_json
@click.pass_obj
def restore(
    settings: Settings,
    *,
    backup_id: str,
    url: str | None,
    as_of: str | None,
    into: Path | None,
    replace: bool,
    with_metadata: bool,
    no_migrate: bool,
    is_json: bool,
) -> None:
    """Put BACKUP (a name of `lakou backup list`, or `last`) back into an empty platform, and compare it.

    The keys come first: `lakou backup put-back FILE`. Nothing is changed before all of the backup was verified; stopped
    half-way, the same command goes on.

    With --as-of, the files of the PostgreSQL server as it was at that moment are put together in a folder; no server is
    touched (infra/runbook/point-in-time.md says how they take the place of the ones in use).
    """
    where = url or settings.backup_url
    if bool(as_of) == bool(backup_id) or bool(as_of) != bool(into):
        raise click.UsageError("give either BACKUP, or --as-of with --into")
    if as_of and into:
        _prepare(settings, where, as_of, into)
        return
    from ingestion.backups.restoring import read_manifest, refuse_unless_empty
    from ingestion.backups.restoring import restore as put_back

    manifest = read_manifest(settings, where, backup_id)
    if replace:
        typed = click.prompt(
            f"What {settings.pg_database} holds now will be lost. Type {manifest.backup_id} to go on", err=True
        )
        if typed.strip() != manifest.backup_id:
            raise LakouError("the name typed is another one", "nothing was changed")
    else:
        refuse_unless_empty(settings, manifest)
    done = put_back(
        settings,
        where,
        manifest,
        replace=replace,
        with_metadata=with_metadata,
        migrates=not no_migrate,
        progress=_say,
    )
    if is_json:
        _print(done)
        return
    click.echo(
        f"{done.backup_id} is back, as of {done.snapshot_at}: {done.tables} tables and {done.rows:,} rows compared and the"
        f" same, {done.landed_files} landed files, {done.drop_files} files of the drop; build {done.last['build']},"
        f" publication {done.last['publication']}, {len(done.last['closings'])} closings"
    )
    for part, why in done.left.items():
        click.echo(f"not put back: {part} ({why})")
    if done.migrated:
        click.echo(f"then migrated: {', '.join(done.migrated)}")
    click.echo(
        f"Erasures asked for after {done.snapshot_at} have to be carried out again: see infra/runbook/restore.md"
    )


def _prepare(settings: Settings, url: str, as_of: str, into: Path) -> None:
    from ingestion.backups.journal import prepare

    try:
        moment = dt.datetime.fromisoformat(as_of)
    except ValueError as error:
        raise click.UsageError("--as-of is no moment: write 2026-11-22T14:05:00+00:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    made = prepare(settings, url, moment, into, _say)
    click.echo(
        f"{made.data}: the server as of {made.as_of}, from {made.base} and {made.segments} pieces of journal;"
        " infra/runbook/point-in-time.md says how to start it"
    )


def _passphrase(*, confirm: bool) -> str:
    given = os.environ.get("LAKOU_KEYS_PASSPHRASE")
    return given if given else str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))


def _private_key(text: str) -> str:
    """The key of a file as age-keygen writes it, comments left out."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return lines[0] if lines else ""


def _say(line: str) -> None:
    click.echo(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {line}", err=True)
    sys.stderr.flush()


def _print(value: Any) -> None:
    click.echo(json.dumps(dataclasses.asdict(value), ensure_ascii=False, indent=2, default=str))
