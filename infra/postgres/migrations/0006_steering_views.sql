-- What the dashboards read: the current publication with French labels. The same thing has the same column everywhere,
-- so that one filter of a dashboard applies to all its charts.
set role lakou_publisher;

-- Thin spaces between thousands, a decimal comma.
create function pub.french_number(number numeric, decimals integer) returns text
language sql immutable parallel safe
return translate(
    to_char(number, 'FM999,999,999,999,990' || case when decimals > 0 then '.' || repeat('0', decimals) else '' end),
    ',.-', U&'\202F,\2212'
);

create function pub.french_month(month integer) returns text
language sql immutable parallel safe
return (
    array['janvier', 'février', 'mars', 'avril', 'mai', 'juin', 'juillet', 'août', 'septembre', 'octobre', 'novembre', 'décembre']
)[month];

create function pub.french_date(day date) returns text
language sql immutable parallel safe
return case extract(day from day) when 1 then '1er' else extract(day from day)::text end
|| ' ' || pub.french_month(extract(month from day)::integer) || ' ' || extract(year from day)::text;

-- '2026-10', '2026-T3', '2026-S1' and '2026': as the partners write them in their files' names; sorts by itself.
create function pub.period_code(grain text, period_start date) returns text
language sql immutable parallel safe
return case grain
    when 'month' then to_char(period_start, 'YYYY-MM')
    when 'quarter' then to_char(period_start, 'YYYY"-T"Q')
    when 'semester' then to_char(period_start, 'YYYY"-S"') || case when extract(month from period_start) < 7 then '1' else '2' end
    else to_char(period_start, 'YYYY')
end;

create function pub.french_period(period text) returns text
language sql immutable parallel safe
return case
    when period ~ '^\d{4}-\d{2}$' then pub.french_month(substr(period, 6, 2)::integer) || ' ' || substr(period, 1, 4)
    when period ~ '^\d{4}-[TS]\d$' then substr(period, 6, 2) || ' ' || substr(period, 1, 4)
    else period
end;

create function pub.period_end(grain text, period_start date) returns date
language sql immutable parallel safe
return (
    period_start
    + case grain
        when 'month' then interval '1 month'
        when 'quarter' then interval '3 months'
        when 'semester' then interval '6 months'
        else interval '1 year'
    end
)::date - 1;

create function pub.state_label(state text) returns text
language sql immutable parallel safe
return case state
    when 'MESURE' then 'mesuré'
    when 'ZERO_MESURE' then 'zéro mesuré'
    when 'NON_REMIS' then 'non remis'
    when 'INCOMPLET' then 'incomplet'
    when 'SUPPRIME_K' then 'supprimé (secret statistique)'
    when 'SUPPRIME_SECONDAIRE' then 'supprimé (secret statistique)'
    when 'NON_APPLICABLE' then 'non applicable'
    when 'CIBLE_NON_FIXEE' then 'cible non fixée'
    else lower(replace(state, '_', ' '))
end;

-- A value as it is read aloud; where there is none, the word that says why.
create function pub.value_text(value numeric, unit text, state text) returns text
language sql immutable parallel safe
return case
    when value is null and state like 'SUPPRIME%' then 'secret statistique'
    when value is null then pub.state_label(state)
    when unit in ('ratio', '%') then pub.french_number(100 * value, 1) || U&'\00A0%'
    when unit = 'heures' then pub.french_number(value, case when value = trunc(value) then 0 else 1 end) || U&'\00A0h'
    else pub.french_number(value, case when value = trunc(value) then 0 else 2 end)
end || case when value is not null and state = 'INCOMPLET' then ' (incomplet)' else '' end;

create function pub.unit_label(unit text) returns text
language sql immutable parallel safe
return case when unit = 'ratio' then '%' else unit end;

create function pub.feed_label(feed text) returns text
language sql immutable parallel safe
return case feed
    when 'F01' then 'F01 · Sessions de formation'
    when 'F02' then 'F02 · Participations'
    when 'F03' then 'F03 · Certifications'
    else feed
end;

create view pub.axis_labels as
select *
from (
    values
    ('TOTAL', 'Ensemble', 'TOTAL', 'Ensemble', 0),
    ('AGE', 'Âge', '15-29', '15 à 29 ans', 1),
    ('AGE', 'Âge', '30-44', '30 à 44 ans', 2),
    ('AGE', 'Âge', '45-59', '45 à 59 ans', 3),
    ('AGE', 'Âge', '60+', '60 ans et plus', 4),
    ('AGE', 'Âge', 'NR', 'Non renseigné', 99),
    ('SEXE', 'Sexe', 'F', 'Femmes', 1),
    ('SEXE', 'Sexe', 'M', 'Hommes', 2),
    ('SEXE', 'Sexe', 'X', 'Autre', 3),
    ('SEXE', 'Sexe', 'NR', 'Non renseigné', 99),
    ('STATUT', 'Statut professionnel', 'SALARIE', 'Salariés', 1),
    ('STATUT', 'Statut professionnel', 'INDEPENDANT', 'Indépendants', 2),
    ('STATUT', 'Statut professionnel', 'DIRIGEANT', 'Dirigeants', 3),
    ('STATUT', 'Statut professionnel', 'DEMANDEUR_EMPLOI', 'Demandeurs d’emploi', 4),
    ('STATUT', 'Statut professionnel', 'ETUDIANT', 'Étudiants', 5),
    ('STATUT', 'Statut professionnel', 'AGENT_PUBLIC', 'Agents publics', 6),
    ('STATUT', 'Statut professionnel', 'RETRAITE', 'Retraités', 7),
    ('STATUT', 'Statut professionnel', 'INACTIF', 'Inactifs', 8),
    ('STATUT', 'Statut professionnel', 'NR', 'Non renseigné', 99),
    ('NIVEAU', 'Niveau de diplôme', '0', 'Sans diplôme', 1),
    ('NIVEAU', 'Niveau de diplôme', '1', 'Niveau 1', 2),
    ('NIVEAU', 'Niveau de diplôme', '2', 'Niveau 2', 3),
    ('NIVEAU', 'Niveau de diplôme', '3', 'Niveau 3 (CAP, BEP)', 4),
    ('NIVEAU', 'Niveau de diplôme', '4', 'Niveau 4 (bac)', 5),
    ('NIVEAU', 'Niveau de diplôme', '5', 'Niveau 5 (bac + 2)', 6),
    ('NIVEAU', 'Niveau de diplôme', '6', 'Niveau 6 (bac + 3)', 7),
    ('NIVEAU', 'Niveau de diplôme', '7', 'Niveau 7 (bac + 5)', 8),
    ('NIVEAU', 'Niveau de diplôme', '8', 'Niveau 8 (doctorat)', 9),
    ('NIVEAU', 'Niveau de diplôme', 'NR', 'Non renseigné', 99),
    ('MODALITE', 'Modalité', 'ATELIER', 'Atelier', 1),
    ('MODALITE', 'Modalité', 'HYBRIDE', 'Hybride', 2),
    ('MODALITE', 'Modalité', 'WEBINAIRE', 'Webinaire', 3),
    ('MODALITE', 'Modalité', 'ELEARNING', 'Formation en ligne', 4),
    ('SECTEUR', 'Secteur visé', 'SANTE', 'Santé', 1),
    ('SECTEUR', 'Secteur visé', 'AGRICULTURE', 'Agriculture', 2),
    ('SECTEUR', 'Secteur visé', 'ENERGIE', 'Énergie', 3),
    ('SECTEUR', 'Secteur visé', 'TOURISME', 'Tourisme', 4),
    ('SECTEUR', 'Secteur visé', 'AUTRE', 'Autre secteur', 5),
    ('SECTEUR', 'Secteur visé', 'TOUS', 'Tous secteurs', 6),
    ('SECTEUR', 'Secteur visé', 'NR', 'Non renseigné', 99),
    ('CERTIFICATION', 'Type de certification', 'RNCP_RS', 'RNCP ou RS', 1),
    ('CERTIFICATION', 'Type de certification', 'INTERNE', 'Certificat interne', 2),
    ('FLUX', 'Flux de données', 'F01', 'F01 · Sessions de formation', 1),
    ('FLUX', 'Flux de données', 'F02', 'F02 · Participations', 2),
    ('FLUX', 'Flux de données', 'F03', 'F03 · Certifications', 3)
) as labels (axis, axis_label, member, member_label, member_order);

create view pub.rule_labels as
select *
from (
    values
    ('NOM-INCONNU', 'Nom de fichier non reconnu'),
    ('FLUX-NON-PREVU', 'Flux non prévu pour ce partenaire'),
    ('PARTENAIRE-DIFFERENT', 'Fichier au nom d’un autre partenaire'),
    ('PERIODE-FUTURE', 'Période à venir'),
    ('PERIODE-CHEVAUCHE', 'Période qui en chevauche une autre'),
    ('VERSION-ANCIENNE', 'Une version plus récente existe'),
    ('FICHIER-VIDE', 'Fichier vide'),
    ('FICHIER-ILLISIBLE', 'Fichier illisible'),
    ('FORMAT-NON-PRIS', 'Format de fichier non pris en charge'),
    ('COLONNE-MANQUANTE', 'Colonne manquante'),
    ('COLONNE-DOUBLE', 'Colonne en double'),
    ('CLE-ABSENTE-CONVENTION', 'Données personnelles sans convention'),
    ('OBLIGATOIRE', 'Valeur obligatoire absente'),
    ('TYPE-DATE', 'Date illisible'),
    ('TYPE-ENTIER', 'Nombre entier illisible'),
    ('TYPE-DECIMAL', 'Nombre décimal illisible'),
    ('BORNES', 'Valeur hors bornes'),
    ('LONGUEUR', 'Texte trop long'),
    ('LISTE', 'Valeur absente de la liste'),
    ('MOTIF', 'Forme de la valeur incorrecte'),
    ('SIREN', 'SIREN ou SIRET invalide'),
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

create view pub.programme_labels as
select k.programme_code, min(k.programme_label) as programme_label
from pub.commitments as k
group by k.programme_code;

create view pub.publication_summary as
select
    p.publication_id,
    'Publication n°' || U&'\00A0' || p.publication_id as publication_label,
    p.published_at,
    'le ' || pub.french_date((p.published_at at time zone 'America/Martinique')::date)
    || to_char(p.published_at at time zone 'America/Martinique', U&'" à "HH24"\00A0h\00A0"MI') || ', heure de la Martinique'
        as published_label,
    p.business_date,
    pub.french_date(p.business_date) as business_date_label,
    case
        when p.state = 'RETENUE' then 'dernière publication vérifiée : la suivante est retenue'
        when p.state = 'PARTIELLE' or exists (select from pub.withheld)
            then 'partielle : des chiffres retenus gardent leur dernière valeur publiée'
        when p.state = 'PUBLIEE' then 'complète'
        else lower(replace(p.state, '_', ' '))
    end as state_label,
    p.is_synthetic,
    case when p.is_synthetic then 'Chiffres de démonstration (synthétiques) ; engagements publiés réels' else 'Données réelles' end as data_label
from pub.publication as p;

create view pub.publication_status as
select
    s.*,
    p.build_id,
    p.withheld_indicators,
    coalesce(nullif(p.banner, ''), h.withheld_text, 'Aucun chiffre retenu') as banner
from pub.publication_summary as s
inner join pub.publication as p on s.publication_id = p.publication_id
cross join (
    select
        string_agg(
            case w.indicator_code when 'TOUS' then 'Tous les indicateurs' else w.indicator_code end
            || ' (' || w.programme_code || ') : '
            || coalesce('chiffres de la publication n°' || U&'\00A0' || w.kept_from_publication_id || ' gardés, ', 'aucun chiffre, ')
            || w.reason,
            ' ; ' order by w.programme_code, w.indicator_code
        ) as withheld_text
    from pub.withheld as w
) as h;

create view pub.steering_values as
-- the small sides are worked out once: a fresh partition has no statistics yet, and a bad plan would redo them for each row
with current_values as not materialized (
    select v.*
    from published.indicator_values as v
    where v.publication_id = (select c.publication_id from published.pointer as c)
),

periods as (
    select
        d.period_grain,
        d.period_start,
        pub.period_code(d.period_grain, d.period_start) as period_code,
        pub.french_period(pub.period_code(d.period_grain, d.period_start)) as period_label,
        pub.period_end(d.period_grain, d.period_start) as period_end,
        pub.period_end(d.period_grain, pub.period_end(d.period_grain, d.period_start) + 1) as next_period_end
    from (select distinct v.period_grain, v.period_start from current_values as v) as d
),

dated_periods as materialized (
    select
        d.*,
        d.period_end < p.business_date as is_closed,
        p.business_date between d.period_start and d.period_end as is_current,
        d.period_end < p.business_date and p.business_date <= d.next_period_end as is_latest_closed
    from periods as d
    cross join pub.publication as p
),

partners as materialized (
    select k.partner_code, min(k.label) as label from pub.partners as k group by k.partner_code
),

programmes as materialized (
    select g.programme_code, g.programme_label from pub.programme_labels as g
),

-- beside a name on an axis: why there is no bar, or that the bar is not the whole
labelled_values as (
    select
        v.*,
        pub.value_text(v.value, v.unit, v.state) as value_text,
        case
            when v.value is null then ' : ' || pub.value_text(v.value, v.unit, v.state)
            when v.state = 'INCOMPLET' then ', incomplet'
            else ''
        end as reading
    from current_values as v
)

select
    v.publication_id,
    v.programme_code,
    coalesce(g.programme_label, v.programme_code) as programme_label,
    v.indicator_code,
    coalesce(i.label, v.indicator_code) as indicator_label,
    v.indicator_code || coalesce(' · ' || i.label, '') as indicator,
    coalesce(i.display_order, 999) as indicator_order,
    v.unit,
    pub.unit_label(v.unit) as unit_label,
    v.measure,
    case v.measure
        when 'counted' then 'compté une fois'
        when 'contributed' then 'contribution du partenaire'
        when 'attributed' then 'part attribuée au partenaire'
        else v.measure
    end as measure_label,
    v.period_grain,
    case v.period_grain
        when 'month' then 'Mois'
        when 'quarter' then 'Trimestre'
        when 'semester' then 'Semestre'
        else 'Année'
    end as grain_label,
    v.period_start,
    p.period_end,
    p.period_code,
    p.period_label,
    p.period_label || case when p.is_current then ', en cours' else '' end || v.reading as period_display,
    p.is_closed,
    p.is_current,
    p.is_latest_closed,
    v.period_grain = 'quarter' and p.is_latest_closed as is_latest_closed_quarter,
    v.territory_level,
    case v.territory_level
        when 'commune' then 'Commune'
        when 'epci' then 'EPCI'
        else 'Région'
    end as territory_level_label,
    v.territory_code,
    l.territory_label,
    l.territory_label || v.reading as territory_display,
    v.partner_code,
    l.partner_label,
    l.partner_label || v.reading as partner_display,
    v.axis,
    coalesce(m.axis_label, v.axis) as axis_label,
    v.member,
    coalesce(m.member_label, v.member) as member_label,
    coalesce(m.member_order, 50) as member_order,
    coalesce(m.member_label, v.member) || v.reading as member_display,
    v.value,
    case when v.unit in ('ratio', '%') then 100 * v.value else v.value end as display_value,
    v.value_text,
    v.numerator,
    v.denominator,
    v.n,
    v.completeness,
    coalesce(pub.french_number(100 * v.completeness, 0) || U&'\00A0%', 'sans objet') as completeness_text,
    v.state,
    pub.state_label(v.state) as state_label,
    v.target,
    case when v.target is null then 'cible non fixée' else pub.value_text(v.target, v.unit, 'MESURE') end as target_text,
    coalesce(i.direction, 'info') as direction,
    v.definition_hash,
    v.origin_publication_id,
    case
        when v.origin_publication_id <> v.publication_id
            then 'retenu : chiffre de la publication n°' || U&'\00A0' || v.origin_publication_id
        else 'à jour'
    end as origin_label
from labelled_values as v
inner join dated_periods as p on v.period_grain = p.period_grain and v.period_start = p.period_start
left join pub.indicators as i on v.indicator_code = i.indicator_code
left join programmes as g on v.programme_code = g.programme_code
left join pub.axis_labels as m on v.axis = m.axis and v.member = m.member
left join pub.territories as t on v.territory_level = t.territory_level and v.territory_code = t.territory_code
left join partners as k on v.partner_code = k.partner_code
cross join lateral (
    select
        case v.territory_code
            when 'NR' then 'Non renseigné'
            when 'HORS' then 'Hors du périmètre'
            when 'DIST' then 'À distance'
            else coalesce(t.label, v.territory_code)
        end as territory_label,
        case v.partner_code when 'TOTAL' then 'Tous les partenaires' else coalesce(k.label, v.partner_code) end as partner_label
) as l;

-- The latest closed quarter against the one before, for the programme and for each partner.
create view pub.quarter_comparison as
with quarters as (
    select s.*
    from pub.steering_values as s
    where
        s.period_grain = 'quarter'
        and s.territory_level = 'region'
        and s.axis = 'TOTAL'
        and s.measure = case s.partner_code when 'TOTAL' then 'counted' else 'contributed' end
)

select
    q.publication_id,
    q.programme_code,
    q.programme_label,
    q.partner_code,
    q.partner_label,
    q.indicator_code,
    q.indicator_label,
    q.indicator,
    q.indicator_order,
    q.unit,
    q.unit_label,
    q.period_start,
    q.period_code,
    q.period_label,
    q.value,
    q.display_value,
    q.value_text,
    b.period_label as previous_period_label,
    b.value as previous_value,
    coalesce(b.value_text, 'aucun trimestre') as previous_value_text,
    q.value - b.value as change,
    case
        when q.value is null or b.value is null then 'non comparable'
        when q.value = b.value then 'stable'
        else case when q.value > b.value then '+' else U&'\2212' end || U&'\00A0' || case
            when q.unit in ('ratio', '%') then pub.french_number(100 * abs(q.value - b.value), 1) || ' points'
            when b.value = 0 then pub.french_number(abs(q.value - b.value), 0)
            else pub.french_number(100 * abs(q.value - b.value) / b.value, 1) || U&'\00A0%'
        end
    end
    || case when q.value is not null and b.value is not null and 'INCOMPLET' in (q.state, b.state) then ' (provisoire)' else '' end
        as change_text,
    q.completeness,
    q.completeness_text,
    q.state,
    q.state_label,
    q.target_text,
    q.origin_label,
    q.indicator_label || ' : ' || q.value_text || ' au ' || q.period_label as display_text
from quarters as q
left join quarters as b
    on
        q.programme_code = b.programme_code
        and q.indicator_code = b.indicator_code
        and q.partner_code = b.partner_code
        and q.period_start = b.period_start + interval '3 months'
where q.is_latest_closed;

create view pub.indicator_overview as
select * from pub.quarter_comparison where partner_code = 'TOTAL';

create view pub.partner_overview as
select * from pub.quarter_comparison where partner_code <> 'TOTAL';

create view pub.steering_deliveries as
select
    d.publication_id,
    d.programme_code,
    coalesce(g.programme_label, d.programme_code) as programme_label,
    d.partner_code,
    coalesce(k.label, d.partner_code) as partner_label,
    d.feed,
    pub.feed_label(d.feed) as feed_label,
    d.period as period_code,
    pub.french_period(d.period) as period_label,
    d.period_start,
    d.period_end,
    pub.period_code('quarter', d.period_start) as quarter_code,
    d.due_on,
    to_char(d.due_on, 'DD/MM/YYYY') as due_label,
    coalesce(d.delivery_id, 'aucune') as delivery_id,
    d.received_at,
    coalesce(to_char(d.received_at at time zone 'America/Martinique', 'DD/MM/YYYY'), 'non reçue') as received_label,
    d.is_due,
    d.is_received,
    d.is_accepted,
    d.is_late,
    d.is_corrected,
    d.state,
    case
        when d.is_received then lower(replace(d.state, '_', ' '))
        when d.is_due then 'non remise'
        else 'à venir'
    end as state_label,
    case
        when not d.is_due and not d.is_received then 'sans objet'
        when d.is_late then 'en retard'
        when d.is_received then 'à temps'
        else 'en retard'
    end as timeliness_label,
    case when d.is_corrected then 'oui' else 'non' end as corrected_label,
    d.rows_received,
    d.rows_accepted,
    d.rows_awaiting,
    d.rows_rejected
from pub.deliveries as d
left join pub.programme_labels as g on d.programme_code = g.programme_code
left join (
    select p.partner_code, min(p.label) as label from pub.partners as p group by p.partner_code
) as k on d.partner_code = k.partner_code;

create view pub.steering_rejections as
select
    r.publication_id,
    r.programme_code,
    coalesce(g.programme_label, r.programme_code) as programme_label,
    r.partner_code,
    coalesce(k.label, r.partner_code) as partner_label,
    r.feed,
    pub.feed_label(r.feed) as feed_label,
    r.period as period_code,
    pub.french_period(r.period) as period_label,
    r.rule_id,
    coalesce(l.rule_label, r.rule_id) as rule_label,
    r.rows_rejected
from pub.rejections as r
left join pub.rule_labels as l on r.rule_id = l.rule_id
left join pub.programme_labels as g on r.programme_code = g.programme_code
left join (
    select p.partner_code, min(p.label) as label from pub.partners as p group by p.partner_code
) as k on r.partner_code = k.partner_code;

create view pub.steering_commitments as
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
    concat_ws(', ', c.document_title, c.document_publisher, coalesce(c.document_date, 'sans date')) as citation
from pub.commitments as c;
reset role;
