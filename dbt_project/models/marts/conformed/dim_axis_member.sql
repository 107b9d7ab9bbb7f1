with
members as (
    select * from {{ ref('axis_members') }}
),

final as (
    select
        axis,
        axis_label,
        member,
        label as member_label,
        display_order as member_order
    from members
)

select * from final
