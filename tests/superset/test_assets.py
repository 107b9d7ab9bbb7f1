"""The dashboards as code hang together: dashboard, chart, dataset, view, columns, readers. No Superset is needed."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.database import connect
from ingestion.settings import CHECKOUT, Settings

SUPERSET = CHECKOUT / "infra" / "superset"
ENGLISH = re.compile(
    r"\b(the|by|per|and|of|with|total|count|chart|dashboard|table|value|status|unknown)\b", re.IGNORECASE
)


def load(kind: str) -> dict[str, dict[str, Any]]:
    """Assets of one folder by file stem."""
    paths = sorted((SUPERSET / "assets" / kind).rglob("*.yaml"))
    assert paths, kind
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}


DATABASES, DATASETS, CHARTS, DASHBOARDS = (load(kind) for kind in ("databases", "datasets", "charts", "dashboards"))
SECURITY = yaml.safe_load((SUPERSET / "security.yml").read_text(encoding="utf-8"))
DATASET_BY_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}
CHART_BY_UUID = {chart["uuid"]: chart for chart in CHARTS.values()}


def columns_of(dataset: dict[str, Any]) -> set[str]:
    return {column["column_name"] for column in dataset["columns"]}


def metrics_of(dataset: dict[str, Any]) -> set[str]:
    return {metric["metric_name"] for metric in dataset["metrics"]}


def charts_of(dashboard: dict[str, Any]) -> list[str]:
    """UUIDs of the charts that a dashboard lays out."""
    return [
        item["meta"]["uuid"]
        for item in dashboard["position"].values()
        if isinstance(item, dict) and item["type"] == "CHART"
    ]


def as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def test_every_uuid_is_used_once() -> None:
    uuids = [asset["uuid"] for kind in (DATABASES, DATASETS, CHARTS, DASHBOARDS) for asset in kind.values()]
    assert len(uuids) == len(set(uuids))


def test_assets_are_named_as_their_files_and_locked_in_the_interface() -> None:
    assert all(dataset["table_name"] == stem for stem, dataset in DATASETS.items())
    assert all(dashboard["slug"] == stem for stem, dashboard in DASHBOARDS.items())
    # prune and the interface tell ours from what people made by hand by this mark
    assert all(
        asset["is_managed_externally"] is True for kind in (DATASETS, CHARTS, DASHBOARDS) for asset in kind.values()
    )


@pytest.mark.parametrize("stem", DATASETS)
def test_a_dataset_reads_a_view_of_the_publication(stem: str) -> None:
    dataset = DATASETS[stem]
    assert dataset["schema"] == "pub"
    assert dataset["sql"] is None, "a dataset reads a view: what is computed is in a migration"
    assert dataset["database_uuid"] in {database["uuid"] for database in DATABASES.values()}
    migrations = "\n".join(path.read_text() for path in sorted((CHECKOUT / "infra/postgres/migrations").glob("*.sql")))
    assert f"create view pub.{stem} as" in migrations or f"create or replace view pub.{stem} as" in migrations
    assert all(column.get("verbose_name") for column in dataset["columns"])


@pytest.mark.parametrize("stem", DATASETS)
def test_the_columns_of_a_dataset_are_those_of_its_view(settings: Settings, stem: str) -> None:
    with connect(settings, "lakou_reader") as connection:
        described = connection.execute(f"select * from pub.{stem} limit 0").description
    assert described is not None
    assert columns_of(DATASETS[stem]) <= {column.name for column in described}


@pytest.mark.parametrize("stem", DATASETS)
def test_the_metrics_of_a_dataset_run(settings: Settings, stem: str) -> None:
    expressions = ", ".join(metric["expression"] for metric in DATASETS[stem]["metrics"])
    with connect(settings, "lakou_reader") as connection:
        connection.execute(f"select {expressions} from pub.{stem}")


@pytest.mark.parametrize("stem", CHARTS)
def test_a_chart_uses_columns_and_metrics_of_its_dataset(stem: str) -> None:
    chart = CHARTS[stem]
    dataset = DATASET_BY_UUID[chart["dataset_uuid"]]
    params = chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    columns = as_list(params.get("x_axis")) + as_list(params.get("groupby")) + as_list(params.get("all_columns"))
    columns += [condition["subject"] for condition in params["adhoc_filters"]]
    columns += [json.loads(order)[0] for order in params.get("order_by_cols", [])]
    assert columns or params.get("metric"), "a chart shows something"
    assert set(columns) <= columns_of(dataset)
    metrics = (
        as_list(params.get("metrics")) + as_list(params.get("metric")) + as_list(params.get("timeseries_limit_metric"))
    )
    assert set(metrics) <= metrics_of(dataset)


@pytest.mark.parametrize("stem", CHARTS)
def test_a_chart_of_values_never_adds_cells_up(stem: str) -> None:
    chart = CHARTS[stem]
    if DATASET_BY_UUID[chart["dataset_uuid"]]["table_name"] != "steering_values":
        return
    fixed = {condition["subject"] for condition in chart["params"]["adhoc_filters"]}
    # what neither the chart nor a required filter fixes would mix cells of several margins
    assert {"measure", "axis"} <= fixed


@pytest.mark.parametrize("stem", DASHBOARDS)
def test_a_dashboard_lays_out_known_charts_and_filters_known_columns(stem: str) -> None:
    dashboard = DASHBOARDS[stem]
    uuids = charts_of(dashboard)
    assert set(uuids) <= set(CHART_BY_UUID)
    position = dashboard["position"]
    for item in (item for item in position.values() if isinstance(item, dict)):
        assert set(item.get("children", [])) <= set(position)
        if item["type"] == "CHART":
            assert item["meta"]["sliceName"] == CHART_BY_UUID[item["meta"]["uuid"]]["slice_name"]
        if item["type"] == "ROW":
            assert sum(position[child]["meta"]["width"] for child in item["children"]) == 12
    numbers = {
        item["meta"]["chartId"] for item in position.values() if isinstance(item, dict) and item["type"] == "CHART"
    }
    for native in dashboard["metadata"]["native_filter_configuration"]:
        for target in native["targets"]:
            dataset = DATASET_BY_UUID[target["datasetUuid"]]
            assert target["column"]["name"] in columns_of(dataset)
            assert native.get("sortMetric") in {None, *metrics_of(dataset)}
        assert set(native["scope"]["rootPath"]) <= set(position)
        assert set(native["scope"]["excluded"]) <= numbers


def test_every_chart_is_on_a_dashboard() -> None:
    shown = {uuid for dashboard in DASHBOARDS.values() for uuid in charts_of(dashboard)}
    assert {stem for stem, chart in CHARTS.items() if chart["uuid"] not in shown} == set()


def test_titles_are_french_and_say_something() -> None:
    titles = [chart["slice_name"] for chart in CHARTS.values()] + [d["dashboard_title"] for d in DASHBOARDS.values()]
    titles += [column["verbose_name"] for dataset in DATASETS.values() for column in dataset["columns"]]
    titles += [f["name"] for d in DASHBOARDS.values() for f in d["metadata"]["native_filter_configuration"]]
    wrong = [title for title in titles if ENGLISH.search(title) or "_" in title or "'" in title]
    assert wrong == []
    assert len({chart["slice_name"] for chart in CHARTS.values()}) == len(CHARTS)


def tabs_of(dashboard: dict[str, Any]) -> dict[str, list[str]]:
    """UUIDs of the charts of each tab, in the order in which they are read."""
    position = dashboard["position"]
    return {
        position[tab]["meta"]["text"]: [
            position[item]["meta"]["uuid"]
            for row in position[tab]["children"]
            for item in position[row]["children"]
            if position[item]["type"] == "CHART"
        ]
        for tab in position["TABS-1"]["children"]
    }


def test_every_tab_opens_with_the_publication() -> None:
    datasets = {"publication_status", "publication_summary"}
    for stem, dashboard in DASHBOARDS.items():
        for tab, charts in tabs_of(dashboard).items():
            first = DATASET_BY_UUID[CHART_BY_UUID[charts[0]]["dataset_uuid"]]["table_name"]
            assert first in datasets, (stem, tab)


def test_the_committee_has_a_synthesis_and_a_tab_for_each_line_of_action() -> None:
    tabs = tabs_of(DASHBOARDS["pilotage"])
    assert next(iter(tabs)) == "Synthèse"
    lines: set[str] = set()
    for charts in tabs.values():
        for uuid in charts:
            for condition in CHART_BY_UUID[uuid]["params"]["adhoc_filters"]:
                if condition["subject"] == "line_code":
                    lines |= set(as_list(condition["comparator"]))
    catalogue = (CHECKOUT / "dbt_project/seeds/catalogue/indicator_catalogue.csv").read_text(encoding="utf-8")
    assert lines == {row["indicator_code"].split("-")[0] for row in csv.DictReader(catalogue.splitlines())}


def test_a_chart_says_its_unit_and_its_source() -> None:
    for stem, chart in CHARTS.items():
        assert "Source" in chart["description"], stem
        # a table has a column for the unit, or counts nothing
        assert chart["viz_type"] == "table" or "(" in chart["slice_name"], stem


def test_a_colour_always_has_its_shape() -> None:
    marks = {"●", "▲", "△", "■", "○"}
    coloured = 0
    for stem, chart in CHARTS.items():
        for rule in chart["params"].get("conditional_formatting", []):
            assert rule["operator"] == "begins with", stem
            assert rule["targetValue"] in marks, stem
            assert rule["column"].endswith("_text"), stem
            coloured += 1
    assert coloured


def test_the_same_filter_reads_the_same_column_everywhere() -> None:
    columns: dict[str, set[str]] = {}
    for dashboard in DASHBOARDS.values():
        for native in dashboard["metadata"]["native_filter_configuration"]:
            (target,) = native["targets"]
            columns.setdefault(native["name"], set()).add(target["column"]["name"])
    assert {name: len(found) for name, found in columns.items() if len(found) > 1} == {}
    assert columns["Programme"] == {"programme_label"}
    assert columns["Trimestre"] == {"quarter_label"}
    assert columns["Partenaire"] == {"partner_label"}
    assert {"Territoire", "Profil"} <= set(columns)


def test_a_required_filter_opens_on_its_first_value() -> None:
    for slug, dashboard in DASHBOARDS.items():
        for native in dashboard["metadata"]["native_filter_configuration"]:
            if native["controlValues"]["enableEmptyFilter"]:
                has_default = bool(native["defaultDataMask"]["filterState"])
                assert native["controlValues"]["defaultToFirstItem"] or has_default, (slug, native["name"])


def test_every_dataset_has_its_row_level_security() -> None:
    classes = SECURITY["datasets"]
    assert set(classes) == set(DATASETS)
    assert set(classes.values()) <= {"own", "all", "none"}
    for stem, rule in classes.items():
        if rule == "own":
            assert "partner_code" in columns_of(DATASETS[stem]), stem
        if rule == "all":
            assert not any("partner" in column for column in columns_of(DATASETS[stem])), stem


def test_partners_may_open_only_dashboards_whose_datasets_they_may_read() -> None:
    assert set(SECURITY["dashboards"]) == set(DASHBOARDS)
    open_to_partners = [slug for slug, roles in SECURITY["dashboards"].items() if "Partenaire" in roles]
    assert open_to_partners == ["partenaire"]
    for slug in open_to_partners:
        used = {
            DATASET_BY_UUID[CHART_BY_UUID[uuid]["dataset_uuid"]]["table_name"] for uuid in charts_of(DASHBOARDS[slug])
        }
        assert {name for name in used if SECURITY["datasets"][name] == "none"} == set()


def test_readers_hold_no_right_to_write_or_query_freely() -> None:
    roles = SECURITY["roles"]
    for spec in roles.values():
        held = {tuple(pair) for pair in spec["permissions"]}
        assert not {view for permission, view in held if permission == "can_write"} - {"DashboardFilterStateRestApi"}
        assert not {
            view for _, view in held if view in {"SQLLab", "Dataset", "Database", "ExportImport", "User", "Role"}
        }
    named = {role for roles in SECURITY["dashboards"].values() for role in roles} | set(SECURITY["full_readers"])
    assert named <= set(roles) | {"Admin"}


def test_the_connection_is_read_only_and_holds_no_password() -> None:
    (database,) = DATABASES.values()
    assert ":XXXXXXXXXX@" in database["sqlalchemy_uri"]
    assert "default_transaction_read_only=on" in database["extra"]["engine_params"]["connect_args"]["options"]
    assert not any(database[name] for name in ("expose_in_sqllab", "allow_dml", "allow_ctas", "allow_cvas"))


def test_the_readme_names_every_dashboard() -> None:
    text = Path(SUPERSET / "README.md").read_text(encoding="utf-8")
    assert all(f"`{slug}`" in text for slug in DASHBOARDS)


def test_only_what_the_views_draw_and_link_is_shown_as_markup() -> None:
    for stem, chart in CHARTS.items():
        drawn = [name for name in as_list(chart["params"].get("all_columns")) if name.endswith("_html")]
        assert bool(chart["params"].get("allow_render_html")) == bool(drawn), stem
