{#
    People whom a build may show otherwise than the last one did: those linked otherwise, and those of rows that began or
    ceased to be known. Both the former and the present person of a set of keys are among them.
#}
{% macro touched_participants() -%}
    select changed_links.participant_id
    from {{ ref('stg_ops__person_links') }} as changed_links
    where {{ changed_since('changed_links') }}
    union
    select links_of_rows.participant_id
    from (
        {% for fact in ['fct_participations', 'fct_certifications', 'fct_memberships'] -%}
            select {{ fact }}.person_key
            from {{ ref(fact) }} as {{ fact }}
            where {{ changed_since(fact) }}
            {{ 'union' if not loop.last }}
        {% endfor -%}
    ) as changed_rows
    inner join {{ ref('stg_ops__person_links') }} as links_of_rows
        on changed_rows.person_key = links_of_rows.person_key
    where {{ as_of('links_of_rows') }}
{%- endmacro %}

{# People about to be shown anew leave first: who was joined to another one does not come back. #}
{% macro forget_touched_participants() -%}
    {%- if adds_to_last_build() -%}
        delete from {{ this }} as shown
        where shown.participant_id in ({{ touched_participants() }})
    {%- else -%}
        {{ empty_unless_added_to() }}
    {%- endif -%}
{%- endmacro %}

{# Columns of a participation counted at a build, but when it became what it is. #}
{% macro counted_columns() -%}
    {{ return([
        'programme_code', 'partner_code', 'participation_key', 'person_key', 'participant_id', 'object_type', 'object_key',
        'role', 'status', 'followed_hours', 'referral_channel', 'occurred_on', 'modality', 'residence_commune_code',
        'residence_epci_code', 'venue_commune_code', 'venue_epci_code', 'age_band', 'sex', 'employment_status',
        'diploma_level', 'target_sector', 'action_code', 'delivery_id', 'row_number', 'row_hash',
    ]) }}
{%- endmacro %}

{# CTEs of the participations that may be counted otherwise than by the last build, and of what it counted; none without it. #}
{% macro former_counted() -%}
    {%- if adds_to_last_build() -%}
        touched_people as (
            {{ touched_participants() }}
        ),

        touched_keys as materialized (
            select facts.participation_key
            from {{ ref('fct_participations') }} as facts
            where {{ changed_since('facts') }}
            union
            select facts.participation_key
            from touched_people
            inner join {{ ref('stg_ops__person_links') }} as links
                on touched_people.participant_id = links.participant_id
            inner join {{ ref('fct_participations') }} as facts on links.person_key = facts.person_key
        ),

        former as materialized (
            select formerly.*
            from touched_keys
            inner join {{ this }} as formerly on touched_keys.participation_key = formerly.participation_key
            where formerly.is_counted
        ),
    {%- endif -%}
{%- endmacro %}

{#
    Of what is `counted` now, what differs from what was (`former`). What is counted no more, or on another day, stays to say
    that its month changed. Both are sorted, not joined: a build that looks for what changed hashes no join.
#}
{% macro changed_counted() -%}
    {%- if adds_to_last_build() -%}
        select
            *,
            true as is_counted
        from (
            select {{ counted_columns() | join(', ') }}
            from counted
            except
            select {{ counted_columns() | join(', ') }}
            from former
        ) as otherwise
        union all
        select *
        from (
            select distinct on (participation_key, occurred_on) *
            from (
                select {{ counted_columns() | join(', ') }}, true as is_counted
                from counted
                union all
                select {{ counted_columns() | join(', ') }}, false as is_counted
                from former
            ) as said
            order by participation_key asc, occurred_on asc, is_counted desc
        ) as last_said
        where not is_counted
    {%- else -%}
        select
            *,
            true as is_counted
        from counted
    {%- endif -%}
{%- endmacro %}
