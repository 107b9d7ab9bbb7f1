-- The rows of the files behind what a partner contributed to an indicator in a quarter, as `lakou trace` tells them.
set role lakou_publisher;

-- Looked for when they are asked for, a figure at a time: they are too many to be published.
create function pub.rows_behind(
    of_programme text, of_indicator text, of_period_start date, of_territory text, of_partner text
) returns table (place text, row_number integer, received_at timestamptz, contribution numeric, row_hash text)
language plpgsql volatile security definer rows 100 cost 1000000
set search_path = ''
-- planned for its own indicator, of a hundred
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    statement constant text := statement_timestamp()::text;
    figure record;
    reason text;
begin
    -- said first, at the price of nothing: a reader who leaves everything open asks for thousands of figures
    if current_setting('lakou.rows_behind', true) = statement then
        return query
        select
            'lignes non cherchées : choisissez un seul partenaire, un seul trimestre et un seul indicateur',
            null::integer, null::timestamptz, null::numeric, null::text;
        return;
    end if;
    perform set_config('lakou.rows_behind', statement, true);
    -- whoever calls it: a figure that is not published has no rows here
    select v.value, v.state, p.build_id into figure
    from published.indicator_values as v
    inner join pub.publication as p on v.publication_id = p.publication_id
    where
        v.programme_code = of_programme
        and v.indicator_code = of_indicator
        and v.measure = 'contributed'
        and v.period_grain = 'quarter'
        and v.period_start = of_period_start
        and v.territory_level = 'region'
        and v.territory_code = of_territory
        and v.partner_code = of_partner
        and v.partner_code <> 'TOTAL'
        and v.axis = 'TOTAL';
    if figure.value is null then
        reason := 'aucune ligne montrée : ' || pub.value_text(null, '', coalesce(figure.state, 'NON_APPLICABLE'));
    elsif not exists (
        select from ops.marts_state as s where s.is_complete and s.build_id = figure.build_id and s.as_of_build = figure.build_id
    ) then
        reason := 'un nouveau calcul attend sa publication : les lignes reviennent avec elle';
    end if;
    if reason is null then
        return query
        select
            coalesce(d.file_name, 'aucun fichier : ce qui était attendu n’est pas venu'),
            nullif(v.row_number, 0),
            d.received_at,
            v.contribution,
            coalesce(v.row_hash, d.sha256)
        from marts.bridge_value_rows as v
        left join ops.deliveries as d on v.delivery_id = d.delivery_id
        where
            v.programme_code = of_programme
            and v.indicator_code = of_indicator
            and v.measure = 'contributed'
            and v.period_grain = 'quarter'
            and v.period_start = of_period_start
            and v.territory_level = 'region'
            and v.territory_code = of_territory
            and v.partner_code = of_partner
            and v.axis = 'TOTAL'
            and v.member = 'TOTAL';
        if found then
            return;
        end if;
        reason := 'aucune ligne ne compte pour ce chiffre';
    end if;
    return query select reason, null::integer, null::timestamptz, null::numeric, null::text;
end
$$;

create view pub.steering_rows as
select
    o.publication_id,
    o.programme_code,
    coalesce(g.programme_label, o.programme_code) as programme_label,
    o.partner_code,
    k.partner_label,
    q.quarter_label,
    q.period_start as quarter_start,
    o.indicator_code,
    o.indicator_code || ' · ' || i.label as indicator,
    pub.value_text(o.value, o.unit, o.state) as contributed_text,
    r.place as file_name,
    r.row_number as line_number,
    case
        when r.row_number is not null then 'ligne ' || r.row_number
        when r.row_hash is not null then 'tout le fichier'
        else ''
    end as line_label,
    coalesce(pub.short_date((r.received_at at time zone 'America/Martinique')::date), '') as received_label,
    coalesce(
        case
            when o.unit in ('ratio', '%') then pub.french_number(100 * r.contribution, 2) || U&'\00A0%'
            else pub.french_number(r.contribution, case when r.contribution = trunc(r.contribution) then 0 else 2 end)
        end,
        ''
    ) as contribution_text,
    coalesce(left(r.row_hash, 12), '') as row_hash
from published.indicator_values as o
inner join pub.publication as p on o.publication_id = p.publication_id
inner join pub.programme_partners as k on o.partner_code = k.partner_code
inner join pub.closed_quarters as q on o.period_start = q.period_start
inner join pub.indicators as i on o.indicator_code = i.indicator_code
left join pub.programme_labels as g on o.programme_code = g.programme_code
cross join lateral pub.rows_behind(
    o.programme_code, o.indicator_code, o.period_start, o.territory_code, o.partner_code
) as r
where
    o.measure = 'contributed'
    and o.period_grain = 'quarter'
    and o.territory_level = 'region'
    and o.partner_code <> 'TOTAL'
    and o.axis = 'TOTAL';
reset role;
