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
