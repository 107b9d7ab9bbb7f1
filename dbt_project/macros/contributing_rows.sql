{#
    Columns of every indicator view, in the order of its contract: what is counted, whose data it is, when (for a stock:
    from when until when), where, through whom, which members of axes, how much, and the source row.

    territory: prefix of the columns `<territory>_commune_code` and `<territory>_epci_code`, or `region`.
    axes: names of the columns `axis_<name>`; members: an array of 'AXIS:MEMBER' where one row has several of an axis.
#}
{% macro contribution_columns(
    indicator_code, entity, occurred_on, territory, num, den, axes=[], subject='null', counted_until='null', members=none
) -%}
    programme_code,
        '{{ indicator_code }}' as indicator_code,
        ({{ entity }})::text as entity_key,
        ({{ subject }})::text as subject_key,
        ({{ occurred_on }})::date as occurred_on,
        ({{ counted_until }})::date as counted_until,
        {{ 'null::text' if territory == 'region' else territory ~ '_commune_code' }} as commune_code,
        {{ 'null::text' if territory == 'region' else territory ~ '_epci_code' }} as epci_code,
        partner_code,
        {{ members or members_of(axes) }} as members,
        ({{ num }})::numeric as num,
        ({{ den }})::numeric as den,
        delivery_id,
        row_number,
        row_hash
{%- endmacro %}

{# Members of a row, 'AXIS:MEMBER', without those that it has not. #}
{% macro members_of(axes) -%}
    array_remove(array[
        {%- for axis in axes -%}
            '{{ axis | upper }}:' || axis_{{ axis }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ]::text[], null)
{%- endmacro %}

{% macro profile_axes() -%}
    {{ return(['age', 'sexe', 'statut', 'niveau']) }}
{%- endmacro %}
