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

{# Build from which each row that an erasure takes is no longer known; the row itself leaves once that build is done. #}
{% macro erased_rows() -%}
    select
        erased.delivery_id,
        erased.row_number,
        erasing.build_id as known_to_build
    from {{ source('ops', 'erased_rows') }} as erased
    inner join {{ source('ops', 'loads') }} as erasing on erased.load_id = erasing.load_id
    where erasing.build_id is not null
{%- endmacro %}

{#
    What every row of the drop carries: its source row, its rank among rows of a key, the builds that know it.

    by_row: rows of people, which an erasure takes one by one (a CTE `erasures`).
#}
{% macro raw_row_columns(relation, by_row=false) -%}
    {{ relation }}._delivery_id as delivery_id,
        {{ relation }}._row_number as row_number,
        {{ relation }}._row_hash as row_hash,
        deliveries.period_start,
        deliveries.period_end,
        deliveries.version,
        deliveries.part,
        {{ relation }}._load_id as load_id,
        loads.build_id as known_from_build,
        {% if by_row -%}
            least(supersessions.known_to_build, erasures.known_to_build) as known_to_build
        {%- else -%}
            supersessions.known_to_build
        {%- endif %}
{%- endmacro %}
