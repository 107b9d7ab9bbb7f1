{# Statistics of a table just made: without them the planner guesses, and guesses badly. #}
{% macro analyze_table() -%}
    {%- if model.config.materialized != 'view' -%} analyze {{ this }} {%- endif -%}
{%- endmacro %}

{#
    The planner cannot guess how many cells short lists multiply to, nor how few columns tell rows apart: a build is
    told to hash, which is right at every size, instead of looping over what it takes for a handful of rows.
#}
{% macro hash_everything() -%}
    set local work_mem = '256MB';
    set local enable_nestloop = off;
    set local enable_mergejoin = off;
    set local enable_sort = off;
    set local jit = off
{%- endmacro %}
