{#
    Statistics of a table just made: without them the planner guesses, and guesses badly. Those of a table that a build adds
    to are nearly what they were, and PostgreSQL makes them again by itself once much was added.
#}
{% macro analyze_table() -%}
    {%- if model.config.materialized != 'view' and not adds_to_last_build() -%} analyze {{ this }} {%- endif -%}
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

{#
    What changed is few keys in tables of many: each is looked for by its index. Whatever the planner guesses of what
    changed, it would otherwise read the tables whole to be safe. A
    history takes what changed since the last build in it even when the other models are made anew.
#}
{% macro seek_what_changed(of_history=false) -%}
    {%- if adds_to_last_build() or (of_history and is_incremental() and since_build() | trim | int > 0) -%}
    set local work_mem = '256MB';
    set local enable_hashjoin = off;
    set local enable_mergejoin = off;
    set local jit = off
    {%- endif -%}
{%- endmacro %}
