with
action_lines as (
    select * from {{ ref('action_lines') }}
),

final as (
    select
        action_code,
        programme_code,
        label,
        display_order
    from action_lines
)

select * from final
