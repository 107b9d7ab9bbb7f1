{#
    History of business keys: who held each key, from which build to which.

    rows: a CTE with delivery_id, row_number, period_end, version, part, load_id, known_from_build, known_to_build and
    the key; one row a raw row. changed: a CTE of the keys to compute, in a column of the same name.
    Returns key, delivery_id, row_number, known_from_build, known_to_build; spans of a key never overlap.
#}
{% macro key_spans(rows, key, changed) %}
select
    {{ key }},
    delivery_id,
    row_number,
    min(from_build) as known_from_build,
    case when not bool_or(to_build is null) then max(to_build) end as known_to_build
from (
    select
        {{ key }},
        delivery_id,
        row_number,
        from_build,
        to_build,
        sum(starts_span) over (partition by {{ key }} order by from_build) as span_number
    from (
        select
            {{ key }},
            delivery_id,
            row_number,
            from_build,
            to_build,
            case
                when
                    lag(delivery_id) over key_order = delivery_id
                    and lag(row_number) over key_order = row_number
                    and lag(to_build) over key_order = from_build
                    then 0
                else 1
            end as starts_span
        from (
            select distinct on (elementary.{{ key }}, elementary.from_build)
                elementary.{{ key }},
                elementary.from_build,
                elementary.to_build,
                {{ rows }}.delivery_id,
                {{ rows }}.row_number
            from (
                select
                    {{ key }},
                    build_id as from_build,
                    lead(build_id) over (partition by {{ key }} order by build_id) as to_build
                from (
                    select
                        {{ key }},
                        known_from_build as build_id
                    from {{ rows }}
                    where {{ key }} in (select {{ changed }}.{{ key }} from {{ changed }})
                    union
                    select
                        {{ key }},
                        known_to_build as build_id
                    from {{ rows }}
                    where known_to_build is not null and {{ key }} in (select {{ changed }}.{{ key }} from {{ changed }})
                ) as boundaries
            ) as elementary
            inner join {{ rows }}
                on
                    elementary.{{ key }} = {{ rows }}.{{ key }}
                    and {{ rows }}.known_from_build <= elementary.from_build
                    and ({{ rows }}.known_to_build is null or {{ rows }}.known_to_build > elementary.from_build)
            order by
                elementary.{{ key }},
                elementary.from_build,
                {{ rows }}.period_end desc,
                {{ rows }}.version desc,
                {{ rows }}.part desc,
                {{ rows }}.load_id desc,
                {{ rows }}.row_number desc
        ) as winners
        window key_order as (partition by {{ key }} order by from_build)
    ) as marked
) as numbered
group by {{ key }}, delivery_id, row_number, span_number
{% endmacro %}
