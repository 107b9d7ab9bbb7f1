"""Asks the dashboards for their figures, as the committee would: over Superset's API, with the committee's account."""

from __future__ import annotations

import json
from typing import Any

from infra.local.layout import Platform
from infra.local.services import http
from ingestion.errors import LakouError

SLUGS = ("pilotage", "programmes", "qualite")


def check_dashboards(platform: Platform) -> str:
    """Check that every dataset behind the steering dashboards answers the committee with rows.

    Returns:
        What was seen, in words.

    Raises:
        LakouError: the committee cannot log in, a dashboard is missing, or one of its datasets is empty.
    """
    url = platform.url("superset")
    token = _json(
        http(
            f"{url}/api/v1/security/login",
            timeout=60,
            body={"username": "comite", "password": platform.secret("superset_comite"), "provider": "db"},
        ),
        "the committee's account cannot log in to Superset",
    )["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    seen = []
    for slug in SLUGS:
        dashboard = _json(http(f"{url}/api/v1/dashboard/{slug}", 60, headers=headers), f"dashboard {slug}")["result"]
        charts = _json(http(f"{url}/api/v1/dashboard/{slug}/charts", 60, headers=headers), f"charts of {slug}")[
            "result"
        ]
        by_dataset = {
            chart["form_data"]["datasource"]: chart for chart in charts if chart["form_data"].get("datasource")
        }
        if not by_dataset:
            raise LakouError(f"the dashboard {slug} has no chart", "see infra/superset/assets")
        for dataset, chart in by_dataset.items():
            rows = _count(url, headers, dataset, dashboard["id"], chart["id"])
            if not rows:
                name = chart.get("slice_name", chart["id"])
                raise LakouError(
                    f"the dashboard {slug} has no data (chart « {name} »)", "see `lakou status` and the logs"
                )
        seen.append(f"{slug} ({len(charts)} charts)")
    return ", ".join(seen)


def _count(url: str, headers: dict[str, str], dataset: str, dashboard: int, chart: int) -> int:
    number, _, kind = dataset.partition("__")
    rows = {"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "rows"}
    body = {
        "datasource": {"id": int(number), "type": kind},
        "queries": [{"metrics": [rows], "columns": [], "filters": [], "row_limit": 1}],
        "form_data": {"dashboardId": dashboard, "slice_id": chart},
        "result_format": "json",
        "result_type": "full",
    }
    answer = _json(http(f"{url}/api/v1/chart/data", 60, body, headers), f"data of chart {chart}")
    return int(answer["result"][0]["data"][0]["rows"])


def _json(answer: tuple[int, bytes], what: str) -> Any:
    status, text = answer
    if status != 200:
        raise LakouError(f"{what}: Superset answers {status}: {text[:300].decode('utf-8', 'replace')}")
    return json.loads(text)
