"""The published boundary, by hand: what every figure must satisfy before anybody reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation on the candidate of a publication.

    Args:
        name: stable name, in ASCII.
        reason: French sentence for the banner when it fails.
        severity: `critical` keeps the last good figures of what it concerns; `warning` is only recorded.
        table: published table that it reads.
        rows: SQL without a join that finds the offending rows in `{batch}`; `{<table>}` is a table of the candidate.
        by_indicator: the offending rows name a programme and an indicator; otherwise all figures are concerned.
    """

    name: str
    reason: str
    severity: str
    table: str
    rows: str
    by_indicator: bool = True


STATES = (
    "MESURE",
    "ZERO_MESURE",
    "NON_REMIS",
    "INCOMPLET",
    "SUPPRIME_K",
    "SUPPRIME_SECONDAIRE",
    "NON_APPLICABLE",
    "CIBLE_NON_FIXEE",
)
MARGIN = (
    "programme_code, indicator_code, measure, period_grain, period_start, territory_level, territory_code,"
    " partner_code, axis, member"
)

SCOPE = ("programme_code", "indicator_code", "measure", "period_grain", "period_start")
CELL = (*SCOPE, "territory_level", "territory_code", "partner_code", "axis", "member")


def _same(other: str, columns: tuple[str, ...]) -> str:
    # Great Expectations calls the batch `subselect` as long as the query has no join
    return " and ".join(f"{other}.{column} = subselect.{column}" for column in columns)


# cells of each EPCI or region beside their total, as one window: which are hidden, and what the others leave to them
ALONE = (
    "select * from (select *,"
    " count(*) filter (where territory_level = part and state like 'SUPPRIME%') over whole as hidden,"
    " max(numerator) filter (where territory_level <> part) over whole"
    " - coalesce(sum(numerator) filter (where territory_level = part) over whole, 0) as left_numerator,"
    " max(n) filter (where territory_level <> part) over whole"
    " - coalesce(sum(n) filter (where territory_level = part) over whole, 0) as left_n"
    " from (select *, 'epci' as part, '' as within from {batch} where territory_level in ('epci', 'region')"
    " union all select *, 'commune', case territory_level when 'epci' then territory_code else"
    " (select min(t.epci_code) from marts.dim_territory as t where t.territory_level = 'commune'"
    " and t.territory_code = subselect.territory_code) end from {batch} where territory_level in ('commune', 'epci')"
    " and axis = 'TOTAL') as parts"
    f" window whole as (partition by part, within, {', '.join(SCOPE)}, partner_code, axis, member)) as placed"
    " where territory_level = part and state like 'SUPPRIME%' and hidden = 1"
    " and exists (select 1 from marts.fct_indicator_values as own where own.n > 0"
    f" and {' and '.join(f'own.{column} = placed.{column}' for column in CELL)}"
    " and (own.numerator = placed.left_numerator or own.n = placed.left_n))"
)

CHECKS = (
    Check(
        "values_exist",
        "aucune valeur n'a été calculée",
        "critical",
        "indicators",
        "select indicator_code from {batch} where not exists (select 1 from {indicator_values})",
        by_indicator=False,
    ),
    Check(
        "every_indicator_has_values",
        "un indicateur du catalogue n'a aucune valeur",
        "critical",
        "indicators",
        "select indicator_code from {batch} where indicator_code not in (select indicator_code from {indicator_values})",
        by_indicator=False,
    ),
    Check(
        "margins_are_unique",
        "une même case a deux valeurs",
        "critical",
        "indicator_values",
        f"select {MARGIN} from {{batch}} group by {MARGIN} having count(*) > 1",
    ),
    Check(
        "state_is_known",
        "l'état d'une valeur est inconnu",
        "critical",
        "indicator_values",
        "select * from {batch} where state not in (" + ", ".join(f"'{state}'" for state in STATES) + ")",
    ),
    Check(
        "value_is_not_negative",
        "une valeur est négative",
        "critical",
        "indicator_values",
        # a gain, a change and a delay may be below zero
        "select * from {batch} where n < 0 or ((value < 0 or numerator < 0 or denominator < 0) and indicator_code not in"
        " (select indicator_code from {indicators} where aggregation in ('median', 'mean')))",
    ),
    Check(
        "ratio_is_within_bounds",
        "un taux sort de l'intervalle 0 à 100 %",
        "critical",
        "indicator_values",
        "select * from {batch} where unit = 'ratio' and (value < 0 or value > 1)",
    ),
    Check(
        "ratio_is_its_parts",
        "un taux n'est pas le quotient de son numérateur et de son dénominateur",
        "critical",
        "indicator_values",
        "select * from {batch} where unit = 'ratio' and value is not null"
        " and abs(value - numerator / nullif(denominator, 0)) > 0.000001",
    ),
    Check(
        "completeness_is_a_share",
        "une complétude sort de l'intervalle 0 à 100 %",
        "critical",
        "indicator_values",
        "select * from {batch} where completeness < 0 or completeness > 1",
    ),
    Check(
        "secret_is_kept",
        "une case soumise au secret statistique montre un chiffre",
        "critical",
        "indicator_values",
        "select * from {batch} where state like 'SUPPRIME%'"
        " and num_nonnulls(value, numerator, denominator, n, low, high) > 0",
    ),
    Check(
        "no_secret_is_left_alone",
        "une case soumise au secret statistique se déduit de son total par soustraction",
        "critical",
        "indicator_values",
        ALONE,
    ),
    Check(
        "small_cells_are_suppressed",
        "une case de moins de personnes ou d'entreprises que le seuil n'est pas supprimée",
        "critical",
        "indicator_values",
        "select * from {batch} where n > 0 and ("
        "(n < (select cast(value as numeric) from marts.dim_parameter where parameter_code = 'k' and is_current)"
        " and indicator_code in (select indicator_code from {indicators} where secrecy in ('persons', 'heads')))"
        " or (n < (select cast(value as numeric) from marts.dim_parameter where parameter_code = 'k_firms' and is_current)"
        " and indicator_code in (select indicator_code from {indicators} where secrecy = 'firms')))",
    ),
    Check(
        "a_figure_has_a_state_that_says_so",
        "une case non remise ou non applicable montre un chiffre",
        "critical",
        "indicator_values",
        "select * from {batch} where state in ('NON_REMIS', 'NON_APPLICABLE') and value is not null",
    ),
    Check(
        "no_part_exceeds_the_whole",
        "un EPCI compte plus que le programme entier",
        "critical",
        "indicator_values",
        "select * from {batch} where territory_level = 'region' and axis = 'TOTAL' and partner_code = 'TOTAL'"
        " and unit <> 'ratio' and indicator_code in (select indicator_code from {indicators}"
        " where aggregation in ('distinct', 'sum')) and value < (select max(part.value) from {indicator_values} as part"
        " where part.territory_level = 'epci' and part.axis = 'TOTAL' and part.partner_code = 'TOTAL'"
        f" and {_same('part', SCOPE)})",
    ),
    Check(
        "causes_explain_the_difference",
        "les causes d'un retraitement n'en font pas la différence",
        "critical",
        "restatements",
        f"select closing_id, {MARGIN} from {{batch}} group by closing_id, {MARGIN}"
        " having sum(share) <> max(known_value - published_value) or min(difference) <> max(known_value - published_value)",
    ),
    Check(
        "a_restatement_tells_no_secret",
        "un retraitement parle d'une case soumise au secret statistique",
        "critical",
        "restatements",
        "select * from {batch} where exists (select 1 from {indicator_values} as shown where shown.state like 'SUPPRIME%'"
        f" and {_same('shown', CELL)}) or exists (select 1 from published.published_values as closed"
        f" where closed.state like 'SUPPRIME%' and {_same('closed', ('closing_id', *CELL))})",
    ),
    Check(
        "every_restatement_is_explained",
        "une valeur close est connue autrement sans que rien ne l'explique",
        "critical",
        "indicator_values",
        "select * from {batch} where state not like 'SUPPRIME%' and exists (select 1 from published.published_values as closed"
        f" where {_same('closed', CELL)} and closed.state not like 'SUPPRIME%'"
        " and coalesce(closed.value, 0) <> coalesce(subselect.value, 0)"
        " and not exists (select 1 from {restatements} as told where told.closing_id = closed.closing_id"
        f" and {_same('told', CELL)}))",
    ),
    Check(
        "deliveries_add_up",
        "les lignes d'un fichier ne font pas la somme des acceptées, en attente et refusées",
        "critical",
        "deliveries",
        "select * from {batch} where rows_received <> rows_accepted + rows_awaiting + rows_rejected",
        by_indicator=False,
    ),
    Check(
        "promises_have_a_source",
        "un engagement n'a pas de source",
        "critical",
        "commitments",
        "select * from {batch} where coalesce(excerpt, '') = '' or coalesce(document_title, '') = ''",
        by_indicator=False,
    ),
    Check(
        "last_total_did_not_collapse",
        "un total a chuté de plus de moitié depuis la publication précédente",
        "warning",
        "indicator_values",
        "select * from {batch} where territory_level = 'region' and axis = 'TOTAL' and partner_code = 'TOTAL'"
        " and value < (select before.value / 2 from pub.indicator_values as before"
        " where before.territory_level = 'region' and before.axis = 'TOTAL' and before.partner_code = 'TOTAL'"
        f" and {_same('before', SCOPE)})",
    ),
)
