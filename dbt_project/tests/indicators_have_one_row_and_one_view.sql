-- neither a catalogue row nor an indicator view lives without the other
with
listed as (
    {{ listed_indicators() }}
),

views as (
    select viewname::text as model_name
    from pg_views
    where schemaname = '{{ ref("dim_indicator").schema }}' and starts_with(viewname, 'indicator_')
),

catalogued as (
    select 'indicator_' || lower(replace(indicator_code, '-', '_')) as model_name
    from {{ ref('dim_indicator') }}
)

select
    catalogued.model_name as in_catalogue,
    listed.model_name as in_list,
    views.model_name as in_database
from catalogued
full join listed on catalogued.model_name = listed.model_name
full join views on coalesce(catalogued.model_name, listed.model_name) = views.model_name
where catalogued.model_name is null or listed.model_name is null
