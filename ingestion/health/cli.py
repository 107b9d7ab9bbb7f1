"""`lakou doctor`, `lakou watch` and `lakou metrics`, as an operator types them."""

from __future__ import annotations

import dataclasses
import json
import sys

import click

from ingestion.errors import LakouError
from ingestion.settings import Settings


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def doctor(settings: Settings, is_json: bool) -> None:
    """Check a running platform and say how to mend what is wrong: `bon`, `à voir` or `en panne`; exit 1 for the last."""
    from ingestion.health.checks import CHECKS
    from ingestion.health.findings import GOOD, examine

    found = examine(settings, CHECKS)
    if is_json:
        items = [{**dataclasses.asdict(item), "ok": item.ok} for item in found]
        click.echo(json.dumps(items, ensure_ascii=False, indent=2))
    else:
        for item in found:
            click.echo(f"{item.state:<8}  {item.check:<15}  {item.what}")
            if item.state != GOOD:
                click.echo(f"{'':<27}to mend it: {item.remedy}; {item.page}")
    if not all(item.ok for item in found):
        sys.exit(1)


@click.command()
@click.option("--json", "is_json", is_flag=True, help="Answer as JSON.")
@click.pass_obj
def watch(settings: Settings, is_json: bool) -> None:
    """Note what began and what ceased to be wrong, and mail the operators ($LAKOU_OPERATOR_EMAIL) each of it once."""
    from ingestion.health.watching import watch as look

    summary = look(settings, progress=lambda line: click.echo(line, err=True))
    if is_json:
        click.echo(json.dumps(dataclasses.asdict(summary), ensure_ascii=False, indent=2))
        return
    click.echo(f"{len(summary.wrong)} wrong: {', '.join(summary.wrong) or 'nothing'}")
    for word, names in (("new", summary.opened), ("over", summary.ended)):
        if names:
            click.echo(f"{word}: {', '.join(names)}")


@click.command()
@click.option("--statsd", metavar="HOST:PORT", help="Send them to StatsD instead of printing them.")
@click.pass_obj
def metrics(settings: Settings, statsd: str | None) -> None:
    """Print the platform in numbers, in Prometheus's text format: deliveries, rows, ages, queues, disks, alerts."""
    from ingestion.health.measures import measures, prometheus, push

    found = measures(settings)
    if statsd is None:
        click.echo(prometheus(found), nl=False)
        return
    host, _, port = statsd.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError("--statsd is HOST:PORT, such as statsd:8125")
    try:
        push(found, host, int(port))
    except OSError as error:
        raise LakouError(f"StatsD at {statsd} has no address ({error.strerror})", "check its name and port") from error
    click.echo(f"{len(found)} numbers sent to {statsd}")
