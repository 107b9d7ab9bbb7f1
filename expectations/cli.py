"""`lakou`, whole: the commands of ingestion, and those that judge at the two boundaries."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from expectations.runner import audit_publication, inspect_loads
from ingestion.building import build
from ingestion.cli import main
from ingestion.connectors.cli import source, source_pull
from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.publishing import publish
from ingestion.settings import load_settings
from ingestion.tracing import Cell, trace

main.add_command(source)
main.add_command(source_pull)


@main.command("build")
@click.option("--full", is_flag=True, help="Rebuild every model from raw instead of adding what is new.")
@click.option("--as-of", type=click.IntRange(min=1), metavar="BUILD", help="Show the marts as they were at this build.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def build_command(*, full: bool, as_of: int | None, as_json: bool) -> None:
    """Number the committed loads, link people and bring the marts up to date."""
    if full and as_of is not None:
        raise click.UsageError("--full and --as-of exclude each other: an earlier build is shown, not rebuilt")
    summary = build(load_settings(), inspect_loads, full=full, as_of=as_of, progress=_say)
    _print(summary, as_json=as_json)


@main.command("publish")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def publish_command(*, as_json: bool) -> None:
    """Audit what the marts hold and let everybody read it; what fails keeps its last good figures (exit code 1)."""
    _print(publish(load_settings(), audit_publication, progress=_say), as_json=as_json)


@main.command("trace")
@click.argument("indicator")
@click.option("--period", required=True, metavar="PERIOD", help="2026-03, 2026-T1, 2026-S1 or 2026.")
@click.option("--programme", default="MQ", show_default=True)
@click.option("--territory", default="02", show_default=True, help="A commune's, an EPCI's or the region's code.")
@click.option("--partner", default="TOTAL", show_default=True)
@click.option("--axis", default="TOTAL", show_default=True)
@click.option("--member", default="TOTAL", show_default=True)
@click.option(
    "--attributed", is_flag=True, help="Of a partner: the share that is its own, not all that it took part in."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figure and its rows as JSON.")
def trace_command(*, attributed: bool, as_json: bool, **cell: str) -> None:
    """Show the rows of the files behind one figure; their contributions sum to it."""
    if attributed and cell["partner"] == "TOTAL":
        raise LakouError("a total is attributed to nobody", "say whose share with --partner")
    measure = "counted" if cell["partner"] == "TOTAL" else "contributed"
    where = Cell(
        programme_code=cell["programme"],
        indicator_code=cell["indicator"],
        period=cell["period"],
        territory_code=cell["territory"],
        partner_code=cell["partner"],
        axis=cell["axis"],
        member=cell["member"],
        measure="attributed" if attributed else measure,
    )
    with connect(load_settings()) as connection:
        found = trace(connection, where)
    if as_json:
        click.echo(json.dumps(asdict(found), default=str))
        return
    click.echo(f"{where.indicator_code} {where.period}: {found.value} ({found.state}), {len(found.rows)} rows")
    for row in found.rows:
        click.echo(f"{row.contribution:>12.6f}  {row.place}")


@main.command("demo")
@click.option("--scale", type=click.IntRange(1, 100), default=1, show_default=True, help="How many times the people.")
def demo_command(scale: int) -> None:
    """Install the demonstration: twelve partners, nearly three years of files, received, built, published. Idempotent.

    The systems that `make up` replays are pulled, too, where there are any.
    """
    from ingestion.demo.install import install
    from ingestion.demo.sources import pull_replayed

    settings = load_settings()
    install(settings, _say, scale)
    pull_replayed(settings, _say)
    build(settings, inspect_loads, progress=_say)
    publish(settings, audit_publication, progress=_say)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _print(summary: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(summary)))
