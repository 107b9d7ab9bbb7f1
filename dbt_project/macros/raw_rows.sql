{# Build from which each superseded delivery is no longer known. #}
{% macro first_supersessions() -%}
    select
        superseded.superseded_delivery_id as delivery_id,
        min(superseding.build_id) as known_to_build
    from {{ source('ops', 'supersessions') }} as superseded
    inner join {{ source('ops', 'loads') }} as superseding
        on superseded.superseding_load_id = superseding.load_id
    where superseding.build_id is not null
    group by superseded.superseded_delivery_id
{%- endmacro %}

{# What every row of the drop carries: its source row, its rank among rows of a key, the builds that know it. #}
{% macro raw_row_columns(relation) -%}
    {{ relation }}._delivery_id as delivery_id,
        {{ relation }}._row_number as row_number,
        {{ relation }}._row_hash as row_hash,
        deliveries.period_start,
        deliveries.period_end,
        deliveries.version,
        deliveries.part,
        loads.load_id,
        loads.build_id as known_from_build,
        supersessions.known_to_build
{%- endmacro %}
