{{ config(pre_hook="{{ hash_everything() }}") }}

with
cell_sums as (
    select * from {{ ref('fct_cell_sums') }}
),

{{ indicator_sources() }},

{{ indicator_periods() }},

{{ indicator_margins() }},

{{ indicator_cells() }},

targets as (
    select * from {{ ref('int_targets_in_force') }}
),

final as (
    select
        figures.programme_code,
        figures.indicator_code,
        figures.definition_hash,
        figures.measure,
        figures.period_grain,
        figures.period_start,
        figures.territory_level,
        figures.territory_code,
        figures.partner_code,
        figures.axis,
        figures.member,
        figures.value,
        figures.numerator,
        figures.denominator,
        figures.n,
        figures.n_effective,
        figures.low,
        figures.high,
        figures.unit,
        targets.target,
        figures.completeness,
        figures.state
    from figures
    left join targets
        on {{ same_columns('figures', 'targets', cell_columns()) }}
)

select * from final
