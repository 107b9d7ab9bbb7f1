{# At the build shown, the shares of what these columns name sum to 1: what is attributed adds up to what is counted. #}
{% test shares_sum_to_one(model, columns) %}

select
    {{ columns | join(', ') }},
    sum(shared.share) as total_share
from {{ model }} as shared
where {{ as_of('shared') }}
group by {{ columns | join(', ') }}
having abs(sum(shared.share) - 1) > 1e-9

{% endtest %}
