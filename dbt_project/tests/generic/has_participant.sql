{# Every row known at the build shown names a participant: one that did not would be missing from every figure. #}
{% test has_participant(model) %}

select facts.person_key
from {{ model }} as facts
left join {{ ref('stg_ops__person_links') }} as links
    on facts.person_key = links.person_key and {{ as_of('links') }}
where {{ as_of('facts') }} and links.participant_id is null

{% endtest %}
