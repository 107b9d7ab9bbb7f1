"""`lakou export`: what is published as open data, in the national form, in a richer one, and as one data package."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ingestion.database import connect
from ingestion.errors import LakouError
from ingestion.settings import Settings

log = logging.getLogger(__name__)

SCHEMAS = Path(__file__).resolve().parent / "reference" / "open_data"
NATIONAL = "impact-service-public-numerique-0.5.0"
SERVICE = "Lakou"


@dataclass(frozen=True, slots=True)
class Resource:
    """One table of the package: its file, its Table Schema in `reference/open_data`, and what fills it."""

    name: str
    file_name: str
    title: str
    schema: str
    query: str


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file written: `rows` is 0 for the package's own descriptor."""

    path: Path
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written, of which publication."""

    publication_id: int
    folder: Path
    files: tuple[ExportedFile, ...]


def export(
    settings: Settings,
    *,
    folder: Path | None = None,
    administration: str = "",
    progress: Callable[[str], None] = log.info,
) -> ExportSummary:
    """Write the current publication as open data: the same bytes for the same publication.

    What a partner contributes is its own and is not exported; a value that secrecy hides is empty.

    Args:
        settings: the platform.
        folder: where to write; by default `open-data` in the platform's home.
        administration: whom the service belongs to, for the national form; by default the programme's name.

    Raises:
        LakouError: nothing is published, or a file cannot be written.
    """
    target = folder or settings.home / "open-data"
    with connect(settings, "lakou_reader") as reader:
        # one publication for all the files, whatever is published meanwhile
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        published = reader.execute("select publication_id, is_synthetic, banner from pub.publication").fetchone()
        if published is None:
            raise LakouError("nothing is published yet", "run `lakou publish`")
        publication_id, is_synthetic, banner = published
        given = {"administration": administration, "service": SERVICE}
        tables = []
        for resource in RESOURCES:
            content, rows = _table(reader, resource, given)
            progress(f"{resource.file_name}: {rows} rows of publication {publication_id}")
            tables.append((resource, content, rows))
    package = _package(publication_id, tables, is_synthetic=is_synthetic, banner=banner)
    return ExportSummary(
        publication_id,
        target,
        (
            *(_write(target / resource.file_name, content, rows) for resource, content, rows in tables),
            _write(target / "datapackage.json", package, 0),
        ),
    )


def _table(reader: psycopg.Connection, resource: Resource, given: dict[str, str]) -> tuple[bytes, int]:
    """One CSV, UTF-8, and how many rows it has."""
    with reader.cursor() as cursor:
        cursor.execute(resource.query.encode(), given)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        expected = [field["name"] for field in _schema(resource.schema)["fields"]]
        assert names == expected, f"{resource.file_name} and its schema differ"
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        rows = 0
        for row in cursor:
            writer.writerow([_cell(value) for value in row])
            rows += 1
    return text.getvalue().encode(), rows


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def _package(
    publication_id: int, tables: Sequence[tuple[Resource, bytes, int]], *, is_synthetic: bool, banner: str
) -> bytes:
    """The Data Package descriptor: no clock in it, so that the same publication gives the same bytes."""
    said = [
        "Les indicateurs publiés par Lakou, tels que vérifiés à cette publication.",
        "Données de démonstration, synthétiques." if is_synthetic else "",
        f"{banner}." if banner else "",
    ]
    descriptor = {
        "profile": "tabular-data-package",
        "name": "lakou-indicateurs",
        "title": "Lakou : indicateurs de pilotage du programme IA",
        "description": " ".join(filter(None, said)),
        "version": f"publication-{publication_id}",
        "licenses": [
            {
                "name": "etalab-2.0",
                "title": "Licence Ouverte 2.0",
                "path": "https://spdx.org/licenses/etalab-2.0.html",
            }
        ],
        "resources": list(_descriptors(tables)),
    }
    return (json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n").encode()


def _descriptors(tables: Iterable[tuple[Resource, bytes, int]]) -> Iterable[dict[str, Any]]:
    for resource, content, _ in tables:
        yield {
            "profile": "tabular-data-resource",
            "name": resource.name,
            "path": resource.file_name,
            "title": resource.title,
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": len(content),
            "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "schema": _schema(resource.schema),
        }


def _write(path: Path, content: bytes, rows: int) -> ExportedFile:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise LakouError(
            f"{path} cannot be written ({error.strerror or error})", "choose another folder with -o"
        ) from error
    return ExportedFile(path, rows, hashlib.sha256(content).hexdigest())


# a figure that secrecy hides is empty already where it is published; said again here, where it goes out of the house
_SHOWN = "case when v.state not like 'SUPPRIME%%' then trim_scale({}) end"

_VALUES = f"""
select
    pub.value_reference(
        v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level,
        v.territory_code, v.partner_code, v.axis, v.member, v.publication_id
    ) as reference,
    v.programme_code as programme,
    v.indicator_code as indicateur,
    i.label as libelle,
    case v.period_grain
        when 'month' then 'mois' when 'quarter' then 'trimestre' when 'semester' then 'semestre' else 'année'
    end as pas,
    pub.period_code(v.period_grain, v.period_start) as periode,
    v.period_start as date_debut,
    pub.period_end(v.period_grain, v.period_start) as date_fin,
    v.territory_level as niveau_territoire,
    v.territory_code as code_territoire,
    case v.territory_code
        when 'NR' then 'Non renseigné'
        when 'HORS' then 'Hors du périmètre'
        when 'DIST' then 'À distance'
        else coalesce(t.label, v.territory_code)
    end as territoire,
    v.axis as axe,
    v.member as membre,
    coalesce(m.member_label, v.member) as libelle_membre,
    {_SHOWN.format("v.value")} as valeur,
    {_SHOWN.format("v.numerator")} as numerateur,
    {_SHOWN.format("v.denominator")} as denominateur,
    {_SHOWN.format("v.n::numeric")} as n,
    {_SHOWN.format("v.low")} as borne_basse,
    {_SHOWN.format("v.high")} as borne_haute,
    v.unit as unite,
    trim_scale(v.completeness) as completude,
    v.state as etat,
    v.definition_hash as empreinte_definition,
    v.publication_id as publication,
    p.is_synthetic as est_synthetique
from pub.indicator_values as v
inner join pub.publication as p on v.publication_id = p.publication_id
inner join pub.indicators as i on v.indicator_code = i.indicator_code
left join pub.territories as t on v.territory_level = t.territory_level and v.territory_code = t.territory_code
left join pub.axis_labels as m on v.axis = m.axis and v.member = m.member
where
    v.measure = 'counted' and v.partner_code = 'TOTAL'
    and pub.period_end(v.period_grain, v.period_start) < p.business_date
order by
    v.programme_code, i.display_order, v.indicator_code, v.period_grain, v.period_start, v.territory_level,
    v.territory_code, v.axis, v.member
"""

_INDICATORS = """
select
    i.indicator_code as indicateur,
    i.label as libelle,
    i.formula as formule,
    i.definition_hash as empreinte_definition,
    i.unit as unite,
    i.direction as sens,
    i.level as nature,
    i.date_basis as base_date,
    i.territory_basis as base_territoire,
    i.threshold as seuil
from pub.indicators as i
order by i.display_order, i.indicator_code
"""

# the national form has one series an indicator and a territory of the official code: its finest grain, without breakdown
_IMPACT = """
with
programmes as (
    select c.programme_code, min(c.programme_label) as programme_label from pub.commitments as c group by c.programme_code
),

indicators as (
    select
        i.*,
        case
            when i.unit in ('ratio', '%%') then '%%'
            when i.unit in (
                'heures', 'jours', '€', 'points', 'indice', 'rapport', 'pour mille', 'points sur 5',
                'participations par personne'
            ) then i.unit
            -- the schema asks for this word where something is counted
            else 'unité'
        end as national_unit,
        case when i.unit in ('ratio', '%%') then 100 else 1 end as factor,
        case when i.level in ('impact', 'résultat') then 'impact' else 'usage' end as kind,
        case i.first_grain
            when 'month' then 'mensuelle' when 'quarter' then 'trimestrielle' when 'semester' then 'semestrielle'
            else 'annuelle'
        end as frequency
    from pub.indicators as i
),

measured as (
    select
        v.programme_code, v.indicator_code, v.value, v.territory_level, v.territory_code,
        false as is_target,
        pub.period_end(v.period_grain, v.period_start) as day,
        case when i.timing = 'flow' then v.period_start end as first_day,
        case when v.state = 'INCOMPLET' then 'Incomplet : des remises attendues manquent. ' else '' end
        || 'Référence : ' || pub.value_reference(
            v.programme_code, v.period_grain, v.period_start, v.indicator_code, v.measure, v.territory_level,
            v.territory_code, v.partner_code, v.axis, v.member, v.publication_id
        ) || '. ' as said
    from pub.indicator_values as v
    inner join pub.publication as p on v.publication_id = p.publication_id
    inner join indicators as i on v.indicator_code = i.indicator_code and v.period_grain = i.first_grain
    where
        v.value is not null
        and v.state not like 'SUPPRIME%%'
        and v.measure = 'counted' and v.partner_code = 'TOTAL' and v.axis = 'TOTAL'
        and (
            (v.territory_level = 'region' and v.territory_code ~ '^[0-9]{2}$')
            or (v.territory_level = 'commune' and v.territory_code ~ '^[0-9][0-9AB][0-9]{3}$')
        )
        and pub.period_end(v.period_grain, v.period_start) < p.business_date
),

targets as (
    select distinct on (g.programme_code, g.indicator_code, g.target_key)
        g.programme_code, g.indicator_code, g.target as value, g.territory_level, g.territory_code,
        true as is_target,
        g.due_on as day,
        case g.target_type
            when 'CUMUL' then g.counted_from when 'ANNUELLE' then date_trunc('year', g.due_on)::date
        end as first_day,
        'Cible du comité, décision ' || coalesce(g.decision_id, 'non citée') || '. ' as said
    from pub.progress as g
    where
        g.is_main and g.target is not null and g.due_on is not null
        and g.territory_level = 'region' and g.territory_code ~ '^[0-9]{2}$'
    order by g.programme_code, g.indicator_code, g.target_key, g.period_start desc, g.period_grain
)

select
    coalesce(nullif(%(administration)s, ''), g.programme_label, s.programme_code) as administration_rattachement,
    %(service)s as nom_service_public_numerique,
    i.label as indicateur,
    trim_scale(i.factor * s.value) as valeur,
    i.national_unit as unite_mesure,
    s.is_target as est_cible,
    i.kind as type_indicateur,
    i.frequency as frequence_monitoring,
    s.day as date,
    s.first_day is not null as est_periode,
    s.first_day as date_debut,
    true as est_automatise,
    'Fichiers des partenaires, contrôlés ligne à ligne' as source_collecte,
    case s.territory_level when 'region' then 'REG' else 'COM' end as denom_insee,
    s.territory_code as code_insee,
    case s.territory_level when 'region' then 'linechart' else 'map' end as dataviz_wish,
    'Indicateur ' || i.indicator_code || '. ' || s.said
    || case when p.is_synthetic then 'Donnée de démonstration, synthétique.' else '' end as commentaires
from (select * from measured union all select * from targets) as s
inner join indicators as i on s.indicator_code = i.indicator_code
left join programmes as g on s.programme_code = g.programme_code
cross join pub.publication as p
order by s.programme_code, i.display_order, i.indicator_code, s.is_target, s.territory_level, s.territory_code, s.day
"""

RESOURCES = (
    Resource(
        "impact",
        "statistiques_impact_lakou.csv",
        "Indicateurs au schéma national « Impact d'un service public numérique »",
        NATIONAL,
        _IMPACT,
    ),
    Resource("valeurs", "valeurs.csv", "Valeurs des indicateurs, avec leurs ventilations", "valeurs", _VALUES),
    Resource("indicateurs", "indicateurs.csv", "Définitions des indicateurs", "indicateurs", _INDICATORS),
)
