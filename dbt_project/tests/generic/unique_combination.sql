{#
    No two rows of the model share these columns; nulls count as equal.

    held_by_index: a unique index of the table holds it for every row, and the test is that there is one.
    of_changed_loads: the rows of loads that a build has numbered or superseded since the last one; what keeps them holds the rest.
    held_by_grouping: the view's last statement groups by them, and the test is that it does: to read it all takes long.
    in_whole_builds: looked at by a build that makes everything anew. Of what is a row for a row of a fact that holds its key.
#}
{% test unique_combination(model, columns, held_by_index=false, held_by_grouping=false, of_changed_loads=false, in_whole_builds=false) %}

{%- set loads = changed_loads() if of_changed_loads %}

{% if held_by_index -%}
select 'no unique index' as missing
where not exists (
    select 1
    from pg_index
    where
        pg_index.indrelid = '{{ model }}'::regclass
        and pg_index.indisunique
        and pg_index.indisvalid
        and pg_index.indpred is null
        and (
            select array_agg(pg_attribute.attname::text order by pg_attribute.attname)
            from pg_attribute
            where pg_attribute.attrelid = pg_index.indrelid and pg_attribute.attnum = any(pg_index.indkey)
        ) = array[{% for column in columns | sort %}'{{ column }}'{{ ', ' if not loop.last }}{% endfor %}]
        -- an index lets nulls repeat: its columns have none
        and (
            select bool_and(pg_attribute.attnotnull)
            from pg_attribute
            where pg_attribute.attrelid = pg_index.indrelid and pg_attribute.attnum = any(pg_index.indkey)
        )
)
{%- elif held_by_grouping -%}
select 'not grouped by the key' as missing
where
    pg_get_viewdef('{{ model }}'::regclass)
    !~ 'GROUP BY [a-z_]+[.]{{ columns | join(', [a-z_]+[.]') }}[[:space:]]*[)][[:space:]]*SELECT [^()]* FROM final;[[:space:]]*$'
{%- else -%}
select {{ columns | join(', ') }}
from {{ model }}
where
    true
    {% if of_changed_loads and goes_on() -%} and load_id in ({{ loads }}) {%- endif %}
    {% if in_whole_builds and goes_on() -%} and false {%- endif %}
group by {{ columns | join(', ') }}
having count(*) > 1
{%- endif %}

{% endtest %}
