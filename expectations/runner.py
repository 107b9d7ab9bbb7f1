"""Run the suites in one process and keep what they found: in `ops.quality_results` and in Data Docs."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from expectations import published, raw
from ingestion.contracts import Contract, load_contracts
from ingestion.database import connect
from ingestion.publishing import EVERYTHING, Failure, candidate
from ingestion.raw_tables import read_record
from ingestion.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation's result, as kept in `ops.quality_results`."""

    subject: str
    expectation: str
    description: str
    severity: str
    success: bool
    evaluated: int | None
    unexpected: int | None
    details: dict[str, Any]
    # deliveries of the offending rows, where they were asked for and the expectation is about rows
    guilty: frozenset[str] = frozenset()


BRIEF = {"result_format": "BASIC", "partial_unexpected_count": 5}
# whether and no more: anything else is one query more for each expectation
WHETHER = {"result_format": "BOOLEAN_ONLY"}
WITH_DELIVERIES = {
    "result_format": "COMPLETE",
    "unexpected_index_column_names": ["_delivery_id"],
    # on SQL even a complete result lists no more rows than this
    "partial_unexpected_count": 1_000_000,
}


def inspect_loads(settings: Settings, loads: Sequence[int]) -> dict[str, str]:
    """Judge the raw rows of loads that no build has numbered yet.

    Returns:
        Deliveries to hold, each with a French reason; empty when every critical expectation holds.
    """
    reasons: dict[str, list[str]] = {}
    with connect(settings, "lakou_dbt") as connection:
        rows = connection.execute(
            "select d.feed, array_agg(l.load_id order by l.load_id), array_agg(distinct l.delivery_id)"
            " from ops.loads as l inner join ops.deliveries as d using (delivery_id)"
            " where l.load_id = any(%s) and l.rows_accepted > 0 group by d.feed order by d.feed",
            [list(loads)],
        ).fetchall()
    if not rows:
        return {}
    contracts, record = load_contracts(), read_record()
    with _context(settings, "lakou_dbt", "brut", "raw") as context:
        findings: list[Finding] = []
        for feed, ids, deliveries in rows:
            found = _inspect(context, contracts[feed], ids, record[contracts[feed].raw_table].retired)
            findings += found
            for finding in _critical(found):
                for delivery in finding.guilty or deliveries:
                    reasons.setdefault(delivery, []).append(finding.description)
    _record(settings, "lakou_loader", "BRUT", findings, build_id=None, publication_id=None)
    return {
        delivery: "contrôle des données reçues : " + " ; ".join(descriptions[:3])
        for delivery, descriptions in reasons.items()
    }


def _inspect(context: Any, contract: Contract, loads: Sequence[int], retired: Sequence[str]) -> list[Finding]:
    """Judge the rows of one feed; what fails is asked again for its counts and its deliveries."""
    subject = f"raw.{contract.raw_table}"
    # a query would be read to its end only to know its columns
    asset = context.data_sources.get("lakou").add_table_asset(name=subject, table_name=contract.raw_table)
    batch = asset.add_batch_definition_whole_table("tout")
    suite = raw.suite(contract, loads, retired)
    found = {finding.expectation: finding for finding in _validate(context, batch, subject, suite, WHETHER)}
    # an expectation belongs to one suite: these are made anew
    again = raw.suite(contract, loads, retired)
    failed = [item for item in again if not found[_name(item.configuration)].success]
    if failed:
        told = _validate(context, batch, f"{contract.feed}: lignes", failed, WITH_DELIVERIES)
        found |= {finding.expectation: replace(finding, subject=subject) for finding in told}
    return list(found.values())


def audit_publication(settings: Settings, publication_id: int, build_id: int) -> list[Failure]:
    """Judge the candidate tables of one publication.

    Returns:
        The critical checks that failed, with what each concerns; empty when all hold.
    """
    names = {table: f"published.{candidate(table, publication_id)}" for table in published_tables()}
    failures: list[Failure] = []
    findings: list[Finding] = []
    with _context(settings, "lakou_publisher", "publie") as context, connect(settings, "lakou_publisher") as connection:
        for table, checks in published_tables().items():
            suite = [(check.name, check.reason, check.severity, _fill(check.rows, names)) for check in checks]
            found = _run(context, f"pub.{table}", f"select * from {names[table]}", _rows_suite(suite))
            findings += found
            outcome = {finding.expectation: finding for finding in found}
            for check in checks:
                if outcome[check.name].success or check.severity != "critical":
                    continue
                if outcome[check.name].details["errors"]:
                    unknown = f"le contrôle « {check.name} » n'a pas pu être évalué"
                    failures.append(Failure(EVERYTHING, EVERYTHING, unknown))
                    continue
                if not check.by_indicator:
                    failures.append(Failure(EVERYTHING, EVERYTHING, check.reason))
                    continue
                offending = _fill(check.rows, names).replace("{batch}", f"{names[table]} as subselect")
                pairs = connection.execute(
                    f"select distinct programme_code, indicator_code from ({offending}) as offending".encode()
                ).fetchall()
                failures += [Failure(programme, indicator, check.reason) for programme, indicator in pairs]
    _record(settings, "lakou_publisher", "PUBLIE", findings, build_id=build_id, publication_id=publication_id)
    return failures


def published_tables() -> dict[str, list[published.Check]]:
    """Checks of the published boundary, by table."""
    tables: dict[str, list[published.Check]] = {"indicator_values": []}
    for check in published.CHECKS:
        tables.setdefault(check.table, []).append(check)
    return tables


def _fill(rows: str, names: dict[str, str]) -> str:
    for table, name in names.items():
        rows = rows.replace(f"{{{table}}}", name)
    return rows


def _critical(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.success and finding.severity == "critical"]


def _rows_suite(checks: Sequence[tuple[str, str, str, str]]) -> list[Any]:
    from great_expectations.expectations import UnexpectedRowsExpectation

    return [
        UnexpectedRowsExpectation(
            unexpected_rows_query=rows, description=reason, severity=severity, meta={"name": name}
        )
        for name, reason, severity, rows in checks
    ]


# a list of offending rows of this length was cut short: it tells nothing of whose they all are
CUT = {200, WITH_DELIVERIES["partial_unexpected_count"]}


@contextmanager
def _context(settings: Settings, role: str, site: str, schema: str = "public") -> Iterator[Any]:
    """An ephemeral context on one schema of the warehouse; its Data Docs are written when it closes."""
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations
    from great_expectations.data_context.types import base

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    # by default each context leaves a folder of documentation in the machine's temporary files
    defaults = base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    context = great_expectations.get_context(
        mode="ephemeral", project_config=base.DataContextConfig(store_backend_defaults=defaults)
    )
    context.variables.progress_bars = base.ProgressBarsConfig(globally=False)
    url = settings.dsn(role).replace("postgresql://", "postgresql+psycopg2://")
    source = context.data_sources.add_postgres(
        name="lakou",
        connection_string=url.replace("$", "$$"),
        kwargs={"connect_args": {"options": f"-csearch_path={schema}"}},
    )
    context.add_data_docs_site(
        site_name=site,
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(settings.home / "data_docs" / site),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    try:
        yield context
        # the pages show the last run; every run's results are in ops.quality_results
        shutil.rmtree(settings.home / "data_docs" / site, ignore_errors=True)
        context.build_data_docs()
    finally:
        engine = source.get_engine()
        engine.dispose()


def _run(context: Any, subject: str, query: str, suite: Sequence[Any]) -> list[Finding]:
    """Validate one query with one suite."""
    asset = context.data_sources.get("lakou").add_query_asset(name=subject, query=query)
    return _validate(context, asset.add_batch_definition_whole_table("tout"), subject, suite, BRIEF)


def _validate(context: Any, batch: Any, subject: str, suite: Sequence[Any], form: dict[str, Any]) -> list[Finding]:
    """What each expectation finds; Great Expectations bundles the plain ones in one statement."""
    import great_expectations as gx

    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=subject,
            data=batch,
            suite=context.suites.add(gx.ExpectationSuite(name=subject, expectations=list(suite))),
        )
    )
    return [_finding(subject, result) for result in definition.run(result_format=form).results]


def _finding(subject: str, result: Any) -> Finding:
    config, figures = result.expectation_config, result.result or {}
    raised = [info for info in _exceptions(result.exception_info) if info.get("raised_exception")]
    rows = figures.get("unexpected_index_list") or (figures.get("details") or {}).get("unexpected_rows") or []
    if len(rows) in CUT:
        rows = []
    return Finding(
        subject=subject,
        expectation=_name(config),
        description=config.description or config.type,
        severity=str(getattr(config.severity, "value", config.severity)),
        success=bool(result.success) and not raised,
        evaluated=figures.get("element_count"),
        unexpected=figures.get("unexpected_count"),
        details={
            "observed": figures.get("observed_value"),
            "errors": [info.get("exception_message") for info in raised],
        },
        guilty=frozenset(row["_delivery_id"] for row in rows if "_delivery_id" in row),
    )


def _name(config: Any) -> str:
    """What tells an expectation from the others of its suite."""
    name = (config.meta or {}).get("name", config.type)
    column = config.kwargs.get("column")
    return f"{name}({column})" if column else name


def _exceptions(info: Any) -> list[dict[str, Any]]:
    if not info:
        return []
    return [info] if "raised_exception" in info else list(info.values())


def _record(
    settings: Settings,
    role: str,
    boundary: str,
    findings: Sequence[Finding],
    *,
    build_id: int | None,
    publication_id: int | None,
) -> None:
    with connect(settings, role) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.quality_results (boundary, build_id, publication_id, subject, expectation, description,"
            " severity, success, evaluated, unexpected, details) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    boundary,
                    build_id,
                    publication_id,
                    f.subject,
                    f.expectation,
                    f.description,
                    f.severity,
                    f.success,
                    f.evaluated,
                    f.unexpected,
                    json.dumps(f.details, default=str),
                )
                for f in findings
            ],
        )
