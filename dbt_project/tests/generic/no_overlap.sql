{#
    The spans of builds of a key are not empty and never overlap: at each build a key has at most one row. A build that
    goes on looks at the keys that changed: the spans of the others are those that the last build left.
#}
{% test no_overlap(model, key) %}

with spans as (
    select
        {{ key }},
        known_from_build,
        known_to_build,
        lead(known_from_build) over (partition by {{ key }} order by known_from_build) as next_from_build
    from {{ model }}
    {% if goes_on() -%}
        where ({{ key }}) in (select {{ key }} from {{ model }} as changed where {{ changed_since('changed') }})
    {%- endif %}
)

select *
from spans
where
    known_to_build <= known_from_build
    or (next_from_build is not null and (known_to_build is null or known_to_build > next_from_build))

{% endtest %}
