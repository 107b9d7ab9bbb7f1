-- Progress towards targets, forecasts, changes of surveys, roles, budgets, committee and comparisons, one partition a publication.
set role lakou_publisher;

create table published.progress (
    publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    period_grain text not null,
    period_start date not null,
    target_key text not null,
    measure text not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    is_main boolean not null,
    scope text,
    target_type text,
    target numeric,
    base_value numeric,
    base_on date,
    due_on date,
    decision_id text,
    decision_label text,
    decided_on date,
    counted_from date,
    rule text not null,
    unit text not null,
    actual numeric,
    progress numeric,
    expected numeric,
    ratio numeric,
    completeness numeric,
    value_state text not null,
    state text not null,
    rag text not null,
    reason text not null,
    is_provisional boolean not null
) partition by list (publication_id);

create table published.forecasts (
    publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    target_key text not null,
    target_type text,
    target numeric,
    horizon_on date not null,
    unit text not null,
    quarters integer not null,
    state text not null,
    reading text not null,
    median numeric,
    low numeric,
    high numeric,
    probability numeric
) partition by list (publication_id);

create table published.survey_changes (
    publication_id bigint not null,
    programme_code text not null,
    indicator_code text not null,
    measure text not null,
    period_grain text not null,
    period_start date not null,
    territory_level text not null,
    territory_code text not null,
    partner_code text not null,
    axis text not null,
    member text not null,
    previous_period_start date not null,
    previous_value numeric not null,
    value numeric not null,
    previous_n_effective numeric not null,
    n_effective numeric not null,
    change numeric not null,
    margin numeric not null,
    is_significant boolean not null,
    reading text not null
) partition by list (publication_id);

create table published.roles (
    publication_id bigint not null,
    commitment_id text not null,
    programme_code text not null,
    action_code text not null,
    action_label text not null,
    actor text not null,
    actor_label text not null,
    role_label text not null,
    evidence text,
    acts_at_least bigint not null,
    last_on date,
    state text not null,
    reading text not null
) partition by list (publication_id);

create table published.envelope_balances (
    publication_id bigint not null,
    origin text not null,
    envelope_key text not null,
    programme_code text not null,
    envelope_id text not null,
    label text not null,
    amount_eur numeric not null,
    low_parts_eur numeric not null,
    high_parts_eur numeric not null,
    low_gap_eur numeric not null,
    high_gap_eur numeric not null,
    adds_up boolean not null,
    reading text not null
) partition by list (publication_id);

create table published.committee_sessions (
    publication_id bigint not null,
    programme_code text not null,
    span_start date not null,
    span_end date not null,
    cadence_months integer not null,
    cadence_source text not null,
    sessions_held integer not null,
    first_planned_on date,
    first_held_on date,
    longest_delay_days integer,
    decisions integer not null,
    executed integer not null,
    executed_in_time integer not null,
    overdue integer not null,
    state text not null
) partition by list (publication_id);

create table published.comparability (
    publication_id bigint not null,
    indicator_code text not null,
    programme_code text not null,
    other_kind text not null,
    other_code text not null,
    field text,
    other_field text,
    other_value numeric,
    other_unit text,
    other_vintage text,
    other_publisher text,
    is_comparable boolean not null,
    reason text not null
) partition by list (publication_id);

alter table published.commitments
add column stands_on_kind text,
add column stands_on text;

create view pub.progress as
select p.* from published.progress as p where p.publication_id = (select c.publication_id from published.pointer as c);
create view pub.forecasts as
select f.* from published.forecasts as f where f.publication_id = (select c.publication_id from published.pointer as c);
create view pub.survey_changes as
select s.* from published.survey_changes as s where s.publication_id = (select c.publication_id from published.pointer as c);
create view pub.roles as
select r.* from published.roles as r where r.publication_id = (select c.publication_id from published.pointer as c);
create view pub.envelope_balances as
select e.* from published.envelope_balances as e where e.publication_id = (select c.publication_id from published.pointer as c);
create view pub.committee_sessions as
select s.* from published.committee_sessions as s where s.publication_id = (select c.publication_id from published.pointer as c);
create view pub.comparability as
select k.* from published.comparability as k where k.publication_id = (select c.publication_id from published.pointer as c);
create or replace view pub.commitments as
select k.* from published.commitments as k where k.publication_id = (select c.publication_id from published.pointer as c);

create or replace view pub.steering_commitments as
select
    c.publication_id,
    c.commitment_id,
    c.programme_code,
    c.programme_label,
    c.programme_code || ' · ' || c.programme_label as programme,
    c.action_line,
    c.kind,
    c.nature,
    case c.nature
        when 'promesse' then 'Promesse'
        when 'cadre' then 'Cadre'
        when 'constat' then 'Constat'
        when 'hypothese' then 'Hypothèse'
        when 'base' then 'Base de référence'
        else c.nature
    end as nature_label,
    c.label,
    c.value,
    case
        when c.value is null then 'non chiffrée'
        else
            case when c.operator in ('=', '↑') then '' else coalesce(c.operator || ' ', '') end
            || pub.french_number(c.value, case when c.value = trunc(c.value) then 0 else 2 end)
            || coalesce(U&'\00A0' || c.unit, '')
    end as value_text,
    coalesce(c.unit, '') as unit,
    case
        when c.starts is not null and c.ends is not null and c.starts <> c.ends then c.starts || ' à ' || c.ends
        else coalesce(c.ends, c.starts, 'non datée')
    end as period_label,
    c.state,
    case c.state
        when 'MESURE' then 'mesurée'
        when 'ATTEINT' then 'atteinte'
        when 'EN_RETARD' then 'en retard'
        when 'DEFINITION_ABSENTE' then 'non mesurable (définition absente)'
        when 'FLUX_ABSENT' then 'pas encore mesurable (flux absent)'
        when 'CADRE' then 'sans objet (cadre)'
        when 'CONSTAT' then 'sans objet (constat)'
        when 'HYPOTHESE' then 'sans objet (hypothèse)'
        when 'BASE' then 'sans objet (base de référence)'
        else pub.state_label(c.state)
    end as state_label,
    c.excerpt,
    coalesce(replace(c.indicator_codes, ';', ', '), '') as indicator_codes,
    coalesce(c.note, '') as note,
    concat_ws(', ', c.document_title, c.document_publisher, coalesce(c.document_date, 'sans date')) as citation,
    c.stands_on,
    case c.stands_on_kind
        when 'VALEUR' then 'une valeur mesurée'
        when 'CIBLE' then 'une cible du comité'
        when 'JALON' then 'un jalon'
        when 'ENVELOPPE' then 'une enveloppe'
        when 'DISPOSITIF' then 'une règle de financement'
        when 'FLUX' then 'un flux qui manque'
        when 'ROLE' then 'un rôle promis'
        when 'ACTION' then 'une action du programme'
        when 'DOCUMENT' then 'le document seul'
    end as stands_on_label
from pub.commitments as c;
reset role;
