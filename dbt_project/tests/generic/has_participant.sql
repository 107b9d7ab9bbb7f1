{#
    Every row known at the build shown names a participant: one that did not would be missing from every figure. A build
    that goes on looks at rows and links that changed.
#}
{% test has_participant(model) %}

select facts.person_key
from {{ model }} as facts
left join {{ ref('stg_ops__person_links') }} as links
    on facts.person_key = links.person_key and {{ as_of('links') }}
where {{ as_of('facts') }} and links.participant_id is null
    {% if goes_on() -%}
        and (
            {{ changed_since('facts') }}
            or facts.person_key in (
                select changed.person_key
                from {{ ref('stg_ops__person_links') }} as changed
                where {{ changed_since('changed') }}
            )
        )
    {%- endif %}

{% endtest %}
