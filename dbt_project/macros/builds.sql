{# The build that the star shows: without it nothing but parsing works. #}
{% macro as_of_build() -%}
    {{ required_build('as_of_build') }}
{%- endmacro %}

{# Last build already in the facts, 0 when they are empty; a full refresh forgets it. #}
{% macro since_build() -%}
    {%- if execute and flags.FULL_REFRESH -%} 0 {%- else -%} {{ required_build('since_build') }} {%- endif -%}
{%- endmacro %}

{#
    Read when a model runs, never when it is parsed: as a variable, each build's number would make dbt parse every file
    again, which takes longer than the models themselves.
#}
{% macro required_build(name) -%}
    {%- set build = env_var('LAKOU_' ~ name | upper, '') if execute else '0' -%}
    {%- if build == '' -%}
        {{ exceptions.raise_compiler_error(
            "the environment names no LAKOU_" ~ name | upper ~ ": run `lakou build`, which numbers the builds"
        ) }}
    {%- endif -%}
    {{ build | int }}
{%- endmacro %}

{# Rows of a history known at the build shown. #}
{% macro as_of(relation) -%}
    {{ relation }}.known_from_build <= {{ as_of_build() }}
    and ({{ relation }}.known_to_build is null or {{ relation }}.known_to_build > {{ as_of_build() }})
{%- endmacro %}

{# Rows that began or ceased to be known after the last build in the facts. #}
{% macro changed_since(relation) -%}
    ({{ relation }}.known_from_build > {{ since_build() }} or {{ relation }}.known_to_build > {{ since_build() }})
{%- endmacro %}

{# A fact made anew from a part of the keys would silently lack the others. #}
{% macro require_all_keys() -%}
    {%- if execute and not is_incremental() and since_build() | trim | int > 0 -%}
        {{ exceptions.raise_compiler_error(
            this ~ " does not exist and since_build is above 0: run `lakou build --full`"
        ) }}
    {%- endif -%}
{%- endmacro %}

{#
    Whether the marts are those of the last build in the facts, made by these models: what the last build left may then be
    added to. Otherwise (a failure, an earlier build shown, other models, an erasure) what shows one build is made anew.
#}
{% macro goes_on() -%}
    {{ return(execute and not flags.FULL_REFRESH and env_var('LAKOU_GOES_ON', '') == '1') }}
{%- endmacro %}

{# Whether this model may be added to: it exists, and is that of the last build. #}
{% macro adds_to_last_build() -%}
    {{ return(goes_on() and is_incremental()) }}
{%- endmacro %}

{# What is about to be made anew is emptied first. #}
{% macro empty_unless_added_to() -%}
    {%- if is_incremental() and not goes_on() -%} truncate {{ this }} {%- endif -%}
{%- endmacro %}

{#
    Loads whose rows began or ceased to be known after the last build in the facts, as a list of numbers that an index
    of raw is read by: a join would read every load.
#}
{% macro changed_loads() -%}
    {%- set changes = ref('stg_ops__load_changes') -%}
    {%- set found = run_query(
        'select distinct load_id from ' ~ changes ~ ' where build_id > ' ~ since_build() | trim
    ).columns[0].values() if execute else [] -%}
    {{ found | join(', ') or 'null' }}
{%- endmacro %}

{# A part of a statement that only a build which adds to the last one has. #}
{% macro if_added_to(text) -%}
    {%- if adds_to_last_build() -%} {{ text }} {%- endif -%}
{%- endmacro %}

{# Rows of a history's source that a model which keeps them has to take: all of them when it has none yet. #}
{% macro rows_to_take(rows, loads) -%}
    {%- if is_incremental() and since_build() | trim | int > 0 -%}
        {{ rows }}.load_id in ({{ loads }}) and {{ changed_since(rows) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
