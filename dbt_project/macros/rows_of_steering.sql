{# Deliveries expected whose due date has passed, at the build shown. #}
{% macro due_deliveries() -%}
    select
        programme_code,
        partner_code,
        partner_code || '|' || feed || '|' || period as expected_delivery,
        period_start,
        feed as axis_flux,
        is_accepted,
        is_late,
        delivery_id,
        case when delivery_id is not null then 0 end as row_number,
        null::text as row_hash
    from {{ ref('fct_deliveries') }}
    where is_expected and is_due
{%- endmacro %}

{# Lines of funding agreements known at the build shown: what was voted, committed and paid. #}
{% macro funding_lines() -%}
    select
        lines.programme_code,
        lines.partner_code,
        lines.funding_key,
        lines.beneficiary_siren,
        lines.scheme_code,
        lines.fund_source,
        lines.action_code,
        lines.eligible_cost_eur,
        max(lines.amount_eur) filter (where lines.stage = 'VOTE') as voted_eur,
        max(lines.amount_eur) filter (where lines.stage = 'ENGAGE') as committed_eur,
        max(lines.amount_eur) filter (where lines.stage = 'MANDATE') as paid_eur,
        lines.occurred_on,
        lines.delivery_id,
        lines.row_number,
        lines.row_hash
    from {{ ref('fct_funding') }} as lines
    where {{ as_of('lines') }}
    group by
        lines.programme_code,
        lines.partner_code,
        lines.funding_key,
        lines.beneficiary_siren,
        lines.scheme_code,
        lines.fund_source,
        lines.action_code,
        lines.eligible_cost_eur,
        lines.occurred_on,
        lines.delivery_id,
        lines.row_number,
        lines.row_hash
{%- endmacro %}
