with
parameters as (
    select * from {{ ref('parameters') }}
),

final as (
    select
        parameter_code,
        scope,
        version,
        value,
        unit,
        label,
        decided_by,
        version = max(version) over (partition by parameter_code, scope) as is_current
    from parameters
)

select * from final
