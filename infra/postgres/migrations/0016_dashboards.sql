-- What the four dashboards show besides the values: states by line of action, what changed, what is late, decisions,
-- forecasts, money, roles, comparisons, quality, and where a figure comes from. A view without a row says why in one.
set role lakou_publisher;

alter table published.indicators add column feeds text;

create table published.decisions (
    publication_id bigint not null,
    programme_code text not null,
    decision_id text not null,
    label text,
    responsible text,
    status text,
    closing_id text,
    decided_on date,
    due_on date,
    done_on date,
    known_to_build integer
) partition by list (publication_id);

create table published.milestones (
    publication_id bigint not null,
    programme_code text not null,
    partner_code text not null,
    milestone_id text not null,
    action_code text,
    label text,
    status text,
    proof_id text,
    due_on date,
    delivered_on date,
    known_to_build integer
) partition by list (publication_id);

create table published.envelopes (
    publication_id bigint not null,
    programme_code text not null,
    partner_code text not null,
    envelope_key text not null,
    parent_envelope_key text,
    envelope_id text not null,
    label text,
    amount_eur numeric,
    starts_on date,
    ends_on date,
    known_to_build integer
) partition by list (publication_id);

-- The latest result of each expectation at the raw boundary; those of the published boundary come after the copy.
create table published.raw_checks (
    publication_id bigint not null,
    subject text not null,
    expectation text not null,
    description text not null,
    severity text not null,
    success boolean not null,
    evaluated bigint,
    unexpected bigint,
    checked_at timestamptz not null
) partition by list (publication_id);

create or replace view pub.indicators as
select i.* from published.indicators as i where i.publication_id = (select c.publication_id from published.pointer as c);

-- facts keep what was once known; a publication shows what is known now
create view pub.decisions as
select
    d.publication_id, d.programme_code, d.decision_id, d.label, d.responsible, d.status, d.closing_id, d.decided_on,
    d.due_on, d.done_on
from published.decisions as d
where d.publication_id = (select c.publication_id from published.pointer as c) and d.known_to_build is null;
create view pub.milestones as
select
    m.publication_id, m.programme_code, m.partner_code, m.milestone_id, m.action_code, m.label, m.status, m.proof_id,
    m.due_on, m.delivered_on
from published.milestones as m
where m.publication_id = (select c.publication_id from published.pointer as c) and m.known_to_build is null;
create view pub.envelopes as
select
    e.publication_id, e.programme_code, e.partner_code, e.envelope_key, e.parent_envelope_key, e.envelope_id, e.label,
    e.amount_eur, e.starts_on, e.ends_on
from published.envelopes as e
where e.publication_id = (select c.publication_id from published.pointer as c) and e.known_to_build is null;

create view pub.checks as
select
    'BRUT' as boundary, r.subject, r.expectation, r.description, r.severity, r.success, r.evaluated, r.unexpected,
    r.checked_at
from published.raw_checks as r
where r.publication_id = (select c.publication_id from published.pointer as c)
union all
select
    'PUBLIE' as boundary, q.subject, q.expectation, q.description, q.severity, q.success, q.evaluated, q.unexpected,
    q.checked_at
from ops.quality_results as q
inner join pub.publication as p on q.build_id = p.build_id and q.publication_id = p.publication_id
where q.boundary = 'PUBLIE';

-- Words and marks

create function pub.count_text(number bigint, singular text, plural text) returns text
language sql immutable parallel safe
return pub.french_number(number, 0) || U&'\00A0' || case when abs(number) < 2 then singular else plural end;

create function pub.short_date(day date) returns text
language sql immutable parallel safe
return to_char(day, 'DD/MM/YYYY');

create function pub.euros(amount numeric) returns text
language sql immutable parallel safe
return pub.french_number(amount, 0) || U&'\00A0\20AC';

-- A colour has its shape and its word: it reads in black and white, and aloud.
create function pub.rag_text(rag text, reason text, is_provisional boolean) returns text
language sql immutable parallel safe
return case rag
    when 'VERT' then U&'\25CF vert'
    when 'ORANGE' then U&'\25B2 orange'
    when 'ROUGE' then U&'\25A0 rouge'
    else U&'\25CB gris'
end || ' : ' || reason || case when is_provisional then ' (provisoire)' else '' end;

-- Eight periods at a glance, drawn from zero: a bar by value, 0 for zero, a dot where nothing came, a cross where it is secret.
create function pub.trend_text(figures numeric[], states text[]) returns text
language sql immutable parallel safe
return (
    select
        string_agg(
            case
                when t.state like 'SUPPRIME%' then U&'\00D7'
                when t.figure is null then U&'\00B7'
                when t.figure = 0 then '0'
                else substr(
                    U&'\2581\2582\2583\2584\2585\2586\2587\2588',
                    1 + round(7 * (t.figure - least(0, s.low)) / nullif(greatest(0, s.high) - least(0, s.low), 0))::integer,
                    1
                )
            end,
            '' order by t.rank
        )
    from unnest(figures, states) with ordinality as t (figure, state, rank)
    cross join (select coalesce(min(f), 0) as low, coalesce(nullif(max(f), 0), 1) as high from unnest(figures) as f) as s
);

create or replace function pub.feed_label(feed text) returns text
language sql immutable parallel safe
return case feed
    when 'F01' then 'F01 · Sessions de formation'
    when 'F02' then 'F02 · Participations'
    when 'F03' then 'F03 · Certifications'
    when 'F04' then 'F04 · Enquêtes de formation'
    when 'F05' then 'F05 · Parcours d’entreprises'
    when 'F05b' then 'F05b · Expérimentations des communes'
    when 'F06' then 'F06 · Mesures de gain'
    when 'F07' then 'F07 · Diagnostics et feuilles de route'
    when 'F08' then 'F08 · Événements'
    when 'F09' then 'F09 · Membres des réseaux'
    when 'F10' then 'F10 · Projets collaboratifs'
    when 'F11' then 'F11 · Sensibilisation et livrables'
    when 'F12' then 'F12 · Baromètre de perception'
    when 'F13' then 'F13 · Financements'
    when 'F14' then 'F14 · Structures'
    when 'F15' then 'F15 · Modules labellisés'
    when 'G01' then 'G01 · Jalons'
    when 'G02' then 'G02 · Cibles'
    when 'G03' then 'G03 · Repères et preuves'
    when 'G04' then 'G04 · Décisions'
    when 'G05' then 'G05 · Enveloppes'
    else feed
end;

create function pub.line_label(line_code text) returns text
language sql immutable parallel safe
return line_code || ' · ' || case line_code
    when 'A1' then 'Sensibilisation et formation'
    when 'A2' then 'Solutions d’IA dans les entreprises'
    when 'A3' then 'Réseaux et événements'
    when 'A4' then 'Conseil, veille et financement'
    when 'A5' then 'Éthique, inclusion et perception'
    when 'G' then 'Communes'
    when 'F' then 'Financement'
    when 'O' then 'Objectifs du territoire'
    when 'R' then 'Livrables et structures'
    when 'D' then 'Mesures et études'
    when 'B' then 'Repères externes'
    when 'T' then 'Pilotage et qualité'
    else 'Autre'
end;

create or replace view pub.rule_labels as
select *
from (
    values
    ('NOM-INCONNU', 'Nom de fichier non reconnu'),
    ('FLUX-NON-PREVU', 'Flux non prévu pour ce partenaire'),
    ('PARTENAIRE-DIFFERENT', 'Fichier au nom d’un autre partenaire'),
    ('PERIODE-FUTURE', 'Période à venir'),
    ('PERIODE-CHEVAUCHE', 'Période qui en chevauche une autre'),
    ('PERIODE-CONTRADICTOIRE', 'Périodes contradictoires'),
    ('VERSION-ANCIENNE', 'Une version plus récente existe'),
    ('FICHIER-VIDE', 'Fichier vide'),
    ('FICHIER-ILLISIBLE', 'Fichier illisible'),
    ('FORMAT-NON-PRIS', 'Format de fichier non pris en charge'),
    ('FEUILLES-EN-DOUBLE', 'Feuilles en double'),
    ('COLONNE-MANQUANTE', 'Colonne manquante'),
    ('COLONNE-DOUBLE', 'Colonne en double'),
    ('CLE-ABSENTE-CONVENTION', 'Données personnelles sans convention'),
    ('OBLIGATOIRE', 'Valeur obligatoire absente'),
    ('TYPE-DATE', 'Date illisible'),
    ('TYPE-DATE-HEURE', 'Jour et heure illisibles'),
    ('TYPE-ENTIER', 'Nombre entier illisible'),
    ('TYPE-DECIMAL', 'Nombre décimal illisible'),
    ('TYPE-BOOLEEN', 'Réponse ni oui ni non'),
    ('BORNES', 'Valeur hors bornes'),
    ('LONGUEUR', 'Texte trop long'),
    ('LISTE', 'Valeur absente de la liste'),
    ('MOTIF', 'Forme de la valeur incorrecte'),
    ('SIREN', 'SIREN ou SIRET invalide'),
    ('SIRET', 'SIRET invalide'),
    ('NAF', 'Code NAF invalide'),
    ('PAYS', 'Code de pays invalide'),
    ('URL', 'Adresse de page web invalide'),
    ('EPCI', 'Intercommunalité hors du programme'),
    ('DISPOSITIF', 'Dispositif d’aide inconnu du programme'),
    ('INDICATEUR-INCONNU', 'Indicateur inconnu du catalogue'),
    ('JETON-COURRIEL', 'Jeton qui ressemble à un courriel'),
    ('FORMULE-SANS-VALEUR', 'Formule de tableur sans résultat'),
    ('VALEUR-TABLEUR', 'Valeur transformée par le tableur'),
    ('PLAFOND-COLONNE', 'Valeur au-dessus d’une autre colonne'),
    ('IDENTIQUES', 'Deux colonnes qui devraient différer'),
    ('SOMME-QUOTES-PARTS', 'Quotes-parts qui ne font pas le tout'),
    ('DATE-OBJET', 'Date autre que celle de la session'),
    ('COMMUNE-PERIMETRE', 'Commune hors du périmètre'),
    ('COMMUNE-COG', 'Code de commune inconnu'),
    ('CODE-POSTAL', 'Code postal au lieu du code Insee'),
    ('ORDRE-DATES', 'Dates dans le désordre'),
    ('PERSONNE-INCONNUE', 'Personne impossible à identifier'),
    ('AGE-MINIMUM', 'Moins de 15 ans : effectif seulement'),
    ('ACTION-INCONNUE', 'Action inconnue du programme'),
    ('PROGRAMME', 'Programme inconnu'),
    ('DOUBLON', 'Ligne répétée à l’identique'),
    ('CLE-CONTRADICTOIRE', 'Même clé, contenus différents'),
    ('ENREGISTREMENT-TRONQUE', 'Ligne tronquée'),
    ('DUREE-EXCESSIVE', 'Durée suivie supérieure à la durée prévue'),
    ('REFERENCE-INCONNUE', 'Session jamais reçue'),
    ('DATE-AVANT-PROGRAMME', 'Date antérieure au programme')
) as labels (rule_id, rule_label);

-- the states of indicators and partners below, quarter by quarter, take their place
drop view pub.indicator_overview, pub.partner_overview, pub.quarter_comparison;

-- Filters reach a chart by the name of a column: the quarter of a figure, of a delivery and of a refusal is one column.
alter view pub.steering_values rename to labelled_values;
create view pub.steering_values as
select
    v.*,
    pub.french_period(pub.period_code('quarter', v.period_end)) as quarter_label,
    split_part(v.indicator_code, '-', 1) as line_code,
    v.axis_label || ' : ' || v.member_label as profile_label
from pub.labelled_values as v;

alter view pub.steering_deliveries rename to labelled_deliveries;
create view pub.steering_deliveries as
select
    d.*,
    pub.french_period(d.quarter_code) as quarter_label,
    case
        when d.is_accepted and not d.is_late then U&'\25CF acceptée à temps'
        when d.is_accepted then U&'\25B2 acceptée en retard'
        when d.is_received then U&'\25A0 reçue, refusée'
        when d.is_due then U&'\25A0 non remise'
        else U&'\25CB à venir'
    end as outcome_text
from pub.labelled_deliveries as d;

alter view pub.steering_rejections rename to labelled_rejections;
create view pub.steering_rejections as
select
    r.*,
    pub.french_period(
        pub.period_code(
            'quarter',
            case
                when r.period_code ~ '^\d{4}-T\d$' then make_date(left(r.period_code, 4)::integer, 3 * right(r.period_code, 1)::integer, 1)
                when r.period_code ~ '^\d{4}-S\d$' then make_date(left(r.period_code, 4)::integer, 6 * right(r.period_code, 1)::integer, 1)
                when r.period_code ~ '^\d{4}-\d{2}$' then to_date(r.period_code, 'YYYY-MM')
                else make_date(left(r.period_code, 4)::integer, 12, 1)
            end
        )
    ) as quarter_label
from pub.labelled_rejections as r;

-- The closed quarters, which the period filter of every dashboard chooses from.
create view pub.closed_quarters as
select
    q.period_start,
    pub.period_end('quarter', q.period_start) as period_end,
    pub.period_code('quarter', q.period_start) as quarter_code,
    pub.french_period(pub.period_code('quarter', q.period_start)) as quarter_label,
    row_number() over (order by q.period_start desc) = 1 as is_latest
from (
    select distinct v.period_start
    from published.indicator_values as v
    cross join pub.publication as p
    where
        v.publication_id = p.publication_id
        and v.indicator_code = 'T-01'
        and v.period_grain = 'quarter'
        and pub.period_end('quarter', v.period_start) < p.business_date
) as q;

create view pub.programme_partners as
select k.partner_code, min(k.label) as partner_label from pub.partners as k group by k.partner_code;

-- The figure of each indicator for a whole programme, at the periods of its own pace.
create view pub.main_figures as
select
    v.*,
    i.base_code,
    i.label,
    i.display_order,
    i.direction,
    split_part(v.indicator_code, '-', 1) as line_code,
    pub.period_end(v.period_grain, v.period_start) as period_end,
    array_agg(v.value) over recent as recent_values,
    array_agg(v.state) over recent as recent_states,
    lag(v.value) over series as previous_value,
    lag(v.state) over series as previous_state,
    lag(v.period_start) over series as previous_period_start
from published.indicator_values as v
inner join pub.indicators as i
    on
        v.indicator_code = i.indicator_code
        and v.period_grain = case i.first_grain when 'month' then 'quarter' else i.first_grain end
where
    v.publication_id = (select c.publication_id from published.pointer as c)
    and v.measure = 'counted'
    and v.territory_level = 'region'
    and v.partner_code = 'TOTAL'
    and v.axis = 'TOTAL'
window
    series as (partition by v.programme_code, v.indicator_code order by v.period_start),
    recent as (
        partition by v.programme_code, v.indicator_code order by v.period_start rows between 7 preceding and current row
    );

-- What a programme's own document promises to measure, and what the committee gave a target.
create view pub.key_indicators as
select c.programme_code, code.indicator_code
from pub.commitments as c
cross join lateral regexp_split_to_table(c.indicator_codes, '\s*;\s*') as code (indicator_code)
where c.nature = 'promesse'
union
select p.programme_code, p.indicator_code from pub.progress as p where p.target is not null;

create view pub.steering_state as
with
main_progress as materialized (
    select distinct on (p.programme_code, p.indicator_code, p.period_grain, p.period_start) p.*
    from pub.progress as p
    where p.is_main
    order by p.programme_code, p.indicator_code, p.period_grain, p.period_start, p.target_key
),

figures as materialized (
    select * from pub.main_figures
),

-- an annual or half-yearly figure stands until the next one is closed
shown as (
    select
        f.*,
        q.quarter_label,
        q.period_start as quarter_start,
        q.is_latest
    from pub.closed_quarters as q
    cross join lateral (
        select
            case when extract(month from q.period_end) in (6, 12) then q.period_end
                else (date_trunc('year', q.period_end) + case when extract(month from q.period_end) > 6 then interval '6 months' else interval '0' end)::date - 1
            end as semester_end,
            case when extract(month from q.period_end) = 12 then q.period_end
                else date_trunc('year', q.period_end)::date - 1
            end as year_end
    ) as ends
    inner join figures as f
        on
            f.period_end = case f.period_grain
                when 'quarter' then q.period_end
                when 'semester' then ends.semester_end
                else ends.year_end
            end
)

select
    s.publication_id,
    s.programme_code,
    coalesce(g.programme_label, s.programme_code) as programme_label,
    s.quarter_label,
    s.quarter_start,
    s.is_latest as is_latest_quarter,
    s.line_code,
    pub.line_label(s.line_code) as line_label,
    s.indicator_code,
    s.label as indicator_label,
    s.indicator_code || ' · ' || s.label as indicator,
    s.display_order as indicator_order,
    k.indicator_code is not null as is_key,
    pub.unit_label(s.unit) as unit_label,
    pub.french_period(pub.period_code(s.period_grain, s.period_start)) as measured_period_label,
    s.value,
    case when s.unit in ('ratio', '%') then 100 * s.value else s.value end as display_value,
    pub.value_text(s.value, s.unit, s.state) as value_text,
    s.state,
    pub.state_label(s.state) as state_label,
    case
        when p.target is null then 'cible non fixée'
        else pub.value_text(p.target, s.unit, 'MESURE')
            || coalesce(' au ' || pub.short_date(p.due_on), '')
            || case p.target_type when 'CUMUL' then ', en cumul' when 'ANNUELLE' then ', chaque année' else '' end
    end as target_text,
    case
        when p.target is null then 'sans objet'
        when p.actual is null then p.reason
        when p.target_type = 'CUMUL'
            then pub.value_text(p.actual, s.unit, 'MESURE') || coalesce(' depuis le ' || pub.short_date(p.counted_from), '')
        else coalesce(pub.french_number(100 * p.ratio, 0) || U&'\00A0% de ce qui est attendu', 'avancement non calculable')
    end as progress_text,
    coalesce(p.rag, 'GRIS') as rag,
    pub.rag_text(coalesce(p.rag, 'GRIS'), coalesce(p.reason, 'cible non fixée'), coalesce(p.is_provisional, false)) as rag_text,
    case p.rag when 'ROUGE' then 1 when 'ORANGE' then 2 when 'VERT' then 3 else 4 end as rag_order,
    pub.trend_text(s.recent_values, s.recent_states) as trend_text,
    case
        when s.previous_period_start is null then 'première période'
        when s.value is null or s.previous_value is null then 'non comparable'
        when s.value = s.previous_value then '= stable'
        else case when s.value > s.previous_value then U&'\2197 +' else U&'\2198 \2212' end || case
            when s.unit in ('ratio', '%') then pub.french_number(100 * abs(s.value - s.previous_value), 1) || ' pt'
            when s.previous_value = 0 then pub.french_number(abs(s.value - s.previous_value), 0)
            else pub.french_number(100 * abs(s.value - s.previous_value) / abs(s.previous_value), 0) || U&'\00A0%'
        end
    end as change_text,
    s.completeness,
    coalesce(pub.french_number(100 * s.completeness, 0) || U&'\00A0%', 'sans objet') as completeness_text,
    case
        when s.origin_publication_id <> s.publication_id
            then 'retenu : chiffre de la publication n°' || U&'\00A0' || s.origin_publication_id
        else 'à jour'
    end as origin_label
from shown as s
left join main_progress as p
    on
        s.programme_code = p.programme_code
        and s.indicator_code = p.indicator_code
        and s.period_grain = p.period_grain
        and s.period_start = p.period_start
left join pub.key_indicators as k on s.programme_code = k.programme_code and s.indicator_code = k.indicator_code
left join pub.programme_labels as g on s.programme_code = g.programme_code;

-- Each figure with its interval, where it is a share of answers, a mean or a median.
create view pub.steering_intervals as
select
    f.publication_id,
    f.programme_code,
    coalesce(g.programme_label, f.programme_code) as programme_label,
    f.line_code,
    f.indicator_code,
    f.indicator_code || ' · ' || f.label as indicator,
    f.period_start,
    f.period_end < p.business_date as is_closed,
    pub.french_period(pub.period_code(f.period_grain, f.period_start))
    || case when f.value is null then ' : ' || pub.value_text(f.value, f.unit, f.state) else '' end as period_display,
    pub.french_period(pub.period_code(f.period_grain, f.period_start)) as measured_period_label,
    pub.unit_label(f.unit) as unit_label,
    u.factor * f.value as display_value,
    u.factor * f.low as display_low,
    u.factor * f.high as display_high,
    pub.value_text(f.value, f.unit, f.state) as value_text,
    case
        when f.low is null or f.high is null then 'sans objet'
        when u.factor = 100
            then 'de ' || pub.french_number(100 * f.low, 1) || ' à ' || pub.french_number(100 * f.high, 1) || U&'\00A0%'
        else 'de ' || pub.french_number(f.low, 1) || ' à ' || pub.french_number(f.high, 1)
    end as interval_text,
    case when f.n is null then 'secret statistique' else pub.count_text(f.n, 'réponse', 'réponses') end as n_text,
    case
        when f.value is null then 'sans objet'
        else coalesce(c.reading, 'pas de période précédente à comparer')
    end as significance_text
from pub.main_figures as f
cross join pub.publication as p
cross join lateral (select case when f.unit in ('ratio', '%') then 100 else 1 end as factor) as u
left join pub.survey_changes as c
    on
        f.programme_code = c.programme_code
        and f.indicator_code = c.indicator_code
        and f.measure = c.measure
        and f.period_grain = c.period_grain
        and f.period_start = c.period_start
        and f.territory_level = c.territory_level
        and f.territory_code = c.territory_code
        and f.partner_code = c.partner_code
        and f.axis = c.axis
left join pub.programme_labels as g on f.programme_code = g.programme_code
where f.low is not null or f.value is null;

create view pub.steering_forecasts as
select
    f.publication_id,
    f.programme_code,
    coalesce(g.programme_label, f.programme_code) as programme_label,
    split_part(f.indicator_code, '-', 1) as line_code,
    f.indicator_code,
    f.indicator_code || coalesce(' · ' || i.label, '') as indicator,
    i.display_order as indicator_order,
    k.indicator_code is not null as is_key,
    f.horizon_on,
    pub.short_date(f.horizon_on) as horizon_label,
    case when f.target is null then 'cible non fixée' else pub.value_text(f.target, f.unit, 'MESURE') end as target_text,
    f.median,
    case when f.median is null then 'sans prévision' else pub.value_text(round(f.median), f.unit, 'MESURE') end as median_text,
    case
        when f.low is null then 'sans prévision'
        else 'de ' || pub.value_text(round(f.low), f.unit, 'MESURE') || ' à ' || pub.value_text(round(f.high), f.unit, 'MESURE')
    end as band_text,
    case
        when f.median is null then 'sans prévision'
        when f.target is null then 'cible non fixée'
        when f.probability > 0.99 then U&'plus de 99\00A0%'
        when f.probability < 0.01 then U&'moins de 1\00A0%'
        else pub.french_number(100 * f.probability, 0) || U&'\00A0%'
    end as probability_text,
    f.reading,
    f.state
from pub.forecasts as f
left join pub.indicators as i on f.indicator_code = i.indicator_code
left join pub.key_indicators as k on f.programme_code = k.programme_code and f.indicator_code = k.indicator_code
left join pub.programme_labels as g on f.programme_code = g.programme_code;

create view pub.steering_decisions as
select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(d.decision_id, 'aucune') as decision_id,
    coalesce(d.label, 'Aucune décision reçue pour ce programme (flux G04)') as label,
    coalesce(d.responsible, 'sans objet') as responsible,
    d.decided_on,
    coalesce(pub.short_date(d.decided_on), 'sans objet') as decided_label,
    coalesce(pub.short_date(d.due_on), case when d.decision_id is null then 'sans objet' else 'sans échéance' end) as due_label,
    coalesce(pub.short_date(d.done_on), case when d.status = 'OUVERTE' then 'pas encore' else 'sans objet' end) as done_label,
    coalesce(s.state_label, 'sans objet') as state_label,
    case
        when d.decision_id is null then U&'\25CB sans décision'
        when d.status = 'EXECUTEE' and d.done_on > d.due_on
            then U&'\25B2 exécutée avec ' || pub.count_text(d.done_on - d.due_on, 'jour', 'jours') || ' de retard'
        when d.status = 'EXECUTEE' then U&'\25CF exécutée à temps'
        when d.status = 'ABANDONNEE' then U&'\25CB abandonnée'
        when d.due_on < p.business_date
            then U&'\25A0 ouverte, en retard de ' || pub.count_text(p.business_date - d.due_on, 'jour', 'jours')
        else U&'\25B3 ouverte, dans les temps'
    end as state_text,
    case
        when d.status = 'OUVERTE' and d.due_on < p.business_date then 1
        when d.status = 'OUVERTE' then 2
        when d.status = 'EXECUTEE' then 3
        else 4
    end as state_order,
    coalesce('séance du ' || pub.short_date(d.decided_on), 'aucune séance') as session_label,
    coalesce(pub.period_code('quarter', d.decided_on), 'aucune séance') as session_code
from pub.programme_labels as g
cross join pub.publication as p
left join pub.decisions as d on g.programme_code = d.programme_code
cross join lateral (
    select
        case
            when d.status = 'EXECUTEE' then 'exécutée'
            when d.status = 'ABANDONNEE' then 'abandonnée'
            when d.status = 'OUVERTE' and d.due_on < p.business_date then 'ouverte, en retard'
            when d.status = 'OUVERTE' then 'ouverte'
        end as state_label
) as s;

create view pub.steering_late as
with late as (
    select
        d.programme_code,
        'Remise' as kind_label,
        coalesce(k.partner_label, d.partner_code) as partner_label,
        pub.feed_label(d.feed) || ', ' || pub.french_period(d.period) as subject,
        d.due_on,
        case when d.is_received then 'reçue, refusée' else 'non remise' end as state_label
    from pub.deliveries as d
    left join pub.programme_partners as k on d.partner_code = k.partner_code
    where d.is_due and not d.is_accepted
    union all
    select
        m.programme_code,
        'Jalon',
        coalesce(k.partner_label, m.partner_code),
        concat_ws(' · ', m.action_code, m.label),
        m.due_on,
        case m.status when 'EN_COURS' then 'en cours' else 'non démarré' end
    from pub.milestones as m
    cross join pub.publication as p
    left join pub.programme_partners as k on m.partner_code = k.partner_code
    where m.delivered_on is null and m.status <> 'ABANDONNE' and m.due_on < p.business_date
    union all
    select d.programme_code, 'Décision', coalesce(d.responsible, 'sans responsable'), d.label, d.due_on, 'ouverte'
    from pub.decisions as d
    cross join pub.publication as p
    where d.status = 'OUVERTE' and d.due_on < p.business_date
)

select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(l.kind_label, 'Rien') as kind_label,
    coalesce(l.partner_label, 'personne') as partner_label,
    coalesce(l.subject, 'Rien n’est en retard à la date d’arrêté') as subject,
    coalesce(pub.short_date(l.due_on), 'sans objet') as due_label,
    coalesce(p.business_date - l.due_on, 0) as days_late,
    coalesce(pub.count_text(p.business_date - l.due_on, 'jour', 'jours'), 'sans objet') as days_text,
    coalesce(l.state_label, 'à jour') as state_label,
    (l.kind_label is not null)::integer as late_items
from pub.programme_labels as g
cross join pub.publication as p
left join late as l on g.programme_code = l.programme_code;

-- What is known otherwise than at the last closing, or why nothing can be said of it.
create view pub.steering_changes as
with
last_closing as (
    select distinct on (c.programme_code) c.*
    from pub.closings as c
    where c.is_current
    order by c.programme_code, c.period_end desc, c.closed_on desc
),

causes as (
    select
        r.closing_id, r.indicator_code, r.period_grain, r.period_start,
        string_agg(
            r.cause_label || ' (' || case when r.share > 0 then '+' else U&'\2212' end
            || pub.french_number(case when r.unit in ('ratio', '%') then 100 * abs(r.share) else abs(r.share) end, 1) || ')',
            ' ; ' order by abs(r.share) desc
        ) as causes
    from pub.restatements as r
    where
        r.measure = 'counted' and r.territory_level = 'region' and r.partner_code = 'TOTAL' and r.axis = 'TOTAL'
        and r.share <> 0
    group by r.closing_id, r.indicator_code, r.period_grain, r.period_start
),

changed as (
    select v.*, c.causes
    from pub.published_values as v
    inner join last_closing as l on v.closing_id = l.closing_id
    left join causes as c
        on
            v.closing_id = c.closing_id
            and v.indicator_code = c.indicator_code
            and v.period_grain = c.period_grain
            and v.period_start = c.period_start
    where
        v.measure = 'counted' and v.territory_level = 'region' and v.partner_code = 'TOTAL' and v.axis = 'TOTAL'
        and v.restatement_state = 'RETRAITE'
)

select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(
        'clôture ' || l.period || ' v' || l.version || ' du ' || pub.short_date(l.closed_on), 'aucune clôture'
    ) as closing_label,
    coalesce(
        v.indicator_code || coalesce(' · ' || i.label, ''),
        case
            when l.closing_id is null then 'Aucune période n’est encore close : rien à comparer'
            else 'Aucun chiffre de la dernière clôture n’a changé'
        end
    ) as indicator,
    coalesce(i.display_order, 0) as indicator_order,
    coalesce(pub.french_period(pub.period_code(v.period_grain, v.period_start)), 'sans objet') as measured_period_label,
    coalesce(pub.value_text(v.value, v.unit, v.state), 'sans objet') as published_text,
    coalesce(pub.value_text(v.known_value, v.unit, v.known_state), 'sans objet') as known_text,
    coalesce(v.causes, case when v.indicator_code is null then 'sans objet' else 'cause non établie' end) as causes_text
from pub.programme_labels as g
cross join pub.publication as p
left join last_closing as l on g.programme_code = l.programme_code
left join changed as v on g.programme_code = v.programme_code
left join pub.indicators as i on v.indicator_code = i.indicator_code;

-- Money: the envelopes, and what of them is voted, committed and paid since the launch.
create view pub.steering_envelopes as
select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(e.origin_label, 'aucune source') as origin_label,
    coalesce(e.label, 'Aucune enveloppe publiée ni reçue') as label,
    coalesce(e.parent_label, 'sans objet') as parent_label,
    e.amount_eur,
    coalesce(pub.euros(e.amount_eur), 'sans objet') as amount_text,
    coalesce(e.period_label, 'sans objet') as measured_period_label,
    coalesce(e.reading, 'sans objet') as reading,
    coalesce(e.rank, 0) as rank
from pub.programme_labels as g
cross join pub.publication as p
left join (
    select
        b.programme_code, 'Document publié' as origin_label, b.envelope_id || ' · ' || b.label as label,
        'enveloppe entière' as parent_label, b.amount_eur, 'selon le document' as period_label, b.reading,
        row_number() over (order by b.amount_eur desc) as rank
    from pub.envelope_balances as b
    where b.origin = 'DOCUMENT'
    union all
    select
        e.programme_code, 'Financeur (flux G05)', e.label,
        coalesce('part de ' || parent.label, 'enveloppe entière'), e.amount_eur,
        'du ' || pub.short_date(e.starts_on) || ' au ' || pub.short_date(e.ends_on),
        coalesce(b.reading, 'sans part'), 100 + row_number() over (order by e.envelope_id)
    from pub.envelopes as e
    left join pub.envelopes as parent on e.parent_envelope_key = parent.envelope_key
    left join pub.envelope_balances as b on e.envelope_key = b.envelope_key and b.origin = 'G05'
) as e on g.programme_code = e.programme_code;

create view pub.steering_funding as
with amounts as (
    select f.programme_code, f.period_start, f.axis, f.member, 'Voté' as stage_label, 2 as stage_order, f.denominator as amount
    from published.indicator_values as f
    where
        f.publication_id = (select c.publication_id from published.pointer as c)
        and f.indicator_code = 'F-01' and f.period_grain = 'quarter' and f.measure = 'counted'
        and f.territory_level = 'region' and f.partner_code = 'TOTAL'
    union all
    select
        f.programme_code, f.period_start, f.axis, f.member,
        case f.indicator_code when 'F-01' then 'Engagé' else 'Mandaté' end,
        case f.indicator_code when 'F-01' then 3 else 4 end, f.numerator
    from published.indicator_values as f
    where
        f.publication_id = (select c.publication_id from published.pointer as c)
        and f.indicator_code in ('F-01', 'F-01b') and f.period_grain = 'quarter' and f.measure = 'counted'
        and f.territory_level = 'region' and f.partner_code = 'TOTAL'
    union all
    select e.programme_code, q.period_start, 'TOTAL', 'TOTAL', 'Enveloppes ouvertes', 1, sum(e.amount_eur)
    from pub.envelopes as e
    inner join pub.closed_quarters as q on e.starts_on <= q.period_end
    where e.parent_envelope_key is null
    group by e.programme_code, q.period_start
)

select
    p.publication_id,
    a.programme_code,
    coalesce(g.programme_label, a.programme_code) as programme_label,
    q.quarter_label,
    q.quarter_code,
    a.period_start,
    q.is_latest as is_latest_quarter,
    a.axis,
    case a.member when 'TOTAL' then 'Toutes les sources' else coalesce(m.member_label, a.member) end as member_label,
    a.stage_label,
    a.stage_order,
    a.amount,
    coalesce(pub.euros(a.amount), 'non remis') as amount_text
from amounts as a
inner join pub.closed_quarters as q on a.period_start = q.period_start
cross join pub.publication as p
left join pub.programme_labels as g on a.programme_code = g.programme_code
left join pub.axis_labels as m on a.axis = m.axis and a.member = m.member;

create view pub.steering_milestones as
select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(m.action_code, 'sans objet') as action_code,
    coalesce(m.label, 'Aucun jalon reçu pour ce programme (flux G01)') as label,
    m.due_on,
    coalesce(pub.short_date(m.due_on), 'sans objet') as due_label,
    coalesce(pub.short_date(m.delivered_on), case when m.milestone_id is null then 'sans objet' else 'pas encore' end)
        as delivered_label,
    case
        when m.milestone_id is null then U&'\25CB sans jalon'
        when m.delivered_on > m.due_on
            then U&'\25B2 livré avec ' || pub.count_text(m.delivered_on - m.due_on, 'jour', 'jours') || ' de retard'
        when m.delivered_on is not null then U&'\25CF livré à temps'
        when m.status = 'ABANDONNE' then U&'\25CB abandonné'
        when m.due_on < p.business_date
            then U&'\25A0 en retard de ' || pub.count_text(p.business_date - m.due_on, 'jour', 'jours')
        else U&'\25B3 à venir'
    end as state_text,
    case when m.proof_id is null then 'sans pièce' else 'pièce ' || m.proof_id end as proof_label
from pub.programme_labels as g
cross join pub.publication as p
left join pub.milestones as m on g.programme_code = m.programme_code;

-- The table of document 000, one row an action: what each kind of actor promised, and what it is seen to do.
create view pub.steering_roles as
with roles as (
    select
        r.programme_code,
        r.action_code,
        r.action_label,
        r.actor,
        case r.state when 'TENU' then U&'\25CF ' when 'NON_TENU' then U&'\25A0 ' else U&'\25CB ' end
        || r.role_label || U&' \2014 ' || r.reading as text
    from pub.roles as r
)

select
    p.publication_id,
    g.programme_code,
    g.programme_label,
    coalesce(r.action_code, 'sans objet') as action_code,
    coalesce(r.action_label, 'Le document de ce programme ne publie pas de tableau des rôles') as action_label,
    coalesce(max(r.text) filter (where r.actor = 'STARTUP'), 'sans objet') as startup_text,
    coalesce(max(r.text) filter (where r.actor = 'CLUSTER'), 'sans objet') as cluster_text,
    coalesce(max(r.text) filter (where r.actor = 'EPCI'), 'sans objet') as epci_text
from pub.programme_labels as g
cross join pub.publication as p
left join roles as r on g.programme_code = r.programme_code
group by p.publication_id, g.programme_code, g.programme_label, r.action_code, r.action_label;

create view pub.steering_comparisons as
select
    k.publication_id,
    k.programme_code,
    coalesce(g.programme_label, k.programme_code) as programme_label,
    k.indicator_code,
    k.indicator_code || coalesce(' · ' || i.label, '') as indicator,
    coalesce(i.display_order, 999) as indicator_order,
    k.other_kind,
    case k.other_kind when 'PROGRAMME' then coalesce(o.programme_label, k.other_code) else k.other_code end as other_label,
    case when k.is_comparable then U&'\25CF comparaison permise' else U&'\25A0 comparaison refusée' end as verdict_text,
    k.reason,
    coalesce(k.field, 'champ non décrit') as field,
    coalesce(k.other_field, 'champ non décrit') as other_field,
    case
        when k.other_value is null then 'sans valeur'
        -- a source writes 23 for 23 %, and 0.23 as a ratio
        when k.other_unit = 'ratio' then pub.value_text(k.other_value, 'ratio', 'MESURE')
        else pub.french_number(k.other_value, case when k.other_value = trunc(k.other_value) then 0 else 2 end)
            || coalesce(U&'\00A0' || k.other_unit, '')
    end as other_value_text,
    coalesce(k.other_vintage, 'sans millésime') as other_vintage,
    coalesce(k.other_publisher, 'sans éditeur') as other_publisher
from pub.comparability as k
left join pub.indicators as i on k.indicator_code = i.indicator_code
left join pub.programme_labels as g on k.programme_code = g.programme_code
left join pub.programme_labels as o on k.other_code = o.programme_code;

-- From a figure to where it comes from

create view pub.steering_definitions as
select
    i.publication_id,
    i.indicator_code,
    i.indicator_code || ' · ' || i.label as indicator,
    split_part(i.indicator_code, '-', 1) as line_code,
    i.display_order as indicator_order,
    i.formula,
    left(i.definition_hash, 12) as version_label,
    i.definition_hash,
    pub.unit_label(i.unit) as unit_label,
    case i.direction
        when U&'\2191' then 'la hausse est un progrès'
        when U&'\2193' then 'la baisse est un progrès'
        when 'info' then 'lu sans jugement'
        else 'attendu ' || i.direction
    end as direction_label,
    i.date_basis,
    i.territory_basis,
    coalesce(replace(i.feeds, ',', ', '), 'non renseigné') as feeds_label,
    i.threshold as threshold_label,
    i.owner,
    i.level as level_label
from pub.indicators as i;

-- Counts of rows are told by tens, and not at all under the threshold: a difference of two gives no figure back.
create view pub.steering_provenance as
with
uses as (
    select i.indicator_code, i.label, i.display_order, i.timing, feed.feed
    from pub.indicators as i
    cross join lateral string_to_table(i.feeds, ',') as feed (feed)
),

quarters as materialized (
    select * from pub.closed_quarters
)

select
    d.publication_id,
    d.programme_code,
    coalesce(g.programme_label, d.programme_code) as programme_label,
    q.quarter_label,
    q.period_start as quarter_start,
    u.indicator_code,
    u.indicator_code || ' · ' || u.label as indicator,
    u.display_order as indicator_order,
    pub.feed_label(u.feed) as feed_label,
    coalesce(k.partner_label, d.partner_code) as partner_label,
    pub.count_text(count(*), 'remise', 'remises') as deliveries_text,
    min(d.period) || case when count(*) > 1 then ' à ' || max(d.period) else '' end as periods_label,
    (array_agg(d.delivery_id order by d.period_end desc, d.delivery_id))[1] as latest_delivery_id,
    pub.short_date(max(d.received_at at time zone 'America/Martinique')::date) as latest_received_label,
    case
        when sum(d.rows_accepted) = 0 then 'aucune ligne'
        when sum(d.rows_accepted) < 11 then 'moins de 11 lignes'
        else 'au moins ' || pub.french_number(10 * trunc(sum(d.rows_accepted) / 10), 0) || ' lignes'
    end as rows_text,
    case when u.timing = 'stock' then 'tout ce qui est reçu jusqu’à la fin du trimestre' else 'les remises du trimestre' end
        as scope_label
from uses as u
inner join pub.deliveries as d on u.feed = d.feed and d.is_accepted
inner join quarters as q
    on d.period_start <= q.period_end and (u.timing = 'stock' or d.period_end >= q.period_start)
left join pub.programme_partners as k on d.partner_code = k.partner_code
left join pub.programme_labels as g on d.programme_code = g.programme_code
group by
    d.publication_id, d.programme_code, g.programme_label, q.quarter_label, q.period_start, u.indicator_code, u.label,
    u.display_order, u.timing, u.feed, k.partner_label, d.partner_code;

-- Quality

create view pub.steering_checks as
select
    p.publication_id,
    case c.boundary when 'BRUT' then 'À l’entrée de l’entrepôt' else 'Avant publication' end as boundary_label,
    c.subject,
    -- before publication a check is named by the fault that it looks for
    case c.boundary when 'PUBLIE' then 'jamais : ' else '' end || c.description as description,
    case c.severity when 'critical' then 'bloquante' when 'warning' then 'avertissement' else 'information' end
        as severity_label,
    case when c.success then U&'\25CF vérifié' when c.severity = 'critical' then U&'\25A0 échec' else U&'\25B2 à regarder' end
        as result_text,
    case when c.success then 3 when c.severity = 'critical' then 1 else 2 end as result_order,
    coalesce(c.unexpected, 0) as unexpected,
    to_char(c.checked_at at time zone 'America/Martinique', 'DD/MM/YYYY HH24:MI') as checked_label
from pub.checks as c
cross join pub.publication as p;

create view pub.steering_freshness as
select
    d.publication_id,
    d.programme_code,
    coalesce(g.programme_label, d.programme_code) as programme_label,
    d.partner_code,
    coalesce(k.partner_label, d.partner_code) as partner_label,
    pub.feed_label(d.feed) as feed_label,
    coalesce(pub.french_period((array_agg(d.period order by d.period_end desc) filter (where d.is_accepted))[1]), 'aucune')
        as latest_period_label,
    coalesce(pub.short_date(max(d.received_at at time zone 'America/Martinique')::date), 'jamais') as received_label,
    p.business_date - max(d.received_at at time zone 'America/Martinique')::date as days_since,
    coalesce(pub.short_date(min(d.due_on) filter (where not d.is_accepted and d.due_on >= p.business_date)), 'aucune prévue')
        as next_due_label,
    count(*) filter (where d.is_due and not d.is_accepted) as missing,
    case
        when count(*) filter (where d.is_due and not d.is_accepted) > 0
            then U&'\25A0 ' || pub.count_text(
                count(*) filter (where d.is_due and not d.is_accepted), 'remise manque', 'remises manquent'
            )
        else U&'\25CF à jour'
    end as state_text
from pub.deliveries as d
cross join pub.publication as p
left join pub.programme_partners as k on d.partner_code = k.partner_code
left join pub.programme_labels as g on d.programme_code = g.programme_code
group by d.publication_id, d.programme_code, g.programme_label, d.partner_code, k.partner_label, d.feed, p.business_date;

-- A partner beside its programme: what it brought, the part of the total that is its own, the total.
create view pub.steering_partners as
with own as (
    select
        v.publication_id, v.programme_code, v.indicator_code, v.period_start, v.territory_code, v.partner_code, v.unit,
        max(v.value) filter (where v.measure = 'contributed') as value,
        max(v.state) filter (where v.measure = 'contributed') as state,
        max(v.completeness) filter (where v.measure = 'contributed') as completeness,
        max(v.value) filter (where v.measure = 'attributed') as attributed,
        max(v.state) filter (where v.measure = 'attributed') as attributed_state
    from published.indicator_values as v
    where
        v.publication_id = (select c.publication_id from published.pointer as c)
        and v.period_grain = 'quarter'
        and v.territory_level = 'region'
        and v.axis = 'TOTAL'
        and v.partner_code <> 'TOTAL'
    group by
        v.publication_id, v.programme_code, v.indicator_code, v.period_start, v.territory_code, v.partner_code, v.unit
)

select
    o.publication_id,
    o.programme_code,
    coalesce(g.programme_label, o.programme_code) as programme_label,
    o.partner_code,
    coalesce(k.partner_label, o.partner_code) as partner_label,
    q.quarter_label,
    o.period_start,
    q.is_latest as is_latest_quarter,
    split_part(o.indicator_code, '-', 1) as line_code,
    o.indicator_code,
    o.indicator_code || ' · ' || i.label as indicator,
    i.display_order as indicator_order,
    pub.unit_label(o.unit) as unit_label,
    o.value,
    case when o.unit in ('ratio', '%') then 100 * o.value else o.value end as display_value,
    pub.value_text(o.value, o.unit, o.state) as contributed_text,
    case when o.attributed_state is null then 'sans objet' else pub.value_text(o.attributed, o.unit, o.attributed_state) end
        as attributed_text,
    case when t.state is null then 'sans objet' else pub.value_text(t.value, t.unit, t.state) end as programme_text,
    case
        when o.attributed is null or t.value is null or t.value = 0 then 'sans objet'
        else pub.french_number(100 * o.attributed / t.value, 1) || U&'\00A0%'
    end as share_text,
    o.state,
    pub.state_label(o.state) as state_label,
    coalesce(pub.french_number(100 * o.completeness, 0) || U&'\00A0%', 'sans objet') as completeness_text
from own as o
inner join pub.closed_quarters as q on o.period_start = q.period_start
inner join pub.indicators as i on o.indicator_code = i.indicator_code
left join published.indicator_values as t
    on
        o.publication_id = t.publication_id
        and t.measure = 'counted'
        and t.period_grain = 'quarter'
        and t.territory_level = 'region'
        and t.partner_code = 'TOTAL'
        and t.axis = 'TOTAL'
        and o.programme_code = t.programme_code
        and o.indicator_code = t.indicator_code
        and o.period_start = t.period_start
        and o.territory_code = t.territory_code
left join pub.programme_partners as k on o.partner_code = k.partner_code
left join pub.programme_labels as g on o.programme_code = g.programme_code
where o.state is not null;
reset role;
